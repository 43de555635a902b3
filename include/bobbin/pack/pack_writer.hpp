#ifndef BOBBIN_PACK_PACK_WRITER_HPP
#define BOBBIN_PACK_PACK_WRITER_HPP

#include <bobbin/codec/none.hpp>
#include <bobbin/file/concept.hpp>
#include <bobbin/pack/chunk_index.hpp>
#include <bobbin/pack/pack_index.hpp>

#include <concepts>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bobbin::pack {

namespace detail {

// The text is fixed; the type stands in the name of this template, which every compiler prints.
template <class D>
struct may_not_decide_what_is_a_duplicate {
    static_assert(D::is_collision_resistant,
                  "bobbin::pack: this digest may not decide what is a duplicate: two contents can "
                  "have one; compare the bytes, then call add_new (bobbin/pack/pack_writer.hpp)");
};

/// A key is as good as random.
struct KeyHash {
    std::size_t operator()(const auto& key) const noexcept {
        return static_cast<std::size_t>(load_le<std::uint64_t>(key.data()));
    }
};

}  // namespace detail

/// A chunk by its address, as a writer is given it.
template <ContentDigest D>
struct NewChunk {
    Key<D> key{};
    std::uint32_t length = 0;  ///< raw bytes
};

struct PackOptions {
    Uuid store{};         ///< to which the pack belongs
    Bytes size = 64_MiB;  ///< the most a pack takes; its first record always has room
};

/// Takes the bytes of a pack in order, each call's bytes as one record of an object.
template <class S>
concept PackSink =
    std::move_constructible<S> && requires(S& sink, ByteView bytes, PackIndex::Record record) {
        { sink(bytes, record) } -> std::same_as<Result<void>>;
    };

/// Turns chunks into the bytes of one pack: header, records, and the index at `finish`. Nothing
/// reaches the sink before the first chunk. Keys that a caller brings are taken for those of its
/// bytes. External sync.
///
/// An error of the sink stays: the pack takes nothing further. All others leave it as it was.
/// @tparam C the codec; what it does not shrink by a twentieth is stored as it is
template <ContentDigest D, Codec C, PackSink Sink>
class PackWriter {
public:
    using Key = pack::Key<D>;
    using Chunk = NewChunk<D>;

    PackWriter(Sink sink, const PackOptions& options, C codec = C{})
        : sink_{std::move(sink)}
        , options_{options}
        , codec_{std::move(codec)} {}

    /// Adds `raw` as a record of one chunk, unless a chunk of that digest is in this pack.
    /// @returns its key, and whether it is new
    /// @errors `sample_empty`, `sample_too_large`, `object_too_long` (the pack is full),
    ///   `writer_ended`, `out_of_memory`; of the sink
    /// @allocates room for a record, and the index
    Result<std::pair<Key, bool>> add(ByteView raw) noexcept {
        static_assert(sizeof(detail::may_not_decide_what_is_a_duplicate<D>) != 0);
        if (auto open = check_open(); !open) return open.error();
        const auto key = digest_of<D>(raw);
        if (contains(key)) return std::pair{key, false};
        if (auto added = add_new(key, raw); !added) return added.error();
        return std::pair{key, true};
    }

    /// Adds `raw` as a record of one chunk that is known to be new.
    /// @errors as `add`; `invalid_argument`: its key is in this pack
    Result<void> add_new(const Key& key, ByteView raw) noexcept {
        if (raw.size() > largest_record) return Error{Errc::sample_too_large, Operation::append};
        const Chunk chunk{key, static_cast<std::uint32_t>(raw.size())};
        return add_group({&chunk, 1}, raw);
    }

    /// Adds chunks that are known to be new as one record: small ones shrink better together.
    /// @param raw their bytes, one after the other
    /// @errors as `add_new`; `invalid_argument`: a key twice, too many chunks, or lengths that are
    ///   not those of `raw`
    Result<void> add_group(std::span<const Chunk> chunks, ByteView raw) noexcept {
        if (auto right = check(chunks, raw.size()); !right) return right;
        return guarded([&]() -> Result<void> {
            RecordShape shape{static_cast<std::uint32_t>(raw.size()), 0,
                              static_cast<std::uint16_t>(chunks.size()), C::number, 0};
            if (auto room = begin_record(shape, raw.size()); !room) return room;
            const auto room =
                MutableByteView{buffer_}.subspan(shape.head_size(D::size), raw.size());
            const auto worth = raw.size() - std::max<std::size_t>(raw.size() / 20, 1);
            std::size_t stored = 0;
            if constexpr (C::number != NoCodec::number) {
                auto packed = codec_.compress(raw, room.first(worth));
                if (!packed) return packed.error();
                stored = *packed;
            }
            if (stored == 0 || raw.size() / highest_ratio > stored) {
                std::ranges::copy(raw, room.begin());
                stored = raw.size();
                shape.codec = NoCodec::number;
            }
            shape.stored = static_cast<std::uint32_t>(stored);
            return append_record(shape, chunks);
        });
    }

    /// Adds a record that was compressed elsewhere: by another thread, or in another pack.
    /// @param codec the number of its codec, which need not be `C`
    /// @errors as `add_group`; `invalid_argument` also where `stored` is not shorter than the
    ///   chunks, and the codec not `NoCodec`
    Result<void> add_encoded(std::span<const Chunk> chunks, std::uint8_t codec,
                             ByteView stored) noexcept {
        std::uint64_t raw = 0;
        for (const auto& chunk : chunks) raw += chunk.length;
        if (auto right = check(chunks, raw); !right) return right;
        const RecordShape shape{
            static_cast<std::uint32_t>(raw),
            static_cast<std::uint32_t>(std::min<std::size_t>(stored.size(), largest_record)),
            static_cast<std::uint16_t>(chunks.size()), codec, 0};
        if (shape.stored != stored.size() || !shape.check())
            return Error{Errc::invalid_argument, Operation::append};
        return guarded([&]() -> Result<void> {
            if (auto room = begin_record(shape, stored.size()); !room) return room;
            std::ranges::copy(stored, buffer_.begin() +
                                          static_cast<std::ptrdiff_t>(shape.head_size(D::size)));
            return append_record(shape, chunks);
        });
    }

    bool contains(const Key& key) const noexcept { return keys_.contains(key); }

    /// Whether a record of `raw` bytes in `chunks` chunks is sure to have room.
    bool has_room(std::size_t raw, std::size_t chunks = 1) const noexcept {
        if (index_.records() == 0) return true;
        const auto needed =
            offset_ + 24 + chunks * (4 + D::size) + raw + index_.encoded_size(chunks);
        return needed <= options_.size.value;
    }

    /// Whether an error of the sink has stayed.
    bool has_failed() const noexcept { return failed_.has_value(); }
    std::uint64_t chunks() const noexcept { return index_.chunks(); }
    /// Of all records so far.
    /// @allocates it
    ChunkIndex index() const { return index_.build(); }
    /// Of the pack, finished or were it finished now.
    Bytes size() const noexcept {
        if (index_.records() == 0) return {};
        return Bytes{offset_ + (has_ended_ ? 0 : index_.encoded_size())};
    }

    /// Writes the index: the pack is complete, and the sink may be.
    /// @errors `pack_empty`: nothing was written; `writer_ended`, `out_of_memory`; of the sink
    /// @allocates the index
    Result<void> finish() noexcept {
        if (auto open = check_open(); !open) return open;
        if (index_.records() == 0) return Error{Errc::pack_empty, Operation::end};
        return guarded([&]() -> Result<void> {
            const auto bytes = index_.encode(offset_);
            for (ByteView left{bytes}; !left.empty();) {
                const auto part = left.first(std::min(left.size(), index_part));
                left = left.subspan(part.size());
                const PackIndex::Record record{.part = left.empty() ? PackIndex::Part::end
                                                                    : PackIndex::Part::index};
                if (auto sunk = give(part, record); !sunk) return sunk;
            }
            has_ended_ = true;
            return {};
        });
    }

    Sink& sink() noexcept { return sink_; }
    C& codec() noexcept { return codec_; }

private:
    static constexpr std::size_t index_part = std::size_t{1} << 20;

    template <class F>
    Result<void> guarded(F&& f) noexcept {
        return bobbin::detail::without_throwing(Operation::append, std::forward<F>(f));
    }

    Result<void> check_open() const noexcept {
        if (failed_) return *failed_;
        if (has_ended_) return Error{Errc::writer_ended, Operation::append};
        return {};
    }

    Result<void> check(std::span<const Chunk> chunks, std::uint64_t raw) const noexcept {
        if (auto open = check_open(); !open) return open;
        if (raw == 0) return Error{Errc::sample_empty, Operation::append};
        if (raw > largest_record) return Error{Errc::sample_too_large, Operation::append};
        const Error wrong{Errc::invalid_argument, Operation::append};
        if (chunks.empty() || chunks.size() > most_chunks) return wrong;
        std::uint64_t sum = 0;
        for (const auto& chunk : chunks) {
            if (chunk.length == 0 || contains(chunk.key)) return wrong;
            sum += chunk.length;
        }
        if (sum != raw) return wrong;
        if (!has_room(static_cast<std::size_t>(raw), chunks.size()))
            return Error{Errc::object_too_long, Operation::append};
        return {};
    }

    /// Room for the head and `room` bytes, in the buffer and in the index.
    Result<void> begin_record(const RecordShape& shape, std::size_t room) {
        const auto size = shape.head_size(D::size) + room;
        if (buffer_.size() < size) buffer_.resize(size);
        index_.reserve(shape.chunks);
        return {};
    }

    /// What is stored stands in the buffer, behind the room for the head.
    Result<void> append_record(const RecordShape& shape, std::span<const Chunk> chunks) {
        // First, as only this finds a key that is there twice.
        std::size_t claimed = 0;
        const auto unclaim = [&] {
            for (const auto& chunk : chunks.first(claimed)) keys_.erase(chunk.key);
        };
        try {
            for (; claimed < chunks.size() && keys_.insert(chunks[claimed].key).second; ++claimed) {
            }
        } catch (const std::bad_alloc&) {
            unclaim();
            throw;
        }
        if (claimed != chunks.size()) {
            unclaim();
            return Error{Errc::invalid_argument, Operation::append};
        }
        auto given = offset_ == 0 ? give_header() : Result<void>{};
        if (given) given = give_record(shape, chunks);
        if (!given) unclaim();
        return given;
    }

    Result<void> give_header() {
        return give(PackHeader{options_.store, D::format_id, D::size}.encode(), {});
    }

    Result<void> give_record(const RecordShape& shape, std::span<const Chunk> chunks) {
        const auto head_size = shape.head_size(D::size);
        const auto record = MutableByteView{buffer_}.first(head_size + shape.stored);
        RecordHead::encode(record.first(head_size), shape, crc32c(record.subspan(head_size)),
                           chunks);
        const RecordPlace place{offset_, shape};
        const PackIndex::Record what{PackIndex::Part::record, shape.codec, shape.chunks, shape.raw,
                                     shape.stored};
        if (auto given = give(record, what); !given) return given;
        index_.add(place, chunks);
        return {};
    }

    Result<void> give(ByteView bytes, PackIndex::Record record) {
        auto sunk = sink_(bytes, record);
        if (sunk)
            offset_ += bytes.size();
        else
            failed_ = sunk.error();
        return sunk;
    }

    Sink sink_;
    PackOptions options_;
    C codec_;
    std::vector<std::byte> buffer_;  ///< one record
    ChunkIndexBuilder index_{D::size};
    std::unordered_set<Key, detail::KeyHash> keys_;
    std::uint64_t offset_ = 0;
    std::optional<Error> failed_;
    bool has_ended_ = false;
};

/// A sink over a file, which must outlive it.
template <FilePolicy F>
auto append_to(F& file) noexcept {
    return [&file](ByteView bytes, const PackIndex::Record&) noexcept -> Result<void> {
        while (!bytes.empty()) {
            auto taken = file.append(bytes);
            if (!taken) return taken.error();
            if (*taken == 0) return Error::system(EIO, Operation::write);
            bytes = bytes.subspan(*taken);
        }
        return {};
    };
}

}  // namespace bobbin::pack

#endif
