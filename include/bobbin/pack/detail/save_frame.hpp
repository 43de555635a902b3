#ifndef BOBBIN_PACK_DETAIL_SAVE_FRAME_HPP
#define BOBBIN_PACK_DETAIL_SAVE_FRAME_HPP

#include <bobbin/fs/file.hpp>
#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/file_cache.hpp>
#include <bobbin/pack/ignore.hpp>
#include <bobbin/pack/tree.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// What becomes of a name in a directory.
struct SaveSlot {
    std::uint32_t name = 0;  ///< among the names of its directory
    bool is_kept = false;
    bool is_recordable = false;           ///< the next save may believe it
    bool is_suspect = false;              ///< its record is right, but was made too early
    const CachedEntry* cached = nullptr;  ///< what the last save knew of that name
    FileStamp stamp;
    std::vector<std::byte> own;  ///< an entry that was made anew
    ByteView encoded;
    ByteView record;  ///< of the last save, where it still holds
};

/// The entries of a directory that the last save found, by rising names.
struct CachedNames {
    using Parts = std::vector<std::pair<std::size_t, std::shared_ptr<const CachedPart>>>;

    std::size_t next = 0;  ///< part
    std::size_t last = 0;
    std::size_t entry = 0;  ///< of the last of `parts`
    Parts parts;  ///< with their places in the index; those that were needed since `begin`

    /// The part that has all names of the directory; null: there is none.
    template <class Cache>
    const CachedPart* whole(Cache& cache) {
        if (next + 1 != last) return nullptr;
        auto part = cache.load(next);
        if (!part) return nullptr;
        parts.emplace_back(next++, std::move(part));
        return parts.back().second->is_whole() ? parts.back().second.get() : nullptr;
    }
    /// All but the part that was reached is given up.
    void begin() {
        if (parts.size() > 1) parts.erase(parts.begin(), parts.end() - 1);
    }
    template <class Cache>
    const CachedEntry* find(Cache& cache, std::string_view name) {
        for (;;) {
            if (!parts.empty()) {
                const auto entries = parts.back().second->entries();
                while (entry != entries.size() && entries[entry].name < name) ++entry;
                if (entry != entries.size())
                    return entries[entry].name == name ? &entries[entry] : nullptr;
            }
            if (next == last) return nullptr;
            const auto place = next++;
            if (auto part = cache.load(place)) {
                parts.emplace_back(place, std::move(part));
                entry = 0;
            }
        }
    }
};

template <class Frame, TreeFileSystem Fs>
class FrameHandles;

/// A directory on its way through a save. Those beneath it hold it. A slot belongs to the thread
/// that fills it, all else to one thread at a time, but for `pending` and what `FrameHandles` has.
/// @tparam Node makes its node
template <TreeFileSystem Fs, class Node>
struct SaveFrame {
    explicit SaveFrame(FrameHandles<SaveFrame, Fs>& of_all) : handles{of_all} {}
    SaveFrame(const SaveFrame&) = delete;
    SaveFrame& operator=(const SaveFrame&) = delete;
    ~SaveFrame() {
        handles.close(*this);
        // By a loop: where a save is given up there may be as many as the tree is deep.
        auto up = std::move(parent);
        while (up && up.use_count() == 1) up = std::exchange(up->parent, nullptr);
    }

    std::shared_ptr<SaveFrame> parent;
    SaveSlot* slot = nullptr;  ///< its name there
    std::string name;
    std::uint64_t number = 0;  ///< no other directory of this save has it
    std::size_t depth = 0;

    NodeStatus status;
    TreeEntry entry;
    CacheKey key{};
    CachedNames cached;
    bool is_network = false;  ///< a server tells the times
    bool is_recordable = true;
    bool is_partial = false;  ///< names were left out before any was looked at
    bool has_rules = false;   ///< here or above
    std::shared_ptr<const IgnoreRules> rules;

    std::vector<DirectoryName> names;  ///< ascending
    std::size_t next = 0;              ///< that no batch had yet
    std::uint32_t batches = 0;
    std::vector<SaveSlot> batch;
    std::vector<std::uint32_t> order;     ///< in which to look at files of the batch
    std::atomic<std::size_t> pending{0};  ///< tasks of the batch that are not done
    Node node;
    bool has_content = false;  ///< the entry has it: the node is the one that was saved last

    FrameHandles<SaveFrame, Fs>& handles;
    FileHandle handle = no_file;
    std::size_t users = 0;
    std::list<SaveFrame*> idle{this};  ///< gone to those that are idle, where `users` is 0
    typename std::list<SaveFrame*>::iterator at{};
};

/// The open directories of a save, of which there are few: one that has been idle for long is
/// closed, and opened again from above. Internally synchronised.
template <class Frame, TreeFileSystem Fs>
class FrameHandles {
public:
    static constexpr std::size_t most = 192;

    explicit FrameHandles(Fs& fs) : fs_{fs} {}

    /// Of a frame that is new; it has one user.
    void put(Frame& frame, FileHandle handle) {
        const std::lock_guard lock{mutex_};
        open(frame, handle);
    }

    /// @errors of the file system; `ESTALE`: another directory is there now
    Result<FileHandle> take(Frame& frame) {
        std::vector<Frame*> way;  // those to be opened, innermost first
        {
            const std::lock_guard lock{mutex_};
            auto* at = &frame;
            for (; at->handle == no_file; at = at->parent.get()) way.push_back(at);
            use(*at);
            if (way.empty()) return frame.handle;
        }
        while (!way.empty()) {
            auto& inner = *way.back();
            auto& outer = *inner.parent;
            way.pop_back();
            auto opened = open_again(outer, inner);
            give_back(outer);
            if (!opened) return opened.error();
        }
        return frame.handle;
    }

    void give_back(Frame& frame) noexcept {
        const std::lock_guard lock{mutex_};
        if (--frame.users != 0) return;
        frame.at = frame.idle.begin();
        idle_.splice(idle_.end(), frame.idle);
    }

    void close(Frame& frame) noexcept {
        const std::lock_guard lock{mutex_};
        if (frame.handle == no_file) return;
        if (frame.users == 0) wake(frame);
        shut(frame);
    }

    /// Gives back at the end of a scope.
    class Use {
    public:
        Use(FrameHandles& handles, Frame& frame) : handles_{handles}, frame_{frame} {}
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        ~Use() { handles_.give_back(frame_); }

    private:
        FrameHandles& handles_;
        Frame& frame_;
    };

private:
    void use(Frame& frame) {
        if (frame.users++ == 0) wake(frame);
    }
    void wake(Frame& frame) noexcept { frame.idle.splice(frame.idle.begin(), idle_, frame.at); }
    void open(Frame& frame, FileHandle handle) {
        while (open_ >= most && !idle_.empty()) {
            auto& oldest = *idle_.front();
            wake(oldest);
            shut(oldest);
        }
        frame.handle = handle;
        frame.users = 1;
        ++open_;
    }
    void shut(Frame& frame) noexcept {
        (void)fs_.close(std::exchange(frame.handle, no_file));
        frame.users = 0;
        --open_;
    }

    Result<void> open_again(Frame& outer, Frame& inner) {
        auto handle = bobbin::detail::uninterrupted(
            [&] { return fs_.open_directory_at(outer.handle, inner.name.c_str()); });
        if (!handle) return handle.error();
        const auto status = fs_.node(*handle);
        const bool is_same =
            status && status->inode == inner.status.inode && status->device == inner.status.device;
        const std::lock_guard lock{mutex_};
        if (!is_same || inner.handle != no_file) {
            (void)fs_.close(*handle);
            if (!is_same) return status ? Error::system(ESTALE, Operation::open) : status.error();
            use(inner);  // another thread was faster
            return {};
        }
        open(inner, *handle);
        return {};
    }

    Fs& fs_;
    std::mutex mutex_;
    std::list<Frame*> idle_;  ///< the one that has been so for longest first
    std::size_t open_ = 0;
};

}  // namespace bobbin::pack::detail

#endif
