#ifndef BOBBIN_TESTS_ENGINE_SCENARIO_HPP
#define BOBBIN_TESTS_ENGINE_SCENARIO_HPP

#include "plants.hpp"

#include <bobbin/bobbin.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/store/sqlite.hpp>
#include <bobbin/testing/checked_store.hpp>
#include <bobbin/testing/explorer.hpp>
#include <bobbin/testing/inject_faults.hpp>
#include <bobbin/testing/sqlite_on_sim.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace engine_tests {

using namespace bobbin;
using namespace std::chrono_literals;
using testing::Failures;
using testing::SimFs;

/// What the caller was told.
struct Promise {
    std::map<ObjectId, std::uint64_t> whole;   ///< committed, with this size
    std::map<ObjectId, std::uint64_t> marked;  ///< at least so much of it
    std::set<ObjectId> deleted;                ///< must never come back
    std::set<ObjectId> may_go;                 ///< deleted at any moment from now on
    bool is_open = false;                      ///< store and directory were opened

    /// From now on, all but the `keep` newest may be deleted.
    void let_go(std::size_t keep = 0) {
        auto left = whole.size();
        for (const auto& [id, size] : whole)
            if (left-- > keep) may_go.insert(id);
    }

    bool operator==(const Promise&) const = default;
    std::uint64_t hash() const noexcept {
        std::uint64_t h = is_open ? 17 : 19;
        const auto add = [&h](std::uint64_t value) { h = (h ^ value) * 0x9E3779B97F4A7C15u; };
        for (const auto& [id, size] : whole) add(id.value), add(size);
        add(1);
        for (const auto& [id, size] : marked) add(id.value), add(size);
        add(2);
        for (const auto id : deleted) add(id.value);
        add(3);
        for (const auto id : may_go) add(id.value);
        return h;
    }
};

/// UUIDs that are the same in each run and others in each process life.
inline thread_local std::uint64_t uuid_seed = 0;
inline Uuid next_uuid() noexcept {
    Uuid uuid;
    store_le(uuid.bytes.data(), ++uuid_seed * 0x9E3779B97F4A7C15u);
    return uuid;
}

struct Teller : NullObserver {
    Promise* promise = nullptr;
    std::function<void()> told = [] {};
    void on_committed(ObjectId id, Bytes size) noexcept {
        if (!promise) return;
        promise->whole[id] = size.value;
        promise->marked.erase(id);
        told();
    }
    void on_marked(ObjectId id, Bytes size) noexcept {
        if (!promise) return;
        promise->marked[id] = size.value;
        told();
    }
    void on_quarantined(ObjectId, const Error& error) noexcept { quarantined = describe(error); }
    std::string quarantined;
    std::set<ObjectId> deleted;
    /// A full disk costs the oldest objects.
    void on_retry(const Error& error, unsigned, std::chrono::nanoseconds) noexcept {
        if (promise && error.kind() == ErrorKind::no_space) promise->let_go();
    }
    void on_deleted(ObjectId id) noexcept {
        deleted.insert(id);
        if (!promise) return;
        promise->whole.erase(id);
        promise->marked.erase(id);
        promise->deleted.insert(id);
        told();
    }
};

/// The disk: faults on it hit SQLite and the directory.
using Fs = testing::FaultyFs<SimFs>;
/// The directory's view: faults on it hit data files only.
using DataFs = testing::FaultyFs<Fs>;

/// Everything a program has open, in one process life, on one simulated disk. Errors throw.
struct Life {
    using TracedFs = testing::TracingFs<DataFs>;
    using Store = PlantedStore<testing::CheckedStore<SqliteStore>>;
    using Place = PlantedDirectory<TracedFs>;
    using Archive = bobbin::Archive<PlantedFile<File<TracedFs>>, Place, VideoIndex, Store,
                                    ManualClock, Teller>;
    using Committer = bobbin::Committer<Store, ManualClock>;

    struct Stop {
        std::string why;
    };

    Life(Fs files, Promise* promise, bool create, bool is_checked,
         SyncerOptions with = {.memory = 256_KiB})
        : fs{files}, data{files}, traced{data}, sqlite{files} {
        uuid_seed = static_cast<std::uint64_t>(testing::ground_of(fs).next_seed()) << 20;
        if (is_checked) oracle.watch(traced.trace());
        traced.trace().keep(false);
        auto opened = SqliteStore::open("/sim/catalog/catalog.db",
                                        {.create = create, .make_uuid = next_uuid}, files);
        if (!opened) throw Stop{"store: " + SqliteStore::describe(opened.error(), "catalog.db")};
        store.emplace(testing::CheckedStore<SqliteStore>{
            std::move(*opened), oracle, std::vector<std::string>{"/sim/footage"}});
        plant();
        if (is_checked) tell_oracle_what_is_there();
        committer.emplace(*store, clock);
        teller.promise = promise;
        teller.told = [this] { fs.barrier(); };
        auto directory = FsDirectory<TracedFs>::open(
            "/sim/footage", create ? RootMode::create_if_missing : RootMode::existing, traced);
        if (!directory) throw Stop{"directory: " + describe(directory.error())};
        with.create = create;
        with.make_uuid = next_uuid;
        auto made = Archive::Syncer::open(Place{std::move(*directory)}, *committer, with, clock, teller);
        if (!made) throw Stop{"open: " + store->describe(made.error())};
        syncer.emplace(std::move(*made));
        if (promise) {
            promise->is_open = true;
            fs.barrier();
        }
    }

    StreamId stream(const char* name, Bytes retain = no_limit) {
        auto found = store->stream(name, {retain});
        if (!found) throw Stop{"stream: " + store->describe(found.error())};
        return *found;
    }
    Archive::Writer writer(StreamId id) {
        auto made = syncer->writer(id);
        if (!made) throw Stop{"writer: " + store->describe(made.error())};
        return std::move(*made);
    }

    void plant() {
        raw_sync = [this](FileHandle h) { return data.sync(h); };
        raw_remove = [this](ObjectId id) {
            auto directory =
                FsDirectory<TracedFs>::open("/sim/footage", RootMode::existing, traced);
            if (directory) (void)directory->remove(id);
        };
    }

    /// What an earlier process left: rows tell what of it is durable.
    void tell_oracle_what_is_there() {
        auto directory = FsDirectory<SimFs>::open("/sim/footage", RootMode::create_if_missing,
                                                  testing::ground_of(fs));
        auto names = directory->list();
        for (const auto& name : *names) {
            const auto id = ObjectName::parse(name);
            if (!id) continue;
            const auto path = "/sim/footage/" + name;
            auto row = store->object(*id);
            if (!row) throw Stop{"row: " + store->describe(row.error())};
            const bool counts = *row && ((*row)->state == ObjectState::committed ||
                                         (*row)->state == ObjectState::growing);
            if (counts)
                oracle.committed_before(path, (*row)->size.value);
            else
                oracle.unlink_allowed(path);
        }
    }

    Fs fs;
    DataFs data;
    TracedFs traced;
    testing::OrderingOracle oracle;
    testing::ScopedSqliteOn<Fs> sqlite;
    ManualClock clock;
    Teller teller;
    std::optional<Store> store;
    std::optional<Committer> committer;
    std::optional<Archive::Syncer> syncer;
};

/// Record `n` of a stream: its bytes tell its number, and are the only ones that may follow it.
inline std::size_t record_size(std::size_t n) { return 1500 + (n * 977) % 3000; }
inline std::vector<std::byte> record_bytes(StreamId stream, std::size_t n) {
    std::vector<std::byte> bytes(record_size(n));
    store_le(bytes.data(), std::uint64_t{n});
    for (std::size_t i = 8; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::byte>(stream.value * 89 + n * 131 + i * 7 + i / 253);
    return bytes;
}

inline void append(Life::Archive::Writer& writer, std::size_t n) {
    const auto bytes = record_bytes(writer.stream(), n);
    if (auto done = writer.append(bytes, {MediaDuration{3000}, n % 3 == 0}); !done)
        throw Life::Stop{"append: " + describe(done.error())};
}

/// Appends records [first, last), ends the object and waits until it is acknowledged.
inline ObjectId record(Life& life, Life::Archive::Writer& writer, std::size_t first,
                       std::size_t last) {
    for (auto n = first; n < last; ++n) append(writer, n);
    auto id = writer.end();
    if (!id) throw Life::Stop{"end"};
    // Without success it was split or given up; that is told, and nothing of it promised.
    (void)life.syncer->wait(*id, 1s);
    return *id;
}

/// A committed object, without a connection of its own for each look.
inline Result<Life::Archive::Reader::Object> open_in(Life& life, Life::Store::Transaction& tx,
                                                     const ObjectRow& row) {
    auto index = tx.pieces(row.id, PieceKind::index);
    auto pieces = tx.pieces(row.id, PieceKind::block_digests);
    if (!index || !pieces) return Error{Errc::store_invariant, Operation::query, row.id};
    auto digests = join_digest_pieces(*pieces, Crc32c::size);
    if (!digests) return digests.error();
    auto directory = FsDirectory<Life::TracedFs>::open("/sim/footage", RootMode::existing, life.traced);
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
    for (const auto id : promise.deleted)
        if (row_of(id)) failures.add("a deleted object came back");

    std::set<ObjectId> known;
    // What retention has deleted since is garbage until the next step.
    const auto& deleted = life.syncer->observer().deleted;
    for (const auto state : {ObjectState::growing, ObjectState::garbage, ObjectState::quarantined}) {
        auto left = tx.in_state(DirectoryId{1}, state);
        if (!left) return failures.add("rows cannot be listed");
        for (const auto& row : *left)
            if (state == ObjectState::garbage && deleted.contains(row.id))
                known.insert(row.id);
            else
                failures.add(state == ObjectState::quarantined
                                 ? "something was quarantined: " + life.syncer->observer().quarantined
                                 : "recovery left something undone");
    }
    auto usage = tx.usage();
    auto streams = tx.streams();
    if (!usage || !streams) return failures.add("usage cannot be read");
    for (const auto& stream : *streams) {
        auto rows = tx.oldest(stream.id, 1000);
        if (!rows) return failures.add("rows cannot be listed");
        std::uint64_t allocated = 0;
        for (const auto& row : *rows) {
            known.insert(row.id);
            allocated += row.allocated.value;
            if (!promise.whole.contains(row.id) && !promise.marked.contains(row.id))
                check_object(life, tx, row, 0, false, failures);
        }
        for (const auto& row : *usage)
            if (row.stream == stream.id &&
                (row.objects != rows->size() || row.allocated.value != allocated ||
                 (!rows->empty() && row.highest < rows->back().id.sequence())))
                failures.add("usage does not add up");
    }
    auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, life.fs);
    auto names = directory->list();
    if (!names) return failures.add("directory cannot be listed");
    for (const auto& found : *names)
        if (const auto id = ObjectName::parse(found); id && !known.contains(*id))
            failures.add("a data file has no row");
}

/// A scenario for the explorer: what a program does once it is open.
struct EngineScenario {
    using Promise = engine_tests::Promise;

    const char* name = "";
    std::function<void(Life&, Promise&)> body;
    bool is_created = true;  ///< store, directory and stream exist before
    std::function<void(Life&)> before{};  ///< done, and left without an orderly end, before the run
    std::function<void(Life&, Promise&)> second{};  ///< what the next process does, if there is one
    SyncerOptions options{.memory = 256_KiB};
    bool use_oracle = true;

    static bool is_opaque(const std::string& path) {
        return testing::OrderingOracle::is_data_file(path);
    }
    void prepare(SimFs fs) {
        for (const char* path : {"/sim/catalog", "/sim/footage"})
            (void)fs.close(*fs.open_root(path, RootMode::create_if_missing));
        if (!is_created) return;
        Life life{Fs{fs}, nullptr, true, false, options};
        (void)life.stream("door");
        if (before) before(life);
    }
    void run(SimFs fs, Promise& promise) { run(Fs{fs}, promise); }
    void run(Fs fs, Promise& promise) {
        live(fs, promise, !is_created, body);
        if (second) live(fs, promise, false, second);
    }
    void recover(SimFs fs, const Promise& promise, Failures& failures) {
        try {
            // What was never opened may be made anew; what was must be there.
            Life life{Fs{fs}, nullptr, !promise.is_open, false, options};
            check_all(life, promise, failures);
        } catch (const Life::Stop& stop) {
            failures.add("recovery failed: " + stop.why);
        }
    }

private:
    void live(Fs fs, Promise& promise, bool create, const std::function<void(Life&, Promise&)>& what) {
        try {
            Life life{fs, &promise, create, use_oracle, options};
            std::string why;
            try {
                what(life, promise);
            } catch (const Life::Stop& stop) {
                why = stop.why;
            }
            life.teller.told = [] {};
            if (auto broken = life.oracle.text(); use_oracle && !broken.empty())
                throw std::runtime_error{"order: " + broken};
            if (!why.empty()) throw Life::Stop{why};
        } catch (const Life::Stop& stop) {
            // An injected fault may end the program; without one that is a defect.
            if (fs.plan().hits() == 0) throw std::runtime_error{stop.why};
        }
    }
};

}  // namespace engine_tests

#endif
