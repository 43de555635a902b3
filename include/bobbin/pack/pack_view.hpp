#ifndef BOBBIN_PACK_PACK_VIEW_HPP
#define BOBBIN_PACK_PACK_VIEW_HPP

#include <bobbin/core/crc32c.hpp>
#include <bobbin/detail/object_cursor.hpp>
#include <bobbin/pack/pack_index.hpp>
#include <bobbin/pack/pack_reader.hpp>
#include <bobbin/pack/pack_set.hpp>
#include <bobbin/pack/pack_set_cache.hpp>
#include <bobbin/reader.hpp>

#include <algorithm>
#include <cerrno>
#include <compare>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace bobbin::pack {

namespace detail {

/// For directories that are of no file system.
struct NoPackSetCache {};

template <class Directory, ContentDigest D>
auto cache_of(const Directory& directory, const Uuid& store) {
    if constexpr (requires { directory.fs(), directory.handle(); })
        return PackSetCache<std::remove_cvref_t<decltype(directory.fs())>, D>{
            directory.fs(), directory.handle(), store};
    else
        return NoPackSetCache{};
}

}  // namespace detail

/// A pack that can't be used, or a chunk of it.
struct PackProblem {
    ObjectId pack;
    Error error;

    /// Whether the system refuses it, so that what it holds is not known; else it is gone or damaged.
    bool is_refused() const noexcept {
        return error.domain != Domain::bobbin && error.kind() != ErrorKind::corrupt &&
               !error.is_errno(ENOENT);
    }
};

/// The packs of a store, as it listed them when they were loaded, and one look-up over all of their
/// chunks. Look-ups may run at once, loading not beside them. Must not outlive its store. The keys of
/// packs are kept in a cache beside them, in directories of a file system.
/// @tparam C the composition of the archive that holds the packs
/// @tparam Known the codecs that can be read: `Codecs<…>`
template <class C, ContentDigest D, class Known>
class PackView {
public:
    using Key = pack::Key<D>;
    using Store = typename C::Store;
    using Codecs = Known;

    /// A pack is a file of the store whose size is what its row says.
    class Object {
    public:
        explicit Object(typename BasicReader<C>::Object object) noexcept
            : object_{std::move(object)} {}
        Result<std::size_t> read_at(MutableByteView to, std::uint64_t offset) const noexcept {
            return object_.file().read_at(to, offset);
        }
        Result<FileStatus> status() const noexcept { return FileStatus{object_.size(), true}; }

    private:
        typename BasicReader<C>::Object object_;
    };
    using Reader = PackReader<Object, D, Known>;

    /// @param writes whether it may write the cache, as only who has the lock of the directory may
    PackView(BasicReader<C> reader, Store& store, StreamId stream, bool writes) noexcept
        : reader_{std::move(reader)}
        , store_{&store}
        , stream_{stream}
        , writes_{writes}
        , cache_{detail::cache_of<Directory, D>(reader_.directory(), store.uuid())} {}

    /// Lists the packs anew, and reads the indexes of those that the cache does not know. One that is
    /// missing or can't be read is a problem, and no error: its chunks are not found, and what is
    /// saved next stores them again.
    /// @errors of the store; `out_of_memory`
    Result<void> load() noexcept {
        return bobbin::detail::without_throwing(Operation::open, [&]() -> Result<void> {
            std::vector<ObjectRow> rows;
            std::vector<PackProblem> problems;
            std::vector<CachedPack> there;
            bobbin::detail::ObjectCursor<Store> cursor{*store_, stream_};
            for (;;) {
                auto some = cursor.next();
                if (!some) return some.error();
                if (some->empty()) break;
                for (auto& row : *some) {
                    if (const auto found = find_file(row); found)
                        there.push_back(cached(row));
                    else
                        problems.push_back({row.id, found.error().about(row.id)});
                    rows.push_back(std::move(row));
                }
            }
            auto loaded = load_cache(there);
            if (!loaded) return loaded.error();
            for (const auto& missing : loaded->missing) {
                auto pack = open(missing.id);
                if (!pack && pack.error().is(Errc::out_of_memory)) return pack.error();
                if (!pack) {
                    problems.push_back({missing.id, pack.error().about(missing.id)});
                    continue;
                }
                if (auto added = loaded->set.add(missing.id, pack->index()); !added) return added;
                remember(missing, pack->index());
            }
            set_ = std::move(loaded->set);
            rows_ = std::move(rows);
            problems_ = std::move(problems);
            return {};
        });
    }

    /// Takes in a pack that was committed since.
    /// @errors of the store; `object_unknown`; `object_too_long`, `out_of_memory`
    Result<void> add(ObjectId id, const ChunkIndex& index) noexcept {
        return bobbin::detail::without_throwing(Operation::open, [&]() -> Result<void> {
            auto row = store_->object(id);
            if (!row) return row.error();
            if (!*row) return Error{Errc::object_unknown, Operation::open, id};
            rows_.reserve(rows_.size() + 1);
            if (auto added = set_.add(id, index); !added) return added;
            remember(cached(**row), index);
            rows_.push_back(std::move(**row));
            return {};
        });
    }

    /// A pack by its index.
    /// @errors as `PackReader::open`; `object_unknown`; of the directory and the store
    Result<Reader> open(ObjectId id) const noexcept {
        auto object = open_object(id);
        if (!object) return object.error();
        auto pack = Reader::open(std::move(*object), options());
        if (!pack) return pack.error().about(id);
        return pack;
    }
    /// By its records alone, whatever its index says: what can be saved of one that is damaged.
    Result<Reader> scan(ObjectId id, ScanReport& report) const noexcept {
        auto object = open_object(id);
        if (!object) return object.error();
        auto pack = Reader::scan(std::move(*object), report, options());
        if (!pack) return pack.error().about(id);
        return pack;
    }

    const PackSet<D>& chunks() const noexcept { return set_; }
    /// All packs, usable or not, in the order of their numbers.
    std::span<const ObjectRow> packs() const noexcept { return rows_; }
    std::span<const PackProblem> problems() const noexcept { return problems_; }
    /// What to answer of a chunk that is not found: `chunk_missing`, or the error of a pack that the
    /// system refuses, which may hold it.
    Error not_found() const noexcept {
        const auto refused = std::ranges::find_if(problems_, &PackProblem::is_refused);
        if (refused != problems_.end()) return refused->error;
        return Error{Errc::chunk_missing, Operation::read};
    }

private:
    using Directory = typename C::Directory;
    using Cache =
        decltype(detail::cache_of<Directory, D>(std::declval<const Directory&>(), Uuid{}));
    static constexpr bool has_cache = !std::is_same_v<Cache, detail::NoPackSetCache>;
    struct Loaded {
        PackSet<D> set;
        std::vector<CachedPack> missing;
    };

    static CachedPack cached(const ObjectRow& row) noexcept {
        return {row.id, row.size.value ^ std::uint64_t{crc32c(row.digest.view())} << 32};
    }
    /// What a cache knows of a pack is worth nothing without its file.
    Result<void> find_file(const ObjectRow& row) const noexcept {
        auto file = reader_.directory().open(row.id);
        if (!file) return file.error();
        const auto status = file->status();
        if (!status) return status.error();
        if (status->size < row.size) return Error{Errc::object_short, Operation::open, row.id};
        return {};
    }
    Result<Loaded> load_cache(std::span<const CachedPack> there) {
        if constexpr (has_cache) {
            auto loaded = cache_.load(there);
            if (!loaded) return loaded.error();
            return Loaded{std::move(loaded->set), std::move(loaded->missing)};
        } else {
            return Loaded{{}, {there.begin(), there.end()}};
        }
    }
    void remember(const CachedPack& pack, const ChunkIndex& index) noexcept {
        // Where it fails the next one reads the index again.
        if constexpr (has_cache)
            if (writes_) (void)cache_.add(pack, index);
    }

    PackReadOptions options() const noexcept { return {.store = store_->uuid()}; }

    Result<Object> open_object(ObjectId id) const noexcept {
        return bobbin::detail::without_throwing(Operation::open, [&]() -> Result<Object> {
            auto object = reader_.open(id);
            if (!object) return object.error();
            return Object{std::move(*object)};
        });
    }

    BasicReader<C> reader_;
    Store* store_;
    StreamId stream_;
    bool writes_;
    Cache cache_;
    PackSet<D> set_;
    std::vector<ObjectRow> rows_;
    std::vector<PackProblem> problems_;
};

}  // namespace bobbin::pack

#endif
