#ifndef BOBBIN_PACK_DETAIL_RESTORER_HPP
#define BOBBIN_PACK_DETAIL_RESTORER_HPP

#include <bobbin/pack/detail/restore_changes.hpp>
#include <bobbin/pack/detail/restore_compare.hpp>
#include <bobbin/pack/restore_options.hpp>
#include <bobbin/pack/tree_reader.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
        , options_{options}
        , report_{report}
        , directories_{fs_}
        , compare_{fs_, sources.front(), options.compare_content} {}
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
        if (was_staged && !report_.is_unfinished) keep_time(done.has_value(), root.modified);
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
        if (levels_.size() == 1 && entry.name == restore_staging_name) {
            ++report_.skipped;
            return Number{};
        }
        if (auto extra = take_extra(path, entry.name); !extra) return extra.error();
        path_ = path;
        path_ += entry.name;
        const bool is_kept = options_.keeps && options_.keeps(path_);
        if (level.is_new) {
            if (is_kept) return failed(Error{Errc::path_protected, Operation::write});
            count(RestoreAction::create);
            return make(level.dir, entry.name, entry);
        }
        auto dir = here();
        if (!dir) return failed(dir.error());
        auto there = look(*dir, entry.name);
        if (!there) return failed(there.error());
        if (*there && (*there)->kind == NodeKind::directory && entry.kind == EntryKind::directory)
            return take_directory(entry, **there, is_way);
        if (is_kept) return failed(Error{Errc::path_protected, Operation::write});
        if (entry.hard_link != 0 && entry.kind != EntryKind::directory)
            return take_link(level.dir, false, entry, *there);
        return take(level.dir, entry, *there);
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
    using Number = std::optional<std::uint64_t>;

    struct Level {
        DirectoryNumber dir = 0;
        bool is_new = false;
        std::size_t part = 0;              ///< of the path that is restored; all: behind its end
        std::vector<DirectoryName> names;  ///< that are there, if those that are extra go
        std::size_t next = 0;              ///< of them
    };
    /// A name of a file with several.
    struct Member {
        DirectoryNumber dir = 0;
        bool is_new = false;  ///< the directory is staged
        std::string name;
        std::string path;
        std::optional<NodeStatus> there;
    };
    struct Group {
        TreeEntry entry;  ///< of the first
        std::vector<Member> members;
    };
    struct ExistingDirectory {
        DirectoryNumber dir;
        TreeEntry entry;
        NodeStatus before;
        std::string path;
        bool differs;
    };
    using Changes = RestoreChanges<Fs, S>;
    static constexpr std::size_t no_step = Changes::no_step;

    template <class Call>
    static auto call(Call&& call) noexcept {
        return bobbin::detail::uninterrupted(call);
    }
    Error failed(const Error& error) { return failed(error, path_); }
    Error failed(const Error& error, std::string_view path) {
        if (report_.failed_path.empty()) report_.failed_path = path;
        return error;
    }
    void count(RestoreAction action) { count(action, path_); }
    void count(RestoreAction action, std::string_view path) {
        std::uint64_t* const counts[] = {&report_.created, &report_.content, &report_.metadata,
                                         &report_.replaced, &report_.removed};
        ++*counts[static_cast<std::size_t>(action)];
        if (options_.tell) options_.tell(path, action);
    }

    // ---- where it goes

    Result<void> take_path(const TreeEntry& root) {
        if (root.kind != EntryKind::directory)
            return Error{Errc::invalid_argument, Operation::write};
        std::string_view path = options_.path;
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
        changes_.emplace(fs_, directories_, sources_, *opened, std::move(staging), options_,
                         report_);
        return {};
    }

    Result<void> check_own() {
        if (options_.force || (options_.is_own && options_.is_own(base_before_))) return {};
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
        if (!kept) ++report_.times_refused;
    }
    /// All is done by now: where it can't be told, it is not.
    void tell_root() {
        if (options_.dry_run && is_missing_) return;
        auto root = is_missing_
                        ? call([&] { return fs_.node_at(base_handle_, missing_name_.c_str()); })
                        : call([&] { return fs_.node(base_handle_); });
        if (root) report_.root = *root;
    }

    // ---- the plan

    Result<void> plan(const TreeEntry& root) {
        auto base = call([&] { return fs_.node(base_handle_); });
        if (!base) return base.error();
        base_before_ = *base;
        if (is_missing_) {
            count(RestoreAction::create);
            auto copy = root;
            copy.name = missing_name_;
            auto number = add_new(base_, RestoreStep::create, {}, copy);
            if (!number) return number.error();
            levels_.push_back({static_cast<DirectoryNumber>(**number >> 1), true, 0, {}, 0});
        } else {
            if (auto own = check_own(); !own) return own;
            if (parts_.empty())
                if (auto added = add_existing(base_, root, base_before_); !added) return added;
            levels_.push_back({base_, false, 0, {}, 0});
            if (auto listed = list_extra(); !listed) return listed;
        }
        if (auto walked = walk_tree(walking_, root.content, *this); !walked) return walked;
        if (auto extra = take_extra({}, std::nullopt); !extra) return extra;
        if (!parts_.empty() && !is_found_)
            return failed(Error::system(ENOENT, Operation::read), options_.path);
        for (auto& group : groups_)
            if (auto made = resolve(group.second); !made) return made;
        groups_.clear();
        if (!options_.dry_run)
            if (auto made = changes_->finish(); !made) return made;
        return end_existing_directories();
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
    Result<std::optional<NodeStatus>> look(FileHandle dir, const std::string& name) noexcept {
        auto node = call([&] { return fs_.node_at(dir, name.c_str()); });
        if (node) return std::optional{*node};
        if (node.error().is_errno(ENOENT)) return std::optional<NodeStatus>{};
        return node.error();
    }

    /// A directory that stays.
    Result<Number> take_directory(const TreeEntry& entry, const NodeStatus& there, bool is_way) {
        const auto number = directories_.add(levels_.back().dir, entry.name);
        if (there.device != base_before_.device) foreign_.insert(number);
        if (!is_way)
            if (auto added = add_existing(number, entry, there); !added)
                return failed(added.error());
        return Number{std::uint64_t{number} << 1};
    }
    Result<void> add_existing(DirectoryNumber number, const TreeEntry& entry,
                              const NodeStatus& there) {
        auto dir = directories_.open(number);
        if (!dir) return dir.error();
        auto attributes = or_none(fs_.attributes(**dir));
        if (!attributes) return attributes.error();
        const bool differs = !has_metadata(there, *attributes, entry);
        if (differs)
            count(RestoreAction::metadata);
        else
            ++report_.unchanged;
        if (options_.dry_run) return {};
        ExistingDirectory existing{number, {}, there, path_, differs};
        existing.entry = Changes::metadata_of(entry);
        existing_.push_back(std::move(existing));
        return {};
    }
    /// A name in a directory that stays: missing, or what is there is no directory, or the entry is
    /// none.
    Result<Number> take(DirectoryNumber dir, TreeEntry& entry,
                        const std::optional<NodeStatus>& there) {
        if (!there) {
            count(RestoreAction::create);
            return add_new(dir, RestoreStep::create, {}, entry);
        }
        if (!is_same_kind(there->kind, entry.kind)) {
            count(RestoreAction::replace);
            if (there->kind == NodeKind::directory)
                if (auto told = tell_contents(dir, entry.name, path_); !told) return told.error();
            return add_new(dir, RestoreStep::replace, there, entry);
        }
        auto difference = compare(dir, entry.name, *there, entry);
        if (!difference) return failed(difference.error());
        if (*difference == Difference::nothing && there->links == 1) {
            ++report_.unchanged;
            return Number{};
        }
        if (*difference == Difference::metadata && can_stay(*there, entry, 1)) {
            count(RestoreAction::metadata);
            if (options_.dry_run) return Number{};
            if (auto added = changes_->add_metadata(dir, entry.name, *there, entry); !added)
                return failed(added.error());
            return Number{};
        }
        count(RestoreAction::content);
        return add_new(dir, RestoreStep::replace, there, entry);
    }
    static bool is_same_kind(NodeKind there, EntryKind entry) noexcept {
        return (there == NodeKind::file && entry == EntryKind::file) ||
               (there == NodeKind::symlink && entry == EntryKind::symlink);
    }
    /// Whether its metadata may be set where it is: it can be opened, before and after, and all its
    /// names are ours.
    static bool can_stay(const NodeStatus& there, const TreeEntry& entry,
                         std::uint64_t names) noexcept {
        return there.kind == NodeKind::file && (there.mode & entry.mode & 0400) != 0 &&
               there.links == names;
    }
    Result<Difference> compare(DirectoryNumber dir, const std::string& name,
                               const NodeStatus& there, const TreeEntry& entry) {
        auto opened = directories_.open(dir);
        if (!opened) return opened.error();
        return compare_(**opened, name.c_str(), there, entry);
    }

    /// Something new at a name in a directory that stays.
    Result<Number> add_new(DirectoryNumber dir, RestoreStep step,
                           const std::optional<NodeStatus>& before, TreeEntry& entry) {
        if (options_.dry_run) return make(0, {}, entry);
        auto added = add_step(dir, step, entry.name, before);
        if (!added) return failed(added.error());
        return make(changes_->staged(), changes_->name_of(*added), entry, *added);
    }
    Result<std::size_t> add_step(DirectoryNumber dir, RestoreStep step, const std::string& name,
                                 const std::optional<NodeStatus>& before) {
        if (foreign_.contains(dir)) return Error::system(EXDEV, Operation::rename);
        return changes_->add_step(dir, step, name, before);
    }

    // ---- what is new

    /// What an entry says, in a directory that is staged.
    Result<Number> make(DirectoryNumber dir, std::string name, TreeEntry& entry,
                        std::size_t step = no_step) {
        switch (entry.kind) {
            case EntryKind::directory: return make_directory(dir, std::move(name), entry, step);
            case EntryKind::symlink:
            case EntryKind::file: break;
        }
        if (entry.hard_link != 0 && step == no_step) return take_link(dir, true, entry, {});
        return make_plain(dir, std::move(name), entry);
    }
    Result<Number> make_plain(DirectoryNumber dir, std::string name, TreeEntry& entry) {
        if (options_.dry_run) return Number{};
        // What is told of files may be of another.
        const bool is_file = entry.kind == EntryKind::file;
        if (auto made = changes_->make(dir, std::move(name), path_, entry); !made)
            return is_file ? made.error() : failed(made.error());
        return Number{};
    }
    Result<Number> make_directory(DirectoryNumber dir, std::string name, const TreeEntry& entry,
                                  std::size_t step) {
        if (options_.dry_run) return Number{1};
        auto made = changes_->make_directory(dir, std::move(name), path_, entry, step);
        if (!made) return failed(made.error());
        return Number{std::uint64_t{*made} << 1 | 1};
    }
    /// Those in others come first; changes of names have changed their times.
    Result<void> end_existing_directories() {
        for (; !existing_.empty(); existing_.pop_back()) {
            const auto& existing = existing_.back();
            if (!existing.differs && !changes_->touches(existing.dir)) continue;
            auto added = changes_->add_metadata(existing.dir, {}, existing.before, existing.entry);
            if (!added) return failed(added.error(), existing.path);
        }
        return {};
    }

    // ---- files with several names

    Result<Number> take_link(DirectoryNumber dir, bool is_new, TreeEntry& entry,
                             const std::optional<NodeStatus>& there) {
        auto& group = groups_[entry.hard_link];
        group.members.push_back({dir, is_new, entry.name, path_, there});
        if (group.members.size() == 1) group.entry = std::move(entry);
        return Number{};
    }

    Result<void> resolve(Group& group) {
        auto& entry = group.entry;
        const auto& first = group.members.front();
        const bool is_one = std::ranges::all_of(group.members, [&](const Member& member) {
            return member.there && is_same_kind(member.there->kind, entry.kind) &&
                   member.there->inode == first.there->inode &&
                   member.there->device == first.there->device;
        });
        path_ = first.path;
        if (is_one) {
            auto difference = compare(first.dir, first.name, *first.there, entry);
            if (!difference) return failed(difference.error());
            if (*difference == Difference::nothing) {
                report_.unchanged += group.members.size();
                return {};
            }
            if (*difference == Difference::metadata &&
                can_stay(*first.there, entry, group.members.size())) {
                for (const auto& member : group.members)
                    count(RestoreAction::metadata, member.path);
                if (options_.dry_run) return {};
                return changes_->add_metadata(first.dir, first.name, *first.there, entry);
            }
        }
        // One is made, with one more name for each of the others.
        std::optional<std::pair<DirectoryNumber, std::string>> made;
        for (auto& member : group.members) {
            path_ = member.path;
            std::pair<DirectoryNumber, std::string> at{member.dir, member.name};
            if (!member.is_new) {
                const bool is_other = member.there && !is_same_kind(member.there->kind, entry.kind);
                count(!member.there ? RestoreAction::create
                      : is_other    ? RestoreAction::replace
                                    : RestoreAction::content);
                if (is_other && member.there->kind == NodeKind::directory)
                    if (auto told = tell_contents(member.dir, member.name, path_); !told)
                        return told;
                if (options_.dry_run) continue;
                auto added =
                    add_step(member.dir, member.there ? RestoreStep::replace : RestoreStep::create,
                             member.name, member.there);
                if (!added) return failed(added.error());
                at = {changes_->staged(), changes_->name_of(*added)};
            }
            if (options_.dry_run) continue;
            if (made) {
                changes_->make_link({made->first, at.first, made->second, at.second, member.path});
                continue;
            }
            made = at;
            if (auto plain = make_plain(at.first, at.second, entry); !plain) return plain.error();
        }
        return {};
    }

    // ---- what the snapshot has not

    Result<void> list_extra() {
        auto& level = levels_.back();
        if (!options_.delete_extra || level.is_new || level.part < parts_.size()) return {};
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
            if (options_.keeps && options_.keeps(full)) continue;
            auto dir = here();
            if (!dir) return failed(dir.error(), full);
            auto there = look(*dir, name);
            if (!there) return failed(there.error(), full);
            if (!*there) continue;
            count(RestoreAction::remove, full);
            if ((*there)->kind == NodeKind::directory)
                if (auto told = tell_contents(level.dir, name, full); !told) return told;
            if (options_.dry_run) continue;
            auto added = add_step(level.dir, RestoreStep::remove, name, *there);
            if (!added) return failed(added.error(), full);
        }
        return {};
    }

    /// Each name in a directory that goes.
    Result<void> tell_contents(DirectoryNumber dir, const std::string& name,
                               const std::string& path) {
        std::vector<std::pair<DirectoryNumber, std::string>> left;
        left.push_back({directories_.add(dir, name), path + '/'});
        while (!left.empty()) {
            const auto [number, at] = std::move(left.back());
            left.pop_back();
            auto opened = directories_.open(number);
            if (!opened) return failed(opened.error(), at);
            auto node = call([&] { return fs_.node(**opened); });
            if (!node) return failed(node.error(), at);
            if (node->device != base_before_.device)
                return failed(Error::system(EXDEV, Operation::remove), at);
            auto names = call([&] { return fs_.read_directory(**opened); });
            if (!names) return failed(names.error(), at);
            std::ranges::sort(*names, {}, &DirectoryName::name);
            for (auto& inner : *names) {
                count(RestoreAction::remove, at + inner.name);
                if (inner.kind == NodeKind::unknown) {
                    auto there = look(**opened, inner.name);
                    if (!there) return failed(there.error(), at + inner.name);
                    if (*there) inner.kind = (*there)->kind;
                }
                if (inner.kind == NodeKind::directory)
                    left.push_back({directories_.add(number, inner.name), at + inner.name + '/'});
            }
        }
        return {};
    }

    Fs fs_;
    S& walking_;
    std::vector<S>& sources_;
    const RestoreOptions& options_;
    RestoreReport& report_;
    DirectoryHandles<Fs> directories_;
    std::optional<Changes> changes_;
    RestoreCompare<Fs, S> compare_;

    std::vector<std::string> parts_;  ///< of the path that is restored
    bool is_found_ = false;           ///< its last was
    bool is_missing_ = false;         ///< the target is; the base is what is to hold it
    std::string missing_name_;
    std::string base_path_;
    FileHandle base_handle_ = no_file;
    DirectoryNumber base_ = 0;
    NodeStatus base_before_;

    std::vector<Level> levels_;
    std::string path_;  ///< of the entry that is looked at
    typename DirectoryHandles<Fs>::Pin here_;
    std::set<DirectoryNumber> foreign_;  ///< of another file system
    std::vector<ExistingDirectory> existing_;
    std::map<std::uint64_t, Group> groups_;
};

}  // namespace bobbin::pack::detail

#endif
