#include "http/ranges.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace nvr::http;

namespace {

bool is(const RangeSet& set, const std::vector<ByteRange>& ranges) {
    return set.outcome == RangeOutcome::partial && set.ranges == ranges;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nvr_ranges)

BOOST_AUTO_TEST_CASE(single_ranges) {
    BOOST_TEST(is(parse_ranges("bytes=0-0", 100), {{0, 1}}));
    BOOST_TEST(is(parse_ranges("bytes=10-19", 100), {{10, 20}}));
    BOOST_TEST(is(parse_ranges("bytes=10-", 100), {{10, 100}}));
    BOOST_TEST(is(parse_ranges("bytes=90-1000", 100), {{90, 100}}));
    BOOST_TEST(is(parse_ranges("bytes=-10", 100), {{90, 100}}));
    BOOST_TEST(is(parse_ranges("bytes=-1000", 100), {{0, 100}}));
    BOOST_TEST(is(parse_ranges("Bytes = 10-19", 100), {{10, 20}}));
    BOOST_TEST(is(parse_ranges("bytes=0-99999999999999999999999", 100), {{0, 100}}));
}

BOOST_AUTO_TEST_CASE(several) {
    BOOST_TEST(is(parse_ranges("bytes=0-1, 5-6,, -1", 100), {{0, 2}, {5, 7}, {99, 100}}));
    BOOST_TEST(is(parse_ranges("bytes=5-6, 0-1, 200-300", 100), {{5, 7}, {0, 2}}));
}

BOOST_AUTO_TEST_CASE(outside) {
    for (const auto* field : {"bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"})
        BOOST_TEST((parse_ranges(field, 100).outcome == RangeOutcome::unsatisfiable), field);
    BOOST_TEST((parse_ranges("bytes=0-", 0).outcome == RangeOutcome::unsatisfiable));
}

BOOST_AUTO_TEST_CASE(what_is_no_range_is_ignored) {
    for (const auto* field : {"", "bytes", "bytes=", "bytes=,", "bytes=a-b", "bytes=5-4", "bytes=1", "bytes=--1",
                              "bytes=1-2-3", "bytes=+1-2", "items=0-1", "bytes 0-1", "bytes=1 -2"})
        BOOST_TEST((parse_ranges(field, 100).outcome == RangeOutcome::whole), field);
}

BOOST_AUTO_TEST_CASE(sixteen_at_most_and_no_more_than_the_file) {
    std::string field = "bytes=0-0";
    for (int i = 1; i < 16; ++i) field += "," + std::to_string(i) + "-" + std::to_string(i);
    BOOST_TEST(parse_ranges(field, 100).ranges.size() == 16U);
    BOOST_TEST((parse_ranges(field + ",50-50", 100).outcome == RangeOutcome::too_many));
    BOOST_TEST((parse_ranges("bytes=0-,0-,0-", 100).outcome == RangeOutcome::whole));
}

BOOST_AUTO_TEST_SUITE_END()
