#ifndef BOBBIN_TESTING_DETAIL_SIM_PAGES_HPP
#define BOBBIN_TESTING_DETAIL_SIM_PAGES_HPP

#include <bobbin/fs/concept.hpp>
#include <bobbin/testing/detail/sim_versions.hpp>

#include <algorithm>
#include <cstdint>

namespace bobbin::testing::detail {

/// The page cache of one file, by chunks. What lies in memory is no part of a crash state: until a sync, a
/// crash may leave any version, written back or not. A `size` of 0 reaches to the end. External sync.
template <class Node>
class SimPages {
public:
    SimPages(Node& node, std::size_t chunk) noexcept : node_{node}, chunk_{chunk} {}

    /// Dirty pages go on their way.
    void start_writeback(std::uint64_t offset, std::uint64_t size) {
        each_pending(offset, size, [](PendingChunk& page) {
            if (page.state == PageState::dirty) page.state = PageState::in_flight;
        });
    }
    /// Those on their way arrive.
    void finish_writeback(std::uint64_t offset, std::uint64_t size) {
        each_pending(offset, size, [](PendingChunk& page) {
            if (page.state != PageState::in_flight) return;
            page.state = PageState::clean;
            page.written = static_cast<std::uint32_t>(page.versions.size() - 1);
        });
    }
    /// Those on their way are lost and count as clean. Told once to each open file description.
    void fail_writeback(std::uint64_t offset, std::uint64_t size) {
        each_pending(offset, size, [](PendingChunk& page) {
            if (page.state == PageState::in_flight) page.state = PageState::lost;
        });
        ++node_.write_errors;
        node_.error_was_told = false;
    }

    /// Clean pages that lie in the range leave the cache: of those whose write failed, the last good copy is
    /// gone with them.
    /// @returns how many chunks of the disk are free by that
    std::uint64_t drop_cache(std::uint64_t offset, std::uint64_t size) {
        const auto end = end_of(offset, size);
        const auto last = end == node_.live->size ? chunks_in(end) : end / chunk_;
        std::uint64_t freed = 0;
        for (auto index = chunks_in(offset); index < last; ++index) {
            if (const auto at = node_.pending.chunks.find(index);
                at != node_.pending.chunks.end()) {
                const auto& page = at->second;
                if (page.state == PageState::dirty || page.state == PageState::in_flight) continue;
                if (page.state == PageState::lost) {
                    const auto& good = page.versions[page.written].value;
                    if (node_.live->chunk(index) && !good) ++freed;
                    own_content(node_.live).set_chunk(index, good);
                }
            }
            if (node_.dropped.size() <= index) node_.dropped.resize(index + 1);
            node_.dropped[index] = true;
        }
        return freed;
    }

    CacheStatus cache_status(std::uint64_t offset, std::uint64_t size) const {
        CacheStatus status;
        const Bytes page{chunk_};
        const auto last = chunks_in(end_of(offset, size));
        for (auto index = offset / chunk_; index < last; ++index) {
            if (!node_.live->chunk(index)) continue;
            if (index < node_.dropped.size() && node_.dropped[index]) continue;
            status.cached += page;
            const auto at = node_.pending.chunks.find(index);
            if (at == node_.pending.chunks.end()) continue;
            if (at->second.state == PageState::dirty) status.dirty += page;
            if (at->second.state == PageState::in_flight) status.writeback += page;
        }
        return status;
    }
    void read_ahead(std::uint64_t offset, std::uint64_t size) {
        note_read(offset, static_cast<std::size_t>(end_of(offset, size) - offset));
    }
    /// Reading brings pages back.
    void note_read(std::uint64_t offset, std::size_t size) {
        auto& dropped = node_.dropped;
        for (auto index = offset / chunk_; index < dropped.size() && index * chunk_ < offset + size;
             ++index)
            dropped[index] = false;
    }

private:
    std::uint64_t chunks_in(std::uint64_t size) const noexcept {
        return size / chunk_ + (size % chunk_ != 0 ? 1 : 0);
    }
    std::uint64_t end_of(std::uint64_t offset, std::uint64_t size) const noexcept {
        const auto left = node_.live->size - std::min(node_.live->size, offset);
        return offset + (size == 0 ? left : std::min(left, size));
    }
    template <class F>
    void each_pending(std::uint64_t offset, std::uint64_t size, F&& f) {
        auto& chunks = node_.pending.chunks;
        const auto end = chunks.lower_bound(chunks_in(end_of(offset, size)));
        for (auto at = chunks.lower_bound(offset / chunk_); at != end; ++at) f(at->second);
    }

    Node& node_;
    std::size_t chunk_;
};

}  // namespace bobbin::testing::detail

#endif
