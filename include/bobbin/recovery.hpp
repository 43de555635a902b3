#ifndef BOBBIN_RECOVERY_HPP
#define BOBBIN_RECOVERY_HPP

#include <bobbin/detail/composition.hpp>
#include <bobbin/detail/directory_state.hpp>
#include <bobbin/detail/restore_mark.hpp>
#include <bobbin/detail/sequence_window.hpp>
#include <bobbin/digest/blocks.hpp>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <utility>
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
/// garbage, and files that no row speaks of, are removed. Doing it twice changes nothing. The store
/// is held only to read what is to be done and to write what was: a slow disk holds up no other.
template <class C>
class Recovery {
public:
    explicit Recovery(DirectoryState<C>& state) noexcept
        : state_{state}, store_{state.line.store()} {}

    /// @errors of the directory and the store. A file that can't be removed keeps nothing from
    ///   opening: its row stays garbage.
    Result<void> run() {
        if (auto read = read_rows(); !read) return read;
        for (auto& found : growing_)
            if (auto done = restore(found); !done) return done.error().about(found.row.id);
        if (auto done = remove_unnumbered(); !done) return done;
        remove_garbage();
        if (has_removed_)
            if (auto synced = state_.directory.sync(); !synced) return synced.error().about(state_.id);
        if (growing_.empty() && forgotten_.empty()) return {};
        if (auto written = write_rows(); !written) return written;
        for (const auto& found : growing_)
            if (found.damage)
                state_.policy.observer.on_quarantined(found.row.id, *found.damage);
            else
                state_.policy.observer.on_recovered(found.row.id, found.row.size);
        return {};
    }

private:
    using Store = typename C::Store;
    using Counts = typename C::Counts;

    /// A growing object.
    struct Found {
        ObjectRow row;
        std::vector<std::byte> tail;
        std::vector<std::byte> digests;
        std::vector<std::byte> index;
        Counts counts{};
        std::optional<Error> damage{};
    };

    Result<void> read_rows() {
        auto tx = store_.begin();
        if (!tx) return tx.error();
        auto growing = tx->in_state(state_.id, ObjectState::growing);
        if (!growing) return growing.error();
        for (auto& row : *growing) {
            auto tail = tx->pieces(row.id, PieceKind::tail);
            if (!tail) return tail.error();
            auto digests = tx->pieces(row.id, PieceKind::block_digests);
            if (!digests) return digests.error();
            auto index = tx->pieces(row.id, PieceKind::index);
            if (!index) return index.error();
            growing_.push_back({std::move(row), std::move(*tail), std::move(*digests), std::move(*index)});
        }
        auto garbage = tx->in_state(state_.id, ObjectState::garbage);
        if (!garbage) return garbage.error();
        for (const auto& row : *garbage) garbage_.push_back(row.id);
        auto streams = tx->streams();
        if (!streams) return streams.error();
        for (const auto& stream : *streams) highest_[stream.id] = 0;
        auto usage = tx->usage();
        if (!usage) return usage.error();
        for (const auto& row : *usage)
            if (row.directory == state_.id) highest_[row.stream] = row.highest;
        return {};
    }

    Result<void> write_rows() {
        auto tx = store_.begin();
        if (!tx) return tx.error();
        for (auto& found : growing_) {
            auto& row = found.row;
            auto now = tx->object(row.id);
            if (!now) return now.error();
            if (*now) row.is_protected = (*now)->is_protected;  // the program's to change at any time
            row.state = found.damage ? ObjectState::quarantined : ObjectState::committed;
            if (!found.damage) {
                row.is_recovered = true;
                row.end_reason = EndReason::crash;
            }
            if (auto put = tx->put(row); !put) return put.error().about(row.id);
            if (found.damage) continue;
            if (auto put = tx->put_piece({row.id, PieceKind::tail, 0, {}}); !put) return put;
            if (auto done = state_.policy.rows.commit(*tx, row.id, found.counts, nullptr); !done) return done;
        }
        for (const auto id : forgotten_)
            if (auto done = tx->forget(id); !done) return done;
        return tx->commit();
    }

    /// Cuts the file back to its mark, and counts what is there or notes the damage.
    /// @errors the disk failing now
    Result<void> restore(Found& found) {
        auto counts = restore_to_mark(found);
        if (counts) {
            found.counts = *counts;
            return {};
        }
        const auto& error = counts.error();
        if (error.kind() != ErrorKind::corrupt && !error.is_errno(ENOENT) && !error.is(Errc::format_unknown))
            return error;
        found.damage = error;
        return {};
    }

    /// Durably, and checks the last block and the index.
    Result<Counts> restore_to_mark(const Found& found) {
        auto file = state_.directory.open_to_cut(found.row.id);
        if (!file) return file.error();
        if (auto restored = detail::restore_mark(*file, found.row, found.tail); !restored)
            return restored.error();
        if (found.row.digest_format != C::Digest::format_id || found.row.index_format != C::Index::format_id)
            return Error{Errc::format_unknown, Operation::recover};
        auto list = join_digest_pieces(found.digests, C::Digest::size);
        if (!list) return list.error();
        if (auto checked = check_last_block(*file, found.row, *list); !checked) return checked.error();
        return C::Index::count(found.index, found.row.size);
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
    Result<void> remove_unnumbered() {
        std::vector<ObjectId> found;
        for (const auto& [stream, highest] : highest_) {
            const ProbedNumbers probed{highest};
            for (auto n = probed.first; n <= probed.last; ++n) {
                const ObjectId id{stream, static_cast<Sequence>(n)};
                auto exists = state_.directory.exists(id);
                if (!exists) return exists.error();
                if (*exists) found.push_back(id);
            }
        }
        if (auto done = leave_those_with_rows(found); !done) return done;
        for (const auto id : found) {
            has_removed_ = true;
            if (auto removed = state_.directory.remove(id); !removed) return removed;
        }
        return {};
    }

    Result<void> leave_those_with_rows(std::vector<ObjectId>& ids) {
        if (ids.empty()) return {};
        auto tx = store_.begin();
        if (!tx) return tx.error();
        std::vector<ObjectId> without;
        for (const auto id : ids) {
            auto row = tx->object(id);
            if (!row) return row.error();
            if (!*row) without.push_back(id);
        }
        ids = std::move(without);
        return {};
    }

    void remove_garbage() {
        for (const auto id : garbage_) {
            auto removed = state_.directory.remove(id);
            if (!removed && !removed.error().is_errno(ENOENT)) {
                state_.policy.observer.on_error(removed.error());
                state_.garbage.push_back(id);
                continue;
            }
            // Even where the name is not there: it may have been removed without being durable.
            has_removed_ = true;
            forgotten_.push_back(id);
        }
    }

    DirectoryState<C>& state_;
    Store& store_;
    std::vector<Found> growing_;
    std::vector<ObjectId> garbage_;
    std::vector<ObjectId> forgotten_;
    std::map<StreamId, Sequence> highest_;  ///< of each stream that there is, in this directory
    bool has_removed_ = false;
};

}  // namespace detail
}  // namespace bobbin

#endif
