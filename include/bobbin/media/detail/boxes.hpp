#ifndef BOBBIN_MEDIA_DETAIL_BOXES_HPP
#define BOBBIN_MEDIA_DETAIL_BOXES_HPP

#include <bobbin/core/bytes.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bobbin::media::detail {

using Buffer = std::vector<std::byte>;

/// Big-endian integers, the byte order of ISO/IEC 14496-12.
template <std::unsigned_integral Int>
constexpr void store_be(std::byte* to, Int value) noexcept {
    for (std::size_t i = 0; i < sizeof(Int); ++i)
        to[i] = static_cast<std::byte>(value >> (8 * (sizeof(Int) - 1 - i)));
}
template <std::unsigned_integral Int>
constexpr Int load_be(const std::byte* from) noexcept {
    Int value = 0;
    for (std::size_t i = 0; i < sizeof(Int); ++i)
        value = static_cast<Int>((std::uint64_t{value} << 8) | std::to_integer<std::uint64_t>(from[i]));
    return value;
}

template <std::unsigned_integral Int>
void put(Buffer& to, Int value) {
    std::byte bytes[sizeof(Int)];
    store_be(bytes, value);
    to.insert(to.end(), bytes, bytes + sizeof(Int));
}
inline void put8(Buffer& to, unsigned value) { to.push_back(static_cast<std::byte>(value)); }
inline void put16(Buffer& to, unsigned value) { put(to, static_cast<std::uint16_t>(value)); }
inline void put32(Buffer& to, std::uint32_t value) { put(to, value); }
inline void put64(Buffer& to, std::uint64_t value) { put(to, value); }
inline void put_bytes(Buffer& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }
inline void put_text(Buffer& to, std::string_view text) { put_bytes(to, as_bytes(text)); }
inline void put_zeros(Buffer& to, std::size_t count) { to.resize(to.size() + count); }

/// A box that ends with this object's scope: its size is filled in then.
/// @source ISO/IEC 14496-12, 4.2
class Box {
public:
    Box(Buffer& to, std::string_view type) : to_{to}, begin_{to.size()} {
        put32(to, 0);
        put_text(to, type);
    }
    /// A full box.
    Box(Buffer& to, std::string_view type, unsigned version, std::uint32_t flags) : Box{to, type} {
        put32(to, version << 24 | flags);
    }
    Box(const Box&) = delete;
    Box& operator=(const Box&) = delete;
    ~Box() { store_be(&to_[begin_], static_cast<std::uint32_t>(to_.size() - begin_)); }

private:
    Buffer& to_;
    std::size_t begin_;
};

/// The unity matrix of `mvhd` and `tkhd`.
inline void put_matrix(Buffer& to) {
    for (const std::uint32_t v : {0x10000U, 0U, 0U, 0U, 0x10000U, 0U, 0U, 0U, 0x40000000U}) put32(to, v);
}

}  // namespace bobbin::media::detail

#endif
