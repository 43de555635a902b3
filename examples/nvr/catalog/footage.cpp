#include "catalog/footage.hpp"

#include <algorithm>

namespace nvr {

using namespace bobbin;

namespace {

/// Asked before the store, what was committed in between comes twice; the store's word counts.
void add_missing(std::vector<Recording>& known, std::vector<Recording> growing) {
    for (auto& recording : growing)
        if (std::ranges::find(known, recording.id, &Recording::id) == known.end())
            known.push_back(std::move(recording));
}

}  // namespace

std::vector<Recording> Footage::growing(StreamId stream) {
    std::vector<Recording> all;
    std::vector<const RunIdentity*> runs;
    const auto views = reader_.growing(stream);
    for (const auto& view : views) {
        if (!view.facts.entry || !view.facts.run || view.counts.samples == 0) continue;
        Recording recording;
        recording.id = view.id;
        recording.open = catalog_.store().open_record().id;
        recording.start = view.facts.start;
        recording.media_duration = view.counts.duration;
        recording.wall_duration =
            view.facts.has_ended ? view.facts.wall_duration
                                 : WallDuration{std::max<std::int64_t>(1, view.counts.duration.count)};
        recording.samples = view.counts.samples;
        recording.bytes = view.size;
        recording.sample_entry = view.facts.entry_id;
        recording.has_trailing_zero = view.counts.trailing_zero;
        if (!view.facts.end_reason.empty()) recording.end_reason = view.facts.end_reason;
        recording.is_committed = false;
        recording.is_growing = !view.has_ended;
        recording.index = std::make_shared<const std::vector<std::byte>>(view.index);
        recording.run_start = view.facts.run->first.load();
        // Without a row the run is at most as old as the oldest of it here.
        if (recording.run_start == 0) {
            const auto first = std::ranges::find(runs, view.facts.run.get());
            recording.run_start = first == runs.end()
                                      ? view.id.sequence()
                                      : all[static_cast<std::size_t>(first - runs.begin())].run_start;
        }
        runs.push_back(view.facts.run.get());
        all.push_back(std::move(recording));
    }
    return all;
}

Result<std::vector<Recording>> Footage::by_time(StreamId stream, WallTime from, WallTime to) {
    auto fresh = growing(stream);
    std::erase_if(fresh, [&](const Recording& r) { return r.end() <= from || r.start >= to; });
    auto known = catalog_.by_time(stream, from, to);
    if (!known) return known;
    add_missing(*known, std::move(fresh));
    std::ranges::sort(*known, {}, [](const Recording& r) { return std::pair{r.start, r.id}; });
    return known;
}

Result<std::vector<Recording>> Footage::by_number(StreamId stream, Sequence first, Sequence last) {
    auto fresh = growing(stream);
    std::erase_if(fresh, [&](const Recording& r) {
        return r.id.sequence() < first || r.id.sequence() > last;
    });
    auto known = catalog_.by_number(stream, first, last);
    if (!known) return known;
    add_missing(*known, std::move(fresh));
    std::ranges::sort(*known, {}, &Recording::id);
    return known;
}

}  // namespace nvr
