#ifndef BOBBIN_FS_CONCEPT_HPP
#define BOBBIN_FS_CONCEPT_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <vector>

namespace bobbin {

/// An open file or directory, as a file descriptor is.
using FileHandle = int;
inline constexpr FileHandle no_file = -1;

enum class OpenMode : std::uint8_t {
    read,              ///< an existing file, to read
    write,             ///< an existing file, to read and write
    create,            ///< a new file, to read and write; fails where the name exists
    create_or_write,   ///< to read and write, made if missing
};

enum class RootMode : std::uint8_t { existing, create_if_missing };

struct FileStatus {
    Bytes size;
    bool is_regular = false;
    bool is_directory = false;
    std::uint64_t links = 1;  ///< names that it has; 0: removed while open
};

struct SpaceStatus {
    Bytes total;
    Bytes available;  ///< to a program without privileges
    Bytes block;      ///< what a file's size is rounded up to
};

/// How much of a file lies in memory.
struct CacheStatus {
    Bytes cached;     ///< the other two included
    Bytes dirty;      ///< not yet on their way to the disk
    Bytes writeback;  ///< on their way
};

/// What the library needs of a file system: one call of the operating system each, below a
/// directory handle, names without a slash. It exists so that a simulated file system, and
/// decorators that fail, trace or slow down calls, can stand in for the real one: one seam for
/// all faults.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `fs.open_root(path, mode)` | `Result<FileHandle>` | the directory at a path; made durably, 0700, if asked for |
/// | `fs.open_at(dir, name, mode)` | `Result<FileHandle>` | beneath `dir`, no symlinks followed; new files are 0600 |
/// | `fs.close(h)` | `Result<void>` | `h` is closed whatever the answer |
/// | `fs.read_at(h, to, offset)` | `Result<std::size_t>` | 0 at the end of the file; may be short |
/// | `fs.write_at(h, from, offset)` | `Result<std::size_t>` | may be short, never 0 |
/// | `fs.truncate(h, size)` | `Result<void>` | cut off or extend with zeros |
/// | `fs.sync(h)` | `Result<void>` | data and size of a file are durable |
/// | `fs.sync_directory(h)` | `Result<void>` | the names in a directory are durable |
/// | `fs.remove(dir, name)` | `Result<void>` | the name is gone |
/// | `fs.rename(dir, from, to)` | `Result<void>` | atomic; replaces `to` |
/// | `fs.list(dir)` | `Result<std::vector<std::string>>` | all names but `.` and `..` |
/// | `fs.status(h)` | `Result<FileStatus>` | |
/// | `fs.space(h)` | `Result<SpaceStatus>` | of the file system that holds `h` |
/// | `fs.lock(h)` | `Result<void>` | exclusive until `h` is closed; does not wait |
///
/// Optional operations, for the file wrappers of `bobbin/file/`. A `size` of 0 reaches to the end of
/// the file. Where a system has a call but not for this file, it answers `Errc::not_supported`,
/// which has the same consequences as a missing one:
///
/// | expression | result | meaning | without |
/// |---|---|---|---|
/// | `fs.start_writeback(h, offset, size)` | `Result<void>` | dirty pages of the range go on their way to the disk; may wait for its queue | each window ends with a sync |
/// | `fs.wait_writeback(h, offset, size)` | `Result<void>` | those on their way have arrived, and may be those written again meanwhile; a write error is told once for each open file description | as above |
/// | `fs.drop_cache(h, offset, size)` | `Result<void>` | clean pages that lie in the range leave the cache | the kernel reclaims them |
/// | `fs.read_ahead(h, offset, size)` | `Result<void>` | pages of the range are on their way into the cache; what lies past the end of the file is ignored | the kernel reads ahead by itself |
/// | `fs.cache_status(h, offset, size)` | `Result<CacheStatus>` | counted by the kernel | not known |
/// | `fs.preallocate(h, size)` | `Result<void>` | blocks up to `size` are there, the file's size stays; `truncate` to the file's size gives them back | blocks come with the bytes |
/// | `fs.write_uncached(h, from, offset)` | `Result<std::size_t>` | `write_at` whose pages leave the cache as soon as they are on disk | `write_at` |
/// | `fs.reopen(h)` | `Result<FileHandle>` | another open file description of the same file or directory | no guard, no worker, no deadline |
/// | `fs.adopt(h)` | `Result<Bytes>` | the size of a regular file opened to write; writes go where they are told | opened through `fs` only |
/// | `fs.type(h)` | `Result<std::uint32_t>` | `f_type` of fstatfs(2), as 32 bits without sign | a local file system |
///
/// Errors are of `Domain::system`. Calls may be interrupted or short: `File` and `FsDirectory` loop.
/// Copies refer to the same file system. Internally synchronised as the operating system is.
/// Models: `PosixFs`, `testing::SimFs`, and the decorators of `bobbin/testing/`.
template <class Fs>
concept FileSystem =
    std::copy_constructible<Fs> && requires(Fs& fs, FileHandle h, const char* name, OpenMode mode,
                                           RootMode root, MutableByteView to, ByteView from,
                                           std::uint64_t offset) {
        { fs.open_root(name, root) } noexcept -> std::same_as<Result<FileHandle>>;
        { fs.open_at(h, name, mode) } noexcept -> std::same_as<Result<FileHandle>>;
        { fs.close(h) } noexcept -> std::same_as<Result<void>>;
        { fs.read_at(h, to, offset) } noexcept -> std::same_as<Result<std::size_t>>;
        { fs.write_at(h, from, offset) } noexcept -> std::same_as<Result<std::size_t>>;
        { fs.truncate(h, offset) } noexcept -> std::same_as<Result<void>>;
        { fs.sync(h) } noexcept -> std::same_as<Result<void>>;
        { fs.sync_directory(h) } noexcept -> std::same_as<Result<void>>;
        { fs.remove(h, name) } noexcept -> std::same_as<Result<void>>;
        { fs.rename(h, name, name) } noexcept -> std::same_as<Result<void>>;
        { fs.list(h) } -> std::same_as<Result<std::vector<std::string>>>;
        { fs.status(h) } noexcept -> std::same_as<Result<FileStatus>>;
        { fs.space(h) } noexcept -> std::same_as<Result<SpaceStatus>>;
        { fs.lock(h) } noexcept -> std::same_as<Result<void>>;
    };

/// The optional operations.
template <class Fs>
concept WritesBack = requires(Fs& fs, FileHandle h, std::uint64_t n) {
    { fs.start_writeback(h, n, n) } noexcept -> std::same_as<Result<void>>;
    { fs.wait_writeback(h, n, n) } noexcept -> std::same_as<Result<void>>;
};
template <class Fs>
concept DropsCache = requires(Fs& fs, FileHandle h, std::uint64_t n) {
    { fs.drop_cache(h, n, n) } noexcept -> std::same_as<Result<void>>;
};
template <class Fs>
concept ReadsAhead = requires(Fs& fs, FileHandle h, std::uint64_t n) {
    { fs.read_ahead(h, n, n) } noexcept -> std::same_as<Result<void>>;
};
template <class Fs>
concept CountsCache = requires(Fs& fs, FileHandle h, std::uint64_t n) {
    { fs.cache_status(h, n, n) } noexcept -> std::same_as<Result<CacheStatus>>;
};
template <class Fs>
concept Preallocates = requires(Fs& fs, FileHandle h, std::uint64_t n) {
    { fs.preallocate(h, n) } noexcept -> std::same_as<Result<void>>;
};
template <class Fs>
concept WritesUncached = requires(Fs& fs, FileHandle h, ByteView from, std::uint64_t n) {
    { fs.write_uncached(h, from, n) } noexcept -> std::same_as<Result<std::size_t>>;
};
template <class Fs>
concept Reopens = requires(Fs& fs, FileHandle h) {
    { fs.reopen(h) } noexcept -> std::same_as<Result<FileHandle>>;
};
template <class Fs>
concept Adopts = requires(Fs& fs, FileHandle h) {
    { fs.adopt(h) } noexcept -> std::same_as<Result<Bytes>>;
};
template <class Fs>
concept KnowsType = requires(Fs& fs, FileHandle h) {
    { fs.type(h) } noexcept -> std::same_as<Result<std::uint32_t>>;
};

}  // namespace bobbin

#endif
