#include "api/json.hpp"

#include "cli/log.hpp"

namespace nvr {

Json to_json(const CameraStream& stream, const StreamDetails& details) {
    Json json{{"id", stream.id.value},
              {"retainBytes", stream.limit.value},
              {"totalDuration90k", stream.duration.count},
              {"totalSampleFileBytes", stream.bytes.value},
              {"fsBytes", stream.allocated.value},
              {"record", true}};
    if (details.span) {
        json["minStartTime90k"] = details.span->start.ticks;
        json["maxEndTime90k"] = details.span->end.ticks;
    }
    if (details.days) json["days"] = *details.days;
    if (details.with_config) json["config"] = {{"url", log::redacted(stream.url)}};
    if (const auto& status = details.status) {
        Json live{{"state", name_of(status->state)}, {"frames", status->frames}};
        if (!status->problem.empty()) live["problem"] = status->problem;
        if (status->last_frame) {
            const auto age = bobbin::SystemClock{}.monotonic() - *status->last_frame;
            live["lastFrameAgeMs"] = std::chrono::duration_cast<std::chrono::milliseconds>(age).count();
        }
        json["status"] = std::move(live);
    }
    return json;
}

Json to_json(const MergedRecordings& r) {
    Json json{{"startId", r.first},
              {"runStartId", r.run_start},
              {"openId", r.open.value},
              {"startTime90k", r.start.ticks},
              {"endTime90k", r.end.ticks},
              {"sampleFileBytes", r.bytes.value},
              {"videoSamples", r.samples},
              {"videoSampleEntryId", r.sample_entry}};
    if (r.last != r.first) json["endId"] = r.last;
    if (r.first_uncommitted) json["firstUncommitted"] = *r.first_uncommitted;
    if (r.is_growing) json["growing"] = true;
    if (r.has_trailing_zero) json["hasTrailingZero"] = true;
    if (r.end_reason) json["endReason"] = *r.end_reason;
    return json;
}

Json to_json(const bobbin::media::SampleEntry& entry) {
    const auto [w, h] = entry.aspect();
    return {{"width", entry.width},
            {"height", entry.height},
            {"paspHSpacing", entry.pixel_aspect.horizontal},
            {"paspVSpacing", entry.pixel_aspect.vertical},
            {"aspectWidth", w},
            {"aspectHeight", h},
            {"codec", entry.rfc6381}};
}

}  // namespace nvr
