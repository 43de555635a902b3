#ifndef BOBBIN_TESTING_SIM_FS_HPP
#define BOBBIN_TESTING_SIM_FS_HPP

#include <bobbin/fs/directory.hpp>
#include <bobbin/testing/allocations.hpp>
#include <bobbin/testing/detail/sim_page_calls.hpp>
#include <bobbin/testing/sim_disk.hpp>

#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing {

/// A file system in memory that knows what a crash at any moment may leave of it. Copies refer to
/// the same one; a default-made one is fresh and empty. Directories are made by `open_root` with
/// `create_if_missing` and are durable at once; they are neither removed nor renamed.
/// Internally synchronised.
class SimFs : public detail::SimPageCalls<SimFs> {
public:
    /// Called just before each sync, after each that fails, and at each `barrier()`, with the file system locked.
    using BarrierHook = std::function<void(const SimDisk&)>;

    static constexpr FileHandle first_handle = 1 << 20;

    SimFs() : SimFs{SimOptions{}} {}
    explicit SimFs(SimOptions options) : SimFs{SimDisk{options}} {}
    explicit SimFs(SimDisk disk) : state_{std::make_shared<State>(std::move(disk))} {}

    Result<FileHandle> open_root(const char* path, RootMode mode) noexcept {
        const Call call{*state_, Operation::open};
        const std::string name = trimmed(path);
        auto& disk = state_->disk;
        if (disk.lookup(name) != detail::no_inode) return call.error(ENOTDIR);
        if (!disk.is_directory(name)) {
            if (mode == RootMode::existing) return call.error(ENOENT);
            disk.make_directory(name);
        }
        return state_->add({detail::no_inode, name, false, false, 0});
    }

    Result<FileHandle> open_at(FileHandle dir, const char* name, OpenMode mode) noexcept {
        const bool creates = mode == OpenMode::create || mode == OpenMode::create_or_write;
        const Call call{*state_, creates ? Operation::create : Operation::open};
        auto path = state_->path(dir, name);
        if (!path.text) return call.error(path.error);
        auto& disk = state_->disk;
        if (disk.is_directory(*path.text)) {
            if (mode == OpenMode::create) return call.error(EEXIST);
            if (mode != OpenMode::read) return call.error(EISDIR);
            return state_->add({detail::no_inode, *path.text, false, false, 0});
        }
        auto inode = disk.lookup(*path.text);
        if (inode == detail::no_inode) {
            if (!creates) return call.error(ENOENT);
            inode = disk.create(*path.text);
        } else if (mode == OpenMode::create) {
            return call.error(EEXIST);
        }
        return state_->add_file(inode, mode != OpenMode::read);
    }

    Result<void> close(FileHandle h) noexcept {
        const Call call{*state_, Operation::close};
        const auto* handle = state_->find(h);
        if (!handle) return call.error(EBADF);
        const auto inode = handle->inode;
        state_->handles.erase(h);
        if (!state_->disk.has_origin_name(inode)) state_->collect();
        return {};
    }

    Result<std::size_t> read_at(FileHandle h, MutableByteView to, std::uint64_t offset) noexcept {
        const Call call{*state_, Operation::read};
        if (offset > most_offset) return call.error(EINVAL);
        const auto* handle = state_->find(h);
        if (!handle) return call.error(EBADF);
        if (handle->is_directory()) return call.error(EISDIR);
        state_->disk.note_read(handle->inode, offset, to.size());
        return state_->disk.read(handle->inode, to, offset);
    }

    Result<std::size_t> write_at(FileHandle h, ByteView from, std::uint64_t offset) noexcept {
        const Call call{*state_, Operation::write};
        if (offset > most_offset) return call.error(EINVAL);
        const auto* handle = state_->find(h);
        if (!handle || !handle->writable) return call.error(EBADF);
        if (from.empty()) return std::size_t{0};
        const auto most = state_->disk.options().max_file_size.value;
        if (offset >= most) return call.error(EFBIG);
        from = from.first(std::min<std::uint64_t>(from.size(), most - offset));
        const auto taken = state_->disk.write(handle->inode, from, offset);
        if (taken == 0) return call.error(ENOSPC);
        return taken;
    }

    Result<void> truncate(FileHandle h, std::uint64_t size) noexcept {
        const Call call{*state_, Operation::truncate};
        const auto* handle = state_->find(h);
        if (size > most_offset) return call.error(EINVAL);
        if (!handle) return call.error(EBADF);
        if (!handle->writable) return call.error(EINVAL);
        if (size > state_->disk.options().max_file_size.value) return call.error(EFBIG);
        state_->disk.truncate(handle->inode, size);
        return {};
    }

    Result<void> sync(FileHandle h) noexcept { return sync_any(h, Operation::sync); }
    Result<void> sync_directory(FileHandle h) noexcept {
        return sync_any(h, Operation::sync_directory);
    }

    Result<void> remove(FileHandle dir, const char* name) noexcept {
        const Call call{*state_, Operation::remove};
        const auto path = state_->path(dir, name);
        if (!path.text) return call.error(path.error);
        if (state_->disk.is_directory(*path.text)) return call.error(EISDIR);
        if (state_->disk.lookup(*path.text) == detail::no_inode) return call.error(ENOENT);
        state_->disk.unlink(*path.text);
        state_->collect();
        return {};
    }

    Result<void> rename(FileHandle dir, const char* from, const char* to) noexcept {
        const Call call{*state_, Operation::rename};
        const auto source = state_->path(dir, from), target = state_->path(dir, to);
        if (!source.text) return call.error(source.error);
        if (!target.text) return call.error(target.error);
        auto& disk = state_->disk;
        if (disk.is_directory(*source.text)) return call.error(EINVAL);
        if (disk.lookup(*source.text) == detail::no_inode) return call.error(ENOENT);
        if (disk.is_directory(*target.text)) return call.error(EISDIR);
        disk.rename(*source.text, *target.text);
        state_->collect();
        return {};
    }

    Result<std::vector<std::string>> list(FileHandle dir) {
        const Call call{*state_, Operation::list};
        const auto* handle = state_->find(dir);
        if (!handle) return call.error(EBADF);
        if (!handle->is_directory()) return call.error(ENOTDIR);
        std::vector<std::string> names;
        const auto add = [&](const std::string& path) {
            if (!path.empty() && SimDisk::parent_of(path) == handle->directory)
                names.push_back(path.substr(handle->directory.size() + 1));
        };
        for (const auto& [path, inode] : state_->disk.live_names()) add(path);
        for (const auto& path : state_->disk.directories()) add(path);
        std::ranges::sort(names);
        return names;
    }

    Result<FileStatus> status(FileHandle h) noexcept {
        const Call call{*state_, Operation::stat};
        const auto* handle = state_->find(h);
        if (!handle) return call.error(EBADF);
        return state_->status(handle->inode);
    }

    Result<SpaceStatus> space(FileHandle h) noexcept {
        const Call call{*state_, Operation::space};
        if (!state_->find(h)) return call.error(EBADF);
        const auto& disk = state_->disk;
        return SpaceStatus{disk.options().quota, disk.options().quota - disk.used(),
                           Bytes{disk.options().chunk}};
    }

    Result<void> lock(FileHandle h) noexcept {
        const Call call{*state_, Operation::lock};
        auto* handle = state_->find(h);
        if (!handle) return call.error(EBADF);
        for (const auto& [number, other] : state_->handles)
            if (number != h && other.locked && other.same_file(*handle))
                return Error{Errc::directory_in_use, Operation::lock};
        handle->locked = true;
        return {};
    }

    Result<FileHandle> reopen(FileHandle h) noexcept {
        const Call call{*state_, Operation::open};
        const auto* handle = state_->find(h);
        if (!handle) return call.error(EBADF);
        if (handle->is_directory())
            return state_->add({detail::no_inode, handle->directory, false, false, 0});
        return state_->add_file(handle->inode, handle->writable);
    }
    Result<Bytes> adopt(FileHandle h) noexcept {
        const Call call{*state_, Operation::open};
        const auto* handle = state_->find(h);
        if (!handle) return call.error(EBADF);
        if (handle->is_directory()) return call.error(EISDIR);
        if (!handle->writable) return call.error(EBADF);
        return state_->status(handle->inode).size;
    }
    Result<std::uint32_t> type(FileHandle h) noexcept {
        const Call call{*state_, Operation::stat};
        if (!state_->find(h)) return call.error(EBADF);
        return state_->disk.options().type;
    }

    /// Blocks that a file holds beyond its size.
    Bytes preallocated(FileHandle h) const {
        const Call call{*state_, Operation::nothing};
        const auto* handle = state_->find(h);
        if (!handle || handle->is_directory()) return {};
        const auto& node = state_->disk.node(handle->inode);
        return Bytes{node.preallocated} - Bytes{node.live->size};
    }

    /// The status of a name, without opening it.
    Result<FileStatus> status_at(FileHandle dir, const char* name) noexcept {
        const Call call{*state_, Operation::stat};
        const auto path = state_->path(dir, name);
        if (!path.text) return call.error(path.error);
        if (state_->disk.is_directory(*path.text)) return state_->status(detail::no_inode);
        const auto inode = state_->disk.lookup(*path.text);
        if (inode == detail::no_inode) return call.error(ENOENT);
        return state_->status(inode);
    }

    /// `open_root` for the test machinery: no decorator fails or traces it.
    Result<FileHandle> open_unseen(const char* path) noexcept {
        return open_root(path, RootMode::existing);
    }

    /// What a sync that fails does: `FaultyFs` calls it instead of the sync. The pages count as
    /// clean, and the next sync succeeds without them. Names just stay as they were.
    void sync_failed(FileHandle h) noexcept {
        const Call call{*state_, Operation::sync};
        state_->barrier();
        const auto* handle = state_->find(h);
        if (handle && !handle->is_directory()) state_->disk.fail_sync(handle->inode);
        state_->barrier();  // a process may die with the news
    }

    /// Tells an explorer that a promise was just made: crashes from here on must honour it.
    void barrier() noexcept {
        const Call call{*state_, Operation::nothing};
        state_->barrier();
    }
    void on_barrier(BarrierHook hook) {
        const Call call{*state_, Operation::nothing};
        state_->hook = std::move(hook);
    }

    /// Makes all that is there durable.
    void settle() {
        const Call call{*state_, Operation::nothing};
        state_->disk.settle();
    }
    /// The disk as it is now, with all that a crash may leave of it.
    SimDisk disk() const {
        const Call call{*state_, Operation::nothing};
        auto copy = state_->disk;
        copy.collect([](detail::Inode) { return false; });
        return copy;
    }
    /// As the next process finds it when this one is killed: all handles are closed, nothing is
    /// lost, and nothing more is durable.
    SimFs after_kill() const {
        auto copy = disk();
        copy.count_crash();
        return SimFs{std::move(copy)};
    }

    void set_quota(Bytes quota) {
        const Call call{*state_, Operation::nothing};
        state_->disk.options().quota = quota;
    }
    std::size_t open_handles() const {
        const Call call{*state_, Operation::nothing};
        return state_->handles.size();
    }
    bool is_directory(std::string_view path) const {
        const Call call{*state_, Operation::nothing};
        return state_->disk.is_directory(path);
    }
    /// Tells files apart, as `st_ino` does; 0 for a directory.
    detail::Inode inode_of(FileHandle h) const {
        const Call call{*state_, Operation::nothing};
        const auto* handle = state_->find(h);
        return handle ? handle->inode : detail::no_inode;
    }
    detail::Inode inode_of(std::string_view path) const {
        const Call call{*state_, Operation::nothing};
        return state_->disk.lookup(path);
    }
    /// For random numbers: another one each time, and after each crash, yet the same in each run.
    int next_seed() {
        const Call call{*state_, Operation::nothing};
        return static_cast<int>(state_->disk.crashes() * 1000 + ++state_->seeds);
    }
    /// Tells file systems of one process apart, as `st_dev` does.
    std::uint64_t device() const noexcept { return state_->device; }

private:
    friend detail::SimPageCalls<SimFs>;
    static constexpr auto most_offset = std::uint64_t{std::numeric_limits<std::int64_t>::max()};

    struct Handle {
        detail::Inode inode = detail::no_inode;
        std::string directory;  ///< of a directory
        bool writable = false;
        bool locked = false;
        std::uint32_t seen_errors = 0;  ///< of write-back: each is told once to each description

        bool is_directory() const noexcept { return inode == detail::no_inode; }
        bool same_file(const Handle& other) const noexcept {
            return inode == other.inode && directory == other.directory;
        }
    };

    struct Path {
        std::optional<std::string> text;
        int error = 0;
    };

    struct State {
        explicit State(SimDisk on) : disk{std::move(on)}, device{next_device()} {
            // A handle that outlived another file system must not mean something here.
            next_handle += static_cast<FileHandle>(device % 500'000) * 4096;
        }

        Handle* find(FileHandle h) {
            const auto at = handles.find(h);
            return at == handles.end() ? nullptr : &at->second;
        }
        FileHandle add(Handle handle) {
            const auto number = next_handle++;
            handles.emplace(number, std::move(handle));
            return number;
        }
        FileHandle add_file(detail::Inode inode, bool writable) {
            const auto& node = disk.node(inode);
            // An error that nobody was told of yet is told to those who open the file now, too.
            return add({inode, {}, writable, false, node.write_errors - !node.error_was_told});
        }
        /// Whether there is an error that this description was not told of; it is now.
        bool tell_error(Handle& handle) {
            const auto errors = disk.node(handle.inode).write_errors;
            if (handle.seen_errors == errors) return false;
            handle.seen_errors = errors;
            disk.tell_error(handle.inode);
            return true;
        }
        Path path(FileHandle dir, std::string_view name) {
            if (name.empty()) return {{}, ENOENT};
            const auto* handle = find(dir);
            if (!handle) return {{}, EBADF};
            if (!handle->is_directory()) return {{}, ENOTDIR};
            if (name.size() > 255) return {{}, ENAMETOOLONG};
            return {handle->directory + '/' + std::string{name}, 0};
        }
        FileStatus status(detail::Inode inode) const {
            if (inode == detail::no_inode) return {Bytes{disk.options().chunk}, false, true, 1};
            const bool named =
                disk.has_origin_name(inode) ||
                std::ranges::any_of(disk.live_names(),
                                    [&](const auto& name) { return name.second == inode; });
            return {Bytes{disk.node(inode).live->size}, true, false, named ? 1u : 0u};
        }
        void collect() {
            disk.collect([&](detail::Inode inode) {
                return std::ranges::any_of(
                    handles, [&](const auto& item) { return item.second.inode == inode; });
            });
        }
        void barrier() {
            if (hook) hook(disk);
        }
        static std::uint64_t next_device() noexcept {
            static std::atomic<std::uint64_t> last{0};
            return ++last;
        }

        std::mutex mutex;
        SimDisk disk;
        std::map<FileHandle, Handle> handles;
        FileHandle next_handle = first_handle;
        BarrierHook hook;
        std::uint32_t seeds = 0;
        std::uint64_t device;
    };

    class Call {
    public:
        Call(State& state, Operation operation) : lock_{state.mutex}, operation_{operation} {}
        Error error(int number) const noexcept { return Error::system(number, operation_); }

    private:
        UncountedAllocations uncounted_;
        std::lock_guard<std::mutex> lock_;
        Operation operation_;
    };

    Result<void> sync_any(FileHandle h, Operation operation) noexcept {
        const Call call{*state_, operation};
        auto* handle = state_->find(h);
        if (!handle) return call.error(EBADF);
        state_->barrier();
        if (handle->is_directory()) {
            state_->disk.sync_directory(handle->directory);
            state_->collect();
        } else {
            state_->disk.sync_file(handle->inode);
            if (state_->tell_error(*handle)) {
                state_->barrier();
                return call.error(EIO);
            }
        }
        return {};
    }

    /// Runs `f(handle)` for a call on the pages of a regular file.
    template <class F>
    auto on_pages(FileHandle h, Operation operation, F&& f) -> std::invoke_result_t<F, Handle&> {
        const Call call{*state_, operation};
        auto* handle = state_->find(h);
        if (!handle) return call.error(EBADF);
        if (handle->is_directory()) return call.error(ESPIPE);
        return f(*handle);
    }

    static std::string trimmed(std::string_view path) {
        while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
        return std::string{path};
    }

    std::shared_ptr<State> state_;
};

static_assert(FileSystem<SimFs>);

using SimFile = File<SimFs>;
using SimDirectory = FsDirectory<SimFs>;

}  // namespace bobbin::testing

#endif
