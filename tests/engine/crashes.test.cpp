#include "scenario.hpp"

#include <bobbin/testing/explorer.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace engine_tests;

// A first look at each scenario; `./dev figures reliability` goes deeper.
BOOST_AUTO_TEST_SUITE(engine_crashes)

BOOST_DATA_TEST_CASE(a_crash_loses_nothing, boost::unit_test::data::xrange(engine_scenarios().size())) {
    auto scenario = engine_scenarios()[sample];
    const auto report = testing::explore(
        scenario, {.depth = 1, .disk = scenario.disk, .exhaustive_limit = 300, .samples = 30, .max_states = 1500});
    BOOST_TEST_MESSAGE(scenario.name << ": " << report);
    BOOST_TEST(report.violations == 0u, scenario.name << ": " << report);
    BOOST_TEST(report.distinct_states >= 10u);
}

BOOST_AUTO_TEST_SUITE_END()
