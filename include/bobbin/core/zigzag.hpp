#ifndef BOBBIN_CORE_ZIGZAG_HPP
#define BOBBIN_CORE_ZIGZAG_HPP

#include <cstdint>

namespace bobbin::detail {

/// Small numbers of either sign as small ones without: 0, -1, 1, -2, …
constexpr std::uint64_t zigzag(std::int64_t value) noexcept {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t code) noexcept {
    return static_cast<std::int64_t>((code >> 1) ^ (0 - (code & 1)));
}

}  // namespace bobbin::detail

#endif
