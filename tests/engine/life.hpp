#ifndef BOBBIN_TESTS_ENGINE_LIFE_HPP
#define BOBBIN_TESTS_ENGINE_LIFE_HPP

#include "mutants.hpp"
#include "scenario.hpp"

#include <bobbin/bobbin.hpp>
#include <bobbin/file/auto.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/store/sqlite.hpp>
#include <bobbin/testing/checked_store.hpp>
#include <bobbin/testing/oracle.hpp>
#include <bobbin/testing/sqlite_on_sim.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace engine_tests {

using namespace std::chrono_literals;

/// UUIDs that are the same in each run and others in each process life.
inline thread_local std::uint64_t uuid_seed = 0;
inline Uuid next_uuid() noexcept {
    Uuid uuid;
    store_le(uuid.bytes.data(), ++uuid_seed * 0x9E3779B97F4A7C15u);
    return uuid;
}

struct Teller : NullObserver {
    Promise* promise = nullptr;
    bool expects_soft_marks = true;
    std::function<void()> told = [] {};
    void on_committed(ObjectId id, Bytes size) noexcept {
        if (!promise) return;
        promise->whole[id] = size.value;
        promise->marked.erase(id);
        promise->soft.erase(id);
        told();
    }
    void on_soft_marked(ObjectId id, Bytes size) noexcept {
        if (!promise || !expects_soft_marks) return;
        promise->soft[id] = size.value;
        told();
    }
    /// What it was given up for may have taken what the kernel had.
    void on_split(ObjectId id, ObjectId, EndReason) noexcept {
        if (promise) promise->soft.erase(id);
    }
    void on_marked(ObjectId id, Bytes size) noexcept {
        if (!promise) return;
        promise->marked[id] = size.value;
        told();
    }
    void on_quarantined(ObjectId id, const Error& error) noexcept {
        quarantined = describe(error);
        if (!promise) return;
        promise->marked.erase(id);
        promise->soft.erase(id);
    }
    std::string quarantined;
    std::set<ObjectId> deleted;
    /// A full disk costs the oldest objects.
    void on_error(const Error& error) noexcept {
        // What is given up ends at its hard mark.
        if (promise && (error.operation == Operation::sync || error.operation == Operation::write))
            promise->soft.clear();
        if (promise && (error.is_errno(ENOSPC) || error.kind() == ErrorKind::no_space)) promise->let_go();
    }
    void on_deleted(ObjectId id) noexcept {
        deleted.insert(id);
        if (!promise) return;
        promise->whole.erase(id);
        promise->marked.erase(id);
        promise->soft.erase(id);
        promise->deleted.insert(id);
        told();
    }
};

/// The disk's faults hit SQLite and the directories; those of this view hit data files only.
using DataFs = testing::FaultyFs<Fs>;

inline constexpr const char* footage = "/sim/footage";
inline constexpr const char* attic = "/sim/attic";

/// The program's rows, which refuse what a scenario says.
struct PickyRows : NullRows {
    static inline thread_local ObjectId unwanted = no_object;  ///< is not committed
    static inline thread_local ObjectId clung_to = no_object;  ///< is not removed

    template <class Tx, class Counts>
    Result<void> commit(Tx&, ObjectId id, const Counts&, const Facts*) noexcept {
        if (id == unwanted) return Error{Errc::store_invariant, Operation::commit};
        return {};
    }
    template <class Tx>
    Result<void> remove(Tx&, ObjectId id) noexcept {
        if (id == clung_to) return Error{Errc::store_invariant, Operation::commit};
        return {};
    }
};

/// Everything a program has open, in one process life, on one simulated disk. Errors throw.
struct Life {
    using TracedFs = testing::TracingFs<DataFs>;
    using Store = MutatedStore<testing::CheckedStore<SqliteStore>>;
    using Place = MutatedDirectory<TracedFs>;
    using File = MutatedFile<Auto<bobbin::File<TracedFs>, ManualClock>>;
    using Archive =
        bobbin::Archive<File, Place, VideoIndex, Store, PickyRows, ManualClock, Teller>;
    using Committer = bobbin::Committer<Store, ManualClock>;

    struct Stop {
        std::string why;
    };

    struct Options {
        bool create = false;
        bool is_checked = false;  ///< by the oracle
        bool has_attic = false;
        Bytes reserve{};  ///< of the store
        bool expects_soft_marks = true;
        std::function<void(testing::FaultPlan&)> hurt{};  ///< what the data disk refuses from the start
    };

    Life(Fs files, Promise* promise, const Options& options)
        : fs{files}, data{files}, traced{data}, sqlite{files} {
        const auto [create, is_checked, has_attic, reserve, expects_soft_marks, hurt] = options;
        teller.expects_soft_marks = expects_soft_marks;
        PickyRows::unwanted = PickyRows::clung_to = no_object;
        uuid_seed = static_cast<std::uint64_t>(testing::ground_of(fs).next_seed()) << 20;
        if (is_checked) oracle.watch(traced.trace());
        traced.trace().keep(false);
        auto opened = SqliteStore::open("/sim/catalog/catalog.db",
                                        {.create = create, .reserve = reserve, .make_uuid = next_uuid}, files);
        if (!opened) throw Stop{"store: " + SqliteStore::describe(opened.error(), "catalog.db")};
        store.emplace(testing::CheckedStore<SqliteStore>{
            std::move(*opened), oracle, std::vector<std::string>{footage, attic}});
        raw_calls();
        if (is_checked) tell_oracle_what_is_there(footage);
        if (is_checked && has_attic) tell_oracle_what_is_there(attic);
        if (hurt) hurt(data.plan());
        committer.emplace(*store, clock);
        teller.promise = promise;
        teller.told = [this] { fs.barrier(); };
        open(syncer, footage, create);
        if (has_attic) open(second, attic, create);
        if (promise) {
            promise->is_open = true;
            fs.barrier();
        }
    }

    void open(std::optional<Archive::Syncer>& to, const char* path, bool create) {
        auto directory = FsDirectory<TracedFs>::open(
            path, create ? RootMode::create_if_missing : RootMode::existing, traced);
        if (!directory) throw Stop{"directory: " + describe(directory.error())};
        auto made = Archive::Syncer::open(
            Place{std::move(*directory)}, *committer,
            {.create = create, .memory = 256_KiB, .writeback = 256_KiB, .make_uuid = next_uuid},
            clock, teller);
        if (!made) throw Stop{"open: " + store->describe(made.error())};
        to.emplace(std::move(*made));
    }

    StreamId stream(const char* name, Bytes retain = no_limit) {
        auto found = store->stream(name, {retain});
        if (!found) throw Stop{"stream: " + store->describe(found.error())};
        return *found;
    }
    Archive::Writer writer(StreamId id) { return writer(*syncer, id); }
    Archive::Writer writer(Archive::Syncer& of, StreamId id) {
        auto made = of.writer(id);
        if (!made) throw Stop{"writer: " + store->describe(made.error())};
        return std::move(*made);
    }

    ~Life() { late = late_change = {}; }

    /// For what mutants do behind the policies' backs.
    void raw_calls() {
        late = late_change = {};
        raw_sync = [this](FileHandle h) { return data.sync(h); };
        raw_remove = [this](ObjectId id) {
            auto directory =
                FsDirectory<TracedFs>::open(footage, RootMode::existing, traced);
            if (directory) (void)directory->remove(id);
        };
    }

    void tell_oracle_what_is_there(const char* place) {
        auto directory =
            FsDirectory<SimFs>::open(place, RootMode::create_if_missing, testing::ground_of(fs));
        if (auto told = store->tell_oracle_what_is_in(*directory, place); !told)
            throw Stop{"row: " + store->describe(told.error())};
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
    std::optional<Archive::Syncer> second;  ///< of the attic
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
inline ObjectId record(Life::Archive::Syncer& of, Life::Archive::Writer& writer,
                       std::size_t first, std::size_t last) {
    for (auto n = first; n < last; ++n) append(writer, n);
    auto id = writer.end();
    if (!id) throw Life::Stop{"end"};
    // Without success it was split or given up; that is told, and nothing of it promised.
    (void)of.wait(*id, 1s);
    return *id;
}
inline ObjectId record(Life& life, Life::Archive::Writer& writer, std::size_t first,
                       std::size_t last) {
    return record(*life.syncer, writer, first, last);
}

}  // namespace engine_tests

#endif
