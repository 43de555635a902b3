#ifndef NVR_CAMERA_RECORDING_SINK_HPP
#define NVR_CAMERA_RECORDING_SINK_HPP

#include "catalog/recorder.hpp"
#include "catalog/sample_entries.hpp"
#include "catalog/schema.hpp"

#include <bobbin/media/run.hpp>

#include <new>
#include <string>
#include <utility>

namespace nvr {

/// Where a run's recordings go: into objects, with their facts. External sync.
class RecordingSink {
public:
    RecordingSink(Recorder::Writer writer, SampleEntries& entries) noexcept
        : writer_{std::move(writer)}, entries_{entries} {}

    /// What the source said when it broke; stored with the recording that it ends.
    void source_failed(std::string text) { failure_ = std::move(text); }

    bobbin::Result<void> begin(const bobbin::media::RecordingStart& start) noexcept try {
        // A row that the tables refuse would hold up the commits of all cameras.
        if (start.entry->box.size() > most_entry_bytes)
            return bobbin::Error{bobbin::Errc::bitstream_malformed, bobbin::Operation::begin};
        if (start.run_offset == 0) {
            run_ = std::make_shared<RunIdentity>();
            failure_.clear();
        }
        facts_ = {};
        facts_.start = start.start;
        facts_.run = run_;
        facts_.entry_id = entries_.id_of(start.entry);
        facts_.entry = start.entry;
        writer_.begin(facts_);
        return {};
    } catch (const std::bad_alloc&) {
        return out_of_memory();
    }

    bobbin::Result<void> append(bobbin::ByteView bytes, bobbin::VideoIndex::Record record) noexcept try {
        return writer_.append(bytes, record);
    } catch (const std::bad_alloc&) {
        return out_of_memory();
    }

    bobbin::Result<void> end(const bobbin::media::RecordingEnd& end) noexcept try {
        facts_.start = end.start;
        facts_.has_ended = true;
        facts_.wall_duration = end.wall_duration;
        facts_.local_start_delta = end.local_start_delta;
        if (end.reason != bobbin::media::RunEnd::none) facts_.end_reason = text_of(end.reason);
        const auto ended = writer_.end(facts_);
        if (!ended) return ended.error();
        return {};
    } catch (const std::bad_alloc&) {
        return out_of_memory();
    }

private:
    static bobbin::Error out_of_memory() noexcept {
        return {bobbin::Errc::out_of_memory, bobbin::Operation::append};
    }
    std::string text_of(bobbin::media::RunEnd reason) const {
        if (reason == bobbin::media::RunEnd::source_failed && !failure_.empty())
            return failure_.substr(0, 400);
        return std::string{name_of(reason)};
    }

    Recorder::Writer writer_;
    SampleEntries& entries_;
    std::shared_ptr<RunIdentity> run_;
    RecordingRows::Facts facts_;
    std::string failure_;
};

static_assert(bobbin::media::RunSink<RecordingSink>);

}  // namespace nvr

#endif
