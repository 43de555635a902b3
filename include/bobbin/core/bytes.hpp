#ifndef BOBBIN_CORE_BYTES_HPP
#define BOBBIN_CORE_BYTES_HPP

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace bobbin {

using ByteView = std::span<const std::byte>;
using MutableByteView = std::span<std::byte>;

/// A number of bytes: sizes of files, budgets, quotas. 64 bits everywhere.
struct Bytes {
    std::uint64_t value = 0;

    constexpr Bytes() = default;
    constexpr explicit Bytes(std::uint64_t count) noexcept : value{count} {}

    friend constexpr auto operator<=>(Bytes, Bytes) = default;
    friend constexpr Bytes operator+(Bytes a, Bytes b) noexcept { return Bytes{a.value + b.value}; }
    /// Never wraps: a difference below zero is zero.
    friend constexpr Bytes operator-(Bytes a, Bytes b) noexcept {
        return Bytes{a.value > b.value ? a.value - b.value : 0};
    }
    constexpr Bytes& operator+=(Bytes other) noexcept { return *this = *this + other; }
    constexpr Bytes& operator-=(Bytes other) noexcept { return *this = *this - other; }
};

/// `size` rounded up to whole blocks; stops at the largest multiple instead of overflowing.
constexpr Bytes round_up(Bytes size, Bytes block) noexcept {
    if (block.value <= 1) return size;
    const auto blocks = size.value / block.value + (size.value % block.value != 0 ? 1 : 0);
    const auto most = UINT64_MAX / block.value;
    return Bytes{(blocks < most ? blocks : most) * block.value};
}

inline namespace literals {
constexpr Bytes operator""_B(unsigned long long n) noexcept { return Bytes{n}; }
constexpr Bytes operator""_KiB(unsigned long long n) noexcept { return Bytes{n << 10}; }
constexpr Bytes operator""_MiB(unsigned long long n) noexcept { return Bytes{n << 20}; }
constexpr Bytes operator""_GiB(unsigned long long n) noexcept { return Bytes{n << 30}; }
constexpr Bytes operator""_TiB(unsigned long long n) noexcept { return Bytes{n << 40}; }
}  // namespace literals

inline ByteView as_bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span{text.data(), text.size()});
}

inline std::string_view as_text(ByteView bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Little-endian integers, the byte order of every format of ours.
template <std::unsigned_integral Int>
constexpr void store_le(std::byte* to, Int value) noexcept {
    for (std::size_t i = 0; i < sizeof(Int); ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

template <std::unsigned_integral Int>
constexpr Int load_le(const std::byte* from) noexcept {
    Int value = 0;
    for (std::size_t i = 0; i < sizeof(Int); ++i)
        value = static_cast<Int>(value | (static_cast<Int>(from[i]) << (8 * i)));
    return value;
}

}  // namespace bobbin

#endif
