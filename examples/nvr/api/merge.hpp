#ifndef NVR_API_MERGE_HPP
#define NVR_API_MERGE_HPP

#include "catalog/recording.hpp"

#include <span>
#include <vector>

namespace nvr {

/// Recordings that play as one: of one run and one sample entry, each beginning where the one before
/// ends.
struct MergedRecordings {
    bobbin::Sequence first = 0;
    bobbin::Sequence last = 0;
    bobbin::Sequence run_start = 0;
    bobbin::OpenId open;
    bobbin::WallTime start{};
    bobbin::WallTime end{};
    std::optional<bobbin::Sequence> first_uncommitted;
    bool is_growing = false;
    bool has_trailing_zero = false;
    std::optional<std::string> end_reason;
    std::uint64_t samples = 0;
    bobbin::Bytes bytes;
    std::uint32_t sample_entry = 0;
};

/// `recordings` in the order of their starts; the result is, too. None grows beyond `split` by merging.
std::vector<MergedRecordings> merge(std::span<const Recording> recordings, bobbin::WallDuration split);

}  // namespace nvr

#endif
