#include "catalog/observer.hpp"

#include "cli/log.hpp"

#include <bobbin/store/sqlite.hpp>

#include <string>

namespace nvr {
namespace {

/// Telling may run out of memory; the engine's threads go on.
template <class F>
void safely(F&& f) noexcept {
    try {
        f();
    } catch (...) {
    }
}

std::string name(bobbin::ObjectId id) { return std::string{bobbin::ObjectName{id}}; }
std::string text(const bobbin::Error& error) { return bobbin::SqliteStore::describe(error, ""); }

}  // namespace

void RecorderObserver::on_split(bobbin::ObjectId id, bobbin::ObjectId, bobbin::EndReason why) noexcept {
    safely([&] { log::warn("recording " + name(id) + " was cut: " + std::string{name_of(why)}); });
}

void RecorderObserver::on_deleted(bobbin::ObjectId id) noexcept {
    ++counters_->deleted;
    safely([&] { counters_->withdrawals.tell(id); });
}

void RecorderObserver::on_lost(const bobbin::Lost& lost) noexcept {
    counters_->lost_bytes += lost.to.value - lost.from.value;
    safely([&] {
        log::error("recording " + name(lost.object) + " lost its bytes " +
                   std::to_string(lost.from.value) + " to " + std::to_string(lost.to.value) + ": " +
                   text(lost.cause));
    });
}

void RecorderObserver::on_dropped(bobbin::StreamId stream, std::uint64_t records,
                                  bobbin::Bytes bytes) noexcept {
    counters_->dropped_records += records;
    counters_->dropped_bytes += bytes.value;
    safely([&] {
        log::error("stream " + std::to_string(stream.value) + ": " + std::to_string(records) +
                   " frames dropped, as the disk did not keep up");
    });
}

void RecorderObserver::on_missing(bobbin::ObjectId id) noexcept {
    safely([&] { log::warn("the file of recording " + name(id) + " was gone already"); });
}

void RecorderObserver::on_recovered(bobbin::ObjectId id, bobbin::Bytes size) noexcept {
    ++counters_->recovered;
    safely([&] {
        log::info("recording " + name(id) + " recovered: " + std::to_string(size.value) + " bytes");
    });
}

void RecorderObserver::on_quarantined(bobbin::ObjectId id, const bobbin::Error& error) noexcept {
    ++counters_->quarantined;
    safely([&] { counters_->withdrawals.tell(id); });
    safely([&] { log::error("recording " + name(id) + " is damaged and set aside: " + text(error)); });
}

void RecorderObserver::on_retry(const bobbin::Error& error, unsigned attempt,
                                std::chrono::nanoseconds delay) noexcept {
    ++counters_->retries;
    // The first ones, then with the powers of two: a dead disk must not fill the log.
    if ((attempt & (attempt - 1)) != 0) return;
    safely([&] {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(delay).count();
        log::warn(text(error) + "; attempt " + std::to_string(attempt) + ", again in " +
                  std::to_string(ms) + " ms");
    });
}

void RecorderObserver::on_degraded(const bobbin::Error& error) noexcept {
    counters_->is_degraded = true;
    safely([&] { log::error("the data directory does not take what it should: " + text(error)); });
}

void RecorderObserver::on_restored() noexcept {
    counters_->is_degraded = false;
    safely([] { log::info("the data directory works again"); });
}

void RecorderObserver::on_write_mode(bobbin::WriteMode mode, bobbin::WriteModeReason why) noexcept {
    safely([&] { log::info("files are written " + std::string{name_of(mode)} + ": " + std::string{name_of(why)}); });
}

void RecorderObserver::on_retention_unmet(bobbin::StreamId stream, bobbin::Bytes over) noexcept {
    safely([&] {
        log::warn("stream " + std::to_string(stream.value) + " is " + std::to_string(over.value) +
                  " bytes over its quota, and nothing of it may be deleted");
    });
}

}  // namespace nvr
