#include <bobbin/testing/sqlite_on_sim.hpp>

#include "sqlite_program.hpp"

#include <bobbin/testing/inject_faults.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <boost/test/unit_test.hpp>

#include <thread>

using namespace bobbin_tests;

namespace {

constexpr const char* lost = "an acknowledged row is lost";

SqliteProgram program(const char* vfs, const char* journal, const char* synchronous) {
    return {.mode = {vfs, journal, synchronous}};
}

std::string trace_of(const SqliteProgram& scenario) {
    TracingFs<SimFs> fs;
    scenario.prepare(ground_of(fs));
    SqliteProgram::Promise promise;
    scenario.run(fs, promise);
    BOOST_TEST(!promise.ids.empty());
    std::string text;
    for (const auto& call : fs.trace().calls()) text += to_string(call) + '\n';
    const auto disk = ground_of(fs).disk().hash(true);
    return text + std::to_string(disk.high) + std::to_string(disk.low);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(testing_sqlite_on_sim)

BOOST_AUTO_TEST_CASE(a_run_is_deterministic) {
    for (const auto& scenario : {SqliteProgram{}, program("unix", "delete", "extra")})
        BOOST_TEST(trace_of(scenario) == trace_of(scenario));
}

BOOST_AUTO_TEST_CASE(time_stands_still_but_for_sleep) {
    SimFs fs;
    BOOST_TEST(fs.open_root("/sim/db", RootMode::create_if_missing).has_value());
    const ScopedSqliteOn sqlite{fs};
    Database database{SqliteMode{}};
    const auto now = database.one("select strftime('%s', 'now')");
    BOOST_TEST(database.one("select strftime('%s', 'now')") == now);
    BOOST_TEST(sqlite3_sleep(5000) == 5000);
    BOOST_TEST(database.one("select strftime('%s', 'now')") == std::to_string(std::stoll(now) + 5));
}

BOOST_AUTO_TEST_CASE(no_handle_is_left_and_real_files_still_work) {
    SimFs fs;
    SqliteProgram scenario;
    scenario.prepare(fs);
    const auto before = fs.open_handles();
    {
        const ScopedSqliteOn sqlite{fs};
        const Database database{scenario.mode};
        sqlite3* other = nullptr;
        BOOST_TEST(sqlite3_open(":memory:", &other) == SQLITE_OK);
        sqlite3_close(other);
        BOOST_TEST(sqlite3_open("/nonexistent/catalog", &other) == SQLITE_CANTOPEN);
        sqlite3_close(other);
    }
    BOOST_TEST(fs.open_handles() == before);
}

BOOST_AUTO_TEST_CASE(several_connections_share_a_wal) {
    SimFs fs;
    SqliteProgram scenario;
    scenario.prepare(fs);
    const ScopedSqliteOn sqlite{fs};
    Database writer{scenario.mode}, reader{scenario.mode};
    writer.run("insert into rows values(7, 'x')");
    BOOST_TEST(reader.ids().contains(7));
}

BOOST_AUTO_TEST_CASE(another_thread_can_be_taken_over) {
    SimFs fs;
    SqliteProgram scenario;
    scenario.prepare(fs);
    std::set<int> seen;
    {
        const ScopedSqliteOn sqlite{fs, SimThreads::all};
        std::jthread{[&] {
            Database{scenario.mode}.run("insert into rows values(7, 'x')");
        }}.join();
        seen = Database{scenario.mode}.ids();
    }
    BOOST_TEST(seen.contains(7));
}

// Which modes keep what they acknowledged.

BOOST_AUTO_TEST_CASE(wal_full_is_safe) {
    const auto report = explore(program("unix-excl", "wal", "full"));
    BOOST_TEST(report.violations == 0u, report);
    BOOST_TEST(report.distinct_states > 3000u, report);
    BOOST_TEST_MESSAGE("WAL, FULL: " << report);
}

BOOST_AUTO_TEST_CASE(wal_full_is_safe_with_torn_garbage) {
    const auto report = explore(program("unix-excl", "wal", "full"),
                                {.depth = 1, .disk = {.chunk = 512}, .garbage = true});
    BOOST_TEST(report.violations == 0u, report);
}

BOOST_AUTO_TEST_CASE(wal_normal_loses) {
    const auto report = explore(program("unix-excl", "wal", "normal"), {.depth = 1});
    BOOST_TEST(report.found.contains(lost), report);
}

BOOST_AUTO_TEST_CASE(wal_normal_survives_a_kill) {
    struct Killed : SqliteProgram {
        void recover(SimFs fs, const Promise& promise, Failures& failures) const {
            if (!failures.crash().power_cut) SqliteProgram::recover(fs, promise, failures);
        }
    };
    const auto report = explore(Killed{program("unix-excl", "wal", "normal")});
    BOOST_TEST(report.violations == 0u, report);
}

BOOST_AUTO_TEST_CASE(a_rollback_journal_is_safe_where_its_end_is_synced) {
    const auto extra = explore(program("unix", "delete", "extra"));
    BOOST_TEST(extra.violations == 0u, extra);
    auto by_us = program("unix", "delete", "full");
    by_us.sync_after_each = true;
    const auto synced = explore(by_us);
    BOOST_TEST(synced.violations == 0u, synced);
    const auto full = explore(program("unix", "delete", "full"), {.depth = 1});
    BOOST_TEST(full.found.contains(lost), full);
    const auto normal = explore(program("unix", "delete", "normal"), {.depth = 1});
    BOOST_TEST(normal.violations != 0u, normal);
    BOOST_TEST_MESSAGE("DELETE, EXTRA: " << extra);
}

// The last step is the unlink of the journal, which nothing syncs: ordered names do not help.
BOOST_AUTO_TEST_CASE(a_rollback_journal_with_full_loses_on_ext4_too) {
    const auto report = explore(program("unix", "delete", "full"),
                                {.depth = 1, .disk = {.names = NameModel::ordered}});
    BOOST_TEST(report.found.contains(lost), report);
}

BOOST_AUTO_TEST_CASE(a_failed_directory_sync_is_ignored_by_sqlite) {
    SqliteProgram scenario;
    scenario.prepared = false;
    const InjectOptions only_directory_syncs{.errors = {EIO},
                                             .calls = Call::sync_directory,
                                             .for_ever = false,
                                             .short_transfers = false};
    const auto report = inject_faults(scenario, only_directory_syncs);
    BOOST_TEST(report.found.contains(lost), report);
    scenario.sync_directory = true;
    const auto remedied = inject_faults(scenario, only_directory_syncs);
    BOOST_TEST(!remedied.found.contains(lost), remedied);
}

BOOST_AUTO_TEST_CASE(no_error_loses_an_acknowledged_row) {
    SqliteProgram scenario;
    scenario.sync_directory = true;
    scenario.rows = 2;
    const auto report = inject_faults(scenario);
    BOOST_TEST(report.violations == 0u, report);
    BOOST_TEST(report.faults > 200u, report);
    BOOST_TEST_MESSAGE("faults under WAL, FULL: " << report);
}

BOOST_AUTO_TEST_SUITE_END()
