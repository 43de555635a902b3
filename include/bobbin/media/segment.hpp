#ifndef BOBBIN_MEDIA_SEGMENT_HPP
#define BOBBIN_MEDIA_SEGMENT_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/ids.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/core/ticks.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/media/sample_entry.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace bobbin::media {

/// The index of a recording, shared with the cache that it comes from.
using IndexBytes = std::shared_ptr<const std::vector<std::byte>>;
/// Fetches an index when it is needed. Must not throw; called from whatever thread reads the file.
using IndexLoader = std::function<Result<IndexBytes>(ObjectId)>;

/// A part of a recording that goes into a file. A growing recording is described by what its index
/// says at this moment.
struct Segment {
    ObjectId object;
    OpenId open{};  ///< which wrote it: numbers that a lost row freed are not confused
    std::shared_ptr<const SampleEntry> entry;
    IndexBytes index;      ///< null: the builder's loader is asked, each time
    MediaDuration from{};  ///< in the recording
    MediaDuration to{};    ///< above `from`; the whole recording's duration includes its last sample
    WallTime start{};      ///< wall time at `from`
};

/// Which samples of a recording a range needs, and what they come to.
struct SegmentPlan {
    std::uint64_t first = 0;  ///< number of the first sample, from 0: a sync sample
    std::uint32_t samples = 0;
    std::uint32_t sync_samples = 0;
    std::uint32_t duration_runs = 0;  ///< of samples with equal durations in a row
    MediaDuration lead{};    ///< from the first sample to `from`: decoded, not shown
    MediaDuration media{};   ///< from the first sample to `to`
    std::uint64_t offset = 0;  ///< in the data file
    std::uint64_t bytes = 0;
};

/// Decodes `index` and finds the samples for [from, to): those shown, and before them all from the
/// nearest sync sample on. The last one is cut to end at `to`. A last sample of duration zero belongs
/// to a range that reaches to the end.
/// @errors those of `VideoSamples`; out_of_range where the range is empty or reaches beyond the end
inline Result<SegmentPlan> plan_segment(ByteView index, MediaDuration from, MediaDuration to) noexcept {
    const Error outside{Errc::out_of_range, Operation::read};
    if (from < MediaDuration{} || to <= from) return outside;
    SegmentPlan plan;
    VideoCursor cursor{index};
    std::int64_t last_duration = -1;
    MediaDuration begin{}, end{};
    for (std::uint64_t number = 0; cursor.next(); ++number) {
        const auto& s = cursor.sample();
        if (s.start >= to && !(s.start == to && s.duration == MediaDuration{})) break;
        if (s.sync && s.start <= from) {
            plan = SegmentPlan{};
            plan.first = number;
            plan.offset = s.offset;
            begin = s.start;
            last_duration = -1;
        }
        const auto shown = std::min(s.duration, to - s.start);
        end = s.start + shown;
        ++plan.samples;
        plan.sync_samples += s.sync;
        plan.duration_runs += shown.count != last_duration;
        last_duration = shown.count;
        plan.bytes += s.size;
    }
    if (const auto error = cursor.error()) return *error;
    if (end != to || plan.samples == 0) return outside;
    plan.lead = from - begin;
    plan.media = to - begin;
    return plan;
}

/// Calls `f(sample)` for the samples of a plan made for the same index and `to`; their durations are
/// cut to `to`. `f` may return false to stop.
/// @errors those of `VideoSamples`; index_truncated where the index is shorter than it was
template <class F>
Result<void> for_each_sample(ByteView index, const SegmentPlan& plan, MediaDuration to, F&& f) noexcept {
    VideoCursor cursor{index};
    for (std::uint64_t n = 0; n < plan.first; ++n) cursor.next();
    for (std::uint32_t n = 0; n < plan.samples; ++n) {
        if (!cursor.next()) return cursor.error().value_or(Error{Errc::index_truncated, Operation::decode});
        VideoSample sample = cursor.sample();
        sample.duration = std::min(sample.duration, to - sample.start);
        if (!f(sample)) break;
    }
    return {};
}

}  // namespace bobbin::media

#endif
