#ifndef BOBBIN_FS_DIRECTORY_HPP
#define BOBBIN_FS_DIRECTORY_HPP

#include <bobbin/core/policy.hpp>
#include <bobbin/fs/file.hpp>
#include <bobbin/fs/identity.hpp>

#include <array>
#include <concepts>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin {

/// Where data files live, as the engine sees it.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `D::File` | | the lowest file type, which file wrappers go over |
/// | `d.lock()` | `Result<void>` | exclusive to this object until it is destroyed |
/// | `d.read_identity()` | `Result<std::optional<DirectoryIdentity>>` | empty: there is none |
/// | `d.write_identity(i)` | `Result<void>` | atomic and durable |
/// | `d.create(id)` | `Result<File>` | exclusively, under the final name |
/// | `d.open(id)` | `Result<File>` | to read |
/// | `d.open_to_cut(id)` | `Result<File>` | to cut back and sync (optional: without it an object ends where its row says) |
/// | `d.remove(id)` | `Result<void>` | the name is gone |
/// | `d.exists(id)` | `Result<bool>` | |
/// | `d.sync()` | `Result<void>` | the names are durable |
/// | `d.list()` | `Result<std::vector<std::string>>` | all names, ours and foreign |
/// | `d.space()` | `Result<SpaceStatus>` | |
///
/// A failed `sync` makes no name durable that was not; names made later are not affected.
/// Reading calls may come from any thread, the others from one at a time.
/// Models: `FsDirectory<Fs>` (`PosixDirectory`, `testing::SimDirectory`).
template <class D>
concept Directory =
    PolicyFor<D, directory_tag> && std::movable<D> &&
    requires(D& d, const D& c, ObjectId id, const DirectoryIdentity& identity) {
        typename D::File;
        { d.lock() } noexcept -> std::same_as<Result<void>>;
        { d.read_identity() } noexcept -> std::same_as<Result<std::optional<DirectoryIdentity>>>;
        { d.write_identity(identity) } noexcept -> std::same_as<Result<void>>;
        { d.create(id) } noexcept -> std::same_as<Result<typename D::File>>;
        { c.open(id) } noexcept -> std::same_as<Result<typename D::File>>;
        { d.remove(id) } noexcept -> std::same_as<Result<void>>;
        { c.exists(id) } noexcept -> std::same_as<Result<bool>>;
        { d.sync() } noexcept -> std::same_as<Result<void>>;
        { c.list() } -> std::same_as<Result<std::vector<std::string>>>;
        { c.space() } noexcept -> std::same_as<Result<SpaceStatus>>;
    };

/// A directory of any file system. Owns its handle and its lock.
template <FileSystem Fs>
class FsDirectory {
public:
    using policy_concept = directory_tag;
    using file_system = Fs;
    using File = bobbin::File<Fs>;

    static constexpr const char* identity_name = "bobbin-directory";
    static constexpr const char* identity_draft_name = "bobbin-directory.new";
    static constexpr const char* lock_name = "bobbin-lock";
    /// What the lock's file takes, so that the directory can be opened on a disk that is full.
    static constexpr Bytes reserve{64 * 1024};

    /// @errors of the file system: the path does not exist, is no directory, may not be entered
    /// @allocates the path
    static Result<FsDirectory> open(const std::string& path, RootMode mode = RootMode::existing,
                                    Fs fs = {}) {
        auto handle =
            detail::uninterrupted([&] { return fs.open_root(path.c_str(), mode); });
        if (!handle) return handle.error();
        return FsDirectory{std::move(fs), *handle, path};
    }

    FsDirectory(FsDirectory&& other) noexcept
        : fs_{other.fs_}, handle_{std::exchange(other.handle_, no_file)},
          lock_{std::exchange(other.lock_, no_file)}, path_{std::move(other.path_)} {}
    FsDirectory& operator=(FsDirectory&& other) noexcept {
        std::swap(fs_, other.fs_);
        std::swap(handle_, other.handle_);
        std::swap(lock_, other.lock_);
        std::swap(path_, other.path_);
        return *this;
    }
    ~FsDirectory() {
        if (lock_ != no_file) (void)fs_.close(lock_);
        if (handle_ != no_file) (void)fs_.close(handle_);
    }

    /// @errors `directory_in_use`; of the file system
    Result<void> lock() noexcept {
        auto file = open_at(lock_name, OpenMode::create_or_write);
        if (!file) return file.error();
        if (auto locked = detail::uninterrupted([&] { return fs_.lock(*file); }); !locked) {
            (void)fs_.close(*file);
            return locked;
        }
        lock_ = *file;
        take_reserve();
        return {};
    }

    Result<std::optional<DirectoryIdentity>> read_identity() noexcept {
        auto handle = open_at(identity_name, OpenMode::read);
        if (!handle) {
            if (handle.error().is_errno(ENOENT)) return std::optional<DirectoryIdentity>{};
            return handle.error();
        }
        const File file{fs_, *handle};
        std::array<std::byte, DirectoryIdentity::encoded_size + 1> bytes{};
        auto got = file.read_at(bytes, 0);
        if (!got) return got.error();
        auto identity = DirectoryIdentity::decode(std::span{bytes}.first(*got));
        if (!identity) return identity.error();
        return std::optional{*identity};
    }

    /// On a full disk it gives up the reserve for it.
    Result<void> write_identity(const DirectoryIdentity& identity) noexcept {
        auto wrote = replace_identity(identity);
        if (!wrote && wrote.error().kind() == ErrorKind::no_space && lock_ != no_file &&
            fs_.truncate(lock_, 0))
            wrote = replace_identity(identity);
        return wrote;
    }

    Result<File> create(ObjectId id) noexcept { return file(id, OpenMode::create); }
    Result<File> open(ObjectId id) const noexcept { return file(id, OpenMode::read); }
    Result<File> open_to_cut(ObjectId id) noexcept { return file(id, OpenMode::write); }

    Result<void> remove(ObjectId id) noexcept {
        const ObjectName name{id};
        return detail::uninterrupted([&] { return fs_.remove(handle_, name.c_str()); }).about(id);
    }

    Result<bool> exists(ObjectId id) const noexcept {
        auto opened = open(id);
        if (opened) return true;
        if (opened.error().is_errno(ENOENT)) return false;
        return opened.error();
    }

    Result<void> sync() noexcept { return fs_.sync_directory(handle_); }
    Result<std::vector<std::string>> list() const { return fs_.list(handle_); }
    Result<SpaceStatus> space() const noexcept { return fs_.space(handle_); }
    FileHandle handle() const noexcept { return handle_; }
    const std::string& path() const noexcept { return path_; }
    const Fs& fs() const noexcept { return fs_; }

    /// Of the directory itself, or of who keeps a copy of something beside the objects.
    static bool is_own_name(std::string_view name) noexcept { return name.starts_with("bobbin-"); }

private:
    FsDirectory(Fs fs, FileHandle handle, std::string path) noexcept
        : fs_{std::move(fs)}, handle_{handle}, path_{std::move(path)} {}

    Result<void> replace_identity(const DirectoryIdentity& identity) noexcept {
        const auto bytes = identity.encode();
        auto handle = open_at(identity_draft_name, OpenMode::create_or_write);
        if (!handle) return handle.error();
        File file{fs_, *handle};
        if (auto cut = file.truncate(Bytes{0}); !cut) return cut;
        auto wrote = file.append(bytes);
        if (!wrote) return wrote.error();
        if (*wrote != bytes.size()) return Error::system(ENOSPC, Operation::write);
        if (auto synced = file.sync(); !synced) return synced.error();
        if (auto closed = file.close(); !closed) return closed;
        auto renamed = detail::uninterrupted(
            [&] { return fs_.rename(handle_, identity_draft_name, identity_name); });
        if (!renamed) return renamed;
        return sync();
    }

    /// Where there is no room for it, the next open tries again.
    void take_reserve() noexcept {
        const auto status = fs_.status(lock_);
        if (!status || status->size >= reserve) return;
        static constexpr std::array<std::byte, static_cast<std::size_t>(reserve.value)> zeros{};
        (void)detail::uninterrupted([&] { return fs_.write_at(lock_, zeros, 0); });
    }

    Result<FileHandle> open_at(const char* name, OpenMode mode) const noexcept {
        return detail::uninterrupted([&] { return fs_.open_at(handle_, name, mode); });
    }
    Result<File> file(ObjectId id, OpenMode mode) const noexcept {
        const ObjectName name{id};
        auto handle = open_at(name.c_str(), mode);
        if (!handle) return handle.error().about(id);
        return File{fs_, *handle};
    }

    mutable Fs fs_;
    FileHandle handle_ = no_file;
    FileHandle lock_ = no_file;
    std::string path_;
};

}  // namespace bobbin

#endif
