#include "scenarios.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>

using namespace engine_tests;

// Every call of every scenario fails, once and for ever. BOBBIN_REPLAY repeats one line of a report.
BOOST_AUTO_TEST_SUITE(engine_injected)

BOOST_DATA_TEST_CASE(no_failing_call_loses_anything,
                     boost::unit_test::data::xrange(engine_scenarios().size())) {
    auto scenario = engine_scenarios()[sample];
    testing::InjectOptions options{
        .errors = {EIO, ENOSPC, EINTR},
        .explore = {.depth = 1, .exhaustive_limit = 2, .samples = 1}};
    if (const char* replay = std::getenv("BOBBIN_REPLAY")) options.explore.replay = replay;
    const auto report = testing::inject_faults(scenario, options);
    BOOST_TEST_MESSAGE(scenario.name << ": " << report);
    BOOST_TEST(report.violations == 0u, scenario.name << ": " << report);
    BOOST_TEST(report.faults > 20u);
}

BOOST_AUTO_TEST_SUITE_END()
