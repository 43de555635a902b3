#ifndef NVR_CATALOG_RECORDING_HPP
#define NVR_CATALOG_RECORDING_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/ids.hpp>
#include <bobbin/core/ticks.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nvr {

/// A recording, committed or not.
struct Recording {
    bobbin::ObjectId id;
    bobbin::OpenId open;
    bobbin::WallTime start{};
    bobbin::WallDuration wall_duration{};
    bobbin::MediaDuration media_duration{};
    bobbin::Sequence run_start = 0;
    std::uint64_t samples = 0;
    bobbin::Bytes bytes;
    std::uint32_t sample_entry = 0;
    bool has_trailing_zero = false;
    std::optional<std::string> end_reason;
    bool is_committed = true;
    bool is_growing = false;
    /// Of one that is not committed, as it stood when asked for.
    std::shared_ptr<const std::vector<std::byte>> index;

    bobbin::WallTime end() const noexcept { return start + wall_duration; }
};

}  // namespace nvr

#endif
