#ifndef BOBBIN_TESTS_ENGINE_JUDGE_HPP
#define BOBBIN_TESTS_ENGINE_JUDGE_HPP

#include "mutant.hpp"
#include "scenario.hpp"

#include <bobbin/testing/explorer.hpp>
#include <bobbin/testing/inject_faults.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace engine_tests {

struct Verdict {
    bool is_found = false;
    std::size_t hits = 0;
    std::string why = "nothing";
};

/// Runs the scenarios until one finds the mutant, with more effort each time around: the run and its
/// order alone, then crashes, then crashes in recoveries.
inline Verdict judge(const Mutant& living) {
    Verdict verdict;
    const Mutating mutating{living};
    // What does no harm needs no more than a look.
    const auto most = excuse(living) ? std::uint64_t{60} : 300;
    for (const auto& [depth, states] : {std::pair{0u, std::uint64_t{0}}, {1u, most}, {2u, 5 * most}}) {
        if (excuse(living) && depth > 1) break;
        for (auto& scenario : engine_scenarios()) {
            const auto before = mutant_hits;
            testing::ExploreReport report;
            if (depth == 0) {
                try {
                    SimFs fs{scenario.disk};
                    scenario.prepare(fs);
                    fs.settle();
                    Promise promise;
                    scenario.run(fs, promise);
                } catch (const std::exception& error) {
                    report.add(error.what(), {});
                }
            } else {
                report = testing::explore(scenario, {.depth = depth,
                                                     .disk = scenario.disk,
                                                     .exhaustive_limit = 100,
                                                     .samples = 10,
                                                     .max_states = states});
            }
            verdict.hits = mutant_hits;
            if (report.violations == 0 || mutant_hits == before) continue;
            verdict.is_found = true;
            verdict.why = std::string{scenario.name} + (depth == 0 ? ", without a crash: " : ": ") +
                          report.found.begin()->first;
            return verdict;
        }
    }
    return verdict;
}

}  // namespace engine_tests

#endif
