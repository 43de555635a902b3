// A small program that keeps rows in SQLite and tells of each when it is committed.
#ifndef BOBBIN_TESTS_TESTING_SQLITE_PROGRAM_HPP
#define BOBBIN_TESTS_TESTING_SQLITE_PROGRAM_HPP

#include <bobbin/testing/failures.hpp>
#include <bobbin/testing/sqlite_on_sim.hpp>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

namespace bobbin_tests {

using namespace bobbin;
using namespace bobbin::testing;

struct SqliteMode {
    const char* vfs = "unix-excl";
    const char* journal = "wal";
    const char* synchronous = "full";
};

class Database {
public:
    explicit Database(const SqliteMode& mode) {
        constexpr int flags = SQLITE_OPEN_URI | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        if (sqlite3_open_v2("file:/sim/db/catalog?psow=0", &db_, flags, mode.vfs) != SQLITE_OK)
            fail("open");
        run(std::string{"pragma journal_mode="} + mode.journal);
        run(std::string{"pragma synchronous="} + mode.synchronous);
        run("pragma wal_autocheckpoint=0");
        run("create table if not exists rows(id integer primary key, data)");
    }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database() { sqlite3_close(db_); }

    void run(const std::string& sql) {
        if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
    }
    std::string one(const char* sql) {
        std::string text;
        each(sql, [&](sqlite3_stmt* row) {
            text = reinterpret_cast<const char*>(sqlite3_column_text(row, 0));
        });
        return text;
    }
    std::set<int> ids() {
        std::set<int> all;
        each("select id from rows",
             [&](sqlite3_stmt* row) { all.insert(sqlite3_column_int(row, 0)); });
        return all;
    }

private:
    template <class F>
    void each(const char* sql, F&& f) {
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) != SQLITE_OK) fail(sql);
        int answer = SQLITE_OK;
        while ((answer = sqlite3_step(statement)) == SQLITE_ROW) f(statement);
        sqlite3_finalize(statement);
        if (answer != SQLITE_DONE) fail(sql);
    }
    [[noreturn]] void fail(const std::string& what) {
        const std::string message = what + ": " + sqlite3_errmsg(db_);
        sqlite3_close(db_);
        db_ = nullptr;
        throw std::runtime_error{message};
    }
    sqlite3* db_ = nullptr;
};

struct SqliteProgram {
    SqliteMode mode{};
    bool prepared = true;  // else the creation of the database is part of what is explored
    bool sync_directory = false;
    bool sync_after_each = false;  // of the directory as well, after each row
    int rows = 4;

    struct Promise {
        std::set<int> ids;
        friend bool operator==(const Promise&, const Promise&) = default;
        std::uint64_t hash() const {
            std::uint64_t h = ids.size();
            for (const int id : ids) h = h * 1'000'003 + static_cast<unsigned>(id);
            return h;
        }
    };

    void prepare(SimFs fs) const {
        if (auto dir = fs.open_root("/sim/db", RootMode::create_if_missing)) (void)fs.close(*dir);
        if (!prepared) return;
        const ScopedSqliteOn sqlite{fs};
        const Database database{mode};
    }

    // Ends at the first error.
    template <class Fs>
    void run(Fs fs, Promise& promise) const {
        const ScopedSqliteOn sqlite{fs};
        try {
            Database database{mode};
            const auto syncs = [&] {
                auto dir = fs.open_root("/sim/db", RootMode::existing);
                if (!dir) return false;
                const bool synced = fs.sync_directory(*dir).has_value();
                (void)fs.close(*dir);
                return synced;
            };
            if (sync_directory && !syncs()) return;
            for (int id = 1; id <= rows; ++id) {
                database.run("insert into rows values(" + std::to_string(id) +
                             ", randomblob(1500))");
                if (sync_after_each && !syncs()) return;
                promise.ids.insert(id);
                fs.barrier();
            }
            promise.ids.erase(2);
            database.run("delete from rows where id = 2");
        } catch (const std::runtime_error&) {}
    }

    void recover(SimFs fs, const Promise& promise, Failures& failures) const {
        const ScopedSqliteOn sqlite{fs};
        Database database{mode};
        const auto ids = database.ids();
        failures.check(std::ranges::includes(ids, promise.ids), "an acknowledged row is lost");
        failures.check(database.one("pragma integrity_check") == "ok", "the database is corrupt");
    }
};

}  // namespace bobbin_tests

#endif
