#ifndef BOBBIN_PACK_DETAIL_RESTORE_RECOVERY_HPP
#define BOBBIN_PACK_DETAIL_RESTORE_RECOVERY_HPP

#include <bobbin/pack/detail/restore_exchange.hpp>
#include <bobbin/pack/detail/restore_journal.hpp>
#include <bobbin/pack/detail/restore_staging.hpp>
#include <bobbin/pack/restore_options.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bobbin::pack::detail {

/// Where the names of new things are in the staging directory, and those of removed ones.
inline constexpr const char* staged_name = "new";
inline constexpr const char* removed_name = "old";

/// A path as its last name and what is before it. Empty: the path has no name at its end.
struct SplitPath {
    std::string parent;
    std::string name;

    static std::optional<SplitPath> of(std::string_view path) {
        while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
        const auto slash = path.rfind('/');
        const auto name = slash == path.npos ? path : path.substr(slash + 1);
        if (!is_entry_name(name)) return {};
        const auto parent = slash == path.npos ? std::string_view{"."}
                            : slash == 0       ? std::string_view{"/"}
                                               : path.substr(0, slash);
        return SplitPath{std::string{parent}, std::string{name}};
    }
};

/// Ends what a restore has left in one place. The handle stays open.
template <TreeFileSystem Fs>
Result<RestoreRecovery> recover_in(Fs& fs, FileHandle base, const std::string& staging_name) {
    using bobbin::detail::uninterrupted;
    RestoreStaging<Fs> staging{fs, base, staging_name};
    auto opened = staging.open_existing();
    if (!opened) return opened.error();
    if (!*opened) return RestoreRecovery::nothing;
    auto result = RestoreRecovery::cleaned;
    std::optional<FileTime> time;  // that the tree's own directory has, when all is done
    {
        DirectoryHandles<Fs> directories{fs};
        auto again = uninterrupted([&] { return fs.open_directory_at(base, "."); });
        if (!again) return again.error();
        const auto first = directories.add_open(*again);
        auto steps = RestoreJournal::read(fs, staging.handle(), directories, first);
        if (!steps) return steps.error();
        if (*steps) {
            auto staged =
                uninterrupted([&] { return fs.open_directory_at(staging.handle(), staged_name); });
            if (!staged) return staged.error();
            directories.add_open(*staged);
            auto removed =
                uninterrupted([&] { return fs.open_directory_at(staging.handle(), removed_name); });
            if (!removed) return removed.error();
            directories.add_open(*removed);
            RefusedMetadata refused;
            RestoreExchange<Fs> exchange{fs, directories, *staged, *removed, refused};
            std::size_t at = 0;
            result = RestoreRecovery::finished;
            if (auto done = exchange.forward(**steps, true, at); !done) {
                if (!exchange.backward(**steps)) return done.error();
                result = RestoreRecovery::undone;
            }
            if (auto synced = fs.sync_file_system(staging.handle()); !synced) return synced.error();
            const auto own = std::ranges::find_if(**steps, [&](const RestoreOperation& step) {
                return step.dir == first && step.name.empty();
            });
            if (own != (*steps)->end())
                time = result == RestoreRecovery::finished ? own->metadata->wanted.modified
                                                           : own->metadata->before.modified;
            auto gone =
                uninterrupted([&] { return fs.remove(staging.handle(), RestoreJournal::name); });
            if (!gone) return gone.error();
        }
    }
    if (auto removed = staging.remove(); !removed) return removed.error();
    if (time) (void)fs.set_modified(base, *time);
    return result;
}

/// In both places where a restore into `target` may have left something.
template <TreeFileSystem Fs>
Result<RestoreRecovery> recover_restore(Fs& fs, const std::string& target) {
    using bobbin::detail::uninterrupted;
    auto result = RestoreRecovery::nothing;
    const auto recover = [&](const std::string& path, const std::string& name) -> Result<void> {
        auto base = uninterrupted([&] { return fs.open_root(path.c_str(), RootMode::existing); });
        if (!base) {
            // Where nobody comes to, nothing was left.
            for (const int number : {ENOENT, EACCES, ENOTDIR})
                if (base.error().is_errno(number)) return {};
            return base.error();
        }
        auto recovered = recover_in(fs, *base, name);
        (void)fs.close(*base);
        if (!recovered) return recovered.error();
        result = std::max(result, *recovered);
        return {};
    };
    if (const auto split = SplitPath::of(target))
        if (auto beside = recover(split->parent, staging_name_beside(split->name)); !beside)
            return beside.error();
    if (auto inside = recover(target, std::string{restore_staging_name}); !inside)
        return inside.error();
    return result;
}

}  // namespace bobbin::pack::detail

#endif
