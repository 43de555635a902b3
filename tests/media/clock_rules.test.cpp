#include <bobbin/media/clock_rules.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <limits>

using namespace bobbin;
using namespace bobbin::media;

BOOST_AUTO_TEST_SUITE(media_clock_rules)

BOOST_AUTO_TEST_CASE(wall_duration_of_a_minute) {
    constexpr MediaDuration minute{5'400'000};
    const auto with = [&](std::int64_t delta) { return wall_duration(minute, WallDuration{delta}).count; };
    BOOST_TEST(with(0) == 5'400'000);
    BOOST_TEST(with(540) == 5'400'540);
    BOOST_TEST(with(-540) == 5'399'460);
    BOOST_TEST(with(1'000'000) == 5'402'700);
    BOOST_TEST(with(-1'000'000) == 5'397'300);
    BOOST_TEST(wall_duration(MediaDuration{0}, WallDuration{-5}).count == 1);
    BOOST_TEST(wall_duration(MediaDuration{1}, WallDuration{-5}).count == 1);
}

BOOST_AUTO_TEST_CASE(no_recording_is_longer_than_allowed) {
    for (const std::int64_t longest : {1L, 1999L, 2000L, 2001L, 4002L, 27'000'000L}) {
        const auto media = longest_media(WallDuration{longest});
        const WallDuration far{1'000'000'000};
        BOOST_TEST(wall_duration(media, far).count <= longest);
        BOOST_TEST(wall_duration(media + MediaDuration{1}, far).count > longest);
    }
}

BOOST_AUTO_TEST_CASE(switches) {
    const auto at = [](std::int64_t now, std::int64_t offset) {
        return next_switch(WallTime{now}, WallDuration{60}, WallDuration{offset}).ticks;
    };
    BOOST_TEST(at(0, 0) == 60);
    BOOST_TEST(at(59, 0) == 60);
    BOOST_TEST(at(60, 0) == 120);
    BOOST_TEST(at(60, 20) == 80);
    BOOST_TEST(at(80, 20) == 140);
    BOOST_TEST(at(-1, 0) == 0);
    BOOST_TEST(at(-61, 20) == -40);
}

BOOST_AUTO_TEST_CASE(wall_to_media) {
    const auto at = [](std::int64_t wall, std::int64_t media, std::int64_t total) {
        return media_at(WallDuration{wall}, MediaDuration{media}, WallDuration{total}).count;
    };
    BOOST_TEST(at(0, 5'400'000, 5'402'700) == 0);
    BOOST_TEST(at(5'402'700, 5'400'000, 5'402'700) == 5'400'000);
    BOOST_TEST(at(2'701'350, 5'400'000, 5'402'700) == 2'700'000);
    BOOST_TEST(at(1, 5'400'000, 5'402'700) == 0);
    BOOST_TEST(at(-1, 10, 10) == 0);
    BOOST_TEST(at(11, 10, 10) == 10);
    BOOST_TEST(at(1, 0, 1) == 0);
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    BOOST_TEST(at(most - 1, most, most) == most - 1);
}

BOOST_AUTO_TEST_SUITE_END()
