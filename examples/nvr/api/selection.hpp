#ifndef NVR_API_SELECTION_HPP
#define NVR_API_SELECTION_HPP

#include "catalog/recording.hpp"

#include <bobbin/core/ids.hpp>
#include <bobbin/core/ticks.hpp>

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace nvr {

/// A parameter `s=START[-END][@OPEN][.[FROM]-[TO]]`: recordings of a stream and, in wall time since
/// the start of the first, what of them is wanted.
struct Selection {
    bobbin::Sequence first = 0;
    bobbin::Sequence last = 0;  ///< inclusive
    std::optional<bobbin::OpenId> open;
    bobbin::WallDuration from{};
    std::optional<bobbin::WallDuration> to;
    friend bool operator==(const Selection&, const Selection&) = default;
};

/// Nothing where it is malformed, or can't select anything.
std::optional<Selection> parse_selection(std::string_view text);

/// A part of a recording, in its media time. Adjacent selections share no sample and lose none.
struct Part {
    const Recording* recording = nullptr;
    bobbin::MediaDuration from{};
    bobbin::MediaDuration to{};   ///< above `from`
    bobbin::WallTime start{};     ///< wall time at `from`
    bobbin::WallTime end{};       ///< wall time at `to`
};

/// What `selection` wants of `recordings`, which are in the order of their numbers. Empty where it
/// wants nothing that is there, or its first recording was written by another open.
std::vector<Part> select_parts(std::span<const Recording> recordings, const Selection& selection);

}  // namespace nvr

#endif
