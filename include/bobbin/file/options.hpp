#ifndef BOBBIN_FILE_OPTIONS_HPP
#define BOBBIN_FILE_OPTIONS_HPP

#include <bobbin/core/bytes.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

namespace bobbin {

/// A byte cap that several files share, in equal parts. Must not be changed once made; the files
/// keep it. Internally synchronised.
class WritebackBudget {
public:
    explicit WritebackBudget(Bytes cap) noexcept : cap_{cap} {}
    WritebackBudget(const WritebackBudget&) = delete;
    WritebackBudget& operator=(const WritebackBudget&) = delete;

    Bytes cap() const noexcept { return cap_; }
    /// Bytes of all its files that are not known to be on disk.
    Bytes used() const noexcept { return Bytes{used_.load(std::memory_order_relaxed)}; }
    std::uint64_t files() const noexcept { return files_.load(std::memory_order_relaxed); }

    void join() noexcept { files_.fetch_add(1, std::memory_order_relaxed); }
    void leave() noexcept { files_.fetch_sub(1, std::memory_order_relaxed); }
    /// A file that had `before` outstanding has `after` now.
    void change(std::uint64_t before, std::uint64_t after) noexcept {
        used_.fetch_add(after - before, std::memory_order_relaxed);
    }

private:
    Bytes cap_;
    std::atomic<std::uint64_t> used_{0};
    std::atomic<std::uint64_t> files_{0};
};

/// How a file is written back. No option changes what is on disk in the end.
struct WritebackOptions {
    static constexpr Bytes smallest_cap = Bytes{256 << 10};

    Bytes cap{32 << 20};  ///< dirty and in flight at most; at least `smallest_cap`
    std::chrono::nanoseconds target = std::chrono::milliseconds{100};  ///< in flight, for a window
    std::chrono::nanoseconds wait_deadline = std::chrono::seconds{30};
    std::chrono::nanoseconds sync_deadline = std::chrono::seconds{60};  ///< where a worker syncs
    Bytes expected_size{};                      ///< blocks are allocated up to here; 0: none
    std::shared_ptr<WritebackBudget> budget{};  ///< instead of `cap`
    bool measures_residue = true;               ///< count the cached pages after each sync
};

/// How a file is read. No option changes what is read.
struct ReadOptions {
    Bytes read_ahead{};         ///< asked for ahead of a read in order, up to the end; 0: as the kernel decides
    bool drops_behind = false;  ///< what was not cached before leaves the cache once it is read
};

}  // namespace bobbin

#endif
