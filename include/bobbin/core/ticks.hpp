#ifndef BOBBIN_CORE_TICKS_HPP
#define BOBBIN_CORE_TICKS_HPP

#include <chrono>
#include <compare>
#include <cstdint>
#include <ratio>

namespace bobbin {

/// 1/90,000 of a second, the clock of RTP video (RFC 6184, section 8.2.1) and of all media here.
using TickPeriod = std::ratio<1, 90'000>;

/// A span of time in 90 kHz ticks by the clock that `Tag` names. Spans of different clocks never
/// mix without a conversion that says so.
template <class Tag>
struct Ticks90k {
    std::int64_t count = 0;

    constexpr Ticks90k() = default;
    constexpr explicit Ticks90k(std::int64_t ticks) noexcept : count{ticks} {}

    friend constexpr auto operator<=>(Ticks90k, Ticks90k) = default;
    friend constexpr Ticks90k operator+(Ticks90k a, Ticks90k b) noexcept {
        return Ticks90k{a.count + b.count};
    }
    friend constexpr Ticks90k operator-(Ticks90k a, Ticks90k b) noexcept {
        return Ticks90k{a.count - b.count};
    }
    constexpr Ticks90k& operator+=(Ticks90k other) noexcept { return *this = *this + other; }
    constexpr Ticks90k& operator-=(Ticks90k other) noexcept { return *this = *this - other; }
};

/// Measured by the camera's clock.
using MediaDuration = Ticks90k<struct MediaClock>;
/// Corrected to the local clock.
using WallDuration = Ticks90k<struct WallClock>;

/// Ticks since 1970-01-01T00:00:00 UTC, leap seconds not counted.
struct WallTime {
    std::int64_t ticks = 0;

    constexpr WallTime() = default;
    constexpr explicit WallTime(std::int64_t since_1970) noexcept : ticks{since_1970} {}

    friend constexpr auto operator<=>(WallTime, WallTime) = default;
    friend constexpr WallTime operator+(WallTime t, WallDuration d) noexcept {
        return WallTime{t.ticks + d.count};
    }
    friend constexpr WallTime operator-(WallTime t, WallDuration d) noexcept {
        return WallTime{t.ticks - d.count};
    }
    friend constexpr WallDuration operator-(WallTime a, WallTime b) noexcept {
        return WallDuration{a.ticks - b.ticks};
    }
};

using WallNanoseconds = std::chrono::sys_time<std::chrono::nanoseconds>;

namespace detail {
constexpr std::int64_t ns_to_ticks(std::int64_t ns) noexcept {
    // 90,000 / 10^9 = 9 / 10^5; whole units first, so that nothing overflows.
    const auto whole = ns / 100'000, rest = ns % 100'000;
    const auto scaled = rest * 9;
    return whole * 9 + (scaled >= 0 ? scaled / 100'000 : -((-scaled + 99'999) / 100'000));
}
constexpr std::int64_t ticks_to_ns(std::int64_t ticks) noexcept {
    const auto whole = ticks / 9, rest = ticks % 9;
    return whole * 100'000 + rest * 100'000 / 9;
}
}  // namespace detail

/// Rounded down to whole ticks.
template <class Ticks>
constexpr Ticks ticks_from(std::chrono::nanoseconds span) noexcept {
    return Ticks{detail::ns_to_ticks(span.count())};
}
constexpr WallTime wall_time_from(WallNanoseconds time) noexcept {
    return WallTime{detail::ns_to_ticks(time.time_since_epoch().count())};
}
template <class Tag>
constexpr std::chrono::nanoseconds to_nanoseconds(Ticks90k<Tag> span) noexcept {
    return std::chrono::nanoseconds{detail::ticks_to_ns(span.count)};
}
constexpr WallNanoseconds to_nanoseconds(WallTime time) noexcept {
    return WallNanoseconds{std::chrono::nanoseconds{detail::ticks_to_ns(time.ticks)}};
}

}  // namespace bobbin

#endif
