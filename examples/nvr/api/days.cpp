#include "api/days.hpp"

#include <algorithm>
#include <array>
#include <ctime>

namespace nvr {
namespace {

using namespace bobbin;

constexpr std::int64_t ticks_a_second = 90'000;

/// The day in which `time` lies.
std::pair<std::string, Day> day_at(WallTime time) {
    const auto seconds = time.ticks / ticks_a_second - (time.ticks % ticks_a_second < 0 ? 1 : 0);
    const auto clock = static_cast<std::time_t>(seconds);
    std::tm local{};
    localtime_r(&clock, &local);
    std::array<char, 32> name{};
    std::strftime(name.data(), name.size(), "%Y-%m-%d", &local);
    const auto midnight = [&](int days_later) {
        std::tm day{};
        day.tm_year = local.tm_year;
        day.tm_mon = local.tm_mon;
        day.tm_mday = local.tm_mday + days_later;
        day.tm_isdst = -1;
        return WallTime{static_cast<std::int64_t>(std::mktime(&day)) * ticks_a_second};
    };
    return {name.data(), Day{midnight(0), midnight(1), {}}};
}

}  // namespace

std::map<std::string, Day> days_of(std::span<const Recording> recordings) {
    std::map<std::string, Day> days;
    std::pair<std::string, Day> current;
    for (const auto& recording : recordings)
        for (auto at = recording.start; at < recording.end();) {
            if (current.first.empty() || at < current.second.start || at >= current.second.end)
                current = day_at(at);
            const auto until = std::min(recording.end(), current.second.end);
            // A time zone that skips midnight must not stop us.
            if (until <= at) break;
            days.try_emplace(current.first, current.second).first->second.recorded += until - at;
            at = until;
        }
    return days;
}

}  // namespace nvr
