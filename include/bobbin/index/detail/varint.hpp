#ifndef BOBBIN_INDEX_DETAIL_VARINT_HPP
#define BOBBIN_INDEX_DETAIL_VARINT_HPP

#include <bobbin/core/error.hpp>
#include <bobbin/core/zigzag.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace bobbin::index::detail {

/// A 32-bit difference in zigzag form with a flag has 34 bits: five bytes of seven.
inline constexpr std::size_t max_varint = 5;

using bobbin::detail::unzigzag;
using bobbin::detail::zigzag;

/// Of a little-endian word in memory, whatever this machine's order.
inline std::uint64_t load_word(const std::byte* from) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof word);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    return word;
}
inline void store_word(std::byte* to, std::uint64_t word) noexcept {
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    std::memcpy(to, &word, sizeof word);
}

/// Seven bits a byte, the least significant first; the top bit says that more follow. `value` has
/// up to 35 bits. Writes 8 bytes, of which those before the returned end count: a branch on the
/// length would be mispredicted.
inline std::byte* put_varint(std::byte* to, std::uint64_t value) noexcept {
    const auto length = (static_cast<unsigned>(std::bit_width(value | 1)) + 6) / 7;
    const std::uint64_t sevens = (value & 0x7f) | ((value << 1) & 0x7f00) | ((value << 2) & 0x7f0000) |
                                 ((value << 3) & 0x7f000000) | ((value << 4) & 0x7f00000000);
    const std::uint64_t more = 0x8080808080 & ((std::uint64_t{1} << (8 * (length - 1))) - 1);
    store_word(to, sevens | more);
    return to + length;
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

/// How many bytes `find_ends` looks at.
inline constexpr std::size_t block_bytes = 64;

/// One bit for each of 64 bytes: whether an integer ends there.
inline std::uint64_t find_ends(const std::byte* block) noexcept {
#if defined(__SSE2__)
    std::uint64_t more = 0;
    for (unsigned i = 0; i < 4; ++i) {
        const auto part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block) + i);
        more |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(part))) << (16 * i);
    }
    return ~more;
#else
    std::uint64_t ends = 0;
    for (unsigned i = 0; i < 8; ++i) {
        const auto tops = (~load_word(block + 8 * i) & 0x8080808080808080) >> 7;
        ends |= ((tops * 0x0102040810204080) >> 56) << (8 * i);
    }
    return ends;
#endif
}

/// Whether a byte of zero follows one that says that more follow: an integer longer than need be.
constexpr bool has_padding(std::uint64_t word) noexcept {
    const std::uint64_t zeros = (word - 0x0101010101010101) & ~word & 0x8080808080808080;
    return (zeros & (word << 8)) != 0;
}

/// Eight bytes of seven bits as one number of 56.
constexpr std::uint64_t join_sevens(std::uint64_t word) noexcept {
    word = (word & 0x007f007f007f007f) | ((word & 0x7f007f007f007f00) >> 1);
    word = (word & 0x00003fff00003fff) | ((word & 0x3fff00003fff0000) >> 2);
    return (word & 0x000000000fffffff) | ((word & 0x0fffffff00000000) >> 4);
}

}  // namespace bobbin::index::detail

#endif
