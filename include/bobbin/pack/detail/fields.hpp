#ifndef BOBBIN_PACK_DETAIL_FIELDS_HPP
#define BOBBIN_PACK_DETAIL_FIELDS_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/error.hpp>
#include <bobbin/core/zigzag.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace bobbin::pack::detail {

/// A 64-bit integer of seven bits a byte.
inline constexpr std::size_t max_varint = 10;

using bobbin::detail::unzigzag;
using bobbin::detail::zigzag;

/// @allocates `to`'s growth
inline void put_byte(std::vector<std::byte>& to, unsigned value) {
    to.push_back(static_cast<std::byte>(value));
}
/// Seven bits a byte, the least significant first; the top bit says that more follow.
inline void put_varint(std::vector<std::byte>& to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) put_byte(to, static_cast<unsigned>(value & 0x7f) | 0x80);
    put_byte(to, static_cast<unsigned>(value));
}
inline void put_bytes(std::vector<std::byte>& to, ByteView bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}
inline void put_text(std::vector<std::byte>& to, std::string_view text) {
    put_varint(to, text.size());
    put_bytes(to, as_bytes(text));
}

struct Varint {
    std::uint64_t value = 0;
    std::size_t length = 0;  ///< zero: not a valid integer
    bool is_truncated = false;
};

/// Refuses an integer of more than 64 bits, or of more bytes than it needs.
constexpr Varint get_varint(ByteView bytes) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < max_varint; ++i) {
        if (i == bytes.size()) return {0, 0, true};
        const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
        if (i == max_varint - 1 && byte > 1) return {};
        value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) return i != 0 && byte == 0 ? Varint{} : Varint{value, i + 1, false};
    }
    return {};
}

/// Reads fields of untrusted bytes one after the other. What fails first sticks; all that is read
/// then is zero or empty, so that only the end need be looked at.
class FieldReader {
public:
    constexpr explicit FieldReader(ByteView bytes) noexcept : rest_{bytes} {}

    constexpr std::uint64_t varint() noexcept {
        const auto got = get_varint(rest_);
        if (got.length == 0) fail(Errc::tree_malformed);
        rest_ = rest_.subspan(got.length);
        return got.value;
    }
    /// From `least` to `most`; `least` where it fails.
    constexpr std::uint64_t varint(std::uint64_t least, std::uint64_t most) noexcept {
        const auto value = varint();
        if (value >= least && value <= most) return value;
        fail(Errc::tree_malformed);
        return least;
    }
    constexpr unsigned byte() noexcept {
        const auto one = bytes(1);
        return one.empty() ? 0 : std::to_integer<unsigned>(one[0]);
    }
    constexpr ByteView bytes(std::uint64_t size) noexcept {
        if (size > rest_.size()) {
            fail(Errc::tree_malformed);
            return {};
        }
        const auto front = rest_.first(static_cast<std::size_t>(size));
        rest_ = rest_.subspan(front.size());
        return front;
    }
    /// A length from `least` to `most`, and as many bytes.
    std::string_view text(std::uint64_t least, std::uint64_t most) noexcept {
        return as_text(bytes(varint(least, most)));
    }

    constexpr void fail(Errc why) noexcept {
        if (!wrong_) wrong_ = why;
        rest_ = {};
    }
    constexpr std::size_t remaining() const noexcept { return rest_.size(); }
    constexpr bool has_failed() const noexcept { return wrong_.has_value(); }
    /// What went wrong; bytes that were left over are.
    constexpr std::optional<Error> finish() noexcept {
        if (!rest_.empty()) fail(Errc::tree_malformed);
        if (!wrong_) return {};
        return Error{*wrong_, Operation::decode};
    }

private:
    ByteView rest_;
    std::optional<Errc> wrong_;
};

}  // namespace bobbin::pack::detail

#endif
