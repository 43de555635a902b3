#ifndef BOBBIN_CORE_END_REASON_HPP
#define BOBBIN_CORE_END_REASON_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bobbin {

/// Why an object ends where it ends.
enum class EndReason : std::uint8_t {
    growing,       ///< it has not ended
    ended,         ///< its writer said so
    unclean,       ///< its writer was destroyed without a word
    overrun,       ///< the disk did not keep up
    write_failed,  ///< ends at its last mark
    sync_failed,   ///< ends at its last mark
    crash,         ///< recovery found it growing and cut it back to its last mark
};

/// Whether it holds less than was appended.
constexpr bool is_cut_short(EndReason reason) noexcept {
    return reason == EndReason::write_failed || reason == EndReason::sync_failed ||
           reason == EndReason::crash;
}

constexpr std::string_view name_of(EndReason reason) noexcept {
    constexpr std::string_view names[] = {"growing",      "ended",       "unclean", "overrun",
                                          "write failed", "sync failed", "crash"};
    return names[static_cast<std::size_t>(reason)];
}

}  // namespace bobbin

#endif
