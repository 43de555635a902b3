#include "catalog/recording_rows.hpp"

#include "catalog/schema.hpp"

#include <algorithm>

namespace nvr {
namespace {

using namespace bobbin;

struct Row {
    std::int64_t start = 0;
    std::int64_t wall = 0;
    std::int64_t delta = 0;
    std::optional<std::string> end_reason;
};

/// What the engine or a crash cut off has no wall time of its own: the media's stands in.
Row row_of(std::int64_t begun, std::int64_t media, const RecordingRows::Facts* facts) {
    Row row;
    row.wall = media;
    if (!facts) {
        row.start = begun;
        row.end_reason = "the recorder stopped without warning";
    } else if (!facts->has_ended) {
        row.start = facts->start.ticks;
        row.end_reason = "storage did not keep up";
    } else {
        const auto whole = facts->wall_duration.count;
        // Within 500 ppm it is the whole recording; else its tail.
        const bool is_whole = std::abs(whole - media) <= std::max<std::int64_t>(1, media / 2000);
        row.start = is_whole ? facts->start.ticks : facts->start.ticks + whole - media;
        if (is_whole) row.wall = whole;
        row.delta = facts->local_start_delta.count;
        if (!facts->end_reason.empty()) row.end_reason = facts->end_reason;
    }
    return row;
}

}  // namespace

Result<void> RecordingRows::begin(Transaction& tx, ObjectId id, const Facts& facts) {
    if (!facts.entry || !facts.run) return {};
    Sequence none = 0;
    facts.run->first.compare_exchange_strong(none, id.sequence());
    const auto run_start = std::min(facts.run->first.load(), id.sequence());
    const ByteView box{facts.entry->box};
    if (auto ok = tx.run("insert into sample_entry (id, box) values (?1, ?2) on conflict do nothing",
                         facts.entry_id, box);
        !ok)
        return ok;
    return tx.run("insert into recording_begun (id, start_90k, run_start, sample_entry) "
                  "values (?1, ?2, ?3, ?4) on conflict (id) do nothing",
                  id, facts.start.ticks, run_start, facts.entry_id);
}

Result<void> RecordingRows::commit(Transaction& tx, ObjectId id, const Counts& counts,
                                   const Facts* facts) {
    std::int64_t begun = 0;
    {
        auto select = tx.statement("select start_90k from recording_begun where id = ?1");
        if (!select) return select.error();
        const auto found = select->one<std::int64_t>(id);
        if (!found) return found.error();
        // Done before, or not one of ours.
        if (!*found) return {};
        begun = std::get<0>(**found);
    }
    // Limits that the camera's side keeps; a row that breaks them would hold up all others.
    const auto media = std::clamp<std::int64_t>(counts.duration.count, 0, longest_recording.count);
    auto row = row_of(begun, media, facts);
    row.wall = std::clamp<std::int64_t>(row.wall, 1, longest_recording.count);
    if (auto ok = tx.run(
            "insert into recording (id, stream, open, start_90k, wall_duration_90k, "
            "media_duration_90k, local_start_delta_90k, run_start, samples, sync_samples, bytes, "
            "allocated, sample_entry, trailing_zero, end_reason, prev_media_90k, prev_runs) "
            "select o.id, s.id, o.open, ?2, ?3, ?4, ?5, b.run_start, ?6, ?7, o.size, o.allocated, "
            "b.sample_entry, ?8, ?9, s.media_ever_90k, s.runs_ever "
            "from object o, recording_begun b, camera_stream s "
            "where o.id = ?1 and b.id = ?1 and s.id = ?1 >> 32 on conflict (id) do nothing",
            id, row.start, row.wall, media, row.delta, counts.samples, counts.sync_samples,
            counts.trailing_zero ? 1 : 0, row.end_reason);
        !ok)
        return ok;
    return tx.run("delete from recording_begun where id = ?1", id);
}

Result<void> RecordingRows::remove(Transaction& tx, ObjectId id) {
    if (auto ok = tx.run("delete from recording where id = ?1", id); !ok) return ok;
    return tx.run("delete from recording_begun where id = ?1", id);
}

auto RecordingRows::split(const Facts& facts, const Counts& so_far, const Counts& dropped) const
    -> Facts {
    Facts next = facts;
    next.start = facts.start + WallDuration{so_far.duration.count + dropped.duration.count};
    return next;
}

}  // namespace nvr
