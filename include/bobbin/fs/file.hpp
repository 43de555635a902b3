#ifndef BOBBIN_FS_FILE_HPP
#define BOBBIN_FS_FILE_HPP

#include <bobbin/core/policy.hpp>
#include <bobbin/core/sync_result.hpp>
#include <bobbin/fs/concept.hpp>

#include <cerrno>
#include <optional>
#include <utility>

namespace bobbin {

template <FileSystem Fs>
class FsDirectory;

namespace detail {
/// Calls again what a signal interrupted. Not for syncs: an interrupted sync is a failed one.
template <class Call>
auto uninterrupted(Call&& call) noexcept {
    for (;;) {
        auto result = call();
        if (result || !result.error().is_errno(EINTR)) return result;
    }
}
}  // namespace detail

/// One open file that grows at its end, and the lowest layer of every file wrapper: it hands each
/// call to the file system at once. Owns its handle. External sync.
template <FileSystem Fs>
class File {
public:
    using policy_concept = file_policy_tag;
    using file_system = Fs;
    using directory_type = FsDirectory<Fs>;

    File() = default;
    File(Fs fs, FileHandle handle, Bytes size = {}) noexcept
        : fs_{std::move(fs)}, handle_{handle}, size_{size} {}
    File(File&& other) noexcept
        : fs_{other.fs_}, handle_{std::exchange(other.handle_, no_file)}, size_{other.size_} {}
    File& operator=(File&& other) noexcept {
        if (this != &other) {
            (void)close();
            fs_ = other.fs_;
            handle_ = std::exchange(other.handle_, no_file);
            size_ = other.size_;
        }
        return *this;
    }
    /// Closes. An error is lost here: call `close` where it matters.
    ~File() { (void)close(); }

    /// Writes a prefix of `bytes` at the end and returns its length, which is less than asked only
    /// if the call that follows would fail; bytes not taken stay with the caller.
    /// @errors of the file system, where not one byte was taken
    Result<std::size_t> append(ByteView bytes) noexcept {
        std::size_t taken = 0;
        auto wrote = write_at(bytes, size_.value, taken);
        if (!wrote && taken == 0) return wrote.error();
        return taken;
    }

    /// Hands what is held back to the kernel; this layer holds nothing back.
    Result<void> flush() noexcept { return {}; }

    /// Makes data and size durable. A failure is final: pages may be marked clean though their
    /// bytes are gone, so a second sync would lie.
    SyncResult sync() noexcept {
        if (failed_) return SyncResult::failed(*failed_);
        if (auto synced = fs_->sync(handle_); !synced) {
            failed_ = synced.error();
            return SyncResult::failed(*failed_);
        }
        return SyncResult::durable();
    }

    Result<void> close() noexcept {
        if (handle_ == no_file) return {};
        return fs_->close(std::exchange(handle_, no_file));
    }

    /// Cuts off to `size`, or extends with zeros.
    Result<void> truncate(Bytes size) noexcept {
        auto cut = detail::uninterrupted([&] { return fs_->truncate(handle_, size.value); });
        if (cut) size_ = size;
        return cut;
    }

    /// Writes all of `bytes` at `offset`.
    Result<void> write_at(ByteView bytes, std::uint64_t offset) noexcept {
        std::size_t taken = 0;
        return write_at(bytes, offset, taken);
    }
    /// `taken` counts what was written where it fails.
    Result<void> write_at(ByteView bytes, std::uint64_t offset, std::size_t& taken) noexcept {
        return write_all(bytes, offset, taken, [&](ByteView part, std::uint64_t at) {
            return fs_->write_at(handle_, part, at);
        });
    }

    /// Fills `to` from `offset` on; fewer bytes only at the end of the file.
    Result<std::size_t> read_at(MutableByteView to, std::uint64_t offset) const noexcept {
        std::size_t got = 0;
        while (got < to.size()) {
            auto read = detail::uninterrupted(
                [&] { return fs_->read_at(handle_, to.subspan(got), offset + got); });
            if (!read) return read.error();
            if (*read == 0) break;
            got += *read;
        }
        return got;
    }

    /// Takes over an open handle, to go on at the end of its file or to patch it; nothing is cut off.
    /// @errors `EISDIR`, `ESPIPE`, `EBADF`: not a regular file that can be written. The handle stays
    /// the caller's then.
    static Result<File> adopt(FileHandle handle, Fs fs = {}) noexcept
        requires Adopts<Fs>
    {
        auto size = fs.adopt(handle);
        if (!size) return size.error();
        return File{std::move(fs), handle, *size};
    }

    // The optional operations of the file system.
    Result<void> start_writeback(std::uint64_t offset, std::uint64_t size) noexcept
        requires WritesBack<Fs>
    {
        return detail::uninterrupted([&] { return fs_->start_writeback(handle_, offset, size); });
    }
    Result<void> wait_writeback(std::uint64_t offset, std::uint64_t size) noexcept
        requires WritesBack<Fs>
    {
        return detail::uninterrupted([&] { return fs_->wait_writeback(handle_, offset, size); });
    }
    Result<void> drop_cache(std::uint64_t offset, std::uint64_t size) noexcept
        requires DropsCache<Fs>
    {
        return fs_->drop_cache(handle_, offset, size);
    }
    Result<void> read_ahead(std::uint64_t offset, std::uint64_t size) noexcept
        requires ReadsAhead<Fs>
    {
        return fs_->read_ahead(handle_, offset, size);
    }
    Result<CacheStatus> cache_status(std::uint64_t offset = 0, std::uint64_t size = 0) const noexcept
        requires CountsCache<Fs>
    {
        return fs_->cache_status(handle_, offset, size);
    }
    Result<void> preallocate(Bytes size) noexcept
        requires Preallocates<Fs>
    {
        return detail::uninterrupted([&] { return fs_->preallocate(handle_, size.value); });
    }
    /// The same file by another open file description: it is told of write errors by itself.
    Result<File> reopen() const noexcept
        requires Reopens<Fs>
    {
        auto handle = fs_->reopen(handle_);
        if (!handle) return handle.error();
        return File{*fs_, *handle, size_};
    }
    Result<std::uint32_t> type() const noexcept
        requires KnowsType<Fs>
    {
        return fs_->type(handle_);
    }
    /// `write_at` whose pages leave the cache once they are on disk.
    /// @errors `not_supported`, with nothing written; `taken` counts what was where it fails later
    Result<void> write_uncached_at(ByteView bytes, std::uint64_t offset, std::size_t& taken) noexcept
        requires WritesUncached<Fs>
    {
        return write_all(bytes, offset, taken, [&](ByteView part, std::uint64_t at) {
            return fs_->write_uncached(handle_, part, at);
        });
    }

    Result<SpaceStatus> space() const noexcept { return fs_->space(handle_); }
    Result<FileStatus> status() const noexcept { return fs_->status(handle_); }
    bool is_open() const noexcept { return handle_ != no_file; }
    Bytes size() const noexcept { return size_; }
    FileHandle handle() const noexcept { return handle_; }

private:
    /// A short write is followed by another: in one place for all calls.
    template <class Write>
    Result<void> write_all(ByteView bytes, std::uint64_t offset, std::size_t& taken,
                           Write&& write) noexcept {
        taken = 0;
        while (taken < bytes.size()) {
            auto wrote = detail::uninterrupted(
                [&] { return write(bytes.subspan(taken), offset + taken); });
            if (!wrote) return wrote.error();
            if (*wrote == 0) return Error::system(EIO, Operation::write);
            taken += *wrote;
            if (offset + taken > size_.value) size_ = Bytes{offset + taken};
        }
        return {};
    }

    mutable std::optional<Fs> fs_;
    FileHandle handle_ = no_file;
    Bytes size_;
    std::optional<Error> failed_;
};

}  // namespace bobbin

#endif
