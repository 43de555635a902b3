#ifndef BOBBIN_STORE_DETAIL_SQLITE_CORE_HPP
#define BOBBIN_STORE_DETAIL_SQLITE_CORE_HPP

#include <bobbin/fs/identity.hpp>
#include <bobbin/store/detail/sqlite_rows.hpp>
#include <bobbin/store/detail/sqlite_tables.hpp>
#include <bobbin/store/sqlite_options.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace bobbin::detail {

/// What store, transactions and readers share; it stays where it is when the store moves.
class SqliteCore {
public:
    using Access = SqliteConnection::Access;

    SqliteCore(std::string path, const SqliteOptions& options)
        : path_{std::move(path)}
        , options_{options} {
        idle_.reserve(most_idle);
    }
    SqliteCore(SqliteCore&&) = delete;

    const std::string& path() const noexcept { return path_; }
    bool is_read_only() const noexcept { return options_.read_only; }
    Uuid uuid() const noexcept { return uuid_; }
    OpenRecord open_record() const noexcept { return open_; }

    static std::string real_path(const SqliteConnection& db) {
        const char* name = sqlite3_db_filename(db.handle(), "main");
        return name ? name : "";
    }

    /// The path once symbolic links are followed: there SQLite keeps its journals. Reads nothing.
    Result<std::string> resolve() const {
        auto db = SqliteConnection::open(path_, "unix", Access::read, options_.busy_timeout);
        if (!db) return db.error();
        return real_path(**db);
    }

    /// To read what a crash left, without repairing it. A store without leftovers is opened as if to
    /// be written, or else reading would leave an empty WAL behind.
    void read_leftovers() noexcept { access_ = Access::read; }

    /// The first connection: everything is checked, and the tables are brought up to date.
    Result<void> start() {
        auto db = open_connection();
        if (!db) return db.error();
        if (auto ok = migrate(**db, options_.schema, !is_read_only()); !ok) return ok;
        auto uuid = store_uuid(**db);
        if (!uuid) return uuid.error();
        uuid_ = *uuid;
        real_path_ = real_path(**db);
        writer_ = std::move(*db);
        return {};
    }

    const std::string& real_path() const noexcept { return real_path_; }

    /// Says that a period of writing has begun. It counts once the directory is synced, which is the
    /// caller's: SQLite ignores the failure of that.
    Result<void> record_open() {
        const Uuid uuid = options_.make_uuid();
        auto& db = *writer_;
        if (auto ok = db.begin(); !ok) return ok;
        auto added = db.run("insert into open (uuid) values (?1)", uuid);
        const auto id = sqlite3_last_insert_rowid(db.handle());
        if (!added) {
            (void)db.roll_back();
            return added;
        }
        if (auto ok = db.commit(); !ok) return ok;
        open_ = {OpenId{static_cast<std::uint32_t>(id)}, uuid};
        return {};
    }

    /// What each commit must wait for beyond SQLite. @pre nothing is under way
    void after_commit(std::function<Result<void>()> f) noexcept { after_commit_ = std::move(f); }

    /// Held by the transaction under way.
    std::mutex& writing() noexcept { return writing_; }

    /// The connection for a transaction; a new one where the old one could not undo the last.
    /// @pre `writing` is held
    Result<SqliteConnection*> writer() noexcept {
        return without_throwing(Operation::begin, [&]() -> Result<SqliteConnection*> {
            if (writer_ && writer_->is_idle()) return writer_.get();
            writer_.reset();
            auto db = open_connection();
            if (!db) return db.error();
            const auto uuid = store_uuid(**db);
            if (!uuid) return uuid.error();
            if (*uuid != uuid_) return Error{Errc::store_mismatch, Operation::begin};
            writer_ = std::move(*db);
            return writer_.get();
        });
    }

    /// @errors `unknown_outcome` where SQLite has done it, and it may not last
    Result<void> commit(SqliteConnection& db) noexcept {
        if (auto ok = db.commit(); !ok) return ok;
        if (!after_commit_) return {};
        auto lasts = after_commit_();
        if (lasts) return {};
        auto error = lasts.error();
        error.operation = Operation::commit;
        error.category = ErrorKind::unknown_outcome;
        return error;
    }

    Result<std::unique_ptr<SqliteConnection>> take_reader() {
        {
            const std::lock_guard lock{pooling_};
            if (!idle_.empty()) {
                auto db = std::move(idle_.back());
                idle_.pop_back();
                return db;
            }
        }
        auto db = open_connection();
        if (!db) return db.error();
        if (auto ok = (*db)->set_pragma("query_only", "1"); !ok) return ok.error();
        return db;
    }

    void give_back(std::unique_ptr<SqliteConnection> db) noexcept {
        db->reset_all();
        if (!db->is_idle() && !db->roll_back()) return;
        const std::lock_guard lock{pooling_};
        if (idle_.size() < most_idle) idle_.push_back(std::move(db));
    }

private:
    static constexpr std::size_t most_idle = 4;

    Result<std::unique_ptr<SqliteConnection>> open_connection() {
        const bool alone = options_.mode == SqliteMode::exclusive || access_ != Access::write;
        auto db = SqliteConnection::open(path_, alone ? "unix-excl" : "unix", access_,
                                         options_.busy_timeout);
        if (!db) {
            if (!is_read_only() || access_ != Access::write || db.error().code != SQLITE_READONLY)
                return db;
            access_ = Access::read_immutable;
            return open_connection();
        }
        if (auto ok = identify(**db); !ok) return ok.error();
        if (!is_read_only()) {
            if (auto ok = (*db)->configure_writing(options_.mode == SqliteMode::exclusive,
                                                   options_.wal_autocheckpoint);
                !ok)
                return ok.error();
        } else if (access_ == Access::write) {
            if (auto ok = (*db)->configure_looking(); !ok) return ok.error();
        }
        return db;
    }

    static Result<Uuid> store_uuid(SqliteConnection& db) {
        auto select = db.statement("select uuid from store where id = 1");
        if (!select) return select.error();
        const auto found = select->one<Uuid>();
        if (!found) return found.error();
        if (!*found) return Error{Errc::store_invariant, Operation::identify};
        return std::get<0>(**found);
    }

    std::string path_;
    SqliteOptions options_;
    // Also of readers: `unix-excl` shares its lock of the file only among those that may write.
    Access access_ = Access::write;
    std::string real_path_;
    Uuid uuid_;
    OpenRecord open_;
    std::function<Result<void>()> after_commit_;
    std::mutex writing_;
    std::unique_ptr<SqliteConnection> writer_;
    std::mutex pooling_;
    std::vector<std::unique_ptr<SqliteConnection>> idle_;
};

}  // namespace bobbin::detail

#endif
