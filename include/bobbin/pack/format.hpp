#ifndef BOBBIN_PACK_FORMAT_HPP
#define BOBBIN_PACK_FORMAT_HPP

#include <bobbin/core/crc32c.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/digest/concept.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace bobbin::pack {

// A pack is a header, records one after the other, and an index with a trailer. docs/formats.md
// specifies every byte. What is decoded here may be any bytes: nothing is believed before its
// checksum and its limits were checked, and no sum can overflow.

/// A digest that can be a content address.
template <class D>
concept ContentDigest = Digest<D> && (D::size >= 16);

/// The address of a chunk: the digest of its bytes.
template <ContentDigest D>
using Key = std::array<std::byte, D::size>;

inline constexpr std::uint32_t largest_record = std::uint32_t{16} << 20;  ///< raw bytes
inline constexpr std::uint32_t most_chunks = 1024;                        ///< of one record
/// Raw bytes for each stored one: what would shrink further is stored as it is.
inline constexpr std::uint32_t highest_ratio = 65536;

/// What a pack says of itself.
struct PackHeader {
    static constexpr std::size_t encoded_size = 128;

    Uuid store;
    FormatId digest_format;
    std::uint32_t digest_size = 0;  ///< bytes, 16 to 32

    std::array<std::byte, encoded_size> encode() const noexcept {
        std::array<std::byte, encoded_size> out{};
        std::ranges::copy(as_bytes("BOBBINpk"), out.begin());
        store_le(out.data() + 8, version);
        std::ranges::copy(store.bytes, out.begin() + 16);
        std::ranges::copy(as_bytes(digest_format.name()), out.begin() + 48);
        store_le(out.data() + 64, digest_size);
        store_le(out.data() + crc_offset, crc32c(ByteView{out}.first(crc_offset)));
        return out;
    }

    /// @errors `pack_malformed`; `format_unknown`: another version, a flag or a key; nothing else
    ///   was looked at then
    static Result<PackHeader> decode(ByteView bytes) noexcept {
        const Error malformed{Errc::pack_malformed, Operation::decode};
        const Error unknown{Errc::format_unknown, Operation::decode};
        if (bytes.size() < encoded_size) return malformed;
        bytes = bytes.first(encoded_size);
        if (!std::ranges::equal(bytes.first(8), as_bytes("BOBBINpk")) ||
            load_le<std::uint32_t>(bytes.data() + crc_offset) != crc32c(bytes.first(crc_offset)))
            return malformed;
        // The flags are what a reader must understand; a key means that records are sealed.
        if (load_le<std::uint32_t>(bytes.data() + 8) != version ||
            load_le<std::uint32_t>(bytes.data() + 12) != 0 || !is_zero(bytes.subspan(32, 16)))
            return unknown;
        PackHeader header;
        std::ranges::copy(bytes.subspan(16, 16), header.store.bytes.begin());
        const auto name = as_text(bytes.subspan(48, 16));
        const auto format = FormatId::parse(name.substr(0, name.find('\0')));
        header.digest_size = load_le<std::uint32_t>(bytes.data() + 64);
        if (!format ||
            !is_zero(bytes.subspan(48 + format->name().size(), 16 - format->name().size())) ||
            header.digest_size < 16 || header.digest_size > 32 || !is_zero(bytes.subspan(68, 56)))
            return malformed;
        header.digest_format = *format;
        return header;
    }

    friend bool operator==(const PackHeader&, const PackHeader&) = default;

private:
    static constexpr std::uint32_t version = 1;
    static constexpr std::size_t crc_offset = encoded_size - 4;
    static bool is_zero(ByteView bytes) noexcept {
        return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
    }
};

/// Lengths and codec of a record: one or more chunks that were compressed together.
struct RecordShape {
    std::uint32_t raw = 0;     ///< bytes of all its chunks
    std::uint32_t stored = 0;  ///< bytes after compression
    std::uint16_t chunks = 0;
    std::uint8_t codec = 0;  ///< `Codec::number`
    std::uint8_t flags = 0;  ///< none is known: bit 0 is to say that nonce and tag follow the head

    /// Bytes of what stands before the stored ones.
    constexpr std::size_t head_size(std::size_t digest_size) const noexcept {
        return 24 + std::size_t{chunks} * (4 + digest_size);
    }
    constexpr std::uint64_t size(std::size_t digest_size) const noexcept {
        return head_size(digest_size) + stored;
    }

    /// Only of what a checksum has covered: else one flipped bit looks like another format.
    /// @errors `format_unknown`
    constexpr Result<void> check_flags() const noexcept {
        if (flags != 0) return Error{Errc::format_unknown, Operation::decode};
        return {};
    }

    /// @errors `pack_malformed`: lengths that no writer makes
    constexpr Result<void> check() const noexcept {
        // What does not shrink is stored as it is.
        const bool is_right = chunks >= 1 && chunks <= most_chunks && raw >= chunks &&
                              raw <= largest_record && stored >= 1 &&
                              (codec == 0 ? stored == raw : stored < raw) &&
                              raw / highest_ratio <= stored;
        if (!is_right) return Error{Errc::pack_malformed, Operation::decode};
        return {};
    }

    friend constexpr bool operator==(const RecordShape&, const RecordShape&) = default;
};

/// A chunk as the head of its record tells it.
struct ChunkEntry {
    ByteView key;
    std::uint32_t begin = 0;  ///< among the raw bytes of the record
    std::uint32_t length = 0;
};

/// The head of a record, checked: a view of bytes that must outlive it.
class RecordHead {
public:
    static constexpr std::size_t fixed_size = 20;
    static constexpr std::size_t largest_size = 24 + std::size_t{most_chunks} * (4 + 32);

    /// Writes to `to`, of exactly `shape.head_size(digest_size)` bytes. `chunks` has elements with
    /// members `key` and `length`, `shape.chunks` of them.
    template <class Chunks>
    static void encode(MutableByteView to, const RecordShape& shape, std::uint32_t stored_crc,
                       const Chunks& chunks) noexcept {
        std::ranges::copy(as_bytes("BPrc"), to.begin());
        to[4] = static_cast<std::byte>(shape.codec);
        to[5] = static_cast<std::byte>(shape.flags);
        store_le(to.data() + 6, shape.chunks);
        store_le(to.data() + 8, shape.raw);
        store_le(to.data() + 12, shape.stored);
        store_le(to.data() + 16, stored_crc);
        auto* at = to.data() + fixed_size;
        for (const auto& chunk : chunks) {
            store_le(at, static_cast<std::uint32_t>(chunk.length));
            at = std::ranges::copy(chunk.key, at + 4).out;
        }
        store_le(at, crc32c(to.first(to.size() - 4)));
    }

    /// What the first `fixed_size` bytes say, so that one knows how long the head is.
    /// @errors `pack_malformed`
    static Result<RecordShape> decode_shape(ByteView bytes) noexcept {
        if (!starts_here(bytes)) return Error{Errc::pack_malformed, Operation::decode};
        RecordShape shape;
        shape.codec = std::to_integer<std::uint8_t>(bytes[4]);
        shape.flags = std::to_integer<std::uint8_t>(bytes[5]);
        shape.chunks = load_le<std::uint16_t>(bytes.data() + 6);
        shape.raw = load_le<std::uint32_t>(bytes.data() + 8);
        shape.stored = load_le<std::uint32_t>(bytes.data() + 12);
        if (auto right = shape.check(); !right) return right.error();
        return shape;
    }

    /// @param bytes begins with the head
    /// @errors `pack_malformed`, `format_unknown`
    static Result<RecordHead> decode(ByteView bytes, std::size_t digest_size) noexcept {
        const auto shape = decode_shape(bytes);
        if (!shape) return shape.error();
        const Error malformed{Errc::pack_malformed, Operation::decode};
        const auto size = shape->head_size(digest_size);
        if (bytes.size() < size ||
            load_le<std::uint32_t>(bytes.data() + size - 4) != crc32c(bytes.first(size - 4)))
            return malformed;
        if (auto known = shape->check_flags(); !known) return known.error();
        const RecordHead head{*shape, load_le<std::uint32_t>(bytes.data() + 16),
                              bytes.subspan(fixed_size, size - 4 - fixed_size), digest_size};
        std::uint64_t raw = 0;
        bool is_right = true;
        head.for_each([&](const ChunkEntry& chunk) {
            is_right = is_right && chunk.length != 0;
            raw += chunk.length;
        });
        if (!is_right || raw != shape->raw) return malformed;
        return head;
    }

    /// Whether `bytes`, of which there are enough, begin as a record does.
    static bool starts_here(ByteView bytes) noexcept {
        return bytes.size() >= fixed_size && std::ranges::equal(bytes.first(4), as_bytes("BPrc"));
    }

    const RecordShape& shape() const noexcept { return shape_; }
    std::uint32_t stored_crc() const noexcept { return stored_crc_; }
    std::size_t size() const noexcept { return shape_.head_size(digest_size_); }

    /// Calls `f(chunk)` for each, in the order of their bytes.
    template <class F>
    void for_each(F&& f) const {
        ChunkEntry chunk;
        for (auto left = table_; !left.empty(); left = left.subspan(4 + digest_size_)) {
            chunk.length = load_le<std::uint32_t>(left.data());
            chunk.key = left.subspan(4, digest_size_);
            f(std::as_const(chunk));
            chunk.begin += chunk.length;
        }
    }

private:
    RecordHead(const RecordShape& shape, std::uint32_t stored_crc, ByteView table,
               std::size_t digest_size) noexcept
        : shape_{shape}
        , stored_crc_{stored_crc}
        , table_{table}
        , digest_size_{digest_size} {}

    RecordShape shape_;
    std::uint32_t stored_crc_;
    ByteView table_;
    std::size_t digest_size_;
};

/// A record as it is stored. Whoever gives it out says what of it was checked.
struct EncodedRecord {
    RecordHead head;
    ByteView stored;
};

/// The end of a pack: where its index begins, and what it counts.
struct PackTrailer {
    static constexpr std::size_t encoded_size = 64;
    static constexpr std::size_t crc_offset = encoded_size - 4;

    std::uint64_t index_offset = 0;  ///< and where the records end
    std::uint64_t records = 0;
    std::uint64_t chunks = 0;
    std::uint64_t raw_bytes = 0;  ///< of all chunks
    std::uint32_t flags = 0;      ///< none is known; to be looked at once the checksum fits

    static constexpr std::uint64_t record_entry_size = 12;
    static constexpr std::uint64_t fan_out_size = 256 * 8;
    static constexpr std::uint64_t chunk_entry_size(std::size_t digest_size) noexcept {
        return digest_size + 16;
    }
    /// Bytes of the index. Only for counts that were checked.
    constexpr std::uint64_t index_size(std::size_t digest_size) const noexcept {
        return records * record_entry_size + fan_out_size + chunks * chunk_entry_size(digest_size);
    }

    /// Everything but the checksum, which is over the index, too.
    std::array<std::byte, encoded_size> encode() const noexcept {
        std::array<std::byte, encoded_size> out{};
        store_le(out.data(), index_offset);
        store_le(out.data() + 8, records);
        store_le(out.data() + 16, chunks);
        store_le(out.data() + 24, raw_bytes);
        store_le(out.data() + 32, flags);
        std::ranges::copy(as_bytes("BOBBINpx"), out.begin() + 52);
        return out;
    }

    /// @param bytes the last `encoded_size` of a file
    /// @errors `pack_unfinished`: there is none; `pack_malformed`: the file has another size than
    ///   this says
    static Result<PackTrailer> decode(ByteView bytes, std::uint64_t file_size,
                                      std::size_t digest_size) noexcept {
        if (bytes.size() != encoded_size ||
            !std::ranges::equal(bytes.subspan(52, 8), as_bytes("BOBBINpx")))
            return Error{Errc::pack_unfinished, Operation::decode};
        PackTrailer trailer{
            load_le<std::uint64_t>(bytes.data()), load_le<std::uint64_t>(bytes.data() + 8),
            load_le<std::uint64_t>(bytes.data() + 16), load_le<std::uint64_t>(bytes.data() + 24),
            load_le<std::uint32_t>(bytes.data() + 32)};
        const bool is_zero = std::ranges::all_of(
            bytes.subspan(36, 16), [](std::byte byte) { return byte == std::byte{0}; });
        // The counts are bounded by the size of the file before they are multiplied.
        const bool is_right =
            is_zero && trailer.records != 0 && trailer.chunks >= trailer.records &&
            trailer.chunks <= file_size / chunk_entry_size(digest_size) &&
            trailer.index_offset >= PackHeader::encoded_size && trailer.index_offset <= file_size &&
            file_size - trailer.index_offset == trailer.index_size(digest_size) + encoded_size;
        if (!is_right) return Error{Errc::pack_malformed, Operation::decode};
        return trailer;
    }

    friend bool operator==(const PackTrailer&, const PackTrailer&) = default;
};

}  // namespace bobbin::pack

#endif
