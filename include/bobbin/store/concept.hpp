#ifndef BOBBIN_STORE_CONCEPT_HPP
#define BOBBIN_STORE_CONCEPT_HPP

#include <bobbin/core/policy.hpp>
#include <bobbin/fs/identity.hpp>
#include <bobbin/store/rows.hpp>

#include <concepts>
#include <optional>
#include <string_view>
#include <vector>

namespace bobbin {

/// One transaction of a store: atomic, and durable as it was begun once `commit` has answered ok. Destroyed without,
/// it leaves nothing. Steps that were done already are done again without harm, so that a
/// transaction of unknown outcome may simply be repeated. External sync; while it lives, it holds
/// the store.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `t.commit()` | `Result<void>` | `unknown_outcome`: it may have happened |
/// | `t.put(row)` | `Result<void>` | the object's row becomes `row`, whatever it was; usage and highest number follow; pieces stay |
/// | `t.put_piece(piece)` | `Result<void>` | adds the piece, or replaces the one of that number; an empty one is none |
/// | `t.make_garbage(id)` | `Result<void>` | state garbage, pieces gone, usage follows |
/// | `t.forget(id)` | `Result<void>` | drops the row of garbage; nothing where there is none |
/// | `t.reserve(stream, directory, highest)` | `Result<void>` | numbers up to `highest` count as used there |
/// | `t.set_retention(stream, bytes)` | `Result<void>` | |
/// | `t.set_protected(id, flag)` | `Result<void>` | |
/// | `t.add_directory(uuid)` | `Result<DirectoryId>` | |
/// | `t.complete_open(directory)` | `Result<void>` | this open is the last complete one there |
/// | `t.object(id)` | `Result<std::optional<ObjectRow>>` | |
/// | `t.oldest(stream, directory, limit)` | `Result<std::vector<ObjectRow>>` | committed, unprotected, lowest number first |
/// | `t.in_state(directory, state)` | `Result<std::vector<ObjectRow>>` | growing, garbage or quarantined |
/// | `t.pieces(id, kind)` | `Result<std::vector<std::byte>>` | all pieces one after the other |
/// | `t.usage()` | `Result<std::vector<UsageRow>>` | of all streams in all directories |
/// | `t.streams()` | `Result<std::vector<StreamRow>>` | |
/// | `t.directory(uuid)` | `Result<std::optional<DirectoryRow>>` | |
template <class T>
concept StoreTransaction =
    std::movable<T> &&
    requires(T& t, const ObjectRow& row, const Piece& piece, ObjectId id, StreamId stream,
             DirectoryId directory, Sequence number, Bytes bytes, bool flag, const Uuid& uuid,
             ObjectState state, std::size_t limit, PieceKind kind) {
        { t.commit() } noexcept -> std::same_as<Result<void>>;
        { t.put(row) } noexcept -> std::same_as<Result<void>>;
        { t.put_piece(piece) } noexcept -> std::same_as<Result<void>>;
        { t.make_garbage(id) } noexcept -> std::same_as<Result<void>>;
        { t.forget(id) } noexcept -> std::same_as<Result<void>>;
        { t.reserve(stream, directory, number) } noexcept -> std::same_as<Result<void>>;
        { t.set_retention(stream, bytes) } noexcept -> std::same_as<Result<void>>;
        { t.set_protected(id, flag) } noexcept -> std::same_as<Result<void>>;
        { t.add_directory(uuid) } noexcept -> std::same_as<Result<DirectoryId>>;
        { t.complete_open(directory) } noexcept -> std::same_as<Result<void>>;
        { t.object(id) } -> std::same_as<Result<std::optional<ObjectRow>>>;
        { t.oldest(stream, directory, limit) } -> std::same_as<Result<std::vector<ObjectRow>>>;
        { t.in_state(directory, state) } -> std::same_as<Result<std::vector<ObjectRow>>>;
        { t.pieces(id, kind) } -> std::same_as<Result<std::vector<std::byte>>>;
        { t.usage() } -> std::same_as<Result<std::vector<UsageRow>>>;
        { t.streams() } -> std::same_as<Result<std::vector<StreamRow>>>;
        { t.directory(uuid) } -> std::same_as<Result<std::optional<DirectoryRow>>>;
    };

/// Where rows live.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `S::Transaction` | models `StoreTransaction` | |
/// | `s.begin(durability)` | `Result<Transaction>` | waits for the transaction under way, if any; hard, if not said otherwise |
/// | `s.has_soft_commits()` | `bool` | whether soft ones cost less; else they are hard |
/// | `s.uuid()` | `Uuid` | of the store |
/// | `s.open_record()` | `OpenRecord` | this open; its row is durable |
/// | `s.is_read_only()` | `bool` | |
/// | `s.stream(name, options)` | `Result<StreamId>` | found, or created durably |
/// | `s.object(id)` | `Result<std::optional<ObjectRow>>` | committed state, by a connection of its own |
/// | `s.objects(stream, first, last)` | `Result<std::vector<ObjectRow>>` | committed ones with first ≤ number ≤ last |
/// | `s.piece_bytes(id, kind)` | `Result<std::vector<std::byte>>` | all pieces one after the other |
///
/// Internally synchronised: readers never wait for a transaction.
/// Models: `MemoryStore`, `SqliteStore`.
template <class S>
concept MetadataStore =
    PolicyFor<S, metadata_store_tag> && StoreTransaction<typename S::Transaction> &&
    requires(S& s, const S& c, std::string_view name, StreamOptions options, ObjectId id,
             StreamId stream, Sequence number, PieceKind kind) {
        { s.begin() } noexcept -> std::same_as<Result<typename S::Transaction>>;
        { s.begin(Durability::soft) } noexcept -> std::same_as<Result<typename S::Transaction>>;
        { c.has_soft_commits() } noexcept -> std::same_as<bool>;
        { c.uuid() } noexcept -> std::same_as<Uuid>;
        { c.open_record() } noexcept -> std::same_as<OpenRecord>;
        { c.is_read_only() } noexcept -> std::same_as<bool>;
        { s.stream(name, options) } -> std::same_as<Result<StreamId>>;
        { s.object(id) } -> std::same_as<Result<std::optional<ObjectRow>>>;
        { s.objects(stream, number, number) } -> std::same_as<Result<std::vector<ObjectRow>>>;
        { s.piece_bytes(id, kind) } -> std::same_as<Result<std::vector<std::byte>>>;
    };

}  // namespace bobbin

#endif
