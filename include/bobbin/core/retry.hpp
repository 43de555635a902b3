#ifndef BOBBIN_CORE_RETRY_HPP
#define BOBBIN_CORE_RETRY_HPP

#include <bobbin/core/error.hpp>
#include <bobbin/core/policy.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <optional>

namespace bobbin {

/// What to do with which kind of error, and when.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `r.delay(error, attempt)` | `std::optional<nanoseconds>` | how long to wait before trying again what has failed `attempt` (≥ 1) times in a row; empty: give up |
///
/// Never fails. Immutable. A failed sync of a file never gets here: it is final for that file.
/// Models: `Backoff`, `NoRetry`.
template <class R>
concept Retry = PolicyFor<R, retry_tag> && std::copy_constructible<R> &&
                requires(const R& r, const Error& error, unsigned attempt) {
                    {
                        r.delay(error, attempt)
                    } noexcept -> std::same_as<std::optional<std::chrono::nanoseconds>>;
                };

/// Doubles the delay from `first` up to `most`. What may clear up by itself (no space, a stalled or
/// locked device, anything transient) is tried for ever; all else `attempts` times.
struct Backoff {
    using policy_concept = retry_tag;
    std::chrono::nanoseconds first = std::chrono::milliseconds{10};
    std::chrono::nanoseconds most = std::chrono::seconds{5};
    unsigned attempts = 3;

    std::optional<std::chrono::nanoseconds> delay(const Error& error, unsigned attempt) const noexcept {
        switch (error.kind()) {
            case ErrorKind::transient:
            case ErrorKind::no_space:
            case ErrorKind::stalled:
            case ErrorKind::locked:
            case ErrorKind::unknown_outcome: break;
            case ErrorKind::permanent:
                if (attempt >= attempts) return {};
                break;
            default: return {};
        }
        auto wait = first;
        for (unsigned i = 1; i < attempt && wait < most; ++i) wait *= 2;
        return std::min(wait, most);
    }
};

struct NoRetry {
    using policy_concept = retry_tag;
    std::optional<std::chrono::nanoseconds> delay(const Error&, unsigned) const noexcept { return {}; }
};

}  // namespace bobbin

#endif
