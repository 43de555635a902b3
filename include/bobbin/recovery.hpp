#ifndef BOBBIN_RECOVERY_HPP
#define BOBBIN_RECOVERY_HPP

#include <bobbin/detail/composition.hpp>
#include <bobbin/detail/directory_state.hpp>
#include <bobbin/detail/restore_mark.hpp>
#include <bobbin/detail/sequence_window.hpp>
#include <bobbin/detail/soft_mark.hpp>
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
    if (!*found) {
        if (!options.create) return refuse(Errc::directory_missing_identity);
        // Data that has lost its identity is not overwritten by a new one.
        auto names = directory.list();
        if (!names) return names.error();
        if (std::ranges::any_of(*names, [](const auto& name) { return ObjectName::parse(name).has_value(); }))
            return refuse(Errc::directory_missing_identity);
    }

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

    // The store is not held while the directory is written.
    auto row = [&]() -> Result<std::optional<DirectoryRow>> {
        auto tx = store.begin();
        if (!tx) return tx.error();
        return tx->directory(identity.directory);
    }();
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
    auto tx = store.begin();
    if (!tx) return tx.error();
    auto id = tx->add_directory(identity.directory);
    if (!id) return id;
    if (auto noted = tx->complete_open(*id); !noted) return noted.error();
    if (auto committed = tx->commit(); !committed) return committed.error();
    identity.complete = identity.in_progress;
    identity.in_progress.reset();
    if (auto wrote = directory.write_identity(identity); !wrote) return wrote.error();
    return id;
}

/// Finishes or forgets what a crash left in one directory. Growing objects end at their last soft mark,
/// if all of its bytes are there, else at their last hard one; without either they, garbage, and files
/// that no row speaks of are removed. Doing it twice changes nothing. The store
/// is held only to read what is to be done and to write what was: a slow disk holds up no other.
template <class C>
class Recovery {
public:
    explicit Recovery(DirectoryState<C>& state) noexcept
        : state_{state}, store_{state.line.store()} {}

    /// @errors of the store. A file that the disk refuses keeps nothing from opening: told to the
    ///   observer, its object stays growing, or garbage, until the next time.
    Result<void> run() {
        state_.garbage.clear();
        if (auto read = read_rows(); !read) return read;
        restore_all();
        if (auto done = find_unnumbered(); !done) return done;
        remove_files();
        if (growing_.empty() && abandoned_.empty() && forgotten_.empty() && new_garbage_.empty()) return {};
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
        std::vector<std::byte> soft_mark;
        Counts counts{};
        std::optional<SoftMark> kept{};  ///< where the object ends at its soft mark
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
            auto soft_mark = tx->pieces(row.id, PieceKind::soft_mark);
            if (!soft_mark) return soft_mark.error();
            growing_.push_back({std::move(row), std::move(*tail), std::move(*digests), std::move(*index),
                                std::move(*soft_mark)});
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

    /// Once more for each object that the program's rows refuse.
    Result<void> write_rows() {
        for (;;) {
            auto refused = no_object;
            auto written = write_rows(refused);
            if (written || refused == no_object || !is_refusal(written.error())) return written;
            set_aside(refused, written.error());
        }
    }

    /// Where it is one of which nothing is there, it stays as it is.
    void set_aside(ObjectId id, const Error& error) {
        for (auto& found : growing_)
            if (found.row.id == id) found.damage = error;
        if (std::erase(abandoned_, id) == 0) return;
        std::erase(forgotten_, id);
        std::erase(state_.garbage, id);
        state_.policy.observer.on_error(error);
    }

    Result<void> write_rows(ObjectId& refused) {
        auto tx = store_.begin();
        if (!tx) return tx.error();
        for (auto& found : growing_) {
            auto& row = found.row;
            auto now = tx->object(row.id);
            if (!now) return now.error();
            if (*now) row.is_protected = (*now)->is_protected;  // the program's to change at any time
            row.state = found.damage ? ObjectState::quarantined : ObjectState::committed;
            row.is_recovered = !found.damage;
            row.end_reason = EndReason::crash;
            if (auto put = tx->put(row); !put) return put.about(row.id);
            if (found.damage) continue;
            if (auto put = tx->put_piece({row.id, PieceKind::tail, 0, {}}); !put) return put;
            if (auto put = tx->put_piece({row.id, PieceKind::soft_mark, 0, {}}); !put) return put;
            if (const auto& mark = found.kept) {
                if (auto put = tx->put_piece({row.id, PieceKind::index, mark->piece, mark->index}); !put)
                    return put;
                if (auto put =
                        tx->put_piece({row.id, PieceKind::block_digests, mark->piece, mark->block_digests});
                    !put)
                    return put;
            }
            if (auto done = state_.policy.rows.commit(*tx, row.id, found.counts, nullptr); !done) {
                refused = row.id;
                return done.about(row.id);
            }
        }
        for (const auto id : abandoned_) {
            if (auto done = state_.policy.rows.remove(*tx, id); !done) {
                refused = id;
                return done.about(id);
            }
            if (auto done = tx->make_garbage(id); !done) return done;
        }
        for (const auto id : new_garbage_) {
            auto now = tx->object(id);
            if (!now) return now.error();
            if (*now) continue;  // used by another directory meanwhile
            ObjectRow row;
            row.id = id;
            row.directory = state_.id;
            row.open = store_.open_record().id;
            row.state = ObjectState::garbage;
            row.end_reason = EndReason::crash;
            if (auto put = tx->put(row); !put) return put.about(id);
        }
        for (const auto id : forgotten_)
            if (auto done = tx->forget(id); !done) return done;
        return tx->commit();
    }

    /// Cuts the files back to their marks, and counts what is there or notes the damage. Where the
    /// disk fails now, the object stays as it is.
    void restore_all() {
        std::erase_if(growing_, [&](Found& found) {
            auto counts = restore(found);
            if (counts) {
                found.counts = *counts;
                return false;
            }
            const auto error = counts.error().about(found.row.id);
            if (!is_damage(error)) {
                state_.policy.observer.on_error(error);
                return true;
            }
            // Nothing of it was promised against a loss of power.
            if (found.row.size.value == 0 && !error.is(Errc::format_unknown)) {
                abandoned_.push_back(found.row.id);
                return true;
            }
            found.damage = error;
            return false;
        });
    }

    static bool is_damage(const Error& error) noexcept {
        return error.kind() == ErrorKind::corrupt || error.is_errno(ENOENT) || error.is(Errc::format_unknown);
    }

    Result<Counts> restore(Found& found) {
        if (found.row.digest_format != C::Digest::format_id || found.row.index_format != C::Index::format_id)
            return Error{Errc::format_unknown, Operation::recover};
        auto file = state_.directory.open_to_cut(found.row.id);
        if (!file) return file.error();
        auto counts = restore_soft_mark(*file, found);
        if (counts || !is_damage(counts.error())) return counts;
        return found.row.size.value == 0 ? counts : restore_hard_mark(*file, found);
    }

    /// Where power failed, any of the bytes may be missing; then it is as if there were no such mark. Its
    /// name is durable: the directory has been synced since, with its identity.
    template <class File>
    Result<Counts> restore_soft_mark(File& file, Found& found) {
        auto mark = SoftMark::decode(found.soft_mark);
        if (!mark) return mark.error();
        auto status = file.status();
        if (!status) return status.error();
        if (status->size.value < mark->size) return Error{Errc::object_short, Operation::recover};
        auto pieces = found.digests;
        pieces.insert(pieces.end(), mark->block_digests.begin(), mark->block_digests.end());
        auto list = join_digest_pieces(pieces, C::Digest::size);
        if (!list) return list.error();
        auto index = found.index;
        index.insert(index.end(), mark->index.begin(), mark->index.end());
        auto counts = C::Index::count(index, Bytes{mark->size});
        if (!counts) return counts.error();
        if (auto written = rewrite(file, found, mark->size, *list); !written) return written.error();
        if (auto cut = file.truncate(Bytes{mark->size}); !cut) return cut.error();
        if (auto synced = file.sync(); !synced) return synced.error();

        found.kept = *mark;
        found.row.size = Bytes{mark->size};
        found.row.allocated = round_up(found.row.size, state_.block);
        typename C::Digest whole;
        whole.update(*list);
        if (auto digest = DigestValue::from(whole.finish())) found.row.digest = *digest;
        return counts;
    }

    /// Checks what follows the hard mark, block by block, and writes it again: after a sync that failed
    /// the disk may hold less than the kernel's copy shows, and not even the next sync would tell.
    template <class File>
    Result<void> rewrite(File& file, const Found& found, std::uint64_t size, ByteView digests) {
        const auto marked = found.row.size.value;
        std::vector<std::byte> bytes;
        for (auto start = marked / digest_block_size * digest_block_size; start < size;
             start += digest_block_size) {
            bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(digest_block_size, size - start)));
            auto got = file.read_at(bytes, start);
            if (!got) return got.error();
            if (*got != bytes.size()) return Error{Errc::object_short, Operation::recover};
            if (!is_block_of<typename C::Digest>(digests, start / digest_block_size, bytes))
                return Error{Errc::digest_mismatch, Operation::recover};
            // Not a page that is durable already: it could tear.
            const auto kept = std::max(start, marked - found.tail.size());
            auto wrote = file.write_at(ByteView{bytes}.subspan(static_cast<std::size_t>(kept - start)), kept);
            if (!wrote) return wrote;
        }
        return {};
    }

    /// Durably, and checks the last block and the index.
    template <class File>
    Result<Counts> restore_hard_mark(File& file, const Found& found) {
        if (auto restored = detail::restore_mark(file, found.row, found.tail); !restored)
            return restored.error();
        auto list = join_digest_pieces(found.digests, C::Digest::size);
        if (!list) return list.error();
        if (auto checked = check_last_block(file, found.row, *list); !checked) return checked.error();
        return C::Index::count(found.index, found.row.size);
    }

    template <class File>
    Result<void> check_last_block(const File& file, const ObjectRow& row, ByteView list) {
        if constexpr (C::Digest::size != 0) {
            const Error mismatch{Errc::digest_mismatch, Operation::recover};
            if (!is_list_of<typename C::Digest>(list, row.size, row.digest.view())) return mismatch;
            if (list.empty()) return {};
            const auto start = (row.size.value - 1) / digest_block_size * digest_block_size;
            std::vector<std::byte> bytes(static_cast<std::size_t>(row.size.value - start));
            auto got = file.read_at(bytes, start);
            if (!got) return got.error();
            if (*got != bytes.size()) return Error{Errc::object_short, Operation::recover};
            if (!is_block_of<typename C::Digest>(list, start / digest_block_size, bytes)) return mismatch;
        }
        return {};
    }

    /// Files that their writer never told anybody of have one of the next few numbers.
    Result<void> find_unnumbered() {
        std::vector<ObjectId> found;
        for (const auto& [stream, highest] : highest_) {
            const ProbedNumbers probed{highest};
            for (auto n = probed.first; n <= probed.last; ++n) {
                const ObjectId id{stream, static_cast<Sequence>(n)};
                auto exists = state_.directory.exists(id);
                // Where the disk does not say, it may be there.
                if (!exists) state_.policy.observer.on_error(exists.error());
                if (!exists || *exists) found.push_back(id);
            }
        }
        if (found.empty()) return {};
        auto tx = store_.begin();
        if (!tx) return tx.error();
        for (const auto id : found) {
            auto row = tx->object(id);
            if (!row) return row.error();
            if (!*row) unnumbered_.push_back(id);
        }
        return {};
    }

    /// What can't be removed, or not durably, is garbage with a row, and the worker's to try again.
    void remove_files() {
        bool has_removed = false;
        const auto remove = [&](ObjectId id) {
            auto removed = state_.directory.remove(id);
            // Even where the name is not there: it may have been removed without being durable.
            has_removed = true;
            if (removed || removed.error().is_errno(ENOENT)) return true;
            state_.policy.observer.on_error(removed.error());
            return false;
        };
        for (const auto id : garbage_) (remove(id) ? forgotten_ : state_.garbage).push_back(id);
        for (const auto id : unnumbered_)
            if (!remove(id)) new_garbage_.push_back(id);
        for (const auto id : abandoned_) (remove(id) ? forgotten_ : state_.garbage).push_back(id);
        if (has_removed)
            if (auto synced = state_.directory.sync(); !synced) {
                state_.policy.observer.on_error(synced.error().about(state_.id));
                state_.garbage = std::move(garbage_);
                state_.garbage.insert(state_.garbage.end(), abandoned_.begin(), abandoned_.end());
                forgotten_.clear();
                new_garbage_ = std::move(unnumbered_);
            }
        state_.garbage.insert(state_.garbage.end(), new_garbage_.begin(), new_garbage_.end());
    }

    DirectoryState<C>& state_;
    Store& store_;
    std::vector<Found> growing_;
    std::vector<ObjectId> abandoned_;    ///< growing, and nothing of them is there
    std::vector<ObjectId> garbage_;      ///< says a row
    std::vector<ObjectId> unnumbered_;   ///< files without a row
    std::vector<ObjectId> forgotten_;    ///< garbage that is durably gone
    std::vector<ObjectId> new_garbage_;  ///< files without a row that could not be removed
    std::map<StreamId, Sequence> highest_;  ///< of each stream that there is, in this directory
};

}  // namespace detail
}  // namespace bobbin

#endif
