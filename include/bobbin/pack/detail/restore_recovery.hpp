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
#include <utility>

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

/// Ends what a restore has left in one place.
template <TreeFileSystem Fs>
class RestoreRecoverer {
public:
    /// @param base stays open
    /// @param path of it, for messages
    RestoreRecoverer(Fs& fs, FileHandle base, std::string path, const std::string& staging_name,
                     RestoreRecovered& recovered, std::string& failed_path)
        : fs_{fs}
        , base_{base}
        , path_{std::move(path)}
        , staging_{fs, base, staging_name}
        , recovered_{recovered}
        , failed_path_{failed_path} {}

    Result<void> run() {
        failed_path_ = path_;
        auto opened = staging_.open_existing();
        if (!opened) {
            if (is_no_restore(opened.error())) failed_path_ += '/' + staging_.name();
            return opened.error();
        }
        if (!*opened) return {};
        auto what = RestoreRecovery::cleaned;
        if (auto ended = end_steps(what); !ended) return ended;
        recovered_.what = std::max(recovered_.what, what);
        // What can't be removed is in the way of nobody.
        if (must_keep_ || !staging_.remove()) recovered_.kept = path_ + '/' + staging_.keep();
        if (time_) (void)fs_.set_modified(base_, *time_);
        return {};
    }

private:
    template <class Call>
    static auto call(Call&& call) noexcept {
        return bobbin::detail::uninterrupted(call);
    }

    Result<void> end_steps(RestoreRecovery& what) {
        DirectoryHandles<Fs> directories{fs_};
        const auto add = [&](FileHandle in, const char* name) -> Result<FileHandle> {
            auto opened = call([&] { return fs_.open_directory_at(in, name); });
            if (opened) directories.add_open(*opened);
            return opened;
        };
        if (auto first = add(base_, "."); !first) return first.error();
        constexpr DirectoryNumber first = 0;
        auto journal = RestoreJournal::read(fs_, staging_.handle(), directories, first);
        if (!journal) return journal.error();
        if (!*journal) return check_names();
        if (!(*journal)->steps) {
            what = RestoreRecovery::unreadable;
            must_keep_ = true;
            return {};
        }
        const auto& steps = *(*journal)->steps;
        auto staged = add(staging_.handle(), staged_name);
        if (!staged) return staged.error();
        auto removed = add(staging_.handle(), removed_name);
        if (!removed) return removed.error();
        RefusedMetadata refused;
        RestoreExchange<Fs> exchange{fs_,      directories,         *staged,
                                     *removed, (*journal)->written, refused};
        std::size_t at = 0;
        what = RestoreRecovery::finished;
        if (auto done = exchange.forward(steps, true, at); !done) {
            if (at < steps.size())
                failed_path_ = path_ + '/' + directories.path(steps[at].dir) + steps[at].name;
            if (!exchange.backward(steps)) return done;
            what = RestoreRecovery::undone;
        }
        recovered_.skipped += exchange.skipped();
        must_keep_ = exchange.has_stranded();
        if (auto synced = fs_.sync_file_system(staging_.handle()); !synced) return synced;
        const auto own = std::ranges::find_if(steps, [&](const RestoreOperation& step) {
            return step.dir == first && step.name.empty();
        });
        if (own != steps.end())
            time_ = what == RestoreRecovery::finished ? own->metadata->wanted.modified
                                                      : own->metadata->before.modified;
        return call([&] { return fs_.remove(staging_.handle(), RestoreJournal::name); });
    }

    /// Without a journal, what no restore makes there is somebody's, who has made all of it.
    Result<void> check_names() {
        auto names = call([&] { return fs_.read_directory(staging_.handle()); });
        if (!names) return names.error();
        must_keep_ = !std::ranges::all_of(*names, [](const DirectoryName& at) {
            return at.name == staged_name || at.name == removed_name ||
                   at.name == RestoreJournal::draft_name || RestoreStaging<Fs>::may_hold(at.name);
        });
        return {};
    }

    Fs& fs_;
    FileHandle base_;
    std::string path_;
    RestoreStaging<Fs> staging_;
    RestoreRecovered& recovered_;
    std::string& failed_path_;
    std::optional<FileTime> time_;  ///< that the tree's own directory has, when all is done
    bool must_keep_ = false;
};

/// In both places where a restore into `target` may have left something.
/// @param failed_path where it failed, if it did
template <TreeFileSystem Fs>
Result<void> recover_restore(Fs& fs, const std::string& target, RestoreRecovered& recovered,
                             std::string& failed_path) {
    using bobbin::detail::uninterrupted;
    const auto recover = [&](const std::string& path, const std::string& name) -> Result<void> {
        auto base = uninterrupted([&] { return fs.open_root(path.c_str(), RootMode::existing); });
        if (!base) {
            // Where nobody comes to, nothing was left.
            for (const int number : {ENOENT, EACCES, ENOTDIR})
                if (base.error().is_errno(number)) return {};
            return base.error();
        }
        auto done = RestoreRecoverer<Fs>{fs, *base, path, name, recovered, failed_path}.run();
        (void)fs.close(*base);
        return done;
    };
    if (const auto split = SplitPath::of(target))
        if (auto beside = recover(split->parent, staging_name_beside(split->name)); !beside)
            return beside;
    if (auto inside = recover(target, std::string{restore_staging_name}); !inside) return inside;
    failed_path.clear();
    return {};
}

}  // namespace bobbin::pack::detail

#endif
