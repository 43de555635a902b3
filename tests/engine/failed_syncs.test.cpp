#include "scenario.hpp"

#include <bobbin/testing/inject_faults.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cerrno>
#include <string_view>

using namespace engine_tests;

// A sync fails, the process dies with the news, the next one finds all that the kernel still shows, goes on
// behind it, and loses its power.
BOOST_AUTO_TEST_SUITE(engine_failed_syncs)

BOOST_DATA_TEST_CASE(what_follows_lasts, boost::unit_test::data::make({"first write", "soft marks"})) {
    auto all = engine_scenarios();
    auto& scenario = *std::ranges::find(all, std::string_view{sample}, &EngineScenario::name);
    scenario.expects_soft_marks = false;
    const auto report = testing::inject_faults(
        scenario, {.errors = {EIO},
                   .calls = {testing::Call::sync},
                   .for_ever = false,
                   .short_transfers = false,
                   .explore = {.depth = 2, .disk = scenario.disk, .exhaustive_limit = 2, .samples = 1, .max_states = 12'000}});
    BOOST_TEST_MESSAGE(scenario.name << ": " << report);
    BOOST_TEST(report.violations == 0u, scenario.name << ": " << report);
    BOOST_TEST(report.faults >= 5u);
}

BOOST_AUTO_TEST_SUITE_END()
