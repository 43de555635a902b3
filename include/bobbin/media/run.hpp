#ifndef BOBBIN_MEDIA_RUN_HPP
#define BOBBIN_MEDIA_RUN_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/core/ticks.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/media/clock_rules.hpp>
#include <bobbin/media/sample_entry.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::media {

/// Why a run ended; `none` for a recording that another of the same run follows.
enum class RunEnd : std::uint8_t {
    none,
    stopped,           ///< asked to
    source_failed,     ///< the source ended or broke; the caller knows more
    time_missing,      ///< a sample came without a timestamp
    time_not_rising,   ///< a timestamp is not above the one before
    time_jump,         ///< a timestamp is more than `RunOptions::max_gap` above the one before
    clock_jump,        ///< media time and local time have drifted apart by more than `max_drift`
    no_sync_sample,    ///< none came before the recording would have become too long
    sample_refused,    ///< a sample that can't be stored: empty or over 2 GiB
    sink_failed,       ///< the sink gave an error
};

constexpr std::string_view name_of(RunEnd reason) noexcept {
    constexpr std::string_view names[] = {"none", "stopped", "source failed", "timestamp missing",
                                          "timestamp does not rise", "timestamp jumps",
                                          "camera's clock and local clock have parted",
                                          "no sync sample in time", "sample refused", "storage failed"};
    return names[static_cast<std::size_t>(reason)];
}

/// What is known when a recording begins. Its start is final only at its end.
struct RecordingStart {
    WallTime start{};              ///< provisional for the first of a run, final for the others
    std::uint32_t run_offset = 0;  ///< recordings of this run before it
    std::shared_ptr<const SampleEntry> entry;
};

/// What is known when it ends.
struct RecordingEnd {
    WallTime start{};
    MediaDuration media_duration{};
    WallDuration wall_duration{};      ///< above zero
    WallDuration local_start_delta{};  ///< local start less `start`: how far the clocks have parted
    std::uint32_t run_offset = 0;
    RunEnd reason = RunEnd::none;
    bool trailing_zero = false;  ///< the last sample's duration is not known and stored as zero
};

/// Takes recordings one after the other: `begin`, `append` for each sample, `end`.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `s.begin(RecordingStart)` | `Result<void>` | a recording begins |
/// | `s.append(bytes, record)` | `Result<void>` | one sample; `bytes` are valid during the call |
/// | `s.end(RecordingEnd)` | `Result<void>` | it is complete |
///
/// After an error nothing more is told of that recording, and the run is over. External sync.
template <class S>
concept RunSink = requires(S& s, const RecordingStart& start, ByteView bytes, VideoIndex::Record record,
                           const RecordingEnd& end) {
    { s.begin(start) } noexcept -> std::same_as<Result<void>>;
    { s.append(bytes, record) } noexcept -> std::same_as<Result<void>>;
    { s.end(end) } noexcept -> std::same_as<Result<void>>;
};

struct RunOptions {
    WallDuration interval{60 * 90'000};  ///< of the switches
    WallDuration offset{};               ///< of this stream's switches, to stagger many streams
    MediaDuration max_gap{5 * 90'000};   ///< between two samples of a run
    WallDuration max_drift{5 * 90'000};  ///< between media and local time, in a run
    WallDuration longest{300 * 90'000};  ///< recording
};

/// Of stream `i` among `n`: interval × i / n.
constexpr WallDuration stagger(WallDuration interval, std::uint32_t i, std::uint32_t n) noexcept {
    return WallDuration{n == 0 ? 0 : interval.count * i / n};
}

/// Makes recordings out of samples with a time each, without I/O and without a clock.
///
/// A run is one uninterrupted session. It starts at the first sync sample with a timestamp; its
/// recordings switch at sync samples, at staggered times, and follow each other without a gap. One
/// sample is held back until the next one's time tells its duration; where a recording would begin
/// with the last sample of its run, that sample ends the one before. What ends a run is told by the
/// reason in the last `RecordingEnd`; the next sync sample starts a new run. External sync.
template <RunSink Sink>
class Run {
public:
    struct Sample {
        bool sync = false;
        std::optional<MediaDuration> time;  ///< by the camera's clock, from any zero, wraps undone
        WallTime local{};                   ///< realtime less monotonic at connect, plus monotonic now
        std::shared_ptr<const SampleEntry> entry;  ///< of the last sync sample
    };
    enum class Outcome : std::uint8_t {
        taken,        ///< belongs to the run
        run_started,  ///< and is its first
        run_ended,    ///< ended the run and does not belong to it: wait for a sync sample
        run_replaced, ///< ended the run and starts the next
        waiting,      ///< no run yet, and this can't start one: dropped
    };

    explicit Run(Sink& sink, RunOptions options = {}) noexcept : sink_{&sink}, options_{options} {}

    /// Takes a sample. `bytes` is swapped for a buffer to be used again, so that holding it back
    /// copies nothing; dropped samples leave it alone.
    /// @errors the sink's; the run is over then
    Result<Outcome> push(const Sample& sample, std::vector<std::byte>& bytes) noexcept {
        if (running_) {
            const auto verdict = judge(sample, bytes);
            if (verdict != RunEnd::none) {
                if (auto r = finish(verdict); !r) return r.error();
                return restart(sample, bytes, Outcome::run_ended, Outcome::run_replaced);
            }
            const MediaDuration duration = *sample.time - held_.time;
            const auto outcome = switches_ ? switch_to_held() : Result<Outcome>{Outcome::taken};
            if (!outcome) return outcome.error();
            if (auto r = append_held(duration); !r) return abort(r.error());
            hold(sample, bytes);
            switches_ = sample.sync && (sample.local >= switch_at_ || !same_entry(sample.entry));
            return *outcome;
        }
        return restart(sample, bytes, Outcome::waiting, Outcome::run_started);
    }

    /// Ends the run: the sample held back is stored with duration zero. Nothing without a run.
    /// @errors the sink's
    Result<void> finish(RunEnd reason) noexcept {
        if (!running_) return {};
        if (switches_ && !same_entry(held_.entry))
            if (auto r = switch_to_held(); !r) return r.error();
        if (auto r = append_held(MediaDuration{0}); !r) {
            running_ = false;
            return r;
        }
        auto r = close(reason, true);
        running_ = false;
        return r;
    }

    bool running() const noexcept { return running_; }

private:
    struct Held {
        MediaDuration time{};
        WallTime local{};
        bool sync = false;
        std::shared_ptr<const SampleEntry> entry;
    };

    RunEnd judge(const Sample& sample, const std::vector<std::byte>& bytes) const noexcept {
        if (bytes.empty() || bytes.size() > VideoLimits::sample_bytes) return RunEnd::sample_refused;
        if (!sample.time) return RunEnd::time_missing;
        if (*sample.time <= held_.time) return RunEnd::time_not_rising;
        // Unsigned: the distance of two times may not fit with a sign.
        const auto gap = static_cast<std::uint64_t>(sample.time->count) - static_cast<std::uint64_t>(held_.time.count);
        if (gap > static_cast<std::uint64_t>(options_.max_gap.count)) return RunEnd::time_jump;
        const auto media = (switches_ ? MediaDuration{} : media_) + MediaDuration{static_cast<std::int64_t>(gap)};
        if (media > longest_media(options_.longest)) return RunEnd::no_sync_sample;
        return RunEnd::none;
    }

    bool same_entry(const std::shared_ptr<const SampleEntry>& entry) const noexcept {
        return !entry || entry == entry_ || *entry == *entry_;
    }

    Result<Outcome> restart(const Sample& sample, std::vector<std::byte>& bytes, Outcome without,
                            Outcome with) noexcept {
        if (!sample.sync || !sample.time || !sample.entry || bytes.empty() ||
            bytes.size() > VideoLimits::sample_bytes)
            return without;
        if (auto r = begin(sample.local, sample.entry, sample.local, 0); !r) return r.error();
        running_ = true;
        hold(sample, bytes);
        return with;
    }

    /// The sample held back begins the next recording, or the next run where the clocks have parted.
    Result<Outcome> switch_to_held() noexcept {
        switches_ = false;
        const auto before = end_of(RunEnd::none, false);
        const bool is_new_run = drifted(before);
        if (auto r = close(is_new_run ? RunEnd::clock_jump : RunEnd::none, false); !r) return r.error();
        auto begun = is_new_run ? begin(held_.local, held_.entry, held_.local, 0)
                                : begin(held_.local, held_.entry, before.start + before.wall_duration,
                                        run_offset_ + 1);
        if (!begun) return begun.error();
        return is_new_run ? Outcome::run_replaced : Outcome::taken;
    }

    Result<void> begin(WallTime local, std::shared_ptr<const SampleEntry> entry, WallTime start,
                       std::uint32_t run_offset) noexcept {
        switches_ = false;
        start_ = start;
        run_offset_ = run_offset;
        media_ = {};
        local_start_.reset();
        if (entry) entry_ = std::move(entry);
        // The first of a run is not cut short: it may last up to twice as long.
        switch_at_ = next_switch(local, options_.interval, options_.offset) +
                     (run_offset == 0 ? options_.interval : WallDuration{});
        auto r = sink_->begin(RecordingStart{start, run_offset, entry_});
        if (!r) running_ = false;
        return r;
    }

    void hold(const Sample& sample, std::vector<std::byte>& bytes) noexcept {
        held_ = {*sample.time, sample.local, sample.sync, sample.entry};
        std::swap(bytes, bytes_);
    }

    Result<void> append_held(MediaDuration duration) noexcept {
        // A burst comes late, never early: the earliest guess is the best.
        const WallTime guess = held_.local - WallDuration{media_.count};
        local_start_ = local_start_ ? std::min(*local_start_, guess) : guess;
        media_ += duration;
        return sink_->append(bytes_, VideoIndex::Record{duration, held_.sync});
    }

    RecordingEnd end_of(RunEnd reason, bool trailing_zero) const noexcept {
        RecordingEnd end;
        end.start = run_offset_ == 0 ? *local_start_ : start_;
        end.media_duration = media_;
        end.local_start_delta = *local_start_ - end.start;
        end.wall_duration = wall_duration(media_, end.local_start_delta);
        end.run_offset = run_offset_;
        end.reason = reason;
        end.trailing_zero = trailing_zero;
        return end;
    }
    bool drifted(const RecordingEnd& end) const noexcept {
        return end.local_start_delta > options_.max_drift ||
               end.local_start_delta < WallDuration{} - options_.max_drift;
    }
    Result<void> close(RunEnd reason, bool trailing_zero) noexcept {
        auto r = sink_->end(end_of(reason, trailing_zero));
        if (!r) running_ = false;
        return r;
    }
    Error abort(const Error& error) noexcept {
        running_ = false;
        return error;
    }

    Sink* sink_;
    RunOptions options_;
    bool running_ = false;
    bool switches_ = false;  ///< the sample held back begins the next recording
    std::uint32_t run_offset_ = 0;
    WallTime start_{};
    WallTime switch_at_{};
    MediaDuration media_{};  // of what was appended to this recording
    std::optional<WallTime> local_start_;
    std::shared_ptr<const SampleEntry> entry_;
    Held held_;
    std::vector<std::byte> bytes_;
};

}  // namespace bobbin::media

#endif
