// Leaves a test program as skipped: ctest takes the exit code 77 for that.
#ifndef BOBBIN_TESTS_SKIP_HPP
#define BOBBIN_TESTS_SKIP_HPP

#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace bobbin_tests {

// Ends the run of this file's tests. What had failed before stays a failure.
[[noreturn]] inline void skip(std::string_view why) {
    namespace ut = boost::unit_test;
    std::cout << "skipped: " << why << std::endl;
    const auto& results = ut::results_collector.results(ut::framework::current_test_case_id());
    const auto& all = ut::results_collector.results(ut::framework::master_test_suite().p_id);
    std::_Exit(results.p_assertions_failed + all.p_assertions_failed == 0 ? 77 : 1);
}

}  // namespace bobbin_tests

#endif
