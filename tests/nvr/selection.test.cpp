#include "api/selection.hpp"

#include <boost/test/unit_test.hpp>

using namespace bobbin;
using namespace nvr;

namespace {

Recording recording(Sequence number, std::int64_t start, std::int64_t media, std::int64_t wall) {
    Recording r;
    r.id = ObjectId{StreamId{1}, number};
    r.open = OpenId{7};
    r.start = WallTime{start};
    r.media_duration = MediaDuration{media};
    r.wall_duration = WallDuration{wall};
    return r;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nvr_selection)

BOOST_AUTO_TEST_CASE(all_forms_parse) {
    BOOST_TEST((parse_selection("1") == Selection{1, 1, {}, {}, {}}));
    BOOST_TEST((parse_selection("1-5") == Selection{1, 5, {}, {}, {}}));
    BOOST_TEST((parse_selection("1-5@42") == Selection{1, 5, OpenId{42}, {}, {}}));
    BOOST_TEST((parse_selection("7@42.100-200") == Selection{7, 7, OpenId{42}, WallDuration{100}, WallDuration{200}}));
    BOOST_TEST((parse_selection("7.-200") == Selection{7, 7, {}, {}, WallDuration{200}}));
    BOOST_TEST((parse_selection("7.100-") == Selection{7, 7, {}, WallDuration{100}, {}}));
    BOOST_TEST((parse_selection("4294967295") == Selection{4294967295, 4294967295, {}, {}, {}}));
}

BOOST_AUTO_TEST_CASE(nothing_else_does) {
    for (const auto* text :
         {"", "0", "-1", "1-", "5-1", "1@", "1@x", "1.", "1.5", "1.5-5", "1.6-5", "1x", " 1", "1 ", "+1", "1-2-3",
          "4294967296", "1@4294967296", "1.99999999999999999999-", "1.9223372036854775807-", "1@1@1", "0x1"})
        BOOST_TEST(!parse_selection(text), text);
}

BOOST_AUTO_TEST_CASE(adjacent_selections_lose_and_share_nothing) {
    const std::vector<Recording> all{recording(1, 1000, 5'400'000, 5'400'540), recording(2, 5'401'540, 5'400'000, 5'399'460)};
    const std::int64_t total = 5'400'540 + 5'399'460;
    MediaDuration expected{};
    Sequence number = 1;
    for (std::int64_t from = 0; from < total;) {
        const auto to = std::min<std::int64_t>(from + 777'777, total);
        for (const auto& part : select_parts(all, {1, 2, {}, WallDuration{from}, WallDuration{to}})) {
            if (part.recording->id.sequence() != number) {
                BOOST_TEST(expected.count == 5'400'000);
                expected = {};
                ++number;
            }
            BOOST_TEST(part.from.count == expected.count);
            expected = part.to;
        }
        from = to;
    }
    BOOST_TEST(expected.count == 5'400'000);
}

BOOST_AUTO_TEST_CASE(a_range_that_starts_at_a_boundary_takes_nothing_before) {
    const std::vector<Recording> all{recording(1, 0, 100, 100), recording(2, 100, 100, 100)};
    const auto parts = select_parts(all, {1, 2, {}, WallDuration{100}, {}});
    BOOST_REQUIRE_EQUAL(parts.size(), 1U);
    BOOST_TEST(parts[0].recording->id.sequence() == 2U);
    BOOST_TEST(parts[0].start.ticks == 100);
    BOOST_TEST(parts[0].end.ticks == 200);
}

BOOST_AUTO_TEST_CASE(the_first_must_be_there_and_of_the_open) {
    const std::vector<Recording> all{recording(2, 100, 100, 100), recording(4, 200, 100, 100)};
    BOOST_TEST(select_parts(all, {1, 4, {}, {}, {}}).empty());
    BOOST_TEST(select_parts(all, {2, 4, OpenId{8}, {}, {}}).empty());
    BOOST_TEST(select_parts(all, {2, 4, OpenId{7}, {}, {}}).size() == 2U);
    BOOST_TEST(select_parts(all, {2, 2, {}, WallDuration{100}, {}}).empty());
    BOOST_TEST(select_parts({}, {1, 1, {}, {}, {}}).empty());
}

BOOST_AUTO_TEST_CASE(what_lasts_no_time_is_left_out) {
    const std::vector<Recording> all{recording(1, 0, 0, 1), recording(2, 1, 90, 90)};
    BOOST_TEST(select_parts(all, {1, 2, {}, {}, {}}).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
