#ifndef BOBBIN_PACK_DETAIL_ENTRY_SAVER_HPP
#define BOBBIN_PACK_DETAIL_ENTRY_SAVER_HPP

#include <bobbin/digest/sha256.hpp>
#include <bobbin/pack/detail/content_reader.hpp>
#include <bobbin/pack/detail/node_writer.hpp>
#include <bobbin/pack/detail/save_frame.hpp>
#include <bobbin/pack/detail/save_state.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// Makes entries of files, symlinks and directories: what each thread of a save has of its own.
/// External sync.
template <TreeFileSystem Fs, ChunkSink Sink, Codec C, Chunker Cut>
class EntrySaver {
public:
    using Group = ChunkGroup<Sink, C>;
    using Frame = SaveFrame<Fs, NodeWriter<Sink, C>>;

    EntrySaver(SaveState<Fs>& state, Sink& sink, C codec, const Cut& cut)
        : state_{state}
        , fs_{state.fs}
        , sink_{sink}
        , encoder_{sink, std::move(codec), counts_}
        , files_{encoder_, std::clamp<std::size_t>(state.options.group.value, 1, largest_group)}
        , nodes_{encoder_, node_group}
        , reader_{state.fs, state.options, cut, encoder_, files_, nodes_, counts_} {}

    EntrySaver(const EntrySaver&) = delete;
    EntrySaver& operator=(const EntrySaver&) = delete;

    ContentReader<Fs, Sink, C, Cut>& reader() noexcept { return reader_; }
    Group& nodes() noexcept { return nodes_; }
    SaveCounts& counts() noexcept { return counts_; }

    Result<void> flush() {
        if (auto flushed = files_.flush(); !flushed) return flushed;
        return nodes_.flush();
    }
    /// What was counted is told, and forgotten.
    void tell_counts() {
        state_.add(counts_);
        counts_ = {};
    }

    void tell(const Frame& above, std::string_view name, SaveProblemKind kind,
              const Error& error = {}) {
        ++counts_.problems;
        std::vector<const Frame*> way;
        for (const auto* at = &above; at->parent; at = at->parent.get()) way.push_back(at);
        std::string path;
        for (; !way.empty(); way.pop_back()) path.append(way.back()->name).push_back('/');
        path += name;
        if (name.empty() && !path.empty()) path.pop_back();
        state_.tell({std::move(path), kind, error});
    }

    /// Whatever is not a directory.
    /// @param dir of `frame`
    /// @errors of the sink; `stop_requested`
    Result<void> save(Frame& frame, FileHandle dir, SaveSlot& slot) {
        const auto& listed = frame.names[slot.name];
        const auto* const name = listed.name.c_str();
        auto kind = listed.kind;
        std::optional<NodeStatus> status;
        if (slot.cached || kind == NodeKind::symlink) {
            const auto got = fs_.node_at(dir, name);
            if (!got) return failed(frame, slot, got.error());
            if (slot.cached && is_unchanged(frame, *got, slot)) return {};
            status = *got;
            kind = got->kind;
        }
        switch (kind) {
            case NodeKind::symlink: return save_symlink(frame, dir, slot, *status);
            case NodeKind::file: return save_file(frame, dir, slot);
            case NodeKind::directory:
                tell(frame, listed.name, SaveProblemKind::vanished);
                return {};
            default: tell(frame, listed.name, SaveProblemKind::special_file); return {};
        }
    }

    /// Metadata of a directory that is open.
    /// @param slot names it; null: it is the root
    void describe(Frame& frame, SaveSlot* slot) {
        auto& entry = frame.entry;
        entry.kind = EntryKind::directory;
        set_status(entry, frame.status);
        const auto* const cached = slot ? slot->cached : nullptr;
        if (cached && cached->stamp == FileStamp::of(frame.status)) {
            slot->is_suspect = !state_.cache->trusts(cached->stamp, frame.is_network);
            if (!slot->is_suspect && !read_entry(cached->encoded, entry_) &&
                entry_.kind == EntryKind::directory) {
                entry.attributes.swap(entry_.attributes);
                return;
            }
        }
        frame.is_recordable = set_attributes(entry, fs_.attributes(frame.handle), frame, {});
    }

    /// Whether the directory of a slot has the stamp that the last save found, and that is believed.
    bool is_unchanged(const Frame& frame, const SaveSlot& slot) const noexcept {
        return slot.cached && slot.cached->kind == EntryKind::directory && !slot.is_suspect &&
               slot.cached->stamp == FileStamp::of(frame.status);
    }

    /// The content that the directory of a slot had, where the sink has it; it is for a node of the
    /// same entries.
    bool take_last_content(Frame& frame, const SaveSlot& slot) {
        if (!slot.cached || read_entry(slot.cached->encoded, entry_) ||
            entry_.kind != EntryKind::directory || !has_all(entry_.content))
            return false;
        frame.entry.content = std::move(entry_.content);
        return true;
    }

    /// Gives a slot its entry.
    void keep(const Frame& above, SaveSlot& slot, const TreeEntry& entry, const NodeStatus& status,
              bool is_recordable) {
        slot.own.clear();
        if (is_valid(entry)) put_entry(slot.own, entry);
        if (slot.own.empty() || slot.own.size() > TreeLimits::entry) {
            const auto why = slot.own.empty() ? Errc::invalid_argument : Errc::out_of_range;
            tell(above, entry.name, SaveProblemKind::unreadable, Error{why, Operation::encode});
            return;
        }
        slot.encoded = slot.own;
        slot.stamp = FileStamp::of(status);
        slot.is_recordable = is_recordable;
        slot.is_kept = true;
    }

private:
    static constexpr std::size_t largest_group = std::size_t{1} << 20;
    static constexpr std::size_t node_group = std::size_t{256} << 10;

    Result<void> failed(Frame& frame, SaveSlot& slot, const Error& error) {
        tell(frame, frame.names[slot.name].name, problem_of(error), error);
        return {};
    }

    /// Keeps what the last save knew of a name, if it still holds.
    bool is_unchanged(Frame& frame, const NodeStatus& status, SaveSlot& slot) {
        const auto& cached = *slot.cached;
        if (cached.stamp != FileStamp::of(status)) return false;
        if (!state_.cache->trusts(cached.stamp, frame.is_network)) {
            slot.is_suspect = true;
            return false;
        }
        if (read_entry(cached.encoded, entry_)) return false;
        const bool is_file = status.kind == NodeKind::file && entry_.kind == EntryKind::file;
        const bool is_symlink =
            status.kind == NodeKind::symlink && entry_.kind == EntryKind::symlink;
        if (!is_file && !is_symlink) return false;
        if (is_file && !has_all(entry_.content)) return false;
        slot.encoded = cached.encoded;
        slot.record = cached.record;
        slot.stamp = cached.stamp;
        slot.is_recordable = slot.is_kept = true;
        ++(is_file ? counts_.files : counts_.symlinks);
        if (is_file) {
            ++counts_.unchanged;
            counts_.bytes += status.size;
        }
        return true;
    }

    /// Whether the sink has all chunks of a content, and its lists.
    bool has_all(const Content& content) {
        const auto has = [&](const Extent& extent) {
            return extent.is_hole || sink_.contains(extent.address);
        };
        if (content.level == 0) return std::ranges::all_of(content.extents, has);
        if constexpr (requires(const Address& address) {
                          { sink_.fetch(address) } -> std::same_as<Result<std::vector<std::byte>>>;
                      }) {
            const Error missing{Errc::chunk_missing, Operation::read};
            return for_each_chunk(
                       content,
                       [&](const Address& list) -> Result<std::vector<std::byte>> {
                           if (!sink_.contains(list)) return missing;
                           return sink_.fetch(list);
                       },
                       [&](const Extent& extent) -> Result<void> {
                           if (!has(extent)) return missing;
                           return {};
                       })
                .has_value();
        }
        return false;
    }

    Result<void> save_symlink(Frame& frame, FileHandle dir, SaveSlot& slot,
                              const NodeStatus& status) {
        const auto& name = frame.names[slot.name].name;
        auto target = fs_.read_link_at(dir, name.c_str());
        if (!target) return failed(frame, slot, target.error());
        begin_entry(name, EntryKind::symlink, status);
        entry_.target = *std::move(target);
        const bool is_recordable =
            set_attributes(entry_, fs_.attributes_at(dir, name.c_str()), frame, name);
        keep(frame, slot, entry_, status, is_recordable);
        ++counts_.symlinks;
        return {};
    }

    /// Twice where it changes meanwhile.
    Result<void> save_file(Frame& frame, FileHandle dir, SaveSlot& slot) {
        const auto& name = frame.names[slot.name].name;
        for (bool is_last : {false, true}) {
            const auto handle = bobbin::detail::uninterrupted(
                [&] { return fs_.open_at(dir, name.c_str(), OpenMode::read); });
            if (!handle) return save_other(frame, dir, slot, handle.error());
            struct Close {
                Fs& fs;
                FileHandle h;
                ~Close() { (void)fs.close(h); }
            } const close{fs_, *handle};
            const auto status = fs_.node(*handle);
            if (!status) return failed(frame, slot, status.error());
            if (status->kind != NodeKind::file) {
                tell(frame, name,
                     status->kind == NodeKind::special ? SaveProblemKind::special_file
                                                       : SaveProblemKind::vanished);
                return {};
            }
            begin_entry(name, EntryKind::file, *status);
            auto read = reader_.read(*handle, *status);
            if (!read) return read.error();
            if (read->wrong) return failed(frame, slot, *read->wrong);
            if (read->has_changed && !is_last) continue;
            if (read->has_changed) tell(frame, name, SaveProblemKind::changed_while_read);
            const bool is_recordable =
                set_attributes(entry_, fs_.attributes(*handle), frame, name) && !read->has_changed;
            ++counts_.files;
            counts_.bytes += read->content.size;
            entry_.content = std::move(read->content);
            keep(frame, slot, entry_, *status, is_recordable);
            break;
        }
        return {};
    }

    /// It could not be opened as a file; it may have become a symlink.
    Result<void> save_other(Frame& frame, FileHandle dir, SaveSlot& slot, const Error& error) {
        if (error.is_errno(ELOOP)) {
            const auto status = fs_.node_at(dir, frame.names[slot.name].name.c_str());
            if (status && status->kind == NodeKind::symlink)
                return save_symlink(frame, dir, slot, *status);
        }
        return failed(frame, slot, error);
    }

    void begin_entry(const std::string& name, EntryKind kind, const NodeStatus& status) {
        entry_.name = name;
        entry_.kind = kind;
        entry_.content.size = 0;
        entry_.content.level = 0;
        entry_.content.extents.clear();
        entry_.target.clear();
        entry_.attributes.clear();
        set_status(entry_, status);
    }

    void set_status(TreeEntry& entry, const NodeStatus& status) {
        entry.mode = status.mode & 07777;
        entry.user = status.user;
        entry.group = status.group;
        entry.user_name = owner_name(user_, false, status.user);
        entry.group_name = owner_name(group_, true, status.group);
        entry.modified = status.modified;
        entry.hard_link =
            entry.kind == EntryKind::directory || status.links < 2 ? 0 : hard_link_of(status);
    }

    /// The inode's number, which stays when another device is mounted; on others than the root's,
    /// one that depends on both.
    std::uint64_t hard_link_of(const NodeStatus& status) const noexcept {
        if (status.device == state_.root_device) return status.inode;
        std::array<std::byte, 16> both;
        store_le(both.data(), status.device);
        store_le(both.data() + 8, status.inode);
        return load_le<std::uint64_t>(Sha256::of(both).data()) | 1;
    }

    /// Whether they could be read.
    bool set_attributes(TreeEntry& entry, Result<std::vector<Attribute>> attributes,
                        const Frame& frame, std::string_view name) {
        entry.attributes.clear();
        if (attributes) {
            entry.attributes = *std::move(attributes);
            return true;
        }
        if (attributes.error().is(Errc::not_supported)) return true;
        tell(frame, name, SaveProblemKind::attributes_unreadable, attributes.error());
        return false;
    }

    const std::string& owner_name(std::optional<CachedOwner>& last, bool is_group,
                                  std::uint32_t id) {
        if (!last || last->id != id)
            last = CachedOwner{id, is_group, state_.owner_name(is_group, id)};
        return last->name;
    }

    SaveState<Fs>& state_;
    Fs& fs_;
    Sink& sink_;
    SaveCounts counts_;
    RecordEncoder<Sink, C> encoder_;
    Group files_;
    Group nodes_;
    ContentReader<Fs, Sink, C, Cut> reader_;
    TreeEntry entry_;
    std::optional<CachedOwner> user_;  // the last ones
    std::optional<CachedOwner> group_;
};

}  // namespace bobbin::pack::detail

#endif
