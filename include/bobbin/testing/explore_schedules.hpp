#ifndef BOBBIN_TESTING_EXPLORE_SCHEDULES_HPP
#define BOBBIN_TESTING_EXPLORE_SCHEDULES_HPP

#include <bobbin/testing/failures.hpp>
#include <bobbin/testing/scheduler.hpp>

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing {

struct ScheduleOptions {
    unsigned preemptions = 2;         ///< how often a thread that could go on is held up
    std::uint64_t max_runs = 10'000;  ///< of the systematic search
    std::uint64_t seeds = 0;          ///< runs by chance after it
    std::optional<std::string> replay{};
};

struct ScheduleReport {
    std::uint64_t runs = 0;
    bool exhaustive = true;  ///< up to `preemptions`
    std::map<std::string, std::string>
        found;  ///< messages, and the schedule that first showed each

    friend std::ostream& operator<<(std::ostream& out, const ScheduleReport& report) {
        out << report.runs << " schedules" << (report.exhaustive ? " (exhaustive), " : ", ")
            << report.found.size() << " violations";
        for (const auto& [message, schedule] : report.found)
            out << "\n  " << message << "\n    replay " << schedule;
        return out;
    }
};

/// Runs `body(failures)` under all schedules with few preemptions, then under random ones. The body
/// makes all it needs, threads included, anew each time.
template <class Body>
ScheduleReport explore_schedules(Body body, const ScheduleOptions& options = {}) {
    ScheduleReport report;
    const auto run = [&](StepScheduler::Options with) {
        StepScheduler scheduler{std::move(with)};
        Failures failures;
        try {
            scheduler.run([&] { body(failures); });
        } catch (const StepDeadlock&) {  // among the scheduler's failures
        } catch (const std::exception& e) {
            failures.add(std::string{"thread 0 threw: "} + e.what());
        }
        ++report.runs;
        const auto line = to_string(scheduler.schedule());
        for (const auto& message : failures.messages()) report.found.emplace(message, line);
        for (const auto& message : scheduler.failures()) report.found.emplace(message, line);
        return scheduler.choices();
    };
    if (options.replay) {
        report.exhaustive = false;
        (void)run({.schedule = parse_schedule(*options.replay)});
        return report;
    }

    struct Prefix {
        StepSchedule schedule;
        unsigned preemptions = 0;
    };
    std::vector<Prefix> open{{}};
    while (!open.empty() && report.runs < options.max_runs) {
        const auto prefix = std::move(open.back());
        open.pop_back();
        const auto choices = run({.schedule = prefix.schedule});
        // Past the prefix the running thread went on; each other choice there is a new run.
        StepSchedule taken;
        for (std::size_t i = 0; i < choices.size(); ++i) {
            const auto& choice = choices[i];
            const auto cost = prefix.preemptions + (choice.running ? 1u : 0u);
            if (i >= prefix.schedule.size() && cost <= options.preemptions)
                for (const auto other : choice.runnable)
                    if (other != choice.taken) {
                        auto next = taken;
                        next.push_back(other);
                        open.push_back({std::move(next), cost});
                    }
            taken.push_back(choice.taken);
        }
    }
    report.exhaustive = open.empty();
    for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) (void)run({.seed = seed});
    return report;
}

}  // namespace bobbin::testing

#endif
