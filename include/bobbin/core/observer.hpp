#ifndef BOBBIN_CORE_OBSERVER_HPP
#define BOBBIN_CORE_OBSERVER_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/end_reason.hpp>
#include <bobbin/core/error.hpp>
#include <bobbin/core/policy.hpp>
#include <bobbin/core/write_mode.hpp>

#include <chrono>
#include <concepts>

namespace bobbin {

/// Bytes [from, to) of what was appended to an object that did not reach the disk.
struct Lost {
    ObjectId object;
    Bytes from;
    Bytes to;
    std::uint64_t records = 0;
    Error cause;
};

/// Why a group commit began: the stream whose oldest finished object had waited for `age`, or of
/// which `count` waited; both zero where it was asked for or carried marks only.
struct CommitReport {
    StreamId stream;
    std::chrono::nanoseconds age{};
    std::size_t count = 0;
    std::size_t threshold = 0;
    std::size_t objects = 0;  ///< that it committed
};

/// Is told what happens, by typed events. The null observer of all events: inherit and hide what
/// you need. Events come from the threads of the engine, some while its locks are held: return
/// soon and call nothing of the engine.
struct NullObserver {
    using policy_concept = observer_tag;

    void on_created(ObjectId) noexcept {}
    void on_marked(ObjectId, Bytes) noexcept {}
    /// The death of the process no longer hurts what is told here; a loss of power may.
    void on_soft_marked(ObjectId, Bytes) noexcept {}
    void on_committed(ObjectId, Bytes) noexcept {}
    /// The engine ended `object` for `reason` and goes on in `next` (`no_object`: at the next group).
    void on_split(ObjectId, ObjectId /*next*/, EndReason) noexcept {}
    void on_lost(const Lost&) noexcept {}
    /// Records that came while there was no room for them.
    void on_dropped(StreamId, std::uint64_t /*records*/, Bytes) noexcept {}
    /// The row says garbage from now on.
    void on_deleted(ObjectId) noexcept {}
    /// The file is gone, durably.
    void on_removed(ObjectId) noexcept {}
    /// The file to be removed was not there.
    void on_missing(ObjectId) noexcept {}
    void on_recovered(ObjectId, Bytes) noexcept {}
    void on_quarantined(ObjectId, const Error&) noexcept {}
    void on_commit(const CommitReport&) noexcept {}
    /// A step failed for the `attempt`-th time in a row and will be tried again after `delay`.
    void on_retry(const Error&, unsigned /*attempt*/, std::chrono::nanoseconds /*delay*/) noexcept {}
    void on_error(const Error&) noexcept {}
    /// The directory does not take what it should; `on_restored` when it does again.
    void on_degraded(const Error&) noexcept {}
    void on_restored() noexcept {}
    /// How a file wrapper goes on to write, and why.
    void on_write_mode(WriteMode, WriteModeReason) noexcept {}
    void on_retention_unmet(StreamId, Bytes /*over*/) noexcept {}
};

template <class O>
concept Observer = PolicyFor<O, observer_tag> && std::derived_from<O, NullObserver>;

}  // namespace bobbin

#endif
