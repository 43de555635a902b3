#ifndef BOBBIN_TESTING_DETAIL_SYSTEM_FILES_HPP
#define BOBBIN_TESTING_DETAIL_SYSTEM_FILES_HPP

#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace bobbin::testing::detail {

/// The system calls that an unmodified library makes on files, answered by a simulation. As the
/// calls themselves do, they answer -1 and set `errno`.
class SystemFiles {
public:
    virtual ~SystemFiles() = default;

    virtual int open(const char* path, int flags) = 0;
    virtual int close(int fd) = 0;
    virtual int stat(const char* path, struct stat& to) = 0;
    virtual int fstat(int fd, struct stat& to) = 0;
    virtual int truncate(int fd, off_t size) = 0;
    virtual ssize_t read_at(int fd, void* to, std::size_t size, off_t offset) = 0;
    virtual ssize_t write_at(int fd, const void* from, std::size_t size, off_t offset) = 0;
    virtual int sync(int fd) = 0;
    virtual int unlink(const char* path) = 0;

    ssize_t read(int fd, void* to, std::size_t size) {
        return advance(fd, read_at(fd, to, size, position(fd)));
    }
    ssize_t write(int fd, const void* from, std::size_t size) {
        return advance(fd, write_at(fd, from, size, position(fd)));
    }
    off_t seek(int fd, off_t offset, int whence) {
        if (whence == SEEK_CUR) offset += position(fd);
        if (whence == SEEK_END) {
            struct stat status {};
            if (fstat(fd, status) != 0) return -1;
            offset += status.st_size;
        }
        const std::lock_guard lock{mutex_};
        return positions_[fd] = offset;
    }

    std::int64_t milliseconds() const noexcept { return milliseconds_; }
    void sleep(int microseconds) noexcept { milliseconds_ += microseconds / 1000 + 1; }

protected:
    void forget_position(int fd) {
        const std::lock_guard lock{mutex_};
        positions_.erase(fd);
    }

private:
    off_t position(int fd) {
        const std::lock_guard lock{mutex_};
        return positions_[fd];
    }
    ssize_t advance(int fd, ssize_t done) {
        const std::lock_guard lock{mutex_};
        if (done > 0) positions_[fd] += done;
        return done;
    }
    std::mutex mutex_;
    std::unordered_map<int, off_t> positions_;
    std::atomic<std::int64_t> milliseconds_{0};
};

inline thread_local SystemFiles* thread_files = nullptr;
/// For threads that have none of their own.
inline std::atomic<SystemFiles*> process_files = nullptr;

inline SystemFiles* current_files() noexcept {
    return thread_files ? thread_files : process_files.load();
}

inline constexpr int first_simulated = 1 << 20;

inline SystemFiles* files_of(int fd) noexcept {
    return fd >= first_simulated ? current_files() : nullptr;
}

inline SystemFiles* files_of(const char* path) noexcept {
    auto* files = current_files();
    const std::string_view text{path};
    return files && (text == "/sim" || text.starts_with("/sim/")) ? files : nullptr;
}

}  // namespace bobbin::testing::detail

#endif
