#ifndef BOBBIN_TESTS_ENGINE_INVARIANTS_HPP
#define BOBBIN_TESTS_ENGINE_INVARIANTS_HPP

#include "life.hpp"

#include <algorithm>

namespace engine_tests {

/// A committed object, without a connection of its own for each look.
inline Result<Life::Archive::Reader::Object> open_in(Life& life, Life::Store::Transaction& tx,
                                                     const ObjectRow& row) {
    auto index = tx.pieces(row.id, PieceKind::index);
    auto pieces = tx.pieces(row.id, PieceKind::block_digests);
    if (!index || !pieces) return Error{Errc::store_invariant, Operation::query, row.id};
    auto digests = join_digest_pieces(*pieces, Crc32c::size);
    if (!digests) return digests.error();
    if (!is_list_of<Crc32c>(*digests, row.size, row.digest.view()))
        return Error{Errc::digest_mismatch, Operation::query, row.id};
    const auto* place = row.directory.value == 1 ? footage : attic;
    auto directory = FsDirectory<Life::TracedFs>::open(place, RootMode::existing, life.traced);
    auto file = directory->open(row.id);
    if (!file) return file.error();
    return Life::Archive::Reader::Object{row, std::move(*file), std::move(*index), std::move(*digests)};
}

/// Checks one committed object: whole records, one after the other, unchanged.
inline void check_object(Life& life, Life::Store::Transaction& tx, const ObjectRow& row,
                         std::uint64_t at_least, bool exactly, Failures& failures) {
    const auto id = row.id;
    auto object = open_in(life, tx, row);
    if (!object) return failures.add("object cannot be opened: " + describe(object.error()));
    if (object->size().value < at_least || (exactly && object->size().value != at_least))
        return failures.add("object has another size than acknowledged");
    std::vector<std::byte> all(static_cast<std::size_t>(object->size().value));
    if (auto got = object->read(all, 0); !got)
        return failures.add("object cannot be read: " + describe(got.error()));
    if (!VideoIndex::count(object->index(), object->size()))
        return failures.add("index does not fit its object");
    for (const auto kind : {PieceKind::tail, PieceKind::soft_mark})
        if (const auto left = tx.pieces(id, kind); !left || !left->empty())
            failures.add("a whole object still has what only a mark needs");
    auto length = object->file().status();
    if (length && length->size != object->size())
        failures.add("file is longer than its row");
    std::size_t at = 0;
    std::optional<std::uint64_t> before;
    for (const auto& sample : VideoSamples{object->index()}) {
        const auto n = load_le<std::uint64_t>(all.data() + at);
        const auto expected = record_bytes(id.stream(), static_cast<std::size_t>(n));
        if ((before && n != *before + 1) || sample.size != expected.size() ||
            !std::equal(expected.begin(), expected.end(), all.begin() + static_cast<std::ptrdiff_t>(at)))
            return failures.add("object holds other records than were appended");
        before = n;
        at += expected.size();
    }
}

/// What must hold after a recovery, whatever came before.
inline void check_all(Life& life, const Promise& promise, Failures& failures) {
    auto begun = life.store->begin();
    if (!begun) return failures.add("no transaction: " + life.store->describe(begun.error()));
    auto& tx = *begun;
    const auto row_of = [&](ObjectId id) -> std::optional<ObjectRow> {
        auto row = tx.object(id);
        if (!row) failures.add("row cannot be read: " + life.store->describe(row.error()));
        return row ? *row : std::nullopt;
    };
    const auto check_promised = [&](ObjectId id, std::uint64_t size, bool whole) {
        const auto row = row_of(id);
        if (row && row->state == ObjectState::committed)
            check_object(life, tx, *row, size, whole, failures);
        else if (!promise.may_go.contains(id))
            failures.add(whole ? "an acknowledged object is lost" : "a marked object is lost");
    };
    for (const auto& [id, size] : promise.whole) check_promised(id, size, true);
    for (const auto& [id, size] : promise.marked) check_promised(id, size, false);
    if (!failures.crash().power_cut)
        for (const auto& [id, size] : promise.soft) check_promised(id, size, false);
    for (const auto id : promise.deleted)
        if (row_of(id)) failures.add("a deleted object came back");

    // What retention has deleted since is garbage until the next step.
    auto deleted = life.syncer->observer().deleted;
    if (life.second) deleted.merge(std::set{life.second->observer().deleted});
    auto usage = tx.usage();
    auto streams = tx.streams();
    if (!usage || !streams) return failures.add("usage cannot be read");
    for (const auto& [place, number] : {std::pair{footage, DirectoryId{1}}, {attic, DirectoryId{2}}}) {
        if (number.value == 2 && !life.second) continue;
        std::set<ObjectId> known;
        for (const auto state : {ObjectState::growing, ObjectState::garbage, ObjectState::quarantined}) {
            auto left = tx.in_state(number, state);
            if (!left) return failures.add("rows cannot be listed");
            for (const auto& row : *left)
                if ((state == ObjectState::garbage && deleted.contains(row.id)) ||
                    (state == ObjectState::quarantined && promise.may_be_aside.contains(row.id)))
                    known.insert(row.id);
                else
                    failures.add(state == ObjectState::quarantined
                                     ? "something was quarantined: " + life.syncer->observer().quarantined
                                     : "recovery left something undone");
        }
        for (const auto& stream : *streams) {
            auto rows = tx.oldest(stream.id, number, 1000);
            if (!rows) return failures.add("rows cannot be listed");
            std::uint64_t allocated = 0;
            for (const auto& row : *rows) {
                known.insert(row.id);
                allocated += row.allocated.value;
                if (!promise.whole.contains(row.id) && !promise.marked.contains(row.id))
                    check_object(life, tx, row, 0, false, failures);
            }
            for (const auto& row : *usage)
                if (row.stream == stream.id && row.directory == number &&
                    (row.objects != rows->size() || row.allocated.value != allocated ||
                     (!rows->empty() && row.highest < rows->back().id.sequence())))
                    failures.add("usage does not add up");
        }
        auto directory = FsDirectory<Fs>::open(place, RootMode::existing, life.fs);
        auto names = directory->list();
        if (!names) return failures.add("directory cannot be listed");
        for (const auto& found : *names)
            if (const auto id = ObjectName::parse(found); id && !known.contains(*id))
                failures.add("a data file has no row");
    }
}

}  // namespace engine_tests

#endif
