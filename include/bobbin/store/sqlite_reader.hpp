#ifndef BOBBIN_STORE_SQLITE_READER_HPP
#define BOBBIN_STORE_SQLITE_READER_HPP

#include <bobbin/store/detail/sqlite_core.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace bobbin {

/// A connection that only reads what is committed, lent by a `SqliteStore`, which it must not
/// outlive. Each statement sees the state of its first step; `snapshot` makes all see one state.
/// External sync.
class SqliteReader {
public:
    SqliteReader(SqliteReader&&) noexcept = default;
    SqliteReader& operator=(SqliteReader&& other) noexcept {
        std::swap(core_, other.core_);
        std::swap(db_, other.db_);
        return *this;
    }
    ~SqliteReader() {
        if (db_) core_->give_back(std::move(db_));
    }

    /// A prepared statement, kept for the next time that the same text is asked for.
    /// @errors of SQL, with `Operation::query`; one that writes fails when it is run
    Result<SqliteStatement> statement(std::string_view sql) noexcept { return db_->statement(sql); }

    /// From here on all is read as it is at the next step, until this reader is destroyed. While it
    /// lives, the WAL grows.
    Result<void> snapshot() noexcept { return db_->run("begin"); }

    Result<std::optional<ObjectRow>> object(ObjectId id) { return detail::read_object(*db_, id); }
    /// Committed ones with first ≤ number ≤ last.
    Result<std::vector<ObjectRow>> objects(StreamId stream, Sequence first, Sequence last) {
        const auto [from, to] = detail::ids_of(stream, first, last);
        return detail::read_objects(*db_, detail::sql_objects, from, to);
    }
    /// All pieces one after the other.
    Result<std::vector<std::byte>> piece_bytes(ObjectId id, PieceKind kind) {
        return detail::read_pieces(*db_, id, kind);
    }
    /// Growing, garbage or quarantined ones.
    Result<std::vector<ObjectRow>> in_state(DirectoryId directory, ObjectState state) {
        if (auto ok = detail::check_listed(state, directory); !ok) return ok.error();
        return detail::read_objects(*db_, detail::sql_in_state, directory, static_cast<int>(state));
    }
    Result<std::optional<DirectoryRow>> directory(const Uuid& uuid) {
        return detail::read_directory(*db_, uuid);
    }
    /// All that were ever made or adopted.
    Result<std::vector<DirectoryRow>> directories() { return detail::read_directories(*db_); }
    Result<std::vector<UsageRow>> usage() { return detail::read_usage(*db_); }
    Result<std::vector<StreamRow>> streams() { return detail::read_streams(*db_); }
    Result<std::optional<StreamId>> find_stream(std::string_view name) {
        return detail::find_stream(*db_, name);
    }

private:
    friend class SqliteStore;
    static Result<SqliteReader> make(detail::SqliteCore& core) {
        auto db = core.take_reader();
        if (!db) return db.error();
        return SqliteReader{core, std::move(*db)};
    }
    SqliteReader(detail::SqliteCore& core, std::unique_ptr<detail::SqliteConnection> db) noexcept
        : core_{&core}
        , db_{std::move(db)} {}

    detail::SqliteCore* core_;
    std::unique_ptr<detail::SqliteConnection> db_;
};

}  // namespace bobbin

#endif
