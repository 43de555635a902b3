#ifndef BOBBIN_STORE_SQLITE_OPTIONS_HPP
#define BOBBIN_STORE_SQLITE_OPTIONS_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/store/sqlite_schema.hpp>
#include <bobbin/store/uuid.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

namespace bobbin {

enum class SqliteMode : std::uint8_t {
    /// For a program that keeps the store open: no other process can open it meanwhile, not even to
    /// read. WAL, synced at each commit; readers never wait.
    exclusive,
    /// For short processes that take turns. Rollback journal, its directory synced as well; readers
    /// and a commit may wait for each other.
    shared,
};

struct SqliteOptions {
    bool create = true;  ///< where there is none
    /// Nothing is recorded, written or repaired; only a commit under a rollback journal that a crash
    /// cut off is undone, without which nobody can read (SQLite, “Atomic Commit”, section 4).
    bool read_only = false;
    SqliteMode mode = SqliteMode::exclusive;
    /// How long to wait for other processes before an answer of `locked`.
    std::chrono::milliseconds busy_timeout{1000};
    /// Pages in the WAL after which a commit folds it into the database; 0: never by itself.
    int wal_autocheckpoint = 1000;
    /// A file of so many bytes beside the database, given up once its disk is full, so that deletions can
    /// still be committed; made again when there is room. In exclusive mode; zero: none.
    Bytes reserve{std::uint64_t{4} << 20};
    /// The program's tables, all of them: a store that has others is refused.
    std::vector<SchemaSteps> schema = {};
    UuidSource make_uuid = random_uuid;
};

}  // namespace bobbin

#endif
