#ifndef BOBBIN_INDEX_DETAIL_VARINT_HPP
#define BOBBIN_INDEX_DETAIL_VARINT_HPP

#include <bobbin/core/error.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bobbin::index::detail {

/// A 32-bit difference in zigzag form with a flag has 34 bits: five bytes of seven.
inline constexpr std::size_t max_varint = 5;

constexpr std::uint64_t zigzag(std::int64_t value) noexcept {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t code) noexcept {
    return static_cast<std::int64_t>((code >> 1) ^ (0 - (code & 1)));
}

/// Seven bits a byte, the least significant first; the top bit says that more follow.
inline std::byte* put_varint(std::byte* to, std::uint64_t value) noexcept {
    while (value >= 0x80) {
        *to++ = static_cast<std::byte>(value | 0x80);
        value >>= 7;
    }
    *to++ = static_cast<std::byte>(value);
    return to;
}

struct Varint {
    std::uint64_t value = 0;
    std::size_t length = 0;  ///< zero: not a valid integer
    bool truncated = false;
    constexpr Errc wrong() const noexcept {
        return truncated ? Errc::index_truncated : Errc::index_malformed;
    }
};

/// Refuses an integer of more than `max_varint` bytes, or of more than it needs.
constexpr Varint get_varint(const std::byte* from, const std::byte* end) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < max_varint; ++i) {
        if (from + i == end) return {0, 0, true};
        const auto byte = std::to_integer<std::uint64_t>(from[i]);
        value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) return i != 0 && byte == 0 ? Varint{} : Varint{value, i + 1, false};
    }
    return {};
}

struct VarintPair {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::size_t length = 0;  ///< of both together; zero: ask `get_varint`
};

/// Joins the sevens of up to five bytes; what lies above them must be zero.
constexpr std::uint64_t join_sevens(std::uint64_t bytes) noexcept {
    return (bytes & 0x7f) | ((bytes >> 1) & 0x3f80) | ((bytes >> 2) & 0x1fc000) |
           ((bytes >> 3) & 0xfe00000) | ((bytes >> 4) & 0x7f0000000);
}

/// Two integers at once out of 8 readable bytes: their lengths are found in one word, so that
/// neither costs a branch on its length, which no predictor can learn.
inline VarintPair get_pair(const std::byte* from) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof word);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);

    const std::uint64_t ends = ~word & 0x8080808080808080;
    const std::uint64_t after_first = ends & (ends - 1);
    if (after_first == 0) [[unlikely]]
        return {};
    const auto first_bits = static_cast<unsigned>(std::countr_zero(ends)) + 1;
    const auto both_bits = static_cast<unsigned>(std::countr_zero(after_first)) + 1;
    const std::uint64_t first = word & (ends ^ (ends - 1));
    const auto second_bits = both_bits - first_bits;
    const std::uint64_t second = (word >> first_bits) & (~std::uint64_t{0} >> (64 - second_bits));
    // Too long, or longer than need be (the last byte of several is zero): the slow way says what.
    const bool plain = first_bits <= 8 * max_varint && second_bits <= 8 * max_varint &&
                       (first_bits == 8 || (first >> (first_bits - 8)) != 0) &&
                       (second_bits == 8 || (second >> (second_bits - 8)) != 0);
    if (!plain) [[unlikely]]
        return {};
    return {join_sevens(first), join_sevens(second), both_bits / 8};
}

}  // namespace bobbin::index::detail

#endif
