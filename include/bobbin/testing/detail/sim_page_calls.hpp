#ifndef BOBBIN_TESTING_DETAIL_SIM_PAGE_CALLS_HPP
#define BOBBIN_TESTING_DETAIL_SIM_PAGE_CALLS_HPP

#include <bobbin/fs/concept.hpp>

#include <algorithm>
#include <cerrno>

namespace bobbin::testing::detail {

/// The calls of a simulated file system that are about pages and blocks of one file.
template <class Fs>
class SimPageCalls {
public:
    Result<void> start_writeback(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept {
        return self().on_pages(h, Operation::write_back, [&](auto& handle) -> Result<void> {
            disk().start_writeback(handle.inode, offset, size);
            return {};
        });
    }
    Result<void> wait_writeback(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept {
        return self().on_pages(h, Operation::write_back, [&](auto& handle) -> Result<void> {
            disk().finish_writeback(handle.inode, offset, size);
            if (self().state_->tell_error(handle)) return Error::system(EIO, Operation::write_back);
            return {};
        });
    }
    /// Its pages are on their way at once.
    Result<std::size_t> write_uncached(FileHandle h, ByteView from, std::uint64_t offset) noexcept {
        const auto takes = self().on_pages(
            h, Operation::write, [&](auto&) -> Result<bool> { return disk().options().uncached; });
        if (!takes) return takes.error();
        if (!*takes) return Error{Errc::not_supported, Operation::write};
        auto wrote = self().write_at(h, from, offset);
        if (wrote) (void)start_writeback(h, offset, std::max<std::size_t>(*wrote, 1));
        return wrote;
    }
    Result<void> drop_cache(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept {
        return self().on_pages(h, Operation::drop_cache, [&](auto& handle) -> Result<void> {
            disk().drop_cache(handle.inode, offset, size);
            return {};
        });
    }
    Result<void> read_ahead(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept {
        return self().on_pages(h, Operation::read, [&](auto& handle) -> Result<void> {
            disk().read_ahead(handle.inode, offset, size);
            return {};
        });
    }
    Result<CacheStatus> cache_status(FileHandle h, std::uint64_t offset,
                                     std::uint64_t size) noexcept {
        return self().on_pages(h, Operation::stat, [&](auto& handle) -> Result<CacheStatus> {
            return disk().cache_status(handle.inode, offset, size);
        });
    }
    Result<void> preallocate(FileHandle h, std::uint64_t size) noexcept {
        return self().on_pages(h, Operation::preallocate, [&](auto& handle) -> Result<void> {
            if (!handle.writable) return Error::system(EBADF, Operation::preallocate);
            if (size > disk().options().max_file_size.value)
                return Error::system(EFBIG, Operation::preallocate);
            if (!disk().preallocate(handle.inode, size))
                return Error::system(ENOSPC, Operation::preallocate);
            return {};
        });
    }
    /// What write-back on its way does when it fails: `FaultyFs` calls it. The pages count as clean.
    /// @param told whether this handle was answered the error already
    void writeback_failed(FileHandle h, std::uint64_t offset, std::uint64_t size,
                          bool told) noexcept {
        (void)self().on_pages(h, Operation::write_back, [&](auto& handle) -> Result<void> {
            disk().start_writeback(handle.inode, offset, size);
            disk().fail_writeback(handle.inode, offset, size);
            if (told) (void)self().state_->tell_error(handle);
            return {};
        });
    }

private:
    Fs& self() noexcept { return static_cast<Fs&>(*this); }
    auto& disk() noexcept { return self().state_->disk; }
};

}  // namespace bobbin::testing::detail

#endif
