#ifndef BOBBIN_TESTS_ENGINE_INJECTED_HPP
#define BOBBIN_TESTS_ENGINE_INJECTED_HPP

#include "scenario.hpp"

#include <bobbin/testing/inject_faults.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdlib>

namespace engine_tests {

/// Every fourth call of a scenario fails, from `first` on: each once and for ever. All do in
/// `./dev figures reliability`. BOBBIN_REPLAY repeats one line of a report.
inline void check_failing_calls(std::size_t number, std::uint64_t first) {
    auto scenario = engine_scenarios()[number];
    scenario.expects_soft_marks = false;
    testing::InjectOptions options{.errors = {EIO, ENOSPC, EINTR},
                                   .first = first,
                                   .stride = 4,
                                   .explore = {.depth = 1, .disk = scenario.disk, .exhaustive_limit = 2, .samples = 1}};
    // On a disk that is full by itself one refusal more takes what the next open needs.
    if (scenario.reserve.value != 0) std::erase(options.errors, ENOSPC);
    if (const char* replay = std::getenv("BOBBIN_REPLAY")) options.explore.replay = replay;
    const auto report = testing::inject_faults(scenario, options);
    BOOST_TEST_MESSAGE(scenario.name << ": " << report);
    BOOST_TEST(report.violations == 0u, scenario.name << ": " << report);
    BOOST_TEST(report.faults > 20u);
}

}  // namespace engine_tests

#endif
