// A file system in memory, mounted through FUSE with its write-back cache: the nearest there is to a network file system
// that has dirty pages, tells errors late, and hangs.
//
//   fuse_disk CONTROL MOUNT_POINT
//
// The first byte of the file CONTROL says what the back end does: g: it works; e: each write fails; h: writes and syncs hang.
#define FUSE_USE_VERSION 312
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

int control = -1;
std::mutex mutex;
struct Node {
    mode_t mode = 0;
    std::vector<char> bytes;
};
std::map<std::string, Node> nodes{{"/", {S_IFDIR | 0755, {}}}};

// What the back end is told to do.
char order() {
    char told = 'g';
    return ::pread(control, &told, 1, 0) == 1 ? told : 'g';
}
void wait_while_hung() {
    while (order() == 'h') ::usleep(1000);
}

template <class F>
int with(const char* path, F&& f) {
    const std::lock_guard lock{mutex};
    const auto found = nodes.find(path);
    return found == nodes.end() ? -ENOENT : f(found->second);
}

void* init(fuse_conn_info* connection, fuse_config*) {
    connection->want |= connection->capable & FUSE_CAP_WRITEBACK_CACHE;
    return nullptr;
}
int get_status(const char* path, struct stat* to, fuse_file_info*) {
    return with(path, [&](const Node& node) {
        *to = {};
        to->st_mode = node.mode;
        to->st_nlink = 1;
        to->st_size = static_cast<off_t>(node.bytes.size());
        return 0;
    });
}
int make(const char* path, mode_t mode) {
    const std::lock_guard lock{mutex};
    return nodes.try_emplace(path, Node{mode, {}}).second ? 0 : -EEXIST;
}
int create(const char* path, mode_t mode, fuse_file_info*) { return make(path, mode | S_IFREG); }
int make_directory(const char* path, mode_t mode) { return make(path, mode | S_IFDIR); }
int open(const char* path, fuse_file_info*) {
    return with(path, [](Node&) { return 0; });
}
int set_mode(const char* path, mode_t mode, fuse_file_info*) {
    return with(path, [&](Node& node) { return node.mode = (node.mode & S_IFMT) | mode, 0; });
}
int set_times(const char*, const timespec*, fuse_file_info*) { return 0; }
int read(const char* path, char* to, std::size_t size, off_t offset, fuse_file_info*) {
    return with(path, [&](const Node& node) {
        const auto at = std::min(static_cast<std::size_t>(offset), node.bytes.size());
        const auto n = std::min(size, node.bytes.size() - at);
        std::copy_n(node.bytes.data() + at, n, to);
        return static_cast<int>(n);
    });
}
int write(const char* path, const char* from, std::size_t size, off_t offset, fuse_file_info*) {
    wait_while_hung();
    if (order() == 'e') return -EIO;
    return with(path, [&](Node& node) {
        const auto at = static_cast<std::size_t>(offset);
        node.bytes.resize(std::max(node.bytes.size(), at + size));
        std::copy_n(from, size, node.bytes.data() + at);
        return static_cast<int>(size);
    });
}
int truncate(const char* path, off_t size, fuse_file_info*) {
    return with(path,
                [&](Node& node) { return node.bytes.resize(static_cast<std::size_t>(size)), 0; });
}
int sync(const char*, int, fuse_file_info*) { return wait_while_hung(), 0; }
int remove_name(const char* path) {
    const std::lock_guard lock{mutex};
    return nodes.erase(path) != 0 ? 0 : -ENOENT;
}
int rename(const char* from, const char* to, unsigned) {
    const std::lock_guard lock{mutex};
    auto moved = nodes.extract(from);
    if (!moved) return -ENOENT;
    nodes.erase(to);
    moved.key() = to;
    nodes.insert(std::move(moved));
    return 0;
}
int list(const char* path, void* to, fuse_fill_dir_t fill, off_t, fuse_file_info*,
         fuse_readdir_flags) {
    const std::lock_guard lock{mutex};
    std::string below{path};
    if (below.back() != '/') below += '/';
    for (const auto& [name, node] : nodes)
        if (name.size() > below.size() && name.starts_with(below) &&
            name.find('/', below.size()) == name.npos)
            fill(to, name.c_str() + below.size(), nullptr, 0, {});
    return 0;
}
int space(const char*, struct statvfs* to) {
    *to = {};
    to->f_bsize = to->f_frsize = 4096;
    to->f_blocks = to->f_bavail = to->f_bfree = 1 << 20;
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return std::fputs("usage: fuse_disk CONTROL MOUNT_POINT\n", stderr), 2;
    control = ::open(argv[1], O_RDONLY);
    if (control < 0) return std::perror(argv[1]), 1;

    fuse_operations operations{};
    operations.init = init;
    operations.getattr = get_status;
    operations.create = create;
    operations.mkdir = make_directory;
    operations.open = open;
    operations.chmod = set_mode;
    operations.utimens = set_times;
    operations.read = read;
    operations.write = write;
    operations.truncate = truncate;
    operations.fsync = sync;
    operations.fsyncdir = sync;
    operations.unlink = remove_name;
    operations.rmdir = remove_name;
    operations.rename = rename;
    operations.readdir = list;
    operations.statfs = space;
    // Enough threads that a hung call leaves some for the others.
    char name[] = "fuse_disk", foreground[] = "-f", option[] = "-o", threads[] = "max_threads=64";
    char* arguments[] = {name, foreground, option, threads, argv[2], nullptr};
    return fuse_main(5, arguments, &operations, nullptr);
}
