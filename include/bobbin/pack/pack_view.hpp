#ifndef BOBBIN_PACK_PACK_VIEW_HPP
#define BOBBIN_PACK_PACK_VIEW_HPP

#include <bobbin/detail/object_cursor.hpp>
#include <bobbin/pack/pack_index.hpp>
#include <bobbin/pack/pack_reader.hpp>
#include <bobbin/pack/pack_set.hpp>
#include <bobbin/reader.hpp>

#include <algorithm>
#include <compare>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// A pack that can't be used, or a chunk of it.
struct PackProblem {
    ObjectId pack;
    Error error;
};

/// The packs of a store, as it listed them when they were loaded, and one look-up over all of their
/// chunks. Look-ups may run at once, loading not beside them. Must not outlive its store.
/// @tparam C the composition of the archive that holds the packs
/// @tparam Known the codecs that can be read: `Codecs<…>`
template <class C, ContentDigest D, class Known>
class PackView {
public:
    using Key = pack::Key<D>;
    using Store = typename C::Store;

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

    PackView(BasicReader<C> reader, Store& store, StreamId stream) noexcept
        : reader_{std::move(reader)}
        , store_{&store}
        , stream_{stream} {}

    /// Lists the packs anew and reads their indexes. One that can't be read is a problem, and no
    /// error: its chunks count as missing, and what is saved next stores them again.
    /// @errors of the store; `out_of_memory`
    Result<void> load() noexcept {
        return bobbin::detail::without_throwing(Operation::open, [&]() -> Result<void> {
            PackSet<D> set;
            std::vector<ObjectRow> rows;
            std::vector<PackProblem> problems;
            bobbin::detail::ObjectCursor<Store> cursor{*store_, stream_};
            for (;;) {
                auto some = cursor.next();
                if (!some) return some.error();
                if (some->empty()) break;
                for (auto& row : *some) {
                    auto pack = open(row.id);
                    if (pack) {
                        if (auto added = set.add(row.id, pack->index()); !added) return added;
                    } else if (pack.error().is(Errc::out_of_memory)) {
                        return pack.error();
                    } else {
                        problems.push_back({row.id, pack.error()});
                    }
                    rows.push_back(std::move(row));
                }
            }
            set_ = std::move(set);
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

private:
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
    PackSet<D> set_;
    std::vector<ObjectRow> rows_;
    std::vector<PackProblem> problems_;
};

}  // namespace bobbin::pack

#endif
