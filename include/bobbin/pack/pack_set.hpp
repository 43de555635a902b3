#ifndef BOBBIN_PACK_PACK_SET_HPP
#define BOBBIN_PACK_PACK_SET_HPP

#include <bobbin/pack/chunk_index.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// Where a chunk is to be found: in a record of a pack.
struct PackedChunk {
    ObjectId pack;
    std::uint32_t record = 0;  ///< its number in the pack
    friend constexpr bool operator==(const PackedChunk&, const PackedChunk&) = default;
};

/// The chunks of many packs in one structure, so that a look-up costs the same however many there
/// are: a sorted table that is entered next to the right place, behind a filter that tells most of
/// what is not there. Packs that are added later make small levels of their own, which are
/// merged as they grow. Holds no pack and no index. External sync; look-ups alone may run at once.
template <ContentDigest D>
class PackSet {
public:
    using Key = pack::Key<D>;

    /// Adds the chunks of a pack. A chunk may be in many packs.
    /// @errors `object_too_long`: more than 2^32 - 1 chunks, here or in all; `out_of_memory`; both
    ///   leave the set as it was
    /// @allocates 1.5 times `D::size` + 8 bytes a chunk, and 2 for the filter; as much again while
    ///   levels merge
    Result<void> add(ObjectId pack, const ChunkIndex& index) noexcept {
        const Error too_many{Errc::object_too_long, Operation::append};
        if (index.size() > most - size_ || packs_.size() >= most) return too_many;
        return bobbin::detail::without_throwing(Operation::append, [&]() -> Result<void> {
            std::vector<Entry> entries(index.size());
            for (std::size_t n = 0; n < entries.size(); ++n) {
                std::ranges::copy(index.key(n), entries[n].key.begin());
                entries[n].pack = static_cast<std::uint32_t>(packs_.size());
                entries[n].record = static_cast<std::uint32_t>(index.place(n).record);
            }
            // So that there are few levels, and a chunk is moved seldom.
            auto first = levels_.size();
            for (auto size = entries.size(); first != 0 && levels_[first - 1].size() / 2 <= size;)
                size += levels_[--first].size();
            replace(first, std::move(entries), pack);
            return {};
        });
    }

    /// Makes one level of all, as when everything was loaded and much is going to be asked.
    /// @errors `out_of_memory`
    Result<void> merge() noexcept {
        if (levels_.size() < 2) return {};
        return bobbin::detail::without_throwing(Operation::append, [&]() -> Result<void> {
            replace(0, {}, {});
            return {};
        });
    }

    bool contains(const Key& key) const noexcept {
        return std::ranges::any_of(levels_,
                                   [&](const Level& level) { return level.find(key) != nullptr; });
    }

    /// Any one of its copies. Empty: there is none.
    std::optional<PackedChunk> find(const Key& key) const noexcept {
        for (const auto& level : levels_)
            if (const auto* const entry = level.find(key)) return told(*entry);
        return {};
    }

    /// Looks for many in one call: memory is asked for a few keys ahead. Calls `f(n, found)` for each
    /// key in order, `found` as `find` gives it.
    template <class F>
    void find_each(std::span<const Key> keys, F&& f) const {
        constexpr std::size_t far = 24, near = 12;
        for (std::size_t n = 0; n < keys.size() + far; ++n) {
            for (const auto& level : levels_) {
                if (n < keys.size()) level.prefetch_filter(keys[n]);
                const auto second = n - near;
                if (n >= near && second < keys.size()) level.prefetch(keys[second]);
            }
            if (n >= far) f(n - far, find(keys[n - far]));
        }
    }

    /// Calls `f(copy)` for each copy of a chunk until it answers true: where one is damaged, the next
    /// may not be.
    /// @returns whether it did
    template <class F>
    bool find_copy(const Key& key, F&& f) const {
        for (const auto& level : levels_) {
            const auto* const first = level.find(key);
            if (first &&
                level.visit_copies(first, [&](const Entry& entry) { return f(told(entry)); }))
                return true;
        }
        return false;
    }

    /// Copies counted.
    std::uint64_t size() const noexcept { return size_; }
    std::size_t packs() const noexcept { return packs_.size(); }
    std::size_t levels() const noexcept { return levels_.size(); }

private:
    static constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();

    static constexpr std::uint32_t no_pack = most;

    struct Entry {
        Key key;
        std::uint32_t pack;  ///< number in `packs_`
        std::uint32_t record;
    };
    static bool comes_before(const Entry& a, const Entry& b) noexcept {
        const int order = std::memcmp(a.key.data(), b.key.data(), D::size);
        return order < 0 || (order == 0 && a.pack < b.pack);
    }

    /// Entries in order, each at the place where evenly spread keys have it, or as near behind it as
    /// there is room: a third of the places is free, so a look-up goes to one place in memory.
    class Level {
    public:
        explicit Level(std::vector<Entry> entries) : count_{entries.size()} {
            filter_.resize(std::max<std::size_t>(count_ / 4, 1));
            for (const auto& entry : entries) filter_[word_of(entry.key)] |= bits_of(entry.key);
            capacity_ = count_ + count_ / 2 + 1;
            places_.assign(capacity_ + longest_run + 1, Entry{{}, no_pack, 0});
            std::size_t next = 0;
            for (const auto& entry : entries) {
                const auto place = place_of(entry.key);
                next = std::max(next, place);
                // Digests spread evenly. Where they do not, somebody made them so.
                if (next - place > longest_run) {
                    is_dense_ = true;
                    places_ = std::move(entries);
                    return;
                }
                places_[next++] = entry;
            }
        }

        /// The first entry of `key`.
        const Entry* find(const Key& key) const noexcept {
            const auto bits = bits_of(key);
            if ((filter_[word_of(key)] & bits) != bits) return nullptr;
            return find_here(key);
        }
        /// After which `find` does not wait for memory.
        void prefetch(const Key& key) const noexcept {
            if (!is_dense_) __builtin_prefetch(places_.data() + place_of(key));
        }
        void prefetch_filter(const Key& key) const noexcept {
            __builtin_prefetch(filter_.data() + word_of(key));
        }

        /// Calls `f(entry)` for each copy of the chunk of which `first` is the first, until true.
        template <class F>
        bool visit_copies(const Entry* first, F&& f) const {
            const auto key = first->key;
            for (const auto* const end = places_.data() + places_.size();
                 first != end && first->pack != no_pack && first->key == key; ++first)
                if (f(*first)) return true;
            return false;
        }

        /// In order, without the free places.
        std::vector<Entry> entries() const {
            std::vector<Entry> dense;
            dense.reserve(count_);
            std::ranges::copy_if(places_, std::back_inserter(dense),
                                 [](const Entry& entry) { return entry.pack != no_pack; });
            return dense;
        }
        std::size_t size() const noexcept { return count_; }

    private:
        static constexpr std::size_t longest_run = 256;

        const Entry* find_here(const Key& key) const noexcept {
            if (is_dense_) {
                const auto found = std::ranges::lower_bound(
                    places_, key,
                    [](const Key& a, const Key& b) {
                        return std::memcmp(a.data(), b.data(), D::size) < 0;
                    },
                    &Entry::key);
                return found != places_.end() && found->key == key ? &*found : nullptr;
            }
            // There is a free place behind the last.
            for (const auto* at = places_.data() + place_of(key); at->pack != no_pack; ++at) {
                const int order = std::memcmp(at->key.data(), key.data(), D::size);
                if (order >= 0) return order == 0 ? at : nullptr;
            }
            return nullptr;
        }

        /// By the first 4 bytes in the order of keys.
        std::size_t place_of(const Key& key) const noexcept {
            std::uint32_t first = 0;
            std::memcpy(&first, key.data(), sizeof first);
            if constexpr (std::endian::native == std::endian::little)
                first = __builtin_bswap32(first);
            return static_cast<std::size_t>(std::uint64_t{first} * capacity_ >> 32);
        }
        /// By others: four bits in one word, 16 bits of the filter for each chunk.
        std::size_t word_of(const Key& key) const noexcept {
            const auto hash = load_le<std::uint64_t>(key.data() + 8) >> 32;
            return static_cast<std::size_t>(hash * filter_.size() >> 32);
        }
        static std::uint64_t bits_of(const Key& key) noexcept {
            const auto hash = load_le<std::uint64_t>(key.data() + 8);
            return std::uint64_t{1} << (hash & 63) | std::uint64_t{1} << (hash >> 6 & 63) |
                   std::uint64_t{1} << (hash >> 12 & 63) | std::uint64_t{1} << (hash >> 18 & 63);
        }

        std::vector<Entry> places_;
        std::vector<std::uint64_t> filter_;
        std::uint64_t capacity_ = 0;
        std::size_t count_ = 0;
        bool is_dense_ = false;  ///< without free places, and searched by halves
    };

    PackedChunk told(const Entry& entry) const noexcept {
        return {packs_[entry.pack], entry.record};
    }

    /// One level of `entries` and of the levels from `first` on; `pack` is theirs, if there is one.
    void replace(std::size_t first, std::vector<Entry> entries, ObjectId pack) {
        const auto added = entries.size();
        for (auto n = levels_.size(); n > first; --n) {
            const auto older = levels_[n - 1].entries();
            std::vector<Entry> merged(older.size() + entries.size());
            std::ranges::merge(older, entries, merged.begin(), comes_before);
            entries = std::move(merged);
        }
        Level level{std::move(entries)};
        levels_.reserve(first + 1);
        if (pack) packs_.push_back(pack);
        // From here on nothing fails.
        levels_.erase(levels_.begin() + static_cast<std::ptrdiff_t>(first), levels_.end());
        levels_.push_back(std::move(level));
        size_ += added;
    }

    std::vector<ObjectId> packs_;
    std::vector<Level> levels_;  ///< older and larger ones first
    std::uint64_t size_ = 0;
};

}  // namespace bobbin::pack

#endif
