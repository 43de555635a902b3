#ifndef BOBBIN_CORE_SYNC_RESULT_HPP
#define BOBBIN_CORE_SYNC_RESULT_HPP

#include <bobbin/core/result.hpp>

namespace bobbin {

/// What a sync came to. Only `durable` is a success: a sync that ran out of time, was cancelled
/// or was never attempted says nothing about the data, and the type makes that plain.
class [[nodiscard]] SyncResult {
public:
    enum class Outcome : std::uint8_t { durable, failed, timed_out, cancelled, not_attempted };

    static constexpr SyncResult durable() noexcept { return {Outcome::durable, {}}; }
    static constexpr SyncResult failed(Error error) noexcept { return {Outcome::failed, error}; }
    static constexpr SyncResult timed_out(Subject on = {}) noexcept {
        return {Outcome::timed_out, {Errc::deadline_passed, Operation::sync, on}};
    }
    static constexpr SyncResult cancelled(Subject on = {}) noexcept {
        return {Outcome::cancelled, {Errc::stop_requested, Operation::sync, on}};
    }
    static constexpr SyncResult not_attempted(Error why) noexcept {
        return {Outcome::not_attempted, why};
    }

    constexpr Outcome outcome() const noexcept { return outcome_; }
    constexpr explicit operator bool() const noexcept { return outcome_ == Outcome::durable; }
    constexpr const Error& error() const noexcept { return error_; }
    constexpr Result<void> result() const noexcept {
        return *this ? Result<void>{} : Result<void>{error_};
    }

private:
    constexpr SyncResult(Outcome outcome, Error error) noexcept : outcome_{outcome}, error_{error} {}
    Outcome outcome_;
    Error error_;
};

}  // namespace bobbin

#endif
