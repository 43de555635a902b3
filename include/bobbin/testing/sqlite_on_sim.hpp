#ifndef BOBBIN_TESTING_SQLITE_ON_SIM_HPP
#define BOBBIN_TESTING_SQLITE_ON_SIM_HPP

#include <bobbin/testing/calls.hpp>
#include <bobbin/testing/detail/sqlite_calls.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <fcntl.h>

#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace bobbin::testing {

namespace detail {

/// Answers SQLite's calls from a file system: `SimFs`, or decorators over one, so that their
/// faults hit SQLite as well.
template <FileSystem Fs>
class FilesOf final : public SystemFiles {
public:
    explicit FilesOf(Fs fs) : fs_{std::move(fs)}, ground_{ground_of(fs_)} {}
    FilesOf(const FilesOf&) = delete;
    FilesOf& operator=(const FilesOf&) = delete;
    ~FilesOf() override {
        for (const auto& [path, handle] : parents_) (void)ground_.close(handle);
    }

    int next_seed() { return ground_.next_seed(); }

    int open(const char* path, int flags) override {
        const UncountedAllocations uncounted;
        if (ground_.is_directory(path)) return number(fs_.open_root(path, RootMode::existing));
        const auto mode =
            (flags & O_CREAT) == 0
                ? ((flags & O_ACCMODE) == O_RDONLY ? OpenMode::read : OpenMode::write)
                : ((flags & O_EXCL) != 0 ? OpenMode::create : OpenMode::create_or_write);
        return below(path, [&](FileHandle dir, const char* name) {
            return number(fs_.open_at(dir, name, mode));
        });
    }
    int close(int fd) override {
        const UncountedAllocations uncounted;
        forget_position(fd);
        return done(fs_.close(fd));
    }
    int stat(const char* path, struct stat& to) override {
        const UncountedAllocations uncounted;
        if (ground_.is_directory(path) || std::string_view{path} == "/sim")
            return fill(to, FileStatus{Bytes{4096}, false, true}, no_inode);
        return below(path, [&](FileHandle dir, const char* name) {
            const auto status = fs_.status_at(dir, name);
            return status ? fill(to, *status, ground_.inode_of(std::string_view{path}))
                          : fail(status.error());
        });
    }
    int fstat(int fd, struct stat& to) override {
        const auto status = fs_.status(fd);
        return status ? fill(to, *status, ground_.inode_of(fd)) : fail(status.error());
    }
    int truncate(int fd, off_t size) override {
        return done(fs_.truncate(fd, static_cast<std::uint64_t>(size)));
    }
    ssize_t read_at(int fd, void* to, std::size_t size, off_t offset) override {
        return counted(fs_.read_at(fd, {static_cast<std::byte*>(to), size},
                                   static_cast<std::uint64_t>(offset)));
    }
    ssize_t write_at(int fd, const void* from, std::size_t size, off_t offset) override {
        return counted(fs_.write_at(fd, {static_cast<const std::byte*>(from), size},
                                    static_cast<std::uint64_t>(offset)));
    }
    int sync(int fd) override {
        return done(ground_.inode_of(fd) == no_inode ? fs_.sync_directory(fd) : fs_.sync(fd));
    }
    int unlink(const char* path) override {
        const UncountedAllocations uncounted;
        return below(path,
                     [&](FileHandle dir, const char* name) { return done(fs_.remove(dir, name)); });
    }

private:
    static int fail(const Error& error) noexcept {
        errno = error.domain == Domain::system ? error.code : EAGAIN;
        return -1;
    }
    static int done(const Result<void>& result) noexcept {
        return result ? 0 : fail(result.error());
    }
    static int number(const Result<FileHandle>& result) noexcept {
        return result ? *result : fail(result.error());
    }
    static ssize_t counted(const Result<std::size_t>& result) noexcept {
        return result ? static_cast<ssize_t>(*result) : fail(result.error());
    }

    template <class F>
    int below(const char* path, F&& f) {
        const std::string_view text{path};
        const auto slash = text.rfind('/');
        const auto dir = parent(std::string{text.substr(0, slash)});
        return dir ? f(*dir, path + slash + 1) : fail(dir.error());
    }
    /// The system finds the directory of a path by itself: no call that could fail by a plan.
    Result<FileHandle> parent(const std::string& path) {
        const std::lock_guard lock{mutex_};
        if (const auto at = parents_.find(path); at != parents_.end()) return at->second;
        auto handle = fs_.open_unseen(path.c_str());
        if (handle) parents_.emplace(path, *handle);
        return handle;
    }
    int fill(struct stat& to, const FileStatus& status, Inode inode) const noexcept {
        to = {};
        to.st_dev = ground_.device();
        to.st_ino = inode;
        to.st_mode = status.is_directory ? S_IFDIR | 0700 : S_IFREG | 0600;
        to.st_nlink = 1;
        to.st_size = static_cast<off_t>(status.size.value);
        to.st_blksize = 4096;
        to.st_uid = ::geteuid();
        return 0;
    }

    Fs fs_;
    SimFs ground_;
    std::mutex mutex_;
    std::map<std::string, FileHandle> parents_;
};

}  // namespace detail

/// Which threads a simulation takes over.
enum class SimThreads : std::uint8_t {
    this_one,
    all,  ///< that have no simulation of their own; one at a time in a process
};

/// While it lives, the unmodified SQLite of this process finds the paths `/sim/…` on `fs`, for the
/// VFSs `unix` (rollback journal, or WAL with `locking_mode=exclusive`) and `unix-excl` (WAL).
/// Its random numbers, time and sleep are the simulation's, so a run is deterministic. Close all
/// connections before it ends. The program must link `bobbin::testing_interpose`.
template <FileSystem Fs>
class ScopedSqliteOn {
public:
    /// Throws std::runtime_error where SQLite has no unix VFS.
    explicit ScopedSqliteOn(Fs fs, SimThreads threads = SimThreads::this_one)
        : files_{std::move(fs)}
        , threads_{threads} {
        if (!detail::install_sqlite_calls()) throw std::runtime_error{"SQLite has no unix VFS"};
        seed(files_.next_seed());
        if (threads == SimThreads::all)
            detail::process_files = &files_;
        else
            before_ = std::exchange(detail::thread_files, &files_);
    }
    ScopedSqliteOn(const ScopedSqliteOn&) = delete;
    ScopedSqliteOn& operator=(const ScopedSqliteOn&) = delete;
    ~ScopedSqliteOn() {
        seed(0);
        if (threads_ == SimThreads::all)
            detail::process_files = nullptr;
        else
            detail::thread_files = before_;
    }

private:
    static void seed(int number) {
        (void)sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, number, nullptr);
    }
    detail::FilesOf<Fs> files_;
    SimThreads threads_;
    detail::SystemFiles* before_ = nullptr;
};

}  // namespace bobbin::testing

#endif
