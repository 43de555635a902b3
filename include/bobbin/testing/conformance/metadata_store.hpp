#ifndef BOBBIN_TESTING_CONFORMANCE_METADATA_STORE_HPP
#define BOBBIN_TESTING_CONFORMANCE_METADATA_STORE_HPP

#include <bobbin/store/concept.hpp>
#include <bobbin/testing/conformance/detail/store_model.hpp>

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace bobbin::testing::conformance {

namespace detail {

/// One run of the suite over stores of one kind.
template <class S, class Make, class Reopen>
class StoreChecks {
public:
    StoreChecks(Make& make, Reopen& reopen) : make_{make}, reopen_{reopen} {}

    std::vector<std::string> broken;
    void all() {
        fresh();
        streams();
        transactions();
        rows();
        impossible_rows();
        pieces();
        garbage();
        usage();
        lists();
        directories();
        reopening();
    }

private:
    void expect(bool held, const char* promise) {
        if (!held) broken.emplace_back(promise);
    }
    template <class R>
    void refused(const R& result, Errc code, const char* promise) {
        expect(!result && result.error().is(code), promise);
    }

    /// A store with a stream, a directory and an object 1 that is committed.
    struct Base {
        S store;
        StreamId stream;
        DirectoryId directory;
        ObjectRow row;
    };
    Base base() {
        S store = make_();
        const auto stream = store.stream("door", {});
        auto t = store.begin();
        const auto directory = t->add_directory(uuid_of(1));
        ObjectRow row = committed_row(*stream, 1, *directory, store.open_record().id);
        expect(t->put(row) && t->commit(), "a good row is taken");
        return {std::move(store), *stream, *directory, row};
    }

    void fresh() {
        S store = make_();
        expect(!store.uuid().is_nil(), "a store has a UUID");
        expect(store.open_record().id.value != 0 && !store.open_record().uuid.is_nil(),
               "an open for writing has an id and a UUID");
        expect(!store.is_read_only(), "a store is opened for writing");
        auto t = store.begin();
        expect(t && t->streams()->empty() && t->usage()->empty(), "a new store is empty");
    }

    void streams() {
        S store = make_();
        refused(store.stream("", {}), Errc::stream_name_invalid, "a name without bytes is refused");
        refused(store.stream(std::string(256, 'a'), {}), Errc::stream_name_invalid,
                "a name of 256 bytes is refused");
        refused(store.stream("a", {Bytes{0}}), Errc::invalid_argument, "a limit of 0 is refused");
        refused(store.stream("a", {no_limit + Bytes{1}}), Errc::invalid_argument,
                "a limit of 64 bits is refused");
        const std::string names[] = {std::string(255, 'a'), "a", "A", "a ", "a'b\"c;--", "\xc3\xa9",
                                     std::string("a\0b", 3)};
        std::vector<StreamId> ids;
        for (const auto& name : names) {
            const auto id = store.stream(name, {Bytes{1000 + ids.size()}});
            expect(id && id->value >= 1, "a good name is taken");
            if (!id) return;
            for (const auto other : ids) expect(other != *id, "each name has an id of its own");
            ids.push_back(*id);
        }
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const auto again = store.stream(names[i], {Bytes{7}});
            expect(again && *again == ids[i], "a name is found again");
        }
        auto t = store.begin();
        const auto rows = t->streams();
        expect(rows && rows->size() == ids.size(), "all streams are listed");
        for (std::size_t i = 0; rows && i < rows->size(); ++i)
            expect((*rows)[i].id == ids[i] && (*rows)[i].name == names[i] &&
                       (*rows)[i].retain == Bytes{1000 + i},
                   "streams are listed in order, and finding one does not change its limit");
        expect(t->set_retention(ids[1], no_limit) && t->set_retention(ids[1], no_limit) &&
                   (*t->streams())[1].retain == no_limit,
               "a limit can be set");
        refused(t->set_retention(ids[1], Bytes{0}), Errc::invalid_argument, "not to 0");
        refused(t->set_retention(StreamId{4'000'000'000}, Bytes{1}), Errc::stream_unknown,
                "nor of a stream that is not there");
        expect(t->oldest(StreamId{4'000'000'000}, DirectoryId{1}, 1)->empty(), "which has no objects");
    }

    void transactions() {
        auto [store, stream, directory, row] = base();
        auto next = row;
        next.id = ObjectId{stream, 2};
        {
            auto t = store.begin();
            expect(t->put(next) && t->object(next.id)->has_value(), "a transaction sees its rows");
            expect(!store.object(next.id)->has_value(), "and nobody else does");
            expect(store.objects(stream, 0, UINT32_MAX)->size() == 1, "not in lists either");
            auto moved = std::move(*t);
            expect(moved.object(next.id)->has_value(), "it may be moved");
        }
        expect(!store.object(next.id)->has_value(), "destroyed uncommitted, it leaves nothing");
        auto t = store.begin();
        expect(t && t->usage()->front().highest == 1, "not in the usage either");
        expect(t->put(next) && t->commit(), "it can be done again");
        refused(t->put(next), Errc::invalid_argument, "nothing can follow a commit");
        refused(t->commit(), Errc::invalid_argument, "not even another one");
        refused(t->object(next.id), Errc::invalid_argument, "nor a question");
        expect(store.object(next.id)->has_value(), "what is committed is seen");
        expect(store.begin().has_value(), "a commit lets the next one begin");
    }

    void rows() {
        auto [store, stream, directory, row] = base();
        row.id = ObjectId{stream, UINT32_MAX};
        row.is_protected = row.is_recovered = true;
        row.end_reason = EndReason::crash;
        row.size = row.allocated = no_limit - Bytes{4096};
        row.index_format = FormatId{"a-format.v123.x"};
        row.digest.size = 32;
        for (std::size_t i = 0; i < 32; ++i) row.digest.bytes[i] = static_cast<std::byte>(i * 8);
        auto t = store.begin();
        const auto same = [&] {
            const auto found = t->object(row.id);
            return found && *found && equal(**found, row);
        };
        expect(t->put(row) && same(), "all of a row is kept");
        row = committed_row(stream, UINT32_MAX, directory, store.open_record().id);
        expect(t->put(row) && same(), "a row becomes what is put");
        row.state = ObjectState::growing;
        row.end_reason = EndReason::growing;
        row.index_format = row.digest_format = {};
        row.digest = {};
        expect(t->put(row) && same(), "whatever it was, and without formats while it grows");
        expect(t->set_protected(row.id, true) && t->object(row.id)->value().is_protected,
               "an object can be protected");
        refused(t->set_protected(ObjectId{stream, 7}, true), Errc::object_unknown,
                "one that is not there can't");
        refused(t->set_protected(ObjectId{UINT64_MAX}, true), Errc::object_unknown,
                "nor one that no stream can have");
        expect(!t->object(ObjectId{UINT64_MAX})->has_value(), "which is not there");
        row.state = ObjectState::garbage;
        row.is_protected = false;
        expect(t->put(row).has_value(), "garbage can be put");
        refused(t->set_protected(row.id, true), Errc::object_unknown, "garbage is not protected");
    }

    void impossible_rows() {
        auto [store, stream, directory, row] = base();
        auto t = store.begin();
        const auto bad = [&](auto&& spoil, const char* promise,
                             Errc code = Errc::invalid_argument) {
            auto spoilt = row;
            spoil(spoilt);
            refused(t->put(spoilt), code, promise);
        };
        using Row = ObjectRow&;
        bad(
            [&](Row r) {
                r.id = ObjectId{StreamId{77}, 1};
            },
            "no row of an unknown stream", Errc::stream_unknown);
        bad([&](Row r) { r.id = ObjectId{stream, 0}; }, "no number 0");
        bad([&](Row r) { r.id = ObjectId{StreamId{0x80000000}, 1}; }, "no stream of 32 bits");
        bad([&](Row r) { r.directory.value += 1; }, "no unknown directory");
        bad([&](Row r) { r.open.value += 1; }, "no unknown open");
        bad([&](Row r) { r.state = ObjectState{0}; }, "no state 0");
        bad([&](Row r) { r.state = ObjectState{5}; }, "no state 5");
        bad([&](Row r) { r.end_reason = EndReason{7}; }, "no unknown end reason");
        bad([&](Row r) { r.end_reason = EndReason::growing; }, "what is committed has ended");
        bad([&](Row r) { r.state = ObjectState::growing; }, "what grows has not ended");
        bad([&](Row r) { r.size = r.allocated + Bytes{1}; }, "no more bytes than allocated ones");
        bad([&](Row r) { r.allocated = no_limit + Bytes{1}; }, "no size of 64 bits");
        bad([&](Row r) { r.index_format = {}; }, "what is committed has an index format");
        bad([&](Row r) { r.digest_format = {}; }, "what is committed has a digest format");
        bad([&](Row r) { r.digest.size = 33; }, "no digest of 33 bytes");
        bad(
            [&](Row r) {
                r.id = ObjectId{stream, 2};
                r.allocated = no_limit;
            },
            "no usage of 64 bits", Errc::out_of_range);
        expect(t->object(row.id)->has_value() && t->put(row) && t->commit(),
               "what is refused does no harm");
        expect(store.objects(stream, 0, UINT32_MAX)->size() == 1, "and leaves nothing");
    }

    void pieces() {
        auto [store, stream, directory, row] = base();
        const auto text = [](const auto& bytes) { return std::string{as_text(*bytes)}; };
        auto t = store.begin();
        const auto add = [&](PieceKind kind, std::uint32_t number, std::string_view bytes) {
            return t->put_piece({row.id, kind, number, as_bytes(bytes)}).has_value();
        };
        expect(t->pieces(row.id, PieceKind::index)->empty(), "an object may have no pieces");
        const bool added = add(PieceKind::index, 10, "c") && add(PieceKind::index, 2, "b") &&
                           add(PieceKind::index, 0, "a") &&
                           add(PieceKind::index, UINT32_MAX, "d") && add(PieceKind::index, 5, "") &&
                           add(PieceKind::block_digests, 0, "x");
        expect(added && text(t->pieces(row.id, PieceKind::index)) == "abcd",
               "pieces come in the order of their numbers");
        expect(add(PieceKind::index, 2, "B") && add(PieceKind::index, 2, "B") && t->put(row) &&
                   text(t->pieces(row.id, PieceKind::index)) == "aBcd",
               "a piece is replaced, and a new row keeps them");
        expect(add(PieceKind::soft_mark, 0, "s") && add(PieceKind::soft_mark, 0, "") &&
                   t->pieces(row.id, PieceKind::soft_mark)->empty(),
               "an empty piece takes the place of another");
        refused(t->put_piece({ObjectId{stream, 9}, PieceKind::index, 0, {}}), Errc::object_unknown,
                "only an object has pieces");
        refused(t->put_piece({row.id, PieceKind{5}, 0, {}}), Errc::invalid_argument,
                "of a known kind");
        expect(t->commit().has_value(), "pieces are committed");
        expect(text(store.piece_bytes(row.id, PieceKind::index)) == "aBcd" &&
                   text(store.piece_bytes(row.id, PieceKind::block_digests)) == "x",
               "pieces are read by anybody");
        auto soft = store.begin(Durability::soft);
        expect(soft && soft->put_piece({row.id, PieceKind::tail, 0, as_bytes("t")}) && soft->commit() &&
                   text(store.piece_bytes(row.id, PieceKind::tail)) == "t",
               "a soft commit is seen like a hard one");
        refused(store.piece_bytes(ObjectId{stream, 9}, PieceKind::index), Errc::object_unknown,
                "of an object that is there");
    }

    void garbage() {
        auto [store, stream, directory, row] = base();
        auto t = store.begin();
        expect(t->put_piece({row.id, PieceKind::index, 0, as_bytes("a")}) &&
                   t->set_protected(row.id, true),
               "a piece is taken");
        refused(t->forget(row.id), Errc::invalid_argument, "only garbage is forgotten");
        expect(t->make_garbage(row.id) && t->make_garbage(row.id), "an object becomes garbage");
        const auto now = t->object(row.id);
        expect(now && *now && (*now)->state == ObjectState::garbage && !(*now)->is_protected &&
                   (*now)->allocated == row.allocated,
               "garbage is not protected, and keeps its size");
        refused(t->pieces(row.id, PieceKind::index), Errc::object_unknown, "its pieces are gone");
        refused(t->put_piece({row.id, PieceKind::index, 0, {}}), Errc::object_unknown,
                "and none can follow");
        expect(t->put(row) && t->pieces(row.id, PieceKind::index)->empty(),
               "they do not come back with the object");
        expect(t->make_garbage(row.id) && t->forget(row.id) && t->forget(row.id) &&
                   t->make_garbage(row.id) && !t->object(row.id)->has_value(),
               "garbage is forgotten, and both can be repeated");
        expect(t->make_garbage(ObjectId{UINT64_MAX}) && t->forget(ObjectId{UINT64_MAX}),
               "also of what never was");
        const auto left = t->usage();
        expect(left && left->size() == 1 && left->front().highest == 1 &&
                   left->front().objects == 0 && left->front().allocated == Bytes{0},
               "its number stays used");
        expect(t->commit() && store.objects(stream, 0, UINT32_MAX)->empty(), "nothing is left");
    }

    void usage() {
        auto [store, stream, directory, row] = base();
        auto t = store.begin();
        const auto other = t->add_directory(uuid_of(2));
        const auto is = [&](std::size_t at, DirectoryId where, Sequence highest,
                            std::uint64_t objects, std::uint64_t allocated) {
            const auto rows = t->usage();
            if (!rows || rows->size() <= at) return false;
            const auto& u = (*rows)[at];
            return u.stream == stream && u.directory == where && u.highest == highest &&
                   u.objects == objects && u.allocated == Bytes{allocated};
        };
        expect(is(0, directory, 1, 1, 4096), "a committed object counts");
        expect(t->put(row) && is(0, directory, 1, 1, 4096), "once");
        row.allocated = Bytes{8192};
        expect(t->put(row) && is(0, directory, 1, 1, 8192), "as it is now");
        auto growing = row;
        growing.id = ObjectId{stream, 5};
        growing.state = ObjectState::growing;
        growing.end_reason = EndReason::growing;
        expect(t->put(growing) && is(0, directory, 5, 1, 8192), "what grows only uses a number");
        expect(t->reserve(stream, directory, 20) && t->reserve(stream, directory, 3) &&
                   is(0, directory, 20, 1, 8192),
               "numbers are reserved, and never given back");
        row.directory = *other;
        expect(t->put(row) && is(0, directory, 20, 0, 0) && is(1, *other, 1, 1, 8192),
               "an object counts where it is");
        refused(t->reserve(StreamId{99}, directory, 1), Errc::stream_unknown,
                "no numbers of an unknown stream");
        refused(t->reserve(stream, DirectoryId{99}, 1), Errc::invalid_argument,
                "none in an unknown directory");
    }

    void lists() {
        auto [store, stream, directory, row] = base();
        const auto second = *store.stream("second", {});
        auto t = store.begin();
        for (Sequence n = 2; n <= 9; ++n) {
            auto next = committed_row(stream, n, directory, store.open_record().id);
            next.is_protected = n == 3;
            expect(t->put(next) && t->put(committed_row(second, n, directory, next.open)), "taken");
        }
        expect(t->make_garbage(ObjectId{stream, 4}).has_value(), "taken");
        auto other = row;
        other.id = ObjectId{stream, 5};
        other.state = ObjectState::quarantined;
        expect(t->put(other).has_value(), "taken");
        expect(numbers(t->oldest(stream, directory, 100)) == "1 2 6 7 8 9 ", "the oldest come in order");
        expect(numbers(t->oldest(stream, directory, 3)) == "1 2 6 " &&
                   t->oldest(stream, directory, 0)->empty(),
               "as many as asked for");
        expect(t->oldest(stream, DirectoryId{9}, 100)->empty(), "of one directory");
        expect(numbers(t->in_state(directory, ObjectState::garbage)) == "4 " &&
                   numbers(t->in_state(directory, ObjectState::quarantined)) == "5 " &&
                   t->in_state(directory, ObjectState::growing)->empty() &&
                   t->in_state(DirectoryId{9}, ObjectState::garbage)->empty(),
               "what is not committed is listed by directory and state");
        refused(t->in_state(directory, ObjectState::committed), Errc::invalid_argument,
                "what is committed is too much to list");
        expect(t->commit().has_value(), "taken");
        expect(numbers(store.objects(stream, 2, 8)) == "2 3 6 7 8 " &&
                   store.objects(stream, 8, 2)->empty() &&
                   store.objects(StreamId{UINT32_MAX}, 0, UINT32_MAX)->empty(),
               "a range has its ends, and what is committed");
    }

    void directories() {
        S store = make_();
        auto t = store.begin();
        const auto one = t->add_directory(uuid_of(1)), two = t->add_directory(uuid_of(2));
        expect(one && two && *one != *two && one->value >= 1, "each directory has an id");
        expect(*t->add_directory(uuid_of(1)) == *one, "one of its own");
        refused(t->add_directory(Uuid{}), Errc::invalid_argument, "no directory without a UUID");
        const auto before = t->directory(uuid_of(1));
        expect(before && *before && (*before)->id == *one && (*before)->uuid == uuid_of(1) &&
                   (*before)->last_open.value == 0 && (*before)->last_open_uuid.is_nil(),
               "no open has completed it yet");
        expect(!t->directory(uuid_of(3))->has_value(), "an unknown one is not there");
        expect(t->complete_open(*one) && t->complete_open(*one), "an open is completed");
        refused(t->complete_open(DirectoryId{9}), Errc::invalid_argument, "where there is one");
        const auto after = t->directory(uuid_of(1));
        expect(after && *after && (*after)->last_open == store.open_record().id &&
                   (*after)->last_open_uuid == store.open_record().uuid &&
                   (*t->directory(uuid_of(2)))->last_open.value == 0,
               "that one there");
    }

    void reopening() {
        auto [first, stream, directory, row] = base();
        {
            auto t = first.begin();
            expect(t->complete_open(directory) && t->commit(), "an open is completed");
        }
        const auto uuid = first.uuid();
        const auto open = first.open_record();
        S second = reopen_(std::move(first));
        expect(second.uuid() == uuid, "a store keeps its UUID");
        expect(second.open_record().id > open.id && second.open_record().uuid != open.uuid,
               "each open is a new one");
        const auto found = second.object(row.id);
        expect(found && *found && equal(**found, row), "rows are kept");
        expect(*second.stream("door", {}) == stream, "streams, too");
        auto t = second.begin();
        const auto place = t->directory(uuid_of(1));
        expect(place && *place && (*place)->last_open == open.id &&
                   (*place)->last_open_uuid == open.uuid,
               "the last open is the one that was completed");
        row.open = second.open_record().id;
        expect(t->put(row) && t->commit(), "the new open writes");
    }

    Make& make_;
    Reopen& reopen_;
};

}  // namespace detail

/// Checks what `MetadataStore` promises and a compiler can't see. `make()` gives a new, empty store
/// and `reopen(S&&)` the next open of the same contents; `seed` is of random transactions that are
/// compared with a naive model. Returns one line for each broken promise: none is a pass.
/// @allocates
template <MetadataStore S, class Make, class Reopen>
    requires std::is_invocable_r_v<S, Make&> && std::is_invocable_r_v<S, Reopen&, S&&>
std::vector<std::string> metadata_store(Make make, Reopen reopen, std::uint32_t seed = 1,
                                        std::size_t transactions = 300) {
    detail::StoreChecks<S, Make, Reopen> checks{make, reopen};
    checks.all();
    detail::compare_with_model<S>(make, reopen, seed, transactions, checks.broken);
    return checks.broken;
}

}  // namespace bobbin::testing::conformance

#endif
