#include <bobbin/testing/inject_faults.hpp>

#include "append_program.hpp"

#include <boost/test/unit_test.hpp>

using namespace bobbin_tests;

BOOST_AUTO_TEST_SUITE(testing_inject_faults)

BOOST_AUTO_TEST_CASE(a_correct_program_survives_every_error) {
    const auto report = inject_faults(AppendProgram{});
    BOOST_TEST(report.violations == 0u, report);
    BOOST_TEST(report.faults > 100u, report);
    BOOST_TEST(report.runs > report.faults, report);
    BOOST_TEST_MESSAGE(report);
}

BOOST_AUTO_TEST_CASE(a_sync_that_is_retried_in_place_is_caught) {
    const AppendProgram scenario{.retry_sync = true};
    BOOST_TEST(explore(scenario).violations == 0u);
    const auto report = inject_faults(scenario);
    BOOST_REQUIRE(report.found.contains("a promised file has other bytes"));
    const auto line = report.found.at("a promised file has other bytes").replay;
    const auto again = inject_faults(scenario, {.explore = {.depth = 1, .replay = line}});
    BOOST_TEST(again.runs == 1u);
    BOOST_TEST(again.violations == 1u, again);
}

BOOST_AUTO_TEST_CASE(every_call_is_met_once) {
    const AppendProgram scenario{.files = 1};
    FaultyFs<SimFs> fs;
    scenario.prepare(ground_of(fs));
    AppendProgram::Promise promise;
    scenario.run(fs, promise);
    const auto calls = fs.plan().calls();
    const auto report =
        inject_faults(scenario, {.errors = {EIO}, .for_ever = false, .short_transfers = false});
    BOOST_TEST(report.faults == calls);
    BOOST_TEST(report.runs == calls + 1);
}

BOOST_AUTO_TEST_SUITE_END()
