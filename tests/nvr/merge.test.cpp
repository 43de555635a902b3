#include "api/merge.hpp"

#include <boost/test/unit_test.hpp>

using namespace bobbin;
using namespace nvr;

namespace {

Recording recording(Sequence number, std::int64_t start, std::int64_t wall = 100) {
    Recording r;
    r.id = ObjectId{StreamId{1}, number};
    r.open = OpenId{1};
    r.run_start = 1;
    r.start = WallTime{start};
    r.wall_duration = WallDuration{wall};
    r.samples = 3;
    r.bytes = Bytes{30};
    r.sample_entry = 1;
    return r;
}

constexpr WallDuration no_split{INT64_MAX};

}  // namespace

BOOST_AUTO_TEST_SUITE(nvr_merge)

BOOST_AUTO_TEST_CASE(adjacent_ones_become_one) {
    const std::vector all{recording(1, 0), recording(2, 100), recording(3, 200)};
    const auto merged = merge(all, no_split);
    BOOST_REQUIRE_EQUAL(merged.size(), 1U);
    BOOST_TEST(merged[0].first == 1U);
    BOOST_TEST(merged[0].last == 3U);
    BOOST_TEST(merged[0].end.ticks == 300);
    BOOST_TEST(merged[0].samples == 9U);
    BOOST_TEST(merged[0].bytes.value == 90U);
}

BOOST_AUTO_TEST_CASE(up_to_the_split) {
    const std::vector all{recording(1, 0), recording(2, 100), recording(3, 200)};
    BOOST_TEST(merge(all, WallDuration{200}).size() == 2U);
    BOOST_TEST(merge(all, WallDuration{199}).size() == 3U);
    BOOST_TEST(merge(all, WallDuration{1}).size() == 3U);
}

BOOST_AUTO_TEST_CASE(what_differs_stays_apart) {
    const auto count = [](auto&& change) {
        std::vector all{recording(1, 0), recording(2, 100)};
        change(all);
        return merge(all, no_split).size();
    };
    BOOST_TEST(count([](auto&) {}) == 1U);
    BOOST_TEST(count([](auto& all) { all[1].run_start = 2; }) == 2U);
    BOOST_TEST(count([](auto& all) { all[1].open = OpenId{2}; }) == 2U);
    BOOST_TEST(count([](auto& all) { all[1].sample_entry = 2; }) == 2U);
    BOOST_TEST(count([](auto& all) { all[1].id = ObjectId{StreamId{1}, 3}; }) == 2U);
    BOOST_TEST(count([](auto& all) { all[1].start = WallTime{99}; }) == 2U);   // overlaps
    BOOST_TEST(count([](auto& all) { all[1].start = WallTime{101}; }) == 2U);  // a gap
}

BOOST_AUTO_TEST_CASE(the_last_one_tells_how_it_ends) {
    std::vector all{recording(1, 0), recording(2, 100), recording(3, 200)};
    all[1].is_committed = all[2].is_committed = false;
    all[2].is_growing = true;
    all[2].end_reason = "stopped";
    const auto merged = merge(all, no_split);
    BOOST_REQUIRE_EQUAL(merged.size(), 1U);
    BOOST_TEST(*merged[0].first_uncommitted == 2U);
    BOOST_TEST(merged[0].is_growing);
    BOOST_TEST(*merged[0].end_reason == "stopped");
}

BOOST_AUTO_TEST_SUITE_END()
