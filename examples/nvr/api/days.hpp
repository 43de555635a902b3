#ifndef NVR_API_DAYS_HPP
#define NVR_API_DAYS_HPP

#include "catalog/recording.hpp"

#include <map>
#include <span>
#include <string>

namespace nvr {

/// A day of the calendar, in the server's time zone: 23, 24 or 25 hours.
struct Day {
    bobbin::WallTime start{};
    bobbin::WallTime end{};
    bobbin::WallDuration recorded{};
};

/// By `YYYY-mm-dd`; a recording that spans midnight counts in parts.
std::map<std::string, Day> days_of(std::span<const Recording> recordings);

}  // namespace nvr

#endif
