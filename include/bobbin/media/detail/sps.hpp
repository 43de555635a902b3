#ifndef BOBBIN_MEDIA_DETAIL_SPS_HPP
#define BOBBIN_MEDIA_DETAIL_SPS_HPP

#include <bobbin/media/detail/rbsp.hpp>
#include <bobbin/media/sps.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace bobbin::media::detail {

/// @source ITU-T H.264 table E-1, ITU-T H.265 table E.1 (the same)
inline constexpr std::array<PixelAspect, 17> aspect_table{{{0, 0},   {1, 1},   {12, 11}, {10, 11}, {16, 11}, {40, 33},
                                                           {24, 11}, {20, 11}, {32, 11}, {80, 33}, {18, 11}, {15, 11},
                                                           {64, 33}, {160, 99}, {4, 3},  {3, 2},   {2, 1}}};

constexpr std::optional<PixelAspect> read_aspect(RbspReader& r) noexcept {
    if (!r.flag()) return {};
    const auto index = r.bits(8);
    PixelAspect aspect{0, 0};
    if (index == 255) {
        aspect.horizontal = static_cast<std::uint16_t>(r.bits(16));
        aspect.vertical = static_cast<std::uint16_t>(r.bits(16));
    } else if (index < aspect_table.size()) {
        aspect = aspect_table[index];
    }
    if (aspect.horizontal == 0 || aspect.vertical == 0) return {};
    return aspect;
}

// What both codecs' VUI begin with, up to the chroma location.
constexpr std::optional<PixelAspect> read_vui_head(RbspReader& r) noexcept {
    const auto aspect = read_aspect(r);
    if (r.flag()) r.flag();  // overscan
    if (r.flag()) {          // video signal type
        r.skip(4);
        if (r.flag()) r.skip(24);
    }
    if (r.flag()) {  // chroma location
        r.ue(5);
        r.ue(5);
    }
    return aspect;
}

constexpr bool set_size(SequenceParameters& sps, std::uint64_t width, std::uint64_t height,
                        std::uint64_t crop_x, std::uint64_t crop_y) noexcept {
    constexpr std::uint64_t most = 16384;
    if (width > most || height > most || crop_x >= width || crop_y >= height) return false;
    sps.width = static_cast<std::uint16_t>(width - crop_x);
    sps.height = static_cast<std::uint16_t>(height - crop_y);
    return true;
}

constexpr void skip_scaling_list(RbspReader& r, unsigned size) noexcept {
    std::int32_t last = 8, next = 8;
    for (unsigned j = 0; j < size && r.ok(); ++j) {
        if (next != 0) {
            const auto delta = r.se();
            if (delta < -128 || delta > 127) return r.refuse();
            next = (last + delta + 256) % 256;
        }
        last = next == 0 ? last : next;
    }
}

constexpr void skip_h264_hrd(RbspReader& r) noexcept {
    const auto count = r.ue(31) + 1;
    r.skip(8);
    for (std::uint32_t i = 0; i < count && r.ok(); ++i) {
        r.ue();
        r.ue();
        r.flag();
    }
    r.skip(20);
}

constexpr Result<SequenceParameters> parse_h264_sps(ByteView unit) noexcept {
    SequenceParameters sps;
    RbspReader r{unit.subspan(1)};
    const auto profile = r.bits(8);
    const auto constraints = r.bits(8);
    sps.profile[0] = static_cast<std::uint8_t>(profile);
    sps.profile[1] = static_cast<std::uint8_t>(constraints);
    sps.profile[2] = static_cast<std::uint8_t>(r.bits(8));
    sps.id = r.ue(31);

    constexpr std::uint32_t with_chroma[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
    bool separate_planes = false;
    if (std::ranges::find(with_chroma, profile) != std::end(with_chroma)) {
        sps.chroma_format = static_cast<std::uint8_t>(r.ue(3));
        if (sps.chroma_format == 3) separate_planes = r.flag();
        sps.luma_depth = static_cast<std::uint8_t>(8 + r.ue(6));
        sps.chroma_depth = static_cast<std::uint8_t>(8 + r.ue(6));
        r.flag();
        if (r.flag())
            for (unsigned i = 0; i < (sps.chroma_format == 3 ? 12U : 8U) && r.ok(); ++i)
                if (r.flag()) skip_scaling_list(r, i < 6 ? 16 : 64);
    }
    r.ue(12);
    const auto order = r.ue(2);
    if (order == 0) {
        r.ue(12);
    } else if (order == 1) {
        r.flag();
        r.se();
        r.se();
        const auto cycle = r.ue(255);
        for (std::uint32_t i = 0; i < cycle && r.ok(); ++i) r.se();
    }
    r.ue(16);
    r.flag();
    const std::uint64_t width = (std::uint64_t{r.ue(2047)} + 1) * 16;
    const std::uint64_t map_units = std::uint64_t{r.ue(2047)} + 1;
    const bool frames_only = r.flag();
    const std::uint64_t fields = frames_only ? 1 : 2;
    if (!frames_only) r.flag();
    r.flag();
    std::uint64_t crop_x = 0, crop_y = 0;
    if (r.flag()) {
        const bool planes = separate_planes || sps.chroma_format == 0;
        const std::uint64_t unit_x = planes || sps.chroma_format == 3 ? 1 : 2;
        const std::uint64_t unit_y = (planes || sps.chroma_format != 1 ? 1 : 2) * fields;
        crop_x = r.ue(65535);
        crop_x = (crop_x + r.ue(65535)) * unit_x;
        crop_y = r.ue(65535);
        crop_y = (crop_y + r.ue(65535)) * unit_y;
    }
    const bool vui = r.flag();
    if (!r.ok()) return Error{Errc::bitstream_malformed, Operation::decode};
    if (!set_size(sps, width, map_units * 16 * fields, crop_x, crop_y))
        return Error{Errc::not_supported, Operation::decode};

    // Neither baseline nor output order that is decoding order can reorder; nor intra profiles.
    const bool intra_only = (constraints & 0x10) != 0 && (profile == 100 || profile == 110 || profile == 122 || profile == 244);
    if (profile == 66 || order == 2 || intra_only || profile == 44) sps.reorder_frames = 0;
    if (!vui) return sps;

    sps.aspect = read_vui_head(r);
    if (r.flag()) r.skip(65);  // timing
    const bool nal_hrd = r.flag();
    if (nal_hrd) skip_h264_hrd(r);
    const bool vcl_hrd = r.flag();
    if (vcl_hrd) skip_h264_hrd(r);
    if (nal_hrd || vcl_hrd) r.flag();
    r.flag();
    if (r.flag()) {
        r.flag();
        for (int i = 0; i < 4; ++i) r.ue();
        const auto reorder = r.ue(16);
        if (r.ok()) sps.reorder_frames = reorder;
    }
    // Cameras that cut their VUI short exist; what came before it is enough to play.
    return sps;
}

constexpr void skip_h265_scaling(RbspReader& r) noexcept {
    for (unsigned size = 0; size < 4; ++size)
        for (unsigned matrix = 0; matrix < 6 && r.ok(); matrix += size == 3 ? 3 : 1) {
            if (!r.flag()) {
                r.ue(5);
                continue;
            }
            const auto count = std::min(64U, 1U << (4 + (size << 1)));
            if (size > 1) r.se();
            for (unsigned i = 0; i < count && r.ok(); ++i) r.se();
        }
}

// Reads st_ref_pic_set(index) and leaves how many pictures it names in `pictures[index]`.
constexpr void skip_reference_set(RbspReader& r, unsigned index, std::array<std::uint32_t, 64>& pictures) noexcept {
    if (index != 0 && r.flag()) {
        r.flag();
        r.ue(32767);
        std::uint32_t count = 0;
        for (std::uint32_t j = 0; j <= pictures[index - 1] && r.ok(); ++j) {
            const bool used = r.flag();
            if (used || r.flag()) ++count;
        }
        pictures[index] = count;
    } else {
        const auto count = r.ue(16) + r.ue(16);
        for (std::uint32_t j = 0; j < count && r.ok(); ++j) {
            r.ue(32767);
            r.flag();
        }
        pictures[index] = count;
    }
    if (pictures[index] > 16) r.refuse();
}

constexpr Result<SequenceParameters> parse_h265_sps(ByteView unit) noexcept {
    SequenceParameters sps;
    RbspReader r{unit.subspan(2)};
    r.skip(4);
    const auto sub_layers = r.bits(3);  // less one
    if (sub_layers > 6) r.refuse();
    sps.temporal_layers = static_cast<std::uint8_t>(sub_layers + 1);
    sps.temporal_id_nesting = r.flag();
    for (auto& byte : sps.profile) byte = static_cast<std::uint8_t>(r.bits(8));
    std::array<bool, 8> profile_there{}, level_there{};
    for (unsigned i = 0; i < sub_layers && r.ok(); ++i) {
        profile_there[i] = r.flag();
        level_there[i] = r.flag();
    }
    if (sub_layers > 0) r.skip(2 * (8 - sub_layers));
    for (unsigned i = 0; i < sub_layers && r.ok(); ++i) {
        if (profile_there[i]) r.skip(88);
        if (level_there[i]) r.skip(8);
    }
    sps.id = r.ue(15);
    sps.chroma_format = static_cast<std::uint8_t>(r.ue(3));
    const bool separate_planes = sps.chroma_format == 3 && r.flag();
    const std::uint64_t width = r.ue(65535);
    const std::uint64_t height = r.ue(65535);
    std::uint64_t crop_x = 0, crop_y = 0;
    if (r.flag()) {
        const bool planes = separate_planes || sps.chroma_format == 0;
        crop_x = r.ue(65535);
        crop_x = (crop_x + r.ue(65535)) * (planes || sps.chroma_format == 3 ? 1 : 2);
        crop_y = r.ue(65535);
        crop_y = (crop_y + r.ue(65535)) * (!planes && sps.chroma_format == 1 ? 2 : 1);
    }
    sps.luma_depth = static_cast<std::uint8_t>(8 + r.ue(8));
    sps.chroma_depth = static_cast<std::uint8_t>(8 + r.ue(8));
    const auto order_bits = r.ue(12) + 4;
    const bool each_layer = r.flag();
    std::uint32_t reorder = 0;
    for (unsigned i = each_layer ? 0 : sub_layers; i <= sub_layers && r.ok(); ++i) {
        r.ue(16);
        reorder = std::max(reorder, r.ue(16));
        r.ue();
    }
    if (!r.ok()) return Error{Errc::bitstream_malformed, Operation::decode};
    if (!set_size(sps, width, height, crop_x, crop_y)) return Error{Errc::not_supported, Operation::decode};
    sps.reorder_frames = reorder;

    // All that follows stands between us and the pixel aspect; without it pixels count as square.
    for (int i = 0; i < 4; ++i) r.ue(32);
    r.ue(32);
    r.ue(32);
    if (r.flag() && r.flag()) skip_h265_scaling(r);
    r.skip(2);
    if (r.flag()) {  // pulse code modulation
        r.skip(8);
        r.ue(32);
        r.ue(32);
        r.flag();
    }
    const auto sets = r.ue(64);
    std::array<std::uint32_t, 64> pictures{};
    for (unsigned i = 0; i < sets && r.ok(); ++i) skip_reference_set(r, i, pictures);
    if (r.flag()) {
        const auto count = r.ue(32);
        for (std::uint32_t i = 0; i < count && r.ok(); ++i) r.skip(order_bits + 1);
    }
    r.skip(2);
    if (r.flag()) {
        const auto aspect = read_aspect(r);
        if (r.ok()) sps.aspect = aspect;
    }
    return sps;
}

}  // namespace bobbin::media::detail

namespace bobbin::media {

inline Result<SequenceParameters> parse_sps(Codec codec, ByteView unit) noexcept {
    const bool sized = unit.size() >= 4 && unit.size() <= max_parameter_set_bytes;
    if (!sized || nal_role(codec, unit) != NalRole::sps)
        return Error{Errc::bitstream_malformed, Operation::decode};
    return codec == Codec::h264 ? detail::parse_h264_sps(unit) : detail::parse_h265_sps(unit);
}

inline Result<std::uint32_t> parameter_set_id(Codec codec, ByteView unit) noexcept {
    const Error wrong{Errc::bitstream_malformed, Operation::decode};
    if (unit.size() < 3 || unit.size() > max_parameter_set_bytes) return wrong;
    const auto role = nal_role(codec, unit);
    if (role == NalRole::sps) {
        const auto sps = parse_sps(codec, unit);
        if (!sps) return sps.error();
        return sps->id;
    }
    detail::RbspReader r{unit.subspan(codec == Codec::h264 ? 1 : 2)};
    std::uint32_t id = 0;
    if (role == NalRole::pps)
        id = r.ue(codec == Codec::h264 ? 255 : 63);
    else if (role == NalRole::vps)
        id = r.bits(4);
    else
        return wrong;
    if (!r.ok()) return wrong;
    return id;
}

}  // namespace bobbin::media

#endif
