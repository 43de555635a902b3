#ifndef BOBBIN_PACK_DETAIL_RESTORER_HPP
#define BOBBIN_PACK_DETAIL_RESTORER_HPP

#include <bobbin/pack/detail/restore_entries.hpp>
#include <bobbin/pack/restore_options.hpp>
#include <bobbin/pack/tree_reader.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

inline unsigned thread_count(unsigned asked) noexcept {
    constexpr unsigned most = 8;  // each has buffers for a record
    return asked != 0 ? asked : std::clamp(std::thread::hardware_concurrency(), 1U, most);
}

/// One restore: a visitor of the snapshot's tree, which finds what differs. External sync.
template <TreeFileSystem Fs, ChunkSource S>
class Restorer {
public:
    Restorer(Fs fs, S& walking, std::vector<S>& sources, const RestoreOptions& options,
             RestoreReport& report)
        : fs_{std::move(fs)}
        , walking_{walking}
        , sources_{sources}
        , context_{options, report}
        , directories_{fs_} {}
    Restorer(const Restorer&) = delete;
    Restorer& operator=(const Restorer&) = delete;

    Result<void> run(const TreeEntry& root, const std::string& target) {
        if (auto right = take_path(root); !right) return right;
        if (auto opened = open(target); !opened) return opened;
        auto done = bobbin::detail::without_throwing(Operation::write, [&]() -> Result<void> {
            if (auto planned = plan(root); !planned) return planned;
            here_.release();
            if (!changes_->any()) return {};
            return changes_->exchange();
        });
        here_.release();
        const bool was_staged = changes_->any();
        changes_->end(done.has_value(), base_path_);
        if (was_staged && !context_.report.is_unfinished)
            keep_time(done.has_value(), root.modified);
        if (done) tell_root();
        return done;
    }

    // The visitor.

    Result<std::optional<std::uint64_t>> visit(std::string_view path, TreeEntry& entry) {
        auto& level = levels_.back();
        bool is_way = false;  // to the part that is restored
        if (level.part < parts_.size()) {
            if (entry.name != parts_[level.part]) return Number{};
            is_way = level.part + 1 < parts_.size();
            is_found_ = is_found_ || !is_way;
            if (is_way && entry.kind != EntryKind::directory) return Number{};
        }
        // In a directory that looks like the staging one of a restore, the next restore would believe
        // a journal.
        const bool is_staging = entry.kind == EntryKind::directory && is_staging_name(entry.name);
        if (is_staging || (levels_.size() == 1 && entry.name == restore_staging_name)) {
            context_.count(RestoreAction::skip, std::string{path} + entry.name);
            return Number{};
        }
        if (auto extra = take_extra(path, entry.name); !extra) return extra.error();
        context_.path = path;
        context_.path += entry.name;
        if (context_.options.skip_lost && !is_way) {
            auto lost = is_lost(sources_.front(), entry.content);
            if (!lost) return context_.failed(lost.error());
            if (*lost) {
                context_.count(RestoreAction::lost);
                return Number{};
            }
        }
        const auto keeps = keep(context_.path);
        const bool is_kept = keeps != Keep::nothing;
        if (level.is_new) {
            if (is_kept) return context_.failed(Error{Errc::path_protected, Operation::write});
            return entries_->take_new(level.dir, entry);
        }
        auto dir = here();
        if (!dir) return context_.failed(dir.error());
        auto there = find_node(fs_, *dir, entry.name);
        if (!there) return context_.failed(there.error());
        if (*there && (*there)->kind == NodeKind::directory && entry.kind == EntryKind::directory)
            return entries_->take_directory(level.dir, entry, **there,
                                            is_way || keeps == Keep::all);
        if (is_kept) return context_.failed(Error{Errc::path_protected, Operation::write});
        if (entry.hard_link != 0 && entry.kind != EntryKind::directory)
            return entries_->take_link(level.dir, false, entry, *there);
        return entries_->take(level.dir, entry, *there);
    }

    Result<void> enter(std::string_view, std::uint64_t number) {
        const auto part = levels_.back().part;
        levels_.push_back({static_cast<DirectoryNumber>(number >> 1),
                           (number & 1) != 0,
                           part < parts_.size() ? part + 1 : part,
                           {},
                           0});
        return list_extra();
    }
    Result<void> leave(std::string_view path) {
        if (auto extra = take_extra(path, std::nullopt); !extra) return extra;
        levels_.pop_back();
        return {};
    }

private:
    using Entries = RestoreEntries<Fs, S>;
    using Number = typename Entries::Number;

    struct Level {
        DirectoryNumber dir = 0;
        bool is_new = false;
        std::size_t part = 0;              ///< of the path that is restored; all: behind its end
        std::vector<DirectoryName> names;  ///< that are there, if those that are extra go
        std::size_t next = 0;              ///< of them
    };
    template <class Call>
    static auto call(Call&& call) noexcept {
        return bobbin::detail::uninterrupted(call);
    }
    // ---- where it goes

    Result<void> take_path(const TreeEntry& root) {
        if (root.kind != EntryKind::directory)
            return Error{Errc::invalid_argument, Operation::write};
        std::string_view path = context_.options.path;
        while (!path.empty()) {
            const auto end = std::min(path.find('/'), path.size());
            if (!is_entry_name(path.substr(0, end)))
                return Error{Errc::name_invalid, Operation::write};
            parts_.emplace_back(path.substr(0, end));
            path.remove_prefix(std::min(end + 1, path.size()));
        }
        return {};
    }

    Result<void> open(const std::string& target) {
        auto opened = call([&] { return fs_.open_root(target.c_str(), RootMode::existing); });
        std::string staging{restore_staging_name};
        base_path_ = target;
        if (!opened) {
            auto split = SplitPath::of(target);
            if (!opened.error().is_errno(ENOENT) || !split) return opened.error();
            opened = call([&] { return fs_.open_root(split->parent.c_str(), RootMode::existing); });
            if (!opened) return opened.error();
            base_path_ = split->parent;
            is_missing_ = true;
            missing_name_ = split->name;
            staging = staging_name_beside(split->name);
        }
        base_handle_ = *opened;
        base_ = directories_.add_open(*opened);
        if (auto free = check_staging(staging); !free) return free;
        changes_.emplace(fs_, directories_, sources_, *opened, std::move(staging), context_.options,
                         context_.report);
        return {};
    }

    /// What was left there is ended by now, but for a dry run.
    Result<void> check_staging(const std::string& name) {
        auto there = find_node(fs_, base_handle_, name);
        if (!there) return context_.failed(there.error(), name);
        if (!*there || (*there)->kind == NodeKind::directory) return {};
        return context_.failed(Error::system(ENOTDIR, Operation::recover), base_path_ + '/' + name);
    }

    Result<void> check_own() {
        if (context_.options.force ||
            (context_.options.is_own && context_.options.is_own(base_before_)))
            return {};
        auto names = call([&] { return fs_.read_directory(base_handle_); });
        if (!names) return names.error();
        for (const auto& name : *names)
            if (name.name != restore_staging_name)
                return Error{Errc::target_foreign, Operation::write};
        return {};
    }

    /// A staging directory came and went in the tree's own.
    void keep_time(bool is_done, const FileTime& wanted) {
        const bool is_own = is_done && parts_.empty();
        if (is_missing_ || (is_done && !is_own && changes_->touches(base_))) return;
        auto kept = call([&] {
            return fs_.set_modified(base_handle_, is_own ? wanted : base_before_.modified);
        });
        if (!kept) ++context_.report.times_refused;
    }
    /// All is done by now: where it can't be told, it is not.
    void tell_root() {
        if (context_.options.dry_run && is_missing_) return;
        auto root = is_missing_
                        ? call([&] { return fs_.node_at(base_handle_, missing_name_.c_str()); })
                        : call([&] { return fs_.node(base_handle_); });
        if (root) context_.report.root = *root;
    }

    // ---- the plan

    Result<void> plan(const TreeEntry& root) {
        auto base = call([&] { return fs_.node(base_handle_); });
        if (!base) return base.error();
        base_before_ = *base;
        entries_.emplace(fs_, sources_.front(), directories_, *changes_, context_, base->device);
        if (is_missing_) {
            context_.count(RestoreAction::create);
            auto copy = root;
            copy.name = missing_name_;
            auto number = entries_->add_new(base_, RestoreStep::create, {}, copy);
            if (!number) return number.error();
            levels_.push_back({static_cast<DirectoryNumber>(**number >> 1), true, 0, {}, 0});
        } else {
            if (auto own = check_own(); !own) return own;
            if (parts_.empty())
                if (auto added = entries_->add_existing(base_, root, base_before_); !added)
                    return added;
            levels_.push_back({base_, false, 0, {}, 0});
            if (auto listed = list_extra(); !listed) return listed;
        }
        if (auto walked = walk_tree(walking_, root.content, *this); !walked) return walked;
        if (auto extra = take_extra({}, std::nullopt); !extra) return extra;
        if (!parts_.empty() && !is_found_)
            return context_.failed(Error::system(ENOENT, Operation::read), context_.options.path);
        return entries_->finish();
    }

    Keep keep(std::string_view path) const {
        return context_.options.keeps ? context_.options.keeps(path) : Keep::nothing;
    }

    Result<FileHandle> here() {
        if (here_.number() != levels_.back().dir) {
            here_.release();
            auto opened = directories_.open(levels_.back().dir);
            if (!opened) return opened.error();
            here_ = std::move(*opened);
        }
        return *here_;
    }

    // ---- what the snapshot has not

    Result<void> list_extra() {
        auto& level = levels_.back();
        if (!context_.options.delete_extra || level.is_new || level.part < parts_.size()) return {};
        auto dir = here();
        if (!dir) return dir.error();
        auto names = call([&] { return fs_.read_directory(*dir); });
        if (!names) return names.error();
        std::ranges::sort(*names, {}, &DirectoryName::name);
        level.names = std::move(*names);
        return {};
    }

    /// Those before `until` that were not visited.
    Result<void> take_extra(std::string_view path, const std::optional<std::string>& until) {
        auto& level = levels_.back();
        for (; level.next < level.names.size(); ++level.next) {
            const auto& name = level.names[level.next].name;
            if (until && name >= *until) {
                if (name == *until) ++level.next;
                return {};
            }
            if (levels_.size() == 1 && name == restore_staging_name) continue;
            auto full = std::string{path} + name;
            if (keep(full) != Keep::nothing) continue;
            auto dir = here();
            if (!dir) return context_.failed(dir.error(), full);
            auto there = find_node(fs_, *dir, name);
            if (!there) return context_.failed(there.error(), full);
            if (!*there) continue;
            if (auto removed = entries_->remove(level.dir, name, **there, full); !removed)
                return removed;
        }
        return {};
    }

    Fs fs_;
    S& walking_;
    std::vector<S>& sources_;
    RestoreContext context_;
    DirectoryHandles<Fs> directories_;
    std::optional<RestoreChanges<Fs, S>> changes_;
    std::optional<Entries> entries_;

    std::vector<std::string> parts_;  ///< of the path that is restored
    bool is_found_ = false;           ///< its last was
    bool is_missing_ = false;         ///< the target is; the base is what is to hold it
    std::string missing_name_;
    std::string base_path_;
    FileHandle base_handle_ = no_file;
    DirectoryNumber base_ = 0;
    NodeStatus base_before_;

    std::vector<Level> levels_;
    typename DirectoryHandles<Fs>::Pin here_;
};

}  // namespace bobbin::pack::detail

#endif
