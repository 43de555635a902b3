#ifndef BOBBIN_MEDIA_DETAIL_RBSP_HPP
#define BOBBIN_MEDIA_DETAIL_RBSP_HPP

#include <bobbin/core/bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace bobbin::media::detail {

/// Reads the bits of a NAL unit's payload, without the emulation prevention bytes (a 03 after two
/// zeros). Past the end all bits are zero and `ok` is false, so that a parser asks once.
/// @source ITU-T H.264 7.3.1, 9.1; ITU-T H.265 7.3.1.1, 9.2
class RbspReader {
public:
    explicit constexpr RbspReader(ByteView payload) noexcept : payload_{payload} {}

    constexpr bool ok() const noexcept { return ok_; }
    /// For a parser that meets a value which no stream may have.
    constexpr void refuse() noexcept { ok_ = false; }

    constexpr bool flag() noexcept {
        if (left_ == 0 && !next_byte()) return false;
        --left_;
        return ((current_ >> left_) & 1) != 0;
    }
    /// Up to 32 bits.
    constexpr std::uint32_t bits(unsigned count) noexcept {
        std::uint32_t value = 0;
        while (count-- > 0) value = (value << 1) | (flag() ? 1U : 0U);
        return value;
    }
    constexpr void skip(unsigned count) noexcept {
        while (ok_ && count-- > 0) flag();
    }
    /// Exp-Golomb, unsigned; above `most` is refused.
    constexpr std::uint32_t ue(std::uint32_t most = std::numeric_limits<std::uint32_t>::max() - 1) noexcept {
        unsigned zeros = 0;
        while (ok_ && !flag()) {
            if (++zeros > 31) ok_ = false;
        }
        const auto value = ok_ ? ((std::uint32_t{1} << zeros) - 1) + bits(zeros) : 0;
        if (value > most) ok_ = false;
        return ok_ ? value : 0;
    }
    /// Exp-Golomb, signed.
    constexpr std::int32_t se() noexcept {
        const auto code = ue();
        const auto half = static_cast<std::int32_t>(code / 2);
        return (code & 1) != 0 ? half + 1 : -half;
    }

private:
    constexpr bool next_byte() noexcept {
        if (zeros_ >= 2 && at_ < payload_.size() && payload_[at_] == std::byte{3}) {
            ++at_;
            zeros_ = 0;
        }
        if (at_ >= payload_.size()) {
            ok_ = false;
            return false;
        }
        current_ = std::to_integer<unsigned>(payload_[at_++]);
        zeros_ = current_ == 0 ? zeros_ + 1 : 0;
        left_ = 8;
        return true;
    }

    ByteView payload_;
    std::size_t at_ = 0;
    unsigned current_ = 0;
    unsigned left_ = 0;
    unsigned zeros_ = 0;
    bool ok_ = true;
};

}  // namespace bobbin::media::detail

#endif
