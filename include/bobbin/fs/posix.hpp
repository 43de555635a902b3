#ifndef BOBBIN_FS_POSIX_HPP
#define BOBBIN_FS_POSIX_HPP

#include <bobbin/fs/concept.hpp>
#include <bobbin/fs/directory.hpp>
#include <bobbin/fs/file.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>

namespace bobbin {

namespace detail {

// Debian 12's headers have neither.
inline constexpr long syscall_cachestat = 451;
inline constexpr int rwf_dontcache = 0x80;

/// Whether a kernel of that release may be trusted with uncached writes: 6.14 has them, 6.15 took
/// them back for bugs.
constexpr bool has_uncached_writes(std::string_view release) noexcept {
    unsigned number[2] = {0, 0};
    for (auto& part : number) {
        bool any = false;
        while (!release.empty() && release.front() >= '0' && release.front() <= '9') {
            part = std::min(part, 100'000u) * 10 + static_cast<unsigned>(release.front() - '0');
            release.remove_prefix(1);
            any = true;
        }
        if (!any) return false;
        if (!release.empty() && release.front() == '.') release.remove_prefix(1);
    }
    return number[0] > 6 || (number[0] == 6 && number[1] >= 16);
}

inline bool kernel_has_uncached_writes() noexcept {
    static const bool has = [] {
        utsname name{};
        return ::uname(&name) == 0 && has_uncached_writes(name.release);
    }();
    return has;
}

}  // namespace detail

/// The operating system's file system. Empty; internally synchronised.
class PosixFs {
public:
    Result<FileHandle> open_root(const char* path, RootMode mode) noexcept {
        const bool creates = mode == RootMode::create_if_missing;
        const bool made = creates && ::mkdir(path, 0700) == 0;
        const auto fd = ::open(path, directory_flags);
        if (fd < 0) return failed(Operation::open);
        // Also where it was there: whoever made it may have died before its name was durable.
        if (creates && ((made && ::fchmod(fd, 0700) != 0) || !sync_parent(fd))) {
            const auto error = failed(Operation::create);
            ::close(fd);
            return error;
        }
        return fd;
    }

    Result<FileHandle> open_at(FileHandle dir, const char* name, OpenMode mode) noexcept {
        int flags = O_CLOEXEC | O_NOFOLLOW | (mode == OpenMode::read ? O_RDONLY : O_RDWR);
        if (mode == OpenMode::create) flags |= O_CREAT | O_EXCL;
        if (mode == OpenMode::create_or_write) flags |= O_CREAT;
        const bool creates = (flags & O_CREAT) != 0;
        const auto operation = creates ? Operation::create : Operation::open;

        open_how how{};
        how.flags = static_cast<std::uint64_t>(flags);
        how.mode = creates ? 0600 : 0;
        how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
        auto fd = static_cast<int>(::syscall(SYS_openat2, dir, name, &how, sizeof how));
        // Sandboxes and kernels before 5.6 lack openat2; a name without a slash is safe without.
        if (fd < 0 && (errno == ENOSYS || errno == EPERM)) fd = ::openat(dir, name, flags, 0600);
        if (fd < 0) return failed(operation);
        if (creates && ::fchmod(fd, 0600) != 0) {
            const auto error = failed(operation);
            ::close(fd);
            if (mode == OpenMode::create) ::unlinkat(dir, name, 0);
            return error;
        }
        return fd;
    }

    Result<void> close(FileHandle h) noexcept {
        // Linux has closed the descriptor even where it answers EINTR (close(2)).
        if (::close(h) != 0 && errno != EINTR) return failed(Operation::close);
        return {};
    }

    Result<std::size_t> read_at(FileHandle h, MutableByteView to, std::uint64_t offset) noexcept {
        return counted(::pread(h, to.data(), to.size(), static_cast<off_t>(offset)), Operation::read);
    }

    Result<std::size_t> write_at(FileHandle h, ByteView from, std::uint64_t offset) noexcept {
        return counted(::pwrite(h, from.data(), from.size(), static_cast<off_t>(offset)),
                       Operation::write);
    }

    Result<void> truncate(FileHandle h, std::uint64_t size) noexcept {
        return done(::ftruncate(h, static_cast<off_t>(size)), Operation::truncate);
    }
    Result<void> sync(FileHandle h) noexcept { return done(::fdatasync(h), Operation::sync); }
    Result<void> sync_directory(FileHandle h) noexcept {
        return done(::fsync(h), Operation::sync_directory);
    }
    Result<void> remove(FileHandle dir, const char* name) noexcept {
        return done(::unlinkat(dir, name, 0), Operation::remove);
    }
    Result<void> rename(FileHandle dir, const char* from, const char* to) noexcept {
        return done(::renameat(dir, from, dir, to), Operation::rename);
    }
    Result<void> lock(FileHandle h) noexcept {
        if (::flock(h, LOCK_EX | LOCK_NB) == 0) return {};
        if (errno == EWOULDBLOCK) return Error{Errc::directory_in_use, Operation::lock};
        return failed(Operation::lock);
    }

    Result<std::vector<std::string>> list(FileHandle dir) {
        const auto fd = ::openat(dir, ".", directory_flags);
        if (fd < 0) return failed(Operation::list);
        std::unique_ptr<DIR, int (*)(DIR*)> stream{::fdopendir(fd), &::closedir};
        if (!stream) {
            const auto error = failed(Operation::list);
            ::close(fd);
            return error;
        }
        std::vector<std::string> names;
        for (;;) {
            errno = 0;
            const auto* entry = ::readdir(stream.get());
            if (!entry) break;
            const std::string_view name{entry->d_name};
            if (name != "." && name != "..") names.emplace_back(name);
        }
        if (errno != 0) return failed(Operation::list);
        std::ranges::sort(names);
        return names;
    }

    Result<FileStatus> status(FileHandle h) noexcept {
        struct stat s {};
        if (::fstat(h, &s) != 0) return failed(Operation::stat);
        return FileStatus{Bytes{static_cast<std::uint64_t>(s.st_size)}, S_ISREG(s.st_mode),
                          S_ISDIR(s.st_mode), s.st_nlink};
    }

    Result<SpaceStatus> space(FileHandle h) noexcept {
        struct statvfs s {};
        if (::fstatvfs(h, &s) != 0) return failed(Operation::space);
        const auto bytes = [&](std::uint64_t blocks) {
            std::uint64_t product = 0;
            if (__builtin_mul_overflow(blocks, std::uint64_t{s.f_frsize}, &product))
                product = UINT64_MAX;
            return Bytes{product};
        };
        return SpaceStatus{bytes(s.f_blocks), bytes(s.f_bavail), Bytes{s.f_frsize}};
    }

    Result<void> start_writeback(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept {
        return sync_range(h, offset, size, SYNC_FILE_RANGE_WRITE);
    }
    Result<void> wait_writeback(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept {
        // A page written again while on its way is passed over by the start of its write-back: only
        // all three together leave nothing of the range dirty.
        return sync_range(h, offset, size,
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                              SYNC_FILE_RANGE_WAIT_AFTER);
    }
    Result<void> drop_cache(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept {
        return advise(h, offset, size, POSIX_FADV_DONTNEED, Operation::drop_cache);
    }
    Result<void> read_ahead(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept {
        return advise(h, offset, size, POSIX_FADV_WILLNEED, Operation::read);
    }

    /// @errors `not_supported` also where a sandbox refuses to count
    Result<CacheStatus> cache_status(FileHandle h, std::uint64_t offset,
                                     std::uint64_t size) noexcept {
        struct {
            std::uint64_t offset, length;
        } range{offset, size};
        struct {
            std::uint64_t cached, dirty, writeback, evicted, recently_evicted;
        } pages{};
        if (::syscall(detail::syscall_cachestat, h, &range, &pages, 0) != 0) {
            if (errno == EPERM) errno = ENOSYS;
            return optional(errno, Operation::stat).error();
        }
        const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        return CacheStatus{Bytes{pages.cached * page}, Bytes{pages.dirty * page},
                           Bytes{pages.writeback * page}};
    }

    Result<void> preallocate(FileHandle h, std::uint64_t size) noexcept {
        if (size > static_cast<std::uint64_t>(INT64_MAX))
            return Error::system(EFBIG, Operation::preallocate);
        const bool done = ::fallocate(h, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) == 0;
        return optional(done ? 0 : errno, Operation::preallocate);
    }

    Result<std::size_t> write_uncached(FileHandle h, ByteView from, std::uint64_t offset) noexcept {
        if (!detail::kernel_has_uncached_writes()) return Error{Errc::not_supported, Operation::write};
        const iovec vector{const_cast<std::byte*>(from.data()), from.size()};
        const auto wrote = ::pwritev2(h, &vector, 1, static_cast<off_t>(offset), detail::rwf_dontcache);
        if (wrote < 0) return optional(errno, Operation::write).error();
        return static_cast<std::size_t>(wrote);
    }

    /// By /proc, so that it works for a removed file as well.
    Result<FileHandle> reopen(FileHandle h) noexcept {
        char path[32] = "/proc/self/fd/";
        *std::to_chars(path + 14, path + sizeof path - 1, h).ptr = '\0';
        auto fd = ::open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0 && errno == EISDIR) fd = ::open(path, directory_flags);
        if (fd < 0) return failed(Operation::open);
        return fd;
    }

    /// @errors `EISDIR`, `ESPIPE` for all else that is no regular file, `EBADF` if it can't be written
    Result<Bytes> adopt(FileHandle h) noexcept {
        auto now = status(h);
        if (!now) return now.error();
        if (now->is_directory) return Error::system(EISDIR, Operation::open);
        if (!now->is_regular) return Error::system(ESPIPE, Operation::open);
        const int flags = ::fcntl(h, F_GETFL);
        if (flags < 0) return failed(Operation::open);
        if ((flags & O_ACCMODE) == O_RDONLY) return Error::system(EBADF, Operation::open);
        // With O_APPEND, pwrite(2) ignores its offset.
        if ((flags & O_APPEND) != 0 && ::fcntl(h, F_SETFL, flags & ~O_APPEND) != 0)
            return failed(Operation::open);
        return now->size;
    }

    Result<std::uint32_t> type(FileHandle h) noexcept {
        struct statfs s {};
        if (::fstatfs(h, &s) != 0) return failed(Operation::stat);
        return static_cast<std::uint32_t>(s.f_type);
    }

private:
    static Result<void> sync_range(FileHandle h, std::uint64_t offset, std::uint64_t size,
                                   unsigned flags) noexcept {
        const bool done = ::sync_file_range(h, static_cast<off_t>(offset), static_cast<off_t>(size),
                                            flags) == 0;
        return optional(done ? 0 : errno, Operation::write_back);
    }
    static Result<void> advise(FileHandle h, std::uint64_t offset, std::uint64_t size, int advice,
                               Operation operation) noexcept {
        return optional(::posix_fadvise(h, static_cast<off_t>(offset), static_cast<off_t>(size), advice),
                        operation);
    }
    /// The answer of a call that not every kernel and file system has.
    static Result<void> optional(int error, Operation operation) noexcept {
        if (error == 0) return {};
        if (error == ENOSYS || error == EOPNOTSUPP) return Error{Errc::not_supported, operation};
        return Error::system(error, operation);
    }

    static constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

    static Error failed(Operation operation) noexcept { return Error::system(errno, operation); }
    static Result<void> done(int answer, Operation operation) noexcept {
        if (answer != 0) return failed(operation);
        return {};
    }
    static Result<std::size_t> counted(ssize_t answer, Operation operation) noexcept {
        if (answer < 0) return failed(operation);
        return static_cast<std::size_t>(answer);
    }
    static bool sync_parent(int dir) noexcept {
        const auto parent = ::openat(dir, "..", directory_flags);
        if (parent < 0) return false;
        const bool synced = ::fsync(parent) == 0;
        const auto error = errno;
        ::close(parent);
        errno = error;
        return synced;
    }
};

static_assert(FileSystem<PosixFs>);

using PosixFile = File<PosixFs>;
using PosixDirectory = FsDirectory<PosixFs>;

}  // namespace bobbin

#endif
