#ifndef BOBBIN_TESTING_SIM_TREE_HPP
#define BOBBIN_TESTING_SIM_TREE_HPP

#include <bobbin/fs/tree.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::testing {

struct SimTreeOptions {
    bool has_move_modes = true;            ///< else only `MoveMode::replace`
    bool gives_owners = true;              ///< else a change of owner is refused, as to a user
    std::size_t longest_write = SIZE_MAX;  ///< bytes taken at once
    std::uint32_t user = 0;                ///< who does all; 0 is root, to whom nothing is refused
};

/// What a crash leaves of bytes that were not synced.
enum class LostBytes : std::uint8_t { none, half, zeroed, all };
inline constexpr LostBytes all_lost_bytes[] = {LostBytes::none, LostBytes::half, LostBytes::zeroed,
                                               LostBytes::all};

/// Trees in memory, with what a crash may leave: changes of names and status become durable in the
/// order they were made, as ext4 and XFS do it, and bytes of files only when these are synced. Any
/// call can be made to fail. What is refused to users is what Linux refuses them, but for access lists
/// and what its administrator may set. Copies refer to the same file system. Internally
/// synchronised.
class SimTree {
public:
    explicit SimTree(SimTreeOptions options = {}) : state_{std::make_shared<State>()} {
        state_->options = options;
        Node root;
        root.kind = NodeKind::directory;
        root.mode = 0755;
        root.parent = root_inode;
        state_->worlds.emplace_back();
        state_->worlds.back()[root_inode] = std::make_shared<const Node>(root);
    }

    // ---- faults and crashes

    /// The call after the next `calls` answers `error`, and if `for_ever` all that follow.
    void fail(std::uint64_t calls, int error, bool for_ever) noexcept {
        const std::lock_guard lock{state_->mutex};
        state_->failing = Fault{state_->calls + calls, error, for_ever};
    }
    /// What follows is done by `user`, of the group of the same number only; 0 is root.
    void act_as(std::uint32_t user) noexcept {
        const std::lock_guard lock{state_->mutex};
        state_->options.user = user;
    }
    void heal() noexcept {
        const std::lock_guard lock{state_->mutex};
        state_->failing.reset();
    }
    std::uint64_t calls() const noexcept { return state_->calls; }
    /// Whether a call was made to fail since the last `fail`.
    bool has_failed() const noexcept {
        return state_->failing && state_->calls > state_->failing->call;
    }

    /// From here on keeps all states between syncs, and calls `f` before each sync.
    void on_sync(std::function<void()> f) {
        state_->tracks = true;
        state_->before_sync = std::move(f);
    }
    /// How many states of names and status a crash may leave now; the last is that of now.
    std::size_t crash_states() const noexcept { return state_->worlds.size(); }
    /// Another file system, as it is after a crash.
    SimTree after_crash(std::size_t state, LostBytes lost) const {
        const std::lock_guard lock{state_->mutex};
        SimTree fresh{state_->options};
        auto& to = *fresh.state_;
        to.worlds = {state_->worlds.at(state)};
        to.next_inode = state_->next_inode;
        to.ticks = state_->ticks;
        for (const auto& [inode, data] : state_->data) {
            auto left = data->live;
            if (data->live != data->durable) {
                if (lost == LostBytes::all) left = data->durable;
                if (lost == LostBytes::half) left.resize(left.size() / 2);
                if (lost == LostBytes::zeroed) left.assign(left.size(), '\0');
            }
            to.data[inode] = std::make_shared<Data>(Data{left, left});
        }
        return fresh;
    }

    // ---- FileSystem

    Result<FileHandle> open_root(const char* path, RootMode mode) noexcept {
        return call<FileHandle>(Operation::open, [&]() -> Result<FileHandle> {
            auto at = root_inode;
            std::string_view rest{path};
            while (!rest.empty()) {
                const auto end = std::min(rest.find('/'), rest.size());
                const std::string name{rest.substr(0, end)};
                rest.remove_prefix(std::min(end + 1, rest.size()));
                if (name.empty() || name == ".") continue;
                if (node_of(at).kind != NodeKind::directory) return error(ENOTDIR);
                if (!permits(at, may_search)) return error(EACCES);
                const auto found = node_of(at).names.find(name);
                if (found != node_of(at).names.end()) {
                    at = found->second;
                } else if (rest.empty() && mode == RootMode::create_if_missing) {
                    if (!permits(at, may_write)) return error(EACCES);
                    at = add(at, name, NodeKind::directory, 0700);
                    settle();
                } else {
                    return error(ENOENT);
                }
            }
            if (node_of(at).kind != NodeKind::directory) return error(ENOTDIR);
            if (!permits(at, may_read)) return error(EACCES);
            return open(at, false);
        });
    }
    Result<FileHandle> open_at(FileHandle dir, const char* name, OpenMode mode) noexcept {
        const bool creates = mode == OpenMode::create || mode == OpenMode::create_or_write;
        return in<FileHandle>(creates ? Operation::create : Operation::open, dir, name,
                              [&](Inode in, Inode there) -> Result<FileHandle> {
                                  if (there != no_inode && mode == OpenMode::create)
                                      return error(EEXIST);
                                  if (there == no_inode && !creates) return error(ENOENT);
                                  if (there == no_inode) {
                                      if (!permits(in, may_write)) return error(EACCES);
                                      there = add(in, name, NodeKind::file, 0600);
                                      return open(there, true);
                                  }
                                  const auto kind = node_of(there).kind;
                                  if (kind == NodeKind::symlink) return error(ELOOP);
                                  if (kind == NodeKind::directory && mode != OpenMode::read)
                                      return error(EISDIR);
                                  const bool writes = mode != OpenMode::read;
                                  if (!permits(there, may_read | (writes ? may_write : 0)))
                                      return error(EACCES);
                                  return open(there, mode != OpenMode::read);
                              });
    }
    Result<void> close(FileHandle h) noexcept {
        // The handle is closed whatever the answer.
        const std::lock_guard lock{state_->mutex};
        const auto fault = begin(Operation::close);
        if (state_->handles.erase(h) == 0) return Error::system(EBADF, Operation::close);
        std::erase_if(state_->locks, [&](const auto& held) { return held.second == h; });
        if (fault) return *fault;
        return {};
    }
    Result<std::size_t> read_at(FileHandle h, MutableByteView to, std::uint64_t offset) noexcept {
        return on<std::size_t>(Operation::read, h, [&](Inode inode) -> Result<std::size_t> {
            if (node_of(inode).kind == NodeKind::directory) return error(EISDIR);
            const auto& bytes = state_->data.at(inode)->live;
            if (offset >= bytes.size()) return std::size_t{0};
            const auto size = std::min<std::size_t>(to.size(), bytes.size() - offset);
            std::memcpy(to.data(), bytes.data() + offset, size);
            return size;
        });
    }
    Result<std::size_t> write_at(FileHandle h, ByteView from, std::uint64_t offset) noexcept {
        return on<std::size_t>(Operation::write, h, [&](Inode inode) -> Result<std::size_t> {
            if (!state_->handles.at(h).writes) return error(EBADF);
            const auto size = std::min(from.size(), state_->options.longest_write);
            if (offset > largest_file || size > largest_file - offset) return error(EFBIG);
            auto& bytes = state_->data.at(inode)->live;
            if (bytes.size() < offset + size) bytes.resize(static_cast<std::size_t>(offset) + size);
            std::memcpy(bytes.data() + offset, from.data(), size);
            touch(inode);
            return size;
        });
    }
    Result<void> truncate(FileHandle h, std::uint64_t size) noexcept {
        return on<void>(Operation::truncate, h, [&](Inode inode) -> Result<void> {
            if (!state_->handles.at(h).writes) return error(EINVAL);
            if (size > largest_file) return error(EFBIG);
            state_->data.at(inode)->live.resize(static_cast<std::size_t>(size));
            touch(inode);
            return {};
        });
    }
    Result<void> sync(FileHandle h) noexcept {
        announce_sync();
        return on<void>(Operation::sync, h, [&](Inode inode) -> Result<void> {
            if (const auto data = state_->data.find(inode); data != state_->data.end())
                data->second->durable = data->second->live;
            settle();
            return {};
        });
    }
    Result<void> sync_directory(FileHandle h) noexcept {
        announce_sync();
        return on<void>(Operation::sync_directory, h, [&](Inode) -> Result<void> {
            settle();
            return {};
        });
    }
    Result<void> remove(FileHandle dir, const char* name) noexcept {
        return in<void>(Operation::remove, dir, name, [&](Inode in, Inode there) -> Result<void> {
            if (there == no_inode) return error(ENOENT);
            if (const auto refusal = keeps(in, there)) return error(refusal);
            if (node_of(there).kind == NodeKind::directory) return error(EISDIR);
            step();
            unlink(in, name);
            return {};
        });
    }
    Result<void> rename(FileHandle dir, const char* from, const char* to) noexcept {
        return move_at(dir, from, dir, to, MoveMode::replace);
    }
    Result<std::vector<std::string>> list(FileHandle dir) noexcept {
        auto names = read_directory(dir);
        if (!names) return names.error();
        std::vector<std::string> sorted;
        for (auto& name : *names) sorted.push_back(std::move(name.name));
        std::ranges::sort(sorted);
        return sorted;
    }
    Result<FileStatus> status(FileHandle h) noexcept {
        return on<FileStatus>(Operation::stat, h, [&](Inode inode) -> Result<FileStatus> {
            const auto told = tell(inode);
            return FileStatus{Bytes{told.size}, told.kind == NodeKind::file,
                              told.kind == NodeKind::directory, told.links};
        });
    }
    Result<SpaceStatus> space(FileHandle h) noexcept {
        return on<SpaceStatus>(Operation::space, h, [&](Inode) -> Result<SpaceStatus> {
            return SpaceStatus{Bytes{1} + 1_GiB, 1_GiB, 4_KiB};
        });
    }
    Result<void> lock(FileHandle h) noexcept {
        return on<void>(Operation::lock, h, [&](Inode inode) -> Result<void> {
            const auto held = state_->locks.try_emplace(inode, h).first;
            if (held->second != h) return Error{Errc::directory_in_use, Operation::lock};
            return {};
        });
    }

    // ---- TreeFileSystem

    Result<FileHandle> open_directory_at(FileHandle dir, const char* name) noexcept {
        return in<FileHandle>(Operation::open, dir, name,
                              [&](Inode, Inode there) -> Result<FileHandle> {
                                  if (there == no_inode) return error(ENOENT);
                                  if (node_of(there).kind != NodeKind::directory)
                                      return error(ENOTDIR);
                                  if (!permits(there, may_read)) return error(EACCES);
                                  return open(there, false);
                              });
    }
    Result<FileHandle> create_at(FileHandle dir, const char* name, std::uint32_t mode) noexcept {
        return in<FileHandle>(Operation::create, dir, name,
                              [&](Inode in, Inode there) -> Result<FileHandle> {
                                  if (there != no_inode) return error(EEXIST);
                                  if (!permits(in, may_write)) return error(EACCES);
                                  return open(add(in, name, NodeKind::file, mode & ~umask), true);
                              });
    }
    Result<std::vector<DirectoryName>> read_directory(FileHandle dir) noexcept {
        using Names = std::vector<DirectoryName>;
        return on<Names>(Operation::list, dir, [&](Inode inode) -> Result<Names> {
            if (node_of(inode).kind != NodeKind::directory) return error(ENOTDIR);
            Names names;
            for (const auto& [name, there] : node_of(inode).names)
                names.push_back({name, there, node_of(there).kind});
            std::ranges::reverse(names);  // in no order
            return names;
        });
    }
    Result<NodeStatus> node(FileHandle h) noexcept {
        return on<NodeStatus>(Operation::stat, h,
                              [&](Inode inode) -> Result<NodeStatus> { return tell(inode); });
    }
    Result<NodeStatus> node_at(FileHandle dir, const char* name) noexcept {
        return in<NodeStatus>(Operation::stat, dir, name,
                              [&](Inode, Inode there) -> Result<NodeStatus> {
                                  if (there == no_inode) return error(ENOENT);
                                  return tell(there);
                              });
    }
    Result<std::string> read_link_at(FileHandle dir, const char* name) noexcept {
        return in<std::string>(Operation::read, dir, name,
                               [&](Inode, Inode there) -> Result<std::string> {
                                   if (there == no_inode) return error(ENOENT);
                                   if (node_of(there).kind != NodeKind::symlink)
                                       return error(EINVAL);
                                   return node_of(there).target;
                               });
    }
    Result<void> make_directory_at(FileHandle dir, const char* name, std::uint32_t mode) noexcept {
        return in<void>(Operation::create, dir, name, [&](Inode in, Inode there) -> Result<void> {
            if (there != no_inode) return error(EEXIST);
            if (!permits(in, may_write)) return error(EACCES);
            add(in, name, NodeKind::directory, mode & ~umask);
            return {};
        });
    }
    Result<void> make_symlink_at(const char* target, FileHandle dir, const char* name) noexcept {
        return in<void>(Operation::create, dir, name, [&](Inode in, Inode there) -> Result<void> {
            if (there != no_inode) return error(EEXIST);
            if (!permits(in, may_write)) return error(EACCES);
            const auto inode = add(in, name, NodeKind::symlink, 0777);
            change(inode).target = target;
            return {};
        });
    }
    Result<void> link_at(FileHandle from_dir, const char* from, FileHandle dir,
                         const char* name) noexcept {
        return in<void>(Operation::create, dir, name, [&](Inode in, Inode there) -> Result<void> {
            auto source = find(from_dir, from);
            if (!source) return source.error();
            if (*source == no_inode) return error(ENOENT);
            if (node_of(*source).kind == NodeKind::directory) return error(EPERM);
            if (there != no_inode) return error(EEXIST);
            if (!permits(in, may_write)) return error(EACCES);
            step();
            enter(in, name, *source);
            ++change(*source).links;
            return {};
        });
    }
    Result<void> remove_directory_at(FileHandle dir, const char* name) noexcept {
        return in<void>(Operation::remove, dir, name, [&](Inode in, Inode there) -> Result<void> {
            if (there == no_inode) return error(ENOENT);
            if (const auto refusal = keeps(in, there)) return error(refusal);
            if (node_of(there).kind != NodeKind::directory) return error(ENOTDIR);
            if (!node_of(there).names.empty()) return error(ENOTEMPTY);
            step();
            unlink(in, name);
            return {};
        });
    }
    Result<void> move_at(FileHandle from_dir, const char* from, FileHandle dir, const char* name,
                         MoveMode mode) noexcept {
        return in<void>(
            Operation::rename, dir, name, [&](Inode to_in, Inode there) -> Result<void> {
                auto source = find(from_dir, from);
                if (!source) return source.error();
                if (mode != MoveMode::replace && !state_->options.has_move_modes)
                    return Error{Errc::not_supported, Operation::rename};
                if (*source == no_inode) return error(ENOENT);
                if (there != no_inode && mode == MoveMode::no_replace) return error(EEXIST);
                if (there == no_inode && mode == MoveMode::exchange) return error(ENOENT);
                if (is_below(to_in, *source)) return error(EINVAL);
                const auto from_in = state_->handles.at(from_dir).inode;
                if (there != no_inode && mode == MoveMode::exchange) {
                    if (is_below(from_in, there)) return error(EINVAL);
                    if (const auto refusal = keeps(from_in, *source, to_in, there))
                        return error(refusal);
                    if (!may_move(*source, from_in, to_in) || !may_move(there, to_in, from_in))
                        return error(EACCES);
                    step();
                    enter(to_in, name, *source);
                    enter(from_in, from, there);
                    return {};
                }
                if (there == *source) return {};
                if (const auto refusal = keeps(from_in, *source, to_in, there))
                    return error(refusal);
                if (there != no_inode) {
                    const bool from_is = node_of(*source).kind == NodeKind::directory;
                    const bool to_is = node_of(there).kind == NodeKind::directory;
                    if (to_is && !from_is) return error(EISDIR);
                    if (!to_is && from_is) return error(ENOTDIR);
                }
                if (!may_move(*source, from_in, to_in)) return error(EACCES);
                if (there != no_inode && !node_of(there).names.empty()) return error(ENOTEMPTY);
                step();
                if (there != no_inode) unlink(to_in, name);
                enter(to_in, name, *source);
                change(from_in).names.erase(from);
                touch_directory(from_in);
                return {};
            });
    }

    Result<void> set_mode(FileHandle h, std::uint32_t mode) noexcept {
        return change(
            h,
            [&](Node& node) {
                // Nobody has programs run in the name of a group that is not theirs.
                const bool is_foreign = !is_root() && node.group != state_->options.user;
                node.mode = is_foreign ? mode & ~02000U : mode;
            },
            [&](const Node& node) { return unless_owned(node); });
    }
    Result<void> set_owner(FileHandle h, std::uint32_t user, std::uint32_t group) noexcept {
        return change(h, Give{user, group},
                      [&](const Node& node) { return unless_given(node, user, group); });
    }
    Result<void> set_owner_at(FileHandle dir, const char* name, std::uint32_t user,
                              std::uint32_t group) noexcept {
        return change(dir, name, Give{user, group},
                      [&](const Node& node) { return unless_given(node, user, group); });
    }
    Result<void> set_modified(FileHandle h, const FileTime& time) noexcept {
        return change(
            h, [&](Node& node) { node.modified = time; },
            [&](const Node& node) { return unless_owned(node); });
    }
    Result<void> set_modified_at(FileHandle dir, const char* name, const FileTime& time) noexcept {
        return change(
            dir, name, [&](Node& node) { node.modified = time; },
            [&](const Node& node) { return unless_owned(node); });
    }
    Result<std::vector<Attribute>> attributes(FileHandle h) noexcept {
        return on<std::vector<Attribute>>(
            Operation::read, h,
            [&](Inode inode) -> Result<std::vector<Attribute>> { return tell_attributes(inode); });
    }
    Result<std::vector<Attribute>> attributes_at(FileHandle dir, const char* name) noexcept {
        return in<std::vector<Attribute>>(
            Operation::read, dir, name, [&](Inode, Inode there) -> Result<std::vector<Attribute>> {
                if (there == no_inode) return error(ENOENT);
                return tell_attributes(there);
            });
    }
    Result<void> set_attribute(FileHandle h, const Attribute& attribute) noexcept {
        return change(
            h, [&](Node& node) { node.attributes[attribute.name] = attribute.value; },
            [&](const Node& node) { return refusal(node, attribute.name); });
    }
    Result<void> set_attribute_at(FileHandle dir, const char* name,
                                  const Attribute& attribute) noexcept {
        return change(
            dir, name, [&](Node& node) { node.attributes[attribute.name] = attribute.value; },
            [&](const Node& node) {
                return node.kind == NodeKind::symlink ? EPERM : refusal(node, attribute.name);
            });
    }
    Result<void> remove_attribute(FileHandle h, const char* which) noexcept {
        return on<void>(Operation::write, h, [&](Inode inode) { return forget(inode, which); });
    }
    Result<void> remove_attribute_at(FileHandle dir, const char* name, const char* which) noexcept {
        return in<void>(Operation::write, dir, name, [&](Inode, Inode there) -> Result<void> {
            if (there == no_inode) return error(ENOENT);
            return forget(there, which);
        });
    }

    using Offset = std::optional<std::uint64_t>;
    Result<Offset> next_data(FileHandle h, std::uint64_t offset) noexcept {
        return on<Offset>(Operation::read, h, [&](Inode inode) -> Result<Offset> {
            const std::string_view bytes{state_->data.at(inode)->live};
            const auto at = bytes.find_first_not_of('\0', static_cast<std::size_t>(offset));
            if (at == bytes.npos) return Offset{};
            return Offset{std::max<std::uint64_t>(offset, at / block * block)};
        });
    }
    Result<Offset> next_hole(FileHandle h, std::uint64_t offset) noexcept {
        return on<Offset>(Operation::read, h, [&](Inode inode) -> Result<Offset> {
            const std::string_view bytes{state_->data.at(inode)->live};
            if (offset >= bytes.size()) return Offset{};
            for (auto at = static_cast<std::size_t>(offset); at < bytes.size();
                 at = (at / block + 1) * block) {
                const auto part = bytes.substr(at / block * block, block);
                if (part.find_first_not_of('\0') == part.npos) return Offset{at};
            }
            return Offset{bytes.size()};
        });
    }
    Result<void> sync_file_system(FileHandle h) noexcept {
        announce_sync();
        return on<void>(Operation::sync, h, [&](Inode) -> Result<void> {
            for (auto& [inode, data] : state_->data) data->durable = data->live;
            settle();
            return {};
        });
    }

private:
    using Inode = std::uint64_t;
    static constexpr Inode no_inode = 0, root_inode = 1;
    static constexpr std::uint32_t umask = 022;
    static constexpr unsigned may_read = 4, may_write = 2, may_search = 1;
    static constexpr std::size_t largest_file = std::size_t{1} << 26;
    static constexpr std::size_t block = 4096;

    struct Node {
        NodeKind kind = NodeKind::file;
        std::uint32_t mode = 0;
        std::uint32_t user = 0, group = 0;
        std::uint64_t links = 1;
        FileTime modified, changed;
        std::map<std::string, Inode, std::less<>> names;
        Inode parent = no_inode;  ///< of a directory
        std::string target;
        std::map<std::string, std::string> attributes;
    };
    struct Data {
        std::string live, durable;
    };
    struct Handle {
        Inode inode = no_inode;
        bool writes = false;
    };
    struct Fault {
        std::uint64_t call;
        int error;
        bool for_ever;
    };
    using World = std::map<Inode, std::shared_ptr<const Node>>;
    struct State {
        SimTreeOptions options;
        std::mutex mutex;
        std::vector<World> worlds;  ///< the durable one, and one for each change since
        std::map<Inode, std::shared_ptr<Data>> data;
        std::map<FileHandle, Handle> handles;
        std::map<Inode, FileHandle> locks;
        Inode next_inode = root_inode + 1;
        FileHandle next_handle = 1;
        std::int64_t ticks = 1'000'000;
        std::uint64_t calls = 0;
        std::optional<Fault> failing;
        bool tracks = false;
        std::function<void()> before_sync;
    };

    static Error error(int number) noexcept { return Error::system(number, Operation::nothing); }

    std::optional<Error> begin(Operation operation) noexcept {
        const auto number = state_->calls++;
        const auto& fault = state_->failing;
        if (!fault || number < fault->call || (number > fault->call && !fault->for_ever)) return {};
        return Error::system(fault->error, operation);
    }
    template <class T, class F>
    Result<T> call(Operation operation, F&& f) noexcept {
        const std::lock_guard lock{state_->mutex};
        if (auto fault = begin(operation)) return *fault;
        Result<T> result = f();
        if (!result && result.error().domain == Domain::system)
            return Error::system(result.error().code, operation);
        return result;
    }
    template <class T, class F>
    Result<T> on(Operation operation, FileHandle h, F&& f) noexcept {
        return call<T>(operation, [&]() -> Result<T> {
            const auto handle = state_->handles.find(h);
            if (handle == state_->handles.end()) return error(EBADF);
            return f(handle->second.inode);
        });
    }
    /// What has the name; `no_inode`: nothing.
    Result<Inode> find(FileHandle dir, std::string_view name) const noexcept {
        const auto handle = state_->handles.find(dir);
        if (handle == state_->handles.end()) return error(EBADF);
        const auto& node = node_of(handle->second.inode);
        if (node.kind != NodeKind::directory) return error(ENOTDIR);
        if (!permits(node, may_search)) return error(EACCES);
        if (node.links == 0) return error(ENOENT);  // it was removed
        if (name.size() > 255) return error(ENAMETOOLONG);
        if (name == ".") return handle->second.inode;
        const auto at = node.names.find(name);
        return at == node.names.end() ? no_inode : at->second;
    }
    template <class T, class F>
    Result<T> in(Operation operation, FileHandle dir, std::string_view name, F&& f) noexcept {
        return call<T>(operation, [&]() -> Result<T> {
            auto there = find(dir, name);
            if (!there) return there.error();
            return f(state_->handles.at(dir).inode, *there);
        });
    }

    const Node& node_of(Inode inode) const { return *state_->worlds.back().at(inode); }
    bool is_root() const { return state_->options.user == 0; }
    bool owns(const Node& node) const { return is_root() || node.user == state_->options.user; }
    bool permits(const Node& node, unsigned wanted) const {
        const auto user = state_->options.user;
        const unsigned shift = node.user == user ? 6 : node.group == user ? 3 : 0;
        return is_root() || (node.mode >> shift & wanted) == wanted;
    }
    bool permits(Inode inode, unsigned wanted) const { return permits(node_of(inode), wanted); }
    /// The error with which a directory keeps a name; 0: it gives it away.
    int keeps(Inode in, Inode there) const {
        if (!permits(in, may_write | may_search)) return EACCES;
        const auto& dir = node_of(in);
        return (dir.mode & 01000) == 0 || owns(dir) || owns(node_of(there)) ? 0 : EPERM;
    }
    /// Likewise of two, for a move; there may be nothing yet where it goes.
    int keeps(Inode from_in, Inode source, Inode to_in, Inode there) const {
        if (const auto refusal = keeps(from_in, source)) return refusal;
        if (there != no_inode) return keeps(to_in, there);
        return permits(to_in, may_write | may_search) ? 0 : EACCES;
    }
    /// A directory that gets another parent is written: its `..`.
    bool may_move(Inode inode, Inode from, Inode to) const {
        return from == to || node_of(inode).kind != NodeKind::directory ||
               permits(inode, may_write);
    }
    /// Of an attribute that is written or removed.
    int refusal(const Node& node, std::string_view attribute) const {
        if (is_root()) return 0;
        if (attribute.starts_with("user.")) return permits(node, may_write) ? 0 : EACCES;
        return EPERM;
    }
    int unless_owned(const Node& node) const { return owns(node) ? 0 : EPERM; }
    int unless_given(const Node& node, std::uint32_t user, std::uint32_t group) const {
        const bool is_same = owns(node) && user == node.user &&
                             (group == node.group || group == state_->options.user);
        return state_->options.gives_owners && (is_root() || is_same) ? 0 : EPERM;
    }

    /// To be changed in the state of now.
    Node& change(Inode inode) {
        auto& slot = state_->worlds.back().at(inode);
        auto copy = std::make_shared<Node>(*slot);
        slot = copy;
        copy->changed = now();
        return *copy;
    }
    /// What follows is a state of its own.
    void step() {
        if (state_->tracks) state_->worlds.push_back(state_->worlds.back());
    }
    void settle() { state_->worlds.erase(state_->worlds.begin(), state_->worlds.end() - 1); }
    void announce_sync() {
        if (state_->before_sync) state_->before_sync();
    }
    FileTime now() noexcept { return {++state_->ticks, 0}; }

    FileHandle open(Inode inode, bool writes) {
        const auto handle = state_->next_handle++;
        state_->handles[handle] = {inode, writes};
        return handle;
    }
    Inode add(Inode in, const std::string& name, NodeKind kind, std::uint32_t mode) {
        step();
        const auto inode = state_->next_inode++;
        Node node;
        node.kind = kind;
        node.mode = mode;
        node.user = node.group = state_->options.user;
        if (const auto& dir = node_of(in); (dir.mode & 02000) != 0) {
            node.group = dir.group;
            if (kind == NodeKind::directory) node.mode |= 02000;
        }
        node.modified = node.changed = now();
        state_->worlds.back()[inode] = std::make_shared<const Node>(node);
        state_->data[inode] = std::make_shared<Data>();
        enter(in, name, inode);
        return inode;
    }
    void enter(Inode in, const std::string& name, Inode inode) {
        change(in).names[name] = inode;
        touch_directory(in);
        if (node_of(inode).kind == NodeKind::directory) change(inode).parent = in;
    }
    void unlink(Inode in, const std::string& name) {
        auto& names = change(in).names;
        const auto at = names.find(name);
        --change(at->second).links;
        change(in).names.erase(name);
        touch_directory(in);
    }
    void touch_directory(Inode inode) { change(inode).modified = now(); }
    void touch(Inode inode) {
        if (state_->worlds.size() == 1) step();
        auto& node = change(inode);
        node.modified = now();
        drop_capability(node);
        if (!is_root()) drop_set_ids(node);
    }
    // What was given to a program, not to what becomes of it.
    static void drop_capability(Node& node) { node.attributes.erase("security.capability"); }
    static void drop_set_ids(Node& node) {
        node.mode &= (node.mode & 010) != 0 ? ~06000U : ~04000U;  // set-group-id without x is none
    }
    bool is_below(Inode inode, Inode above) const {
        for (;; inode = node_of(inode).parent) {
            if (inode == above) return true;
            if (inode == root_inode || inode == no_inode) return false;
        }
    }

    NodeStatus tell(Inode inode) const {
        const auto& node = node_of(inode);
        const auto data = state_->data.find(inode);
        const auto size = node.kind == NodeKind::file      ? data->second->live.size()
                          : node.kind == NodeKind::symlink ? node.target.size()
                                                           : std::size_t{0};
        return {node.kind,  node.mode, node.user, node.group,    size,        (size + 511) / 512,
                node.links, inode,     1,         node.modified, node.changed};
    }
    Result<std::vector<Attribute>> tell_attributes(Inode inode) const {
        std::vector<Attribute> all;
        for (const auto& [name, value] : node_of(inode).attributes) {
            if (!is_root() && name.starts_with("trusted.")) continue;
            if (name.starts_with("user.") && !permits(inode, may_read)) return error(EACCES);
            all.push_back({name, value});
        }
        return all;
    }
    Result<void> forget(Inode inode, const char* which) {
        if (const auto refused = refusal(node_of(inode), which)) return error(refused);
        if (!node_of(inode).attributes.contains(which)) return error(ENODATA);
        step();
        change(inode).attributes.erase(which);
        return {};
    }
    struct Give {
        std::uint32_t user, group;
        void operator()(Node& node) const {
            node.user = user;
            node.group = group;
            if (node.kind == NodeKind::directory) return;
            drop_capability(node);
            drop_set_ids(node);
        }
    };
    /// @param refuses the error for a node, or 0
    template <class F, class Refuses>
    Result<void> change(FileHandle h, F&& f, Refuses&& refuses) noexcept {
        return on<void>(Operation::write, h, [&](Inode inode) -> Result<void> {
            if (const auto refusal = refuses(node_of(inode))) return error(refusal);
            step();
            f(change(inode));
            return {};
        });
    }
    template <class F, class Refuses>
    Result<void> change(FileHandle dir, const char* name, F&& f, Refuses&& refuses) noexcept {
        return in<void>(Operation::write, dir, name, [&](Inode, Inode there) -> Result<void> {
            if (there == no_inode) return error(ENOENT);
            if (const auto refusal = refuses(node_of(there))) return error(refusal);
            step();
            f(change(there));
            return {};
        });
    }

    std::shared_ptr<State> state_;
};

static_assert(TreeFileSystem<SimTree>);

}  // namespace bobbin::testing

#endif
