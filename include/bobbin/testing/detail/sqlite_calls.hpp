#ifndef BOBBIN_TESTING_DETAIL_SQLITE_CALLS_HPP
#define BOBBIN_TESTING_DETAIL_SQLITE_CALLS_HPP

#include <bobbin/testing/detail/system_files.hpp>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/ioctl.h>

#include <array>
#include <cstdarg>

namespace bobbin::testing::detail {

/// The system calls of SQLite's unix VFS, sent to the simulation where the file is one of its own.
struct SqliteCalls {
    static int open(const char* path, int flags, int mode) {
        if (auto* files = files_of(path)) return files->open(path, flags);
        return ::open(path, flags, mode);
    }
    static int close(int fd) {
        if (auto* files = files_of(fd)) return files->close(fd);
        return fd >= first_simulated ? -1 : ::close(fd);
    }
    static int access(const char* path, int mode) {
        auto* files = files_of(path);
        if (!files) return ::access(path, mode);
        struct stat status {};
        return files->stat(path, status);
    }
    static int stat(const char* path, struct stat* to) {
        if (auto* files = files_of(path)) return files->stat(path, *to);
        return ::stat(path, to);
    }
    static int lstat(const char* path, struct stat* to) {
        if (auto* files = files_of(path)) return files->stat(path, *to);
        return ::lstat(path, to);
    }
    static int fstat(int fd, struct stat* to) {
        if (auto* files = files_of(fd)) return files->fstat(fd, *to);
        return ::fstat(fd, to);
    }
    static int ftruncate(int fd, off_t size) {
        if (auto* files = files_of(fd)) return files->truncate(fd, size);
        return ::ftruncate(fd, size);
    }
    static int fcntl(int fd, int command, ...) {
        va_list arguments;
        va_start(arguments, command);
        void* argument = va_arg(arguments, void*);
        va_end(arguments);
        if (!files_of(fd)) return ::fcntl(fd, command, argument);
        // Record locks belong to the process, and the simulation is one process.
        if (command == F_GETLK) static_cast<struct flock*>(argument)->l_type = F_UNLCK;
        return 0;
    }
    static ssize_t read(int fd, void* to, std::size_t size) {
        if (auto* files = files_of(fd)) return files->read(fd, to, size);
        return ::read(fd, to, size);
    }
    static ssize_t pread(int fd, void* to, std::size_t size, off_t offset) {
        if (auto* files = files_of(fd)) return files->read_at(fd, to, size, offset);
        return ::pread(fd, to, size, offset);
    }
    static ssize_t write(int fd, const void* from, std::size_t size) {
        if (auto* files = files_of(fd)) return files->write(fd, from, size);
        return ::write(fd, from, size);
    }
    static ssize_t pwrite(int fd, const void* from, std::size_t size, off_t offset) {
        if (auto* files = files_of(fd)) return files->write_at(fd, from, size, offset);
        return ::pwrite(fd, from, size, offset);
    }
    static int unlink(const char* path) {
        if (auto* files = files_of(path)) return files->unlink(path);
        return ::unlink(path);
    }
    static int fchmod(int fd, mode_t mode) { return files_of(fd) ? 0 : ::fchmod(fd, mode); }
    static int fchown(int fd, uid_t user, gid_t group) {
        return files_of(fd) ? 0 : ::fchown(fd, user, group);
    }
    static int fallocate(int fd, off_t offset, off_t size) {
        return files_of(fd) ? 0 : ::posix_fallocate(fd, offset, size);
    }
    static ssize_t readlink(const char* path, char* to, std::size_t size) {
        if (!files_of(path)) return ::readlink(path, to, size);
        errno = EINVAL;
        return -1;
    }
    static int ioctl(int fd, unsigned long request, ...) {
        va_list arguments;
        va_start(arguments, request);
        void* argument = va_arg(arguments, void*);
        va_end(arguments);
        if (!files_of(fd)) return ::ioctl(fd, request, argument);
        errno = ENOTTY;
        return -1;
    }

    static void install(sqlite3_vfs& vfs) {
        const auto set = [&](const char* name, auto* call) {
            (void)vfs.xSetSystemCall(&vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(call));
        };
        set("open", &open);
        set("close", &close);
        set("access", &access);
        set("stat", &stat);
        set("lstat", &lstat);
        set("fstat", &fstat);
        set("ftruncate", &ftruncate);
        set("fcntl", &fcntl);
        set("read", &read);
        set("pread", &pread);
        set("pread64", &pread);
        set("write", &write);
        set("pwrite", &pwrite);
        set("pwrite64", &pwrite);
        set("unlink", &unlink);
        set("fchmod", &fchmod);
        set("fchown", &fchown);
        set("fallocate", &fallocate);
        set("readlink", &readlink);
        set("ioctl", &ioctl);
    }
};

struct SqliteTimeCalls {
    int (*sleep)(sqlite3_vfs*, int) = nullptr;
    int (*days)(sqlite3_vfs*, double*) = nullptr;
    int (*milliseconds)(sqlite3_vfs*, sqlite3_int64*) = nullptr;
};

/// Time and sleep of SQLite's VFSs: inside a simulation time stands still but for sleeping.
class SqliteTime {
public:
    static void install(sqlite3_vfs& vfs) {
        real_ = {vfs.xSleep, vfs.xCurrentTime, vfs.xCurrentTimeInt64};
        for (const auto* name : {"unix", "unix-excl", "unix-none", "unix-dotfile"}) {
            auto* each = sqlite3_vfs_find(name);
            if (!each) continue;
            each->xSleep = &sleep;
            each->xCurrentTime = &days;
            each->xCurrentTimeInt64 = &milliseconds;
        }
    }

private:
    static constexpr sqlite3_int64 start = 212'800'000'000'000;  // milliseconds of the Julian day

    static int sleep(sqlite3_vfs* vfs, int microseconds) {
        auto* files = current_files();
        if (!files) return real_.sleep(vfs, microseconds);
        files->sleep(microseconds);
        return microseconds;
    }
    static int days(sqlite3_vfs* vfs, double* to) {
        auto* files = current_files();
        if (!files) return real_.days(vfs, to);
        *to = static_cast<double>(start + files->milliseconds()) / 86'400'000.0;
        return SQLITE_OK;
    }
    static int milliseconds(sqlite3_vfs* vfs, sqlite3_int64* to) {
        auto* files = current_files();
        if (!files) return real_.milliseconds(vfs, to);
        *to = start + files->milliseconds();
        return SQLITE_OK;
    }
    inline static SqliteTimeCalls real_;
};

/// Once for the process; answers whether SQLite has a unix VFS to install into.
inline bool install_sqlite_calls() {
    static const bool installed = [] {
        auto* vfs = sqlite3_initialize() == SQLITE_OK ? sqlite3_vfs_find("unix") : nullptr;
        if (!vfs || !vfs->xSetSystemCall) return false;
        SqliteCalls::install(*vfs);
        SqliteTime::install(*vfs);
        return true;
    }();
    return installed;
}

}  // namespace bobbin::testing::detail

#endif
