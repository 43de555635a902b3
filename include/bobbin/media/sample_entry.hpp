#ifndef BOBBIN_MEDIA_SAMPLE_ENTRY_HPP
#define BOBBIN_MEDIA_SAMPLE_ENTRY_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/media/detail/boxes.hpp>
#include <bobbin/media/nal.hpp>
#include <bobbin/media/sps.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::media {

/// What a player must know before the first sample: the box `avc1` or `hvc1` whole, with `avcC` or
/// `hvcC` and, unless pixels are square, `pasp`. Two are equal if their bytes are. Immutable.
struct SampleEntry {
    std::vector<std::byte> box;
    Codec codec = Codec::h264;
    std::uint16_t width = 0;   ///< pixels
    std::uint16_t height = 0;  ///< pixels
    PixelAspect pixel_aspect{};
    std::string rfc6381;  ///< such as avc1.64001F

    /// Width and height as they should be shown, as a reduced ratio: 16:9.
    std::pair<std::uint32_t, std::uint32_t> aspect() const noexcept {
        const std::uint32_t w = std::uint32_t{width} * pixel_aspect.horizontal;
        const std::uint32_t h = std::uint32_t{height} * pixel_aspect.vertical;
        const auto common = std::gcd(w, h);
        return common == 0 ? std::pair{w, h} : std::pair{w / common, h / common};
    }

    friend bool operator==(const SampleEntry& a, const SampleEntry& b) noexcept { return a.box == b.box; }

    /// Reads back what was stored as `box`.
    /// @errors bitstream_malformed, not_supported for another kind of box, out_of_memory
    /// @source ISO/IEC 14496-12, 12.1.3 and 12.1.4; RFC 6381, 3.3; ISO/IEC 14496-15, annex E
    static Result<SampleEntry> parse(ByteView box) noexcept;
};

namespace detail {

inline constexpr std::size_t visual_entry_bytes = 86;

inline void put_hex(std::string& to, unsigned value, bool padded) {
    if (padded || value >= 16) to += "0123456789ABCDEF"[value >> 4 & 15];
    to += "0123456789ABCDEF"[value & 15];
}

// `record`: an AVCDecoderConfigurationRecord of at least 4 bytes.
inline std::string avc_codec_string(ByteView record) {
    std::string text = "avc1.";
    for (std::size_t i = 1; i < 4; ++i) put_hex(text, std::to_integer<unsigned>(record[i]), true);
    return text;
}

// `record`: an HEVCDecoderConfigurationRecord of at least 13 bytes.
inline std::string hevc_codec_string(ByteView record) {
    const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(record[i]); };
    std::string text = "hvc1.";
    const auto space = byte(1) >> 6;
    if (space != 0) text += static_cast<char>('A' + (space - 1));
    text += std::to_string(byte(1) & 31) + '.';
    std::uint32_t reversed = 0;
    const auto compatible = load_be<std::uint32_t>(&record[2]);
    for (unsigned i = 0; i < 32; ++i) reversed |= ((compatible >> i) & 1) << (31 - i);
    bool significant = false;
    for (int shift = 28; shift >= 0; shift -= 4) {
        const auto digit = (reversed >> shift) & 15;
        significant = significant || digit != 0 || shift == 0;
        if (significant) text += "0123456789ABCDEF"[digit];
    }
    text += (byte(1) & 0x20) != 0 ? ".H" : ".L";
    text += std::to_string(byte(12));
    std::size_t last = 12;
    while (last > 6 && byte(last - 1) == 0) --last;
    for (std::size_t i = 6; i < last; ++i) {
        text += '.';
        put_hex(text, byte(i), false);
    }
    return text;
}

inline SampleEntry read_sample_entry(ByteView box, Error& wrong) {
    SampleEntry entry;
    if (box.size() < visual_entry_bytes || load_be<std::uint32_t>(box.data()) != box.size()) return entry;
    const auto type = as_text(box.subspan(4, 4));
    if (type != "avc1" && type != "hvc1") {
        wrong = Error{Errc::not_supported, Operation::decode};
        return entry;
    }
    entry.codec = type == "avc1" ? Codec::h264 : Codec::h265;
    entry.width = load_be<std::uint16_t>(&box[32]);
    entry.height = load_be<std::uint16_t>(&box[34]);
    for (auto rest = box.subspan(visual_entry_bytes); !rest.empty();) {
        const auto size = rest.size() < 8 ? 0 : load_be<std::uint32_t>(rest.data());
        if (size < 8 || size > rest.size()) return entry;
        const auto inner = as_text(rest.subspan(4, 4));
        const auto payload = rest.first(size).subspan(8);
        if (inner == "avcC" && entry.codec == Codec::h264 && payload.size() >= 7)
            entry.rfc6381 = avc_codec_string(payload);
        else if (inner == "hvcC" && entry.codec == Codec::h265 && payload.size() >= 23)
            entry.rfc6381 = hevc_codec_string(payload);
        else if (inner == "pasp" && payload.size() == 8)
            entry.pixel_aspect = {static_cast<std::uint16_t>(load_be<std::uint32_t>(payload.data())),
                                  static_cast<std::uint16_t>(load_be<std::uint32_t>(&payload[4]))};
        rest = rest.subspan(size);
    }
    if (!entry.rfc6381.empty()) entry.box.assign(box.begin(), box.end());
    return entry;
}

}  // namespace detail

inline Result<SampleEntry> SampleEntry::parse(ByteView box) noexcept try {
    Error wrong{Errc::bitstream_malformed, Operation::decode};
    auto entry = detail::read_sample_entry(box, wrong);
    if (entry.box.empty()) return wrong;
    return entry;
} catch (const std::bad_alloc&) {
    return Error{Errc::out_of_memory, Operation::decode};
}

}  // namespace bobbin::media

#endif
