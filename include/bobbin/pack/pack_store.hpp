#ifndef BOBBIN_PACK_PACK_STORE_HPP
#define BOBBIN_PACK_PACK_STORE_HPP

#include <bobbin/pack/detail/composition.hpp>
#include <bobbin/pack/pack_source.hpp>
#include <bobbin/pack/pack_view.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bobbin::pack {

struct PackStoreOptions {
    bool create = false;       ///< make the directory if neither it nor the store knows it
    Bytes pack_size = 64_MiB;  ///< of a pack, at most; a commit makes as many as it needs
    /// How long to wait for the disk, before that is an error; one that is full is one at once.
    std::chrono::nanoseconds patience = std::chrono::minutes{5};
    Bytes memory = 32_MiB;  ///< for bytes that are not durable yet
    Bytes writeback =
        32_MiB;  ///< on their way to the disk at most, where the file policy bounds that
    UuidSource make_uuid = &random_uuid;
};

/// Stores chunks by their content, each once. What was added since the last `commit` is safe when
/// that answers ok, and not before; nobody reads it until then.
///
/// `add`, `claim`, `add_encoded` and `contains` may be called at once; all else by one thread, and
/// not beside them. Must not outlive its committer, nor its sources it. After an error of `commit`, or
/// of a disk, it takes nothing further: what was committed before is safe, and what was added since may
/// be there after the next open, or not.
/// @tparam Ps policies in any order: a digest, which is the content address and must be
///   collision-resistant; a codec (`NoCodec`), or `Codecs<…>` of which the first compresses; a chunker
///   (`FastCdc`); and those of an `Archive`, whose rows are the program's
template <class... Ps>
class PackStore {
    using Roles = detail::composition<Ps...>;

public:
    using Archive = typename Roles::Archive;
    using Composition = typename Archive::Composition;
    using Committer = typename Archive::Committer;
    using Directory = typename Composition::Directory;
    using Store = typename Composition::Store;
    using Facts = typename Composition::Facts;
    using Digest = typename Roles::Digest;
    using Codec = typename detail::codecs_of<typename Roles::Codec>::Writing;
    using Chunker = typename Roles::Chunker;
    using Key = pack::Key<Digest>;
    using Chunk = NewChunk<Digest>;
    using View =
        PackView<Composition, Digest, typename detail::codecs_of<typename Roles::Codec>::Reading>;
    using Source = PackSource<View>;

    /// The stream that all packs are objects of.
    static constexpr std::string_view stream_name = "packs";

    /// Opens the packs at `path`, as their only writer; recovery removes what was not committed.
    /// `policies...` are instances as `Syncer::open` takes them.
    /// @errors as `Syncer::open`; of the store
    template <class... Policies>
    static Result<PackStore> open(const std::string& path, Committer& committer,
                                  const PackStoreOptions& options = {}, Policies&&... policies) {
        auto directory = Directory::open(path, options.create ? RootMode::create_if_missing
                                                              : RootMode::existing);
        if (!directory) return directory.error();
        return open(std::move(*directory), committer, options, std::forward<Policies>(policies)...);
    }
    /// As above, in a directory that is open.
    template <class... Policies>
    static Result<PackStore> open(Directory directory, Committer& committer,
                                  const PackStoreOptions& options = {}, Policies&&... policies) {
        // Without marks, what a crash leaves of a pack that is being written goes.
        SyncerOptions engine;
        engine.create = options.create;
        engine.memory = options.memory;
        engine.deletes_for_room = false;
        engine.append_deadline = slice;
        engine.writeback = options.writeback;
        engine.mark_interval = engine.soft_mark_interval = {};
        engine.make_uuid = options.make_uuid;
        auto syncer = Archive::Syncer::open(std::move(directory), committer, engine,
                                            std::forward<Policies>(policies)...);
        if (!syncer) return syncer.error();
        auto stream = committer.store().stream(stream_name, {});
        if (!stream) return stream.error();
        auto writer = syncer->writer(*stream);
        if (!writer) return writer.error();
        auto parts = std::make_unique<Parts>(committer, std::move(*syncer), std::move(*writer),
                                             *stream, options);
        if (auto loaded = parts->view.load(); !loaded) return loaded.error();
        return PackStore{std::move(parts)};
    }

    /// Only reads; nothing is locked, recovered or changed.
    /// @errors as `Reader::open_read_only`; of the store
    static Result<View> open_read_only(const std::string& path, Store& store) {
        auto reader = Archive::Reader::open_read_only(path, store);
        if (!reader) return reader.error();
        return open_read_only(std::move(*reader), store);
    }
    static Result<View> open_read_only(typename Archive::Reader reader, Store& store) {
        auto streams = store.streams();
        if (!streams) return streams.error();
        const auto known = std::ranges::find(*streams, stream_name, &StreamRow::name);
        View view{std::move(reader), store,
                  known == streams->end() ? StreamId{} : StreamId{known->id}, false};
        if (known != streams->end())
            if (auto loaded = view.load(); !loaded) return loaded.error();
        return view;
    }

    /// Whether a chunk is stored, or somebody is adding it.
    bool contains(const Key& key) noexcept {
        if (view().chunks().contains(key)) return true;
        const Lock lock{parts_->claiming};
        return parts_->claimed.contains(key);
    }

    /// Makes the caller the one who adds a chunk.
    /// @returns false: it is stored, or somebody else adds it
    /// @errors `out_of_memory`
    Result<bool> claim(const Key& key) noexcept {
        if (view().chunks().contains(key)) return false;
        return claim_copy(key);
    }

    /// As `claim`, of one that may be stored: it is to be stored once more, elsewhere.
    Result<bool> claim_copy(const Key& key) noexcept {
        return bobbin::detail::without_throwing(Operation::append, [&]() -> Result<bool> {
            const Lock lock{parts_->claiming};
            return parts_->claimed.try_emplace(key, false).second;
        });
    }

    /// Takes claims back, of chunks that were not added.
    void unclaim(std::span<const Chunk> chunks) noexcept {
        const Lock lock{parts_->claiming};
        for (const auto& chunk : chunks)
            if (const auto known = parts_->claimed.find(chunk.key);
                known != parts_->claimed.end() && !known->second)
                parts_->claimed.erase(known);
    }

    /// Adds a chunk, unless it is stored.
    /// @returns its address, and whether it is new
    /// @errors as `PackWriter::add`; what ended the store
    Result<std::pair<Key, bool>> add(ByteView raw) noexcept {
        if (raw.empty()) return Error{Errc::sample_empty, Operation::append};
        if (raw.size() > largest_record) return Error{Errc::sample_too_large, Operation::append};
        const auto key = digest_of<Digest>(raw);
        const auto is_new = claim(key);
        if (!is_new) return is_new.error();
        if (!*is_new) return std::pair{key, false};
        const Chunk chunk{key, static_cast<std::uint32_t>(raw.size())};
        auto added = add_record({&chunk, 1}, raw.size(), [&](auto& pack) {
            return pack.add_group({&chunk, 1}, raw);
        });
        if (!added) {
            unclaim({&chunk, 1});
            return added.error();
        }
        return std::pair{key, true};
    }

    /// Adds chunks that were claimed as one record: small ones shrink better together.
    /// @param raw their bytes, one after the other
    /// @errors as `PackWriter::add_group`; `invalid_argument`: one was not claimed; what ended the store
    Result<void> add_group(std::span<const Chunk> chunks, ByteView raw) noexcept {
        return add_record(chunks, raw.size(),
                          [&](auto& pack) { return pack.add_group(chunks, raw); });
    }

    /// Adds chunks that were claimed as a record that the caller has compressed.
    /// @errors as `PackWriter::add_encoded`; `invalid_argument`: one was not claimed; what ended the store
    Result<void> add_encoded(std::span<const Chunk> chunks, std::uint8_t codec,
                             ByteView stored) noexcept {
        std::uint64_t raw = 0;
        for (const auto& chunk : chunks) raw += chunk.length;
        return add_record(chunks, raw,
                          [&](auto& pack) { return pack.add_encoded(chunks, codec, stored); });
    }

    /// Makes all that was added safe, and `facts` with it: in the transaction that commits the last
    /// pack, or, where nothing was added, in one of their own, by `Rows::record(tx, facts)`.
    /// @errors `invalid_argument`: a chunk was claimed and not added; `object_lost`: the disk did not take
    ///   a pack; `deadline_passed`; of the store
    Result<void> commit(const Facts& facts = {}) noexcept {
        return bobbin::detail::without_throwing(Operation::commit, [&]() -> Result<void> {
            auto& parts = *parts_;
            const Lock lock{parts.writing};
            if (parts.failed) return *parts.failed;
            if (parts.added != parts.claimed.size())
                return Error{Errc::invalid_argument, Operation::commit};
            // What the last one speaks of must be there before it.
            auto done = settle();
            if (done && parts.writer) {
                done = end_pack(&facts);
                if (done) done = settle();
            } else if (done) {
                done = record(facts);
            }
            if (!done) return fail(done.error());
            parts.claimed.clear();
            parts.added = 0;
            return {};
        });
    }

    /// Packs that are not needed any more go, in one transaction; their files soon after.
    /// @errors as `Committer::remove`; of the store
    Result<void> remove(std::span<const ObjectId> packs) {
        if (auto removed = parts_->committer.remove(packs); !removed) return removed;
        return parts_->view.load();
    }

    /// Packs that are damaged keep their files, and are not read any more.
    /// @errors of the store
    Result<void> set_aside(std::span<const ObjectId> packs) {
        using Transaction = typename Store::Transaction;
        auto done = parts_->committer.run([&](Transaction& tx) -> Result<void> {
            for (const auto id : packs) {
                auto row = tx.object(id);
                if (!row) return row.error();
                if (!*row || (*row)->state != ObjectState::committed) continue;
                (*row)->state = ObjectState::quarantined;
                if (auto put = tx.put(**row); !put) return put;
            }
            return {};
        });
        if (!done) return done;
        return parts_->view.load();
    }

    /// What is committed. It changes with `commit` and `remove`.
    const View& view() const noexcept { return parts_->view; }
    Source source() const noexcept { return Source{parts_->view}; }
    /// The bytes of a chunk that is committed. From any thread, one at a time.
    /// @errors as `PackSource::read`
    /// @allocates them
    Result<std::vector<std::byte>> fetch(const Key& key) noexcept {
        return bobbin::detail::without_throwing(
            Operation::read, [&]() -> Result<std::vector<std::byte>> {
                const Lock lock{parts_->fetching};
                if (!parts_->fetcher) parts_->fetcher.emplace(parts_->view);
                auto bytes = parts_->fetcher->read(key);
                if (!bytes) return bytes.error();
                return std::vector<std::byte>(bytes->begin(), bytes->end());
            });
    }
    Committer& committer() noexcept { return parts_->committer; }
    typename Archive::Syncer& syncer() noexcept { return parts_->syncer; }

private:
    using Mutex = typename Composition::Threads::Mutex;
    using Lock = std::unique_lock<Mutex>;
    using Writer = typename Archive::Writer;

    /// How long a wait takes before it is asked why it does.
    static constexpr std::chrono::nanoseconds slice = std::chrono::seconds{1};

    struct Parts;
    struct Sink {
        Parts* parts;
        Result<void> operator()(ByteView bytes, const PackIndex::Record& record) const {
            return parts->patiently([&] { return parts->object.append(bytes, record); });
        }
    };
    /// Handed to the engine, and not acknowledged yet.
    struct Ended {
        ObjectId id;
        ChunkIndex index;
    };

    struct Parts {
        Parts(Committer& line, typename Archive::Syncer by, Writer to, StreamId id,
              const PackStoreOptions& with)
            : committer{line}
            , syncer{std::move(by)}
            , object{std::move(to)}
            , view{syncer.reader(), line.store(), id, true}
            , options{with} {}

        /// Calls `f` until it has an answer; a disk that is full is one.
        template <class F>
        Result<void> patiently(F&& f) {
            for (auto left = options.patience;; left -= slice) {
                auto done = f();
                if (done || !done.error().is(Errc::deadline_passed)) return done;
                if (const auto trouble = syncer.trouble();
                    trouble && trouble->kind() == ErrorKind::no_space)
                    return *trouble;
                const auto why = committer.flush(std::chrono::nanoseconds{0});
                const bool is_known = !why && !why.error().is(Errc::deadline_passed);
                if (is_known && why.error().kind() == ErrorKind::no_space) return why;
                if (left <= slice) return is_known ? why : done;
            }
        }

        Committer& committer;
        typename Archive::Syncer syncer;
        Writer object;
        View view;
        PackStoreOptions options;

        Mutex writing;
        std::optional<PackWriter<Digest, Codec, Sink>> writer;  ///< of the pack that is open
        std::vector<Ended> ended;
        std::optional<Error> failed;
        std::size_t added = 0;  ///< of those claimed

        Mutex fetching;
        std::optional<Source> fetcher;

        Mutex claiming;                                          ///< after `writing`
        std::unordered_map<Key, bool, detail::KeyHash> claimed;  ///< and whether it was added
    };

    explicit PackStore(std::unique_ptr<Parts> parts) noexcept : parts_{std::move(parts)} {}

    Error fail(const Error& error) noexcept {
        parts_->failed = error;
        return error;
    }

    template <class Add>
    Result<void> add_record(std::span<const Chunk> chunks, std::uint64_t raw, Add&& add) noexcept {
        return bobbin::detail::without_throwing(Operation::append, [&]() -> Result<void> {
            auto& parts = *parts_;
            const Lock lock{parts.writing};
            if (parts.failed) return *parts.failed;
            if (!are_claimed(chunks)) return Error{Errc::invalid_argument, Operation::append};
            if (parts.writer &&
                !parts.writer->has_room(static_cast<std::size_t>(raw), chunks.size()))
                if (auto ended = end_pack(nullptr); !ended) return fail(ended.error());
            if (!parts.writer)
                parts.writer.emplace(Sink{&parts}, PackOptions{parts.committer.store().uuid(),
                                                               parts.options.pack_size});
            auto added = add(*parts.writer);
            if (!added) {
                if (parts.writer->has_failed()) fail(added.error());
                return added;
            }
            note_added(chunks);
            return {};
        });
    }

    bool are_claimed(std::span<const Chunk> chunks) {
        const Lock lock{parts_->claiming};
        return std::ranges::all_of(chunks, [&](const Chunk& chunk) {
            const auto found = parts_->claimed.find(chunk.key);
            return found != parts_->claimed.end() && !found->second;
        });
    }
    void note_added(std::span<const Chunk> chunks) {
        const Lock lock{parts_->claiming};
        for (const auto& chunk : chunks) parts_->claimed.find(chunk.key)->second = true;
        parts_->added += chunks.size();
    }

    /// @param facts of the last pack
    Result<void> end_pack(const Facts* facts) {
        auto& parts = *parts_;
        if (auto finished = parts.writer->finish(); !finished) return finished;
        parts.ended.push_back({{}, parts.writer->index()});
        parts.writer.reset();
        auto id = facts ? parts.object.end(*facts) : parts.object.end();
        if (!id) return id.error();
        parts.ended.back().id = *id;
        return {};
    }

    /// Waits for all that has ended.
    Result<void> settle() {
        auto& parts = *parts_;
        for (const auto& ended : parts.ended) {
            auto safe = parts.patiently([&] { return parts.syncer.wait(ended.id, slice); });
            if (!safe) return safe;
        }
        for (const auto& ended : parts.ended)
            if (auto shown = parts.view.add(ended.id, ended.index); !shown) return shown;
        parts.ended.clear();
        return {};
    }

    Result<void> record(const Facts& facts) {
        using Rows = typename Composition::Rows;
        using Transaction = typename Store::Transaction;
        if constexpr (requires(Rows& rows, Transaction& tx) { rows.record(tx, facts); }) {
            // Whether it has happened is not known then; to record once more changes nothing.
            Result<void> done;
            for (int attempt = 0; attempt < 3; ++attempt) {
                done = parts_->committer.run(
                    [&](Transaction& tx) { return Rows{}.record(tx, facts); });
                if (done || done.error().kind() != ErrorKind::unknown_outcome) break;
            }
            return done;
        } else {
            return {};
        }
    }

    std::unique_ptr<Parts> parts_;
};

}  // namespace bobbin::pack

#endif
