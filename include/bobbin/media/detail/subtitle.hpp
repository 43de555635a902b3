#ifndef BOBBIN_MEDIA_DETAIL_SUBTITLE_HPP
#define BOBBIN_MEDIA_DETAIL_SUBTITLE_HPP

#include <bobbin/core/ticks.hpp>
#include <bobbin/media/detail/boxes.hpp>

#include <algorithm>
#include <cstdint>

namespace bobbin::media::detail {

inline constexpr std::int64_t ticks_a_second = 90'000;

/// The wall seconds that a segment touches, each a sample of the subtitle track.
struct Seconds {
    std::int64_t first = 0;   ///< since 1970
    std::uint32_t count = 0;
    std::int64_t begin = 0;   ///< of the segment, ticks since 1970
    std::int64_t end = 0;

    static constexpr Seconds of(WallTime start, MediaDuration shown) noexcept {
        const auto floor = [](std::int64_t ticks) {
            return ticks / ticks_a_second - (ticks % ticks_a_second < 0 ? 1 : 0);
        };
        const auto end = start.ticks + shown.count;
        const auto first = floor(start.ticks);
        return {first, static_cast<std::uint32_t>(floor(end - 1) - first + 1), start.ticks, end};
    }
    constexpr std::uint32_t runs() const noexcept { return std::min(count, 3U); }

    /// `runs()` entries of `stts`: the first second and the last may be cut.
    void put_runs(Buffer& to) const {
        const auto put_run = [&](std::uint32_t samples, std::int64_t duration) {
            put32(to, samples);
            put32(to, static_cast<std::uint32_t>(duration));
        };
        if (count == 1) return put_run(1, end - begin);
        put_run(1, (first + 1) * ticks_a_second - begin);
        if (count > 2) put_run(count - 2, ticks_a_second);
        put_run(1, end - (first + count - 1) * ticks_a_second);
    }
};

/// @source 3GPP TS 26.245, 5.16
inline void put_tx3g(Buffer& to) {
    const Box entry{to, "tx3g"};
    put_zeros(to, 6);
    put16(to, 1);  // data reference
    put32(to, 0);
    put8(to, 1);     // centred
    put8(to, 0xff);  // at the bottom
    put_zeros(to, 4 + 8 + 4);
    put16(to, 1);  // font
    put8(to, 0);
    put8(to, 18);
    put32(to, 0xffffffff);
    const Box fonts{to, "ftab"};
    put16(to, 1);
    put16(to, 1);
    put8(to, 5);
    put_text(to, "Serif");
}

}  // namespace bobbin::media::detail

#endif
