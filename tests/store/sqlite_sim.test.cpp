#include <bobbin/store/sqlite.hpp>

#include <bobbin/testing/inject_faults.hpp>
#include <bobbin/testing/sqlite_on_sim.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include "sqlite_files.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

namespace bobbin_tests {

using namespace bobbin::testing;

inline std::uint8_t uuids_made = 0;
inline Uuid next_uuid() noexcept { return testing::conformance::detail::uuid_of(++uuids_made); }

constexpr auto steps = schema_steps("test", {"create table fact (id integer primary key references "
                                             "object (id) on delete cascade, n integer) strict"});

/// Records objects, and tells of each when it is committed.
struct StoreProgram {
    SqliteMode mode = SqliteMode::exclusive;
    bool prepared = false;  // else the creation is part of what is explored
    Sequence objects = 2;

    struct Promise {
        std::set<Sequence> numbers;
        std::uint32_t open = 0;
        Uuid uuid;
        friend bool operator==(const Promise&, const Promise&) = default;
        std::uint64_t hash() const {
            std::uint64_t h = open * 31u + std::to_integer<unsigned>(uuid.bytes[15]);
            for (const auto n : numbers) h = h * 1'000'003 + n;
            return h;
        }
    };

    SqliteOptions options() const {
        return {.mode = mode, .reserve = Bytes{0}, .schema = {steps}, .make_uuid = next_uuid};
    }

    template <class Fs>
    Result<SqliteStore> open(Fs fs) const {
        return SqliteStore::open("/sim/db/catalog.db", options(), fs);
    }

    void prepare(SimFs fs) const {
        if (auto dir = fs.open_root("/sim/db", RootMode::create_if_missing)) (void)fs.close(*dir);
        if (!prepared) return;
        Promise promise;
        uuids_made = 0;
        auto one = *this;
        one.objects = 0;
        one.run(fs, promise);
    }

    template <class Fs>
    void run(Fs fs, Promise& promise) const {
        uuids_made = 10;
        const ScopedSqliteOn sqlite{fs};
        auto store = open(fs);
        if (!store) return;
        promise.open = store->open_record().id.value;
        promise.uuid = store->uuid();
        ground_of(fs).barrier();
        const auto stream = store->stream("door");
        if (!stream) return;
        for (Sequence n = 1; n <= objects; ++n) {
            for (const bool grows : {true, false})
                if (!add(*store, *stream, n, grows)) return;
            promise.numbers.insert(n);
            ground_of(fs).barrier();
        }
        if (objects == 0) return;
        promise.numbers.erase(1);
        auto t = store->begin();
        if (t && t->make_garbage(ObjectId{*stream, 1}) && t->forget(ObjectId{*stream, 1}))
            (void)t->commit();
    }

    static bool add(SqliteStore& store, StreamId stream, Sequence n, bool grows,
                    std::size_t piece_size = 3000) {
        auto t = store.begin();
        if (!t) return false;
        const auto directory = t->add_directory(testing::conformance::detail::uuid_of(1));
        if (!directory) return false;
        auto row = testing::conformance::detail::committed_row(stream, n, *directory,
                                                               store.open_record().id);
        if (grows) {
            row.state = ObjectState::growing;
            row.end_reason = EndReason::growing;
        }
        const std::string piece(piece_size, 'x');
        const auto number = grows ? 0u : 1u;
        if (!t->put(row) || !t->put_piece({row.id, PieceKind::index, number, as_bytes(piece)}) ||
            !t->put_piece({row.id, PieceKind::block_digests, number, as_bytes("0123")}))
            return false;
        if (!grows && !t->run("insert into fact values (?1, ?2)", row.id, n)) return false;
        return t->commit().has_value();
    }

    void recover(SimFs fs, const Promise& promise, Failures& failures) const {
        uuids_made = 100;
        const ScopedSqliteOn sqlite{fs};
        auto store = open(fs);
        if (!store) {
            failures.check(false,
                           ("cannot open: " + SqliteStore::describe(store.error(), "it")).c_str());
            return;
        }
        failures.check(promise.uuid.is_nil() || store->uuid() == promise.uuid, "another store");
        failures.check(store->open_record().id.value > promise.open, "an open is lost");
        const auto stream = store->stream("door");
        if (!failures.check(stream.has_value(), "no stream")) return;
        const auto rows = store->objects(*stream, 0, UINT32_MAX);
        if (!failures.check(rows.has_value(), "no rows")) return;
        auto missing = promise.numbers;
        for (const auto& row : *rows) {
            missing.erase(row.id.sequence());
            const auto index = store->piece_bytes(row.id, PieceKind::index);
            failures.check(index && index->size() == 6000, "a committed object lacks pieces");
        }
        failures.check(missing.empty(), "an acknowledged object is lost");
        auto t = store->begin();
        if (!failures.check(t.has_value(), "no transaction")) return;
        const auto usage = t->usage();
        std::uint64_t counted = 0;
        for (const auto& u : *usage) counted += u.objects;
        failures.check(counted == rows->size(), "the usage is not that of the rows");
        auto facts =
            t->statement("select count(*) from fact join object using (id) where state = 2");
        const auto fact_count = facts->one<std::uint64_t>();
        failures.check(fact_count && std::get<0>(**fact_count) == counted,
                       "facts and objects differ");
        auto sound = t->statement("pragma integrity_check");
        const auto answer = sound->one<std::string>();
        failures.check(answer && std::get<0>(**answer) == "ok", "the database is corrupt");
    }
};

/// Looks at what is there after a commit that may have failed, and relies on it.
struct DoubtingProgram : StoreProgram {
    struct Promise {
        std::optional<std::uint64_t> seen;
        friend bool operator==(const Promise&, const Promise&) = default;
        std::uint64_t hash() const { return seen ? *seen + 1 : 0; }
    };

    void prepare(SimFs fs) const {
        StoreProgram::Promise promise;
        (void)fs.close(*fs.open_root("/sim/db", RootMode::create_if_missing));
        StoreProgram::run(fs, promise);
    }

    template <class Fs>
    void run(Fs fs, Promise& promise) const {
        uuids_made = 10;
        const ScopedSqliteOn sqlite{fs};
        auto store = open(fs);
        if (!store) return;
        const auto stream = store->stream("door");
        if (!stream) return;
        for (std::uint64_t n = 1; n <= 2; ++n) {
            promise.seen.reset();
            if (auto t = store->begin(); t && t->set_retention(*stream, Bytes{n}))
                (void)t->commit();
            if (auto t = store->begin())
                if (const auto streams = t->streams()) promise.seen = streams->front().retain.value;
            ground_of(fs).barrier();
        }
    }

    void recover(SimFs fs, const Promise& promise, Failures& failures) const {
        uuids_made = 100;
        const ScopedSqliteOn sqlite{fs};
        auto store = open(fs);
        if (!failures.check(store.has_value(), "cannot open")) return;
        const auto streams = store->streams();
        if (!failures.check(streams && streams->size() == 1, "no stream") || !promise.seen) return;
        failures.check(streams->front().retain.value == *promise.seen,
                       "what was seen is not there");
    }
};

/// A medium that takes nothing.
struct ReadOnlySim : SimFs {
    explicit ReadOnlySim(SimFs of) : SimFs{std::move(of)} {}

    Result<FileHandle> open_at(FileHandle dir, const char* name, OpenMode mode) noexcept {
        if (mode != OpenMode::read) return Error::system(EROFS, Operation::open);
        return SimFs::open_at(dir, name, mode);
    }
    Result<void> remove(FileHandle, const char*) noexcept {
        return Error::system(EROFS, Operation::remove);
    }
};

/// Is read before anybody writes it again: on a medium that takes nothing, and on one that does. In shared
/// mode: SQLite maps memory where it reads what it can't write of a WAL, and the simulation has none.
struct ReadProgram : StoreProgram {
    static inline std::size_t refused = 0, undone = 0;

    void recover(SimFs fs, const Promise& promise, Failures& failures) const {
        if (const auto seen = read(ReadOnlySim{fs}, promise, failures); !seen) {
            // Half a commit is no answer, and without writing there is no other.
            failures.check(seen.error().domain == Domain::sqlite &&
                               seen.error().code == SQLITE_READONLY_ROLLBACK,
                           "cannot read what can't be written");
            ++refused;
        }
        const auto before = content(fs, "catalog.db");
        failures.check(read(fs, promise, failures).has_value(), "cannot read");
        if (content(fs, "catalog.db") != before) ++undone;
        StoreProgram::recover(fs, promise, failures);
    }

    template <class Fs>
    Result<void> read(Fs fs, const Promise& promise, Failures& failures) const {
        const ScopedSqliteOn sqlite{fs};
        auto with = options();
        with.read_only = true;
        auto store = SqliteStore::open("/sim/db/catalog.db", with, fs);
        if (!store) return store.error();
        const auto stream = store->stream("door");
        if (!stream) {
            failures.check(promise.numbers.empty(), "the stream is lost");
            return {};
        }
        const auto rows = store->objects(*stream, 0, UINT32_MAX);
        if (!rows) return rows.error();
        auto missing = promise.numbers;
        for (const auto& row : *rows) {
            missing.erase(row.id.sequence());
            const auto index = store->piece_bytes(row.id, PieceKind::index);
            failures.check(index && index->size() == 6000, "what is read lacks pieces");
        }
        failures.check(missing.empty(), "an acknowledged object is not read");
        return {};
    }

    static std::vector<std::byte> content(SimFs fs, const char* name) {
        auto dir = fs.open_root("/sim/db", RootMode::existing);
        auto file = fs.open_at(*dir, name, OpenMode::read);
        std::vector<std::byte> bytes;
        if (file) {
            bytes.resize(static_cast<std::size_t>(fs.status(*file)->size.value));
            (void)fs.read_at(*file, bytes, 0);
            (void)fs.close(*file);
        }
        (void)fs.close(*dir);
        return bytes;
    }
};

}  // namespace bobbin_tests

using namespace bobbin_tests;

BOOST_AUTO_TEST_SUITE(store_sqlite_sim)

BOOST_AUTO_TEST_CASE(survives_a_crash_anywhere) {
    for (const auto mode : {SqliteMode::exclusive, SqliteMode::shared}) {
        const auto made = explore(StoreProgram{mode, false, 0},
                                  {.depth = 2, .exhaustive_limit = 32, .samples = 8});
        BOOST_TEST(made.violations == 0u, made);
        BOOST_TEST(made.distinct_states > 10u, made);
        const auto used =
            explore(StoreProgram{mode, true, 2},
                    {.depth = 1, .garbage = true, .exhaustive_limit = 300, .samples = 200});
        BOOST_TEST(used.violations == 0u, used);
        BOOST_TEST_MESSAGE(made << used);
    }
}

BOOST_AUTO_TEST_CASE(is_read_after_a_crash_anywhere) {
    const auto report = explore(
        ReadProgram{{SqliteMode::shared, true, 1}},
        {.depth = 2, .garbage = true, .exhaustive_limit = 100, .samples = 50, .max_states = 4000});
    BOOST_TEST(report.violations == 0u, report);
    BOOST_TEST(ReadProgram::refused > 100u);
    BOOST_TEST(ReadProgram::undone > 100u);
    BOOST_TEST_MESSAGE(report << ", " << ReadProgram::refused << " refused without writing, "
                              << ReadProgram::undone << " undone");
}

BOOST_AUTO_TEST_CASE(survives_each_error) {
    for (const auto mode : {SqliteMode::exclusive, SqliteMode::shared}) {
        const auto report =
            inject_faults(StoreProgram{mode, false, 1},
                          {.errors = {EIO, ENOSPC},
                           .stride = 7,
                           .explore = {.depth = 1, .exhaustive_limit = 8, .samples = 4}});
        BOOST_TEST(report.violations == 0u, report);
        BOOST_TEST(report.faults > 50u, report);
        BOOST_TEST_MESSAGE(report);
    }
}

BOOST_AUTO_TEST_CASE(a_failed_commit_says_what_is_known) {
    struct Case {
        SqliteMode mode;
        Call call;
        int error;
        ErrorKind kind;
    };
    for (const auto& [mode, call, error, kind] :
         {Case{SqliteMode::exclusive, Call::sync, EIO, ErrorKind::unknown_outcome},
          Case{SqliteMode::exclusive, Call::write, EIO, ErrorKind::unknown_outcome},
          Case{SqliteMode::exclusive, Call::write, ENOSPC, ErrorKind::no_space},
          Case{SqliteMode::shared, Call::sync, EIO, ErrorKind::unknown_outcome},
          Case{SqliteMode::shared, Call::sync_directory, EIO, ErrorKind::permanent}}) {
        FaultyFs<SimFs> fs;
        const StoreProgram program{mode};
        program.prepare(ground_of(fs));
        const ScopedSqliteOn sqlite{fs};
        auto store = must(program.open(fs));
        const auto stream = must(store.stream("door"));
        {
            auto t = must(store.begin());
            must(t.set_retention(stream, Bytes{77}));
            fs.plan().add({call, 1, false, error});
            const auto committed = t.commit();
            BOOST_REQUIRE(!committed);
            BOOST_TEST((committed.error().kind() == kind), store.describe(committed.error()));
            BOOST_TEST(fs.plan().hits() == 1u);
        }
        // It goes on, and may do the same again.
        auto t = must(store.begin());
        must(t.set_retention(stream, Bytes{77}));
        must(t.commit());
        BOOST_TEST((must(store.streams()).front().retain == Bytes{77}));
    }
}

BOOST_AUTO_TEST_CASE(what_the_next_transaction_sees_of_a_failed_commit_lasts) {
    for (const auto mode : {SqliteMode::exclusive, SqliteMode::shared}) {
        const auto report = inject_faults(
            DoubtingProgram{{.mode = mode, .objects = 1}},
            {.errors = {EIO, ENOSPC},
             .explore = {.depth = 1, .exhaustive_limit = 8, .samples = 4, .max_states = 20'000}});
        BOOST_TEST(report.violations == 0u, report);
        BOOST_TEST(report.faults > 50u, report);
        BOOST_TEST_MESSAGE(report);
    }
}

BOOST_AUTO_TEST_CASE(a_commit_is_small) {
    for (const std::size_t piece_size : {600u, 3000u, 6000u}) {
        TracingFs<SimFs> fs;
        const StoreProgram program;
        program.prepare(ground_of(fs));
        const ScopedSqliteOn sqlite{fs};
        auto store = must(program.open(fs));
        const auto stream = must(store.stream("door"));
        // Pages in the WAL, which the last commit's program row and two pieces are part of.
        const auto pages_of = [&](Sequence n, bool grows) {
            std::ptrdiff_t pages = 0;
            fs.trace().on_call([&](const TracedCall& call) {
                const bool is_page = call.call == Call::write && call.size == 4096;
                if (is_page && call.path.ends_with("-wal")) ++pages;
            });
            BOOST_REQUIRE(StoreProgram::add(store, stream, n, grows, piece_size));
            fs.trace().on_call(nullptr);
            return pages;
        };
        std::vector<std::ptrdiff_t> begun, committed;
        for (Sequence n = 1; n <= 500; ++n) {
            begun.push_back(pages_of(n, true));
            committed.push_back(pages_of(n, false));
        }
        for (auto* all : {&begun, &committed}) {
            std::ranges::sort(*all);
            BOOST_TEST_MESSAGE(piece_size << " bytes a piece: half of the commits write "
                                          << (*all)[250] << " pages or less, 19 of 20 "
                                          << (*all)[475] << ", all " << all->back());
            BOOST_TEST((*all)[250] <= 8);
            BOOST_TEST((*all)[475] <= 10);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
