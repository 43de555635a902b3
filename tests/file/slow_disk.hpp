// A disk of limited speed in simulated time. It keeps no bytes, only what state each page is in, so that gigabytes cost nothing.
#ifndef BOBBIN_TESTS_FILE_SLOW_DISK_HPP
#define BOBBIN_TESTS_FILE_SLOW_DISK_HPP

#include <bobbin/core/clock.hpp>
#include <bobbin/fs/file.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

namespace bobbin_tests {

// One file. Each page is absent, dirty, on its way, or clean.
class SlowDisk : public bobbin::testing::SimFs {
public:
    using Nanoseconds = std::chrono::nanoseconds;
    static constexpr std::uint64_t page = 4096;

    SlowDisk() : SlowDisk{80e6} {}
    explicit SlowDisk(double bytes_per_second) : model_{std::make_shared<Model>()} {
        model_->rate = bytes_per_second;
    }

    const bobbin::ManualClock& clock() const { return model_->clock; }
    std::uint64_t peak() const { return model_->peak; }
    // From here on each page is still referenced when it is dropped for the first time.
    void pin_pages() { model_->pins = true; }
    bobbin::Result<std::size_t> write_at(bobbin::FileHandle, bobbin::ByteView bytes,
                                         std::uint64_t offset) noexcept {
        auto& m = *model_;
        m.settle();
        m.size = std::max(m.size, offset + bytes.size());
        m.pages.resize((m.size + page - 1) / page);
        if (m.pins) m.was_dropped.resize(m.pages.size());
        for (auto i = offset / page; i * page < offset + bytes.size(); ++i) m.set(i, dirty);
        m.peak = std::max(m.peak, (m.counts[dirty] + m.counts[in_flight]) * page);
        return bytes.size();
    }
    bobbin::Result<void> start_writeback(bobbin::FileHandle, std::uint64_t offset,
                                         std::uint64_t size) noexcept {
        auto& m = *model_;
        m.settle();
        m.each(offset, size, [&](std::uint64_t i) {
            if (m.pages[i] != dirty) return;
            m.set(i, in_flight);
            m.busy_until = std::max(m.busy_until, m.clock.monotonic()) + m.time_of(page);
            m.queue.push_back({i, m.busy_until});
        });
        return {};
    }
    bobbin::Result<void> wait_writeback(bobbin::FileHandle, std::uint64_t offset,
                                        std::uint64_t size) noexcept {
        auto& m = *model_;
        auto done = m.clock.monotonic();
        for (const auto& [i, at] : m.queue)
            if (i * page < offset + size && (i + 1) * page > offset) done = std::max(done, at);
        m.clock.advance(done - m.clock.monotonic());
        m.settle();
        return {};
    }
    bobbin::Result<void> sync(bobbin::FileHandle h) noexcept {
        (void)start_writeback(h, 0, model_->size);
        return wait_writeback(h, 0, model_->size);
    }
    bobbin::Result<void> drop_cache(bobbin::FileHandle, std::uint64_t offset,
                                    std::uint64_t size) noexcept {
        auto& m = *model_;
        m.settle();
        const auto end = size == 0 ? m.size : offset + size;
        const auto last = end >= m.size ? m.pages.size() : end / page;
        for (auto i = (offset + page - 1) / page; i < last; ++i)
            if (m.pages[i] == clean && (!m.pins || m.was_dropped.at(i)))
                m.set(i, absent);
            else if (m.pins)
                m.was_dropped.at(i) = true;
        return {};
    }
    bobbin::Result<bobbin::CacheStatus> cache_status(bobbin::FileHandle, std::uint64_t,
                                                     std::uint64_t) noexcept {
        auto& m = *model_;
        m.settle();
        using bobbin::Bytes;
        return bobbin::CacheStatus{
            Bytes{(m.counts[dirty] + m.counts[in_flight] + m.counts[clean]) * page},
            Bytes{m.counts[dirty] * page}, Bytes{m.counts[in_flight] * page}};
    }
    bobbin::Result<bobbin::FileStatus> status(bobbin::FileHandle) noexcept {
        return bobbin::FileStatus{bobbin::Bytes{model_->size}, true, false, 1};
    }

private:
    enum Page : std::uint8_t { absent, dirty, in_flight, clean };

    struct Model {
        bobbin::ManualClock clock;
        double rate = 80e6;
        std::uint64_t size = 0, peak = 0;
        std::vector<std::uint8_t> pages;
        std::vector<bool> was_dropped;
        bool pins = false;
        std::uint64_t counts[4] = {};
        bobbin::MonotonicTime busy_until{};
        std::deque<std::pair<std::uint64_t, bobbin::MonotonicTime>> queue;

        Nanoseconds time_of(std::uint64_t bytes) const {
            return Nanoseconds{static_cast<std::int64_t>(static_cast<double>(bytes) / rate * 1e9)};
        }
        void set(std::uint64_t i, Page state) {
            if (counts[pages[i]] != 0) --counts[pages[i]];
            pages[i] = state;
            ++counts[state];
        }
        void settle() {
            while (!queue.empty() && queue.front().second <= clock.monotonic()) {
                if (pages[queue.front().first] == in_flight) set(queue.front().first, clean);
                queue.pop_front();
            }
        }
        template <class F>
        void each(std::uint64_t offset, std::uint64_t bytes, F&& f) {
            const auto end = bytes == 0 ? size : std::min(size, offset + bytes);
            for (auto i = offset / page; i * page < end; ++i) f(i);
        }
    };

    std::shared_ptr<Model> model_;
};

static_assert(bobbin::FileSystem<SlowDisk>);

inline bobbin::File<SlowDisk> file_on(SlowDisk disk) {
    auto dir = *disk.open_root("/slow", bobbin::RootMode::create_if_missing);
    auto handle = *disk.open_at(dir, "file", bobbin::OpenMode::create);
    (void)disk.close(dir);
    return {disk, handle};
}

}  // namespace bobbin_tests

#endif
