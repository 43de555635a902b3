#ifndef BOBBIN_CORE_CRC32C_HPP
#define BOBBIN_CORE_CRC32C_HPP

#include <bobbin/core/bytes.hpp>

#include <array>
#include <cstdint>
#include <cstring>

namespace bobbin {

namespace detail {

consteval std::array<std::array<std::uint32_t, 256>, 8> make_crc32c_tables() {
    std::array<std::array<std::uint32_t, 256>, 8> tables{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1u)));
        tables[0][i] = crc;
    }
    for (std::size_t t = 1; t < 8; ++t)
        for (std::size_t i = 0; i < 256; ++i)
            tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 255];
    return tables;
}
inline constexpr auto crc32c_tables = make_crc32c_tables();

inline std::uint32_t crc32c_portable(std::uint32_t crc, ByteView bytes) noexcept {
    const auto& t = crc32c_tables;
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) {
        const auto word = load_le<std::uint64_t>(at) ^ crc;
        crc = t[7][word & 255] ^ t[6][(word >> 8) & 255] ^ t[5][(word >> 16) & 255] ^
              t[4][(word >> 24) & 255] ^ t[3][(word >> 32) & 255] ^ t[2][(word >> 40) & 255] ^
              t[1][(word >> 48) & 255] ^ t[0][word >> 56];
    }
    for (; left != 0; ++at, --left)
        crc = (crc >> 8) ^ t[0][(crc ^ std::to_integer<std::uint32_t>(*at)) & 255];
    return crc;
}

#if defined(__x86_64__)
// By the compilers' builtins: the header of the intrinsics costs every user 3,500 lines.
[[gnu::target("sse4.2")]] inline std::uint32_t crc32c_sse42(std::uint32_t crc,
                                                            ByteView bytes) noexcept {
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t wide = crc;
    for (; left >= 8; at += 8, left -= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = static_cast<std::uint32_t>(wide);
    for (; left != 0; ++at, --left)
        crc = __builtin_ia32_crc32qi(crc, std::to_integer<unsigned char>(*at));
    return crc;
}
#endif

/// Product of two polynomials modulo that of the CRC, all reflected: x^0 is the highest bit.
constexpr std::uint32_t crc32c_product(std::uint32_t a, std::uint32_t b) noexcept {
    std::uint32_t product = 0;
    for (; a != 0; a <<= 1) {
        product ^= b & (0u - (a >> 31));
        b = (b >> 1) ^ (0x82F63B78u & (0u - (b & 1u)));
    }
    return product;
}
/// x^(8 * 2^n) for each n.
consteval std::array<std::uint32_t, 64> make_crc32c_powers() {
    std::array<std::uint32_t, 64> powers{0x80000000u >> 8};
    for (std::size_t n = 1; n < powers.size(); ++n)
        powers[n] = crc32c_product(powers[n - 1], powers[n - 1]);
    return powers;
}
inline constexpr auto crc32c_powers = make_crc32c_powers();

}  // namespace detail

/// CRC-32C of `bytes`, going on from the CRC of what came before.
/// @source RFC 3720, appendix B.4 (Castagnoli polynomial, reflected)
inline std::uint32_t crc32c(ByteView bytes, std::uint32_t before = 0) noexcept {
#if defined(__x86_64__)
    static const bool hardware = __builtin_cpu_supports("sse4.2");
    if (hardware) return ~detail::crc32c_sse42(~before, bytes);
#endif
    return ~detail::crc32c_portable(~before, bytes);
}

/// What becomes of a CRC by the length of what follows, whose own is added by exclusive or:
/// `crc32c(b, crc32c(a)) == (crc32c_shifted(crc32c(a), b.size()) ^ crc32c(b))`. So a checksum of
/// any part comes out of two of all that is before its ends.
constexpr std::uint32_t crc32c_shifted(std::uint32_t crc, std::uint64_t size) noexcept {
    for (std::size_t n = 0; size != 0; ++n, size >>= 1)
        if ((size & 1) != 0) crc = detail::crc32c_product(detail::crc32c_powers[n], crc);
    return crc;
}

}  // namespace bobbin

#endif
