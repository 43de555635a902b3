#ifndef BOBBIN_DETAIL_SEQUENCE_WINDOW_HPP
#define BOBBIN_DETAIL_SEQUENCE_WINDOW_HPP

#include <bobbin/core/ids.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace bobbin::detail {

/// A stream never gets further ahead of what the store knows: recovery probes these many names.
inline constexpr Sequence sequence_window = 16;
/// Writers stop earlier, so that numbers are left for what the engine has to split.
inline constexpr Sequence writer_window = 8;

/// The numbers of which a crash may have left a file without a row.
struct ProbedNumbers {
    std::uint64_t first;
    std::uint64_t last;

    /// @param highest that the stream ever used in the directory. After a failed sync numbers may be
    ///   passed by later ones, hence both ways.
    explicit constexpr ProbedNumbers(Sequence highest) noexcept
        : first{highest > sequence_window ? highest - sequence_window : 1u},
          last{std::min(std::uint64_t{highest} + sequence_window,
                        std::uint64_t{std::numeric_limits<Sequence>::max()})} {}
    constexpr bool contain(Sequence number) const noexcept { return first <= number && number <= last; }
};

}  // namespace bobbin::detail

#endif
