#include "fixture.hpp"

using namespace engine_tests;

// One stream with objects in several directories.
namespace {

constexpr const char* attic = "/sim/attic";

/// `count` objects in the attic, then `newer` ones in the footage.
struct TwoPlaces : Bench {
    TwoPlaces(std::size_t count, std::size_t newer) {
        old.emplace(open(attic));
        {
            auto to = writer(*old);
            for (std::size_t n = 0; n < count; ++n) record(*old, to, n);
        }
        auto to = writer();
        for (std::size_t n = 0; n < newer; ++n) record(to, count + n);
        log() = {};
    }
    std::size_t in_attic() { return data_files(attic).size(); }

    std::optional<Archive::Syncer> old;
};

constexpr std::uint64_t one = 40'960;

}  // namespace

BOOST_AUTO_TEST_SUITE(engine_directories)

BOOST_AUTO_TEST_CASE(a_stream_may_go_on_in_another_directory) {
    Bench bench;
    auto first = bench.writer();
    bench.record(first, 0);
    { const auto ended = std::move(first); }
    auto second = bench.open("/sim/second");
    auto writer = bench.writer(second);
    const auto id = bench.record(second, writer, 0);
    // Not one of those of which a crash may have left a file in the first.
    BOOST_TEST(id.sequence() == 18u);
    BOOST_TEST(second.reader().open(id).has_value());
}

BOOST_AUTO_TEST_CASE(the_oldest_go_wherever_they_are) {
    TwoPlaces bench{3, 3};
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{2 * one}).has_value());
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.in_attic() == 0u);
    BOOST_TEST(bench.data_files().size() == 2u);
}

BOOST_AUTO_TEST_CASE(older_objects_of_a_closed_directory_do_not_hide_newer_ones) {
    TwoPlaces bench{20, 5};
    bench.old.reset();
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{0}).has_value());
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.data_files().empty());
    BOOST_TEST(bench.in_attic() == 20u);
    BOOST_TEST((bench.state({bench.door, 1}) == ObjectState::committed));
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_freed_of_its_own_objects) {
    TwoPlaces bench{20, 5};
    bench.fail(Call::write, ENOSPC);
    auto writer = bench.writer();
    bench.record(writer, 30);
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST((bench.log().deleted == std::vector{ObjectId{bench.door, 37}}));
    BOOST_TEST(bench.data_files().size() == 5u);
    BOOST_TEST(bench.in_attic() == 20u);
}

BOOST_AUTO_TEST_CASE(opening_one_directory_deletes_nothing_in_place_of_what_is_in_another) {
    TwoPlaces bench{3, 3};
    bench.old.reset();
    bench.syncer.reset();
    {
        auto tx = bench.store->begin();
        BOOST_TEST(tx->set_retention(bench.door, Bytes{4 * one}).has_value());
        BOOST_TEST(tx->commit().has_value());
    }
    bench.open_again();
    BOOST_TEST(bench.log().deleted.empty());
    auto old = bench.open(attic);
    BOOST_TEST((bench.log().deleted == std::vector{ObjectId{bench.door, 1}, ObjectId{bench.door, 2}}));
}

BOOST_AUTO_TEST_CASE(a_file_that_a_crash_left_is_removed_though_the_stream_went_on_elsewhere) {
    Bench bench;
    {
        auto writer = bench.writer();
        bench.record(writer, 0);
        BOOST_TEST(bench.append(writer, 5).has_value());
        BOOST_TEST(writer.end().has_value());
        bench.syncer->step();  // the file is there, its row is not
    }
    bench.syncer.reset();
    bench.committer.reset();
    bench.store = std::make_unique<MemoryStore>(bench.store->reopen());
    bench.committer = std::make_unique<Bench::Committer>(*bench.store, bench.clock);
    BOOST_TEST(bench.data_files().size() == 2u);
    {
        auto other = bench.open(attic);
        auto writer = bench.writer(other);
        for (std::size_t n = 0; n < 3; ++n) bench.record(other, writer, n);
        // And while it goes on there.
        bench.syncer.emplace(bench.open("/sim/footage"));
        BOOST_TEST(bench.data_files().size() == 1u);
        bench.record(other, writer, 3);
    }
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.data_files(attic).size() == 4u);
}

BOOST_AUTO_TEST_CASE(a_number_that_recovery_gave_to_garbage_is_not_used_again) {
    Bench bench;
    {
        auto writer = bench.writer();
        bench.record(writer, 0);
        BOOST_TEST(bench.append(writer, 5).has_value());
        BOOST_TEST(writer.end().has_value());
        bench.syncer->step();
    }
    bench.syncer.reset();
    bench.fail(Call::remove, EIO, true);
    bench.syncer.emplace(bench.open("/sim/footage"));  // with the same committer
    bench.fs.plan().clear();
    auto writer = bench.writer();
    const auto id = bench.record(writer, 2);
    bench.clock.advance(2s);
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.content(id) == Bench::bytes(10, 40'000));
    bench.record(writer, 3);
    BOOST_TEST(bench.data_files().size() == 3u);
}

BOOST_AUTO_TEST_SUITE_END()
