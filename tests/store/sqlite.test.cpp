#include <bobbin/store/sqlite.hpp>

#include "sqlite_files.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

using namespace bobbin_tests;

namespace {

std::string pragma(SqliteStore& store, const char* name) {
    auto t = must(store.begin());
    auto asked = must(t.statement(std::string{"pragma "} + name));
    BOOST_REQUIRE(must(asked.step()));
    return reinterpret_cast<const char*>(sqlite3_column_text(asked.native_handle(), 0));
}

/// Another process, which must be made before this one opens the store: SQLite's locks are not for
/// both sides of a fork.
class Elsewhere {
public:
    explicit Elsewhere(const std::string& path) {
        BOOST_REQUIRE((::pipe(asked_) == 0 && ::pipe(answered_) == 0));
        child_ = ::fork();
        if (child_ != 0) return;
        for (char what = 0; ::read(asked_[0], &what, 1) == 1 && what != 'q';) {
            const SqliteOptions options{.read_only = what == 'r',
                                        .mode = what == 's' ? SqliteMode::shared
                                                            : SqliteMode::exclusive,
                                        .busy_timeout = std::chrono::milliseconds{1}};
            const char answer = attempt(path, options);
            (void)!::write(answered_[1], &answer, 1);
        }
        ::_exit(0);
    }
    Elsewhere(const Elsewhere&) = delete;
    ~Elsewhere() {
        (void)!::write(asked_[1], "q", 1);
        ::waitpid(child_, nullptr, 0);
        for (const int end : {asked_[0], asked_[1], answered_[0], answered_[1]}) ::close(end);
    }

    /// It opens the store exclusively (e), shared (s) or to read (r). 'o': open, 'l': locked.
    char open(char how) {
        char answer = 0;
        BOOST_REQUIRE((::write(asked_[1], &how, 1) == 1 && ::read(answered_[0], &answer, 1) == 1));
        return answer;
    }

private:
    static char attempt(const std::string& path, const SqliteOptions& options) {
        const auto store = SqliteStore::open(path, options);
        if (store) return 'o';
        const auto text = SqliteStore::describe(store.error(), path);
        const bool is_clear = text.find("another process has it open") != text.npos;
        return store.error().kind() == ErrorKind::locked && is_clear ? 'l' : '?';
    }

    int asked_[2] = {}, answered_[2] = {};
    pid_t child_ = -1;
};

std::vector<std::string> names_in(const TemporaryDirectory& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{directory.path()})
        names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(store_sqlite)

BOOST_AUTO_TEST_CASE(conforms_in_both_modes) {
    for (const auto mode : {SqliteMode::exclusive, SqliteMode::shared}) {
        TemporaryDirectory directory;
        int count = 0;
        std::string path;
        const auto broken = testing::conformance::metadata_store<SqliteStore>(
            [&] {
                path = directory / std::to_string(++count);
                return open_store(path, {.mode = mode});
            },
            [&](SqliteStore&& store) {
                { const auto closed = std::move(store); }
                return open_store(path, {.mode = mode});
            },
            1, 150);
        for (const auto& line : broken) BOOST_ERROR(line);
    }
}

BOOST_AUTO_TEST_CASE(each_open_is_recorded) {
    TemporaryDirectory directory;
    const auto path = directory / "catalog.db";
    Uuid uuid;
    {
        const auto store = open_store(path);
        BOOST_TEST(store.open_record().id.value == 1u);
        uuid = store.uuid();
    }
    BOOST_TEST((names_in(directory) == std::vector<std::string>{"catalog.db"}));
    struct stat status {};
    BOOST_TEST(::stat(path.c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777) == 0600u);
    const auto store = open_store(path, {.create = false});
    BOOST_TEST(store.open_record().id.value == 2u);
    BOOST_TEST((store.uuid() == uuid));
}

BOOST_AUTO_TEST_CASE(pragmas_are_what_is_promised) {
    TemporaryDirectory directory;
    for (const auto mode : {SqliteMode::exclusive, SqliteMode::shared}) {
        const bool wal = mode == SqliteMode::exclusive;
        auto store = open_store(directory / (wal ? "wal" : "delete"),
                                {.mode = mode, .wal_autocheckpoint = 77});
        BOOST_TEST(pragma(store, "foreign_keys") == "1");
        BOOST_TEST(pragma(store, "journal_mode") == (wal ? "wal" : "delete"));
        BOOST_TEST(pragma(store, "synchronous") == "2");
        BOOST_TEST(pragma(store, "page_size") == "4096");
        BOOST_TEST(pragma(store, "trusted_schema") == "0");
        BOOST_TEST(pragma(store, "cell_size_check") == "1");
        BOOST_TEST(pragma(store, "temp_store") == "2");
        BOOST_TEST(pragma(store, "wal_autocheckpoint") == "77");
        BOOST_TEST(pragma(store, "integrity_check") == "ok");
        auto t = must(store.begin());
        auto asked = must(t.statement("pragma mmap_size"));
        const bool has_mmap = must(asked.step());
        BOOST_TEST((!has_mmap || sqlite3_column_int(asked.native_handle(), 0) == 0));
        int powersafe = -1;
        sqlite3_file_control(sqlite3_db_handle(asked.native_handle()), "main",
                             SQLITE_FCNTL_POWERSAFE_OVERWRITE, &powersafe);
        BOOST_TEST(powersafe == 0);
        // Defensive: the schema can't be written as rows.
        (void)t.run("pragma writable_schema = on");
        BOOST_TEST(!t.run("delete from sqlite_schema"));
    }
}

BOOST_AUTO_TEST_CASE(any_path_will_do) {
    TemporaryDirectory directory;
    const std::string names[] = {"a b",      "what?psow=1", "50%41",    "it's \"quoted\"",
                                 "#1;x&y=z", "\xc3\xa9",    ":memory:", "-wal",
                                 "a\nb"};
    for (const auto& name : names) {
        {
            Filled{*std::make_unique<SqliteStore>(open_store(directory / name))};
        }
        BOOST_TEST(std::filesystem::exists(directory / name));
        auto store = open_store(directory / name, {.create = false});
        BOOST_TEST(store.streams()->size() == 1u);
    }
    BOOST_TEST(names_in(directory).size() == std::size(names));
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(directory.path());
    for (const char* name : {":memory:", "relative", "./it"})
        BOOST_TEST(try_open(name).has_value());
    std::filesystem::current_path(before);
    BOOST_TEST(names_in(directory).size() == std::size(names) + 2);
    for (const char* bad : {"", "x/", "x/..", "."})
        BOOST_TEST(try_open(bad).error().is(Errc::invalid_argument));
    BOOST_TEST(try_open(directory / "no/such").error().is_errno(ENOENT));
    BOOST_TEST(try_open(directory / "absent", {.create = false}).error().is_errno(ENOENT));
}

BOOST_AUTO_TEST_CASE(a_symbolic_link_leads_to_the_database) {
    TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "real");
    { open_store(directory / "real/catalog.db"); }
    std::filesystem::create_symlink("real/catalog.db", directory / "link");
    const auto store = open_store(directory / "link");
    BOOST_TEST(store.open_record().id.value == 2u);
    BOOST_TEST(std::filesystem::exists(directory / "real/catalog.db-wal"));
}

BOOST_AUTO_TEST_CASE(what_a_crashed_creation_left_goes) {
    TemporaryDirectory directory;
    const auto path = directory / "catalog.db";
    write_file(path + ".new", "half a database");
    write_file(path + ".new-journal", "half a journal");
    write_file(path + "-wal", "of a database that is gone");
    { open_store(path); }
    const std::vector<std::string> left{"catalog.db", "catalog.db-wal.orphan"};
    BOOST_TEST((names_in(directory) == left));
}

BOOST_AUTO_TEST_CASE(another_process_is_refused) {
    TemporaryDirectory directory;
    const auto path = directory / "catalog.db";
    Elsewhere elsewhere{path};
    {
        auto store = open_store(path);
        for (const char how : {'e', 's', 'r'}) BOOST_TEST(elsewhere.open(how) == 'l');
        Filled{store};
        for (const char how : {'e', 's', 'r'}) BOOST_TEST(elsewhere.open(how) == 'l');
    }
    BOOST_TEST(elsewhere.open('r') == 'o');
    BOOST_TEST(elsewhere.open('e') == 'o');
    auto store = open_store(path, {.mode = SqliteMode::shared});
    BOOST_TEST(elsewhere.open('s') == 'o');
    const auto t = store.begin();
    BOOST_TEST(elsewhere.open('s') == 'l');
}

BOOST_AUTO_TEST_CASE(opened_to_read_nothing_changes) {
    TemporaryDirectory directory;
    const auto path = directory / "catalog.db";
    std::optional<Filled> filled;
    for (const auto mode : {SqliteMode::exclusive, SqliteMode::shared}) {
        {
            auto store = open_store(path, {.mode = mode});
            filled.emplace(store);
        }
        const auto before = content_of(path);
        {
            auto store = open_store(path, {.read_only = true, .mode = mode});
            BOOST_TEST(store.is_read_only());
            BOOST_TEST((store.open_record() == OpenRecord{}));
            BOOST_TEST(must(store.object(filled->row.id)).has_value());
            BOOST_TEST((must(store.stream("door")) == filled->stream));
            BOOST_TEST(store.begin().error().is(Errc::read_only));
            BOOST_TEST(store.stream("gate").error().is(Errc::read_only));
        }
        BOOST_TEST(content_of(path) == before);
        BOOST_TEST((names_in(directory) == std::vector<std::string>{"catalog.db"}));
    }
    BOOST_TEST(try_open(directory / "absent", {.read_only = true}).error().is_errno(ENOENT));
}

BOOST_AUTO_TEST_CASE(opened_to_read_what_a_crash_left_is_not_repaired) {
    TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "crashed");
    const auto path = directory / "catalog.db", copy = directory / "crashed/catalog.db";
    std::optional<Filled> filled;
    {
        auto store = open_store(path);
        filled.emplace(store);
        std::filesystem::copy_file(path, copy);
        std::filesystem::copy_file(path + "-wal", copy + "-wal");
    }
    const auto database = content_of(copy), wal = content_of(copy + "-wal");
    for (const auto mode : {SqliteMode::exclusive, SqliteMode::shared}) {
        auto store = open_store(copy, {.read_only = true, .mode = mode});
        BOOST_TEST(must(store.object(filled->row.id)).has_value());
        { const auto closed = std::move(store); }
        BOOST_TEST((content_of(copy) == database && content_of(copy + "-wal") == wal));
    }
    auto store = open_store(copy);
    BOOST_TEST(must(store.object(filled->row.id)).has_value());
    BOOST_TEST(store.open_record().id.value == 2u);
}

BOOST_AUTO_TEST_CASE(opened_to_read_a_commit_that_was_cut_off_is_undone) {
    TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "crashed");
    const auto path = directory / "catalog.db", copy = directory / "crashed/catalog.db";
    for (const auto mode : {SqliteMode::exclusive, SqliteMode::shared}) {
        std::filesystem::remove(path);
        std::optional<Filled> filled;
        {
            auto store = open_store(path, {.mode = SqliteMode::shared});
            filled.emplace(store);
        }
        const auto before = content_of(path);
        sqlite3* db = nullptr;
        BOOST_REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
        BOOST_TEST(sqlite3_exec(db,
                                "pragma cache_size = 1; begin immediate; delete from object;"
                                "create table junk (x);"
                                "with recursive n(i) as (select 1 union all select i + 1 from n "
                                "where i < 500) insert into junk select zeroblob(1000) from n",
                                nullptr, nullptr, nullptr) == SQLITE_OK);
        using std::filesystem::copy_options;
        std::filesystem::copy_file(path, copy, copy_options::overwrite_existing);
        std::filesystem::copy_file(path + "-journal", copy + "-journal");
        sqlite3_close(db);
        BOOST_TEST(content_of(copy) != before);
        {
            auto store = open_store(copy, {.read_only = true, .mode = mode});
            BOOST_TEST(must(store.object(filled->row.id)).has_value());
        }
        BOOST_TEST(content_of(copy) == before);
        BOOST_TEST(!std::filesystem::exists(copy + "-journal"));
    }
}

BOOST_AUTO_TEST_CASE(readers_do_not_wait_for_a_transaction) {
    TemporaryDirectory directory;
    auto store = open_store(directory / "catalog.db");
    const Filled filled{store};
    auto snapshot = must(store.reader());
    must(snapshot.snapshot());
    BOOST_TEST(must(snapshot.objects(filled.stream, 0, 100)).size() == 1u);

    std::atomic<bool> stop = false;
    std::atomic<std::size_t> reads = 0, wrong = 0;
    std::vector<std::jthread> readers;
    for (int i = 0; i < 3; ++i)
        readers.emplace_back([&] {
            while (!stop) {
                const auto rows = store.objects(filled.stream, 0, 1000);
                // Twenty at a time, or nothing of them.
                if (!rows || rows->size() % 20 != 1) ++wrong;
                ++reads;
            }
        });
    for (Sequence n = 2; n < 200;) {
        auto t = must(store.begin());
        auto row = filled.row;
        for (int i = 0; i < 20; ++i) {
            row.id = ObjectId{filled.stream, n++};
            must(t.put(row));
        }
        const auto before = reads.load();
        while (reads < before + 3) std::this_thread::yield();
        must(t.commit());
    }
    stop = true;
    readers.clear();
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(must(snapshot.objects(filled.stream, 0, 1000)).size() == 1u);
    BOOST_TEST(must(store.objects(filled.stream, 0, 1000)).size() == 201u);

    auto writes = must(snapshot.statement("delete from piece"));
    BOOST_TEST(!writes.run());
}

BOOST_AUTO_TEST_CASE(statements_are_typed) {
    TemporaryDirectory directory;
    auto store = open_store(directory / "catalog.db");
    auto t = must(store.begin());
    must(t.run("create table mine (a integer, b text, c blob, d real) strict"));
    const auto bytes = as_bytes("\1\2");
    must(t.run("insert into mine values (?1, ?2, ?3, ?4)", -5, "text", bytes, 0.5));
    must(t.run("insert into mine values (?1, ?2, ?3, ?4)", std::nullopt,
               std::optional<std::string_view>{}, ByteView{}, 2.0f));
    BOOST_TEST(!t.run("insert into mine values (?1)", 1));
    BOOST_TEST(!t.run("insert into mine (a) values (?1)", UINT64_MAX));
    BOOST_TEST(t.run("delete from mine; delete from piece").error().is(Errc::invalid_argument));
    BOOST_TEST(t.run("").error().is(Errc::invalid_argument));

    auto select = must(t.statement("select a, b, c, d from mine where a is ?1"));
    const auto row = must(select.one<int, std::string_view, ByteView, double>(-5));
    BOOST_REQUIRE(row.has_value());
    BOOST_TEST(std::get<0>(*row) == -5);
    BOOST_TEST(std::get<1>(*row) == "text");
    BOOST_TEST(std::ranges::equal(std::get<2>(*row), bytes));
    BOOST_TEST(std::get<3>(*row) == 0.5);
    BOOST_TEST(!must(select.one<int>(6)).has_value());
    using OptionalText = std::optional<std::string>;
    const auto nulls =
        must(select.one<std::optional<int>, OptionalText, std::vector<std::byte>>(std::nullopt));
    BOOST_TEST((!std::get<0>(*nulls) && !std::get<1>(*nulls) && std::get<2>(*nulls).empty()));
    const auto is_wrong = [](const auto& result) {
        return !result && result.error().is(Errc::store_invariant);
    };
    BOOST_TEST(is_wrong(select.one<unsigned>(-5)));
    BOOST_TEST(is_wrong(select.one<std::string>(-5)));
    BOOST_TEST(is_wrong(select.one<int>(std::nullopt)));
    BOOST_TEST(is_wrong(select.one<int, int>(-5)));
    BOOST_TEST(is_wrong(select.one<int, OptionalText, ByteView, double, int>(-5)));
    // In use already: the same text makes another statement.
    auto again = must(t.statement("select a, b, c, d from mine where a is ?1"));
    BOOST_TEST(again.native_handle() != select.native_handle());
    int rows = 0;
    auto all = must(t.statement("select a from mine"));
    must(all.bind());
    must(all.each<std::optional<int>>([&](std::optional<int>) { ++rows; }));
    BOOST_TEST(rows == 2);
}

BOOST_AUTO_TEST_CASE(lists_use_an_index) {
    TemporaryDirectory directory;
    auto store = open_store(directory / "catalog.db");
    auto reader = must(store.reader());
    for (const std::string_view sql :
         {std::string_view{detail::sql_object}, std::string_view{detail::sql_objects},
          std::string_view{detail::sql_oldest}, std::string_view{detail::sql_in_state},
          detail::sql_pieces}) {
        auto plan = must(reader.statement("explain query plan " + std::string{sql}));
        while (must(plan.step())) {
            const auto line = std::get<3>(must(plan.row<int, int, int, std::string>()));
            BOOST_TEST(line.starts_with("SEARCH"), sql << ": " << line);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
