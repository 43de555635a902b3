// A disk that notes what is written to it, and when it is told to make that durable: a file system with one file, mounted
// through FUSE, for a loop device to lie on.
//
//   block_log_disk IMAGE LOG TOLD MOUNT_POINT
//
// The file MOUNT_POINT/disk begins as IMAGE, which stays as it is. What is done to it is appended to LOG before it is answered:
// three numbers of 64 bits (what it is, offset, size), then the bytes. 0 is a write and 1 a flush. 2 is what has changed in
// the file TOLD, where the program that records keeps what it was told; it comes before the write or flush that found it so.
// A write that is in the log and was not answered when a flush came counts as flushed. File systems wait for the answer where
// they need it.
#define FUSE_USE_VERSION 312
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>
#include <vector>

namespace {

enum class Kind : std::uint64_t { write, flush, told };

int log_file = -1, told_file = -1;
std::mutex mutex;
char* disk = nullptr;
std::size_t disk_size = 0;

void note(Kind kind, std::uint64_t offset, const char* bytes, std::size_t size) {
    std::uint64_t head[]{static_cast<std::uint64_t>(kind), offset, size};
    const iovec parts[]{{head, sizeof head}, {const_cast<char*>(bytes), size}};
    // A log with a hole would prove anything.
    if (::writev(log_file, parts, 2) != static_cast<ssize_t>(sizeof head + size))
        std::perror("log"), std::_Exit(1);
}

// The program writes into memory in the order of its promises: what is permitted, then the bytes, then how many count. Read
// from the front, no part is seen before what it needs.
void note_told() {
    constexpr std::size_t block = 4096;
    static std::vector<char> known, now;
    struct stat status;
    if (::fstat(told_file, &status) != 0) std::perror("told"), std::_Exit(1);
    now.resize(static_cast<std::size_t>(status.st_size));
    const auto n = ::pread(told_file, now.data(), now.size(), 0);
    now.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    known.resize(now.size());
    for (std::size_t at = 0; at < now.size(); at += block) {
        const auto size = std::min(block, now.size() - at);
        if (std::memcmp(&now[at], &known[at], size) != 0) note(Kind::told, at, &now[at], size);
    }
    known.swap(now);
}

bool is_disk(const char* path) { return std::string_view{path} == "/disk"; }

int get_status(const char* path, struct stat* to, fuse_file_info*) {
    *to = {};
    to->st_nlink = 1;
    to->st_mode = is_disk(path) ? S_IFREG | 0600 : S_IFDIR | 0700;
    to->st_size = is_disk(path) ? static_cast<off_t>(disk_size) : 0;
    return is_disk(path) || std::string_view{path} == "/" ? 0 : -ENOENT;
}
int open(const char* path, fuse_file_info*) { return is_disk(path) ? 0 : -ENOENT; }
int read(const char*, char* to, std::size_t size, off_t offset, fuse_file_info*) {
    const std::lock_guard lock{mutex};
    const auto at = std::min(static_cast<std::size_t>(offset), disk_size);
    const auto n = std::min(size, disk_size - at);
    std::memcpy(to, disk + at, n);
    return static_cast<int>(n);
}
int write(const char*, const char* from, std::size_t size, off_t offset, fuse_file_info*) {
    const auto at = static_cast<std::size_t>(offset);
    if (at > disk_size || size > disk_size - at) return -ENOSPC;
    const std::lock_guard lock{mutex};
    note_told();
    note(Kind::write, at, from, size);
    std::memcpy(disk + at, from, size);
    return static_cast<int>(size);
}
int sync(const char*, int, fuse_file_info*) {
    const std::lock_guard lock{mutex};
    note_told();
    note(Kind::flush, 0, nullptr, 0);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5)
        return std::fputs("usage: block_log_disk IMAGE LOG TOLD MOUNT_POINT\n", stderr), 2;
    const int image = ::open(argv[1], O_RDONLY);
    struct stat status {};
    if (image < 0 || ::fstat(image, &status) != 0) return std::perror(argv[1]), 1;
    disk_size = static_cast<std::size_t>(status.st_size);
    void* memory =
        ::mmap(nullptr, disk_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, image, 0);
    if (memory == MAP_FAILED) return std::perror(argv[1]), 1;
    disk = static_cast<char*>(memory);
    log_file = ::open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (log_file < 0) return std::perror(argv[2]), 1;
    told_file = ::open(argv[3], O_RDONLY | O_CREAT, 0600);
    if (told_file < 0) return std::perror(argv[3]), 1;

    fuse_operations operations{};
    operations.getattr = get_status;
    operations.open = open;
    operations.read = read;
    operations.write = write;
    operations.fsync = sync;
    char name[] = "block_log_disk", foreground[] = "-f";
    char* arguments[] = {name, foreground, argv[4], nullptr};
    return fuse_main(3, arguments, &operations, nullptr);
}
