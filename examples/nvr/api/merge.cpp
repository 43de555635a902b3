#include "api/merge.hpp"

namespace nvr {
namespace {

bool follows(const Recording& r, const MergedRecordings& m, bobbin::WallDuration split) {
    return r.id.sequence() == m.last + 1 && r.run_start == m.run_start && r.open == m.open &&
           r.sample_entry == m.sample_entry && r.start == m.end && !m.has_trailing_zero &&
           r.end() - m.start <= split;
}

}  // namespace

std::vector<MergedRecordings> merge(std::span<const Recording> recordings, bobbin::WallDuration split) {
    std::vector<MergedRecordings> all;
    for (const auto& r : recordings) {
        const auto number = r.id.sequence();
        if (all.empty() || !follows(r, all.back(), split)) {
            MergedRecordings fresh;
            fresh.first = number;
            fresh.run_start = r.run_start;
            fresh.open = r.open;
            fresh.start = r.start;
            fresh.sample_entry = r.sample_entry;
            all.push_back(fresh);
        }
        auto& m = all.back();
        m.last = number;
        m.end = r.end();
        m.samples += r.samples;
        m.bytes += r.bytes;
        m.is_growing = r.is_growing;
        m.has_trailing_zero = r.has_trailing_zero;
        m.end_reason = r.end_reason;
        if (!r.is_committed && !m.first_uncommitted) m.first_uncommitted = number;
    }
    return all;
}

}  // namespace nvr
