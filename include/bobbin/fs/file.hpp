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
        while (taken < bytes.size()) {
            auto wrote = detail::uninterrupted(
                [&] { return fs_->write_at(handle_, bytes.subspan(taken), size_.value); });
            if (!wrote) {
                if (taken != 0) break;
                return wrote.error();
            }
            if (*wrote == 0) return Error::system(EIO, Operation::write);
            taken += *wrote;
            size_ += Bytes{*wrote};
        }
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

    /// Writes all of `bytes` at `offset`, which must not lie past the end.
    Result<void> write_at(ByteView bytes, std::uint64_t offset) noexcept {
        while (!bytes.empty()) {
            auto wrote =
                detail::uninterrupted([&] { return fs_->write_at(handle_, bytes, offset); });
            if (!wrote) return wrote.error();
            if (*wrote == 0) return Error::system(EIO, Operation::write);
            bytes = bytes.subspan(*wrote);
            offset += *wrote;
            if (offset > size_.value) size_ = Bytes{offset};
        }
        return {};
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

    Result<FileStatus> status() const noexcept { return fs_->status(handle_); }
    bool is_open() const noexcept { return handle_ != no_file; }
    Bytes size() const noexcept { return size_; }
    FileHandle handle() const noexcept { return handle_; }

private:
    mutable std::optional<Fs> fs_;
    FileHandle handle_ = no_file;
    Bytes size_;
    std::optional<Error> failed_;
};

}  // namespace bobbin

#endif
