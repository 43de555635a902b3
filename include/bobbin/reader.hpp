#ifndef BOBBIN_READER_HPP
#define BOBBIN_READER_HPP

#include <bobbin/detail/directory_state.hpp>
#include <bobbin/digest/blocks.hpp>
#include <bobbin/file/detail/read_pacer.hpp>
#include <bobbin/index/formats.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bobbin {

/// A committed object to be read: its bytes, checked block by block against their digests as they
/// are read, and its index. Holds its file open; a file that is deleted meanwhile stays
/// readable until this is destroyed. External sync.
template <class File, class Digest>
class StoredObject {
public:
    StoredObject(ObjectRow row, File file, std::vector<std::byte> index,
                 std::vector<std::byte> digests, const ReadOptions& options = {})
        : row_{std::move(row)}, file_{std::move(file)}, index_{std::move(index)},
          digests_{std::move(digests)},
          is_checked_(static_cast<std::size_t>((row_.size.value + digest_block_size - 1) /
                                               digest_block_size)),
          pacer_{options, row_.size.value} {}

    const ObjectRow& row() const noexcept { return row_; }
    Bytes size() const noexcept { return row_.size; }
    ByteView index() const noexcept { return index_; }
    const File& file() const noexcept { return file_; }

    /// Fills `to` from `offset` on; fewer bytes only at the end of the object. What it gives out is
    /// what was checked: nothing is read a second time.
    /// @errors `digest_mismatch`, `object_short`, `out_of_range`; of the file system
    /// @allocates one block, the first time
    Result<std::size_t> read(MutableByteView to, std::uint64_t offset) {
        if (offset > row_.size.value) return Error{Errc::out_of_range, Operation::read, row_.id};
        to = to.first(static_cast<std::size_t>(
            std::min<std::uint64_t>(to.size(), row_.size.value - offset)));
        for (std::size_t done = 0; done < to.size();) {
            const auto at = offset + done;
            if (auto loaded = load_in_turn(static_cast<std::size_t>(at / digest_block_size)); !loaded)
                return loaded.error();
            const auto part =
                ByteView{buffer_}.subspan(static_cast<std::size_t>(at % digest_block_size));
            const auto size = std::min(part.size(), to.size() - done);
            std::ranges::copy(part.first(size), to.begin() + static_cast<std::ptrdiff_t>(done));
            done += size;
        }
        return to.size();
    }

    /// Calls `f(record, bytes)` for each record in order, with what encoder `E` knows of it and its
    /// bytes, which are checked and valid during the call. `f` gives nothing, or a Result<void>
    /// whose error ends it.
    /// @errors `format_unknown` where `E` is not the encoder; as `read`; what the index is refused
    ///   for; those of `f`
    template <IndexEncoder E, class F>
        requires requires(ByteView index) { E::records(index); }
    Result<void> read_records(F&& f) {
        if (row_.index_format != E::format_id)
            return Error{Errc::format_unknown, Operation::decode, row_.id};
        std::vector<std::byte> bytes;
        auto records = E::records(index_);
        for (const auto& record : records) {
            bytes.resize(static_cast<std::size_t>(record.size));
            auto got = read(bytes, record.offset);
            if (!got) return got.error();
            if (*got != bytes.size()) return Error{Errc::object_short, Operation::read, row_.id};
            if constexpr (std::is_void_v<decltype(f(record, ByteView{bytes}))>)
                f(record, ByteView{bytes});
            else if (auto done = f(record, ByteView{bytes}); !done)
                return done;
        }
        if constexpr (requires { records.error(); })
            if (const auto wrong = records.error()) return wrong->about(row_.id);
        return {};
    }

    /// Checks the blocks that [offset, offset + size) touches and that were not checked since the
    /// file was opened: for those who send from the file themselves.
    /// @errors as `read`
    Result<void> check(std::uint64_t offset, std::uint64_t size) {
        if (offset > row_.size.value || size > row_.size.value - offset)
            return Error{Errc::out_of_range, Operation::verify, row_.id};
        pacer_.before(file_, offset, offset + size);
        if constexpr (Digest::size != 0) {
            if (size == 0) return {};
            const auto last = static_cast<std::size_t>((offset + size - 1) / digest_block_size);
            for (auto block = static_cast<std::size_t>(offset / digest_block_size); block <= last; ++block)
                if (!is_checked_[block])
                    if (auto good = load(block); !good) return good;
        }
        return {};
    }

    /// What was checked is sent, and needed no more: see `ReadOptions::drops_behind`.
    void sent(std::uint64_t offset, std::uint64_t size) noexcept {
        pacer_.after(file_, offset, offset + size);
    }

private:
    Result<void> load_in_turn(std::size_t block) {
        if (loaded_ == block) return {};
        const std::uint64_t start = std::uint64_t{block} * digest_block_size;
        const auto end = std::min(start + digest_block_size, row_.size.value);
        pacer_.before(file_, start, end);
        auto loaded = load(block);
        pacer_.after(file_, start, end);
        return loaded;
    }

    /// Brings a block into the buffer, checked.
    Result<void> load(std::size_t block) {
        if (loaded_ == block) return {};
        loaded_.reset();
        const std::uint64_t start = std::uint64_t{block} * digest_block_size;
        buffer_.resize(static_cast<std::size_t>(
            std::min<std::uint64_t>(digest_block_size, row_.size.value - start)));
        auto got = file_.read_at(buffer_, start);
        if (!got) return got.error().about(row_.id);
        if (*got != buffer_.size()) return Error{Errc::object_short, Operation::verify, row_.id};
        if constexpr (Digest::size != 0) {
            Digest digest;
            digest.update(buffer_);
            const auto expected = ByteView{digests_}.subspan(block * Digest::size, Digest::size);
            if (!std::ranges::equal(digest.finish(), expected))
                return Error{Errc::digest_mismatch, Operation::verify, row_.id};
        }
        is_checked_[block] = true;
        loaded_ = block;
        return {};
    }

    ObjectRow row_;
    File file_;
    std::vector<std::byte> index_;
    std::vector<std::byte> digests_;
    std::vector<bool> is_checked_;
    std::vector<std::byte> buffer_;      ///< the block that was loaded last
    std::optional<std::size_t> loaded_;  ///< its number
    file::detail::ReadPacer pacer_;
};

/// What a growing object held when it was asked: whole records only.
template <class C>
struct GrowingView {
    ObjectId id;
    Bytes size;
    std::vector<std::byte> index;
    typename C::Counts counts{};
    typename C::Facts facts{};  ///< where it has ended, those of its end
    bool has_ended = false;
};

namespace detail {

/// Opens a committed object of `directory` whose index is in one of the formats `Known`.
/// @errors `object_unknown`, `format_unknown`, `store_invariant`; of the directory and the store
template <class C, class Known>
Result<StoredObject<typename C::Directory::File, typename C::Digest>> open_stored(
    const typename C::Directory& directory, typename C::Store& store, ObjectId id,
    const ReadOptions& options) {
    auto row = store.object(id);
    if (!row) return row.error();
    if (!*row || (*row)->state != ObjectState::committed)
        return Error{Errc::object_unknown, Operation::open, id};
    if ((*row)->digest_format != C::Digest::format_id || !Known::contain((*row)->index_format))
        return Error{Errc::format_unknown, Operation::open, id};
    auto index = store.piece_bytes(id, PieceKind::index);
    if (!index) return index.error();
    auto pieces = store.piece_bytes(id, PieceKind::block_digests);
    if (!pieces) return pieces.error();
    auto digests = join_digest_pieces(*pieces, C::Digest::size);
    if (!digests) return digests.error().about(id);
    if (!is_list_of<typename C::Digest>(*digests, (*row)->size, (*row)->digest.view()))
        return Error{Errc::store_invariant, Operation::open, id};
    auto file = directory.open(id);
    if (!file) return file.error();
    return StoredObject<typename C::Directory::File, typename C::Digest>{
        **row, std::move(*file), std::move(*index), std::move(*digests), options};
}

}  // namespace detail

/// Reads what a directory holds: from a syncer, committed and growing, without ever blocking a writer
/// for longer than a copy of memory; or from a directory and its store alone, what is committed.
/// Internally synchronised. Must not outlive its syncer, or its store.
template <class C>
class BasicReader {
public:
    using Directory = typename C::Directory;
    using Store = typename C::Store;
    using Object = StoredObject<typename Directory::File, typename C::Digest>;

    /// Reads without a syncer: locks, records, repairs and writes nothing. The store may be read-only.
    /// @errors `directory_missing_identity`, `directory_used_by_other_store`; of the directory
    /// @allocates the directory
    static Result<BasicReader> open_read_only(Directory directory, Store& store) {
        auto identity = directory.read_identity();
        if (!identity) return identity.error();
        if (!*identity) return Error{Errc::directory_missing_identity, Operation::identify};
        if ((*identity)->store != store.uuid())
            return Error{Errc::directory_used_by_other_store, Operation::identify};
        return BasicReader{std::make_shared<const Directory>(std::move(directory)), store};
    }
    /// As above, with the directory at `path`.
    static Result<BasicReader> open_read_only(const std::string& path, Store& store) {
        auto directory = Directory::open(path, RootMode::existing);
        if (!directory) return directory.error();
        return open_read_only(std::move(*directory), store);
    }

    /// @param options for exports and checks, which must not push everybody else's pages out
    /// @tparam Known the index formats that the caller can decode
    /// @errors `object_unknown` (not committed), `format_unknown`; of the directory and the store
    template <class Known = Formats<typename C::Index>>
    Result<Object> open(ObjectId id, const ReadOptions& options = {}) const {
        return detail::open_stored<C, Known>(*directory_, *store_, id, options);
    }

    /// Everything of `stream` that is not committed yet, oldest first.
    std::vector<GrowingView<C>> growing(StreamId stream) const {
        if (!state_) return {};
        const Lock lock{state_->mutex};
        std::vector<GrowingView<C>> views;
        for (const auto& [id, object] : state_->outstanding) {
            if (id.stream() != stream || object->size() == 0) continue;
            GrowingView<C> view{id,
                                Bytes{object->size()},
                                object->index_so_far,
                                object->index.counts(),
                                object->end_facts.value_or(object->facts),
                                object->has_ended};
            // Only the worker takes pieces; what it has not taken yet belongs to the view, too.
            typename C::Index copy = object->index;
            const auto rest = copy.take_piece();
            view.index.insert(view.index.end(), rest.begin(), rest.end());
            views.push_back(std::move(view));
        }
        return views;
    }

    /// Bytes of an object that is not committed yet, from memory where they are not on disk.
    /// @errors `object_unknown` (it may be committed by now), `out_of_range`; of the file system
    Result<std::size_t> read_growing(ObjectId id, MutableByteView to, std::uint64_t offset) const {
        if (!state_) return Error{Errc::object_unknown, Operation::read, id};
        std::uint64_t in_file = 0;
        {
            const Lock lock{state_->mutex};
            const auto found = state_->outstanding.find(id);
            if (found == state_->outstanding.end())
                return Error{Errc::object_unknown, Operation::read, id};
            const auto& object = *found->second;
            if (offset > object.size()) return Error{Errc::out_of_range, Operation::read, id};
            to = to.first(static_cast<std::size_t>(
                std::min<std::uint64_t>(to.size(), object.size() - offset)));
            const auto from = std::max(offset, object.bytes.begin());
            in_file = std::min<std::uint64_t>(from - offset, to.size());
            for (auto at = offset + in_file; at < offset + to.size();) {
                auto part = object.bytes.peek(at);
                part = part.first(std::min<std::uint64_t>(part.size(), offset + to.size() - at));
                std::ranges::copy(part, to.begin() + static_cast<std::ptrdiff_t>(at - offset));
                at += part.size();
            }
        }
        if (in_file != 0) {
            auto file = directory_->open(id);
            if (!file) return file.error();
            auto got = file->read_at(to.first(static_cast<std::size_t>(in_file)), offset);
            if (!got) return got.error().about(id);
            if (*got != in_file) return Error{Errc::object_short, Operation::read, id};
        }
        return to.size();
    }

    const Directory& directory() const noexcept { return *directory_; }

private:
    template <class>
    friend class BasicSyncer;
    using Lock = typename detail::DirectoryState<C>::Lock;
    explicit BasicReader(detail::DirectoryState<C>& state) noexcept
        : state_{&state}, directory_{std::shared_ptr<void>{}, &state.directory}, store_{&state.line.store()} {}
    BasicReader(std::shared_ptr<const Directory> directory, Store& store) noexcept
        : directory_{std::move(directory)}, store_{&store} {}

    detail::DirectoryState<C>* state_ = nullptr;  ///< none where nobody writes
    std::shared_ptr<const Directory> directory_;
    Store* store_;
};

template <class... Ps>
using Reader = BasicReader<detail::compose_t<Ps...>>;

}  // namespace bobbin

#endif
