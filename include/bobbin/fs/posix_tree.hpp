#ifndef BOBBIN_FS_POSIX_TREE_HPP
#define BOBBIN_FS_POSIX_TREE_HPP

#include <bobbin/fs/posix.hpp>
#include <bobbin/fs/tree.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin {

/// The operating system's file system, with trees. Empty; internally synchronised.
class PosixTreeFs : public PosixFs {
public:
    Result<FileHandle> open_at(FileHandle dir, const char* name, OpenMode mode) noexcept {
        if (mode != OpenMode::read) return PosixFs::open_at(dir, name, mode);
        return open_to_read(dir, name, O_NONBLOCK | O_NOCTTY);
    }
    Result<FileHandle> open_directory_at(FileHandle dir, const char* name) noexcept {
        return open_to_read(dir, name, O_DIRECTORY);
    }
    Result<FileHandle> create_at(FileHandle dir, const char* name, std::uint32_t mode) noexcept {
        const auto fd =
            ::openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd < 0) return failed(Operation::create);
        return fd;
    }

    Result<std::vector<DirectoryName>> read_directory(FileHandle dir) noexcept {
        return detail::without_throwing(
            Operation::list, [&]() -> Result<std::vector<DirectoryName>> {
                if (::lseek(dir, 0, SEEK_SET) < 0) return failed(Operation::list);
                std::vector<DirectoryName> names;
                alignas(::dirent64) std::byte buffer[32 * 1024];
                for (;;) {
                    const auto got = ::syscall(SYS_getdents64, dir, buffer, sizeof buffer);
                    if (got < 0) return failed(Operation::list);
                    if (got == 0) return names;
                    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
                        const auto* const entry = reinterpret_cast<const ::dirent64*>(buffer + at);
                        at += entry->d_reclen;
                        const std::string_view name{entry->d_name};
                        if (name != "." && name != "..")
                            names.push_back({std::string{name}, entry->d_ino,
                                             kind_of(static_cast<mode_t>(DTTOIF(entry->d_type)))});
                    }
                }
            });
    }

    Result<NodeStatus> node(FileHandle h) noexcept {
        struct stat s {};
        if (::fstat(h, &s) != 0) return failed(Operation::stat);
        return told(s);
    }
    Result<NodeStatus> node_at(FileHandle dir, const char* name) noexcept {
        struct stat s {};
        if (::fstatat(dir, name, &s, AT_SYMLINK_NOFOLLOW) != 0) return failed(Operation::stat);
        return told(s);
    }
    Result<std::string> read_link_at(FileHandle dir, const char* name) noexcept {
        return detail::without_throwing(Operation::read, [&]() -> Result<std::string> {
            char target[4096];  // the longest has a byte less
            const auto size = ::readlinkat(dir, name, target, sizeof target);
            if (size < 0) return failed(Operation::read);
            return std::string(target, static_cast<std::size_t>(size));
        });
    }

    Result<void> make_directory_at(FileHandle dir, const char* name, std::uint32_t mode) noexcept {
        return done(::mkdirat(dir, name, mode), Operation::create);
    }
    Result<void> make_symlink_at(const char* target, FileHandle dir, const char* name) noexcept {
        return done(::symlinkat(target, dir, name), Operation::create);
    }
    Result<void> link_at(FileHandle from_dir, const char* from, FileHandle dir,
                         const char* name) noexcept {
        return done(::linkat(from_dir, from, dir, name, 0), Operation::create);
    }
    Result<void> remove_directory_at(FileHandle dir, const char* name) noexcept {
        return done(::unlinkat(dir, name, AT_REMOVEDIR), Operation::remove);
    }
    Result<void> move_at(FileHandle from_dir, const char* from, FileHandle dir, const char* name,
                         MoveMode mode) noexcept {
        if (mode == MoveMode::replace)
            return done(::renameat(from_dir, from, dir, name), Operation::rename);
        const unsigned flags = mode == MoveMode::exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE;
        if (::syscall(SYS_renameat2, from_dir, from, dir, name, flags) == 0) return {};
        // EINVAL is a flag that is not known, and a directory into itself.
        if (errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP)
            return Error{Errc::not_supported, Operation::rename};
        return failed(Operation::rename);
    }

    Result<void> set_mode(FileHandle h, std::uint32_t mode) noexcept {
        return done(::fchmod(h, mode), Operation::write);
    }
    Result<void> set_owner(FileHandle h, std::uint32_t user, std::uint32_t group) noexcept {
        return done(::fchown(h, user, group), Operation::write);
    }
    Result<void> set_owner_at(FileHandle dir, const char* name, std::uint32_t user,
                              std::uint32_t group) noexcept {
        return done(::fchownat(dir, name, user, group, AT_SYMLINK_NOFOLLOW), Operation::write);
    }
    Result<void> set_modified(FileHandle h, const FileTime& time) noexcept {
        const auto times = as_times(time);
        return done(::futimens(h, times.data()), Operation::write);
    }
    Result<void> set_modified_at(FileHandle dir, const char* name, const FileTime& time) noexcept {
        const auto times = as_times(time);
        return done(::utimensat(dir, name, times.data(), AT_SYMLINK_NOFOLLOW), Operation::write);
    }

    Result<std::vector<Attribute>> attributes(FileHandle h) noexcept {
        return detail::without_throwing(Operation::read, [&] {
            return read_attributes(
                [&](char* to, std::size_t size) { return ::flistxattr(h, to, size); },
                [&](const char* which, char* to, std::size_t size) {
                    return ::fgetxattr(h, which, to, size);
                });
        });
    }
    Result<void> set_attribute(FileHandle h, const Attribute& attribute) noexcept {
        return supported(::fsetxattr(h, attribute.name.c_str(), attribute.value.data(),
                                     attribute.value.size(), 0),
                         Operation::write);
    }
    Result<void> remove_attribute(FileHandle h, const char* which) noexcept {
        return supported(::fremovexattr(h, which), Operation::write);
    }

    // No call takes a directory and a name here, but a path may begin with a handle.

    Result<std::vector<Attribute>> attributes_at(FileHandle dir, const char* name) noexcept {
        return detail::without_throwing(Operation::read, [&]() -> Result<std::vector<Attribute>> {
            const auto path = path_of(dir, name);
            auto got = read_attributes(
                [&](char* to, std::size_t size) { return ::llistxattr(path.c_str(), to, size); },
                [&](const char* which, char* to, std::size_t size) {
                    return ::lgetxattr(path.c_str(), which, to, size);
                });
            if (!got) return unless_hidden(got.error(), dir, name);
            return got;
        });
    }
    Result<void> set_attribute_at(FileHandle dir, const char* name,
                                  const Attribute& attribute) noexcept {
        return detail::without_throwing(Operation::write, [&]() -> Result<void> {
            auto set = supported(::lsetxattr(path_of(dir, name).c_str(), attribute.name.c_str(),
                                             attribute.value.data(), attribute.value.size(), 0),
                                 Operation::write);
            if (!set) return unless_hidden(set.error(), dir, name);
            return set;
        });
    }
    Result<void> remove_attribute_at(FileHandle dir, const char* name, const char* which) noexcept {
        return detail::without_throwing(Operation::write, [&]() -> Result<void> {
            auto removed =
                supported(::lremovexattr(path_of(dir, name).c_str(), which), Operation::write);
            if (!removed) return unless_hidden(removed.error(), dir, name);
            return removed;
        });
    }

    Result<std::optional<std::uint64_t>> next_data(FileHandle h, std::uint64_t offset) noexcept {
        return seek(h, offset, SEEK_DATA);
    }
    Result<std::optional<std::uint64_t>> next_hole(FileHandle h, std::uint64_t offset) noexcept {
        return seek(h, offset, SEEK_HOLE);
    }

    Result<void> sync_file_system(FileHandle h) noexcept {
        return done(::syncfs(h), Operation::sync);
    }

private:
    /// Only the owner may leave the time of the last access as it is.
    static Result<FileHandle> open_to_read(FileHandle dir, const char* name, int also) noexcept {
        const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | also;
        auto fd = ::openat(dir, name, flags | O_NOATIME);
        if (fd < 0 && errno == EPERM) fd = ::openat(dir, name, flags);
        if (fd < 0) return failed(Operation::open);
        return fd;
    }

    static NodeKind kind_of(mode_t mode) noexcept {
        switch (mode & S_IFMT) {
            case 0: return NodeKind::unknown;
            case S_IFREG: return NodeKind::file;
            case S_IFDIR: return NodeKind::directory;
            case S_IFLNK: return NodeKind::symlink;
            default: return NodeKind::special;
        }
    }
    static FileTime as_file_time(const timespec& time) noexcept {
        return {time.tv_sec, static_cast<std::uint32_t>(time.tv_nsec)};
    }
    static std::array<timespec, 2> as_times(const FileTime& time) noexcept {
        return {timespec{0, UTIME_OMIT}, timespec{time.seconds, time.nanoseconds}};
    }
    static NodeStatus told(const struct stat& s) noexcept {
        return {kind_of(s.st_mode),
                s.st_mode & 07777,
                s.st_uid,
                s.st_gid,
                static_cast<std::uint64_t>(s.st_size),
                static_cast<std::uint64_t>(s.st_blocks),
                s.st_nlink,
                s.st_ino,
                s.st_dev,
                as_file_time(s.st_mtim),
                as_file_time(s.st_ctim)};
    }

    /// What a call gives that tells the size it needs, where it is given none.
    template <class Call>
    static Result<std::optional<std::string>> read_whole(Call&& call) {
        std::string value;
        for (;;) {
            const auto size = call(nullptr, 0);
            if (size >= 0) {
                value.resize(static_cast<std::size_t>(size));
                if (size == 0) return std::optional{std::move(value)};
                const auto got = call(value.data(), value.size());
                if (got >= 0) {
                    value.resize(static_cast<std::size_t>(got));
                    return std::optional{std::move(value)};
                }
            }
            if (errno == ENODATA) return std::optional<std::string>{};
            if (errno == ENOSYS || errno == EOPNOTSUPP)
                return Error{Errc::not_supported, Operation::read};
            if (errno != ERANGE) return failed(Operation::read);  // else it has grown meanwhile
        }
    }
    template <class List, class Get>
    static Result<std::vector<Attribute>> read_attributes(List&& list, Get&& get) {
        auto names = read_whole(list);
        if (!names) return names.error();
        std::vector<Attribute> attributes;
        if (!*names) return attributes;
        for (std::size_t at = 0; at < (*names)->size();) {
            std::string name{(*names)->c_str() + at};
            at += name.size() + 1;
            auto value =
                read_whole([&](char* to, std::size_t size) { return get(name.c_str(), to, size); });
            if (!value) return value.error();
            if (*value) attributes.push_back({std::move(name), std::move(**value)});
        }
        std::ranges::sort(attributes, {}, &Attribute::name);
        return attributes;
    }

    static std::string path_of(FileHandle dir, const char* name) {
        return "/proc/self/fd/" + std::to_string(dir) + '/' + name;
    }
    /// A name that is there but not by its path: /proc is not mounted.
    Error unless_hidden(const Error& error, FileHandle dir, const char* name) noexcept {
        const bool is_hidden =
            (error.is_errno(ENOENT) || error.is_errno(ENOTDIR) || error.is_errno(ENAMETOOLONG)) &&
            node_at(dir, name);
        return is_hidden ? Error{Errc::not_supported, error.operation} : error;
    }

    static Result<std::optional<std::uint64_t>> seek(FileHandle h, std::uint64_t offset,
                                                     int what) noexcept {
        const auto at = ::lseek(h, static_cast<off_t>(offset), what);
        if (at >= 0) return std::optional{static_cast<std::uint64_t>(at)};
        if (errno == ENXIO) return std::optional<std::uint64_t>{};
        if (errno == EINVAL) return Error{Errc::not_supported, Operation::read};
        return failed(Operation::read);
    }

    static Error failed(Operation operation) noexcept { return Error::system(errno, operation); }
    static Result<void> done(int answer, Operation operation) noexcept {
        if (answer != 0) return failed(operation);
        return {};
    }
    static Result<void> supported(int answer, Operation operation) noexcept {
        if (answer != 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
            return Error{Errc::not_supported, operation};
        return done(answer, operation);
    }
};

static_assert(TreeFileSystem<PosixTreeFs>);

}  // namespace bobbin

#endif
