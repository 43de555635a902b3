#ifndef BOBBIN_TESTING_SIM_DISK_HPP
#define BOBBIN_TESTING_SIM_DISK_HPP

#include <bobbin/testing/detail/sim_pages.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace bobbin::testing {

/// In which order changes to names become durable.
enum class NameModel : std::uint8_t {
    weak,     ///< each name by itself, when its directory is synced
    ordered,  ///< all in the order they were made, with any sync; as ext4 does
};

struct SimOptions {
    NameModel names = NameModel::weak;
    bool split_rename = false;  ///< a crash may leave both names of a rename, or none
    std::size_t chunk = 4096;   ///< what becomes durable as a whole
    Bytes quota = Bytes{std::uint64_t{1} << 40};
    Bytes max_file_size = Bytes{std::uint64_t{1} << 30};  ///< larger answers EFBIG
    std::uint32_t type = 0xEF53;  ///< that `type` tells: ext4
    bool uncached = false;        ///< takes uncached writes
};

/// What is on a simulated disk: files and names, each as they are now, as they are durable, and
/// all versions in between that a crash may leave. Copies share chunks. External sync.
class SimDisk {
public:
    using Inode = detail::Inode;

    struct Node {
        detail::ContentRef live = std::make_shared<detail::SimContent>();
        detail::ContentRef durable = live;
        detail::PendingFile pending;
        std::string origin;  ///< the path it was made under
        std::vector<bool> dropped;       ///< chunks that left the page cache; empty where none did
        std::uint64_t preallocated = 0;  ///< bytes of blocks; not counted as used
        std::uint32_t write_errors = 0;  ///< how often write-back failed
        bool error_was_told = true;      ///< of the last one
    };
    using Names = std::map<std::string, Inode, std::less<>>;

    explicit SimDisk(SimOptions options = {}) : options_{options} {}

    const SimOptions& options() const noexcept { return options_; }
    SimOptions& options() noexcept { return options_; }
    const Names& live_names() const noexcept { return live_names_; }
    const Names& durable_names() const noexcept { return durable_names_; }
    const detail::PendingNames& pending_names() const noexcept { return pending_names_; }
    const std::map<Inode, Node>& nodes() const noexcept { return nodes_; }
    const Node& node(Inode inode) const { return nodes_.at(inode); }
    const std::set<std::string, std::less<>>& directories() const noexcept { return directories_; }
    Bytes used() const noexcept { return Bytes{used_chunks_ * options_.chunk}; }

    bool is_directory(std::string_view path) const { return directories_.contains(path); }
    void make_directory(std::string path) { directories_.insert(std::move(path)); }

    Inode lookup(std::string_view path) const {
        const auto at = live_names_.find(path);
        return at == live_names_.end() ? detail::no_inode : at->second;
    }

    /// Whether a file still has the name it was made under. True for a directory.
    bool has_origin_name(Inode inode) const {
        return inode == detail::no_inode || lookup(nodes_.at(inode).origin) == inode;
    }

    Inode create(const std::string& path) {
        const auto inode = next_inode_++;
        nodes_[inode].origin = path;
        ++step_;
        set_name(path, inode);
        return inode;
    }

    void unlink(const std::string& path) {
        ++step_;
        set_name(path, detail::no_inode);
    }

    void rename(const std::string& from, const std::string& to) {
        const auto inode = lookup(from);
        if (lookup(to) == inode) return;
        const bool ordered = options_.names == NameModel::ordered;
        if (!options_.split_rename && !ordered) pending_names_.tie(to, from);
        ++step_;
        set_name(to, inode);
        if (options_.split_rename) ++step_;
        set_name(from, detail::no_inode);
    }

    std::size_t read(Inode inode, MutableByteView to, std::uint64_t offset) const {
        const auto& content = *nodes_.at(inode).live;
        if (offset >= content.size) return 0;
        to = to.first(std::min<std::uint64_t>(to.size(), content.size - offset));
        each_piece(offset, to.size(),
                   [&](std::uint64_t chunk, std::size_t in, std::size_t at, std::size_t n) {
                       if (const auto& source = content.chunk(chunk))
                           std::memcpy(to.data() + at, source->bytes().data() + in, n);
                       else
                           std::memset(to.data() + at, 0, n);
                   });
        return to.size();
    }

    /// How many bytes were taken: fewer where the quota ends.
    std::size_t write(Inode inode, ByteView from, std::uint64_t offset) {
        auto& node = nodes_.at(inode);
        std::size_t taken = 0;
        ++step_;
        each_piece(offset, from.size(),
                   [&](std::uint64_t chunk, std::size_t in, std::size_t at, std::size_t n) {
                       if (taken != at) return;
                       const auto& old = node.live->chunk(chunk);
                       if (!old && Bytes{(used_chunks_ + 1) * options_.chunk} > options_.quota)
                           return;
                       auto fresh = old ? std::make_shared<detail::SimChunk>(*old)
                                        : std::make_shared<detail::SimChunk>(options_.chunk);
                       std::memcpy(fresh->bytes().data() + in, from.data() + at, n);
                       put_chunk(node, chunk, std::move(fresh));
                       taken += n;
                   });
        if (taken != 0 && offset + taken > node.live->size) put_size(node, offset + taken);
        return taken;
    }

    void truncate(Inode inode, std::uint64_t size) {
        auto& node = nodes_.at(inode);
        node.preallocated = std::min(node.preallocated, size);
        if (size == node.live->size) return;
        ++step_;
        if (size < node.live->size) {
            const auto whole = size / options_.chunk;
            const auto rest = static_cast<std::size_t>(size % options_.chunk);
            const auto first = whole + (rest != 0 ? 1 : 0);
            node.pending.cuts.push_back({step_, first});
            if (rest != 0) {
                auto cut = detail::cut_chunk(node.live->chunk(whole), rest);
                if (cut != node.live->chunk(whole)) put_chunk(node, whole, std::move(cut));
            }
            for (auto chunk = first; chunk < node.live->chunks.size(); ++chunk)
                if (node.live->chunk(chunk)) put_chunk(node, chunk, nullptr);
        }
        put_size(node, size);
    }

    void sync_file(Inode inode) {
        auto& node = nodes_.at(inode);
        if (!node.pending.empty()) {
            const bool whole = std::ranges::all_of(node.pending.chunks,
                                                   [](const auto& c) { return decides(c.second); });
            if (whole) {
                node.durable = node.live;
                node.pending = {};
            } else {
                sync_dirty(node);
            }
        }
        if (options_.names == NameModel::ordered)
            settle_names([](std::string_view) { return true; });
    }

    /// A sync that failed: the pages count as clean from here on, whether they were written or not.
    void fail_sync(Inode inode) {
        for (auto& [index, chunk] : nodes_.at(inode).pending.chunks)
            chunk.state = detail::PageState::lost;
    }

    // The page cache: see `detail::SimPages`.

    void start_writeback(Inode inode, std::uint64_t offset, std::uint64_t size) {
        pages(inode).start_writeback(offset, size);
    }
    void finish_writeback(Inode inode, std::uint64_t offset, std::uint64_t size) {
        pages(inode).finish_writeback(offset, size);
    }
    void fail_writeback(Inode inode, std::uint64_t offset, std::uint64_t size) {
        pages(inode).fail_writeback(offset, size);
    }
    void tell_error(Inode inode) { nodes_.at(inode).error_was_told = true; }
    void drop_cache(Inode inode, std::uint64_t offset, std::uint64_t size) {
        used_chunks_ -= pages(inode).drop_cache(offset, size);
    }
    void read_ahead(Inode inode, std::uint64_t offset, std::uint64_t size) {
        pages(inode).read_ahead(offset, size);
    }
    CacheStatus cache_status(Inode inode, std::uint64_t offset, std::uint64_t size) const {
        return detail::SimPages{nodes_.at(inode), options_.chunk}.cache_status(offset, size);
    }
    void note_read(Inode inode, std::uint64_t offset, std::size_t size) {
        if (auto& node = nodes_.at(inode); !node.dropped.empty())
            detail::SimPages{node, options_.chunk}.note_read(offset, size);
    }

    /// @returns whether there is room for it
    bool preallocate(Inode inode, std::uint64_t size) {
        auto& node = nodes_.at(inode);
        const auto has = node.live->chunk_count();
        const auto wants = size / options_.chunk + (size % options_.chunk != 0);
        node.preallocated = std::max(node.preallocated, size);
        // A refused one keeps what it found until somebody gives it back, as on ext4.
        const auto needs = used_chunks_ + wants - std::min(wants, has);
        return Bytes{needs * options_.chunk} <= options_.quota;
    }

    void sync_directory(std::string_view directory) {
        const bool all = options_.names == NameModel::ordered;
        settle_names([&](std::string_view path) { return all || parent_of(path) == directory; });
    }

    /// Makes all that is live durable, as after an orderly shutdown of the machine.
    void settle() {
        for (auto& [inode, node] : nodes_) {
            node.durable = node.live;
            node.pending = {};
        }
        settle_names([](std::string_view) { return true; });
    }

    /// Forgets files that no name refers to, now or after a crash; `is_open` keeps them.
    template <class IsOpen>
    void collect(IsOpen&& is_open) {
        std::set<Inode> named;
        for (const auto& [path, inode] : live_names_) named.insert(inode);
        std::set<Inode> possible = named;
        for (const auto& [path, inode] : durable_names_) possible.insert(inode);
        for (const auto& group : pending_names_.groups())
            for (const auto& change : group.changes) possible.insert(change.inode);
        for (auto at = nodes_.begin(); at != nodes_.end();) {
            auto& [inode, node] = *at;
            const bool in_use = named.contains(inode) || is_open(inode);
            if (!in_use && node.live) {
                used_chunks_ -= node.live->chunk_count();
                if (possible.contains(inode)) node.live = std::make_shared<detail::SimContent>();
            }
            if (in_use || possible.contains(inode))
                ++at;
            else
                at = nodes_.erase(at);
        }
    }

    /// Puts a file as it is to be found after a crash: for those who make crash states.
    void place(const std::string& path, Inode inode, detail::ContentRef content) {
        live_names_[path] = durable_names_[path] = inode;
        auto& node = nodes_[inode];
        if (node.origin.empty()) used_chunks_ += content->chunk_count();
        node.live = node.durable = std::move(content);
        node.origin = path;
        next_inode_ = std::max(next_inode_, inode + 1);
    }

    /// How many changes were made to it.
    std::uint64_t step() const noexcept { return step_; }
    /// How often it went through a crash.
    std::uint32_t crashes() const noexcept { return crashes_; }
    void count_crash() noexcept { ++crashes_; }

    /// After a crash that left the directories and nothing else.
    SimDisk bare() const {
        SimDisk disk{options_};
        disk.directories_ = directories_;
        disk.crashes_ = crashes_ + 1;
        disk.next_inode_ = next_inode_;
        disk.step_ = step_;
        return disk;
    }

    /// Tells states apart: live content, and with `pending` all that a later crash may choose from.
    detail::Hash128 hash(bool pending) const {
        detail::Hasher hasher;
        for (const auto& [path, inode] : live_names_) {
            hasher.add(std::string_view{path});
            hasher.add(nodes_.at(inode).live->hash());
        }
        if (pending) add_pending(hasher);
        return hasher.result();
    }

    static std::string_view parent_of(std::string_view path) noexcept {
        return path.substr(0, path.rfind('/'));
    }

private:
    /// Whether the next sync does.
    static bool decides(const detail::PendingChunk& chunk) noexcept {
        return chunk.state != detail::PageState::lost;
    }
    detail::SimPages<Node> pages(Inode inode) { return {nodes_.at(inode), options_.chunk}; }

    template <class F>
    void each_piece(std::uint64_t offset, std::size_t size, F&& f) const {
        for (std::size_t at = 0; at < size;) {
            const auto in = static_cast<std::size_t>((offset + at) % options_.chunk);
            const auto n = std::min(size - at, options_.chunk - in);
            f((offset + at) / options_.chunk, in, at, n);
            at += n;
        }
    }

    void put_chunk(Node& node, std::uint64_t index, detail::ChunkRef chunk) {
        auto& pending = node.pending.chunks[index];
        if (pending.versions.empty()) pending.versions.push_back({0, node.durable->chunk(index)});
        pending.versions.push_back({step_, chunk});
        pending.state = detail::PageState::dirty;
        if (index < node.dropped.size()) node.dropped[index] = false;
        if (!node.live->chunk(index)) ++used_chunks_;
        if (!chunk) --used_chunks_;
        detail::own_content(node.live).set_chunk(index, std::move(chunk));
    }

    void put_size(Node& node, std::uint64_t size) {
        auto& sizes = node.pending.sizes;
        if (sizes.empty()) sizes.push_back({0, node.durable->size});
        sizes.push_back({step_, size});
        detail::own_content(node.live).set_size(size);
    }

    void sync_dirty(Node& node) {
        auto& durable = detail::own_content(node.durable);
        std::erase_if(node.pending.chunks, [&](const auto& item) {
            if (!decides(item.second)) return false;
            durable.set_chunk(item.first, node.live->chunk(item.first));
            return true;
        });
        durable.set_size(node.live->size);
        node.pending.sizes.clear();
        node.pending.cuts.clear();
    }

    void set_name(const std::string& path, Inode inode) {
        pending_names_.add({step_, path, inode}, options_.names == NameModel::ordered);
        if (inode == detail::no_inode)
            live_names_.erase(path);
        else
            live_names_[path] = inode;
    }

    template <class IsDurable>
    void settle_names(IsDurable&& is_durable) {
        if (pending_names_.empty()) return;
        pending_names_.settle(is_durable, [&](const detail::NameChange& change) {
            if (change.inode == detail::no_inode)
                durable_names_.erase(change.path);
            else
                durable_names_[change.path] = change.inode;
        });
    }

    void add_pending(detail::Hasher& hasher) const {
        for (const auto& [path, inode] : durable_names_) {
            hasher.add(std::string_view{path});
            hasher.add(std::uint64_t{inode});
        }
        for (const auto& group : pending_names_.groups())
            for (const auto& change : group.changes) {
                hasher.add(std::string_view{change.path});
                hasher.add(std::uint64_t{change.inode});
            }
        for (const auto& [inode, node] : nodes_) {
            hasher.add(std::uint64_t{inode});
            hasher.add(node.durable->hash());
            for (const auto& [index, chunk] : node.pending.chunks) {
                hasher.add(index);
                hasher.add(static_cast<std::uint64_t>(chunk.state));
                for (const auto& version : chunk.versions)
                    hasher.add(version.value ? version.value->hash() : detail::Hash128{});
            }
            for (const auto& size : node.pending.sizes) hasher.add(size.value);
        }
    }

    SimOptions options_;
    std::set<std::string, std::less<>> directories_;
    Names live_names_;
    Names durable_names_;
    detail::PendingNames pending_names_;
    std::map<Inode, Node> nodes_;
    Inode next_inode_ = 1000;
    std::uint64_t step_ = 0;
    std::uint32_t crashes_ = 0;
    std::uint64_t used_chunks_ = 0;
};

}  // namespace bobbin::testing

#endif
