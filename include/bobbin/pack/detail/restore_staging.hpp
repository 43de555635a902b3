#ifndef BOBBIN_PACK_DETAIL_RESTORE_STAGING_HPP
#define BOBBIN_PACK_DETAIL_RESTORE_STAGING_HPP

#include <bobbin/fs/file.hpp>
#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/detail/staging_name.hpp>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bobbin::pack {

namespace detail {

/// What the names begin with to which `empty_directory` moves what is deep.
inline constexpr const char* moved_name = "moved-";

/// Removes all that is in a directory, and follows nothing. What is deep is moved up first, so that
/// no more than two directories are open.
/// @errors of the file system
/// @allocates the names of a directory
template <TreeFileSystem Fs>
Result<void> empty_directory(Fs& fs, FileHandle top) {
    using bobbin::detail::uninterrupted;
    std::uint64_t moved = 0;
    const auto is_full = [](const Error& error) {
        return error.is_errno(ENOTEMPTY) || error.is_errno(EEXIST) || error.is_errno(EACCES);
    };
    const auto remove = [&](FileHandle dir, const char* name, NodeKind kind) -> Result<void> {
        if (kind != NodeKind::directory) {
            auto removed = uninterrupted([&] { return fs.remove(dir, name); });
            if (removed || kind != NodeKind::unknown) return removed;
        }
        return uninterrupted([&] { return fs.remove_directory_at(dir, name); });
    };
    const auto move_up = [&](FileHandle dir, const char* name) -> Result<void> {
        for (;;) {
            const auto free = moved_name + std::to_string(moved++);
            auto done = uninterrupted(
                [&] { return fs.move_at(dir, name, top, free.c_str(), MoveMode::no_replace); });
            if (!done && done.error().is(Errc::not_supported))
                done = uninterrupted(
                    [&] { return fs.move_at(dir, name, top, free.c_str(), MoveMode::replace); });
            if (done || !(done.error().is_errno(EEXIST) || done.error().is_errno(ENOTDIR) ||
                          done.error().is_errno(ENOTEMPTY)))
                return done;
        }
    };
    // Its owner may go in and take names away.
    const auto open = [&](FileHandle dir, const char* name) {
        auto opened = uninterrupted([&] { return fs.open_directory_at(dir, name); });
        if (opened) (void)fs.set_mode(*opened, 0700);
        return opened;
    };
    for (;;) {
        auto names = uninterrupted([&] { return fs.read_directory(top); });
        if (!names) return names.error();
        if (names->empty()) return {};
        for (const auto& name : *names) {
            auto removed = remove(top, name.name.c_str(), name.kind);
            if (removed) continue;
            if (!is_full(removed.error())) return removed;
            auto dir = open(top, name.name.c_str());
            if (!dir) return dir.error();
            auto emptied = [&]() -> Result<void> {
                auto below = uninterrupted([&] { return fs.read_directory(*dir); });
                if (!below) return below.error();
                for (const auto& inner : *below) {
                    auto gone = remove(*dir, inner.name.c_str(), inner.kind);
                    if (gone) continue;
                    if (!is_full(gone.error())) return gone;
                    auto opened = open(*dir, inner.name.c_str());
                    if (!opened) return opened.error();
                    auto up = move_up(*dir, inner.name.c_str());
                    (void)fs.close(*opened);
                    if (!up) return up;
                }
                return {};
            }();
            (void)fs.close(*dir);
            if (!emptied) return emptied;
            if (auto gone = remove(top, name.name.c_str(), NodeKind::directory); !gone) return gone;
        }
    }
}

/// The staging directory of a restore: made, locked and removed. Only its owner may look in. Owns its
/// handle. External sync.
template <TreeFileSystem Fs>
class RestoreStaging {
public:
    RestoreStaging(Fs fs, FileHandle base, std::string name)
        : fs_{std::move(fs)}
        , base_{base}
        , name_{std::move(name)} {}
    RestoreStaging(const RestoreStaging&) = delete;
    RestoreStaging& operator=(const RestoreStaging&) = delete;
    ~RestoreStaging() { close(); }

    /// @errors `directory_in_use`: another restore runs here; of the file system
    Result<void> make() noexcept {
        auto made = call([&] { return fs_.make_directory_at(base_, name_.c_str(), 0700); });
        // What a restore before had left is gone by now.
        if (!made && made.error().is_errno(EEXIST))
            return Error{Errc::directory_in_use, Operation::lock};
        if (!made) return made;
        exists_ = true;
        auto opened = open_and_lock();
        if (!opened) return opened.error();
        if (!*opened) return Error{Errc::directory_in_use, Operation::lock};
        // What a directory hands down to all that is made in it is no part of a snapshot.
        (void)fs_.remove_attribute(handle_, "system.posix_acl_default");
        (void)fs_.remove_attribute(handle_, "system.posix_acl_access");
        return call([&] { return fs_.set_mode(handle_, 0700); });
    }

    /// Opens one that an earlier restore has left; false: there is none.
    /// @errors `directory_in_use`: it still runs; `target_foreign`: somebody else may have written
    ///   there, and what it says is not done; `ENOTDIR` to recover: it is no directory, so that no
    ///   restore has left it; of the file system
    Result<bool> open_existing() noexcept {
        auto opened = open_and_lock();
        if (!opened && (opened.error().is_errno(ENOTDIR) || opened.error().is_errno(ELOOP)))
            return Error::system(ENOTDIR, Operation::recover);
        if (!opened || !*opened) return opened;
        exists_ = true;
        auto now = call([&] { return fs_.node(handle_); });
        if (!now) return now.error();
        auto user = own_user();
        if (!user) return user.error();
        if (now->user != *user || (now->mode & 077) != 0)
            return Error{Errc::target_foreign, Operation::recover};
        return true;
    }

    /// Takes all of it away.
    Result<void> remove() {
        if (!exists_) return {};
        // Where it was made but could not be opened there is nothing in it.
        if (handle_ != no_file)
            if (auto emptied = empty_directory(fs_, handle_); !emptied) return emptied;
        auto removed = call([&] { return fs_.remove_directory_at(base_, name_.c_str()); });
        if (!removed) return removed;
        exists_ = false;
        close();
        return {};
    }

    /// Gives it another name, so that it is in nobody's way.
    /// @returns the name, also where that failed
    std::string keep() {
        for (unsigned number = 1; exists_ && number < 1000; ++number) {
            auto name = name_ + "-kept-" + std::to_string(number);
            auto there = call([&] { return fs_.node_at(base_, name.c_str()); });
            if (there || !there.error().is_errno(ENOENT)) continue;
            const auto moved = call([&] { return fs_.rename(base_, name_.c_str(), name.c_str()); });
            if (!moved) break;
            exists_ = false;
            close();
            return name;
        }
        return name_;
    }

    /// Whether a name in it may be its own.
    static bool may_hold(std::string_view name) noexcept {
        return name == probe || name.starts_with(moved_name);
    }

    void close() noexcept {
        if (handle_ != no_file) (void)fs_.close(std::exchange(handle_, no_file));
    }
    FileHandle handle() const noexcept { return handle_; }
    const std::string& name() const noexcept { return name_; }
    bool exists() const noexcept { return exists_; }

private:
    static constexpr const char* probe = "probe";

    template <class Call>
    static auto call(Call&& call) noexcept {
        return bobbin::detail::uninterrupted(call);
    }

    Result<bool> open_and_lock() noexcept {
        auto opened = call([&] { return fs_.open_directory_at(base_, name_.c_str()); });
        if (!opened) {
            if (opened.error().is_errno(ENOENT)) return false;
            return opened.error();
        }
        handle_ = *opened;
        if (auto locked = call([&] { return fs_.lock(handle_); }); !locked) {
            close();
            return locked.error();
        }
        // Whoever had the lock may have removed it just before.
        const auto mine = call([&] { return fs_.node(handle_); });
        const auto there = call([&] { return fs_.node_at(base_, name_.c_str()); });
        if (mine && there && mine->inode == there->inode && mine->device == there->device)
            return true;
        close();
        if (!mine) return mine.error();
        if (!there && !there.error().is_errno(ENOENT)) return there.error();
        return false;
    }

    /// As whom this process makes files.
    Result<std::uint32_t> own_user() noexcept {
        (void)call([&] { return fs_.remove(handle_, probe); });
        auto file = call([&] { return fs_.create_at(handle_, probe, 0600); });
        if (!file) return file.error();
        auto node = call([&] { return fs_.node(*file); });
        (void)fs_.close(*file);
        auto removed = call([&] { return fs_.remove(handle_, probe); });
        if (!node) return node.error();
        if (!removed) return removed.error();
        return node->user;
    }

    Fs fs_;
    FileHandle base_;
    std::string name_;
    FileHandle handle_ = no_file;
    bool exists_ = false;
};

}  // namespace detail
}  // namespace bobbin::pack

#endif
