#ifndef BOBBIN_PACK_LIVE_CHUNKS_HPP
#define BOBBIN_PACK_LIVE_CHUNKS_HPP

#include <bobbin/digest/sha256.hpp>
#include <bobbin/pack/tree_reader.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// The addresses of all that trees are made of: their nodes, lists and contents. What several of
/// them have in common is read once. External sync.
/// @allocates about 64 bytes a chunk
class LiveChunks {
public:
    /// Adds a tree, by its root's entry.
    /// @errors of the source; `tree_malformed`, `format_unknown`, `chunk_missing`: what is live is
    ///   not known then; `out_of_memory`
    template <ChunkSource S>
    Result<void> add(S& source, const TreeEntry& root) noexcept {
        return bobbin::detail::without_throwing(Operation::read, [&]() -> Result<void> {
            Marker<S> marker{source, *this};
            auto is_new = marker.take(root);
            if (!is_new) return is_new.error();
            if (auto marked = marker.read_lists(); !marked) return marked;
            if (!*is_new) return {};
            if (auto walked = walk_tree(source, root.content, marker); !walked) return walked;
            return marker.read_lists();
        });
    }

    bool contains(const Address& address) const noexcept { return all_.contains(address); }
    std::size_t size() const noexcept { return all_.size(); }
    /// Whether `f(address)` is true for all.
    template <class F>
    bool all_of(F&& f) const {
        return std::ranges::all_of(all_, f);
    }

private:
    using Set = std::unordered_set<Address, detail::KeyHash>;

    template <class S>
    class Marker {
    public:
        Marker(S& source, LiveChunks& live) noexcept : source_{source}, live_{live} {}

        Result<std::optional<std::uint64_t>> visit(std::string_view, const TreeEntry& entry) {
            auto is_new = take(entry);
            if (!is_new) return is_new.error();
            if (!*is_new) return std::optional<std::uint64_t>{};
            return std::optional<std::uint64_t>{0};
        }
        Result<void> enter(std::string_view, std::uint64_t) { return read_lists(); }
        Result<void> leave() { return read_lists(); }

        /// @returns whether it is a directory that was not seen before
        Result<bool> take(const TreeEntry& entry) {
            const auto& content = entry.content;
            for (const auto& extent : content.extents)
                if (!extent.is_hole) live_.all_.insert(extent.address);
            // The source is not free for them now.
            if (content.level != 0) lists_.push_back(content);
            if (entry.kind != EntryKind::directory) return false;
            return live_.nodes_.insert(name_of(content)).second;
        }

        Result<void> read_lists() {
            for (auto& content : std::exchange(lists_, {}))
                if (auto marked = mark(content); !marked) return marked;
            return {};
        }

    private:
        /// A node is what its level makes of its chunks, in their order; one may be a part of
        /// several nodes.
        static Address name_of(const Content& node) {
            Sha256 digest;
            digest.update(std::array{std::byte{node.level}});
            for (const auto& extent : node.extents) digest.update(extent.address);
            return digest.finish();
        }

        /// What a list names, down to the chunks; one that was read is passed over.
        Result<void> mark(const Content& content) {
            std::vector<Content> open{content};
            while (!open.empty()) {
                const auto at = std::move(open.back());
                open.pop_back();
                for (const auto& extent : at.extents) {
                    if (extent.is_hole) continue;
                    live_.all_.insert(extent.address);
                    if (at.level == 0 || !live_.lists_.insert(extent.address).second) continue;
                    const auto bytes = source_.read(extent.address);
                    if (!bytes) return bytes.error();
                    auto list = ContentList::decode(*bytes);
                    if (!list) return list.error();
                    if (list->level + 1 != at.level)
                        return Error{Errc::tree_malformed, Operation::decode};
                    open.push_back(std::move(*list));
                }
            }
            return {};
        }

        S& source_;
        LiveChunks& live_;
        std::vector<Content> lists_;
    };

    Set all_;
    Set nodes_;  ///< by `name_of`, that were walked or are being walked
    Set lists_;  ///< that were read
};

}  // namespace bobbin::pack

#endif
