#ifndef BOBBIN_PACK_TREE_READER_HPP
#define BOBBIN_PACK_TREE_READER_HPP

#include <bobbin/pack/concept.hpp>
#include <bobbin/pack/tree.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// Limits of a walk over a tree, which may be anything.
struct WalkLimits {
    std::size_t depth = TreeLimits::depth;       ///< of directories
    std::size_t memory = std::size_t{32} << 20;  ///< bytes for directories not yet entered
};

namespace detail {

/// A list has 1024 extents of up to 43 bytes.
inline constexpr std::size_t largest_list = std::size_t{64} << 10;

/// The record of a list, for `for_each_chunk`.
template <ChunkSource S>
Result<std::vector<std::byte>> read_list(S& source, const Address& address) {
    const auto bytes = source.read(address);
    if (!bytes) return bytes.error();
    if (bytes->size() > largest_list) return Error{Errc::tree_malformed, Operation::decode};
    return std::vector<std::byte>(bytes->begin(), bytes->end());
}

/// Calls `visit(extent, bytes)`, a `Result<void>`, for each chunk and hole; `bytes` are a chunk's,
/// checked, until the source is used again.
template <ChunkSource S, class Visit>
Result<void> read_content(S& source, const Content& content, Visit&& visit) {
    return for_each_chunk(
        content, [&](const Address& address) { return read_list(source, address); },
        [&](const Extent& extent) -> Result<void> {
            if (extent.is_hole) return visit(extent, ByteView{});
            const auto bytes = source.read(extent.address);
            if (!bytes) return bytes.error();
            if (bytes->size() != extent.length)
                return Error{Errc::tree_malformed, Operation::decode};
            return visit(extent, *bytes);
        });
}

}  // namespace detail

/// Reads the node of a directory and calls `f(entry)`, a `Result<bool>`, for each of its entries in
/// the order of their names, until it is false. `f` may change the entry, and must not use `source`.
/// In memory are one chunk and one entry.
/// @errors of `f` and the source; `tree_malformed`, `format_unknown`: what is there is no node;
///   `out_of_memory`
template <ChunkSource S, class F>
    requires std::same_as<std::invoke_result_t<F&, TreeEntry&>, Result<bool>>
Result<void> for_each_entry(S& source, const Content& directory, F&& f) noexcept {
    constexpr std::size_t piece = std::size_t{64} << 10;
    return bobbin::detail::without_throwing(Operation::decode, [&]() -> Result<void> {
        TreeDecoder decoder;
        TreeEntry entry;
        bool is_done = false;
        auto read = detail::read_content(
            source, directory, [&](const Extent& extent, ByteView bytes) -> Result<void> {
                if (extent.is_hole) return Error{Errc::tree_malformed, Operation::decode};
                while (!bytes.empty()) {
                    const auto part = bytes.first(std::min(bytes.size(), piece));
                    bytes = bytes.subspan(part.size());
                    if (auto added = decoder.add(part); !added) return added;
                    for (;;) {
                        auto got = decoder.next(entry);
                        if (!got) return got.error();
                        if (!*got) break;
                        auto goes_on = f(entry);
                        if (!goes_on) return goes_on.error();
                        if (!*goes_on) {
                            is_done = true;
                            // Any error ends the reading, and this one is not told.
                            return Error{Errc::stop_requested, Operation::decode};
                        }
                    }
                }
                return {};
            });
        if (is_done) return {};
        if (!read) return read;
        return decoder.finish();
    });
}

/// The entry at a path below a directory; empty: there is none. The path is names with '/' between.
/// @errors those of `for_each_entry`; `name_invalid`: the path
template <ChunkSource S>
Result<std::optional<TreeEntry>> find_entry(S& source, const Content& directory,
                                            std::string_view path) noexcept {
    return bobbin::detail::without_throwing(
        Operation::read, [&]() -> Result<std::optional<TreeEntry>> {
            std::optional<TreeEntry> at;
            for (;;) {
                const auto name = path.substr(0, path.find('/'));
                if (!detail::is_entry_name(name)) return Error{Errc::name_invalid, Operation::read};
                const auto node = at ? std::move(at->content) : directory;
                at.reset();
                auto read = for_each_entry(source, node, [&](TreeEntry& entry) -> Result<bool> {
                    if (entry.name == name) at = std::move(entry);
                    return !at && entry.name < name;
                });
                if (!read) return read.error();
                if (!at || name.size() == path.size()) return at;
                if (at->kind != EntryKind::directory) return std::optional<TreeEntry>{};
                path.remove_prefix(name.size() + 1);
            }
        });
}

/// Whether a part of a content is nowhere: a chunk, or a list of them. Nothing but lists is read.
/// @errors of the source, but for `chunk_missing`: where a list is damaged, or it is not known what
///   is there; `tree_malformed`, `format_unknown`; `out_of_memory`
template <ChunkSource S>
Result<bool> is_lost(S& source, const Content& content) noexcept {
    return bobbin::detail::without_throwing(Operation::read, [&]() -> Result<bool> {
        const auto walked = for_each_chunk(
            content, [&](const Address& address) { return detail::read_list(source, address); },
            [&](const Extent& extent) -> Result<void> {
                if (extent.is_hole || source.locate(extent.address)) return {};
                const auto why = source.read(extent.address);
                if (!why) return why.error();
                return {};
            });
        if (walked) return false;
        if (walked.error().is(Errc::chunk_missing)) return true;
        return walked.error();
    });
}

/// What is done with the entries of a tree.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `v.visit(path, entry)` | `Result<std::optional<std::uint64_t>>` | for each entry; `path` is that of its directory, empty or ending with '/'. A number: a directory is walked as well; not asked for others. All but the content of a directory may be taken from `entry` |
/// | `v.enter(name, number)` | `Result<void>` | the entries of that directory follow (optional) |
/// | `v.leave(path)` | `Result<void>` | those of a directory that was entered have ended, and what follows is of the one above (optional) |
///
/// An error ends the walk.
template <class V>
concept TreeVisitor = requires(V& v, std::string_view path, TreeEntry& entry) {
    { v.visit(path, entry) } -> std::same_as<Result<std::optional<std::uint64_t>>>;
};

namespace detail {

template <ChunkSource S, TreeVisitor V>
class TreeWalk {
public:
    TreeWalk(S& source, V& visitor, const WalkLimits& limits) noexcept
        : source_{source}
        , visitor_{visitor}
        , limits_{limits} {}

    Result<void> run(const Content& root) {
        levels_.push_back({{}, root});
        while (!levels_.empty()) {
            auto& level = levels_.back();
            if (level.next < level.pending.size()) {
                if (auto entered = enter(std::move(level.pending[level.next++])); !entered)
                    return entered;
            } else if (level.has_more) {
                if (auto read = read_batch(level); !read) return read;
            } else if (auto left = leave(); !left) {
                return left;
            }
        }
        return {};
    }

private:
    struct Pending {
        std::string name;
        Content node;
        std::uint64_t number = 0;
    };
    struct Level {
        std::string name;
        Content node;
        std::vector<Pending> pending{};
        std::size_t next = 0;    ///< of them
        std::string after{};     ///< the last entry that was visited
        std::size_t memory = 0;  ///< that its pending directories take
        bool has_more = true;
    };

    /// Visits entries until too many directories are pending; what follows is found again by name.
    Result<void> read_batch(Level& level) {
        memory_ -= level.memory;
        level.memory = 0;
        level.pending.clear();
        level.next = 0;
        level.has_more = false;
        return for_each_entry(source_, level.node, [&](TreeEntry& entry) -> Result<bool> {
            if (!level.after.empty() && entry.name <= level.after) return true;
            if (!level.pending.empty() && memory_ > limits_.memory) {
                level.has_more = true;
                return false;
            }
            level.after = entry.name;
            const bool is_directory = entry.kind == EntryKind::directory;
            auto number = visitor_.visit(path_, entry);
            if (!number) return number.error();
            if (!*number || !is_directory) return true;
            const auto size = sizeof(Pending) + level.after.size() +
                              entry.content.extents.size() * sizeof(Extent);
            level.pending.push_back({level.after, std::move(entry.content), **number});
            level.memory += size;
            memory_ += size;
            return true;
        });
    }

    Result<void> enter(Pending directory) {
        if (levels_.size() > limits_.depth) return Error{Errc::not_supported, Operation::decode};
        if constexpr (requires { visitor_.enter(std::string_view{}, std::uint64_t{}); })
            if (Result<void> entered = visitor_.enter(directory.name, directory.number); !entered)
                return entered;
        path_ += directory.name;
        path_ += '/';
        levels_.push_back({std::move(directory.name), std::move(directory.node)});
        return {};
    }

    Result<void> leave() {
        const auto& level = levels_.back();
        memory_ -= level.memory;
        if (levels_.size() != 1) {
            if constexpr (requires { visitor_.leave(std::string_view{}); })
                if (Result<void> left = visitor_.leave(path_); !left) return left;
            path_.resize(path_.size() - level.name.size() - 1);
        }
        levels_.pop_back();
        return {};
    }

    S& source_;
    V& visitor_;
    WalkLimits limits_;
    std::vector<Level> levels_;
    std::string path_;
    std::size_t memory_ = 0;
};

}  // namespace detail

/// Walks the tree below a directory: its entries in the order of their names, then those of each
/// directory among them that the visitor takes, in the same way; of a directory with very many
/// others, some of these come in between. A node that has many names is walked for each, so a small
/// store may hold an endless tree: a visitor that goes by addresses refuses what it has seen. The
/// visitor may use the source in `enter` and `leave` only. Not recursive; in memory are the
/// directories on the way to where it is, and what of their others the limits allow.
/// @errors of the visitor and `for_each_entry`; `not_supported`: deeper than the limits
template <ChunkSource S, TreeVisitor V>
Result<void> walk_tree(S& source, const Content& directory, V& visitor,
                       const WalkLimits& limits = {}) noexcept {
    return bobbin::detail::without_throwing(Operation::read, [&] {
        return detail::TreeWalk<S, V>{source, visitor, limits}.run(directory);
    });
}

}  // namespace bobbin::pack

#endif
