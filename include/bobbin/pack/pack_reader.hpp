#ifndef BOBBIN_PACK_PACK_READER_HPP
#define BOBBIN_PACK_PACK_READER_HPP

#include <bobbin/codec/codecs.hpp>
#include <bobbin/codec/none.hpp>
#include <bobbin/fs/concept.hpp>
#include <bobbin/pack/chunk_index.hpp>
#include <bobbin/pack/detail/record_search.hpp>

#include <algorithm>
#include <compare>
#include <concepts>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// What a reader needs of a file: `File<Fs>` is one.
template <class F>
concept PackFile =
    std::movable<F> && requires(const F& file, MutableByteView to, std::uint64_t at) {
        { file.read_at(to, at) } noexcept -> std::same_as<Result<std::size_t>>;
        { file.status() } noexcept -> std::same_as<Result<FileStatus>>;
    };

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

/// A record as it is stored, checked against its checksum: to be put into another pack.
struct EncodedRecord {
    RecordHead head;
    ByteView stored;
};

struct PackReadOptions {
    std::optional<Uuid> store{};  ///< to which the pack must belong
    Bytes largest_index = 1_GiB;  ///< that is taken into memory
};

/// What a scan found that is no record: bytes of nothing, or a record that its checksum refuses.
struct DamagedRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    friend constexpr bool operator==(const DamagedRange&, const DamagedRange&) = default;
};

struct ScanReport {
    bool has_index = false;           ///< which is whole; it was not used
    bool has_header = false;          ///< which is whole; without it no store is compared
    std::uint64_t records = 0;        ///< that are whole
    std::uint64_t chunks = 0;         ///< in them, before duplicates are dropped
    std::uint64_t chunks_in_row = 0;  ///< in those that follow the header back to back; others may
                                      ///< be of a pack that was saved in this one
    std::vector<DamagedRange> damaged;  ///< in order, and apart from each other
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
            if (auto sized = reader.take_size(); !sized) return sized.error();
            if (auto right = reader.take_header(options); !right) return right.error();
            auto trailer = reader.read_trailer();
            if (!trailer) return trailer.error();
            const auto size = reader.size_ - trailer->index_offset;
            if (size > options.largest_index.value)
                return Error{Errc::not_supported, Operation::open};
            std::vector<std::byte> bytes(static_cast<std::size_t>(size));
            if (auto got = reader.read_exactly(bytes, trailer->index_offset); !got)
                return got.error();
            auto index = ChunkIndex::decode(std::move(bytes), *trailer, D::size);
            if (!index) return index.error();
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
            reader.left_to_refuse_ = most_refused;
            if (auto sized = reader.take_size(); !sized) return sized.error();
            report = {};
            auto right = reader.take_header(options);
            if (!right && !right.error().is(Errc::pack_malformed)) return right.error();
            report.has_header = right.has_value();
            auto end = reader.end_of_records(report);
            if (!end) return end.error();
            ChunkIndexBuilder builder{D::size};
            if (auto scanned = reader.scan_records(*end, builder, report); !scanned)
                return scanned.error();
            if (builder.records() == 0) return Error{Errc::pack_empty, Operation::recover};
            reader.index_ = builder.build();
            reader.loaded_.reset();  // which has no number
            return reader;
        });
    }

    const PackHeader& header() const noexcept { return header_; }
    const ChunkIndex& index() const noexcept { return index_; }
    Bytes size() const noexcept { return Bytes{size_}; }
    const F& file() const noexcept { return file_; }

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
            loaded_->head.for_each([&](const ChunkEntry& chunk) {
                is_there =
                    is_there || (chunk.begin == place.begin && chunk.length == place.length &&
                                 std::ranges::equal(chunk.key, location.key));
            });
            if (!is_there) return Error{Errc::pack_malformed, Operation::read};
            const auto raw = take_raw();
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
            if (auto whole = check_loaded(); !whole) return whole.error();
            return *loaded_;
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
                if (!check_loaded() && told != record && !suspect) suspect = location;
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

private:
    static constexpr std::size_t window_size = std::size_t{1} << 20;
    static constexpr std::size_t sector = 4096;
    static constexpr std::size_t most_refused = 256;  ///< each may take a disk seconds

    explicit PackReader(F file) noexcept : file_{std::move(file)} {}

    Result<void> take_size() noexcept {
        auto status = file_.status();
        if (!status) return status.error();
        size_ = status->size.value;
        return {};
    }

    /// A file that ends early was longer when it was opened.
    Result<void> read_exactly(MutableByteView to, std::uint64_t offset) noexcept {
        auto got = file_.read_at(to, offset);
        if (!got) return is_scanning() ? read_around(to, offset) : got.error();
        if (*got != to.size()) return Error{Errc::object_short, Operation::read};
        return {};
    }

    bool is_scanning() const noexcept { return left_to_refuse_ != 0 && index_.size() == 0; }
    /// Where the disk refuses a sector, a scan sees zeros, which are no record.
    Result<void> read_around(MutableByteView to, std::uint64_t offset) noexcept {
        while (!to.empty()) {
            const auto left_of_sector = static_cast<std::size_t>(sector - offset % sector);
            const auto part = to.first(std::min(to.size(), left_of_sector));
            auto got = file_.read_at(part, offset);
            if (!got) {
                if (--left_to_refuse_ == 0) return got.error();
                std::ranges::fill(part, std::byte{0});
            } else if (*got != part.size()) {
                return Error{Errc::object_short, Operation::read};
            }
            to = to.subspan(part.size());
            offset += part.size();
        }
        return {};
    }

    Result<void> take_header(const PackReadOptions& options) noexcept {
        std::array<std::byte, PackHeader::encoded_size> bytes{};
        if (size_ < bytes.size()) return Error{Errc::pack_malformed, Operation::open};
        if (auto got = read_exactly(bytes, 0); !got) return got;
        auto header = PackHeader::decode(bytes);
        if (!header) return header.error();
        if (header->digest_format != D::format_id || header->digest_size != D::size)
            return Error{Errc::format_unknown, Operation::open};
        if (options.store && header->store != *options.store)
            return Error{Errc::pack_foreign, Operation::open};
        header_ = *header;
        return {};
    }

    Result<PackTrailer> read_trailer() noexcept {
        std::array<std::byte, PackTrailer::encoded_size> bytes{};
        if (size_ < PackHeader::encoded_size + bytes.size())
            return Error{Errc::pack_unfinished, Operation::open};
        if (auto got = read_exactly(bytes, size_ - bytes.size()); !got) return got.error();
        return PackTrailer::decode(bytes, size_, D::size);
    }

    /// Brings a record into memory: its head, which matches its checksum, and the stored bytes, of
    /// which `check_loaded` tells whether they do.
    Result<void> load(std::uint64_t n) {
        if (loaded_ && loaded_number_ == n) return {};
        auto loaded = load(index_.records()[static_cast<std::size_t>(n)]);
        loaded_number_ = n;
        return loaded;
    }
    Result<void> load(const RecordPlace& place) {
        loaded_.reset();
        raw_.reset();
        const auto size = static_cast<std::size_t>(place.shape.size(D::size));
        if (buffer_.size() < size) buffer_.resize(size);
        const auto bytes = MutableByteView{buffer_}.first(size);
        if (auto got = read_exactly(bytes, place.offset); !got) return got;
        auto head = RecordHead::decode(bytes, D::size);
        if (!head) return head.error();
        if (head->shape() != place.shape) return Error{Errc::pack_malformed, Operation::read};
        const ByteView stored = bytes.subspan(head->size());
        is_damaged_ = crc32c(stored) != head->stored_crc();
        loaded_.emplace(*head, stored);
        return {};
    }
    Result<void> load_whole(const RecordPlace& place) {
        auto loaded = load(place);
        return loaded ? check_loaded() : loaded;
    }
    Result<void> check_loaded() const noexcept {
        if (is_damaged_) return Error{Errc::digest_mismatch, Operation::read};
        return {};
    }

    /// The raw bytes of the record that is loaded; of one that is damaged what comes out of it.
    Result<ByteView> take_raw() {
        if (raw_) return *raw_;
        const auto& shape = loaded_->head.shape();
        if (shape.codec == NoCodec::number) {
            raw_ = loaded_->stored;
        } else {
            if (raw_buffer_.size() < shape.raw) raw_buffer_.resize(shape.raw);
            const auto to = MutableByteView{raw_buffer_}.first(shape.raw);
            const auto done = codecs_.decompress(shape.codec, loaded_->stored, to);
            if (!done && !(is_damaged_ && done.error().is(Errc::compressed_malformed)))
                return done.error();
            raw_ = to;
        }
        return *raw_;
    }

    /// Where the index begins, if it is whole; else the end of the file.
    Result<std::uint64_t> end_of_records(ScanReport& report) {
        auto trailer = read_trailer();
        if (!trailer) {
            if (trailer.error().domain == Domain::system) return trailer.error();
            return size_;
        }
        std::uint32_t crc = 0;
        auto summed = sum(trailer->index_offset, size_ - 4 - trailer->index_offset, crc);
        if (!summed) return summed.error();
        std::array<std::byte, 4> stored{};
        if (auto got = read_exactly(stored, size_ - 4); !got) return got.error();
        report.has_index = load_le<std::uint32_t>(stored.data()) == crc;
        return report.has_index ? trailer->index_offset : size_;
    }

    Result<void> sum(std::uint64_t offset, std::uint64_t size, std::uint32_t& crc) {
        const auto window = static_cast<std::size_t>(std::min<std::uint64_t>(size, window_size));
        if (buffer_.size() < window) buffer_.resize(window);
        for (crc = 0; size != 0;) {
            const auto part = MutableByteView{buffer_}.first(
                static_cast<std::size_t>(std::min<std::uint64_t>(size, window_size)));
            if (auto got = read_exactly(part, offset); !got) return got;
            crc = crc32c(part, crc);
            offset += part.size();
            size -= part.size();
        }
        return {};
    }

    Result<void> scan_records(std::uint64_t end, ChunkIndexBuilder& builder, ScanReport& report) {
        const auto begin = std::min<std::uint64_t>(PackHeader::encoded_size, end);
        auto broken = take_row(begin, end, builder, report);
        if (!broken) return broken.error();
        const bool has_row = *broken != begin;
        // Without either, nothing says that the first bytes are lost.
        const auto from = has_row || report.has_header ? *broken : 0;
        if (has_row && !report.has_header) report.damaged.push_back({0, begin});
        std::vector<RecordPlace> taken;
        if (auto done = take_all(from, end, builder, report, taken); !done) return done;
        note_damage(from, end, taken, report);
        return {};
    }

    /// Takes up records as long as they lie back to back, and answers where that ends.
    Result<std::uint64_t> take_row(std::uint64_t at, std::uint64_t end, ChunkIndexBuilder& builder,
                                   ScanReport& report) {
        while (end - at >= RecordHead::fixed_size) {
            std::array<std::byte, RecordHead::fixed_size> bytes{};
            if (auto got = read_exactly(bytes, at); !got) return got.error();
            const auto shape = RecordHead::decode_shape(bytes);
            if (!shape || shape->size(D::size) > end - at) break;
            auto loaded = load_whole(RecordPlace{at, *shape});
            if (!loaded && loaded.error().domain == Domain::system) return loaded.error();
            if (!loaded) break;
            take(RecordPlace{at, *shape}, loaded_->head, builder, report);
            report.chunks_in_row += shape->chunks;
            at += shape->size(D::size);
        }
        return at;
    }

    /// Where the row of records is broken, nothing tells a record of this pack from one of a pack
    /// that was saved in it. Whose chunks have their digests is of use in any case; whose have not,
    /// or can't be asked for, counts where there is no other.
    Result<void> take_all(std::uint64_t at, std::uint64_t end, ChunkIndexBuilder& builder,
                          ScanReport& report, std::vector<RecordPlace>& taken) {
        std::vector<RecordPlace> unproven;
        auto budget = proof_budget(end - at);
        detail::RecordSearch search{
            [this](MutableByteView to, std::uint64_t offset) { return read_exactly(to, offset); },
            D::size};
        auto searched = search.run(at, end, [&](const RecordPlace& place) -> Result<void> {
            taken.push_back(place);
            const auto cost = place.shape.size(D::size) + place.shape.raw;
            auto proven = Result<bool>{false};
            if (cost <= budget) {
                budget -= cost;
                proven = has_its_digests(place);
            }
            if (!proven) return proven.error();
            if (*proven)
                take(place, loaded_->head, builder, report);
            else
                unproven.push_back(place);
            return {};
        });
        if (!searched) return searched;
        std::vector<std::byte> bytes;
        for (const auto& place : unproven) {
            bytes.resize(place.shape.head_size(D::size));
            if (auto got = read_exactly(bytes, place.offset); !got) return got;
            auto head = RecordHead::decode(bytes, D::size);
            if (!head) return head.error();
            take(place, *head, builder, report);
        }
        return {};
    }

    /// Bytes that are read and made to prove records, whatever these say: some seconds at most.
    static constexpr std::uint64_t proof_budget(std::uint64_t size) noexcept {
        return 16 * size + (std::uint64_t{64} << 20);
    }

    static void take(const RecordPlace& place, const RecordHead& head, ChunkIndexBuilder& builder,
                     ScanReport& report) {
        std::vector<ChunkEntry> chunks;
        head.for_each([&](const ChunkEntry& chunk) { chunks.push_back(chunk); });
        builder.add(place, chunks);
        ++report.records;
        report.chunks += chunks.size();
    }

    /// Loads the record, and makes what is in it.
    Result<bool> has_its_digests(const RecordPlace& place) {
        auto loaded = load_whole(place);
        auto raw = loaded ? take_raw() : Result<ByteView>{loaded.error()};
        if (!raw) {
            if (raw.error().domain == Domain::system || raw.error().is(Errc::out_of_memory))
                return raw.error();
            return false;
        }
        bool is_right = true;
        loaded_->head.for_each([&](const ChunkEntry& chunk) {
            is_right = is_right &&
                       std::ranges::equal(digest_of<D>(raw->subspan(chunk.begin, chunk.length)),
                                          chunk.key);
        });
        return is_right;
    }

    /// What is in none of `taken`, of the bytes in [at, end).
    static void note_damage(std::uint64_t at, std::uint64_t end, std::vector<RecordPlace>& taken,
                            ScanReport& report) {
        std::ranges::sort(taken, {}, &RecordPlace::offset);
        for (const auto& place : taken) {
            if (place.offset > at) report.damaged.push_back({at, place.offset - at});
            at = std::max(at, place.offset + place.shape.size(D::size));
        }
        if (end > at) report.damaged.push_back({at, end - at});
    }

    F file_;
    std::uint64_t size_ = 0;
    PackHeader header_;
    ChunkIndex index_;
    Cs codecs_;
    std::vector<std::byte> buffer_;        ///< the record that was loaded last
    std::vector<std::byte> raw_buffer_;    ///< what was compressed in it
    std::optional<EncodedRecord> loaded_;  ///< looks at `buffer_`
    std::uint64_t loaded_number_ = 0;
    bool is_damaged_ = false;         ///< the stored bytes of that
    std::size_t left_to_refuse_ = 0;  ///< by the disk, of a scan
    std::optional<ByteView> raw_;     ///< looks at either
};

}  // namespace bobbin::pack

#endif
