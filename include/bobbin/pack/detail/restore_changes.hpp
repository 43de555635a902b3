#ifndef BOBBIN_PACK_DETAIL_RESTORE_CHANGES_HPP
#define BOBBIN_PACK_DETAIL_RESTORE_CHANGES_HPP

#include <bobbin/pack/detail/restore_exchange.hpp>
#include <bobbin/pack/detail/restore_files.hpp>
#include <bobbin/pack/detail/restore_recovery.hpp>
#include <bobbin/pack/restore_options.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// What a restore changes: made in a staging directory, and then put in its place. External sync.
template <TreeFileSystem Fs, ChunkSource S>
class RestoreChanges {
public:
    static constexpr std::size_t no_step = SIZE_MAX;

    struct Link {
        DirectoryNumber from_dir, dir;
        std::string from, name, path;
    };

    /// @param base the directory that gets the staging directory of that name
    RestoreChanges(Fs fs, DirectoryHandles<Fs>& directories, std::vector<S>& sources,
                   FileHandle base, std::string staging_name, const RestoreOptions& options,
                   RestoreReport& report)
        : fs_{std::move(fs)}
        , directories_{directories}
        , options_{options}
        , report_{report}
        , progress_{options.progress ? *options.progress : own_progress_}
        , files_{fs_, directories_, sources, refused_, progress_}
        , staging_{fs_, base, std::move(staging_name)} {}
    RestoreChanges(const RestoreChanges&) = delete;
    RestoreChanges& operator=(const RestoreChanges&) = delete;

    /// Whether there is anything.
    bool any() const noexcept { return staging_.exists(); }
    bool touches(DirectoryNumber dir) const { return touched_.contains(dir); }
    /// Where new things are that get a place by a step, under their number.
    DirectoryNumber staged() const noexcept { return staged_; }

    /// A change of a name in a directory that stays.
    /// @returns its index; its number is the name of what is new in `staged()`
    Result<std::size_t> add_step(DirectoryNumber dir, RestoreStep kind, const std::string& name,
                                 const std::optional<NodeStatus>& before) {
        if (auto staged = stage(); !staged) return staged.error();
        RestoreOperation step;
        step.step = kind;
        step.dir = dir;
        step.name = name;
        step.number = next_number_++;
        if (before) step.before = NodeIdentity::of(*before);
        touched_.insert(dir);
        steps_.push_back(std::move(step));
        return steps_.size() - 1;
    }
    std::string name_of(std::size_t step) const { return std::to_string(steps_[step].number); }

    /// A change of metadata where they are; the empty name is the directory itself.
    Result<void> add_metadata(DirectoryNumber dir, std::string name, const NodeStatus& there,
                              const TreeEntry& entry) {
        if (auto staged = stage(); !staged) return staged;
        RestoreOperation step;
        step.step = RestoreStep::metadata;
        step.dir = dir;
        step.name = std::move(name);
        step.before = NodeIdentity::of(there);
        step.metadata = std::make_unique<MetadataChange>();
        step.metadata->wanted = metadata_of(entry);
        auto& before = step.metadata->before;
        before.kind = entry.kind;
        before.mode = there.mode;
        before.user = there.user;
        before.group = there.group;
        before.modified = there.modified;
        auto opened = directories_.open(dir);
        if (!opened) return opened.error();
        auto attributes =
            or_none(step.name.empty() ? fs_.attributes(**opened)
                                      : fs_.attributes_at(**opened, step.name.c_str()));
        if (!attributes) return attributes.error();
        before.attributes = std::move(*attributes);
        steps_.push_back(std::move(step));
        return {};
    }

    /// A directory in one that is staged.
    /// @param step that gives it its place, if one does
    Result<DirectoryNumber> make_directory(DirectoryNumber dir, std::string name,
                                           const std::string& path, const TreeEntry& entry,
                                           std::size_t step) {
        auto in = directories_.open(dir);
        if (!in) return in.error();
        auto made = call([&] { return fs_.make_directory_at(**in, name.c_str(), 0700); });
        if (!made) return made.error();
        const auto number = directories_.add(dir, std::move(name));
        staged_directories_.push_back({number, path, metadata_of(entry), step});
        return number;
    }
    /// A file or symlink in one.
    Result<void> make(DirectoryNumber dir, std::string name, const std::string& path,
                      TreeEntry& entry) {
        if (entry.kind == EntryKind::symlink) return make_symlink(dir, name.c_str(), entry);
        return files_.add({dir, std::move(name), path, std::move(entry)});
    }
    /// One more name of what will be made by then.
    void make_link(Link link) { links_.push_back(std::move(link)); }

    /// Ends all that is new.
    Result<void> finish() {
        if (auto made = files_.finish(); !made) return made;
        if (auto made = make_links(); !made) return made;
        return end_staged_directories();
    }

    /// Makes all durable, and then puts it in its place, or leaves all as it was.
    Result<void> exchange() {
        using bobbin::detail::without_throwing;
        for (auto& step : steps_) {
            if (step.step != RestoreStep::create && step.step != RestoreStep::replace) continue;
            auto node = call(
                [&] { return fs_.node_at(staged_handle_, std::to_string(step.number).c_str()); });
            if (!node) return failed(node.error(), path_of(step));
            step.staged = NodeIdentity::of(*node);
        }
        if (auto synced = sync(); !synced) return synced;
        // A journal that has its name may be durable or not; nothing has changed yet either way.
        const auto give_up = [&](const Error& error) {
            const auto removed = remove_journal();
            report_.is_unfinished = !removed && !removed.error().is_errno(ENOENT);
            return error;
        };
        auto written =
            RestoreJournal::write(fs_, staging_.handle(), steps_, directories_, options_.sync);
        if (!written) return give_up(written.error());
        RestoreExchange<Fs> exchange{fs_,      directories_, staged_handle_, removed_handle_,
                                     *written, refused_};
        std::size_t at = steps_.size();
        auto done = without_throwing(Operation::rename,
                                     [&] { return exchange.forward(steps_, false, at); });
        if (!done && at < steps_.size()) (void)failed(done.error(), path_of(steps_[at]));
        if (done) done = sync();
        const auto undo = [&] { return exchange.backward(steps_); };
        if (!done && (!without_throwing(Operation::rename, undo) || !sync())) {
            report_.is_unfinished = true;
            return done;
        }
        if (auto removed = remove_journal(); !removed) {
            report_.is_unfinished = true;
            return done ? removed : done;
        }
        must_keep_ = exchange.has_stranded();
        return done;
    }
    /// Removes what is left of it, and ends all work.
    /// @param base the path of what holds the staging directory
    void end(bool is_done, const std::string& base) {
        if (!is_done) files_.abandon();
        if (report_.failed_path.empty()) report_.failed_path = files_.failed_path();
        const auto remove = [&] { return staging_.remove(); };
        if (!report_.is_unfinished) {
            if (must_keep_)
                report_.kept = base + '/' + staging_.keep();
            else if (!bobbin::detail::without_throwing(Operation::remove, remove))
                report_.kept = base + '/' + staging_.name();  // for the next one to remove
        }
        report_.files = progress_.files;
        report_.bytes = progress_.bytes;
        report_.owners_refused = refused_.owners;
        report_.modes_refused = refused_.modes;
        report_.times_refused = refused_.times;
        report_.attributes_refused = refused_.attributes;
    }

    static TreeEntry metadata_of(const TreeEntry& entry) {
        TreeEntry some;
        some.kind = entry.kind;
        some.mode = entry.mode;
        some.user = entry.user;
        some.group = entry.group;
        some.modified = entry.modified;
        some.attributes = entry.attributes;
        return some;
    }

private:
    struct StagedDirectory {
        DirectoryNumber dir;
        std::string path;
        TreeEntry entry;
        std::size_t step;  ///< that moves it; none: one above it moves
    };
    template <class Call>
    static auto call(Call&& call) noexcept {
        return bobbin::detail::uninterrupted(call);
    }
    Error failed(const Error& error, std::string_view path) {
        if (report_.failed_path.empty()) report_.failed_path = path;
        return error;
    }

    Result<void> stage() {
        if (staging_.exists()) return {};
        if (auto made = staging_.make(); !made) return made;
        for (const char* const name : {staged_name, removed_name}) {
            // All bits are asked for, and what is there then tells how others will be made.
            auto made = call([&] { return fs_.make_directory_at(staging_.handle(), name, 0777); });
            if (!made) return made;
            auto opened = call([&] { return fs_.open_directory_at(staging_.handle(), name); });
            if (!opened) return opened.error();
            const auto number = directories_.add_open(*opened);
            if (name == staged_name) staged_ = number;
            (name == staged_name ? staged_handle_ : removed_handle_) = *opened;
        }
        auto node = call([&] { return fs_.node(staged_handle_); });
        if (!node) return node.error();
        made_as_ = {node->user, node->group, 0777U & ~node->mode};
        files_.made_as(made_as_);
        return {};
    }

    Result<void> make_symlink(DirectoryNumber dir, const char* name, const TreeEntry& entry) {
        auto in = directories_.open(dir);
        if (!in) return in.error();
        auto made = call([&] { return fs_.make_symlink_at(entry.target.c_str(), **in, name); });
        if (!made) return made;
        NodeStatus now;
        now.user = made_as_.user;
        now.group = made_as_.group;
        return MetadataTarget<Fs>{fs_, **in, name}.set(entry, now, {}, refused_);
    }

    Result<void> make_links() {
        for (const auto& link : links_) {
            auto from = directories_.open(link.from_dir);
            if (!from) return failed(from.error(), link.path);
            auto dir = directories_.open(link.dir);
            if (!dir) return failed(dir.error(), link.path);
            auto made = call(
                [&] { return fs_.link_at(**from, link.from.c_str(), **dir, link.name.c_str()); });
            if (!made) return failed(made.error(), link.path);
        }
        return {};
    }

    /// What is in them is made by now, and those in others come first.
    Result<void> end_staged_directories() {
        for (; !staged_directories_.empty(); staged_directories_.pop_back()) {
            auto& staged = staged_directories_.back();
            auto dir = directories_.open(staged.dir);
            if (!dir) return failed(dir.error(), staged.path);
            auto now = call([&] { return fs_.node(**dir); });
            if (!now) return failed(now.error(), staged.path);
            auto entry = staged.entry;
            const bool can_move = (entry.mode & 0200) != 0;
            if (!can_move && staged.step != no_step) {
                // To move it, its owner must be able to write in it.
                entry.mode |= 0700;
                const auto& step = steps_[staged.step];
                RestoreOperation last;
                last.step = RestoreStep::metadata;
                last.dir = directories_.add(step.dir, step.name);
                last.before = NodeIdentity::of(*now);
                last.metadata = std::make_unique<MetadataChange>();
                last.metadata->wanted = staged.entry;
                last.metadata->before = entry;
                steps_.push_back(std::move(last));
            }
            auto set = MetadataTarget<Fs>{fs_, **dir}.set(entry, *now, {}, refused_);
            if (!set) return failed(set.error(), staged.path);
        }
        return {};
    }

    Result<void> remove_journal() noexcept {
        return call([&] { return fs_.remove(staging_.handle(), RestoreJournal::name); });
    }
    Result<void> sync() noexcept {
        if (!options_.sync) return {};
        return fs_.sync_file_system(staging_.handle());
    }
    /// In the tree.
    std::string path_of(const RestoreOperation& step) const {
        return directories_.path(step.dir) + step.name;
    }

    Fs fs_;
    DirectoryHandles<Fs>& directories_;
    const RestoreOptions& options_;
    RestoreReport& report_;
    RestoreProgress own_progress_;
    RestoreProgress& progress_;
    RefusedMetadata refused_;
    RestoreFiles<Fs, S> files_;
    RestoreStaging<Fs> staging_;
    DirectoryNumber staged_ = 0;
    FileHandle staged_handle_ = no_file, removed_handle_ = no_file;
    MadeAs made_as_;
    std::vector<RestoreOperation> steps_;
    std::uint64_t next_number_ = 0;
    bool must_keep_ = false;             ///< what has no place any more
    std::set<DirectoryNumber> touched_;  ///< in which names change
    std::vector<StagedDirectory> staged_directories_;
    std::vector<Link> links_;
};

}  // namespace bobbin::pack::detail

#endif
