#ifndef BOBBIN_RECOVERY_HPP
#define BOBBIN_RECOVERY_HPP

#include <bobbin/detail/composition.hpp>
#include <bobbin/detail/directory_state.hpp>
#include <bobbin/detail/restore_mark.hpp>
#include <bobbin/detail/sequence_window.hpp>
#include <bobbin/digest/blocks.hpp>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

namespace bobbin {

/// What a directory says of itself and what the store says of it, field by field: for the one who
/// has to find out why it was refused.
/// @errors of the directory and the store
/// @allocates the text
template <Directory Place, MetadataStore Store>
Result<std::string> explain_identity(Place& directory, Store& store) {
    auto found = directory.read_identity();
    if (!found) return found.error();
    std::string text = "the directory says: ";
    text += *found ? describe(**found) : "nothing, there is no identity file";
    text += "; the store says: store " + to_string(store.uuid());
    if (!*found) return text;
    auto tx = store.begin();
    if (!tx) return tx.error();
    auto row = tx->directory((*found)->directory);
    if (!row) return row.error();
    if (!*row)
        text += ", no such directory";
    else if ((*row)->last_open.value == 0)
        text += ", directory " + std::to_string((*row)->id.value) + ", no complete open";
    else
        text += ", directory " + std::to_string((*row)->id.value) + ", last complete open " +
                std::to_string((*row)->last_open.value) + " (" + to_string((*row)->last_open_uuid) + ")";
    return text;
}

namespace detail {

/// Opens a directory for writing in two phases, so that a crash between its file system and the
/// store leaves both sides able to tell: the open is noted in the identity file, committed in the
/// store, then marked complete in the identity file. `directory` is locked already.
/// @errors `directory_missing_identity`, `directory_used_by_other_store`, `directory_mismatch`,
///   `directory_unknown_to_store`; of the directory and the store
template <Directory Place, MetadataStore Store>
Result<DirectoryId> open_in_two_phases(Place& directory, Store& store,
                                       const SyncerOptions& options) {
    const auto refuse = [](Errc code) { return Error{code, Operation::identify}; };
    auto found = directory.read_identity();
    if (!found) return found.error();
    if (!*found && !options.create) return refuse(Errc::directory_missing_identity);

    DirectoryIdentity identity;
    if (*found) identity = **found;
    const bool was_used = identity.complete.has_value();
    if (identity.store != store.uuid()) {
        if (was_used) return refuse(Errc::directory_used_by_other_store);
        if (!options.create) return refuse(Errc::directory_missing_identity);
        // Made half by somebody who never completed an open: taken over as new.
        identity = {};
        identity.store = store.uuid();
        identity.directory = options.make_uuid();
    }

    auto tx = store.begin();
    if (!tx) return tx.error();
    auto row = tx->directory(identity.directory);
    if (!row) return row.error();
    const bool is_known = *row && (*row)->last_open.value != 0;
    if (is_known) {
        const OpenRecord last{(*row)->last_open, (*row)->last_open_uuid};
        if (identity.complete != last && identity.in_progress != last)
            return refuse(Errc::directory_mismatch).about((*row)->id);
        // An open that the store has completed is no longer in progress, or the note that follows
        // would wipe out the only one that the store knows.
        identity.complete = last;
    } else {
        if (was_used) return refuse(Errc::directory_unknown_to_store);
        if (!options.create) return refuse(Errc::directory_missing_identity);
    }

    identity.in_progress = store.open_record();
    if (auto wrote = directory.write_identity(identity); !wrote) return wrote.error();
    auto id = *row ? Result<DirectoryId>{(*row)->id} : tx->add_directory(identity.directory);
    if (!id) return id;
    if (auto noted = tx->complete_open(*id); !noted) return noted.error();
    if (auto committed = tx->commit(); !committed) return committed.error();
    identity.complete = identity.in_progress;
    identity.in_progress.reset();
    if (auto wrote = directory.write_identity(identity); !wrote) return wrote.error();
    return id;
}

/// Finishes or forgets what a crash left in one directory. Growing objects end at their last mark;
/// garbage, and files that no row speaks of, are removed. Doing it twice changes nothing.
template <class C>
class Recovery {
public:
    explicit Recovery(DirectoryState<C>& state) noexcept : state_{state} {}

    /// @errors of the directory and the store. A file that can't be removed keeps nothing from
    ///   opening: its row stays garbage.
    Result<void> run() {
        auto tx = state_.line.store().begin();
        if (!tx) return tx.error();
        if (auto done = finish_growing(*tx); !done) return done;
        if (auto done = probe_unnumbered(*tx); !done) return done;
        if (auto done = remove_garbage(*tx); !done) return done;
        if (has_removed_)
            if (auto synced = state_.directory.sync(); !synced) return synced.error().about(state_.id);
        for (const auto id : forgotten_)
            if (auto done = tx->forget(id); !done) return done;
        if (!has_changes_ && forgotten_.empty()) return {};
        return tx->commit();
    }

private:
    using Transaction = typename C::Transaction;

    Result<void> finish_growing(Transaction& tx) {
        auto growing = tx.in_state(state_.id, ObjectState::growing);
        if (!growing) return growing.error();
        for (auto& row : *growing) {
            has_changes_ = true;
            auto counts = restore(tx, row);
            if (!counts) {
                if (!is_damage(counts.error())) return counts.error().about(row.id);
                row.state = ObjectState::quarantined;
                if (auto put = tx.put(row); !put) return put;
                state_.policy.observer.on_quarantined(row.id, counts.error());
                continue;
            }
            row.state = ObjectState::committed;
            row.is_recovered = true;
            row.end_reason = EndReason::crash;
            if (auto put = tx.put(row); !put) return put;
            if (auto put = tx.put_piece({row.id, PieceKind::tail, 0, {}}); !put) return put;
            if (auto done = state_.policy.rows.commit(tx, row.id, *counts, nullptr); !done) return done;
            state_.policy.observer.on_recovered(row.id, row.size);
        }
        return {};
    }

    /// Anything else is the disk or the store failing now, and stops the recovery.
    static bool is_damage(const Error& error) noexcept {
        return error.kind() == ErrorKind::corrupt || error.is_errno(ENOENT) ||
               error.is(Errc::format_unknown);
    }

    /// Cuts the file back to the mark, durably, and checks its last block and its index.
    Result<typename C::Counts> restore(Transaction& tx, ObjectRow& row) {
        auto file = state_.directory.open_to_cut(row.id);
        if (!file) return file.error();
        auto tail = tx.pieces(row.id, PieceKind::tail);
        if (!tail) return tail.error();
        if (auto restored = detail::restore_mark(*file, row, *tail); !restored)
            return restored.error();
        if (row.digest_format != C::Digest::format_id || row.index_format != C::Index::format_id)
            return Error{Errc::format_unknown, Operation::recover};
        auto pieces = tx.pieces(row.id, PieceKind::block_digests);
        if (!pieces) return pieces.error();
        auto list = join_digest_pieces(*pieces, C::Digest::size);
        if (!list) return list.error();
        if (auto checked = check_last_block(*file, row, *list); !checked) return checked.error();
        auto index = tx.pieces(row.id, PieceKind::index);
        if (!index) return index.error();
        return C::Index::count(*index, row.size);
    }

    template <class File>
    Result<void> check_last_block(const File& file, const ObjectRow& row, ByteView list) {
        if constexpr (C::Digest::size != 0) {
            const Error mismatch{Errc::digest_mismatch, Operation::recover};
            const auto blocks = (row.size.value + digest_block_size - 1) / digest_block_size;
            if (list.size() != blocks * C::Digest::size) return mismatch;
            typename C::Digest whole;
            whole.update(list);
            if (!std::ranges::equal(whole.finish(), row.digest.view())) return mismatch;
            if (blocks == 0) return {};
            const auto start = (blocks - 1) * digest_block_size;
            std::vector<std::byte> bytes(static_cast<std::size_t>(row.size.value - start));
            auto got = file.read_at(bytes, start);
            if (!got) return got.error();
            if (*got != bytes.size()) return Error{Errc::object_short, Operation::recover};
            typename C::Digest digest;
            digest.update(bytes);
            if (!std::ranges::equal(digest.finish(), list.last(C::Digest::size))) return mismatch;
        }
        return {};
    }

    /// Files that their writer never told anybody of have one of the next few numbers.
    Result<void> probe_unnumbered(Transaction& tx) {
        auto streams = tx.streams();
        if (!streams) return streams.error();
        auto usage = tx.usage();
        if (!usage) return usage.error();
        for (const auto& stream : *streams) {
            Sequence highest = 0;
            for (const auto& row : *usage)
                if (row.stream == stream.id && row.directory == state_.id) highest = row.highest;
            const ProbedNumbers probed{highest};
            for (auto n = probed.first; n <= probed.last; ++n) {
                const ObjectId id{stream.id, static_cast<Sequence>(n)};
                if (auto done = forget_unnumbered(tx, id, n > highest); !done) return done;
            }
        }
        return {};
    }

    Result<void> forget_unnumbered(Transaction& tx, ObjectId id, bool is_new) {
        auto exists = state_.directory.exists(id);
        if (!exists) return exists.error();
        if (!*exists) return {};
        if (!is_new) {
            auto row = tx.object(id);
            if (!row) return row.error();
            if (*row) return {};
        }
        has_removed_ = true;
        return state_.directory.remove(id);
    }

    Result<void> remove_garbage(Transaction& tx) {
        auto garbage = tx.in_state(state_.id, ObjectState::garbage);
        if (!garbage) return garbage.error();
        for (const auto& row : *garbage) {
            auto removed = state_.directory.remove(row.id);
            if (!removed && !removed.error().is_errno(ENOENT)) {
                state_.policy.observer.on_error(removed.error());
                state_.garbage.push_back(row.id);
                continue;
            }
            // Even where the name is not there: it may have been removed without being durable.
            has_removed_ = true;
            forgotten_.push_back(row.id);
        }
        return {};
    }

    DirectoryState<C>& state_;
    bool has_removed_ = false;
    bool has_changes_ = false;
    std::vector<ObjectId> forgotten_;
};

}  // namespace detail
}  // namespace bobbin

#endif
