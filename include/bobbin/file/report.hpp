#ifndef BOBBIN_FILE_REPORT_HPP
#define BOBBIN_FILE_REPORT_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/clock.hpp>
#include <bobbin/core/error.hpp>
#include <bobbin/file/file_system_type.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace bobbin {

/// Bytes [from, to) of a file.
struct ByteRange {
    std::uint64_t from = 0;
    std::uint64_t to = 0;

    constexpr std::uint64_t size() const noexcept { return to - from; }
    friend constexpr bool operator==(ByteRange, ByteRange) = default;
};

/// The first error after which bytes of a file may be lost, and among which they are.
struct WriteFault {
    Error error;
    ByteRange range;
};

struct CallDuration {
    Operation operation = Operation::nothing;
    std::uint64_t offset = 0;
    std::chrono::nanoseconds duration{};
};

/// What became of the request for blocks ahead.
struct PreallocationReport {
    enum class Outcome : std::uint8_t { none, done, skipped, refused };
    Outcome outcome = Outcome::none;
    Bytes asked;
    std::optional<Error> error;  ///< why it was skipped or refused, or what giving back failed with
    Bytes given_back;            ///< the surplus
};

/// What a file wrapper did so far.
struct FileReport {
    ModeChoice mode;
    Bytes written;
    std::uint64_t kicks = 0;
    std::uint64_t waits = 0;
    std::uint64_t drops = 0;
    std::uint64_t syncs = 0;
    std::uint64_t back_patches = 0;  ///< writes that began before the end of the file
    CallDuration longest;            ///< of all calls
    CallDuration longest_wait;       ///< of those that waited for the disk: waits and syncs
    Bytes peak;                      ///< of bytes not known to be on disk
    Bytes chunk;                     ///< of a window, now
    std::optional<Bytes> residue;    ///< cached after the last sync; not known everywhere
    bool has_guard = false;          ///< a second description watches for errors
    std::optional<MonotonicTime> degraded_since;
    PreallocationReport preallocation;
    std::optional<WriteFault> fault;

    void note(CallDuration call) noexcept {
        const auto longer = [&](CallDuration& than) {
            if (call.duration > than.duration || than.operation == Operation::nothing) than = call;
        };
        longer(longest);
        if (call.operation == Operation::wait || call.operation == Operation::sync)
            longer(longest_wait);
    }
};

}  // namespace bobbin

#endif
