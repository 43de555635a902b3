#ifndef NVR_CATALOG_RECORDING_ROWS_HPP
#define NVR_CATALOG_RECORDING_ROWS_HPP

#include <bobbin/core/ids.hpp>
#include <bobbin/core/policy.hpp>
#include <bobbin/core/ticks.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/media/sample_entry.hpp>
#include <bobbin/store/sqlite.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace nvr {

/// One uninterrupted session of a camera; its recordings share this.
struct RunIdentity {
    std::atomic<bobbin::Sequence> first{0};  ///< number of its first recording, once that has a row
};

/// The recorder's own rows, written in the transaction of the object that they speak of.
///
/// What is growing is in `recording_begun`; `recording` has only what is committed, so that its
/// covering index lists nothing else. Totals follow by triggers: a repeated step counts once.
class RecordingRows {
public:
    using policy_concept = bobbin::rows_tag;

    struct Facts {
        // Known at the beginning.
        bobbin::WallTime start{};  ///< provisional for the first of a run
        std::shared_ptr<RunIdentity> run;
        std::uint32_t entry_id = 0;
        std::shared_ptr<const bobbin::media::SampleEntry> entry;
        // Known at the end. They speak of the whole recording, of which the object may be the tail.
        bool has_ended = false;
        bobbin::WallDuration wall_duration{};
        bobbin::WallDuration local_start_delta{};
        std::string end_reason;  ///< empty where another recording of the run follows
    };
    using Counts = bobbin::VideoIndex::Counts;
    using Transaction = bobbin::SqliteTransaction;

    bobbin::Result<void> begin(Transaction& tx, bobbin::ObjectId id, const Facts& facts);
    bobbin::Result<void> advance(Transaction&, bobbin::ObjectId, const Counts&) { return {}; }
    bobbin::Result<void> commit(Transaction& tx, bobbin::ObjectId id, const Counts& counts,
                                const Facts* facts);
    bobbin::Result<void> remove(Transaction& tx, bobbin::ObjectId id);
    Facts split(const Facts& facts, const Counts& so_far, const Counts& dropped) const;
};

}  // namespace nvr

#endif
