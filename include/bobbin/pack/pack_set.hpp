#ifndef BOBBIN_PACK_PACK_SET_HPP
#define BOBBIN_PACK_PACK_SET_HPP

#include <bobbin/pack/chunk_index.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// Where a chunk is to be found: in the index of a pack.
struct PackedChunk {
    ObjectId pack;
    std::uint32_t chunk = 0;  ///< its number in the pack's `ChunkIndex`
    friend constexpr bool operator==(const PackedChunk&, const PackedChunk&) = default;
};

/// The chunks of many packs in one structure, so that a look-up costs the same however many there
/// are: a hash table of small slots that is open to the next ones, beside the entries themselves,
/// which are never moved. A key is a digest already, so its first bytes are its hash. What is not
/// there costs one place in memory, what is there two. Holds no pack and no index. External sync;
/// look-ups alone may run at once.
template <ContentDigest D>
class PackSet {
public:
    using Key = pack::Key<D>;

    /// Adds the chunks of a pack. A chunk may be in many packs.
    /// @errors `object_too_long`: more than 2^31 - 1 chunks, here or in all; `out_of_memory`; both
    ///   leave the set as it was
    /// @allocates `D::size` + 8 bytes a chunk, and 16 to 22 for its slots; 22 more while they grow
    Result<void> add(ObjectId pack, const ChunkIndex& index) noexcept {
        return add_all(pack, index.size(), [&](std::size_t n) { return index.key(n); });
    }

    /// Likewise.
    /// @param keys of all its chunks one after the other, in the order of its index
    Result<void> add(ObjectId pack, ByteView keys) noexcept {
        return add_all(pack, keys.size() / D::size,
                       [&](std::size_t n) { return keys.subspan(n * D::size, D::size); });
    }

    bool contains(const Key& key) const noexcept {
        return find_entry(key, [](const Entry&) { return true; });
    }

    /// Any one of its copies. Empty: there is none.
    std::optional<PackedChunk> find(const Key& key) const noexcept {
        std::optional<PackedChunk> found;
        find_entry(key, [&](const Entry& entry) {
            found = told(entry);
            return true;
        });
        return found;
    }

    /// Looks for many in one call: memory is asked for a few keys ahead. Calls `f(n, found)` for each
    /// key in order, `found` as `find` gives it.
    template <class F>
    void find_each(std::span<const Key> keys, F&& f) const {
        // First for the slot, then for the entry that it tells.
        constexpr std::size_t far = 24, near = 12;
        for (std::size_t n = 0; n < keys.size() + far; ++n) {
            if (n < keys.size()) prefetch_slot(tag_of(keys[n]));
            if (n >= near && n - near < keys.size()) prefetch_entry(keys[n - near]);
            if (n >= far) f(n - far, find(keys[n - far]));
        }
    }

    /// Calls `f(copy)` for each copy of a chunk until it answers true: where one is damaged, the next
    /// may not be.
    /// @returns whether it did
    template <class F>
    bool find_copy(const Key& key, F&& f) const {
        return find_entry(key, [&](const Entry& entry) { return f(told(entry)); });
    }

    /// Copies counted.
    std::uint64_t size() const noexcept { return size_; }
    std::size_t packs() const noexcept { return packs_.size(); }

private:
    /// A number and one more fits in a slot, and twice as many slots can be told by 32 bits.
    static constexpr std::size_t most = std::numeric_limits<std::int32_t>::max();

    struct Entry {
        Key key;
        std::uint32_t pack;  ///< number in `packs_`
        std::uint32_t chunk;
    };

    /// The upper half is the tag of an entry, the lower one its number, from 1. Zero: free.
    using Slot = std::uint64_t;

    /// Each slot is the first free one from where its tag has it. So slots are almost in the order
    /// of tags, and a larger table is made of them alone, from the first to the last.
    struct Table {
        std::vector<Slot> slots;  ///< `capacity`, and a run more
        std::size_t capacity = 0;
        /// For whom there was no room in a run. Digests spread evenly; where they do not,
        /// somebody made them so, and shall not make others wait.
        std::multimap<Key, std::uint32_t> crowded;

        std::size_t home(std::uint32_t tag) const noexcept {
            return static_cast<std::size_t>(std::uint64_t{tag} * capacity >> 32);
        }
        std::span<const Slot> run(std::uint32_t tag) const noexcept {
            return {slots.data() + home(tag), longest_run};
        }
        bool insert(Slot slot) noexcept {
            auto* const first = slots.data() + home(tag_of(slot));
            auto* const at = std::find(first, first + longest_run, Slot{0});
            if (at == first + longest_run) return false;
            *at = slot;
            return true;
        }
    };
    static constexpr std::size_t longest_run = 128;

    static std::uint32_t tag_of(Slot slot) noexcept {
        return static_cast<std::uint32_t>(slot >> 32);
    }
    static std::uint32_t tag_of(const Key& key) noexcept {
        return word_of<std::uint32_t>(key.data());
    }
    /// In the order of the machine, as nothing of it leaves the memory.
    template <class Word>
    static Word word_of(const std::byte* from) noexcept {
        Word word;
        std::memcpy(&word, from, sizeof word);
        return word;
    }
    /// By words and without a branch, as the next look-up begins while this one waits for memory.
    static bool is_same(const Key& a, const Key& b) noexcept {
        constexpr auto width = sizeof(std::uint64_t);
        const auto differing = [&](std::size_t at) noexcept {
            return word_of<std::uint64_t>(a.data() + at) ^ word_of<std::uint64_t>(b.data() + at);
        };
        auto difference = differing(D::size - width);
        for (std::size_t at = 0; at + width < D::size; at += width) difference |= differing(at);
        return difference == 0;
    }
    static std::uint32_t number_of(Slot slot) noexcept {
        return static_cast<std::uint32_t>(slot) - 1;
    }
    static Slot slot_of(const Key& key, std::uint32_t number) noexcept {
        return Slot{tag_of(key)} << 32 | (number + 1);
    }

    /// Entries are in blocks, so that they stay where they are.
    static constexpr std::size_t in_block = std::size_t{1} << 14;
    const Entry& entry(std::uint32_t number) const noexcept {
        return blocks_[number / in_block][number % in_block];
    }

    /// Calls `f(entry)` for each copy until true.
    template <class F>
    bool find_entry(const Key& key, F&& f) const {
        if (table_.slots.empty()) return false;
        const auto tag = tag_of(key);
        for (const auto slot : table_.run(tag)) {
            if (slot == 0) return false;
            if (tag_of(slot) != tag) continue;
            if (const auto& found = entry(number_of(slot)); is_same(found.key, key) && f(found))
                return true;
        }
        auto [first, last] = table_.crowded.equal_range(key);
        return std::any_of(first, last, [&](const auto& of) { return f(entry(of.second)); });
    }

    void prefetch_slot(std::uint32_t tag) const noexcept {
        __builtin_prefetch(table_.slots.data() + table_.home(tag));
    }
    void prefetch_entry(const Key& key) const noexcept {
        if (table_.slots.empty()) return;
        const auto tag = tag_of(key);
        for (const auto slot : table_.run(tag)) {
            if (slot != 0 && tag_of(slot) != tag) continue;
            if (slot != 0) __builtin_prefetch(&entry(number_of(slot)));
            return;
        }
    }

    PackedChunk told(const Entry& entry) const noexcept {
        return {packs_[entry.pack], entry.chunk};
    }

    /// Half of the slots are free, so that most look-ups end at the first or second of a run.
    static constexpr std::size_t slots_for(std::size_t entries) noexcept { return 2 * entries + 1; }

    template <class KeyOf>
    Result<void> add_all(ObjectId pack, std::size_t count, KeyOf&& key_of) noexcept {
        const Error too_many{Errc::object_too_long, Operation::append};
        if (count > most - size_ || packs_.size() >= most) return too_many;
        return bobbin::detail::without_throwing(Operation::append, [&]() -> Result<void> {
            reserve(count);
            packs_.push_back(pack);
            Unfinished unfinished{*this, size_};
            Entry entry;
            entry.pack = static_cast<std::uint32_t>(packs_.size() - 1);
            for (std::size_t n = 0; n < count; ++n) {
                constexpr std::size_t ahead = 16;
                if (n + ahead < count)
                    prefetch_slot(word_of<std::uint32_t>(key_of(n + ahead).data()));
                std::memcpy(entry.key.data(), key_of(n).data(), D::size);
                entry.chunk = static_cast<std::uint32_t>(n);
                append(entry);
            }
            unfinished.set = nullptr;
            return {};
        });
    }

    void reserve(std::size_t more) {
        const auto wanted = size_ + more;
        blocks_.reserve(wanted / in_block + 1);
        if (slots_for(wanted) > table_.capacity)
            table_ = resized(std::min(slots_for(wanted + wanted / 3), std::size_t{1} << 32));
    }

    Table resized(std::size_t capacity) const {
        Table table{std::vector<Slot>(capacity + longest_run), capacity, {}};
        const auto insert = [&](Slot slot, const auto& key) {
            if (!table.insert(slot)) table.crowded.emplace(key(), number_of(slot));
        };
        for (const auto slot : table_.slots)
            if (slot != 0) insert(slot, [&] { return entry(number_of(slot)).key; });
        for (const auto& [key, number] : table_.crowded)
            insert(slot_of(key, number), [&] { return key; });
        return table;
    }

    void append(const Entry& entry) {
        const auto number = static_cast<std::uint32_t>(size_);
        if (number % in_block == 0) {
            std::vector<Entry> block;
            block.reserve(in_block);
            blocks_.push_back(std::move(block));
        }
        blocks_.back().push_back(entry);
        ++size_;
        if (!table_.insert(slot_of(entry.key, number))) table_.crowded.emplace(entry.key, number);
    }

    /// Takes back a pack that was added in part. The last slot that was taken is the first that is
    /// given back, so what remains is as it was.
    struct Unfinished {
        PackSet* set;
        std::size_t size;
        Unfinished(PackSet& of, std::size_t before) noexcept : set{&of}, size{before} {}
        Unfinished(const Unfinished&) = delete;
        Unfinished& operator=(const Unfinished&) = delete;
        ~Unfinished() {
            if (set) set->cut(size);
        }
    };
    void cut(std::size_t size) noexcept {
        while (size_ > size) {
            const auto number = static_cast<std::uint32_t>(--size_);
            auto& block = blocks_.back();
            const auto key = block.back().key;
            const auto slot = slot_of(key, number);
            auto* const first = table_.slots.data() + table_.home(tag_of(key));
            if (auto* const at = std::find(first, first + longest_run, slot);
                at != first + longest_run) {
                *at = 0;
            } else {
                auto [some, end] = table_.crowded.equal_range(key);
                some = std::find_if(some, end, [&](const auto& of) { return of.second == number; });
                if (some != end) table_.crowded.erase(some);
            }
            block.pop_back();
            if (block.empty()) blocks_.pop_back();
        }
        packs_.pop_back();
    }

    std::vector<ObjectId> packs_;
    std::vector<std::vector<Entry>> blocks_;
    Table table_;
    std::size_t size_ = 0;
};

}  // namespace bobbin::pack

#endif
