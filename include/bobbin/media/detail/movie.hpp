#ifndef BOBBIN_MEDIA_DETAIL_MOVIE_HPP
#define BOBBIN_MEDIA_DETAIL_MOVIE_HPP

#include <bobbin/core/ticks.hpp>
#include <bobbin/media/detail/boxes.hpp>
#include <bobbin/media/sample_entry.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>

// The boxes that a file and an initialization segment share.
// Source: ISO/IEC 14496-12, 8.2.2 (mvhd), 8.3.2 (tkhd), 8.4.2 (mdhd), 8.4.3 (hdlr), 8.7.2 (dref), 12.1.2 (vmhd)
namespace bobbin::media::detail {

inline constexpr std::uint32_t timescale = 90'000;

/// Seconds since 1904, as the header boxes count.
constexpr std::uint64_t mp4_time(WallTime time) noexcept {
    constexpr std::int64_t from_1904_to_1970 = 2'082'844'800;
    const auto seconds = time.ticks / std::int64_t{timescale};
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, seconds + from_1904_to_1970));
}

/// Whether header boxes must be of version 1.
constexpr bool is_wide(std::uint64_t created, std::uint64_t duration) noexcept {
    constexpr auto most = std::numeric_limits<std::uint32_t>::max();
    return created > most || duration >= most;  // all ones means: not known
}

inline void put_either(Buffer& to, bool wide, std::uint64_t value) {
    wide ? put64(to, value) : put32(to, static_cast<std::uint32_t>(value));
}

inline void put_mvhd(Buffer& to, std::uint64_t created, std::uint64_t duration, std::uint32_t next_track) {
    const bool wide = is_wide(created, duration);
    const Box box{to, "mvhd", wide, 0};
    put_either(to, wide, created);
    put_either(to, wide, created);
    put32(to, timescale);
    put_either(to, wide, duration);
    put32(to, 0x10000);
    put16(to, 0x100);
    put_zeros(to, 10);
    put_matrix(to);
    put_zeros(to, 24);
    put32(to, next_track);
}

inline void put_tkhd(Buffer& to, std::uint64_t created, std::uint64_t duration, const SampleEntry& entry,
                     std::uint32_t track = 1) {
    const bool wide = is_wide(created, duration);
    const Box box{to, "tkhd", wide, 3};  // enabled, in the movie
    put_either(to, wide, created);
    put_either(to, wide, created);
    put32(to, track);
    put32(to, 0);
    put_either(to, wide, duration);
    put_zeros(to, 16);
    put_matrix(to);
    // The size on a display with square pixels, as 16.16.
    const auto& aspect = entry.pixel_aspect;
    const auto scaled = aspect.vertical == 0 ? std::uint64_t{entry.width} << 16
                                             : (std::uint64_t{entry.width} << 16) * aspect.horizontal / aspect.vertical;
    put32(to, static_cast<std::uint32_t>(std::min<std::uint64_t>(scaled, 0xffff0000)));
    put32(to, std::uint32_t{entry.height} << 16);
}

inline void put_mdhd(Buffer& to, std::uint64_t created, std::uint64_t duration) {
    const bool wide = is_wide(created, duration);
    const Box box{to, "mdhd", wide, 0};
    put_either(to, wide, created);
    put_either(to, wide, created);
    put32(to, timescale);
    put_either(to, wide, duration);
    put16(to, 0x55c4);  // und
    put16(to, 0);
}

inline void put_hdlr(Buffer& to, std::string_view type, std::string_view name) {
    const Box box{to, "hdlr", 0, 0};
    put32(to, 0);
    put_text(to, type);
    put_zeros(to, 12);
    put_text(to, name);
    put8(to, 0);
}

inline void put_dinf(Buffer& to) {
    const Box dinf{to, "dinf"};
    const Box dref{to, "dref", 0, 0};
    put32(to, 1);
    const Box url{to, "url ", 0, 1};  // in this file
}

inline void put_vmhd_dinf(Buffer& to) {
    {
        const Box box{to, "vmhd", 0, 1};
        put_zeros(to, 8);
    }
    put_dinf(to);
}

}  // namespace bobbin::media::detail

#endif
