#include "judge.hpp"
#include "mutant.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace engine_tests;

// Each step of the protocol is taken wrongly, and somebody must notice. Every third mutant lives here, all
// of them in `./dev figures reliability`. The other direction, nothing mutated and nothing found, is what the
// other tests are.
BOOST_AUTO_TEST_SUITE(engine_mutants)

BOOST_DATA_TEST_CASE(it_is_found_or_excused, boost::unit_test::data::xrange(std::size_t{0}, all_mutants().size(), std::size_t{3})) {
    const auto living = all_mutants()[sample];
    const auto verdict = judge(living);
    BOOST_TEST_MESSAGE(living.name() << ": " << verdict.why);
    BOOST_TEST(verdict.hits != 0u, living.name() << " never comes by");
    BOOST_TEST(verdict.is_found != excuse(living).has_value(), living.name()
                                                                   << ": " << verdict.why);
}

BOOST_AUTO_TEST_SUITE_END()
