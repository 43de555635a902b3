// The design that the file wrappers replace, written from its description: a rival for tests and benchmarks.
#ifndef BOBBIN_TESTS_OLDER_WRITEBACK_HPP
#define BOBBIN_TESTS_OLDER_WRITEBACK_HPP

#include <bobbin/core/clock.hpp>
#include <bobbin/core/threads.hpp>
#include <bobbin/file/concept.hpp>
#include <bobbin/fs/file.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace bobbin_tests {

// Kicks each chunk, then waits for the one before and drops it. The chunk is counted since the last seek,
// and sized by the last 16 waits. What it gets wrong is the point: see tests/file/faults.test.cpp.
template <class File, bobbin::Clock C = bobbin::SystemClock, class T = bobbin::StdThreads>
class OlderWriteback {
public:
    using policy_concept = bobbin::file_policy_tag;
    using directory_type = typename File::directory_type;

    explicit OlderWriteback(File file, C clock = C{}, bobbin::Bytes expected = {}) noexcept
        : file_{std::move(file)}
        , clock_{std::move(clock)}
        , position_{file_.size().value}
        , run_{position_} {
        if (expected != bobbin::Bytes{}) (void)file_.preallocate(expected);
    }

    // A write at the position that it believes to be the file's.
    bobbin::Result<std::size_t> append(bobbin::ByteView bytes) noexcept {
        auto got = file_.append(bytes);
        if (!got) return got;
        position_ += bytes.size();
        pace();
        return got;
    }
    bobbin::Result<void> write_at(bobbin::ByteView bytes, std::uint64_t offset) noexcept {
        seek(offset);
        auto wrote = file_.write_at(bytes, offset);
        position_ += bytes.size();
        pace();
        seek(file_.size().value);
        return wrote;
    }
    bobbin::Result<void> flush() noexcept { return {}; }

    bobbin::SyncResult sync() noexcept {
        const auto start = clock_.monotonic();
        auto synced = file_.sync();
        if (clock_.monotonic() - start > std::chrono::seconds{60})
            return bobbin::SyncResult::durable();  // the caller left at the deadline
        return synced;
    }
    bobbin::Result<void> close() noexcept { return file_.close(); }
    bobbin::Bytes size() const noexcept { return file_.size(); }

    File& next_layer() noexcept { return file_; }
    const File& next_layer() const noexcept { return file_; }
    std::uint64_t chunk() const noexcept { return chunk_; }
    std::uint64_t position() const noexcept { return position_; }
    std::chrono::nanoseconds longest_wait() const noexcept { return longest_; }

private:
    static constexpr std::uint64_t mib = std::uint64_t{1} << 20;

    void seek(std::uint64_t offset) noexcept {
        if (offset == position_) return;
        position_ = run_ = offset;
    }
    void pace() noexcept {
        if (position_ - run_ < chunk_) return;
        (void)file_.start_writeback(run_, position_ - run_);
        if (before_.second != 0 && !is_degraded_) {
            wait();
            (void)file_.drop_cache(before_.first, before_.second);
        }
        before_ = {run_, position_ - run_};
        run_ = position_;
    }
    // In a thread of its own each time.
    void wait() noexcept {
        const auto start = clock_.monotonic();
        {
            typename T::Thread thread{[this](std::stop_token) {
                (void)file_.wait_writeback(before_.first, before_.second);
            }};
        }
        const auto took = clock_.monotonic() - start;
        longest_ = std::max<std::chrono::nanoseconds>(longest_, took);
        if (took > std::chrono::seconds{30}) is_degraded_ = true;
        waits_[count_++ % waits_.size()] = took;
        if (count_ < waits_.size()) return;
        auto sorted = waits_;
        std::ranges::sort(sorted);
        const auto high = sorted[14];
        if (high > std::chrono::milliseconds{200})
            chunk_ = std::min(chunk_ * 2, 256 * mib);
        else if (high < std::chrono::milliseconds{20})
            chunk_ = std::max(chunk_ / 2, 4 * mib);
        else
            return;
        count_ = 0;
    }

    File file_;
    C clock_;
    std::uint64_t position_;
    std::uint64_t run_;  ///< where the chunk began
    std::pair<std::uint64_t, std::uint64_t> before_{};
    std::uint64_t chunk_ = 32 * mib;
    std::array<std::chrono::nanoseconds, 16> waits_{};
    std::size_t count_ = 0;
    std::chrono::nanoseconds longest_{};
    bool is_degraded_ = false;
};

}  // namespace bobbin_tests

#endif
