#include "injected.hpp"

#include <boost/test/data/test_case.hpp>

using namespace engine_tests;

// The two halves run side by side.
BOOST_AUTO_TEST_SUITE(engine_injected_even)

BOOST_DATA_TEST_CASE(no_failing_call_loses_anything,
                     boost::unit_test::data::xrange(engine_scenarios().size())) {
    check_failing_calls(sample, 2);
}

BOOST_AUTO_TEST_SUITE_END()
