#ifndef BOBBIN_PACK_DETAIL_PACK_CACHE_FILE_HPP
#define BOBBIN_PACK_DETAIL_PACK_CACHE_FILE_HPP

#include <bobbin/core/crc32c.hpp>
#include <bobbin/pack/cached_pack.hpp>
#include <bobbin/pack/chunk_index.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

namespace bobbin::pack::detail {

// The file is a header, and a record for each pack. docs/formats.md specifies every byte.

template <ContentDigest D>
struct PackCacheHeader {
    static constexpr std::size_t encoded_size = 64;

    static std::array<std::byte, encoded_size> encode(const Uuid& store) noexcept {
        std::array<std::byte, encoded_size> out{};
        std::ranges::copy(as_bytes("BOBBINpc"), out.begin());
        store_le(out.data() + 8, std::uint32_t{1});
        std::ranges::copy(store.bytes, out.begin() + 16);
        std::ranges::copy(as_bytes(D::format_id.name()), out.begin() + 32);
        store_le(out.data() + 48, std::uint32_t{D::size});
        store_le(out.data() + 60, crc32c(ByteView{out}.first(60)));
        return out;
    }
};

/// What stands before the keys of a pack.
struct PackCacheRecord {
    static constexpr std::size_t encoded_size = 40;
    /// So many keys are read at once. A pack with more has its own index only.
    static constexpr std::uint64_t most_chunks = std::uint64_t{1} << 22;

    CachedPack pack;
    std::uint64_t chunks = 0;
    std::uint32_t keys_crc = 0;

    template <ContentDigest D>
    static std::vector<std::byte> encode(const CachedPack& pack, const ChunkIndex& index) {
        std::vector<std::byte> out(encoded_size + index.size() * D::size);
        auto* at = out.data() + encoded_size;
        for (std::size_t n = 0; n < index.size(); ++n) at = std::ranges::copy(index.key(n), at).out;
        std::ranges::copy(as_bytes("BPcp"), out.begin());
        store_le(out.data() + 8, pack.id.value);
        store_le(out.data() + 16, pack.mark);
        store_le(out.data() + 24, std::uint64_t{index.size()});
        store_le(out.data() + 32, crc32c(ByteView{out}.subspan(encoded_size)));
        store_le(out.data() + 36, crc32c(ByteView{out}.first(36)));
        return out;
    }

    static std::optional<PackCacheRecord> decode(ByteView bytes) noexcept {
        if (bytes.size() < encoded_size || !std::ranges::equal(bytes.first(4), as_bytes("BPcp")) ||
            load_le<std::uint32_t>(bytes.data() + 36) != crc32c(bytes.first(36)) ||
            load_le<std::uint32_t>(bytes.data() + 4) != 0)
            return {};
        PackCacheRecord record;
        record.pack.id = ObjectId{load_le<std::uint64_t>(bytes.data() + 8)};
        record.pack.mark = load_le<std::uint64_t>(bytes.data() + 16);
        record.chunks = load_le<std::uint64_t>(bytes.data() + 24);
        record.keys_crc = load_le<std::uint32_t>(bytes.data() + 32);
        if (record.chunks == 0 || record.chunks > most_chunks) return {};
        return record;
    }
};

/// Reads a file of `size` bytes by large pieces.
/// @tparam File has `read_at` as `bobbin::File`
template <class File>
class PieceReader {
public:
    PieceReader(const File& file, std::uint64_t size) noexcept : file_{file}, size_{size} {}

    std::uint64_t left(std::uint64_t offset) const noexcept {
        return offset < size_ ? size_ - offset : 0;
    }
    /// So many bytes, until the next call; none where there are fewer, or on any error.
    /// @allocates
    std::optional<ByteView> view(std::uint64_t offset, std::size_t size) {
        if (size > left(offset)) return {};
        if (offset < begin_ || offset - begin_ > piece_.size() ||
            size > piece_.size() - static_cast<std::size_t>(offset - begin_)) {
            const auto wanted = std::min<std::uint64_t>(left(offset), std::max(size, at_once));
            begin_ = offset;
            piece_.resize(static_cast<std::size_t>(wanted));
            const auto got = file_.read_at(piece_, offset);
            piece_.resize(got ? *got : 0);
            if (size > piece_.size()) return {};
        }
        return ByteView{piece_}.subspan(static_cast<std::size_t>(offset - begin_), size);
    }

private:
    static constexpr std::size_t at_once = std::size_t{1} << 20;

    const File& file_;
    std::uint64_t size_;
    std::uint64_t begin_ = 0;
    std::vector<std::byte> piece_;
};

/// Walks the records of a cache file up to the first that is not whole and right.
/// @param wants `wants(pack)`: whether the keys of this one are asked for; those of others are not read
/// @param take `take(pack, keys, offset, size)` of each that was wanted: its keys, and where its record lies
/// @returns where the next record is to be written; 0 where the file is none of this store
/// @allocates a buffer
template <ContentDigest D, class File, class Wants, class Take>
std::uint64_t read_pack_cache(const File& file, std::uint64_t size, const Uuid& store,
                              Wants&& wants, Take&& take) {
    PieceReader<File> reader{file, size};
    using Header = PackCacheHeader<D>;
    const auto header = reader.view(0, Header::encoded_size);
    if (!header || !std::ranges::equal(*header, Header::encode(store))) return 0;
    std::uint64_t offset = Header::encoded_size;
    for (;;) {
        const auto head = reader.view(offset, PackCacheRecord::encoded_size);
        const auto record = head ? PackCacheRecord::decode(*head) : std::nullopt;
        if (!record) return offset;
        const auto keys_size = static_cast<std::size_t>(record->chunks) * D::size;
        const auto record_size = PackCacheRecord::encoded_size + keys_size;
        if (record_size > reader.left(offset)) return offset;
        if (wants(record->pack)) {
            const auto keys = reader.view(offset + PackCacheRecord::encoded_size, keys_size);
            if (!keys || crc32c(*keys) != record->keys_crc) return offset;
            for (auto rest = *keys; rest.size() > D::size; rest = rest.subspan(D::size))
                if (std::memcmp(rest.data(), rest.data() + D::size, D::size) >= 0) return offset;
            take(record->pack, *keys, offset, std::uint64_t{record_size});
        }
        offset += record_size;
    }
}

}  // namespace bobbin::pack::detail

#endif
