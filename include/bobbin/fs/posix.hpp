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
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>

namespace bobbin {

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
                          S_ISDIR(s.st_mode)};
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

private:
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
