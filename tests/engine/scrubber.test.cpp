#include <bobbin/scrubber.hpp>

#include "fixture.hpp"

#include <thread>

using namespace engine_tests;

namespace {

struct Fixture {
    Fixture() {
        auto writer = bench.writer();
        for (std::size_t n = 0; n < 3; ++n) {
            BOOST_TEST(bench.append(writer, n * 5, 1'500'000).has_value());
            ids.push_back(*writer.end());
            BOOST_TEST(bench.syncer->wait(ids.back(), 10s).has_value());
        }
    }
    FsDirectory<Fs> place() {
        return *FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
    }
    void damage(ObjectId id) {
        auto file = place().open_to_cut(id);
        const std::byte wrong[1] = {std::byte{0x55}};
        BOOST_TEST(bench.fs.write_at(file->handle(), wrong, 1'200'000).has_value());
    }
    // Steps to the end of a pass.
    template <class S>
    static void pass(S& scrubber) {
        for (int steps = 0; steps < 100; ++steps) {
            const auto goes_on = scrubber.step();
            BOOST_TEST_REQUIRE(goes_on.has_value(), Bench::message(goes_on));
            if (!*goes_on) return;
        }
        BOOST_ERROR("the pass has no end");
    }

    Bench bench;
    std::vector<ObjectId> ids;
    static constexpr std::uint64_t size = 4'500'000;
};

// A disk, or a cable, that gives one block wrongly, once.
struct OnceWrong : Fs {
    Result<std::size_t> read_at(FileHandle h, MutableByteView to, std::uint64_t offset) noexcept {
        auto got = Fs::read_at(h, to, offset);
        if (to.size() > 100'000 && std::exchange(is_wrong, false)) to[77] ^= std::byte{1};
        return got;
    }
    static inline bool is_wrong = false;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(engine_scrubber, Fixture)

BOOST_AUTO_TEST_CASE(what_is_whole_is_read_and_left_alone) {
    for (const auto id : ids) BOOST_TEST(place().open(id)->drop_cache(0, 0).has_value());
    Scrubber<Bench::Archive> scrubber{*bench.syncer};
    for (std::uint64_t passes = 1; passes <= 2; ++passes) {
        pass(scrubber);
        const auto report = scrubber.report();
        BOOST_TEST(report.passes == passes);
        BOOST_TEST(report.objects == 3 * passes);
        BOOST_TEST(report.read.value == size * passes);
        BOOST_TEST(report.damaged == 0u);
        BOOST_TEST(report.unreadable == 0u);
    }
    BOOST_TEST(bench.log().quarantined.empty());
    for (const auto id : ids) BOOST_TEST(place().open(id)->cache_status()->cached.value == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_damaged_is_set_aside_and_told_once) {
    damage(ids[1]);
    Scrubber<Bench::Archive> scrubber{*bench.syncer};
    pass(scrubber);
    pass(scrubber);
    BOOST_TEST(scrubber.report().damaged == 1u);
    BOOST_TEST(scrubber.report().objects == 4u);
    BOOST_TEST((bench.log().quarantined == std::vector{ids[1]}));
    BOOST_TEST((bench.state(ids[1]) == ObjectState::quarantined));
    BOOST_TEST(bench.syncer->reader().open(ids[1]).error().is(Errc::object_unknown));
    BOOST_TEST(bench.data_files().size() == 3u);
    BOOST_TEST(bench.content(ids[0]) == Bench::bytes(0, 1'500'000));
    // And stays so.
    bench.open_again();
    BOOST_TEST((bench.state(ids[1]) == ObjectState::quarantined));
    BOOST_TEST(bench.data_files().size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_gone_or_short_is_damage) {
    BOOST_TEST(place().remove(ids[0]).has_value());
    BOOST_TEST(place().open_to_cut(ids[2])->truncate(Bytes{1'400'000}).has_value());
    Scrubber<Bench::Archive> scrubber{*bench.syncer};
    pass(scrubber);
    BOOST_TEST(scrubber.report().damaged == 2u);
    BOOST_TEST((bench.log().quarantined == std::vector{ids[0], ids[2]}));
}

BOOST_AUTO_TEST_CASE(a_disk_that_refuses_condemns_nothing) {
    bench.fail(Call::read, EIO, true);
    Scrubber<Bench::Archive> scrubber{*bench.syncer};
    pass(scrubber);
    BOOST_TEST(scrubber.report().unreadable == 3u);
    BOOST_TEST(scrubber.report().damaged == 0u);
    BOOST_TEST(bench.log().errors.size() == 3u);
    bench.fs.plan().clear();
    pass(scrubber);
    BOOST_TEST(scrubber.report().objects == 3u);
}

BOOST_AUTO_TEST_CASE(what_was_read_wrongly_once_is_read_again) {
    using Archive =
        bobbin::Archive<File<OnceWrong>, VideoIndex, MemoryStore, ManualClock, Recorder>;
    OnceWrong fs;
    MemoryStore store;
    Recorder recorder;
    Committer<MemoryStore, ManualClock> committer{store};
    auto syncer = *Archive::Syncer::open(
        *FsDirectory<OnceWrong>::open("/sim/footage", RootMode::create_if_missing, fs), committer,
        {.create = true}, recorder);
    auto writer = *syncer.writer(*store.stream("door"));
    BOOST_TEST(writer.append(Bench::bytes(0, 1'500'000), Bench::record(0)).has_value());
    BOOST_TEST(syncer.wait(*writer.end(), 10s).has_value());
    Scrubber<Archive> scrubber{syncer};
    // In each pass once: that of the one before is forgiven.
    for (std::uint64_t passes = 1; passes <= 2; ++passes) {
        OnceWrong::is_wrong = true;
        pass(scrubber);
        BOOST_TEST(!OnceWrong::is_wrong);
        BOOST_TEST(scrubber.report().objects == passes);
        BOOST_TEST(scrubber.report().damaged == 0u);
    }
}

BOOST_AUTO_TEST_CASE(what_is_deleted_meanwhile_is_no_damage) {
    Scrubber<Bench::Archive> scrubber{*bench.syncer};
    BOOST_TEST(*scrubber.step());  // a block of the first
    damage(ids[0]);
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{0}).has_value());
    BOOST_TEST(bench.committer->drain(10s).has_value());
    pass(scrubber);
    BOOST_TEST(scrubber.report().damaged == 0u);
    BOOST_TEST(scrubber.report().unreadable == 0u);
    BOOST_TEST(bench.log().quarantined.empty());
}

BOOST_AUTO_TEST_CASE(what_is_recorded_meanwhile_comes_with_the_next_pass_at_the_latest) {
    Scrubber<Bench::Archive> scrubber{*bench.syncer};
    BOOST_TEST(*scrubber.step());
    auto writer = bench.writer();
    const auto id = bench.record(writer, 9);
    BOOST_TEST(bench.append(writer, 5).has_value());  // grows: none of its business
    pass(scrubber);
    pass(scrubber);
    BOOST_TEST(scrubber.report().objects >= 7u);
    BOOST_TEST(scrubber.report().damaged == 0u);
    BOOST_TEST((bench.state(id) == ObjectState::committed));
}

BOOST_AUTO_TEST_CASE(its_thread_keeps_to_the_rate_and_stops_when_asked) {
    Scrubber<Bench::Archive> scrubber{*bench.syncer, {.rate = 1_MiB}};
    {
        // The clock of the bench stands still: after one block it would wait for ever.
        const auto thread = scrubber.start();
        while (scrubber.report().read == Bytes{}) std::this_thread::yield();
    }
    BOOST_TEST((scrubber.report().read == 1_MiB));
}

BOOST_AUTO_TEST_SUITE_END()
