#ifndef NVR_HTTP_RANGES_HPP
#define NVR_HTTP_RANGES_HPP

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace nvr::http {

/// Bytes [begin, end).
struct ByteRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

inline constexpr std::size_t most_ranges = 16;

enum class RangeOutcome : std::uint8_t {
    whole,          ///< no ranges, other units, malformed, or more than need be: send all
    partial,
    unsatisfiable,  ///< none lies in the file
    too_many,
};

struct RangeSet {
    RangeOutcome outcome = RangeOutcome::whole;
    std::vector<ByteRange> ranges;  ///< as they were asked for, cut off at the file's end
};

/// The value of a Range field for an entity of `size` bytes.
/// @source RFC 9110, section 14.1.2 and 14.2
RangeSet parse_ranges(std::string_view field, std::uint64_t size);

}  // namespace nvr::http

#endif
