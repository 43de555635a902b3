#include "fixture.hpp"

#include <bobbin/file/auto.hpp>
#include <bobbin/file/uncached.hpp>
#include <bobbin/file/writeback.hpp>

using namespace engine_tests;

// What a file wrapper holds back is not written yet.
namespace {

template <template <class...> class Wrapper>
struct WrappedBench {
    using Archive = bobbin::Archive<Wrapper<File<Fs>>, VideoIndex, MemoryStore, ManualClock, Recorder>;

    explicit WrappedBench(SyncerOptions options = {}, testing::SimOptions disk = {})
        : fs{testing::SimFs{disk}} {
        options.create = true;
        auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::create_if_missing, fs);
        auto opened = Archive::Syncer::open(std::move(*directory), committer, options, clock, recorder);
        BOOST_TEST_REQUIRE(opened.has_value(), Bench::message(opened));
        syncer.emplace(std::move(*opened));
        writer.emplace(std::move(*syncer->writer(door)));
    }
    void append(std::size_t n) {
        const auto done = writer->append(Bench::bytes(n), Bench::record(n));
        BOOST_TEST(done.has_value(), Bench::message(done));
    }
    std::vector<std::byte> content(ObjectId id) {
        auto object = syncer->reader().open(id);
        BOOST_TEST_REQUIRE(object.has_value(), Bench::message(object));
        std::vector<std::byte> all(static_cast<std::size_t>(object->size().value));
        BOOST_TEST(object->read(all, 0).has_value());
        return all;
    }

    Fs fs;
    ManualClock clock;
    Recorder recorder;
    MemoryStore store;
    Committer<MemoryStore, ManualClock> committer{store, clock};
    StreamId door = *store.stream("door");
    std::optional<typename Archive::Syncer> syncer;
    std::optional<typename Archive::Writer> writer;
};

using Held = WrappedBench<Uncached>;

/// Tells what files were given.
template <class Next>
struct Noted : NoOp<Next> {
    Noted(Next next, const WritebackOptions& options) : NoOp<Next>{std::move(next)} {
        budgets.push_back(options.budget);
    }
    static inline std::vector<std::shared_ptr<WritebackBudget>> budgets;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(engine_wrappers)

BOOST_AUTO_TEST_CASE(a_growing_object_is_read_whole) {
    // Half of it has left memory.
    Held bench{{.memory = 256_KiB}};
    for (std::size_t n = 0; n < 100; ++n) bench.append(n);
    const auto reader = bench.syncer->reader();
    const auto views = reader.growing(bench.door);
    BOOST_TEST_REQUIRE(views.size() == 1u);
    std::vector<std::byte> all(static_cast<std::size_t>(views[0].size.value));
    const auto got = reader.read_growing(views[0].id, all, 0);
    BOOST_TEST_REQUIRE(got.has_value(), Bench::message(got));
    BOOST_TEST(*got == all.size());
    BOOST_TEST(all == Bench::joined(0, 100));
}

BOOST_AUTO_TEST_CASE(a_failed_flush_is_a_failed_write) {
    for (const int error : {ENOSPC, EIO, EAGAIN}) {
        Held bench;
        for (std::size_t n = 0; n < 5; ++n) bench.append(n);
        const auto id = *bench.writer->end();
        bench.fs.plan().add({{Call::write, Call::write_uncached}, 1, false, error});
        const auto waited = bench.syncer->wait(id, 60s);
        BOOST_TEST(waited.has_value(), Bench::message(waited));
        BOOST_TEST(bench.content(id) == Bench::joined(0, 5));
        BOOST_TEST(bench.recorder.log->retries == 1u);
        BOOST_TEST(bench.recorder.log->splits.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_takes_nothing_loses_nothing_of_what_it_held_back) {
    Held bench;
    for (std::size_t n = 0; n < 100; ++n) bench.append(n);
    for (std::uint64_t nth = 1; nth <= 3; ++nth)
        bench.fs.plan().add({{Call::write, Call::write_uncached}, nth, false, EIO});
    const auto id = *bench.writer->end();
    BOOST_TEST(bench.syncer->wait(id, 60s).error().is(Errc::object_lost));
    BOOST_TEST(bench.committer.drain(60s).has_value());
    BOOST_TEST(bench.recorder.log->lost.empty());
    BOOST_TEST(bench.content({bench.door, 2}) == Bench::joined(0, 100));
}

BOOST_AUTO_TEST_CASE(how_files_are_written_is_told_once) {
    using enum WriteMode;
    using R = WriteModeReason;
    const std::pair<testing::SimOptions, std::pair<WriteMode, R>> disks[] = {
        {{.uncached = true}, {uncached, R::uncached_supported}},
        {{}, {write_back, R::uncached_unsupported}},
        {{.type = 0x6969}, {write_back, R::network}}};
    for (const auto& [disk, expected] : disks) {
        WrappedBench<Auto> bench{{}, disk};
        for (std::size_t n = 0; n < 15; ++n) {
            bench.append(n);
            if (n % 5 == 4) BOOST_TEST(bench.syncer->wait(*bench.writer->end(), 10s).has_value());
        }
        const auto& modes = bench.recorder.log->modes;
        BOOST_TEST_REQUIRE(modes.size() == 1u);
        BOOST_TEST((modes[0] == expected));
    }
}

BOOST_AUTO_TEST_CASE(all_files_of_a_directory_share_one_budget) {
    WrappedBench<Noted> bench{{.writeback = 1_MiB}};
    for (std::size_t n = 0; n < 2; ++n) {
        bench.append(n * 5);
        BOOST_TEST(bench.syncer->wait(*bench.writer->end(), 10s).has_value());
    }
    const auto& budgets = Noted<File<Fs>>::budgets;
    BOOST_TEST_REQUIRE(budgets.size() == 2u);
    BOOST_TEST((budgets[0] == budgets[1]));
    BOOST_TEST((budgets[0]->cap() == 1_MiB));
}

BOOST_AUTO_TEST_CASE(too_small_a_budget_is_refused) {
    Fs fs;
    MemoryStore store;
    Committer committer{store};
    auto opened = Held::Archive::Syncer::open(
        *FsDirectory<Fs>::open("/sim/footage", RootMode::create_if_missing, fs), committer,
        {.create = true, .writeback = 255_KiB});
    BOOST_TEST_REQUIRE(!opened.has_value());
    BOOST_TEST(opened.error().is(Errc::invalid_argument));
}

BOOST_AUTO_TEST_SUITE_END()
