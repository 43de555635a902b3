#ifndef BOBBIN_FILE_DETAIL_READ_PACER_HPP
#define BOBBIN_FILE_DETAIL_READ_PACER_HPP

#include <bobbin/file/detail/file_calls.hpp>
#include <bobbin/file/options.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace bobbin::file::detail {

/// Asks for the pages of a file before they are read, and lets those leave the cache that reading brought
/// in, block by block. The calls are hints: what fails changes nothing but the speed. External sync.
class ReadPacer {
public:
    static constexpr std::uint64_t block = std::uint64_t{1} << 20;
    /// Further than the kernel reads ahead by itself, whose pages would be taken for those of others.
    static constexpr std::uint64_t blocks_ahead = 32;
    /// Pages that were still referenced survive a drop, so that it goes over some blocks again.
    static constexpr std::uint64_t blocks_back = 8;

    /// @param size of the file, in bytes
    /// @allocates two bits for each block, where something is dropped
    ReadPacer(const ReadOptions& options, std::uint64_t size) : options_{options}, size_{size} {
        if (!options_.drops_behind) return;
        is_known_.resize(static_cast<std::size_t>(size / block + 1));
        is_ours_.resize(is_known_.size());
    }

    /// Bytes [from, to) are about to be read.
    template <class File>
    void before(File& file, std::uint64_t from, std::uint64_t to) noexcept {
        const bool is_in_order = from == next_;
        const auto ahead = is_in_order ? std::min(options_.read_ahead.value, size_) : 0;
        next_ = to;
        if (!is_in_order) asked_ = to;
        if (options_.drops_behind) look(file, from, to + ahead + blocks_ahead * block);
        const auto end = std::min(size_, to + ahead);
        const auto start = std::max(to, std::min(asked_, end));
        // In halves, not with each read. A size of 0 would reach to the end of the file.
        if (ahead == 0 || start == end || (end - start < ahead / 2 && end != size_)) return;
        (void)read_ahead(file, start, end - start);
        asked_ = end;
    }
    /// They are needed no more.
    template <class File>
    void after(File& file, std::uint64_t from, std::uint64_t to) noexcept {
        if (!options_.drops_behind || from >= to) return;
        for (auto at = from / block; at * block < to; ++at) {
            if (!is_ours_[static_cast<std::size_t>(at)]) continue;
            auto first = at;
            while (first > 0 && at - first < blocks_back &&
                   is_ours_[static_cast<std::size_t>(first - 1)])
                --first;
            const auto end = std::min(size_, (at + 1) * block);
            (void)drop_cache(file, first * block, end - first * block);
        }
    }

private:
    /// Whose pages are these? Those of a block of which nothing is cached will be ours. Where the kernel does
    /// not count, all are.
    template <class File>
    void look(const File& file, std::uint64_t from, std::uint64_t to) noexcept {
        for (auto at = from / block; at * block < std::min(to, size_); ++at) {
            const auto place = static_cast<std::size_t>(at);
            if (is_known_[place]) continue;
            const auto status = cache_status(file, at * block, block);
            is_known_[place] = true;
            is_ours_[place] = !status || status->cached == Bytes{};
        }
    }

    ReadOptions options_;
    std::uint64_t size_;
    std::uint64_t next_ = 0;   ///< where a read in order goes on
    std::uint64_t asked_ = 0;  ///< what is on its way ends here
    std::vector<bool> is_known_, is_ours_;
};

}  // namespace bobbin::file::detail

#endif
