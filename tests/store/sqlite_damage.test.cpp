#include <bobbin/store/sqlite.hpp>

#include "sqlite_files.hpp"

#include <cerrno>
#include <random>

using namespace bobbin_tests;

namespace {

struct Damaged {
    TemporaryDirectory directory;
    std::string path = directory / "catalog.db";
    ObjectId id;

    explicit Damaged(const std::string& sql) {
        {
            auto store = open_store(path);
            id = Filled{store}.row.id;
            auto t = must(store.begin());
            must(t.put_piece({id, PieceKind::index, 0, as_bytes("abc")}));
            must(t.commit());
        }
        tamper(path, "pragma ignore_check_constraints = on; pragma foreign_keys = off; " + sql);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(store_sqlite_damage)

BOOST_AUTO_TEST_CASE(what_is_no_store_of_ours_is_refused_and_left_alone) {
    TemporaryDirectory directory;
    const auto path = directory / "it";
    const auto refused = [&](Errc code) {
        const auto before = content_of(path);
        for (const bool read_only : {false, true})
            for (const auto mode : {SqliteMode::exclusive, SqliteMode::shared}) {
                const auto store = try_open(path, {.read_only = read_only, .mode = mode});
                BOOST_TEST((!store && store.error().is(code)));
                BOOST_TEST(!SqliteStore::describe(store.error(), path).empty());
            }
        BOOST_TEST(content_of(path) == before);
    };
    write_file(path, "");
    refused(Errc::store_mismatch);
    std::filesystem::remove(path);
    tamper(path, "create table t (x); insert into t values (1)");
    refused(Errc::store_mismatch);
    tamper(path, "pragma journal_mode = wal");
    refused(Errc::store_mismatch);
    std::filesystem::remove(path);
    { open_store(path); }
    tamper(path, "pragma user_version = 2");
    refused(Errc::schema_unknown);
    tamper(path, "pragma user_version = 0");
    refused(Errc::store_mismatch);
    tamper(path, "pragma user_version = 1; drop table piece");
    refused(Errc::schema_mismatch);
}

BOOST_AUTO_TEST_CASE(what_is_no_database_is_corrupt) {
    TemporaryDirectory directory;
    const auto path = directory / "it";
    write_file(path, std::string(5000, 'x'));
    const auto store = try_open(path);
    BOOST_TEST((store.error().kind() == ErrorKind::corrupt));
    BOOST_TEST(SqliteStore::describe(store.error(), path).find("not a database") !=
               std::string::npos);
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
    BOOST_TEST(!try_open(path));
}

BOOST_AUTO_TEST_CASE(a_truncated_or_garbled_database_gives_errors_and_no_crash) {
    TemporaryDirectory directory;
    const auto good = directory / "good", path = directory / "it";
    ObjectId id;
    {
        auto store = open_store(good);
        id = Filled{store}.row.id;
    }
    const auto content = content_of(good);
    const auto use = [&] {
        auto store = try_open(path);
        if (!store) {
            BOOST_TEST((store.error().kind() == ErrorKind::corrupt ||
                        store.error().kind() == ErrorKind::bad_input ||
                        store.error().kind() == ErrorKind::permanent));
            return;
        }
        (void)store->object(id);
        (void)store->objects(id.stream(), 0, 100);
        (void)store->piece_bytes(id, PieceKind::index);
        auto t = store->begin();
        if (!t) return;
        (void)t->usage();
        (void)t->in_state(DirectoryId{1}, ObjectState::garbage);
        (void)t->make_garbage(id);
        (void)t->commit();
    };
    for (std::size_t size = 1; size < content.size(); size += 1371) {
        for (const char* suffix : {"", "-wal", "-journal"}) std::filesystem::remove(path + suffix);
        write_file(path, content.substr(0, size));
        use();
    }
    std::mt19937 random{7};
    for (int round = 0; round < 300; ++round) {
        auto garbled = content;
        for (int n = 1 + round % 20; n != 0; --n)
            garbled[random() % garbled.size()] = static_cast<char>(random());
        for (const char* suffix : {"", "-wal", "-journal"}) std::filesystem::remove(path + suffix);
        write_file(path, garbled);
        use();
    }
}

BOOST_AUTO_TEST_CASE(impossible_rows_are_an_error) {
    for (const char* change :
         {"state = 9", "state = 0", "end_reason = 7", "end_reason = 0", "protected = 2",
          "size = -1", "allocated = 0", "digest = zeroblob(33)", "directory = 0", "directory = -1",
          "open = 4294967296", "state = 3, protected = 1", "index_format = null"}) {
        Damaged it{std::string{"update object set "} + change};
        auto store = open_store(it.path);
        const auto row = store.object(it.id);
        BOOST_TEST((!row && row.error().is(Errc::store_invariant)), change);
        BOOST_TEST((!row && row.error().subject == Subject{it.id}), change);
    }
    Damaged usage{"update usage set objects = 0"};
    auto store = open_store(usage.path);
    auto t = must(store.begin());
    BOOST_TEST(t.make_garbage(usage.id).error().is(Errc::store_invariant));
    // A step that broke off is not committed, nor is what follows.
    BOOST_TEST(t.reserve(usage.id.stream(), DirectoryId{1}, 50).error().is(Errc::store_invariant));
    BOOST_TEST(t.commit().error().is(Errc::store_invariant));
    BOOST_TEST(must(must(store.begin()).usage()).front().highest == 1u);
}

BOOST_AUTO_TEST_CASE(an_unknown_format_spoils_its_object_only) {
    Damaged it{"update format set name = 'Not A Name' where id = 1;"
               "update object set digest_format = 99"};
    auto store = open_store(it.path);
    {
        auto t = must(store.begin());
        auto row = testing::conformance::detail::committed_row(it.id.stream(), 2, DirectoryId{1},
                                                               store.open_record().id);
        row.index_format = FormatId{"from-the-future"};
        must(t.put(row));
        must(t.commit());
    }
    const auto rows = must(store.objects(it.id.stream(), 0, 100));
    BOOST_REQUIRE(rows.size() == 2u);
    BOOST_TEST(rows[0].index_format.name() == "");
    BOOST_TEST(rows[0].digest_format.name() == "");
    BOOST_TEST(rows[1].index_format.name() == "from-the-future");
    BOOST_TEST(rows[1].digest_format.name() == "digest.v1");
}

BOOST_AUTO_TEST_CASE(a_format_that_was_rolled_back_is_forgotten) {
    TemporaryDirectory directory;
    auto store = open_store(directory / "catalog.db");
    const Filled filled{store};
    auto row = filled.row;
    for (const auto& [format, commits] : {std::pair{FormatId{"first"}, false},
                                          {FormatId{"second"}, true},
                                          {FormatId{"first"}, true}}) {
        auto t = must(store.begin());
        row.index_format = format;
        must(t.put(row));
        BOOST_TEST((must(t.object(row.id))->index_format == format));
        if (commits) must(t.commit());
    }
    BOOST_TEST((must(store.object(row.id))->index_format == FormatId{"first"}));
}

BOOST_AUTO_TEST_CASE(codes_have_kinds) {
    const auto kind = [](int code, int system = 0) { return detail::kind_of_sqlite(code, system); };
    BOOST_TEST((kind(SQLITE_BUSY_RECOVERY) == ErrorKind::locked));
    BOOST_TEST((kind(SQLITE_FULL) == ErrorKind::no_space));
    BOOST_TEST((kind(SQLITE_IOERR_WRITE, ENOSPC) == ErrorKind::no_space));
    BOOST_TEST((kind(SQLITE_CANTOPEN, EDQUOT) == ErrorKind::no_space));
    BOOST_TEST((kind(SQLITE_IOERR_WRITE, EIO) == ErrorKind::permanent));
    BOOST_TEST((kind(SQLITE_CANTOPEN, EMFILE) == ErrorKind::transient));
    BOOST_TEST((kind(SQLITE_IOERR_NOMEM) == ErrorKind::transient));
    BOOST_TEST((kind(SQLITE_NOMEM) == ErrorKind::transient));
    BOOST_TEST((kind(SQLITE_NOTADB) == ErrorKind::corrupt));
    BOOST_TEST((kind(SQLITE_CORRUPT_INDEX) == ErrorKind::corrupt));
    BOOST_TEST((kind(SQLITE_CONSTRAINT_CHECK) == ErrorKind::bad_input));
    BOOST_TEST((kind(SQLITE_READONLY_DBMOVED) == ErrorKind::permanent));
    BOOST_TEST((kind(SQLITE_INTERRUPT) == ErrorKind::cancelled));
    BOOST_TEST((kind(SQLITE_RANGE) == ErrorKind::bad_input));
    BOOST_TEST((kind(SQLITE_ERROR) == ErrorKind::permanent));
}

BOOST_AUTO_TEST_SUITE_END()
