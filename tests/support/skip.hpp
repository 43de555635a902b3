// Leaves a test program as skipped: ctest takes the exit code 77 for that.
#ifndef BOBBIN_TESTS_SKIP_HPP
#define BOBBIN_TESTS_SKIP_HPP

#include <boost/test/results_collector.hpp>
#include <boost/test/tree/traverse.hpp>
#include <boost/test/tree/visitor.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace bobbin_tests {

// Ends the run of this file's tests. What had failed before stays a failure.
[[noreturn]] inline void skip(std::string_view why) {
    namespace ut = boost::unit_test;
    struct Failures : ut::test_tree_visitor {
        void visit(const ut::test_case& test) override {
            const auto& results = ut::results_collector.results(test.p_id);
            failed = failed || results.p_assertions_failed != 0 || results.p_aborted;
        }
        bool failed = false;
    } failures;
    ut::traverse_test_tree(ut::framework::master_test_suite(), failures, true);
    std::cout << "skipped: " << why << std::endl;
    std::_Exit(failures.failed ? 1 : 77);
}

}  // namespace bobbin_tests

#endif
