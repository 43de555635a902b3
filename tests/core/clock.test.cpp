#include <bobbin/core/clock.hpp>

#include <boost/test/unit_test.hpp>

using namespace bobbin;
using namespace std::chrono_literals;

static_assert(Clock<SystemClock> && Clock<ManualClock>);

namespace {
struct Throws : SystemClock {
    MonotonicTime monotonic() const { return {}; }
};
struct WrongTime : SystemClock {
    std::chrono::steady_clock::duration monotonic() const noexcept { return {}; }
};
struct NoTag {
    MonotonicTime monotonic() const noexcept { return {}; }
    WallNanoseconds realtime() const noexcept { return {}; }
    void sleep_for(std::chrono::nanoseconds) const noexcept {}
};
static_assert(!Clock<Throws> && !Clock<WrongTime> && !Clock<NoTag>);
}  // namespace

BOOST_AUTO_TEST_SUITE(core_clock)

BOOST_AUTO_TEST_CASE(a_manual_clock_stands_still_until_told) {
    const ManualClock clock;
    const auto start = clock.monotonic();
    BOOST_TEST((clock.monotonic() == start));
    clock.sleep_for(10s);
    BOOST_TEST((clock.monotonic() - start == 10s));
}

BOOST_AUTO_TEST_CASE(copies_tell_the_same_time) {
    const ManualClock clock;
    const auto copy = clock;
    copy.advance(1s);
    BOOST_TEST((clock.monotonic() == copy.monotonic()));
}

BOOST_AUTO_TEST_CASE(wall_time_jumps_alone) {
    const ManualClock clock{WallNanoseconds{std::chrono::days{10}}};
    const auto start = clock.monotonic();
    clock.set_realtime(WallNanoseconds{});
    BOOST_TEST((clock.realtime() == WallNanoseconds{}));
    BOOST_TEST((clock.monotonic() == start));
    clock.advance(1ns);
    BOOST_TEST((clock.realtime() == WallNanoseconds{1ns}));
}

BOOST_AUTO_TEST_CASE(the_system_clock_does_not_go_back) {
    const SystemClock clock;
    const auto before = clock.monotonic();
    clock.sleep_for(1ms);
    BOOST_TEST((clock.monotonic() - before >= 1ms));
    BOOST_TEST((clock.realtime() > WallNanoseconds{std::chrono::days{19'000}}));
}

BOOST_AUTO_TEST_SUITE_END()
