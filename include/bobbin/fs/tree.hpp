#ifndef BOBBIN_FS_TREE_HPP
#define BOBBIN_FS_TREE_HPP

#include <bobbin/fs/concept.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bobbin {

/// A time of a file, since 1970 UTC.
struct FileTime {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;  ///< less than 10^9, forward
    friend bool operator==(const FileTime&, const FileTime&) = default;
};

/// An extended attribute.
struct Attribute {
    std::string name;
    std::string value;
    friend bool operator==(const Attribute&, const Attribute&) = default;
};

enum class NodeKind : std::uint8_t {
    unknown,  ///< only where a directory was read
    file,
    directory,
    symlink,
    special,  ///< device, socket, fifo
};

/// What the file system knows of what has a name.
struct NodeStatus {
    NodeKind kind = NodeKind::unknown;
    std::uint32_t mode = 0;  ///< permissions, and set-user-id, set-group-id, sticky: 07777
    std::uint32_t user = 0;
    std::uint32_t group = 0;
    std::uint64_t size = 0;    ///< bytes
    std::uint64_t blocks = 0;  ///< of 512 bytes, that are allocated
    std::uint64_t links = 1;   ///< names that it has
    std::uint64_t inode = 0;
    std::uint64_t device = 0;
    FileTime modified;
    FileTime changed;  ///< itself or its status
    friend bool operator==(const NodeStatus&, const NodeStatus&) = default;
};

/// A name in a directory.
struct DirectoryName {
    std::string name;
    std::uint64_t inode = 0;
    NodeKind kind = NodeKind::unknown;  ///< a hint, as it was then
    friend bool operator==(const DirectoryName&, const DirectoryName&) = default;
};

enum class MoveMode : std::uint8_t {
    replace,     ///< a file replaces a file, a directory an empty one
    no_replace,  ///< fails where the name exists
    exchange,    ///< both names exist, of whatever kinds, and change places
};

/// What saving and restoring trees need beyond `FileSystem`: one call of the operating system each,
/// below a directory handle, names without a slash. No symlink is followed, not even the last name;
/// an open of what is no regular file does not wait for anybody.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `fs.open_directory_at(dir, name)` | `Result<FileHandle>` | to read, and as the `dir` of other calls |
/// | `fs.create_at(dir, name, mode)` | `Result<FileHandle>` | a new file, to write; the umask takes bits of `mode` away, which says nothing of this handle |
/// | `fs.read_directory(dir)` | `Result<std::vector<DirectoryName>>` | all names but `.` and `..`, in no order |
/// | `fs.node(h)`, `fs.node_at(dir, name)` | `Result<NodeStatus>` | |
/// | `fs.read_link_at(dir, name)` | `Result<std::string>` | the target of a symlink |
/// | `fs.make_directory_at(dir, name, mode)` | `Result<void>` | the umask takes bits away |
/// | `fs.make_symlink_at(target, dir, name)` | `Result<void>` | |
/// | `fs.link_at(from_dir, from, dir, name)` | `Result<void>` | another name of a file or symlink |
/// | `fs.remove_directory_at(dir, name)` | `Result<void>` | an empty one |
/// | `fs.move_at(from_dir, from, dir, name, mode)` | `Result<void>` | atomic; `not_supported` where the file system has not that mode |
/// | `fs.set_mode(h, mode)` | `Result<void>` | 07777; symlinks have none |
/// | `fs.set_owner(h, user, group)`, `fs.set_owner_at(dir, name, user, group)` | `Result<void>` | takes set-user-id, set-group-id and capabilities from a file |
/// | `fs.set_modified(h, time)`, `fs.set_modified_at(dir, name, time)` | `Result<void>` | the time of the last access stays |
/// | `fs.attributes(h)`, `fs.attributes_at(dir, name)` | `Result<std::vector<Attribute>>` | by name, ascending; `not_supported` where there can be none, or not for this kind |
/// | `fs.set_attribute(h, attribute)`, `fs.set_attribute_at(dir, name, attribute)` | `Result<void>` | made or replaced |
/// | `fs.remove_attribute(h, which)`, `fs.remove_attribute_at(dir, name, which)` | `Result<void>` | |
/// | `fs.next_data(h, offset)` | `Result<std::optional<std::uint64_t>>` | where the first bytes at or behind `offset` begin that are no hole; none: only a hole is left |
/// | `fs.next_hole(h, offset)` | `Result<std::optional<std::uint64_t>>` | likewise of a hole, and the end of the file is one; none: `offset` is not before the end |
/// | `fs.sync_file_system(h)` | `Result<void>` | all of the file system that holds `h` is durable |
///
/// `fs.open_at(dir, name, OpenMode::read)` leaves the time of the last access where it may.
/// Those that give strings or vectors allocate them. Errors are of `Domain::system`,
/// `not_supported`, or `out_of_memory`. `read_directory`, `next_data` and `next_hole` of one handle
/// are external sync; all else is as `FileSystem` says.
/// Models: `PosixTreeFs`, `testing::SimTree`.
template <class Fs>
concept TreeFileSystem =
    FileSystem<Fs> &&
    requires(Fs& fs, FileHandle h, const char* name, std::uint32_t number, std::uint64_t offset,
             MoveMode move, const FileTime& time, const Attribute& attribute) {
        { fs.open_directory_at(h, name) } noexcept -> std::same_as<Result<FileHandle>>;
        { fs.create_at(h, name, number) } noexcept -> std::same_as<Result<FileHandle>>;
        { fs.read_directory(h) } noexcept -> std::same_as<Result<std::vector<DirectoryName>>>;
        { fs.node(h) } noexcept -> std::same_as<Result<NodeStatus>>;
        { fs.node_at(h, name) } noexcept -> std::same_as<Result<NodeStatus>>;
        { fs.read_link_at(h, name) } noexcept -> std::same_as<Result<std::string>>;
        { fs.make_directory_at(h, name, number) } noexcept -> std::same_as<Result<void>>;
        { fs.make_symlink_at(name, h, name) } noexcept -> std::same_as<Result<void>>;
        { fs.link_at(h, name, h, name) } noexcept -> std::same_as<Result<void>>;
        { fs.remove_directory_at(h, name) } noexcept -> std::same_as<Result<void>>;
        { fs.move_at(h, name, h, name, move) } noexcept -> std::same_as<Result<void>>;
        { fs.set_mode(h, number) } noexcept -> std::same_as<Result<void>>;
        { fs.set_owner(h, number, number) } noexcept -> std::same_as<Result<void>>;
        { fs.set_owner_at(h, name, number, number) } noexcept -> std::same_as<Result<void>>;
        { fs.set_modified(h, time) } noexcept -> std::same_as<Result<void>>;
        { fs.set_modified_at(h, name, time) } noexcept -> std::same_as<Result<void>>;
        { fs.attributes(h) } noexcept -> std::same_as<Result<std::vector<Attribute>>>;
        { fs.attributes_at(h, name) } noexcept -> std::same_as<Result<std::vector<Attribute>>>;
        { fs.set_attribute(h, attribute) } noexcept -> std::same_as<Result<void>>;
        { fs.set_attribute_at(h, name, attribute) } noexcept -> std::same_as<Result<void>>;
        { fs.remove_attribute(h, name) } noexcept -> std::same_as<Result<void>>;
        { fs.remove_attribute_at(h, name, name) } noexcept -> std::same_as<Result<void>>;
        { fs.next_data(h, offset) } noexcept -> std::same_as<Result<std::optional<std::uint64_t>>>;
        { fs.next_hole(h, offset) } noexcept -> std::same_as<Result<std::optional<std::uint64_t>>>;
        { fs.sync_file_system(h) } noexcept -> std::same_as<Result<void>>;
    };

}  // namespace bobbin

#endif
