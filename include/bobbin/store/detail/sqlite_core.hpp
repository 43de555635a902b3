#ifndef BOBBIN_STORE_DETAIL_SQLITE_CORE_HPP
#define BOBBIN_STORE_DETAIL_SQLITE_CORE_HPP

#include <bobbin/fs/identity.hpp>
#include <bobbin/store/detail/sqlite_rows.hpp>
#include <bobbin/store/detail/sqlite_tables.hpp>
#include <bobbin/store/sqlite_options.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace bobbin::detail {

/// The directory of a database, where SQLite ignores the failure of syncs. External sync.
class SqliteDisk {
public:
    virtual ~SqliteDisk() = default;
    virtual Result<void> sync_directory() noexcept = 0;
    /// Makes the name of the rollback journal durable, for a step that SQLite does at once.
    virtual Result<void> make_journal() = 0;
    virtual Result<bool> has_wal() = 0;
    virtual Result<bool> has_rollback_journal() = 0;
    /// Makes the WAL durable although a sync of it may have failed: what its file shows is written again.
    virtual Result<void> rewrite_wal() = 0;
    /// Takes `size` bytes of the disk, if it has them.
    virtual Result<void> make_reserve(Bytes size) = 0;
    /// All of it but `keep` bytes.
    virtual void release_reserve(Bytes keep) noexcept = 0;
};

/// What store, transactions and readers share; it stays where it is when the store moves.
class SqliteCore {
public:
    using Access = SqliteConnection::Access;

    SqliteCore(std::string path, const SqliteOptions& options)
        : path_{std::move(path)}
        , options_{options}
        , vfs_{options.mode == SqliteMode::exclusive ? "unix-excl" : "unix"} {
        idle_.reserve(most_idle);
    }
    SqliteCore(SqliteCore&&) = delete;

    const std::string& path() const noexcept { return path_; }
    bool is_read_only() const noexcept { return options_.read_only; }
    Uuid uuid() const noexcept { return uuid_; }
    OpenRecord open_record() const noexcept { return open_; }

    /// The path once symbolic links are followed: there SQLite keeps its journals. Reads nothing.
    Result<std::string> resolve() const {
        auto db = SqliteConnection::open(path_, "unix", Access::read, options_.busy_timeout);
        if (!db) return db.error();
        const char* name = sqlite3_db_filename((*db)->handle(), "main");
        return std::string{name ? name : ""};
    }

    /// The first connection: everything is checked, and the tables are brought up to date. Opened
    /// for writing, the new period of it is durable in the end.
    Result<void> start(std::unique_ptr<SqliteDisk> disk) {
        disk_ = std::move(disk);
        if (is_read_only()) {
            // A WAL that a crash left is read as it is. Without one the store is opened as if to be written,
            // or else reading would leave an empty WAL behind, and nobody could read what a crash
            // left under a rollback journal: SQLite undoes that first.
            const auto wal = disk_->has_wal();
            if (!wal) return wal.error();
            if (*wal) {
                access_ = Access::read;
                vfs_ = "unix-excl";
            }
        }
        auto begun = begin_period();
        if (!begun && is_out_of_room(begun.error())) {
            release_reserve(Bytes{0});
            writer_.reset();
            begun = begin_period();
        }
        if (begun) make_reserve();
        return begun;
    }

    /// Held by the transaction under way.
    std::mutex& writing() noexcept { return writing_; }

    /// The connection for a transaction; a new one where the old one could not undo the last.
    /// @pre `writing` is held
    Result<SqliteConnection*> writer() noexcept {
        return without_throwing(Operation::begin, [&]() -> Result<SqliteConnection*> {
            if (!writer_ || !writer_->is_idle())
                if (auto ok = renew_writer(); !ok) return ok.error();
            if (is_in_doubt_)
                if (auto ok = settle_doubt(*writer_); !ok) return ok.error();
            return writer_.get();
        });
    }

    bool has_soft_commits() const noexcept { return options_.mode == SqliteMode::exclusive; }

    Result<void> begin(SqliteConnection& db, Durability durability) noexcept {
        if (has_soft_commits())
            if (auto ok = db.set_durability(durability, options_.wal_autocheckpoint); !ok)
                return ok;
        return db.begin();
    }

    /// SQLite's commit. Under a rollback journal, whose name comes and goes, it is this that knows
    /// that the directory was synced: before the first page is overwritten, and after the end, which
    /// SQLite is not told to sync as well.
    Result<void> commit(SqliteConnection& db) noexcept {
        const bool syncs = options_.mode == SqliteMode::shared && db.has_rollback_journal();
        if (syncs)
            if (auto ok = disk_->sync_directory(); !ok) {
                (void)db.roll_back();
                return ok;
            }
        auto done = db.commit();
        if (done && syncs) {
            if (auto lasts = disk_->sync_directory(); !lasts) {
                auto error = lasts.error();
                error.category = ErrorKind::unknown_outcome;
                done = error;
            }
        }
        is_in_doubt_ = !done;
        if (!done && is_out_of_room(done.error())) {
            release_reserve(Bytes{options_.reserve.value / 2});
            db.fold_wal_in();
        }
        if (done && !has_reserve_) make_reserve();
        return done;
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
        auto db = SqliteConnection::open(path_, vfs_, access_, options_.busy_timeout);
        if (!db) {
            if (!is_read_only() || access_ != Access::write || db.error().code != SQLITE_READONLY)
                return db;
            if (auto ok = do_without_writing(); !ok) return ok.error();
            return open_connection();
        }
        if (auto ok = identify(**db); !ok) return ok.error();
        if (!is_read_only()) {
            const std::string journal = options_.mode == SqliteMode::exclusive ? "wal" : "delete";
            const auto now = (*db)->pragma<std::string>("journal_mode");
            if (!now) return now.error();
            if (*now != journal)
                if (auto ok = disk_->make_journal(); !ok) return ok.error();
            if (auto ok = (*db)->configure_writing(journal, options_.wal_autocheckpoint); !ok)
                return ok.error();
        } else if (access_ == Access::write) {
            if (auto ok = (*db)->configure_looking(); !ok) return ok.error();
        }
        return db;
    }

    /// For a store that may only be read here: in shared mode others may write it meanwhile, so locks
    /// are taken; in exclusive mode nobody does, as it has no WAL.
    Result<void> do_without_writing() {
        access_ = Access::read;
        if (options_.mode == SqliteMode::shared) return {};
        // Without locks SQLite would not see that a commit was cut off, and read half of it.
        const auto journal = disk_->has_rollback_journal();
        if (!journal) return journal.error();
        if (!*journal) access_ = Access::read_immutable;
        return {};
    }

    Result<void> renew_writer() {
        writer_.reset();
        auto db = open_connection();
        if (!db) return db.error();
        const auto uuid = store_uuid(**db);
        if (!uuid) return uuid.error();
        if (*uuid != uuid_) return Error{Errc::store_mismatch, Operation::begin};
        writer_ = std::move(*db);
        return {};
    }

    /// Makes what the next transaction sees of one that failed last: a crash must neither undo it nor bring
    /// it back. The next process would take what it left behind the end of the WAL for good.
    Result<void> settle_doubt(SqliteConnection& db) {
        if (auto ok = disk_->sync_directory(); !ok) return ok;
        if (options_.mode == SqliteMode::exclusive) {
            if (auto ok = keep_wal(); !ok) return ok;
            if (auto ok = begin(db, Durability::hard); !ok) return ok;
            if (auto ok = db.write_nothing_new(); !ok) {
                (void)db.roll_back();
                return ok;
            }
            if (auto ok = commit(db); !ok) return ok;
        }
        is_in_doubt_ = false;
        return {};
    }

    /// SQLite writes again what a commit that failed has written, and nothing that was there before: what
    /// soft commits or an earlier process left. What follows a gap does not count.
    Result<void> keep_wal() {
        return options_.mode == SqliteMode::exclusive ? disk_->rewrite_wal() : Result<void>{};
    }

    Result<void> begin_period() {
        auto db = open_connection();
        if (!db) return db.error();
        if (!is_read_only())
            if (auto ok = keep_wal(); !ok) return ok;
        const auto commit_step = [this](SqliteConnection& on) { return commit(on); };
        if (auto ok = migrate(**db, options_.schema, !is_read_only(), commit_step); !ok) return ok;
        const auto uuid = store_uuid(**db);
        if (!uuid) return uuid.error();
        uuid_ = *uuid;
        writer_ = std::move(*db);
        if (is_read_only()) return {};
        if (auto ok = record_open(); !ok) return ok;
        return disk_->sync_directory();
    }

    bool is_out_of_room(const Error& error) const noexcept {
        return error.kind() == ErrorKind::no_space && wants_reserve();
    }
    /// What is tried again may go through then. The next open finds the other half.
    void release_reserve(Bytes keep) noexcept {
        has_reserve_ = false;
        disk_->release_reserve(keep);
    }
    bool wants_reserve() const noexcept {
        return !is_read_only() && options_.mode == SqliteMode::exclusive &&
               options_.reserve.value != 0;
    }
    /// Where there is no room for one, commits try again.
    void make_reserve() noexcept {
        has_reserve_ = !wants_reserve() || without_throwing(Operation::create, [&] {
                                               return disk_->make_reserve(options_.reserve);
                                           }).has_value();
    }

    /// Says that a period of writing has begun.
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
        if (auto ok = commit(db); !ok) return ok;
        open_ = {OpenId{static_cast<std::uint32_t>(id)}, uuid};
        return {};
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
    const char* vfs_;  ///< of SQLite: its way of locking
    std::unique_ptr<SqliteDisk> disk_;
    Uuid uuid_;
    OpenRecord open_;
    bool is_in_doubt_ = false;
    bool has_reserve_ = true;  ///< or needs none
    std::mutex writing_;
    std::unique_ptr<SqliteConnection> writer_;
    std::mutex pooling_;
    std::vector<std::unique_ptr<SqliteConnection>> idle_;
};

}  // namespace bobbin::detail

#endif
