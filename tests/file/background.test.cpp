#include <bobbin/file/background.hpp>

#include <bobbin/file/no_op.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/conformance/file_policy.hpp>
#include <bobbin/testing/explore_schedules.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/step_threads.hpp>

#include <boost/test/unit_test.hpp>

#include "files.hpp"
#include "older_writeback.hpp"
#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using bobbin_tests::Files;
using bobbin_tests::read;
using namespace std::chrono_literals;

namespace {

BackgroundOptions small(bool with_ring) {
    BackgroundOptions options;
    options.writeback.cap = 256_KiB;
    if (with_ring) options.ring = Bytes{10'007};
    return options;
}

template <class F, class Lower>
F over(Lower lower, const BackgroundOptions& options) {
    if constexpr (std::is_constructible_v<F, Lower, const BackgroundOptions&>)
        return F{std::move(lower), options};
    else
        return F{NoOp{std::move(lower)}, options};
}
template <class F, class Fs>
void conforms(Files<Fs> files) {
    for (const bool ring : {false, true})
        for (const auto& line : conformance::file_policy<F>(
                 [&] { return over<F>(files.make(), small(ring)); }, [](F& f) { return read(f); }))
            BOOST_ERROR(line);
}

// A disk whose write-back and syncs do not come back before it is told so.
class HungFs : public FaultyFs<SimFs> {
public:
    Result<void> wait_writeback(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept {
        hang();
        return FaultyFs::wait_writeback(h, offset, size);
    }
    Result<std::size_t> write_at(FileHandle h, ByteView from, std::uint64_t offset) noexcept {
        if (gate_->holds_writes) hang();
        return FaultyFs::write_at(h, from, offset);
    }
    Result<void> sync(FileHandle h) noexcept {
        hang();
        return FaultyFs::sync(h);
    }
    void hangs(bool writes_too = false) {
        const std::lock_guard lock{gate_->mutex};
        gate_->is_shut = true;
        gate_->holds_writes = writes_too;
    }
    void comes_back() {
        const std::lock_guard lock{gate_->mutex};
        gate_->is_shut = false;
        gate_->opened.notify_all();
    }

private:
    struct Gate {
        StepThreads::Mutex mutex;
        StepThreads::Condition opened;
        bool is_shut = false, holds_writes = false;
    };
    void hang() noexcept {
        std::unique_lock lock{gate_->mutex};
        while (gate_->is_shut) gate_->opened.wait_for(lock, 24h * 1000);
    }
    std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

using Stepped = Background<File<HungFs>, StepThreads, StepClock>;
const std::string text(3'000'000, 'x');

template <class Body>
void scheduled(Body body) {
    StepScheduler scheduler;
    scheduler.run(body);
    for (const auto& failure : scheduler.failures()) BOOST_ERROR(failure);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(file_background)

BOOST_AUTO_TEST_CASE(conforms_with_and_without_a_ring) {
    const bobbin_tests::TemporaryDirectory disk, memory{"/dev/shm"};
    conforms<Background<PosixFile>>(Files<PosixFs>{disk / "d"});
    conforms<Background<NoOp<PosixFile>>>(Files<PosixFs>{disk / "e"});
    conforms<Background<PosixFile>>(Files<PosixFs>{memory / "d"});
    conforms<Background<SimFile>>(Files<SimFs>{"/sim/d"});
    BOOST_TEST(abandoned_workers() == 0u);
}

BOOST_AUTO_TEST_CASE(the_cap_holds) {
    for (const bool ring : {false, true})
        scheduled([&] {
            Files<HungFs> files{"/sim/d"};
            Stepped file{files.make(), small(ring)};
            for (int i = 0; i < 60; ++i) {
                BOOST_TEST(*file.append(as_bytes(text).first(50'000)) == 50'000u);
                const auto status = *lowest_layer(file).cache_status();
                BOOST_TEST((status.dirty + status.writeback <= 256_KiB));
            }
            BOOST_TEST(file.write_at(as_bytes("HEAD"), 0).has_value());
            BOOST_TEST(static_cast<bool>(file.sync()));
            BOOST_TEST(file.report().back_patches == 1u);
            BOOST_TEST(file.report().written.value == 3'000'004u);
            BOOST_TEST(lowest_layer(file).cache_status()->cached.value == 4096u);  // it goes on there
            BOOST_TEST(read(file).substr(0, 5) == "HEADx");
            BOOST_TEST(file.close().has_value());
        });
}

BOOST_AUTO_TEST_CASE(blocks_are_given_back) {
    for (const bool ring : {false, true})
        for (const bool refused : {false, true}) {
            SimFs fs;
            Files<SimFs> files{"/sim/d", fs};
            auto lower = files.make();
            auto watching = *lower.reopen();
            if (refused) fs.set_quota(1_MiB);
            auto options = small(ring);
            options.writeback.expected_size = 64_MiB;
            Background file{std::move(lower), options};
            BOOST_TEST((file.append(as_bytes("bytes")) && file.sync()));
            BOOST_TEST((fs.preallocated(watching.handle()) != Bytes{}) == !refused);
            BOOST_TEST(file.close().has_value());
            BOOST_TEST((fs.preallocated(watching.handle()) == Bytes{}));
            BOOST_TEST(watching.status()->size.value == 5u);
        }
}

BOOST_AUTO_TEST_CASE(bad_input_is_told) {
    Files<SimFs> files{"/sim/d"};
    for (const auto cap : {0_B, 4_KiB}) {
        BackgroundOptions options;
        options.writeback.cap = cap;
        BOOST_TEST(
            Background<SimFile>::open(files.make(), options).error().is(Errc::invalid_argument));
        Background file{files.make(), options};
        BOOST_TEST(file.append(as_bytes("x")).error().is(Errc::invalid_argument));
        BOOST_TEST((file.sync().outcome() == SyncResult::Outcome::not_attempted));
    }
    BackgroundOptions huge;
    huge.ring = Bytes{UINT64_MAX / 2};
    BOOST_TEST(Background<SimFile>::open(files.make(), huge).error().is(Errc::out_of_memory));
    Background file{files.make()};
    BOOST_TEST((file.write_at(as_bytes("xx"), INT64_MAX).error().kind() == ErrorKind::bad_input));
    BOOST_TEST((file.close() && file.close() && !file.append(as_bytes("x"))));
}

BOOST_AUTO_TEST_CASE(the_cap_holds_in_every_schedule) {
    const auto report = explore_schedules(
        [&](Failures& failures) {
            Files<HungFs> files{"/sim/d"};
            Stepped file{files.make(), small(false)};
            for (int i = 0; i < 8; ++i) {
                failures.check(file.append(as_bytes(text).first(100'000)).has_value(), "not taken");
                const auto status = *lowest_layer(file).cache_status();
                failures.check(status.dirty + status.writeback <= 256_KiB, "over the cap");
            }
        },
        {.preemptions = 2, .max_runs = 500, .seeds = 200});
    BOOST_TEST(report.found.empty(), report);
}

// The hang gate: no call outlasts its deadline, while the design before never comes back.
BOOST_AUTO_TEST_CASE(a_hung_disk_holds_nobody_up) {
    for (const bool ring : {false, true})
        scheduled([&] {
            HungFs fs;
            Files<HungFs> files{"/sim/d", fs};
            auto options = small(ring);
            options.writeback.wait_deadline = 2s;
            options.writeback.sync_deadline = 5s;
            {
                Stepped file{files.make(), options};
                BOOST_TEST(file.append(as_bytes("first")).has_value());
                BOOST_TEST(file.flush().has_value());
                fs.hangs(ring);
                const StepClock clock;
                const auto timed = [&](std::chrono::nanoseconds limit, auto call) {
                    const auto start = clock.monotonic();
                    auto result = call();
                    BOOST_TEST((clock.monotonic() - start <= limit));
                    return result;
                };
                std::size_t taken = 0;
                const auto got = timed(2s, [&] { return file.append(as_bytes(text)); });
                taken = got.value_or(std::size_t{0});
                BOOST_TEST(taken < text.size());
                const auto again = timed(0s, [&] { return file.append(as_bytes(text)); });
                BOOST_TEST((again.error().kind() == ErrorKind::stalled));
                BOOST_TEST(file.report().degraded_since.has_value());
                const auto synced = timed(5s, [&] { return file.sync(); });
                BOOST_TEST((synced.outcome() == SyncResult::Outcome::timed_out));
                BOOST_TEST(!synced);
                if (ring) BOOST_TEST(!timed(2s, [&] { return file.flush(); }));

                fs.comes_back();
                BOOST_TEST(static_cast<bool>(file.sync()));
                BOOST_TEST(!file.report().degraded_since.has_value());
                BOOST_TEST(*file.append(as_bytes("more")) == 4u);
                BOOST_TEST((file.sync() && file.size().value == 5 + taken + 4));
                BOOST_TEST(lowest_layer(file).status()->size.value == 5 + taken + 4);
                fs.hangs(ring);
                BOOST_TEST(file.append(as_bytes(text).first(200'000)).has_value());
                const auto closed = timed(2s, [&] { return file.close(); });
                BOOST_TEST((closed.error().kind() == ErrorKind::stalled));
            }
            BOOST_TEST(abandoned_workers() == 1u);
            {
                auto few = options;
                few.most_abandoned = 1;
                Stepped file{files.make(), few};
                BOOST_TEST(!file.has_worker());
                BOOST_TEST((file.report().mode ==
                            ModeChoice{WriteMode::kick_only, WriteModeReason::no_worker}));
                fs.comes_back();
                BOOST_TEST((file.append(as_bytes(text)) && file.sync()));
                BOOST_TEST(file.report().drops == 0u);
            }
            StepClock{}.sleep_for(1s);
            BOOST_TEST(abandoned_workers() == 0u);
            BOOST_TEST(ground_of(fs).open_handles() == 1u);
        });
}

BOOST_AUTO_TEST_CASE(the_design_before_hangs_with_the_disk) {
    scheduled([&] {
        HungFs fs;
        Files<HungFs> files{"/sim/d", fs};
        bool is_back = false;
        bobbin_tests::OlderWriteback<File<HungFs>, StepClock, StepThreads> older{files.make()};
        fs.hangs();
        StepThreads::Thread caller{[&](std::stop_token) {
            for (int i = 0; i < 40; ++i) (void)older.append(as_bytes(text));
            is_back = true;
        }};
        StepClock{}.sleep_for(24h);
        BOOST_TEST(!is_back);
        fs.comes_back();
        caller.join();
        BOOST_TEST(is_back);
    });
}

BOOST_AUTO_TEST_CASE(a_stop_ends_a_wait) {
    scheduled([&] {
        HungFs fs;
        Files<HungFs> files{"/sim/d", fs};
        std::stop_source stop;
        auto options = small(true);
        options.stop = stop.get_token();
        Stepped file{files.make(), options};
        fs.hangs(true);
        StepThreads::Thread other{[&](std::stop_token) {
            StepClock{}.sleep_for(3s);
            stop.request_stop();
        }};
        const auto start = StepClock{}.monotonic();
        BOOST_TEST(*file.append(as_bytes(text)) == 10'007u);
        BOOST_TEST((StepClock{}.monotonic() - start == 3s));
        BOOST_TEST((file.append(as_bytes("x")).error().kind() == ErrorKind::cancelled));
        BOOST_TEST((file.sync().outcome() == SyncResult::Outcome::cancelled));
        fs.comes_back();
        other.join();
    });
}

struct Counting : StdThreads {
    static inline std::atomic<int> started = 0;
    struct Thread : std::jthread {
        template <class F>
        explicit Thread(F f) : std::jthread{std::move(f)} {
            ++started;
        }
    };
};

// One thread for the life of a file, where the design before starts one for each wait.
BOOST_AUTO_TEST_CASE(there_is_one_thread) {
    Files<SimFs> files{"/sim/d"};
    {
        Background<SimFile, Counting> file{files.make()};
        for (int i = 0; i < 60; ++i) BOOST_TEST(file.append(as_bytes(text)).has_value());
        BOOST_TEST(static_cast<bool>(file.sync()));
        BOOST_TEST(file.report().waits > 5u);
    }
    BOOST_TEST(Counting::started == 1);
    bobbin_tests::OlderWriteback<SimFile, SystemClock, Counting> older{files.make()};
    for (int i = 0; i < 60; ++i) BOOST_TEST(older.append(as_bytes(text)).has_value());
    BOOST_TEST(Counting::started >= 1 + 4);
}

BOOST_AUTO_TEST_CASE(errors_are_latched_and_told) {
    for (const bool ring : {false, true})
        for (const auto call : {Call::wait_writeback, Call::sync})
            scheduled([&] {
                HungFs fs;
                Files<HungFs> files{"/sim/d", fs};
                Stepped file{files.make(), small(ring)};
                fs.plan().add({call, 1, false, EIO});
                for (int i = 0; i < 40 && file.append(as_bytes(text).first(30'000)); ++i) {}
                BOOST_TEST((file.sync().outcome() == SyncResult::Outcome::failed));
                BOOST_TEST((file.sync().outcome() == SyncResult::Outcome::failed));
                BOOST_TEST(file.fault().has_value());
                BOOST_TEST((file.append(as_bytes("x")).error().kind() == ErrorKind::lost_write));
                BOOST_TEST(!file.close());
            });
}

BOOST_AUTO_TEST_CASE(a_full_disk_keeps_the_bytes_in_the_ring) {
    scheduled([&] {
        HungFs fs;
        Files<HungFs> files{"/sim/d", fs};
        auto options = small(true);
        options.ring = 100_KiB;
        Stepped file{files.make(), options};
        ground_of(fs).set_quota(Bytes{0});
        BOOST_TEST(*file.append(as_bytes(text).first(50'000)) == 50'000u);
        BOOST_TEST(file.flush().error().is_errno(ENOSPC));
        BOOST_TEST((file.sync().outcome() == SyncResult::Outcome::not_attempted));
        BOOST_TEST(file.append(as_bytes("x")).error().is_errno(ENOSPC));
        BOOST_TEST(!file.fault().has_value());
        ground_of(fs).set_quota(1_GiB);
        // What the worker met meanwhile is told before.
        auto synced = file.sync();
        BOOST_TEST((synced && read(file) == text.substr(0, 50'000)));
    });
}

BOOST_AUTO_TEST_CASE(whatever_the_schedule_bytes_arrive_in_order) {
    for (const bool ring : {false, true}) {
        const auto report = explore_schedules(
            [&](Failures& failures) {
                HungFs fs;
                Files<HungFs> files{"/sim/d", fs};
                auto options = small(ring);
                if (ring) options.ring = Bytes{7};
                Stepped file{files.make(), options};
                std::string all;
                for (int i = 0; i < 3; ++i) {
                    const std::string part(5, static_cast<char>('a' + i));
                    failures.check(file.append(as_bytes(part)).value_or(std::size_t{0}) == 5,
                                   "short");
                    all += part;
                }
                failures.check(file.write_at(as_bytes("P"), 4).has_value(), "not patched");
                all[4] = 'P';
                failures.check(static_cast<bool>(file.sync()), "not durable");
                failures.check(read(file) == all, "other bytes");
                failures.check(file.close().has_value(), "not closed");
            },
            {.preemptions = 1, .max_runs = 3000, .seeds = 300});
        BOOST_TEST(report.found.empty(), report);
        BOOST_TEST(report.runs > 100u);
    }
}

BOOST_AUTO_TEST_SUITE_END()
