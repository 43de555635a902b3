#include <bobbin/testing/explore_schedules.hpp>
#include <bobbin/testing/scheduler.hpp>
#include <bobbin/testing/step_threads.hpp>

#include <boost/test/unit_test.hpp>

using namespace bobbin;
using namespace bobbin::testing;
using namespace std::chrono_literals;

namespace {

using Lock = std::unique_lock<StepThreads::Mutex>;

// Two threads add to a number; `whole` holds the lock over reading and writing.
void count(Failures& failures, bool whole) {
    StepThreads::Mutex mutex;
    int number = 0;
    const auto add = [&](std::stop_token) {
        if (whole) {
            const Lock lock{mutex};
            ++number;
            return;
        }
        int read = 0;
        {
            const Lock lock{mutex};
            read = number;
        }
        const Lock lock{mutex};
        number = read + 1;
    };
    { const StepThreads::Thread one{add}, two{add}; }
    failures.check(number == 2, "an addition was lost");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(testing_scheduler)

BOOST_AUTO_TEST_CASE(a_race_is_found_and_replayed) {
    const auto racy = [](Failures& failures) { count(failures, false); };
    const auto report = explore_schedules(racy);
    BOOST_TEST(report.exhaustive);
    BOOST_REQUIRE(report.found.contains("an addition was lost"));
    const auto again = explore_schedules(racy, {.replay = report.found.at("an addition was lost")});
    BOOST_TEST(again.runs == 1u);
    BOOST_TEST(again.found.contains("an addition was lost"), again);
}

BOOST_AUTO_TEST_CASE(a_correct_program_passes_all_schedules) {
    const auto report = explore_schedules([](Failures& failures) { count(failures, true); },
                                          {.preemptions = 3, .seeds = 100});
    BOOST_TEST(report.exhaustive);
    BOOST_TEST(report.found.empty(), report);
    BOOST_TEST(report.runs > 110u, report);
}

BOOST_AUTO_TEST_CASE(chance_finds_it_too_and_a_seed_repeats_it) {
    const auto schedule_of = [](std::uint64_t seed) {
        StepScheduler scheduler{{.seed = seed}};
        Failures failures;
        scheduler.run([&] { count(failures, false); });
        return to_string(scheduler.schedule()) + (failures.empty() ? "" : " lost");
    };
    bool lost = false;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        BOOST_TEST(schedule_of(seed) == schedule_of(seed));
        lost = lost || schedule_of(seed).ends_with(" lost");
    }
    BOOST_TEST(lost);
}

BOOST_AUTO_TEST_CASE(a_deadlock_is_found_and_the_run_ends) {
    const auto report = explore_schedules([](Failures&) {
        StepThreads::Mutex a, b;
        const auto take = [](StepThreads::Mutex& first, StepThreads::Mutex& second) {
            return [&](std::stop_token) {
                const Lock outer{first};
                const Lock inner{second};
            };
        };
        const StepThreads::Thread one{take(a, b)}, two{take(b, a)};
    });
    BOOST_TEST(report.found.contains("deadlock of threads 0 1 2"), report);
}

BOOST_AUTO_TEST_CASE(waiting_takes_virtual_time_only) {
    StepScheduler scheduler;
    const StepClock clock;
    scheduler.run([&] {
        StepThreads::Mutex mutex;
        StepThreads::Condition condition;
        const auto begun = clock.monotonic();
        Lock lock{mutex};
        condition.wait_for(lock, 10h);
        BOOST_TEST((clock.monotonic() - begun == 10h));
        clock.sleep_for(1s);
        BOOST_TEST((clock.monotonic() - begun == 10h + 1s));
        BOOST_TEST((clock.realtime() > WallNanoseconds{std::chrono::days{20'000}}));
    });
    BOOST_TEST(scheduler.failures().empty());
}

BOOST_AUTO_TEST_CASE(a_notification_comes_before_the_deadline) {
    const auto report = explore_schedules([](Failures& failures) {
        StepThreads::Mutex mutex;
        StepThreads::Condition condition;
        bool ready = false;
        const auto begun = StepClock{}.monotonic();
        const StepThreads::Thread producer{[&](std::stop_token) {
            const Lock lock{mutex};
            ready = true;
            condition.notify_all();
        }};
        Lock lock{mutex};
        while (!ready) condition.wait_for(lock, 1h);
        failures.check(StepClock{}.monotonic() - begun < 1h, "the notification was missed");
    });
    BOOST_TEST(report.found.empty(), report);
    BOOST_TEST(report.exhaustive);
}

BOOST_AUTO_TEST_CASE(a_missed_notification_is_found) {
    const auto report = explore_schedules([](Failures& failures) {
        StepThreads::Mutex mutex;
        StepThreads::Condition condition;
        bool ready = false;
        const auto begun = StepClock{}.monotonic();
        const StepThreads::Thread producer{[&](std::stop_token) {
            {
                const Lock lock{mutex};
                ready = true;
            }
            condition.notify_all();
        }};
        bool seen = false;
        {
            const Lock lock{mutex};
            seen = ready;
        }
        Lock lock{mutex};
        if (!seen) condition.wait_for(lock, 1h);
        failures.check(StepClock{}.monotonic() - begun < 1h, "the notification was missed");
    });
    BOOST_TEST(report.found.contains("the notification was missed"), report);
}

BOOST_AUTO_TEST_CASE(threads_stop_when_destroyed) {
    StepScheduler scheduler{{.seed = 3}};
    int stopped = 0;
    scheduler.run([&] {
        StepThreads::Thread kept;
        for (int i = 0; i < 3; ++i) {
            StepThreads::Thread made{[&](std::stop_token token) {
                while (!token.stop_requested()) StepClock{}.sleep_for(1ms);
                ++stopped;
            }};
            kept = std::move(made);
        }
    });
    BOOST_TEST(stopped == 3);
    BOOST_TEST(scheduler.failures().empty());
}

BOOST_AUTO_TEST_CASE(a_stop_callback_may_take_a_mutex) {
    const auto report = explore_schedules([](Failures& failures) {
        StepThreads::Mutex mutex;
        StepThreads::Condition condition;
        const auto begun = StepClock{}.monotonic();
        {
            const StepThreads::Thread thread{[&](std::stop_token token) {
                bool is_woken = false;
                const std::stop_callback wake{token, [&] {
                                                  const Lock lock{mutex};
                                                  is_woken = true;
                                                  condition.notify_all();
                                              }};
                Lock lock{mutex};
                while (!token.stop_requested())
                    if (!is_woken) condition.wait_for(lock, 1h);
            }};
        }
        failures.check(StepClock{}.monotonic() - begun < 1h, "the stop was missed");
    });
    BOOST_TEST(report.exhaustive);
    BOOST_TEST(report.found.empty(), report);
}

BOOST_AUTO_TEST_CASE(what_is_thrown_comes_out) {
    const auto report = explore_schedules([](Failures&) {
        {
            const StepThreads::Thread thread{
                [](std::stop_token) { throw std::runtime_error{"oh"}; }};
        }
        throw std::runtime_error{"no"};
    });
    BOOST_TEST(report.found.contains("thread 1 threw: oh"), report);
    BOOST_TEST(report.found.contains("thread 0 threw: no"), report);
}

BOOST_AUTO_TEST_CASE(a_run_without_end_is_cut_off) {
    StepScheduler scheduler{{.most_choices = 1000}};
    scheduler.run([&] {
        StepThreads::Mutex mutex;
        const auto spin = [&](std::stop_token) {
            for (;;) {
                const Lock lock{mutex};
            }
        };
        const StepThreads::Thread one{spin}, two{spin};
    });
    BOOST_REQUIRE(!scheduler.failures().empty());
    BOOST_TEST(scheduler.failures().front() == "no end after 1000 choices");
}

BOOST_AUTO_TEST_CASE(a_schedule_is_text_and_back) {
    for (const StepSchedule& schedule :
         {StepSchedule{}, StepSchedule{0}, StepSchedule{0, 0, 1, 12, 12, 12, 0}})
        BOOST_TEST((parse_schedule(to_string(schedule)) == schedule));
    BOOST_TEST(to_string(StepSchedule{0, 0, 1}) == "0*2.1");
    BOOST_CHECK_THROW(parse_schedule("0;1"), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(outside_a_run_there_is_one_thread) {
    StepThreads::Mutex mutex;
    StepThreads::Condition condition;
    Lock lock{mutex};
    condition.wait_for(lock, 10h);
    condition.notify_all();
    BOOST_TEST(!mutex.try_lock());
}

BOOST_AUTO_TEST_SUITE_END()
