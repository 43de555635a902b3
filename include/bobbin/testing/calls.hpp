#ifndef BOBBIN_TESTING_CALLS_HPP
#define BOBBIN_TESTING_CALLS_HPP

#include <bobbin/fs/concept.hpp>

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace bobbin::testing {

/// The calls of a `FileSystem`.
enum class Call : std::uint8_t {
    open_root,
    open,
    create,
    close,
    read,
    write,
    truncate,
    sync,
    sync_directory,
    remove,
    rename,
    list,
    status,
    space,
    lock,
    start_writeback,
    wait_writeback,
    drop_cache,
    read_ahead,
    cache_status,
    preallocate,
    write_uncached,
    reopen,
    adopt,
    type,
};
inline constexpr std::size_t call_count = 25;

constexpr std::string_view name_of(Call call) noexcept {
    constexpr std::string_view names[call_count] = {
        "open_root",      "open",   "create", "close", "read",   "write", "truncate", "sync",
        "sync_directory", "remove", "rename", "list",  "status", "space", "lock",
        "start_writeback", "wait_writeback", "drop_cache", "read_ahead", "cache_status", "preallocate",
        "write_uncached", "reopen", "adopt", "type"};
    return names[static_cast<std::size_t>(call)];
}

constexpr Operation operation_of(Call call) noexcept {
    constexpr Operation operations[call_count] = {
        Operation::open,           Operation::open,   Operation::create,   Operation::close,
        Operation::read,           Operation::write,  Operation::truncate, Operation::sync,
        Operation::sync_directory, Operation::remove, Operation::rename,   Operation::list,
        Operation::stat,           Operation::space,  Operation::lock,
        Operation::write_back,     Operation::write_back, Operation::drop_cache, Operation::read, Operation::stat,
        Operation::preallocate,    Operation::write,  Operation::open,     Operation::open,
        Operation::stat};
    return operations[static_cast<std::size_t>(call)];
}

constexpr Call call_of(OpenMode mode) noexcept {
    const bool creates = mode == OpenMode::create || mode == OpenMode::create_or_write;
    return creates ? Call::create : Call::open;
}

/// Some of the calls.
class CallSet {
public:
    constexpr CallSet() = default;
    constexpr CallSet(Call call) noexcept : bits_{bit(call)} {}
    constexpr CallSet(std::initializer_list<Call> calls) noexcept {
        for (const auto call : calls) bits_ |= bit(call);
    }
    static constexpr CallSet all() noexcept {
        CallSet set;
        set.bits_ = (1u << call_count) - 1;
        return set;
    }
    constexpr CallSet without(CallSet other) const noexcept {
        CallSet set;
        set.bits_ = bits_ & ~other.bits_;
        return set;
    }
    constexpr bool contains(Call call) const noexcept { return (bits_ & bit(call)) != 0; }

private:
    static constexpr std::uint32_t bit(Call call) noexcept {
        return 1u << static_cast<unsigned>(call);
    }
    std::uint32_t bits_ = 0;
};

/// The lowest file system below decorators.
template <class Fs>
auto& ground_of(Fs& fs) noexcept {
    if constexpr (requires { fs.next_layer(); })
        return ground_of(fs.next_layer());
    else
        return fs;
}

}  // namespace bobbin::testing

#endif
