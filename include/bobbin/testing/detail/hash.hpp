#ifndef BOBBIN_TESTING_DETAIL_HASH_HPP
#define BOBBIN_TESTING_DETAIL_HASH_HPP

#include <bobbin/core/bytes.hpp>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace bobbin::testing::detail {

/// Wide enough that two different states of a disk never meet.
struct Hash128 {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend constexpr bool operator==(Hash128, Hash128) = default;
};

/// Fast and not cryptographic: tells contents of simulated disks apart.
class Hasher {
public:
    void add(std::uint64_t value) noexcept {
        state_.high = fold(state_.high ^ value ^ 0xA0761D6478BD642Full, 0xE7037ED1A0B428DBull);
        state_.low = fold(state_.low + value, 0x8EBC6AF09C88C6E3ull) ^ state_.high;
    }
    void add(Hash128 hash) noexcept {
        add(hash.high);
        add(hash.low);
    }
    void add(ByteView bytes) noexcept {
        const std::byte* at = bytes.data();
        std::size_t left = bytes.size();
        for (; left >= 16; at += 16, left -= 16) {
            std::uint64_t words[2];
            std::memcpy(words, at, 16);
            state_.high = fold(state_.high ^ words[0], words[1] ^ 0x589965CC75374CC3ull);
            state_.low = fold(state_.low ^ words[1], words[0] ^ 0x1D8E4E27C47D124Full);
        }
        std::uint64_t words[2] = {};
        if (left != 0) std::memcpy(words, at, left);
        add(words[0]);
        add(words[1]);
        add(std::uint64_t{bytes.size()});
    }
    void add(std::string_view text) noexcept { add(as_bytes(text)); }

    Hash128 result() const noexcept { return state_; }

private:
    __extension__ using Wide = unsigned __int128;
    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
        const auto product = Wide{a} * (b | 1);
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    Hash128 state_{0x9E3779B97F4A7C15ull, 0xD1B54A32D192ED03ull};
};

}  // namespace bobbin::testing::detail

#endif
