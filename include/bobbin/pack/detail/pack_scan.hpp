#ifndef BOBBIN_PACK_DETAIL_PACK_SCAN_HPP
#define BOBBIN_PACK_DETAIL_PACK_SCAN_HPP

#include <bobbin/pack/detail/pack_parts.hpp>
#include <bobbin/pack/detail/record_search.hpp>
#include <bobbin/pack/scan_report.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace bobbin::pack::detail {

/// Makes the index of a pack out of its records alone, each of which is read whole. External sync.
/// @tparam Parts a `PackParts`
template <class Parts>
class PackScan {
public:
    /// @param report says whether there is a header
    PackScan(Parts& parts, ScanReport& report) noexcept : parts_{parts}, report_{report} {}

    /// @errors `pack_empty`: no record is whole; of the file
    Result<ChunkIndex> run() {
        auto end = end_of_records();
        if (!end) return end.error();
        if (auto taken = take_records(*end); !taken) return taken.error();
        if (builder_.records() == 0) return Error{Errc::pack_empty, Operation::recover};
        return builder_.build();
    }

private:
    using D = typename Parts::Digest;
    static constexpr std::size_t digest_size = D::size;
    static constexpr std::size_t window_size = std::size_t{1} << 20;

    /// Where the index begins, if it is whole; else the end of the file.
    Result<std::uint64_t> end_of_records() {
        auto trailer = parts_.trailer();
        if (!trailer) {
            if (trailer.error().domain == Domain::system) return trailer.error();
            return parts_.size();
        }
        std::uint32_t crc = 0;
        auto summed = sum(trailer->index_offset, parts_.size() - 4 - trailer->index_offset, crc);
        if (!summed) return summed.error();
        std::array<std::byte, 4> stored{};
        if (auto got = parts_.read_exactly(stored, parts_.size() - 4); !got) return got.error();
        report_.has_index = load_le<std::uint32_t>(stored.data()) == crc;
        return report_.has_index ? trailer->index_offset : parts_.size();
    }

    Result<void> sum(std::uint64_t offset, std::uint64_t size, std::uint32_t& crc) {
        std::vector<std::byte> window(
            static_cast<std::size_t>(std::min<std::uint64_t>(size, window_size)));
        for (crc = 0; size != 0;) {
            const auto part = MutableByteView{window}.first(
                static_cast<std::size_t>(std::min<std::uint64_t>(size, window_size)));
            if (auto got = parts_.read_exactly(part, offset); !got) return got;
            crc = crc32c(part, crc);
            offset += part.size();
            size -= part.size();
        }
        return {};
    }

    Result<void> take_records(std::uint64_t end) {
        const auto begin = std::min<std::uint64_t>(PackHeader::encoded_size, end);
        auto broken = take_row(begin, end);
        if (!broken) return broken.error();
        const bool has_row = *broken != begin;
        // Without either, nothing says that the first bytes are lost.
        const auto from = has_row || report_.has_header ? *broken : 0;
        if (has_row && !report_.has_header) report_.damaged.push_back({0, begin});
        std::vector<RecordPlace> taken;
        if (auto done = take_all(from, end, taken); !done) return done;
        note_damage(from, end, taken);
        return {};
    }

    /// Takes up records as long as they lie back to back, and answers where that ends.
    Result<std::uint64_t> take_row(std::uint64_t at, std::uint64_t end) {
        while (end - at >= RecordHead::fixed_size) {
            std::array<std::byte, RecordHead::fixed_size> bytes{};
            if (auto got = parts_.read_exactly(bytes, at); !got) return got.error();
            const auto shape = RecordHead::decode_shape(bytes);
            if (!shape || shape->size(digest_size) > end - at) break;
            auto loaded = parts_.load_whole(RecordPlace{at, *shape});
            if (!loaded && loaded.error().domain == Domain::system) return loaded.error();
            if (!loaded) break;
            take(RecordPlace{at, *shape}, parts_.loaded().head);
            report_.chunks_in_row += shape->chunks;
            at += shape->size(digest_size);
        }
        return at;
    }

    /// Where the row of records is broken, nothing tells a record of this pack from one of a pack
    /// that was saved in it. Whose chunks have their digests is of use in any case; whose have not,
    /// or can't be asked for, counts where there is no other.
    Result<void> take_all(std::uint64_t at, std::uint64_t end, std::vector<RecordPlace>& taken) {
        std::vector<RecordPlace> unproven;
        auto budget = proof_budget(end - at);
        RecordSearch search{[this](MutableByteView to, std::uint64_t offset) {
                                return parts_.read_exactly(to, offset);
                            },
                            digest_size};
        auto searched = search.run(at, end, [&](const RecordPlace& place) -> Result<void> {
            taken.push_back(place);
            const auto cost = place.shape.size(digest_size) + place.shape.raw;
            auto proven = Result<bool>{false};
            if (cost <= budget) {
                budget -= cost;
                proven = has_its_digests(place);
            }
            if (!proven) return proven.error();
            if (*proven)
                take(place, parts_.loaded().head);
            else
                unproven.push_back(place);
            return {};
        });
        if (!searched) return searched;
        std::vector<std::byte> bytes;
        for (const auto& place : unproven) {
            bytes.resize(place.shape.head_size(digest_size));
            if (auto got = parts_.read_exactly(bytes, place.offset); !got) return got;
            auto head = RecordHead::decode(bytes, digest_size);
            if (!head) return head.error();
            take(place, *head);
        }
        return {};
    }

    /// Bytes that are read and made to prove records, whatever these say: some seconds at most.
    static constexpr std::uint64_t proof_budget(std::uint64_t size) noexcept {
        return 16 * size + (std::uint64_t{64} << 20);
    }

    void take(const RecordPlace& place, const RecordHead& head) {
        std::vector<ChunkEntry> chunks;
        head.for_each([&](const ChunkEntry& chunk) { chunks.push_back(chunk); });
        builder_.add(place, chunks);
        ++report_.records;
        report_.chunks += chunks.size();
    }

    /// Loads the record, and makes what is in it.
    Result<bool> has_its_digests(const RecordPlace& place) {
        auto loaded = parts_.load_whole(place);
        auto raw = loaded ? parts_.raw() : Result<ByteView>{loaded.error()};
        if (!raw) {
            if (raw.error().domain == Domain::system || raw.error().is(Errc::out_of_memory))
                return raw.error();
            return false;
        }
        bool is_right = true;
        parts_.loaded().head.for_each([&](const ChunkEntry& chunk) {
            is_right = is_right &&
                       std::ranges::equal(digest_of<D>(raw->subspan(chunk.begin, chunk.length)),
                                          chunk.key);
        });
        return is_right;
    }

    /// What is in none of `taken`, of the bytes in [at, end).
    void note_damage(std::uint64_t at, std::uint64_t end, std::vector<RecordPlace>& taken) {
        std::ranges::sort(taken, {}, &RecordPlace::offset);
        for (const auto& place : taken) {
            if (place.offset > at) report_.damaged.push_back({at, place.offset - at});
            at = std::max(at, place.offset + place.shape.size(digest_size));
        }
        if (end > at) report_.damaged.push_back({at, end - at});
    }

    Parts& parts_;
    ScanReport& report_;
    ChunkIndexBuilder builder_{digest_size};
};

}  // namespace bobbin::pack::detail

#endif
