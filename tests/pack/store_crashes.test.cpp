#include "store_scenarios.hpp"

#include <bobbin/testing/explorer.hpp>
#include <bobbin/testing/inject_faults.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>

using namespace pack_tests;

BOOST_AUTO_TEST_SUITE(pack_store_crashes)

BOOST_DATA_TEST_CASE(a_crash_loses_nothing,
                     boost::unit_test::data::xrange(pack_scenarios().size())) {
    auto scenario = pack_scenarios()[sample];
    const auto report = testing::explore(
        scenario, {.depth = 1, .exhaustive_limit = 300, .samples = 30, .max_states = 1500});
    BOOST_TEST_MESSAGE(scenario.name << ": " << report);
    BOOST_TEST(report.violations == 0u, scenario.name << ": " << report);
    BOOST_TEST(report.distinct_states >= 10u);
}

// Every eighth call fails, once and for ever.
BOOST_DATA_TEST_CASE(an_error_loses_nothing,
                     boost::unit_test::data::xrange(pack_scenarios().size())) {
    auto scenario = pack_scenarios()[sample];
    testing::InjectOptions options{.errors = {EIO, ENOSPC, EINTR},
                                   .first = 1 + sample % 8,
                                   .stride = 8,
                                   .explore = {.depth = 1, .exhaustive_limit = 2, .samples = 1}};
    if (const char* replay = std::getenv("BOBBIN_REPLAY")) options.explore.replay = replay;
    const auto report = testing::inject_faults(scenario, options);
    BOOST_TEST_MESSAGE(scenario.name << ": " << report);
    BOOST_TEST(report.violations == 0u, scenario.name << ": " << report);
    BOOST_TEST(report.faults > 20u);
}

BOOST_AUTO_TEST_SUITE_END()
