#ifndef BOBBIN_PACK_DETAIL_RESTORE_ENTRIES_HPP
#define BOBBIN_PACK_DETAIL_RESTORE_ENTRIES_HPP

#include <bobbin/pack/detail/restore_changes.hpp>
#include <bobbin/pack/detail/restore_compare.hpp>
#include <bobbin/pack/restore_options.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// What a restore is asked for, and what it tells.
struct RestoreContext {
    const RestoreOptions& options;
    RestoreReport& report;
    std::string path{};  ///< of the entry that is looked at

    Error failed(const Error& error) { return failed(error, path); }
    Error failed(const Error& error, std::string_view at) {
        if (report.failed_path.empty()) report.failed_path = at;
        return error;
    }
    void count(RestoreAction action) { count(action, path); }
    void count(RestoreAction action, std::string_view of) {
        std::uint64_t* const counts[] = {&report.created,  &report.content, &report.metadata,
                                         &report.replaced, &report.removed, &report.lost,
                                         &report.skipped};
        ++*counts[static_cast<std::size_t>(action)];
        if (options.tell) options.tell(of, action);
    }
};

/// What has a name; empty: nothing has.
template <TreeFileSystem Fs>
Result<std::optional<NodeStatus>> find_node(Fs& fs, FileHandle dir,
                                            const std::string& name) noexcept {
    auto node = bobbin::detail::uninterrupted([&] { return fs.node_at(dir, name.c_str()); });
    if (node) return std::optional{*node};
    if (node.error().is_errno(ENOENT)) return std::optional<NodeStatus>{};
    return node.error();
}

/// Decides what becomes of one name: by the entry that the snapshot has for it, and what is there. Of
/// entries of directories it gives a number, under which what is in them is taken. External sync.
template <TreeFileSystem Fs, ChunkSource S>
class RestoreEntries {
public:
    /// Of a directory: twice its number, and one more where it is staged.
    using Number = std::optional<std::uint64_t>;
    using Changes = RestoreChanges<Fs, S>;

    /// @param source for contents that are compared
    /// @param device of the tree
    RestoreEntries(Fs fs, S& source, DirectoryHandles<Fs>& directories, Changes& changes,
                   RestoreContext& context, std::uint64_t device)
        : fs_{std::move(fs)}
        , directories_{directories}
        , changes_{changes}
        , context_{context}
        , compare_{fs_, source, context.options.compare_content}
        , device_{device} {}
    RestoreEntries(const RestoreEntries&) = delete;
    RestoreEntries& operator=(const RestoreEntries&) = delete;

    /// A directory that stays.
    Result<Number> take_directory(DirectoryNumber dir, const TreeEntry& entry,
                                  const NodeStatus& there, bool is_way) {
        const auto number = directories_.add(dir, entry.name);
        if (there.device != device_) foreign_.insert(number);
        if (!is_way)
            if (auto added = add_existing(number, entry, there); !added)
                return context_.failed(added.error());
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
            context_.count(RestoreAction::metadata);
        else
            ++context_.report.unchanged;
        if (context_.options.dry_run) return {};
        ExistingDirectory existing{number, {}, there, context_.path, differs};
        existing.entry = Changes::metadata_of(entry);
        existing_.push_back(std::move(existing));
        return {};
    }
    /// A name in a directory that stays: missing, or what is there is no directory, or the entry is
    /// none.
    Result<Number> take(DirectoryNumber dir, TreeEntry& entry,
                        const std::optional<NodeStatus>& there) {
        if (!there) {
            context_.count(RestoreAction::create);
            return add_new(dir, RestoreStep::create, {}, entry);
        }
        if (!is_same_kind(there->kind, entry.kind)) {
            context_.count(RestoreAction::replace);
            if (there->kind == NodeKind::directory)
                if (auto told = tell_contents(dir, entry.name, context_.path); !told)
                    return told.error();
            return add_new(dir, RestoreStep::replace, there, entry);
        }
        auto difference = compare(dir, entry.name, *there, entry);
        if (!difference) return context_.failed(difference.error());
        if (*difference == Difference::nothing && there->links == 1) {
            ++context_.report.unchanged;
            return Number{};
        }
        if (*difference == Difference::metadata && can_stay(*there, entry, 1)) {
            context_.count(RestoreAction::metadata);
            if (context_.options.dry_run) return Number{};
            if (auto added = changes_.add_metadata(dir, entry.name, *there, entry); !added)
                return context_.failed(added.error());
            return Number{};
        }
        context_.count(RestoreAction::content);
        return add_new(dir, RestoreStep::replace, there, entry);
    }
    /// A name of a file that has several.
    Result<Number> take_link(DirectoryNumber dir, bool is_new, TreeEntry& entry,
                             const std::optional<NodeStatus>& there) {
        group_of(entry).members.push_back({dir, is_new, entry.name, context_.path, there});
        return Number{};
    }

    /// Something new at a name in a directory that stays.
    Result<Number> add_new(DirectoryNumber dir, RestoreStep step,
                           const std::optional<NodeStatus>& before, TreeEntry& entry) {
        if (auto right = check_place(dir); !right) return context_.failed(right.error());
        if (context_.options.dry_run) return make(0, {}, entry);
        auto added = changes_.add_step(dir, step, entry.name, before);
        if (!added) return context_.failed(added.error());
        return make(changes_.staged(), changes_.name_of(*added), entry, *added);
    }
    /// A name that the snapshot has not.
    Result<void> remove(DirectoryNumber dir, const std::string& name, const NodeStatus& there,
                        const std::string& path) {
        context_.count(RestoreAction::remove, path);
        if (there.kind == NodeKind::directory)
            if (auto told = tell_contents(dir, name, path); !told) return told;
        if (auto right = check_place(dir); !right) return context_.failed(right.error(), path);
        if (context_.options.dry_run) return {};
        auto added = changes_.add_step(dir, RestoreStep::remove, name, there);
        if (!added) return context_.failed(added.error(), path);
        return {};
    }
    /// An entry in a directory that is staged.
    Result<Number> take_new(DirectoryNumber dir, TreeEntry& entry) {
        context_.count(RestoreAction::create);
        return make(dir, entry.name, entry);
    }

    /// Once all entries were taken.
    Result<void> finish() {
        for (auto& group : groups_)
            if (auto made = resolve(group.second); !made) return made;
        groups_.clear();
        if (!context_.options.dry_run)
            if (auto made = changes_.finish(); !made) return made;
        return end_existing_directories();
    }

private:
    static constexpr std::size_t no_step = Changes::no_step;

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
    Group& group_of(const TreeEntry& entry) {
        auto [at, end] = groups_.equal_range(entry.hard_link);
        for (; at != end; ++at)
            if (is_same_file(at->second.entry, entry)) return at->second;
        return groups_.emplace(entry.hard_link, Group{entry, {}})->second;
    }
    struct ExistingDirectory {
        DirectoryNumber dir;
        TreeEntry entry;
        NodeStatus before;
        std::string path;
        bool differs;
    };
    template <class Call>
    static auto call(Call&& call) noexcept {
        return bobbin::detail::uninterrupted(call);
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

    /// Whether names may change in a directory: what is staged does not get to another file system.
    Result<void> check_place(DirectoryNumber dir) const {
        if (foreign_.contains(dir)) return Error::system(EXDEV, Operation::rename);
        return {};
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
        if (context_.options.dry_run) return Number{};
        // What is told of files may be of another.
        const bool is_file = entry.kind == EntryKind::file;
        if (auto made = changes_.make(dir, std::move(name), context_.path, entry); !made)
            return is_file ? made.error() : context_.failed(made.error());
        return Number{};
    }
    Result<Number> make_directory(DirectoryNumber dir, std::string name, const TreeEntry& entry,
                                  std::size_t step) {
        if (context_.options.dry_run) return Number{1};
        auto made = changes_.make_directory(dir, std::move(name), context_.path, entry, step);
        if (!made) return context_.failed(made.error());
        return Number{std::uint64_t{*made} << 1 | 1};
    }
    /// Those in others come first; changes of names have changed their times.
    Result<void> end_existing_directories() {
        for (; !existing_.empty(); existing_.pop_back()) {
            const auto& existing = existing_.back();
            if (!existing.differs && !changes_.touches(existing.dir)) continue;
            auto added = changes_.add_metadata(existing.dir, {}, existing.before, existing.entry);
            if (!added) return context_.failed(added.error(), existing.path);
        }
        return {};
    }

    Result<void> resolve(Group& group) {
        auto& entry = group.entry;
        const auto& first = group.members.front();
        const bool is_one = std::ranges::all_of(group.members, [&](const Member& member) {
            return member.there && is_same_kind(member.there->kind, entry.kind) &&
                   member.there->inode == first.there->inode &&
                   member.there->device == first.there->device;
        });
        context_.path = first.path;
        if (is_one) {
            auto difference = compare(first.dir, first.name, *first.there, entry);
            if (!difference) return context_.failed(difference.error());
            if (*difference == Difference::nothing) {
                context_.report.unchanged += group.members.size();
                return {};
            }
            if (*difference == Difference::metadata &&
                can_stay(*first.there, entry, group.members.size())) {
                for (const auto& member : group.members)
                    context_.count(RestoreAction::metadata, member.path);
                if (context_.options.dry_run) return {};
                return changes_.add_metadata(first.dir, first.name, *first.there, entry);
            }
        }
        // One is made, with one more name for each of the others.
        std::optional<std::pair<DirectoryNumber, std::string>> made;
        for (auto& member : group.members) {
            context_.path = member.path;
            std::pair<DirectoryNumber, std::string> at{member.dir, member.name};
            if (!member.is_new) {
                const bool is_other = member.there && !is_same_kind(member.there->kind, entry.kind);
                context_.count(!member.there ? RestoreAction::create
                               : is_other    ? RestoreAction::replace
                                             : RestoreAction::content);
                if (is_other && member.there->kind == NodeKind::directory)
                    if (auto told = tell_contents(member.dir, member.name, context_.path); !told)
                        return told;
                if (auto right = check_place(member.dir); !right)
                    return context_.failed(right.error());
                if (context_.options.dry_run) continue;
                auto added = changes_.add_step(
                    member.dir, member.there ? RestoreStep::replace : RestoreStep::create,
                    member.name, member.there);
                if (!added) return context_.failed(added.error());
                at = {changes_.staged(), changes_.name_of(*added)};
            }
            if (context_.options.dry_run) continue;
            if (made) {
                changes_.make_link({made->first, at.first, made->second, at.second, member.path});
                continue;
            }
            made = at;
            if (auto plain = make_plain(at.first, at.second, entry); !plain) return plain.error();
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
            if (!opened) return context_.failed(opened.error(), at);
            auto node = call([&] { return fs_.node(**opened); });
            if (!node) return context_.failed(node.error(), at);
            if (node->device != device_)
                return context_.failed(Error::system(EXDEV, Operation::remove), at);
            auto names = call([&] { return fs_.read_directory(**opened); });
            if (!names) return context_.failed(names.error(), at);
            std::ranges::sort(*names, {}, &DirectoryName::name);
            for (auto& inner : *names) {
                context_.count(RestoreAction::remove, at + inner.name);
                if (inner.kind == NodeKind::unknown) {
                    auto there = find_node(fs_, **opened, inner.name);
                    if (!there) return context_.failed(there.error(), at + inner.name);
                    if (*there) inner.kind = (*there)->kind;
                }
                if (inner.kind == NodeKind::directory)
                    left.push_back({directories_.add(number, inner.name), at + inner.name + '/'});
            }
        }
        return {};
    }

    Fs fs_;
    DirectoryHandles<Fs>& directories_;
    Changes& changes_;
    RestoreContext& context_;
    RestoreCompare<Fs, S> compare_;
    std::uint64_t device_;
    std::set<DirectoryNumber> foreign_;  ///< of another file system
    std::vector<ExistingDirectory> existing_;
    std::multimap<std::uint64_t, Group> groups_;
};

}  // namespace bobbin::pack::detail

#endif
