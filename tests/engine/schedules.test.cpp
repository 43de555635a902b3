#include "fixture.hpp"

#include <bobbin/testing/explore_schedules.hpp>
#include <bobbin/testing/step_threads.hpp>

#include <algorithm>
#include <optional>

using namespace engine_tests;
using testing::Failures;
using testing::StepClock;
using testing::StepThreads;

namespace {

/// The engine on a simulated file system, rows in memory, threads and time of the scheduler's.
struct Stage {
    using Archive =
        bobbin::Archive<File<Fs>, VideoIndex, MemoryStore, StepClock, StepThreads, Recorder>;
    using Syncer = Archive::Syncer;
    using Writer = Archive::Writer;
    using Thread = StepThreads::Thread;

    Stage(Failures& to, SyncerOptions with) : failures{to}, options{with} {
        options.create = true;
        door = *store.stream("door");
        syncer.emplace(open("/sim/footage"));
    }
    ~Stage() {
        failures.check(StepClock{}.monotonic() - begun < most,
                       "something waited for its time limit");
    }

    Syncer open(const char* path) {
        auto directory = FsDirectory<Fs>::open(path, RootMode::create_if_missing, fs);
        auto opened = Syncer::open(std::move(*directory), committer, options, recorder);
        if (!opened) throw std::runtime_error{describe(opened.error())};
        return std::move(*opened);
    }
    Writer writer(StreamId stream, WriterOptions with = {}) {
        auto made = syncer->writer(stream, with);
        if (!made) throw std::runtime_error{describe(made.error())};
        return std::move(*made);
    }
    template <class T>
    bool ok(const Result<T>& result, std::string what) {
        if (!result) failures.add(what + ": " + describe(result.error()));
        return result.has_value();
    }
    void append(Writer& to, std::size_t n, std::size_t size = 500) {
        ok(to.append(Bench::bytes(n, size), Bench::record(n, 2)), "append");
    }
    std::optional<std::vector<std::byte>> content(ObjectId id) {
        auto object = syncer->reader().open(id);
        if (!object) return {};
        std::vector<std::byte> all(static_cast<std::size_t>(object->size().value));
        if (!ok(object->read(all, 0), "read")) return {};
        return all;
    }
    void check_content(ObjectId id, std::size_t first, std::size_t last, std::size_t size = 500) {
        failures.check(content(id) == Bench::joined(first, last, size),
                       "what was acknowledged is not there");
    }
    void check_quiet() {
        ok(committer.drain(most), "drain");
        auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, fs);
        std::size_t files = 0, rows = 0;
        for (const auto names = directory->list(); const auto& name : *names)
            files += ObjectName::parse(name) ? 1 : 0;
        for (const auto streams = store.streams(); const auto& stream : *streams)
            rows += store.objects(stream.id, 0, UINT32_MAX)->size();
        failures.check(files == rows, "drain left a file");
        for (const auto state :
             {ObjectState::growing, ObjectState::garbage, ObjectState::quarantined})
            failures.check(store.in_state(syncer->directory(), state)->empty(), "drain left a row");
    }
    Log& log() { return *recorder.log; }

    Failures& failures;
    SyncerOptions options;
    /// Below the time after which idle threads look again by themselves.
    std::chrono::nanoseconds most = 900ms;
    MonotonicTime begun = StepClock{}.monotonic();
    Fs fs;
    MemoryStore store;
    Recorder recorder;
    Committer<MemoryStore, StepClock, StepThreads> committer{store, StepClock{}, StepThreads{}};
    std::optional<Syncer> syncer;
    StreamId door;
};

/// As small as it gets: no marks.
constexpr SyncerOptions plain{.mark_interval = 0s};

/// Systematically up to `with.preemptions`, as far as `max_runs` goes, then by chance.
template <class Body>
void explore(const SyncerOptions& options, const testing::ScheduleOptions& with, Body body) {
    const auto report = testing::explore_schedules(
        [&](Failures& failures) {
            Stage stage{failures, options};
            body(stage);
        },
        with);
    BOOST_TEST_MESSAGE(report);
    BOOST_TEST(report.found.empty(), report);
    BOOST_TEST((report.exhaustive || with.replay));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(engine_schedules)

BOOST_AUTO_TEST_CASE(an_object_is_written_and_waited_for) {
    explore(plain, {.preemptions = 2, .max_runs = 200'000, .seeds = 1000}, [](Stage& stage) {
        auto writer = stage.writer(stage.door);
        const auto running = run_all(stage.committer, *stage.syncer);
        stage.append(writer, 0);
        const auto id = *writer.end();
        if (stage.ok(stage.syncer->wait(id, 10s), "wait")) stage.check_content(id, 0, 1);
    });
}

BOOST_AUTO_TEST_CASE(one_thread_is_missing_and_whoever_waits_does_its_work) {
    for (const bool has_committer : {false, true})
        explore(plain, {.preemptions = 2, .max_runs = 50'000, .seeds = 1000}, [&](Stage& stage) {
            auto writer = stage.writer(stage.door);
            const auto running = has_committer ? stage.committer.start() : stage.syncer->start();
            stage.append(writer, 0);
            const auto id = *writer.end();
            if (stage.ok(stage.syncer->wait(id, 10s), "wait")) stage.check_content(id, 0, 1);
        });
}

BOOST_AUTO_TEST_CASE(threads_stop_while_somebody_waits) {
    explore(plain, {.preemptions = 1, .max_runs = 50'000, .seeds = 3000}, [](Stage& stage) {
        auto writer = stage.writer(stage.door);
        auto running = std::make_optional<Stage::Thread>(stage.syncer->start());
        auto committing = std::make_optional<Stage::Thread>(stage.committer.start());
        const Stage::Thread recording{[&](std::stop_token) {
            stage.append(writer, 0);
            const auto id = *writer.end();
            if (stage.ok(stage.syncer->wait(id, 10s), "wait")) stage.check_content(id, 0, 1);
        }};
        running.reset();
        committing.reset();
    });
}

BOOST_AUTO_TEST_CASE(a_growing_object_is_read_while_it_is_written) {
    explore(plain, {.preemptions = 1, .max_runs = 50'000, .seeds = 1000}, [](Stage& stage) {
        constexpr std::size_t size = 40'000;  // the second makes the worker write
        auto writer = stage.writer(stage.door);
        const auto running = run_all(stage.committer, *stage.syncer);
        const Stage::Thread reading{[&](std::stop_token) {
            for (int i = 0; i < 3; ++i)
                for (const auto& view : stage.syncer->reader().growing(stage.door)) {
                    std::vector<std::byte> all(static_cast<std::size_t>(view.size.value));
                    auto got = stage.syncer->reader().read_growing(view.id, all, 0);
                    if (got) {
                        stage.failures.check(all == Bench::joined(0, all.size() / size, size),
                                             "a growing object is not what was appended");
                    } else if (!got.error().is(Errc::object_unknown)) {
                        stage.ok(got, "read_growing");
                    }
                }
        }};
        for (std::size_t n = 0; n < 3; ++n) stage.append(writer, n, size);
        const auto id = *writer.end();
        if (stage.ok(stage.syncer->wait(id, 10s), "wait")) stage.check_content(id, 0, 3, size);
    });
}

BOOST_AUTO_TEST_CASE(objects_are_deleted_while_they_are_read) {
    explore(plain, {.preemptions = 1, .max_runs = 50'000, .seeds = 3000}, [](Stage& stage) {
        auto writer = stage.writer(stage.door);
        std::vector<ObjectId> ids;
        for (std::size_t n = 0; n < 2; ++n) {
            stage.append(writer, n * 2);
            ids.push_back(*writer.end());
        }
        stage.ok(stage.committer.flush(10s), "flush");
        const auto running = run_all(stage.committer, *stage.syncer);
        const Stage::Thread reading{[&](std::stop_token) {
            for (std::size_t n = 0; n < 2; ++n)
                if (const auto all = stage.content(ids[n]))
                    stage.failures.check(*all == Bench::bytes(n * 2, 500),
                                         "a deleted object was read");
        }};
        stage.ok(stage.committer.lower_retention(stage.door, Bytes{}), "lower_retention");
        stage.check_quiet();
        stage.failures.check(stage.store.objects(stage.door, 0, UINT32_MAX)->empty(),
                             "not all was deleted");
    });
}

BOOST_AUTO_TEST_CASE(a_writer_without_room_waits) {
    const SyncerOptions options{.memory = 128_KiB, .mark_interval = 0s};
    explore(options, {.preemptions = 1, .max_runs = 50'000, .seeds = 1000}, [](Stage& stage) {
        constexpr std::size_t size = 60'000;
        auto writer = stage.writer(stage.door);
        const auto running = run_all(stage.committer, *stage.syncer);
        for (std::size_t n = 0; n < 4; ++n) stage.append(writer, n, size);
        const auto id = *writer.end();
        if (stage.ok(stage.syncer->wait(id, 10s), "wait")) stage.check_content(id, 0, 4, size);
    });
}

BOOST_AUTO_TEST_CASE(a_writer_that_is_ahead_of_its_numbers_waits) {
    explore(plain, {.preemptions = 1, .max_runs = 20'000, .seeds = 1000}, [](Stage& stage) {
        auto writer = stage.writer(stage.door);
        const auto running = run_all(stage.committer, *stage.syncer);
        std::vector<ObjectId> ids;
        for (std::size_t n = 0; n < 10; ++n) {
            stage.append(writer, n * 2);
            ids.push_back(*writer.end());
        }
        stage.ok(stage.committer.flush(10s), "flush");
        for (std::size_t n = 0; n < 10; ++n)
            stage.failures.check(stage.content(ids[n]) == Bench::bytes(n * 2, 500),
                                 "flush came too early");
    });
}

BOOST_AUTO_TEST_CASE(a_writer_without_room_drops_whole_groups) {
    const SyncerOptions options{
        .memory = 128_KiB, .when_full = WhenFull::drop, .mark_interval = 0s};
    explore(options, {.preemptions = 1, .max_runs = 50'000, .seeds = 1000}, [](Stage& stage) {
        constexpr std::size_t size = 60'000;
        auto writer = stage.writer(stage.door);
        const auto running = run_all(stage.committer, *stage.syncer);
        for (std::size_t n = 0; n < 6; ++n) stage.append(writer, n, size);
        (void)writer.end();
        stage.check_quiet();
        // What is there are records in order, each part of it beginning with a group.
        std::size_t kept = 0, next = 0;
        const auto rows = stage.store.objects(stage.door, 0, UINT32_MAX);
        for (const auto& row : *rows) {
            const auto all = stage.content(row.id);
            if (!all) continue;
            const auto count = all->size() / size;
            while (next < 6 && *all != Bench::joined(next, next + count, size)) next += 2;
            stage.failures.check(next < 6, "what was kept is not what was appended");
            next += count + count % 2;
            kept += count;
        }
        stage.failures.check(kept + stage.log().dropped == 6,
                             "records were neither kept nor told of");
    });
}

BOOST_AUTO_TEST_CASE(a_sync_fails_and_the_next_writer_gets_other_numbers) {
    explore(plain, {.preemptions = 1, .max_runs = 50'000, .seeds = 2000}, [](Stage& stage) {
        stage.fs.plan().add({Call::sync, 1, false, EIO, testing::Fault::Effect::fail});
        const auto running = run_all(stage.committer, *stage.syncer);
        ObjectId first, second;
        {
            auto writer = stage.writer(stage.door);
            stage.append(writer, 0);
            first = *writer.end();
        }
        {
            auto writer = stage.writer(stage.door);
            stage.append(writer, 2);
            second = *writer.end();
        }
        const auto waited = stage.syncer->wait(second, 10s);
        const auto lost = stage.syncer->wait(first, 10s);
        stage.failures.check(waited.has_value() != lost.has_value(),
                             "one sync failed, and not one object");
        stage.check_quiet();
        std::vector<std::vector<std::byte>> found;
        const auto rows = stage.store.objects(stage.door, 0, UINT32_MAX);
        for (const auto& row : *rows)
            if (auto all = stage.content(row.id)) found.push_back(std::move(*all));
        std::ranges::sort(found);
        std::vector expected{Bench::bytes(0, 500), Bench::bytes(2, 500)};
        std::ranges::sort(expected);
        stage.failures.check(found == expected, "not all records are there once");
    });
}

BOOST_AUTO_TEST_CASE(two_flushes_at_once_hurry_both) {
    explore(plain, {.preemptions = 1, .max_runs = 50'000, .seeds = 3000}, [](Stage& stage) {
        const auto yard = *stage.store.stream("yard");
        auto one = stage.writer(stage.door, {.flush_interval = 1h});
        auto other = stage.writer(yard, {.flush_interval = 1h});
        const auto running = run_all(stage.committer, *stage.syncer);
        const auto record = [&](Stage::Writer& writer) {
            stage.append(writer, 0);
            const auto id = *writer.end();
            stage.ok(stage.committer.flush(10s), "flush");
            stage.check_content(id, 0, 1);
        };
        const Stage::Thread second{[&](std::stop_token) { record(other); }};
        record(one);
    });
}

BOOST_AUTO_TEST_CASE(a_syncer_goes_while_another_thread_flushes) {
    explore(plain, {.preemptions = 1, .max_runs = 50'000, .seeds = 1000}, [](Stage& stage) {
        auto other = std::make_optional(stage.open("/sim/other"));
        const auto yard = *stage.store.stream("yard");
        const auto committing = stage.committer.start();
        const Stage::Thread flushing{[&](std::stop_token) {
            // What the syncer takes along is told.
            const auto done = stage.committer.flush(10s);
            if (done || !done.error().is(Errc::stop_requested)) stage.ok(done, "flush");
        }};
        {
            auto writer = *other->writer(yard);
            stage.append(writer, 0);
            (void)writer.end();
        }
        other.reset();
    });
}

BOOST_AUTO_TEST_SUITE_END()
