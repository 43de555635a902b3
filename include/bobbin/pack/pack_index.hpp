#ifndef BOBBIN_PACK_PACK_INDEX_HPP
#define BOBBIN_PACK_PACK_INDEX_HPP

#include <bobbin/index/concept.hpp>
#include <bobbin/pack/format.hpp>

#include <array>
#include <optional>
#include <utility>

namespace bobbin::pack {

/// The index encoder of a pack, which is an object like every other.
///
/// A pack carries its own index at its end, so the store keeps only what counts it: each piece is the
/// totals so far, and of the pieces of an object the last one holds. So they say what a mark has
/// reached, whenever they are taken; what the mark's bytes are, a scan of the records tells.
///
/// Only the header starts a group: what the engine can't put behind its header in one file, it must
/// not put into the next. External sync.
class PackIndex {
public:
    using policy_concept = index_encoder_tag;
    static constexpr FormatId format_id{"pack.v1"};
    static constexpr bool has_totals_only = true;

    enum class Part : std::uint8_t {
        header,  ///< first, once
        record,  ///< a whole one, with its head
        index,   ///< a part of the index
        end,     ///< the last part of the index, and the trailer
    };
    struct Record {
        Part part = Part::header;
        std::uint8_t codec = 0;
        std::uint16_t chunks = 0;
        std::uint32_t raw = 0;     ///< bytes of all its chunks
        std::uint32_t stored = 0;  ///< bytes after compression
        friend constexpr bool operator==(Record, Record) = default;
    };
    struct Counts {
        std::uint64_t bytes = 0;  ///< of the file
        std::uint64_t records = 0;
        std::uint64_t chunks = 0;
        std::uint64_t raw_bytes = 0;
        std::uint64_t stored_bytes = 0;  ///< after compression
        Part last = Part::header;        ///< `end`: the pack is complete

        bool is_complete() const noexcept { return last == Part::end; }
        friend constexpr bool operator==(const Counts&, const Counts&) = default;
    };

    /// @errors `invalid_argument`: out of order, or of a size that it can't have; leaves all as it was
    Result<void> add(Record record, Bytes size) noexcept {
        if (!is_next(record, size)) return Error{Errc::invalid_argument, Operation::encode};
        tally(counts_, record, size);
        is_taken_ = false;
        return {};
    }

    bool starts_group(Record record) const noexcept { return record.part == Part::header; }

    ByteView take_piece() noexcept {
        if (std::exchange(is_taken_, true)) return {};
        const std::uint64_t values[] = {
            counts_.bytes,     counts_.records,      counts_.chunks,
            counts_.raw_bytes, counts_.stored_bytes, static_cast<std::uint64_t>(counts_.last)};
        auto* at = piece_.data();
        for (const auto value : values) {
            store_le(at, value);
            at += 8;
        }
        return piece_;
    }

    Counts counts() const noexcept { return counts_; }

    static void tally(Counts& counts, Record record, Bytes size) noexcept {
        counts.bytes += size.value;
        counts.last = record.part;
        if (record.part != Part::record) return;
        ++counts.records;
        counts.chunks += record.chunks;
        counts.raw_bytes += record.raw;
        counts.stored_bytes += record.stored;
    }

    /// @errors `index_truncated`, `index_malformed`: totals that fall, or that no pack has;
    ///   `object_short` where the last needs more than `size`
    static Result<Counts> count(ByteView index, Bytes size) noexcept {
        const Error malformed{Errc::index_malformed, Operation::decode};
        if (index.size() % piece_size != 0) return Error{Errc::index_truncated, Operation::decode};
        Counts counts;
        for (; !index.empty(); index = index.subspan(piece_size)) {
            const auto next = decode(index.first(piece_size));
            const bool follows = next && !counts.is_complete() && next->bytes > counts.bytes &&
                                 next->records >= counts.records && next->chunks >= counts.chunks &&
                                 next->raw_bytes >= counts.raw_bytes &&
                                 next->stored_bytes >= counts.stored_bytes &&
                                 (counts.last != Part::index || next->last >= Part::index);
            if (!follows) return malformed;
            counts = *next;
        }
        if (counts.bytes > size.value) return Error{Errc::object_short, Operation::decode};
        if (counts.bytes < size.value) return malformed;
        return counts;
    }

private:
    static constexpr std::size_t piece_size = 48;

    bool is_next(Record record, Bytes size) const noexcept {
        const bool is_first = counts_.bytes == 0;
        switch (record.part) {
            case Part::header: return is_first && size.value == PackHeader::encoded_size;
            case Part::record:
                return !is_first && counts_.last <= Part::record && record.chunks != 0 &&
                       record.raw != 0 && record.stored != 0 && size.value > record.stored;
            case Part::index:
            case Part::end:
                return counts_.records != 0 && !counts_.is_complete() && size.value != 0;
        }
        return false;
    }

    static std::optional<Counts> decode(ByteView piece) noexcept {
        const auto value = [&](std::size_t n) {
            return load_le<std::uint64_t>(piece.data() + 8 * n);
        };
        if (value(5) > static_cast<std::uint64_t>(Part::end)) return {};
        const Counts counts{value(0), value(1), value(2),
                            value(3), value(4), static_cast<Part>(value(5))};
        const bool is_possible =
            counts.bytes >= PackHeader::encoded_size && counts.chunks >= counts.records &&
            counts.raw_bytes >= counts.chunks && counts.stored_bytes >= counts.records &&
            counts.raw_bytes >= counts.stored_bytes && counts.bytes >= counts.stored_bytes &&
            (counts.records != 0) == (counts.last != Part::header) &&
            (counts.records != 0 || (counts.chunks == 0 && counts.raw_bytes == 0));
        if (!is_possible) return {};
        return counts;
    }

    Counts counts_{};
    std::array<std::byte, piece_size> piece_{};
    bool is_taken_ = true;
};

static_assert(IndexEncoder<PackIndex>);

}  // namespace bobbin::pack

#endif
