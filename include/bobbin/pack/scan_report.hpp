#ifndef BOBBIN_PACK_SCAN_REPORT_HPP
#define BOBBIN_PACK_SCAN_REPORT_HPP

#include <cstdint>
#include <vector>

namespace bobbin::pack {

/// What a scan found that is no record: bytes of nothing, or a record that its checksum refuses.
struct DamagedRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    friend constexpr bool operator==(const DamagedRange&, const DamagedRange&) = default;
};

struct ScanReport {
    bool has_index = false;           ///< which is whole; it was not used
    bool has_header = false;          ///< which is whole; without it no store is compared
    std::uint64_t records = 0;        ///< that are whole
    std::uint64_t chunks = 0;         ///< in them, before duplicates are dropped
    std::uint64_t chunks_in_row = 0;  ///< in those that follow the header back to back; others may
                                      ///< be of a pack that was saved in this one
    std::vector<DamagedRange> damaged;  ///< in order, and apart from each other
};

}  // namespace bobbin::pack

#endif
