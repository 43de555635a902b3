#ifndef BOBBIN_CORE_WRITE_MODE_HPP
#define BOBBIN_CORE_WRITE_MODE_HPP

#include <cstdint>
#include <string_view>

namespace bobbin {

/// What a file wrapper does about write-back.
enum class WriteMode : std::uint8_t {
    plain,       ///< nothing: the kernel decides
    write_back,  ///< starts it early, waits for the window before last, drops what was confirmed
    kick_only,   ///< starts it early, and neither waits nor drops
    paced_sync,  ///< syncs each window: ranges can't be written back here
    uncached,    ///< writes past the page cache, and waits for the window before last
};

/// Why it does so.
enum class WriteModeReason : std::uint8_t {
    asked,
    network,               ///< the file system is one, by its type
    in_memory,             ///< it keeps files in memory: there is nothing to write back
    no_range_writeback,    ///< the system or the file system does not write back ranges
    uncached_supported,
    uncached_unsupported,  ///< by the kernel, or refused for this file
    no_worker,             ///< none could be started
};

constexpr std::string_view name_of(WriteMode mode) noexcept {
    constexpr std::string_view names[] = {"plain", "write-back", "kick only", "paced sync",
                                          "uncached"};
    return names[static_cast<std::size_t>(mode)];
}

constexpr std::string_view name_of(WriteModeReason reason) noexcept {
    constexpr std::string_view names[] = {"asked for",
                                          "a network file system",
                                          "files in memory",
                                          "no write-back of ranges here",
                                          "uncached writes are supported",
                                          "uncached writes are not supported",
                                          "no worker could be started"};
    return names[static_cast<std::size_t>(reason)];
}

}  // namespace bobbin

#endif
