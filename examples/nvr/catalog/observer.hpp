#ifndef NVR_CATALOG_OBSERVER_HPP
#define NVR_CATALOG_OBSERVER_HPP

#include <bobbin/core/observer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace nvr {

/// Tells one listener what is no longer to be shown. Internally synchronised.
class Withdrawals {
public:
    using Listener = std::function<void(bobbin::ObjectId)>;
    void listen(Listener listener) {
        const std::lock_guard lock{mutex_};
        listener_ = std::move(listener);
    }
    void tell(bobbin::ObjectId id) {
        const std::lock_guard lock{mutex_};
        if (listener_) listener_(id);
    }

private:
    std::mutex mutex_;
    Listener listener_;
};

/// What the engine told, counted. Copies share the numbers.
struct EngineCounters {
    std::atomic<std::uint64_t> committed{0}, committed_bytes{0}, commits{0}, deleted{0}, removed{0},
        recovered{0}, quarantined{0}, lost_bytes{0}, dropped_records{0}, dropped_bytes{0}, retries{0},
        errors{0};
    std::atomic<bool> is_degraded{false};
    Withdrawals withdrawals;
};

/// Counts, and logs what an operator should know.
class RecorderObserver : public bobbin::NullObserver {
public:
    RecorderObserver() : counters_{std::make_shared<EngineCounters>()} {}
    explicit RecorderObserver(std::shared_ptr<EngineCounters> counters) : counters_{std::move(counters)} {}

    void on_committed(bobbin::ObjectId, bobbin::Bytes size) noexcept {
        ++counters_->committed;
        counters_->committed_bytes += size.value;
    }
    void on_commit(const bobbin::CommitReport&) noexcept { ++counters_->commits; }
    void on_deleted(bobbin::ObjectId) noexcept;
    void on_removed(bobbin::ObjectId) noexcept { ++counters_->removed; }
    void on_split(bobbin::ObjectId, bobbin::ObjectId, bobbin::EndReason) noexcept;
    void on_lost(const bobbin::Lost&) noexcept;
    void on_dropped(bobbin::StreamId, std::uint64_t, bobbin::Bytes) noexcept;
    void on_missing(bobbin::ObjectId) noexcept;
    void on_recovered(bobbin::ObjectId, bobbin::Bytes) noexcept;
    void on_quarantined(bobbin::ObjectId, const bobbin::Error&) noexcept;
    void on_retry(const bobbin::Error&, unsigned attempt, std::chrono::nanoseconds delay) noexcept;
    void on_degraded(const bobbin::Error&) noexcept;
    void on_restored() noexcept;
    void on_write_mode(bobbin::WriteMode, bobbin::WriteModeReason) noexcept;
    void on_retention_unmet(bobbin::StreamId, bobbin::Bytes over) noexcept;

private:
    std::shared_ptr<EngineCounters> counters_;
};

}  // namespace nvr

#endif
