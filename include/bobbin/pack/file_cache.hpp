#ifndef BOBBIN_PACK_FILE_CACHE_HPP
#define BOBBIN_PACK_FILE_CACHE_HPP

#include <bobbin/core/crc32c.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/digest/sha256.hpp>
#include <bobbin/file/file_system_type.hpp>
#include <bobbin/fs/file.hpp>
#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/cached_part.hpp>
#include <bobbin/pack/detail/fields.hpp>
#include <bobbin/pack/tree.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// Names a directory of a tree: the digest of the names on the way to it.
using CacheKey = std::array<std::byte, 16>;

inline CacheKey cache_key_of(const CacheKey& parent, std::string_view name) {
    std::vector<std::byte> bytes;
    bytes.reserve(parent.size() + name.size());
    detail::put_bytes(bytes, parent);
    detail::put_bytes(bytes, as_bytes(name));
    const auto digest = Sha256::of(bytes);
    CacheKey key;
    std::ranges::copy(ByteView{digest}.first(key.size()), key.begin());
    return key;
}

/// A user or a group as the system called it.
struct CachedOwner {
    std::uint32_t id = 0;
    bool is_group = false;
    std::string name;
    friend bool operator==(const CachedOwner&, const CachedOwner&) = default;
};

/// What the last save of a tree found, so that the next one need not read what has not changed: a
/// file of parts, each some entries of one directory, found by an index that stands at the end.
///
/// The file may be anything: what is not right to the last bit is as if it were not there, and no
/// error. A new one is written beside it and takes its place when it is complete; that it is durable
/// is not needed. One save at a time; it keeps 80 bytes of memory for each directory.
///
/// `find`, `load`, `put` are internally synchronised, all else is external sync.
/// @source docs/formats.md, "File cache"
template <TreeFileSystem Fs>
class FileCache {
public:
    /// The most bytes of a part.
    static constexpr std::size_t largest_part = std::size_t{8} << 20;

    /// Reads the index of the file `name` in `dir`, and begins the next one.
    /// @param dir stays open as long as this object is there
    /// @errors `out_of_memory`
    static Result<std::unique_ptr<FileCache>> open(Fs fs, FileHandle dir,
                                                   std::string name) noexcept {
        return bobbin::detail::without_throwing(
            Operation::open, [&]() -> Result<std::unique_ptr<FileCache>> {
                std::unique_ptr<FileCache> cache{
                    new FileCache{std::move(fs), dir, std::move(name)}};
                cache->is_network_ = is_network(cache->fs_, dir);
                cache->read_index();
                cache->begin_draft();
                return cache;
            });
    }

    /// Whether a server tells the times of the files of a directory.
    static bool is_network(Fs& fs, FileHandle dir) noexcept {
        if constexpr (KnowsType<Fs>) {
            const auto type = fs.type(dir);
            return type && traits_of(*type).is_network;
        }
        return false;
    }

    FileCache(const FileCache&) = delete;
    FileCache& operator=(const FileCache&) = delete;
    ~FileCache() {
        abandon();
        if (old_ != no_file) (void)fs_.close(old_);
    }

    /// Parts of a directory, by their numbers in the index.
    struct Range {
        std::size_t first = 0;
        std::size_t last = 0;  ///< behind it
    };
    Range find(const CacheKey& key) const noexcept {
        const auto [first, last] = std::ranges::equal_range(
            old_index_, key, {}, [](const Place& place) -> const CacheKey& { return place.key; });
        return {static_cast<std::size_t>(first - old_index_.begin()),
                static_cast<std::size_t>(last - old_index_.begin())};
    }

    /// A part of a range; null where it is damaged.
    std::shared_ptr<const CachedPart> load(std::size_t part) noexcept {
        auto got = bobbin::detail::without_throwing(
            Operation::read, [&]() -> Result<std::shared_ptr<const CachedPart>> {
                const auto& place = old_index_[part];
                std::vector<std::byte> bytes(place.size);
                if (!read_all(bytes, place.offset) || crc32c(bytes) != place.crc)
                    return std::shared_ptr<const CachedPart>{};
                auto decoded = CachedPart::decode(std::move(bytes));
                if (!decoded) return std::shared_ptr<const CachedPart>{};
                return std::shared_ptr<const CachedPart>{
                    std::make_shared<const CachedPart>(std::move(*decoded))};
            });
        return got ? *std::move(got) : nullptr;
    }

    /// Whether a file with that stamp can't have changed since the save that wrote it down without
    /// another stamp: its times are from before that save began, by the clock that told them.
    /// @param is_network whether that is a server's
    bool trusts(const FileStamp& stamp, bool is_network) const noexcept {
        auto begin = old_begin_;
        // Some clocks are not known here. None should be a day behind.
        if ((is_network || is_network_) && stamp.device != draft_device_) begin.seconds -= 86'400;
        return is_before(stamp.modified, begin) && is_before(stamp.changed, begin);
    }

    const std::vector<CachedOwner>& owners() const noexcept { return old_owners_; }
    /// All that was found is as if it were not there.
    void forget() noexcept {
        old_index_.clear();
        old_owners_.clear();
    }

    /// Writes a part down for the next save.
    /// @param number rises with the names, from 0 for each directory
    /// @param same the part of the index that has the same bytes, if there is one
    void put(const CacheKey& key, std::uint32_t number, ByteView part,
             std::optional<std::size_t> same) noexcept {
        if (part.size() < 2 || part.size() > largest_part) return;
        const std::lock_guard lock{mutex_};
        if (has_failed_) return;
        const auto size = static_cast<std::uint32_t>(part.size());
        try {
            if (same && old_index_[*same].number == number && old_index_[*same].size == size) {
                kept_.push_back(*same);
                return;
            }
            index_.push_back({key, number, size, write_position(), crc32c(part)});
            write(part);
        } catch (const std::bad_alloc&) {
            has_failed_ = true;
        }
    }

    /// Puts what was written down in the place of the file, unless it is the same.
    void publish(std::vector<CachedOwner> owners) noexcept {
        // Still the same, or as good as lost: what it says stays true of the files that are there.
        const bool is_same = index_.empty() && kept_.size() == old_index_.size() &&
                             old_ != no_file && owners == old_owners_;
        if (is_same || has_failed_) return abandon();
        const auto written =
            bobbin::detail::without_throwing(Operation::write, [&]() -> Result<void> {
                copy_kept();
                write_index(owners);
                return {};
            });
        if (!written || has_failed_) return abandon();
        (void)fs_.close(std::exchange(draft_, no_file));
        if (!fs_.rename(dir_, draft_name().c_str(), name_.c_str()))
            (void)fs_.remove(dir_, draft_name().c_str());
    }

private:
    // header: magic 8, version 4, zero 4, begin 8 + 4, zero 4
    // trailer: offset of the owners 8, bytes of them 8, parts 8, zero 4, crc 4, magic 8
    static constexpr std::size_t header_size = 32;
    static constexpr std::size_t trailer_size = 40;
    static constexpr std::size_t place_size = 36;
    static constexpr std::uint32_t version = 1;
    static constexpr std::string_view magic = "BOBBINfc";
    static constexpr std::string_view end_magic = "BOBBINfx";
    static constexpr std::size_t window = std::size_t{1} << 20;
    static constexpr std::uint64_t largest_index = std::uint64_t{1} << 28;

    struct Place {
        CacheKey key{};
        std::uint32_t number = 0;
        std::uint32_t size = 0;
        std::uint64_t offset = 0;
        std::uint32_t crc = 0;
    };

    FileCache(Fs fs, FileHandle dir, std::string name)
        : fs_{std::move(fs)}
        , dir_{dir}
        , name_{std::move(name)} {}

    std::string draft_name() const { return name_ + ".new"; }

    /// Whether a clock that told `time` tells another one from `begin` on. Its steps are no longer
    /// than the zeros at the end allow; where it tells no fractions, it may be FAT's: two seconds.
    static bool is_before(const FileTime& time, const FileTime& begin) noexcept {
        if (time.nanoseconds == 0) return time.seconds <= begin.seconds - 2;
        std::uint32_t step = 1;
        while (time.nanoseconds % (step * 10) == 0) step *= 10;
        return time.seconds != begin.seconds ? time.seconds < begin.seconds
                                             : time.nanoseconds + step <= begin.nanoseconds;
    }

    bool read_all(MutableByteView to, std::uint64_t offset) noexcept {
        while (!to.empty()) {
            const auto got =
                bobbin::detail::uninterrupted([&] { return fs_.read_at(old_, to, offset); });
            if (!got || *got == 0) return false;
            to = to.subspan(*got);
            offset += *got;
        }
        return true;
    }

    void read_index() {
        const auto handle = bobbin::detail::uninterrupted(
            [&] { return fs_.open_at(dir_, name_.c_str(), OpenMode::read); });
        if (!handle) return;
        old_ = *handle;
        if (!read_index_of_old()) forget();
    }

    bool read_index_of_old() {
        const auto status = fs_.status(old_);
        if (!status || !status->is_regular || status->size.value < header_size + trailer_size)
            return false;
        const auto end = status->size.value - trailer_size;
        std::array<std::byte, header_size> header;
        std::array<std::byte, trailer_size> trailer;
        if (!read_all(header, 0) || !read_all(trailer, end)) return false;
        if (as_text(ByteView{header}.first(8)) != magic ||
            as_text(ByteView{trailer}.last(8)) != end_magic ||
            load_le<std::uint32_t>(header.data() + 8) != version)
            return false;
        const auto begin = load_le<std::uint64_t>(trailer.data());
        const auto owners = load_le<std::uint64_t>(trailer.data() + 8);
        const auto parts = load_le<std::uint64_t>(trailer.data() + 16);
        // Bounded by the file before anything is added or allocated.
        if (begin < header_size || begin > end || end - begin > largest_index ||
            owners > end - begin || parts > (end - begin) / place_size ||
            end - begin - owners != parts * place_size)
            return false;
        std::vector<std::byte> bytes(static_cast<std::size_t>(end - begin));
        if (!read_all(bytes, begin)) return false;
        auto crc = crc32c(header);
        crc = crc32c(bytes, crc);
        crc = crc32c(ByteView{trailer}.first(28), crc);
        if (crc != load_le<std::uint32_t>(trailer.data() + 28)) return false;
        old_begin_.seconds = static_cast<std::int64_t>(load_le<std::uint64_t>(header.data() + 16));
        old_begin_.nanoseconds = load_le<std::uint32_t>(header.data() + 24);
        if (old_begin_.seconds < 0) return false;
        return decode_owners(ByteView{bytes}.first(static_cast<std::size_t>(owners))) &&
               decode_places(ByteView{bytes}.subspan(static_cast<std::size_t>(owners)), begin);
    }

    bool decode_owners(ByteView bytes) {
        detail::FieldReader from{bytes};
        while (from.remaining() != 0) {
            CachedOwner owner;
            owner.id = static_cast<std::uint32_t>(from.varint(0, UINT32_MAX));
            owner.is_group = from.byte() != 0;
            owner.name = from.text(0, TreeLimits::owner_name);
            old_owners_.push_back(std::move(owner));
        }
        return !from.has_failed();
    }

    bool decode_places(ByteView bytes, std::uint64_t end) {
        old_index_.reserve(bytes.size() / place_size);
        for (; !bytes.empty(); bytes = bytes.subspan(place_size)) {
            Place place;
            std::ranges::copy(bytes.first(place.key.size()), place.key.begin());
            place.number = load_le<std::uint32_t>(bytes.data() + 16);
            place.size = load_le<std::uint32_t>(bytes.data() + 20);
            place.offset = load_le<std::uint64_t>(bytes.data() + 24);
            place.crc = load_le<std::uint32_t>(bytes.data() + 32);
            if (place.offset < header_size || place.offset > end ||
                place.size > end - place.offset || place.size > largest_part)
                return false;
            if (!old_index_.empty() && order(old_index_.back()) >= order(place)) return false;
            old_index_.push_back(place);
        }
        return true;
    }
    static std::pair<CacheKey, std::uint32_t> order(const Place& place) noexcept {
        return {place.key, place.number};
    }

    /// The draft is made now, so that its time is that of the begin by its file system's clock.
    void begin_draft() {
        const auto name = draft_name();
        (void)fs_.remove(dir_, name.c_str());
        const auto handle = fs_.open_at(dir_, name.c_str(), OpenMode::create);
        has_failed_ = true;
        if (!handle) return;
        draft_ = *handle;
        const auto status = fs_.node(draft_);
        if (!status) return;
        draft_device_ = status->device;
        begin_ = status->modified;
        has_failed_ = false;
        std::array<std::byte, header_size> header{};
        std::ranges::copy(as_bytes(magic), header.begin());
        store_le(header.data() + 8, version);
        store_le(header.data() + 16, static_cast<std::uint64_t>(begin_.seconds));
        store_le(header.data() + 24, begin_.nanoseconds);
        header_crc_ = crc32c(header);
        write(header);
    }

    std::uint64_t write_position() const noexcept { return written_ + pending_.size(); }
    void write(ByteView bytes) {
        detail::put_bytes(pending_, bytes);
        if (pending_.size() >= window) write_pending();
    }
    void write_pending() {
        for (ByteView left{pending_}; !left.empty() && !has_failed_;) {
            const auto wrote =
                bobbin::detail::uninterrupted([&] { return fs_.write_at(draft_, left, written_); });
            has_failed_ = !wrote || *wrote == 0;
            if (has_failed_) break;
            left = left.subspan(*wrote);
            written_ += *wrote;
        }
        pending_.clear();
    }

    /// Parts that have not changed, in the order of the file, so that each run of them is read at
    /// once.
    void copy_kept() {
        std::ranges::sort(kept_, {}, [&](std::size_t part) { return old_index_[part].offset; });
        std::vector<std::byte> bytes;
        for (std::size_t first = 0, last = 0; first < kept_.size(); first = last) {
            const auto begin = old_index_[kept_[first]].offset;
            auto end = begin;
            const auto moved = write_position();
            for (; last < kept_.size(); ++last) {
                auto place = old_index_[kept_[last]];
                if (place.offset != end || end - begin + place.size > largest_part) break;
                end += place.size;
                place.offset = moved + (place.offset - begin);
                index_.push_back(place);
            }
            bytes.resize(static_cast<std::size_t>(end - begin));
            if (!read_all(bytes, begin)) {
                has_failed_ = true;
                return;
            }
            write(bytes);
        }
    }

    void write_index(const std::vector<CachedOwner>& owners) {
        std::ranges::sort(index_, {}, order);
        const auto begin = write_position();
        auto crc = header_crc_;
        std::vector<std::byte> bytes;
        for (const auto& owner : owners) {
            detail::put_varint(bytes, owner.id);
            detail::put_byte(bytes, owner.is_group ? 1 : 0);
            detail::put_text(bytes, owner.name);
        }
        const auto give = [&](ByteView some) {
            crc = crc32c(some, crc);
            write(some);
        };
        give(bytes);
        for (const auto& place : index_) {
            std::array<std::byte, place_size> encoded;
            std::ranges::copy(place.key, encoded.begin());
            store_le(encoded.data() + 16, place.number);
            store_le(encoded.data() + 20, place.size);
            store_le(encoded.data() + 24, place.offset);
            store_le(encoded.data() + 32, place.crc);
            give(encoded);
        }
        std::array<std::byte, trailer_size> trailer{};
        store_le(trailer.data(), begin);
        store_le(trailer.data() + 8, static_cast<std::uint64_t>(bytes.size()));
        store_le(trailer.data() + 16, static_cast<std::uint64_t>(index_.size()));
        crc = crc32c(ByteView{trailer}.first(28), crc);
        store_le(trailer.data() + 28, crc);
        std::ranges::copy(as_bytes(end_magic), trailer.begin() + 32);
        write(trailer);
        write_pending();
    }

    void abandon() noexcept {
        if (draft_ == no_file) return;
        (void)fs_.close(std::exchange(draft_, no_file));
        try {
            (void)fs_.remove(dir_, draft_name().c_str());
        } catch (const std::bad_alloc&) {
            // The next save removes it.
        }
    }

    Fs fs_;
    FileHandle dir_;
    std::string name_;
    bool is_network_ = false;
    FileHandle old_ = no_file;
    FileTime old_begin_;
    std::vector<Place> old_index_;
    std::vector<CachedOwner> old_owners_;
    FileHandle draft_ = no_file;
    std::uint64_t draft_device_ = 0;
    FileTime begin_;
    std::uint32_t header_crc_ = 0;

    std::mutex mutex_;  // of all that follows
    std::vector<Place> index_;
    std::vector<std::size_t> kept_;
    std::vector<std::byte> pending_;
    std::uint64_t written_ = 0;
    bool has_failed_ = false;
};

}  // namespace bobbin::pack

#endif
