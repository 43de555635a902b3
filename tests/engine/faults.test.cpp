#include "doubtful_store.hpp"
#include "fixture.hpp"

#include <functional>
#include <sys/wait.h>
#include <unistd.h>

using namespace engine_tests;

BOOST_AUTO_TEST_SUITE(engine_faults)

BOOST_AUTO_TEST_CASE(a_failed_sync_is_final_and_the_bytes_go_to_a_new_file) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 5; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    const auto id = *writer.end();
    bench.fail(Call::sync, EIO);
    const auto waited = bench.syncer->wait(id, 10s);
    BOOST_TEST_REQUIRE(!waited.has_value());
    BOOST_TEST(waited.error().is(Errc::object_lost));
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST_REQUIRE(bench.log().splits.size() == 1u);
    const auto [from, next, why] = bench.log().splits[0];
    BOOST_TEST((from == id && next == ObjectId{bench.door, 2} && why == EndReason::sync_failed));
    BOOST_TEST(bench.content(next) == Bench::joined(0, 5));
    BOOST_TEST(bench.log().lost.empty());
    BOOST_TEST(bench.data_files().size() == 1u);
    BOOST_TEST(!(*bench.store->object(id)).has_value());
}

BOOST_AUTO_TEST_CASE(a_failed_sync_keeps_what_lies_before_the_mark) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 7; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    bench.clock.advance(5s);
    bench.syncer->step();
    bench.committer->step();
    BOOST_TEST(bench.log().marked.size() == 1u);
    for (std::size_t n = 7; n < 13; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    bench.clock.advance(5s);
    bench.fail(Call::sync, EIO);
    bench.syncer->step();
    bench.fs.plan().clear();
    // The writer goes on as if nothing had happened.
    for (std::size_t n = 13; n < 15; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    const auto id = *writer.end();
    BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
    BOOST_TEST_REQUIRE(bench.log().splits.size() == 1u);
    BOOST_TEST(bench.content({bench.door, 1}) == Bench::joined(0, 7));
    BOOST_TEST(bench.content(id) == Bench::joined(10, 15));
    BOOST_TEST_REQUIRE(bench.log().lost.size() == 1u);
    const auto& lost = bench.log().lost[0];
    BOOST_TEST(lost.from.value == 7u * 5000);
    BOOST_TEST(lost.to.value == 10u * 5000);
    BOOST_TEST(lost.records == 3u);
    const auto row = *bench.store->object({bench.door, 1});
    BOOST_TEST((row->end_reason == EndReason::sync_failed));
    BOOST_TEST(row->size.value == 35'000u);
}

BOOST_AUTO_TEST_CASE(records_that_left_memory_before_a_failed_sync_are_reported) {
    Bench bench{{.memory = 256_KiB}};
    auto writer = bench.writer();
    // More than the budget: the first groups leave memory once they are written.
    for (std::size_t n = 0; n < 100; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    const auto id = *writer.end();
    bench.fail(Call::sync, EIO);
    BOOST_TEST(bench.syncer->wait(id, 10s).error().is(Errc::object_lost));
    BOOST_TEST(bench.committer->drain(10s).error().is(Errc::object_lost));
    BOOST_TEST_REQUIRE(bench.log().lost.size() == 1u);
    const auto& lost = bench.log().lost[0];
    BOOST_TEST(lost.from.value == 0u);
    BOOST_TEST(lost.to.value > 0u);
    BOOST_TEST(lost.to.value % 25'000 == 0u);  // up to a group start
    BOOST_TEST(bench.content({bench.door, 2}) == Bench::joined(lost.to.value / 5000, 100));
}

BOOST_AUTO_TEST_CASE(a_number_that_a_split_took_is_not_given_out_again) {
    Bench bench;
    {
        auto writer = bench.writer();
        BOOST_TEST(bench.append(writer, 0).has_value());
    }
    bench.fail(Call::sync, EIO);
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.content({bench.door, 2}) == Bench::joined(0, 1));
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 5).has_value());
    const auto id = *writer.end();
    BOOST_TEST(id.sequence() == 3u);
    BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
    BOOST_TEST(bench.content({bench.door, 2}) == Bench::joined(0, 1));
    BOOST_TEST(bench.content(id) == Bench::joined(5, 6));
}

BOOST_AUTO_TEST_CASE(nothing_in_memory_is_given_up_while_syncs_fail_and_the_store_lags) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 5; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    BOOST_TEST(writer.end().has_value());
    bench.fail(Call::sync, EIO, true);
    // Only the worker steps: the numbers run out.
    for (int i = 0; i < 100; ++i) {
        bench.syncer->step();
        bench.clock.advance(1s);
    }
    BOOST_TEST(bench.log().splits.size() < 20u);
    BOOST_TEST(bench.log().lost.empty());
    bench.fs.plan().clear();
    BOOST_TEST(bench.committer->drain(60s).has_value());
    BOOST_TEST(bench.log().lost.empty());
    BOOST_TEST(bench.data_files().size() == 1u);
    BOOST_TEST(bench.content(bench.log().committed.back()) == Bench::joined(0, 5));
}

BOOST_AUTO_TEST_CASE(a_loss_is_told_by_the_next_flush) {
    for (const bool is_before : {false, true}) {
        Bench bench{{.memory = 256_KiB}};
        auto writer = bench.writer();
        for (std::size_t n = 0; n < 100; ++n) BOOST_TEST(bench.append(writer, n).has_value());
        BOOST_TEST(writer.end().has_value());
        bench.fail(Call::sync, EIO);
        while (is_before && (bench.syncer->step() || bench.committer->step())) {}
        BOOST_TEST(bench.log().lost.size() == (is_before ? 1u : 0u));
        BOOST_TEST(bench.committer->flush(10s).error().is(Errc::object_lost));
        BOOST_TEST(bench.committer->flush(10s).has_value());
    }
}

namespace {

/// Does something when somebody waits.
struct BusyClock : ManualClock {
    BusyClock() = default;
    void sleep_for(std::chrono::nanoseconds time) {
        if (auto action = std::exchange(*on_sleep, nullptr)) action();
        ManualClock::sleep_for(time);
    }
    std::shared_ptr<std::function<void()>> on_sleep = std::make_shared<std::function<void()>>();
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_flush_does_not_acknowledge_what_a_closed_directory_takes_along) {
    Fs fs;
    BusyClock clock;
    MemoryStore store;
    Committer committer{store, clock};
    const auto open = [&](const char* path) {
        return Bench::Archive::Syncer::open(
            *FsDirectory<Fs>::open(path, RootMode::create_if_missing, fs), committer, {.create = true});
    };
    auto stays = open("/sim/stays");
    auto goes = std::optional{open("/sim/goes")};
    const auto record = [&](Bench::Archive::Syncer& to, const char* stream) {
        auto writer = to.writer(*store.stream(stream));
        BOOST_TEST(writer->append(Bench::bytes(0), Bench::record(0)).has_value());
        BOOST_TEST(writer->end().has_value());
    };
    record(**goes, "yard");
    fs.plan().add({Call::create, 1, true, EAGAIN});
    *clock.on_sleep = [&] { goes.reset(); };
    const auto flushed = committer.flush(10s);
    BOOST_TEST(!goes);
    BOOST_TEST_REQUIRE(!flushed.has_value());
    BOOST_TEST(flushed.error().is(Errc::stop_requested));
    fs.plan().clear();
    record(*stays, "door");
    BOOST_TEST(committer.flush(10s).has_value());
}

namespace {

enum class Outcome { done, went_on, ended };

/// What becomes of the process where the `nth` allocation of `step` fails. `settles` tells whether
/// one that goes on comes to a good end.
template <class F, class G>
Outcome step_without_memory(std::uint64_t nth, F step, G settles) {
    const auto child = fork();
    if (child == 0) {
        std::set_terminate([] { _exit(2); });
        try {
            bool has_failed = false;
            {
                const testing::FailingAllocation no_memory{nth};
                step();
                has_failed = no_memory.failed();
            }
            _exit(!has_failed ? 0 : settles() ? 1 : 3);
        } catch (...) {
            _exit(4);
        }
    }
    int status = 0;
    BOOST_TEST_REQUIRE(waitpid(child, &status, 0) == child);
    BOOST_TEST_REQUIRE(WIFEXITED(status));
    BOOST_TEST_REQUIRE(WEXITSTATUS(status) <= 2);
    return Outcome{WEXITSTATUS(status)};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_step_without_memory_ends_the_process_or_does_no_harm) {
    Bench bench;
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 0).has_value());
    const auto id = *writer.end();
    for (const bool commits : {false, true}) {
        unsigned ended = 0;
        for (std::uint64_t nth = 1;; ++nth) {
            const auto outcome = step_without_memory(
                nth, [&] { commits ? bench.committer->step() : bench.syncer->step(); },
                [&] {
                    return bench.syncer->wait(id, 60s).has_value() &&
                           bench.content(id) == Bench::joined(0, 1);
                });
            if (outcome == Outcome::done) break;
            ended += outcome == Outcome::ended ? 1 : 0;
        }
        BOOST_TEST(ended > 3u);
        bench.syncer->step();
    }
}

BOOST_AUTO_TEST_CASE(a_failed_directory_sync_acknowledges_nothing) {
    Bench bench;
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 0).has_value());
    const auto id = *writer.end();
    bench.fail(Call::sync_directory, EIO);
    BOOST_TEST(bench.syncer->wait(id, 10s).error().is(Errc::object_lost));
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.content({bench.door, 2}) == Bench::joined(0, 1));
    BOOST_TEST(bench.data_files().size() == 1u);
}

BOOST_AUTO_TEST_CASE(writes_are_retried_by_kind) {
    for (const int error : {EINTR, EAGAIN, EIO, ENOSPC, EMFILE}) {
        Bench bench;
        auto writer = bench.writer();
        BOOST_TEST(bench.append(writer, 0).has_value());
        const auto id = *writer.end();
        bench.fail({Call::write, Call::create}, error);
        bench.fail({Call::write, Call::create}, error, false, 2);
        BOOST_TEST(bench.syncer->wait(id, 60s).has_value(), error);
        BOOST_TEST(bench.content(id) == Bench::joined(0, 1));
        BOOST_TEST((error == EINTR || bench.log().retries > 0));
        BOOST_TEST(bench.log().degraded == bench.log().restored);
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_takes_no_writes_is_given_up_and_the_directory_goes_on) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 5; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    const auto id = *writer.end();
    for (std::uint64_t nth = 1; nth <= 3; ++nth) bench.fail(Call::write, EIO, false, nth);
    BOOST_TEST(bench.syncer->wait(id, 60s).error().is(Errc::object_lost));
    BOOST_TEST(bench.committer->drain(60s).has_value());
    BOOST_TEST(bench.content({bench.door, 2}) == Bench::joined(0, 5));
    BOOST_TEST((std::get<2>(bench.log().splits.at(0)) == EndReason::write_failed));
}

BOOST_AUTO_TEST_CASE(short_writes_are_looped) {
    Bench bench;
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 0).has_value());
    const auto id = *writer.end();
    bench.fs.plan().add({Call::write, 1, true, 0, testing::Fault::Effect::short_transfer});
    BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
    bench.fs.plan().clear();
    BOOST_TEST(bench.content(id) == Bench::joined(0, 1));
}

BOOST_AUTO_TEST_CASE(a_foreign_file_under_our_name_is_left_alone) {
    Bench bench;
    {
        auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
        auto file = directory->create({bench.door, 1});
        BOOST_TEST(file->append(as_bytes("not ours")).has_value());
    }
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 0).has_value());
    const auto id = *writer.end();
    BOOST_TEST(bench.syncer->wait(id, 10s).error().is(Errc::object_lost));
    BOOST_TEST(bench.committer->flush(10s).has_value());
    BOOST_TEST(bench.content({bench.door, 2}) == Bench::joined(0, 1));
    BOOST_TEST(((*bench.store->object(id))->state == ObjectState::quarantined));
    BOOST_TEST(bench.data_files().size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_full_disk_makes_room_and_goes_on) {
    Bench bench;
    auto writer = bench.writer();
    std::vector<ObjectId> ids;
    for (std::size_t n = 0; n < 10; ++n) {
        BOOST_TEST(bench.append(writer, n * 5, 40'000).has_value());
        ids.push_back(*writer.end());
        BOOST_TEST(bench.syncer->wait(ids.back(), 10s).has_value());
    }
    // Room for half an object more: the next takes the place of the oldest.
    auto space = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs)->space();
    bench.fs.next_layer().set_quota(space->total - space->available + 20_KiB);
    for (std::size_t n = 10; n < 15; ++n) {
        BOOST_TEST(bench.append(writer, n * 5, 40'000).has_value());
        ids.push_back(*writer.end());
        BOOST_TEST(bench.syncer->wait(ids.back(), 60s).has_value());
        BOOST_TEST(bench.content(ids.back()) == Bench::bytes(n * 5, 40'000));
    }
    BOOST_TEST(bench.log().deleted.size() >= 5u);
    BOOST_TEST((bench.log().deleted.at(0) == ids[0]));
    BOOST_TEST(!(*bench.store->object(ids[0])).has_value());
}

BOOST_AUTO_TEST_CASE(without_room_the_writer_waits_until_its_deadline) {
    Bench bench{{.memory = 128_KiB, .append_deadline = 2s}};
    auto writer = bench.writer();
    bench.fail({Call::create, Call::write}, EAGAIN, true);
    std::size_t n = 0;
    for (; n < 100; ++n)
        if (auto done = bench.append(writer, n); !done) {
            BOOST_TEST(done.error().is(Errc::deadline_passed));
            break;
        }
    BOOST_TEST(n < 100u);
    bench.fs.plan().clear();
    bench.clock.advance(5s);
    for (; n < 100; ++n) { auto r = bench.append(writer, n); BOOST_TEST(r.has_value(), Bench::message(r)); }
    const auto id = *writer.end();
    BOOST_TEST(bench.syncer->wait(id, 60s).has_value());
    BOOST_TEST(bench.content(id) == Bench::joined(0, 100));
}

BOOST_AUTO_TEST_CASE(a_recorder_drops_whole_groups_and_goes_on) {
    Bench bench{{.memory = 128_KiB, .when_full = WhenFull::drop}};
    auto writer = bench.writer();
    bench.fail({Call::create, Call::write}, EAGAIN, true);
    std::size_t n = 0;
    for (; n < 53; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    bench.fs.plan().clear();
    bench.clock.advance(10s);
    bench.syncer->step();
    bench.committer->step();
    for (; n < 70; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    const auto id = *writer.end();
    BOOST_TEST(bench.syncer->wait(id, 60s).has_value());
    const auto first = bench.content({bench.door, 1});
    const auto kept = first.size() / 5000;
    BOOST_TEST(first == Bench::joined(0, kept));
    BOOST_TEST(((*bench.store->object({bench.door, 1}))->end_reason == EndReason::overrun));
    BOOST_TEST(bench.content(id) == Bench::joined(55, 70));
    BOOST_TEST(bench.log().dropped == 55 - kept);
}

BOOST_AUTO_TEST_CASE(however_long_syncs_fail_recovery_would_find_every_file) {
    for (const auto call : {Call::sync, Call::sync_directory})
        for (const bool store_lags : {false, true}) {
            Bench bench{{.memory = 4_MiB}};
            auto writer = bench.writer();
            const auto append = [&](std::size_t n, std::size_t size) {
                BOOST_TEST(bench.append(writer, n, size).has_value());
            };
            const auto check = [&] {
                Sequence highest = 0;
                const auto usage = bench.store->usage();
                for (const auto& row : *usage) highest = row.highest;
                for (const auto& name : bench.data_files())
                    if (const auto id = *ObjectName::parse(name); !bench.row(id))
                        BOOST_TEST(detail::ProbedNumbers{highest}.contain(id.sequence()), name);
            };
            // The second has a file when the first fails, the others do not.
            append(0, 5000);
            BOOST_TEST(writer.end().has_value());
            append(5, 200'000);
            for (std::size_t n = 10; n < 30; n += 5) {
                BOOST_TEST(writer.end().has_value());
                append(n, 5000);
            }
            BOOST_TEST(writer.end().has_value());
            bench.fail(call, EIO, true);
            for (int i = 0; i < 200; ++i) {
                bench.syncer->step();
                check();
                if (!store_lags || i % 30 == 0) bench.committer->step();
                bench.clock.advance(3s);
            }
            bench.fs.plan().clear();
            for (int i = 0; i < 20; ++i) {
                bench.syncer->step();
                check();
                bench.committer->step();
                bench.clock.advance(3s);
            }
            BOOST_TEST(bench.committer->drain(60s).has_value());
            BOOST_TEST(bench.log().lost.empty());
            BOOST_TEST(bench.log().committed.size() == 6u);
            BOOST_TEST(bench.data_files().size() == 6u);
        }
}

BOOST_AUTO_TEST_CASE(what_a_broken_file_has_taken_stays_in_memory) {
    Bench bench{{.memory = 256_KiB, .when_full = WhenFull::drop}};
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 5; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    BOOST_TEST(writer.end().has_value());
    BOOST_TEST(bench.append(writer, 5).has_value());
    bench.fail(Call::sync, EIO, true);
    for (int i = 0; i < 100; ++i) {
        bench.syncer->step();
        bench.clock.advance(1s);
    }
    for (std::size_t n = 6; n < 100; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    BOOST_TEST(bench.log().lost.empty());
    bench.fs.plan().clear();
    BOOST_TEST(writer.end().has_value());
    BOOST_TEST(bench.committer->drain(60s).has_value());
    BOOST_TEST(bench.log().lost.empty());
    const auto has_first = [&](ObjectId id) { return bench.content(id) == Bench::joined(0, 5); };
    BOOST_TEST(std::ranges::any_of(bench.log().committed, has_first));
}

BOOST_AUTO_TEST_CASE(a_foreign_file_is_left_alone_even_where_the_numbers_have_run_out) {
    Bench bench;
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 0).has_value());
    BOOST_TEST(writer.end().has_value());
    {
        auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
        for (Sequence n = 1; n <= 16; ++n)
            BOOST_TEST(directory->create({bench.door, n})->append(as_bytes("not ours")).has_value());
    }
    // Only the worker steps.
    for (int i = 0; i < 100; ++i) {
        bench.syncer->step();
        bench.clock.advance(1s);
    }
    BOOST_TEST(bench.committer->drain(60s).has_value());
    BOOST_TEST(bench.data_files().size() == 17u);
    BOOST_TEST(bench.content(bench.log().committed.at(0)) == Bench::bytes(0));
}

BOOST_AUTO_TEST_CASE(a_sync_that_tells_of_a_full_disk_makes_room) {
    for (const int error : {ENOSPC, EDQUOT})
        for (const auto call : {Call::sync, Call::sync_directory}) {
            Bench bench;
            auto writer = bench.writer();
            const auto first = bench.record(writer, 0);
            BOOST_TEST(bench.append(writer, 5).has_value());
            BOOST_TEST(writer.end().has_value());
            bench.fail(call, error);
            (void)bench.committer->drain(60s);
            BOOST_TEST(std::ranges::count(bench.log().deleted, first) == 1);
        }
}

BOOST_AUTO_TEST_CASE(an_end_after_everything_was_lost_says_so) {
    Bench bench{{.memory = 128_KiB, .mark_interval = 0s}};
    auto writer = bench.writer();
    // One group that does not fit into memory: its key frame is gone when the sync fails.
    for (std::size_t n = 0; n < 60; ++n)
        BOOST_TEST(writer.append(Bench::bytes(n), {MediaDuration{3000}, n == 0}).has_value());
    bench.syncer->step();
    bench.fail(Call::write, ENXIO, true);
    BOOST_TEST(writer.append(Bench::bytes(60, 70'000), {MediaDuration{3000}, false}).has_value());
    for (int i = 0; i < 10; ++i) {
        bench.syncer->step();
        bench.clock.advance(1s);
    }
    bench.fs.plan().clear();
    BOOST_TEST(bench.log().lost.size() == 1u);
    const auto id = *writer.end();
    BOOST_TEST((id == ObjectId{bench.door, 1}));
    BOOST_TEST(bench.syncer->wait(id, 10s).error().is(Errc::object_lost));
    BOOST_TEST((*writer.end() == no_object));
}

BOOST_AUTO_TEST_CASE(what_was_cut_short_is_never_acknowledged) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 5; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    bench.clock.advance(5s);
    bench.syncer->step();
    bench.committer->step();
    BOOST_TEST(bench.append(writer, 5).has_value());
    const auto id = *writer.end();
    bench.fail(Call::sync, EIO);
    BOOST_TEST(bench.syncer->wait(id, 10s).error().is(Errc::object_lost));
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST((bench.state(id) == ObjectState::committed));
    { const auto ended = std::move(writer); }
    bench.open_again();
    BOOST_TEST(bench.syncer->wait(id, 10s).error().is(Errc::object_lost));
}

BOOST_AUTO_TEST_CASE(an_append_for_which_there_is_no_memory_leaves_nothing) {
    Bench bench;
    auto writer = bench.writer();
    unsigned failures = 0;
    for (std::size_t n = 0; n < 40; ++n) {
        const auto bytes = Bench::bytes(n);
        for (std::uint64_t nth = 1;; ++nth) {
            const auto done = [&] {
                const testing::FailingAllocation no_memory{nth};
                return writer.append(bytes, Bench::record(n));
            }();
            if (done) break;
            ++failures;
            BOOST_TEST(done.error().is(Errc::out_of_memory));
        }
    }
    BOOST_TEST(failures > 5u);
    const auto id = *writer.end();
    BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
    BOOST_TEST(bench.content(id) == Bench::joined(0, 40));
    BOOST_TEST((bench.log().committed == std::vector{id}));
    BOOST_TEST(bench.data_files().size() == 1u);
}

namespace {

/// Has memory for `left` records more.
struct MeagreIndex : VideoIndex {
    static inline std::size_t left = SIZE_MAX;
    Result<void> add(Record record, Bytes size) noexcept {
        if (left == 0) return Error{Errc::out_of_memory, Operation::encode};
        --left;
        return VideoIndex::add(record, size);
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_split_without_memory_leaves_no_gap) {
    using Archive = bobbin::Archive<File<Fs>, MeagreIndex, MemoryStore, ManualClock, Recorder>;
    Fs fs;
    ManualClock clock;
    Recorder recorder;
    MemoryStore store;
    Committer committer{store, clock};
    auto syncer = Archive::Syncer::open(
        *FsDirectory<Fs>::open("/sim/footage", RootMode::create_if_missing, fs), committer,
        {.create = true}, clock, recorder);
    auto writer = syncer->writer(*store.stream("door"));
    const auto append = [&](std::size_t n) {
        BOOST_TEST(writer->append(Bench::bytes(n), Bench::record(n)).has_value());
    };
    for (std::size_t n = 0; n < 10; ++n) append(n);
    fs.plan().add({Call::sync, 1});
    clock.advance(5s);
    MeagreIndex::left = 7;
    syncer->step();
    MeagreIndex::left = SIZE_MAX;
    BOOST_TEST_REQUIRE(recorder.log->lost.size() == 1u);
    BOOST_TEST(recorder.log->lost[0].records == 3u);
    for (std::size_t n = 10; n < 15; ++n) append(n);
    const auto id = *writer->end();
    BOOST_TEST(syncer->wait(id, 60s).has_value());
    BOOST_TEST_REQUIRE(recorder.log->committed.size() == 2u);
    const auto content = [&](ObjectId of) {
        auto object = syncer->reader().open(of);
        std::vector<std::byte> all(static_cast<std::size_t>(object->size().value));
        BOOST_TEST(object->read(all, 0).has_value());
        return all;
    };
    BOOST_TEST(content(recorder.log->committed[0]) == Bench::joined(0, 7));
    BOOST_TEST(content(id) == Bench::joined(10, 15));
}

namespace {

/// A finished object whose commit is in doubt.
struct DoubtfulBench {
    using Archive = bobbin::Archive<File<Fs>, VideoIndex, DoubtfulStore, ManualClock>;

    DoubtfulBench() {
        auto opened = Archive::Syncer::open(
            *FsDirectory<Fs>::open("/sim/footage", RootMode::create_if_missing, fs), committer,
            {.create = true}, clock);
        BOOST_TEST_REQUIRE(opened.has_value(), Bench::message(opened));
        syncer.emplace(std::move(*opened));
        id = record();
        store.doubt = true;
        committer.step();
        BOOST_TEST(!store.doubt);
    }
    /// Up to the commit.
    ObjectId record() {
        auto writer = syncer->writer(*store.stream("door"));
        BOOST_TEST(writer->append(Bench::bytes(0), Bench::record(0)).has_value());
        const auto made = *writer->end();
        syncer->step();
        return made;
    }
    std::size_t data_files() {
        const auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, fs);
        return static_cast<std::size_t>(std::ranges::count_if(
            *directory->list(), [](const auto& name) { return ObjectName::parse(name).has_value(); }));
    }
    Result<void> run_job() {
        return committer.run([](auto&) -> Result<void> { return {}; });
    }

    Fs fs;
    ManualClock clock;
    DoubtfulStore store;
    Committer<DoubtfulStore, ManualClock> committer{store, clock};
    std::optional<Archive::Syncer> syncer;
    ObjectId id;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_job_waits_until_no_commit_is_in_doubt) {
    DoubtfulBench bench;
    const auto before = bench.clock.monotonic();
    BOOST_TEST(bench.run_job().has_value());
    BOOST_TEST((bench.clock.monotonic() > before));
    BOOST_TEST(bench.syncer->wait(bench.id, 1s).has_value());
}

BOOST_AUTO_TEST_CASE(a_job_does_not_wait_for_a_store_that_fails_to_tell) {
    DoubtfulBench bench;
    bench.store.is_down = true;
    const auto refused = bench.run_job();
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST(refused.error().is_errno(EIO));
    bench.store.is_down = false;
    BOOST_TEST(bench.run_job().has_value());
    BOOST_TEST(bench.syncer->wait(bench.id, 1s).has_value());
}

BOOST_AUTO_TEST_CASE(a_deletion_in_doubt_that_did_not_happen_is_repeated) {
    DoubtfulBench bench;
    BOOST_TEST(bench.syncer->wait(bench.id, 1s).has_value());
    bench.store.happens = false;
    bench.store.doubt = true;
    const auto lowered = bench.committer.lower_retention(bench.id.stream(), Bytes{0});
    BOOST_TEST(lowered.has_value(), Bench::message(lowered));
    BOOST_TEST(bench.committer.drain(1s).has_value());
    BOOST_TEST(bench.data_files() == 0u);
}

BOOST_AUTO_TEST_CASE(a_commit_in_doubt_that_did_not_happen_is_repeated) {
    DoubtfulBench bench;
    BOOST_TEST(bench.syncer->wait(bench.id, 1s).has_value());
    const auto id = bench.record();
    bench.store.happens = false;
    bench.store.doubt = true;
    bench.committer.step();
    BOOST_TEST(!bench.store.doubt);
    BOOST_TEST(!(*bench.store.object(id)).has_value());
    BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
    BOOST_TEST((*bench.store.object(id)).has_value());
}

BOOST_AUTO_TEST_CASE(a_deletion_is_asked_about_though_the_batch_that_would_ask_is_in_doubt_itself) {
    for (const bool happens : {false, true}) {
        DoubtfulBench bench;
        BOOST_TEST(bench.syncer->wait(bench.id, 1s).has_value());
        bench.store.doubt = true;
        bench.store.is_down_after_doubt = true;
        BOOST_TEST(!bench.committer.lower_retention(bench.id.stream(), Bytes{0}).has_value());
        bench.store.is_down = false;
        bench.store.is_down_after_doubt = false;
        const auto id = bench.record();
        bench.store.doubt = true;
        bench.store.happens = happens;
        BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
        BOOST_TEST(bench.committer.drain(1s).has_value());
        BOOST_TEST(!bench.store.doubt);
        BOOST_TEST(bench.data_files() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_deletion_that_nobody_could_ask_about_leaves_no_file) {
    DoubtfulBench bench;
    BOOST_TEST(bench.syncer->wait(bench.id, 1s).has_value());
    bench.store.doubt = true;
    bench.store.is_down_after_doubt = true;
    const auto lowered = bench.committer.lower_retention(bench.id.stream(), Bytes{0});
    BOOST_TEST_REQUIRE(!lowered.has_value());
    BOOST_TEST((lowered.error().kind() == ErrorKind::unknown_outcome));
    bench.store.is_down = false;
    BOOST_TEST(bench.committer.drain(1s).has_value());
    BOOST_TEST(!(*bench.store.object(bench.id)).has_value());
    BOOST_TEST(bench.data_files() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
