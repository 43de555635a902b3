#ifndef NVR_API_JSON_HPP
#define NVR_API_JSON_HPP

#include "api/merge.hpp"
#include "camera/status.hpp"
#include "catalog/catalog.hpp"

#include <bobbin/media/sample_entry.hpp>

#include <nlohmann/json.hpp>

namespace nvr {

using Json = nlohmann::json;

struct StreamDetails {
    std::optional<TimeSpan> span;
    std::optional<StreamStatus::Snapshot> status;
    std::optional<Json> days;
    bool with_config = false;
};

Json to_json(const CameraStream& stream, const StreamDetails& details);
Json to_json(const MergedRecordings& recordings);
Json to_json(const bobbin::media::SampleEntry& entry);

}  // namespace nvr

#endif
