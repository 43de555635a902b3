#include <bobbin/core/ticks.hpp>

#include <concepts>

using namespace bobbin;
using namespace std::chrono_literals;

namespace {

template <class A, class B>
concept adds = requires(A a, B b) { a + b; };
template <class A, class B>
concept subtracts = requires(A a, B b) { a - b; };

// The two clocks never mix.
static_assert(adds<MediaDuration, MediaDuration> && subtracts<WallDuration, WallDuration>);
static_assert(!adds<MediaDuration, WallDuration> && !subtracts<WallDuration, MediaDuration>);
static_assert(!std::equality_comparable_with<MediaDuration, WallDuration>);
static_assert(!std::convertible_to<MediaDuration, WallDuration>);
static_assert(!std::convertible_to<std::int64_t, MediaDuration>);

// A point in time and a span are different things.
static_assert(adds<WallTime, WallDuration> && subtracts<WallTime, WallTime>);
static_assert(!adds<WallTime, WallTime> && !adds<WallTime, MediaDuration>);
static_assert(std::same_as<decltype(WallTime{} - WallTime{}), WallDuration>);

// Rounded down, on both sides of zero, without overflow.
static_assert(ticks_from<MediaDuration>(1s) == MediaDuration{90'000});
static_assert(ticks_from<MediaDuration>(11'112ns) == MediaDuration{1});
static_assert(ticks_from<MediaDuration>(11'111ns) == MediaDuration{0});
static_assert(ticks_from<MediaDuration>(-1ns) == MediaDuration{-1});
static_assert(ticks_from<MediaDuration>(std::chrono::nanoseconds::max()).count ==
              830'103'483'316'929);
static_assert(to_nanoseconds(WallDuration{90'000}) == 1s);
static_assert(sizeof(MediaDuration) == sizeof(std::int64_t));

}  // namespace
