#ifndef BOBBIN_PACK_CHUNK_INDEX_HPP
#define BOBBIN_PACK_CHUNK_INDEX_HPP

#include <bobbin/pack/format.hpp>

#include <array>
#include <cstring>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// Where a chunk lies in its pack.
struct ChunkPlace {
    std::uint64_t record = 0;  ///< number in the pack, from 0
    std::uint32_t begin = 0;   ///< among the raw bytes of the record
    std::uint32_t length = 0;
    friend constexpr bool operator==(const ChunkPlace&, const ChunkPlace&) = default;
};

/// Where a record lies, and what it is.
struct RecordPlace {
    std::uint64_t offset = 0;  ///< in the file, bytes
    RecordShape shape;
    friend constexpr bool operator==(const RecordPlace&, const RecordPlace&) = default;
};

/// The index of a pack in memory: its records, and its chunks in the order of their keys.
/// Thread safety: immutable.
class ChunkIndex {
public:
    ChunkIndex() = default;

    /// Takes the index and trailer of a file, which are `bytes`, checked in all that they say.
    /// @errors `pack_malformed`, `format_unknown`, `out_of_memory`
    /// @allocates 16 bytes a record, and as many for a while
    static Result<ChunkIndex> decode(std::vector<std::byte> bytes, const PackTrailer& trailer,
                                     std::size_t digest_size) noexcept {
        return bobbin::detail::without_throwing(Operation::decode, [&]() -> Result<ChunkIndex> {
            ChunkIndex index;
            index.bytes_ = std::move(bytes);
            index.digest_size_ = digest_size;
            index.count_ = static_cast<std::size_t>(trailer.chunks);
            index.fan_out_offset_ =
                static_cast<std::size_t>(trailer.records * PackTrailer::record_entry_size);
            if (auto right = index.check(trailer); !right) return right.error();
            return index;
        });
    }

    /// Chunks.
    std::size_t size() const noexcept { return count_; }
    std::size_t digest_size() const noexcept { return digest_size_; }
    std::span<const RecordPlace> records() const noexcept { return records_; }

    /// The chunks in the order of their keys; `n` is below `size()`.
    ByteView key(std::size_t n) const noexcept { return ByteView{entry(n), digest_size_}; }
    ChunkPlace place(std::size_t n) const noexcept {
        const auto* const at = entry(n) + digest_size_;
        return {load_le<std::uint64_t>(at), load_le<std::uint32_t>(at + 8),
                load_le<std::uint32_t>(at + 12)};
    }

    /// @param key of `digest_size()` bytes
    std::optional<std::size_t> find(ByteView key) const noexcept {
        if (count_ == 0 || key.size() != digest_size_) return {};
        const auto bucket = std::to_integer<std::size_t>(key[0]);
        auto first = bucket == 0 ? 0 : fan_out(bucket - 1);
        auto last = fan_out(bucket);
        while (first < last) {
            const auto middle = first + (last - first) / 2;
            const int order = std::memcmp(entry(middle), key.data(), digest_size_);
            if (order == 0) return middle;
            if (order < 0)
                first = middle + 1;
            else
                last = middle;
        }
        return {};
    }

private:
    friend class ChunkIndexBuilder;

    const std::byte* entry(std::size_t n) const noexcept {
        return bytes_.data() + fan_out_offset_ + PackTrailer::fan_out_size +
               n * (digest_size_ + 16);
    }
    std::size_t fan_out(std::size_t bucket) const noexcept {
        return static_cast<std::size_t>(
            load_le<std::uint64_t>(bytes_.data() + fan_out_offset_ + 8 * bucket));
    }

    Result<void> check(const PackTrailer& trailer) {
        const Error malformed{Errc::pack_malformed, Operation::decode};
        const auto size = bytes_.size();
        if (size != trailer.index_size(digest_size_) + PackTrailer::encoded_size ||
            load_le<std::uint32_t>(bytes_.data() + size - 4) !=
                crc32c(ByteView{bytes_}.first(size - 4)))
            return malformed;
        if (trailer.flags != 0) return Error{Errc::format_unknown, Operation::decode};
        if (auto right = take_records(trailer); !right) return right;

        std::size_t before = 0;
        for (std::size_t bucket = 0; bucket < 256; ++bucket) {
            const auto raw = load_le<std::uint64_t>(bytes_.data() + fan_out_offset_ + 8 * bucket);
            if (raw < before || raw > count_) return malformed;
            for (auto n = before; n < raw; ++n)
                if (std::to_integer<std::size_t>(entry(n)[0]) != bucket) return malformed;
            before = static_cast<std::size_t>(raw);
        }
        if (before != count_) return malformed;

        // That the chunks of a record lie side by side is checked with its head, where it is read.
        std::vector<std::uint64_t> missing(records_.size());  // raw bytes, then chunks
        for (std::size_t r = 0; r < records_.size(); ++r)
            missing[r] = std::uint64_t{records_[r].shape.raw} << 32 | records_[r].shape.chunks;
        for (std::size_t n = 0; n < count_; ++n) {
            if (n != 0 && std::memcmp(entry(n - 1), entry(n), digest_size_) >= 0) return malformed;
            const auto at = place(n);
            if (at.record >= records_.size()) return malformed;
            auto& left = missing[static_cast<std::size_t>(at.record)];
            const auto raw = records_[static_cast<std::size_t>(at.record)].shape.raw;
            if (at.length == 0 || at.begin >= raw || at.length > raw - at.begin ||
                at.length > left >> 32 || (left & 0xffffffff) == 0)
                return malformed;
            left -= (std::uint64_t{at.length} << 32) + 1;
        }
        if (std::ranges::any_of(missing, [](std::uint64_t left) { return left != 0; }))
            return malformed;
        return {};
    }

    /// Records lie back to back from the header to the index: none overlaps, and nothing is between.
    Result<void> take_records(const PackTrailer& trailer) {
        const Error malformed{Errc::pack_malformed, Operation::decode};
        records_.reserve(static_cast<std::size_t>(trailer.records));
        RecordPlace at{PackHeader::encoded_size, {}};
        std::uint64_t chunks = 0;
        std::uint64_t raw_bytes = 0;
        for (std::uint64_t r = 0; r < trailer.records; ++r) {
            const auto* const from = bytes_.data() + r * PackTrailer::record_entry_size;
            at.shape.raw = load_le<std::uint32_t>(from);
            at.shape.stored = load_le<std::uint32_t>(from + 4);
            at.shape.chunks = load_le<std::uint16_t>(from + 8);
            at.shape.codec = std::to_integer<std::uint8_t>(from[10]);
            at.shape.flags = std::to_integer<std::uint8_t>(from[11]);
            if (auto known = at.shape.check_flags(); !known) return known;
            if (auto right = at.shape.check(); !right) return right;
            const auto size = at.shape.size(digest_size_);
            if (size > trailer.index_offset - at.offset) return malformed;
            records_.push_back(at);
            at.offset += size;
            chunks += at.shape.chunks;
            raw_bytes += at.shape.raw;
        }
        if (at.offset != trailer.index_offset || chunks != trailer.chunks ||
            raw_bytes != trailer.raw_bytes)
            return malformed;
        return {};
    }

    std::vector<std::byte> bytes_;  ///< records, fan-out, chunks, trailer: as in the file
    std::vector<RecordPlace> records_;
    std::size_t count_ = 0;
    std::size_t digest_size_ = 0;
    std::size_t fan_out_offset_ = 0;
};

/// Collects the records of a pack, and makes its index. External sync.
class ChunkIndexBuilder {
public:
    explicit ChunkIndexBuilder(std::size_t digest_size) noexcept : digest_size_{digest_size} {}

    std::uint64_t records() const noexcept { return records_.size(); }
    std::uint64_t chunks() const noexcept { return entries_.size() / stride(); }
    std::uint64_t raw_bytes() const noexcept { return raw_bytes_; }

    /// Bytes of index and trailer, with one more record of `more` chunks.
    std::uint64_t encoded_size(std::size_t more = 0) const noexcept {
        const PackTrailer trailer{0, records() + (more != 0 ? 1 : 0), chunks() + more, 0};
        return trailer.index_size(digest_size_) + PackTrailer::encoded_size;
    }

    /// Makes room for one record of `chunks`, so that the next `add` allocates nothing.
    /// @allocates
    void reserve(std::size_t chunks) {
        reserve_amortised(entries_, entries_.size() + chunks * stride());
        reserve_amortised(records_, records_.size() + 1);
    }

    /// @param chunks as `RecordHead::encode` takes them
    /// @allocates where nothing was reserved
    template <class Chunks>
    void add(const RecordPlace& record, const Chunks& chunks) {
        std::uint32_t begin = 0;
        for (const auto& chunk : chunks) {
            std::byte numbers[16];
            store_le(numbers, std::uint64_t{records_.size()});
            store_le(numbers + 8, begin);
            store_le(numbers + 12, static_cast<std::uint32_t>(chunk.length));
            entries_.insert(entries_.end(), chunk.key.begin(), chunk.key.end());
            entries_.insert(entries_.end(), numbers, numbers + sizeof numbers);
            begin += static_cast<std::uint32_t>(chunk.length);
        }
        records_.push_back(record);
        raw_bytes_ += record.shape.raw;
    }

    /// Index and trailer as they stand in the file, behind records that lie back to back and have
    /// no key twice.
    /// @allocates them
    std::vector<std::byte> encode(std::uint64_t index_offset) const {
        auto bytes = fill(sorted());
        const auto trailer = PackTrailer{index_offset, records(), chunks(), raw_bytes_}.encode();
        const auto crc_at = bytes.size() - 4;
        std::ranges::copy(trailer, bytes.end() - PackTrailer::encoded_size);
        store_le(bytes.data() + crc_at, crc32c(ByteView{bytes}.first(crc_at)));
        return bytes;
    }

    /// The index of records that may lie anywhere. Of a key that is there twice the first counts.
    /// @allocates it
    ChunkIndex build() const {
        auto order = sorted();
        const auto same = std::ranges::unique(
            order, [&](std::size_t a, std::size_t b) { return compare(a, b) == 0; });
        order.erase(same.begin(), same.end());
        ChunkIndex index;
        index.bytes_ = fill(order);
        index.records_ = records_;
        index.count_ = order.size();
        index.digest_size_ = digest_size_;
        index.fan_out_offset_ = records_.size() * PackTrailer::record_entry_size;
        return index;
    }

private:
    std::size_t stride() const noexcept { return digest_size_ + 16; }
    const std::byte* entry(std::size_t n) const noexcept { return entries_.data() + n * stride(); }
    int compare(std::size_t a, std::size_t b) const noexcept {
        return std::memcmp(entry(a), entry(b), digest_size_);
    }

    template <class T>
    static void reserve_amortised(std::vector<T>& list, std::size_t wanted) {
        if (wanted > list.capacity()) list.reserve(std::max(wanted, 2 * list.capacity()));
    }

    std::vector<std::size_t> sorted() const {
        std::vector<std::size_t> order(static_cast<std::size_t>(chunks()));
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
            const int by_key = compare(a, b);
            return by_key < 0 || (by_key == 0 && a < b);
        });
        return order;
    }

    /// With room for the trailer.
    std::vector<std::byte> fill(const std::vector<std::size_t>& order) const {
        const PackTrailer trailer{0, records(), order.size(), 0};
        std::vector<std::byte> bytes(static_cast<std::size_t>(trailer.index_size(digest_size_)) +
                                     PackTrailer::encoded_size);
        auto* at = bytes.data();
        for (const auto& [offset, shape] : records_) {
            store_le(at, shape.raw);
            store_le(at + 4, shape.stored);
            store_le(at + 8, shape.chunks);
            at[10] = static_cast<std::byte>(shape.codec);
            at[11] = static_cast<std::byte>(shape.flags);
            at += PackTrailer::record_entry_size;
        }
        std::array<std::uint64_t, 256> counts{};
        for (const auto n : order) ++counts[std::to_integer<std::size_t>(entry(n)[0])];
        std::uint64_t sum = 0;
        for (const auto count : counts) {
            store_le(at, sum += count);
            at += 8;
        }
        for (const auto n : order) at = std::copy_n(entry(n), stride(), at);
        return bytes;
    }

    std::size_t digest_size_;
    std::vector<RecordPlace> records_;
    std::vector<std::byte> entries_;  ///< key, record, begin, length; in the order of adding
    std::uint64_t raw_bytes_ = 0;
};

}  // namespace bobbin::pack

#endif
