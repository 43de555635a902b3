#include <bobbin/core/ticks.hpp>

#include <boost/test/unit_test.hpp>

#include <random>

using namespace bobbin;

BOOST_AUTO_TEST_SUITE(core_ticks)

BOOST_AUTO_TEST_CASE(ticks_are_the_floor_of_nanoseconds) {
    __extension__ using Wide = __int128;
    std::mt19937_64 random{1};
    for (int i = 0; i < 100'000; ++i) {
        const auto ns = static_cast<std::int64_t>(random()) >> (i % 60);
        const auto scaled = Wide{ns} * 9;
        const auto floor = scaled >= 0 ? scaled / 100'000 : -((-scaled + 99'999) / 100'000);
        BOOST_REQUIRE(ticks_from<WallDuration>(std::chrono::nanoseconds{ns}).count ==
                      static_cast<std::int64_t>(floor));
    }
}

BOOST_AUTO_TEST_CASE(there_and_back_loses_less_than_a_tick) {
    for (std::int64_t ticks = -1000; ticks <= 1000; ++ticks) {
        const auto back = ticks_from<WallDuration>(to_nanoseconds(WallDuration{ticks}));
        BOOST_TEST(back.count <= ticks);
        BOOST_TEST(back.count >= ticks - 1);
    }
    for (const std::int64_t seconds : {-3600, 0, 1, 1'700'000'000})
        BOOST_TEST((to_nanoseconds(WallTime{seconds * 90'000}) ==
                    WallNanoseconds{std::chrono::seconds{seconds}}));
}

BOOST_AUTO_TEST_CASE(wall_time_counts_from_1970) {
    BOOST_TEST(wall_time_from(WallNanoseconds{}).ticks == 0);
    BOOST_TEST(wall_time_from(WallNanoseconds{std::chrono::days{1}}).ticks == 86'400 * 90'000ll);
    BOOST_TEST((WallTime{100} - WallTime{40} == WallDuration{60}));
    BOOST_TEST((WallTime{100} - WallDuration{40} == WallTime{60}));
}

BOOST_AUTO_TEST_SUITE_END()
