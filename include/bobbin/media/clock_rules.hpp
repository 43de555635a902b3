#ifndef BOBBIN_MEDIA_CLOCK_RULES_HPP
#define BOBBIN_MEDIA_CLOCK_RULES_HPP

#include <bobbin/core/ticks.hpp>

#include <algorithm>
#include <cstdint>

namespace bobbin::media {

/// How long a recording lasts on the local clock: its media duration, corrected towards where it
/// really started (`delta`: local start less start) by at most 500 parts in a million, so that
/// playback never sounds or looks wrong. Above zero.
constexpr WallDuration wall_duration(MediaDuration media, WallDuration delta) noexcept {
    const auto most = media.count / 2000;
    return WallDuration{std::max<std::int64_t>(1, media.count + std::clamp(delta.count, -most, most))};
}

/// The most media for which `wall_duration` is never above `longest`.
constexpr MediaDuration longest_media(WallDuration longest) noexcept {
    // m + ⌊m / 2000⌋ ≤ longest, solved for m.
    return MediaDuration{longest.count / 2001 * 2000 + std::min<std::int64_t>(longest.count % 2001, 1999)};
}

/// The first time after `now` that is `offset` after a whole multiple of `interval` (above zero).
constexpr WallTime next_switch(WallTime now, WallDuration interval, WallDuration offset) noexcept {
    const auto since = now.ticks - offset.count;
    auto into = since % interval.count;
    if (into < 0) into += interval.count;
    return now + WallDuration{interval.count - into};
}

/// Where `wall` after a recording's start lies in its media: ⌊wall × media / total⌋, in 128 bits.
/// Outside of the recording it is its nearest end.
constexpr MediaDuration media_at(WallDuration wall, MediaDuration media, WallDuration total) noexcept {
    if (wall.count <= 0 || media.count <= 0) return {};
    if (wall >= total) return media;
    __extension__ using Wide = unsigned __int128;
    const auto scaled = static_cast<Wide>(wall.count) * static_cast<Wide>(media.count) / static_cast<Wide>(total.count);
    return MediaDuration{static_cast<std::int64_t>(scaled)};
}

}  // namespace bobbin::media

#endif
