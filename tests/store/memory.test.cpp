#include <bobbin/store/memory.hpp>

#include <bobbin/testing/conformance/metadata_store.hpp>

#include <boost/test/unit_test.hpp>

#include <utility>

using namespace bobbin;

BOOST_AUTO_TEST_SUITE(store_memory)

BOOST_AUTO_TEST_CASE(conforms) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        const auto broken = testing::conformance::metadata_store<MemoryStore>(
            [] { return MemoryStore{}; }, [](MemoryStore&& store) { return store.reopen(); }, seed);
        for (const auto& line : broken) BOOST_ERROR(line);
    }
}

BOOST_AUTO_TEST_CASE(the_suite_sees_a_store_that_forgets) {
    const auto broken = testing::conformance::metadata_store<MemoryStore>(
        [] { return MemoryStore{}; }, [](MemoryStore&&) { return MemoryStore{}; });
    BOOST_TEST(!broken.empty());
}

BOOST_AUTO_TEST_CASE(opened_to_read_it_takes_nothing) {
    MemoryStore store;
    const auto door = store.stream("door");
    BOOST_REQUIRE(door.has_value());
    auto reader = store.reopen_read_only();
    BOOST_TEST(reader.is_read_only());
    BOOST_TEST((reader.open_record() == OpenRecord{}));
    BOOST_TEST((*reader.stream("door") == *door));
    BOOST_TEST(reader.stream("gate").error().is(Errc::read_only));
    BOOST_TEST(reader.begin().error().is(Errc::read_only));
}

BOOST_AUTO_TEST_CASE(uuids_are_random_and_of_version_4) {
    const Uuid a = random_uuid(), b = random_uuid();
    BOOST_TEST((a != b));
    BOOST_TEST((std::to_integer<int>(a.bytes[6]) >> 4) == 4);
    BOOST_TEST((std::to_integer<int>(a.bytes[8]) >> 6) == 2);
}

BOOST_AUTO_TEST_SUITE_END()
