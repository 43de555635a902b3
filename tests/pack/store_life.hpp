// A store of packs with snapshots on one simulated disk, and what its user was promised.
#ifndef BOBBIN_TESTS_PACK_STORE_LIFE_HPP
#define BOBBIN_TESTS_PACK_STORE_LIFE_HPP

#include "store_mutants.hpp"

#include <bobbin/codec/none.hpp>
#include <bobbin/digest/sha256.hpp>
#include <bobbin/pack/pack_store.hpp>
#include <bobbin/pack/prune.hpp>
#include <bobbin/pack/repair.hpp>
#include <bobbin/pack/snapshot.hpp>
#include <bobbin/testing/checked_store.hpp>
#include <bobbin/testing/failures.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/oracle.hpp>
#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/sqlite_on_sim.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pack_tests {

using namespace bobbin;
using namespace std::chrono_literals;
using testing::Failures;
using testing::SimFs;
using Fs = testing::FaultyFs<SimFs>;
/// Its faults hit packs only, and not SQLite. Some bytes of a file may be refused for ever.
class DataFs : public testing::FaultyFs<Fs> {
public:
    explicit DataFs(Fs fs) : FaultyFs{std::move(fs)} {}

    void refuse(ObjectId id, std::uint64_t begin, std::uint64_t end) {
        sectors_->bad.push_back({std::string{std::string_view{ObjectName{id}}}, begin, end});
    }
    std::uint64_t reads() const { return sectors_->reads; }

    Result<FileHandle> open_at(FileHandle dir, const char* name, OpenMode mode) noexcept {
        auto handle = FaultyFs::open_at(dir, name, mode);
        if (handle) sectors_->names[*handle] = name;
        return handle;
    }
    Result<std::size_t> read_at(FileHandle h, MutableByteView to, std::uint64_t offset) noexcept {
        ++sectors_->reads;
        for (const auto& [name, begin, end] : sectors_->bad)
            if (name == sectors_->names[h] && offset < end &&
                begin - std::min(begin, offset) < to.size())
                return Error::system(EIO, Operation::read);
        return FaultyFs::read_at(h, to, offset);
    }

private:
    struct Range {
        std::string name;
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
    };
    struct Sectors {
        std::vector<Range> bad;
        std::map<FileHandle, std::string> names;
        std::uint64_t reads = 0;
    };
    std::shared_ptr<Sectors> sectors_ = std::make_shared<Sectors>();
};

inline constexpr const char* pack_place = "/sim/store/packs";
inline constexpr const char* catalog = "/sim/store/catalog.db";

/// Snapshot `n` is a file of the chunks [first, last).
struct Extent {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    friend bool operator==(const Extent&, const Extent&) = default;
};

struct Promise {
    std::map<std::uint64_t, Extent> saved;  ///< committed
    std::set<std::uint64_t> deleted;        ///< must never come back
    std::set<std::uint64_t> may_go;         ///< being deleted
    bool is_open = false;                   ///< the store was opened

    bool operator==(const Promise&) const = default;
    std::uint64_t hash() const noexcept {
        std::uint64_t h = is_open ? 17 : 19;
        const auto add = [&h](std::uint64_t value) { h = (h ^ value) * 0x9E3779B97F4A7C15u; };
        for (const auto& [n, extent] : saved) add(n), add(extent.first), add(extent.last);
        add(1);
        for (const auto n : deleted) add(n);
        add(2);
        for (const auto n : may_go) add(n);
        return h;
    }
};

inline thread_local std::uint64_t uuid_seed = 0;
inline Uuid next_uuid() noexcept {
    Uuid uuid;
    store_le(uuid.bytes.data(), ++uuid_seed * 0x9E3779B97F4A7C15u);
    return uuid;
}

inline std::vector<std::byte> chunk_bytes(std::uint64_t n) {
    std::vector<std::byte> bytes(700 + n * 211 % 900);
    store_le(bytes.data(), n);
    for (std::size_t i = 8; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::byte>(n * 131 + i * 7 + i / 253);
    return bytes;
}

/// Everything that a program has open in one process life. Errors throw.
struct Life {
    using TracedFs = testing::TracingFs<DataFs>;
    using Place = FsDirectory<TracedFs>;
    using Store = testing::CheckedStore<SqliteStore>;
    using Packs = pack::PackStore<BentFile<NoOp<File<TracedFs>>>, Place, Sha256, NoCodec,
                                  pack::SnapshotRows, Store, ManualClock>;
    struct Stop {
        std::string why;
    };

    /// @param seen is told of each call on the directory of the packs
    Life(Fs files, Promise* promised, bool create, Bytes pack_size = 6_KiB,
         std::function<void(const testing::TracedCall&)> seen = {})
        : fs{files}
        , data{files}
        , traced{data}
        , sqlite{files}
        , promise{promised} {
        uuid_seed = static_cast<std::uint64_t>(testing::ground_of(fs).next_seed()) << 20;
        auto opened = SqliteStore::open(catalog,
                                        {.create = create,
                                         .mode = SqliteMode::shared,
                                         .schema = {pack::SnapshotRows::schema},
                                         .make_uuid = next_uuid},
                                        files);
        if (!opened) throw Stop{"store: " + SqliteStore::describe(opened.error(), "catalog.db")};
        store.emplace(Store{std::move(*opened), oracle, {pack_place}});
        committer.emplace(*store, clock);
        traced.trace().on_call([this, seen](const testing::TracedCall& call) {
            oracle.see(call);
            if (seen) seen(call);
        });
        traced.trace().keep(false);
        auto directory = Place::open(
            pack_place, create ? RootMode::create_if_missing : RootMode::existing, traced);
        if (!directory) throw Stop{"directory: " + describe(directory.error())};
        if (auto told = store->tell_oracle_what_is_in(*directory, pack_place); !told)
            throw Stop{"rows: " + store->describe(told.error())};
        auto made = Packs::open(std::move(*directory), *committer,
                                {.create = create,
                                 .pack_size = pack_size,
                                 .patience = 2s,
                                 .memory = 256_KiB,
                                 .writeback = 256_KiB,
                                 .make_uuid = next_uuid},
                                clock);
        if (!made) throw Stop{"open: " + store->describe(made.error())};
        packs.emplace(std::move(*made));
        if (!promise) return;
        promise->is_open = true;
        fs.barrier();
    }

    /// Saves snapshot `n`, and tells the promise what is sure.
    void save(std::uint64_t n, Extent extent) {
        pack::SnapshotRows::Facts facts{
            pack::Snapshot{.time = static_cast<std::int64_t>(n), .root = root(extent)}};
        bool is_new = false;
        for (auto chunk = extent.first; chunk < extent.last; ++chunk) {
            auto added = packs->add(chunk_bytes(chunk));
            if (!added) throw Stop{"add: " + describe(added.error())};
            is_new = is_new || added->second;
        }
        if (mutant == Mutant::forgets_snapshot && !is_new) facts = {};
        if (auto done = packs->commit(facts); !done)
            throw Stop{"commit: " + store->describe(done.error())};
        if (!promise) return;
        promise->saved[n] = extent;
        fs.barrier();
    }

    void forget(std::uint64_t n) {
        if (promise) {
            promise->saved.erase(n);
            promise->may_go.insert(n);
        }
        const auto all = snapshots();
        const auto found = std::ranges::find(all, n, number_of);
        if (found == all.end()) throw Stop{"forget: there is no such snapshot"};
        auto done = committer->run(
            [&](Store::Transaction& tx) { return pack::SnapshotRows::remove(tx, found->id); });
        if (!done) throw Stop{"forget: " + store->describe(done.error())};
        if (!promise) return;
        promise->may_go.erase(n);
        promise->deleted.insert(n);
        fs.barrier();
    }

    void prune(const pack::PruneOptions& options) {
        auto all = snapshots();
        if (mutant == Mutant::sees_no_first && !all.empty()) all.erase(all.begin());
        if (mutant == Mutant::sees_no_nodes) all.clear();
        pack::LiveChunks live;
        auto source = packs->source();
        for (const auto& snapshot : all)
            if (auto added = live.add(source, snapshot.root); !added)
                throw Stop{"mark: " + describe(added.error())};
        Bent bent{*packs};
        auto pruned = pack::prune(bent, live, options, []() -> Result<int> { return 0; });
        if (!pruned) throw Stop{"prune: " + store->describe(pruned.error())};
        if (!pruned->problems.empty()) throw Stop{"a pack that can't be read"};
        if (auto drained = committer->drain(2s); !drained)
            throw Stop{"drain: " + store->describe(drained.error())};
    }

    /// Bends the last byte of the first pack: its index is damaged, and no chunk.
    void damage() {
        const auto id = packs->view().packs().front().id;
        auto ground = testing::ground_of(fs);
        const auto place = ground.open_root(pack_place, RootMode::existing);
        const auto file = ground.open_at(*place, ObjectName{id}.c_str(), OpenMode::write);
        std::byte last{};
        const auto at = ground.status(*file)->size.value - 1;
        (void)ground.read_at(*file, {&last, 1}, at);
        last ^= std::byte{1};
        (void)ground.write_at(*file, {&last, 1}, at);
        (void)ground.close(*file);
        (void)ground.close(*place);
    }

    void mend() {
        auto found = pack::verify_packs(packs->view());
        if (!found) throw Stop{"verify: " + store->describe(found.error())};
        Bent bent{*packs};
        auto mended = pack::repair(bent, *found, []() -> Result<int> { return 0; });
        if (!mended) throw Stop{"repair: " + store->describe(mended.error())};
        if (mended->lost != 0 || !mended->left.empty()) throw Stop{"not all of it was mended"};
        if (auto drained = committer->drain(2s); !drained)
            throw Stop{"drain: " + store->describe(drained.error())};
    }

    std::vector<pack::Snapshot> snapshots() {
        auto all = pack::SnapshotRows::list(*store);
        if (!all) throw Stop{"list: " + store->describe(all.error())};
        if (!all->damaged.empty()) throw Stop{"list: a snapshot is damaged"};
        return std::move(all->whole);
    }
    static std::uint64_t number_of(const pack::Snapshot& snapshot) {
        return static_cast<std::uint64_t>(snapshot.time);
    }
    static pack::TreeEntry root(Extent extent) {
        pack::TreeEntry entry;
        entry.name = "root";
        for (auto n = extent.first; n < extent.last; ++n) {
            const auto bytes = chunk_bytes(n);
            entry.content.extents.push_back({bytes.size(), digest_of<Sha256>(bytes), false});
            entry.content.size += bytes.size();
        }
        return entry;
    }

    Fs fs;
    DataFs data;
    TracedFs traced;
    testing::OrderingOracle oracle;
    testing::ScopedSqliteOn<Fs> sqlite;
    ManualClock clock;
    Promise* promise;
    std::optional<Store> store;
    std::optional<Packs::Committer> committer;
    std::optional<Packs> packs;
};

/// A store that is new, on a disk of its own.
struct StoreBench {
    explicit StoreBench(Bytes pack_size = 6_KiB) {
        (void)ground.close(*ground.open_root("/sim/store", RootMode::create_if_missing));
        (void)ground.close(*ground.open_root(pack_place, RootMode::create_if_missing));
        life.emplace(Fs{ground}, &promise, true, pack_size);
    }
    FileHandle open(ObjectId id, OpenMode mode) {
        const auto place = ground.open_root(pack_place, RootMode::existing);
        const auto file = ground.open_at(*place, ObjectName{id}.c_str(), mode);
        (void)ground.close(*place);
        return *file;
    }

    SimFs ground;
    Promise promise;
    std::optional<Life> life;
};

/// What was set aside keeps its file, and a row that says so.
inline bool is_known(Life& life, const std::string& name) {
    const auto id = ObjectName::parse(name);
    if (!id) return false;
    const auto row = life.store->object(*id);
    return row && *row && (*row)->state == ObjectState::quarantined;
}

/// Whether all that was promised is there, and nothing else but what may be.
inline void check_all(Life& life, const Promise& promise, Failures& failures) {
    auto snapshots = pack::SnapshotRows::list(*life.store);
    if (!snapshots) return failures.add("list: " + describe(snapshots.error()));
    if (!snapshots->damaged.empty()) failures.add("a snapshot is damaged");
    std::map<std::uint64_t, const pack::Snapshot*> there;
    for (const auto& snapshot : snapshots->whole) there[Life::number_of(snapshot)] = &snapshot;
    for (const auto& [n, extent] : promise.saved)
        if (!there.contains(n) || there[n]->root != Life::root(extent))
            failures.add("snapshot " + std::to_string(n) + " is not what was saved");
    for (const auto n : promise.deleted)
        if (there.contains(n)) failures.add("snapshot " + std::to_string(n) + " is back");

    auto source = life.packs->source();
    for (const auto& [n, snapshot] : there)
        for (const auto& extent : snapshot->root.content.extents) {
            const auto bytes = source.read(extent.address);
            if (!bytes)
                failures.add("a chunk of snapshot " + std::to_string(n) + ": " +
                             describe(bytes.error()));
            else if (bytes->size() != extent.length)
                failures.add("a chunk of another length");
        }
    for (const auto& problem : life.packs->view().problems())
        failures.add("a pack: " + describe(problem.error));
    if (auto drained = life.committer->drain(2s); !drained)
        failures.add("drain: " + describe(drained.error()));
    std::set<std::string> names;
    for (const auto& row : life.packs->view().packs())
        names.insert(std::string{std::string_view{ObjectName{row.id}}});
    auto directory =
        FsDirectory<SimFs>::open(pack_place, RootMode::existing, testing::ground_of(life.fs));
    const auto listed = directory->list();
    for (const auto& name : *listed)
        if (!name.starts_with("bobbin-") && names.erase(name) == 0 && !is_known(life, name))
            failures.add("an orphan: " + name);
    for (const auto& name : names) failures.add("a row without a file: " + name);
}

}  // namespace pack_tests

#endif
