#ifndef BOBBIN_CORE_CLOCK_HPP
#define BOBBIN_CORE_CLOCK_HPP

#include <bobbin/core/policy.hpp>
#include <bobbin/core/ticks.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <memory>
#include <thread>

namespace bobbin {

/// A point on a clock that never jumps; its zero means nothing.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

/// `span` after `now`, or the end of time: a span may be the longest there is.
constexpr MonotonicTime deadline_after(MonotonicTime now, std::chrono::nanoseconds span) noexcept {
    return span > MonotonicTime::max() - now ? MonotonicTime::max() : now + span;
}

/// Time and sleep. All time in the library comes from here, so that a test can own it.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `c.monotonic()` | `MonotonicTime` | never goes back |
/// | `c.realtime()` | `WallNanoseconds` | UTC; may jump either way |
/// | `c.sleep_for(d)` | | returns when `d` has passed on this clock |
///
/// Never fails. Internally synchronised; copies tell the same time.
/// Models: `SystemClock`, `ManualClock`.
template <class C>
concept Clock = PolicyFor<C, clock_tag> && std::copy_constructible<C> &&
                requires(const C& c, std::chrono::nanoseconds d) {
                    { c.monotonic() } noexcept -> std::same_as<MonotonicTime>;
                    { c.realtime() } noexcept -> std::same_as<WallNanoseconds>;
                    { c.sleep_for(d) } noexcept;
                };

struct SystemClock {
    using policy_concept = clock_tag;
    MonotonicTime monotonic() const noexcept {
        return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now());
    }
    WallNanoseconds realtime() const noexcept {
        return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
    }
    void sleep_for(std::chrono::nanoseconds d) const noexcept { std::this_thread::sleep_for(d); }
};

/// Stands still until told to move. Sleeping moves it, so that waits in a test take no time.
class ManualClock {
public:
    using policy_concept = clock_tag;
    /// @allocates the state that copies share
    explicit ManualClock(WallNanoseconds start = WallNanoseconds{std::chrono::days{20'000}})
        : state_{std::make_shared<State>()} {
        state_->realtime = start.time_since_epoch().count();
    }

    MonotonicTime monotonic() const noexcept {
        return MonotonicTime{std::chrono::nanoseconds{state_->monotonic.load()}};
    }
    WallNanoseconds realtime() const noexcept {
        return WallNanoseconds{std::chrono::nanoseconds{state_->realtime.load()}};
    }
    void sleep_for(std::chrono::nanoseconds d) const noexcept { advance(d); }

    void advance(std::chrono::nanoseconds d) const noexcept {
        state_->monotonic += d.count();
        state_->realtime += d.count();
    }
    /// What an administrator or NTP does: wall time jumps, the monotonic clock does not.
    void set_realtime(WallNanoseconds time) const noexcept {
        state_->realtime = time.time_since_epoch().count();
    }

private:
    struct State {
        std::atomic<std::int64_t> monotonic{1'000'000'000};
        std::atomic<std::int64_t> realtime{0};
    };
    std::shared_ptr<State> state_;
};

}  // namespace bobbin

#endif
