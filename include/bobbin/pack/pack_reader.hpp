#ifndef BOBBIN_PACK_PACK_READER_HPP
#define BOBBIN_PACK_PACK_READER_HPP

#include <bobbin/codec/codecs.hpp>
#include <bobbin/pack/detail/pack_scan.hpp>

#include <algorithm>
#include <compare>
#include <optional>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// Where a chunk lies in its pack: in the order of the disk.
template <ContentDigest D>
struct ChunkLocation {
    ChunkPlace place;
    Key<D> key{};
    friend constexpr std::strong_ordering operator<=>(const ChunkLocation& a,
                                                      const ChunkLocation& b) noexcept {
        if (auto order = a.place.record <=> b.place.record; order != 0) return order;
        if (auto order = a.place.begin <=> b.place.begin; order != 0) return order;
        return a.key <=> b.key;
    }
    friend constexpr bool operator==(const ChunkLocation&, const ChunkLocation&) = default;
};

struct PackReadOptions {
    std::optional<Uuid> store{};  ///< to which the pack must belong
    Bytes largest_index = 1_GiB;  ///< that is taken into memory
};

/// Reads a pack, which may be any bytes. What is given out has the digest by which it was asked
/// for: a chunk that is not there, one that is damaged (`ErrorKind::corrupt`) and a disk that does
/// not answer (`Domain::system`) are different answers. The index is in memory, all else is read
/// when it is asked for; nothing is mapped. External sync.
/// @tparam Cs the codecs that it knows: `Codecs<NoCodec, Lz4, …>`
template <PackFile F, ContentDigest D, class Cs>
class PackReader {
public:
    using Key = pack::Key<D>;
    using Location = ChunkLocation<D>;

    /// Checks header and index, whole.
    /// @errors `pack_malformed`, `pack_unfinished`: `scan` may help; `format_unknown`: another
    ///   version, a flag, a key or another digest; `not_supported`: the index is larger than the
    ///   option allows; `pack_foreign`, `out_of_memory`; of the file
    /// @allocates the index: as many bytes as it has in the file, and 16 a record
    static Result<PackReader> open(F file, const PackReadOptions& options = {}) noexcept {
        return bobbin::detail::without_throwing(Operation::open, [&]() -> Result<PackReader> {
            PackReader reader{std::move(file)};
            auto& parts = reader.parts_;
            if (auto sized = parts.take_size(); !sized) return sized.error();
            const auto header = parts.header(options.store);
            if (!header) return header.error();
            const auto trailer = parts.trailer();
            if (!trailer) return trailer.error();
            const auto size = parts.size() - trailer->index_offset;
            if (size > options.largest_index.value)
                return Error{Errc::not_supported, Operation::open};
            std::vector<std::byte> bytes(static_cast<std::size_t>(size));
            if (auto got = parts.read_exactly(bytes, trailer->index_offset); !got)
                return got.error();
            auto index = ChunkIndex::decode(std::move(bytes), *trailer, D::size);
            if (!index) return index.error();
            reader.header_ = *header;
            reader.index_ = std::move(*index);
            return reader;
        });
    }

    /// Makes the index out of the records alone, each of which is read whole, and passes over what
    /// is damaged. Of the index in the file it only asks where the records end. Behind what is
    /// damaged no length is believed, so that it finds records that lie in others, too.
    /// Sectors that the disk refuses are damage, too, up to 256 times; then it is an error.
    /// @errors `format_unknown`, `pack_foreign`, `pack_empty`: no record is whole; `out_of_memory`;
    ///   of the file
    /// @allocates the index, the report, room for one record, up to 33 MiB, and where records are
    ///   damaged a window of 1 MiB and 40 bytes for each head in 16 MiB
    static Result<PackReader> scan(F file, ScanReport& report,
                                   const PackReadOptions& options = {}) noexcept {
        return bobbin::detail::without_throwing(Operation::recover, [&]() -> Result<PackReader> {
            PackReader reader{std::move(file)};
            auto& parts = reader.parts_;
            report = {};
            if (auto sized = parts.take_size(); !sized) return sized.error();
            parts.tolerate_refusals(most_refused);
            const auto header = parts.header(options.store);
            if (!header && !header.error().is(Errc::pack_malformed)) return header.error();
            report.has_header = header.has_value();
            if (header) reader.header_ = *header;
            auto index = detail::PackScan{parts, report}.run();
            if (!index) return index.error();
            parts.tolerate_refusals(0);
            reader.index_ = *std::move(index);
            return reader;
        });
    }

    const PackHeader& header() const noexcept { return header_; }
    const ChunkIndex& index() const noexcept { return index_; }
    Bytes size() const noexcept { return Bytes{parts_.size()}; }
    const F& file() const noexcept { return parts_.file(); }

    /// Chunks, in the order of their keys.
    std::size_t chunks() const noexcept { return index_.size(); }
    /// @param n below `chunks()`
    Location chunk(std::size_t n) const noexcept {
        Location location{index_.place(n), {}};
        std::ranges::copy(index_.key(n), location.key.begin());
        return location;
    }

    /// Empty: the pack has no such chunk.
    std::optional<Location> find(const Key& key) const noexcept {
        const auto n = index_.find(key);
        if (!n) return {};
        return chunk(*n);
    }
    bool contains(const Key& key) const noexcept { return index_.find(key).has_value(); }

    /// The bytes of a chunk, whole and checked, until the next call. Of a record that is damaged
    /// those that still have their digests are served.
    /// @errors `digest_mismatch`, `pack_malformed`, `compressed_malformed`, `object_short`: it is
    ///   damaged; `format_unknown`: its codec; `out_of_range`: not a location of this pack;
    ///   `out_of_memory`; of the file
    /// @allocates room for one record, up to 33 MiB, which it keeps
    Result<ByteView> read(const Location& location) noexcept {
        return bobbin::detail::without_throwing(Operation::read, [&]() -> Result<ByteView> {
            const auto& place = location.place;
            if (place.record >= index_.records().size())
                return Error{Errc::out_of_range, Operation::read};
            if (auto loaded = load(place.record); !loaded) return loaded.error();
            // Not the index is believed, but the record.
            bool is_there = false;
            parts_.loaded().head.for_each([&](const ChunkEntry& chunk) {
                is_there =
                    is_there || (chunk.begin == place.begin && chunk.length == place.length &&
                                 std::ranges::equal(chunk.key, location.key));
            });
            if (!is_there) return Error{Errc::pack_malformed, Operation::read};
            const auto raw = parts_.raw();
            if (!raw) return raw.error();
            const auto bytes = raw->subspan(place.begin, place.length);
            if (digest_of<D>(bytes) != location.key)
                return Error{Errc::digest_mismatch, Operation::read};
            return bytes;
        });
    }

    /// Gives the bytes of a chunk to `sink`, which answers a Result<void>: checked before the
    /// first of them goes out, in memory that depends on no file.
    /// @errors as `read`; of the sink
    template <class Sink>
    Result<void> copy(const Location& location, Sink&& sink) {
        auto bytes = read(location);
        if (!bytes) return bytes.error();
        return std::forward<Sink>(sink)(*bytes);
    }

    /// A record as it is stored, checked against its checksum, until the next call.
    /// @param n below `index().records().size()`
    /// @errors as `read`
    Result<EncodedRecord> read_encoded(std::uint64_t n) noexcept {
        return bobbin::detail::without_throwing(Operation::read, [&]() -> Result<EncodedRecord> {
            if (n >= index_.records().size()) return Error{Errc::out_of_range, Operation::read};
            if (auto loaded = load(n); !loaded) return loaded.error();
            if (auto whole = parts_.check_loaded(); !whole) return whole.error();
            return parts_.loaded();
        });
    }

    /// Calls `visit(location, read)`, a `Result<void>`, for each chunk, in the order of the disk, until
    /// it is an error. `read()` is `read(location)`, but for a record that the disk has refused it
    /// is not asked again: that may take seconds, and a record may have a thousand chunks.
    /// @errors of `visit`; `out_of_memory`
    template <class Visit>
    Result<void> for_each(Visit&& visit) {
        std::vector<Location> locations;
        auto listed = bobbin::detail::without_throwing(Operation::read, [&]() -> Result<void> {
            locations.reserve(chunks());
            for (std::size_t n = 0; n < chunks(); ++n) locations.push_back(chunk(n));
            return {};
        });
        if (!listed) return listed;
        std::ranges::sort(locations);
        std::uint64_t refused = UINT64_MAX;  // record
        Error why;
        for (const auto& location : locations) {
            auto done = visit(location, [&]() -> Result<ByteView> {
                if (refused == location.place.record) return why;
                auto bytes = read(location);
                if (!bytes && bytes.error().domain == Domain::system) {
                    refused = location.place.record;
                    why = bytes.error();
                }
                return bytes;
            });
            if (!done) return done;
        }
        return {};
    }

    /// Reads all chunks and checks each. Calls `tell(location, error)` for each that can't be
    /// served, whatever the reason, and for one of a record that is damaged though all can.
    /// @errors `out_of_memory`
    template <class Tell>
    Result<void> verify(Tell&& tell) {
        std::optional<Location> suspect;  // right, in a damaged record of which nothing was told
        std::uint64_t told = UINT64_MAX;  // record
        const auto tell_suspect = [&] {
            if (suspect) tell(*suspect, Error{Errc::digest_mismatch, Operation::verify});
            suspect.reset();
        };
        auto done = for_each([&](const Location& location, auto&& read_it) -> Result<void> {
            const auto record = location.place.record;
            if (suspect && suspect->place.record != record) tell_suspect();
            const auto bytes = read_it();
            if (bytes) {
                if (!parts_.check_loaded() && told != record && !suspect) suspect = location;
                return {};
            }
            if (bytes.error().is(Errc::out_of_memory)) return bytes.error();
            suspect.reset();
            told = record;
            tell(location, bytes.error());
            return {};
        });
        if (done) tell_suspect();
        return done;
    }

    /// Gives back the room for a record that reading has taken.
    void release() noexcept {
        loaded_.reset();
        parts_.release();
    }

private:
    static constexpr std::size_t most_refused = 256;  ///< sectors; each may take a disk seconds

    explicit PackReader(F file) noexcept : parts_{std::move(file)} {}

    Result<void> load(std::uint64_t n) {
        if (loaded_ == n) return {};
        loaded_.reset();
        auto loaded = parts_.load(index_.records()[static_cast<std::size_t>(n)]);
        if (loaded) loaded_ = n;
        return loaded;
    }

    detail::PackParts<F, D, Cs> parts_;
    PackHeader header_;
    ChunkIndex index_;
    std::optional<std::uint64_t> loaded_;  ///< number of the record
};

}  // namespace bobbin::pack

#endif
