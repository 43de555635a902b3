#ifndef BOBBIN_MEDIA_NAL_HPP
#define BOBBIN_MEDIA_NAL_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace bobbin::media {

enum class Codec : std::uint8_t { h264, h265 };

/// The type in the header of a NAL unit, which is not empty.
/// @source ITU-T H.264 7.3.1, ITU-T H.265 7.3.1.2
constexpr unsigned nal_type(Codec codec, ByteView unit) noexcept {
    const auto first = std::to_integer<unsigned>(unit[0]);
    return codec == Codec::h264 ? first & 31 : (first >> 1) & 63;
}

/// What a NAL unit is to a recorder.
enum class NalRole : std::uint8_t { sync_slice, slice, vps, sps, pps, other };

/// A sync slice belongs to a picture at which decoding can start: H.264 IDR, H.265 IRAP.
/// @source ITU-T H.264 table 7-1, ITU-T H.265 table 7-1
constexpr NalRole nal_role(Codec codec, ByteView unit) noexcept {
    const auto type = nal_type(codec, unit);
    if (codec == Codec::h264) {
        switch (type) {
            case 5: return NalRole::sync_slice;
            case 1:
            case 2:
            case 3:
            case 4: return NalRole::slice;
            case 7: return NalRole::sps;
            case 8: return NalRole::pps;
            default: return NalRole::other;
        }
    }
    if (type >= 16 && type <= 23) return NalRole::sync_slice;
    if (type < 32) return NalRole::slice;
    switch (type) {
        case 32: return NalRole::vps;
        case 33: return NalRole::sps;
        case 34: return NalRole::pps;
        default: return NalRole::other;
    }
}

/// Where three bytes 00 00 01 begin in `data` from `from` on; its size if nowhere.
constexpr std::size_t find_start_code(ByteView data, std::size_t from) noexcept {
    // The third byte decides: above 1 no start code can touch it.
    std::size_t at = from;
    while (at + 3 <= data.size()) {
        const auto third = std::to_integer<unsigned>(data[at + 2]);
        if (third > 1)
            at += 3;
        else if (third == 0)
            at += 1;
        else if (data[at] == std::byte{0} && data[at + 1] == std::byte{0})
            return at;
        else
            at += 3;
    }
    return data.size();
}

/// Takes a byte stream apart into NAL units without their start codes of 3 or 4 bytes and without
/// the zeros around them. What precedes the first start code, if not zeros, is an error. Looks at
/// `data`, which must outlive it. External sync.
/// @source ITU-T H.264 and H.265 annex B
class AnnexBUnits {
public:
    explicit AnnexBUnits(ByteView data) noexcept : data_{data}, at_{find_start_code(data, 0)} {
        for (const std::byte b : data.first(at_)) wrong_ = wrong_ || b != std::byte{0};
        if (at_ == data.size()) wrong_ = wrong_ || !data.empty();
    }

    /// The next unit, never empty; none at the end.
    /// @errors bitstream_malformed where something precedes the first start code, or there is none
    Result<std::optional<ByteView>> next() noexcept {
        if (wrong_) return Error{Errc::bitstream_malformed, Operation::decode};
        while (at_ < data_.size()) {
            const auto begin = at_ + 3;
            at_ = find_start_code(data_, begin);
            auto end = at_;
            // A unit never ends with a zero: it was padding, or belongs to the next start code.
            while (end > begin && data_[end - 1] == std::byte{0}) --end;
            if (end > begin) return std::optional{data_.subspan(begin, end - begin)};
        }
        return std::optional<ByteView>{};
    }

private:
    ByteView data_;
    std::size_t at_;
    bool wrong_ = false;
};

/// NAL units that each follow their length, an integer of 1, 2 or 4 bytes, big-endian. Empty units
/// are passed over. Looks at `data`, which must outlive it. External sync.
/// @source ISO/IEC 14496-15, 5.3.4.2 (length-prefixed samples)
class LengthPrefixedUnits {
public:
    /// @errors invalid_argument from `next` where `length_size` is none of 1, 2, 4
    LengthPrefixedUnits(ByteView data, unsigned length_size) noexcept
        : rest_{data}, length_size_{length_size} {}

    /// @errors bitstream_malformed where a length reaches beyond the end
    Result<std::optional<ByteView>> next() noexcept {
        if (length_size_ != 1 && length_size_ != 2 && length_size_ != 4)
            return Error{Errc::invalid_argument, Operation::decode};
        while (!rest_.empty()) {
            if (rest_.size() < length_size_) return Error{Errc::bitstream_malformed, Operation::decode};
            std::size_t length = 0;
            for (unsigned i = 0; i < length_size_; ++i)
                length = (length << 8) | std::to_integer<std::size_t>(rest_[i]);
            rest_ = rest_.subspan(length_size_);
            if (length > rest_.size()) return Error{Errc::bitstream_malformed, Operation::decode};
            const auto unit = rest_.first(length);
            rest_ = rest_.subspan(length);
            if (length != 0) return std::optional{unit};
        }
        return std::optional<ByteView>{};
    }

private:
    ByteView rest_;
    unsigned length_size_;
};

}  // namespace bobbin::media

#endif
