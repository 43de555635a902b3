// What a store of packs answers while the disk takes nothing.
#include "store_life.hpp"

#include <boost/test/unit_test.hpp>

using namespace pack_tests;

BOOST_AUTO_TEST_SUITE(pack_pack_store)

// A pack that has not ended is all that there is, and its bytes stay in memory until that is full.
BOOST_AUTO_TEST_CASE(a_disk_that_is_full_is_told_as_such) {
    StoreBench bench{64_MiB};
    auto& life = *bench.life;
    life.data.plan().add({testing::Call::write, 1, true, ENOSPC});
    std::optional<Error> error;
    for (std::uint64_t n = 0; n < 1000 && !error; ++n)
        if (auto added = life.packs->add(chunk_bytes(n)); !added) error = added.error();
    BOOST_REQUIRE(error.has_value());
    BOOST_TEST((error->kind() == ErrorKind::no_space), describe(*error));
    BOOST_TEST(life.packs->syncer().trouble().has_value());
    const auto committed = life.packs->commit();
    BOOST_REQUIRE(!committed);
    BOOST_TEST((committed.error().kind() == ErrorKind::no_space), describe(committed.error()));
}

// What was short of room for a moment is written when there is some.
BOOST_AUTO_TEST_CASE(a_disk_that_was_full_is_no_trouble) {
    StoreBench bench{64_MiB};
    auto& life = *bench.life;
    for (std::uint64_t n = 0; n < 3; ++n)
        BOOST_REQUIRE(life.packs->add(chunk_bytes(n)).has_value());
    life.data.plan().add({testing::Call::write, 1, false, ENOSPC});
    BOOST_TEST(life.packs->commit().has_value());
    BOOST_TEST(life.data.plan().hits() == 1U);
    BOOST_TEST(!life.packs->syncer().trouble().has_value());
    auto source = life.packs->source();
    BOOST_TEST(source.read(digest_of<Sha256>(chunk_bytes(2))).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
