#ifndef BOBBIN_MEDIA_SPS_HPP
#define BOBBIN_MEDIA_SPS_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/media/nal.hpp>

#include <array>
#include <cstdint>
#include <optional>

namespace bobbin::media {

/// A sample's width to its height; 1:1 for square ones.
struct PixelAspect {
    std::uint16_t horizontal = 1;
    std::uint16_t vertical = 1;
    friend constexpr bool operator==(PixelAspect, PixelAspect) = default;
};

/// What a recorder needs to know from a sequence parameter set.
struct SequenceParameters {
    std::uint32_t id = 0;
    std::uint16_t width = 0;   ///< as shown: cropping applied, pixels
    std::uint16_t height = 0;  ///< as shown
    std::optional<PixelAspect> aspect;  ///< none where it is not said
    /// How many pictures may precede one in decoding order and follow it in output order: above
    /// zero there are B-frames. None where the stream does not say.
    std::optional<std::uint32_t> reorder_frames;
    std::uint8_t chroma_format = 1;  ///< chroma_format_idc: 1 is 4:2:0
    std::uint8_t luma_depth = 8;     ///< bits
    std::uint8_t chroma_depth = 8;   ///< bits
    /// H.264: profile, constraint flags, level. H.265: the 12 bytes from general_profile_space to
    /// general_level_idc.
    std::array<std::uint8_t, 12> profile{};
    std::uint8_t temporal_layers = 1;   ///< H.265
    bool temporal_id_nesting = true;    ///< H.265
    friend bool operator==(const SequenceParameters&, const SequenceParameters&) = default;
};

/// The longest parameter set that is looked at; cameras are hostile peers.
inline constexpr std::size_t max_parameter_set_bytes = 4096;

/// Parses a sequence parameter set, a NAL unit with its header.
/// @errors bitstream_malformed; not_supported where the picture is empty or over 16384 pixels wide
///   or high
/// @source ITU-T H.264 7.3.2.1.1, annex E.1.1; ITU-T H.265 7.3.2.2, annex E.2.1
Result<SequenceParameters> parse_sps(Codec codec, ByteView unit) noexcept;

/// The id of a video, sequence or picture parameter set.
/// @errors bitstream_malformed where it is too short, too long, or the id is out of range
Result<std::uint32_t> parameter_set_id(Codec codec, ByteView unit) noexcept;

}  // namespace bobbin::media

#include <bobbin/media/detail/sps.hpp>

#endif
