#ifndef NVR_API_LOCAL_TIME_HPP
#define NVR_API_LOCAL_TIME_HPP

#include <bobbin/core/ticks.hpp>

#include <span>
#include <string>
#include <vector>

namespace nvr {

/// As in `Europe/Vienna`; `Etc/UTC` where nothing says otherwise.
std::string time_zone_name();

/// `2026-11-22 14:03:05 +0100`: always so many characters.
inline constexpr std::uint16_t second_text_length = 25;
void write_second(bobbin::WallTime time, std::span<char> to) noexcept;

/// All that decides what `write_second` says: the zone and its rules.
std::vector<std::byte> time_zone_key();

}  // namespace nvr

#endif
