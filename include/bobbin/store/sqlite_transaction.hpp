#ifndef BOBBIN_STORE_SQLITE_TRANSACTION_HPP
#define BOBBIN_STORE_SQLITE_TRANSACTION_HPP

#include <bobbin/store/detail/sqlite_core.hpp>
#include <bobbin/store/detail/sqlite_usage.hpp>

#include <mutex>
#include <optional>
#include <utility>

namespace bobbin {

/// A transaction of a `SqliteStore`, which it must not outlive and holds while it lives. Also where
/// a program's own statements run: see `statement`. External sync, one thread.
class SqliteTransaction {
public:
    SqliteTransaction(SqliteTransaction&& other) noexcept
        : core_{other.core_}
        , writing_{std::move(other.writing_)}
        , db_{std::exchange(other.db_, nullptr)}
        , failed_{other.failed_} {}
    SqliteTransaction& operator=(SqliteTransaction&& other) noexcept {
        if (this == &other) return *this;
        end();
        core_ = other.core_;
        writing_ = std::move(other.writing_);
        db_ = std::exchange(other.db_, nullptr);
        failed_ = other.failed_;
        return *this;
    }
    ~SqliteTransaction() { end(); }

    /// A prepared statement, kept for the next time that the same text is asked for.
    /// @errors of SQL, with `Operation::query`
    Result<SqliteStatement> statement(std::string_view sql) noexcept {
        if (!db_) return done();
        return db_->statement(sql);
    }

    /// Binds ?1, ?2 … and runs to the end.
    template <detail::SqliteBindable... Values>
    Result<void> run(std::string_view sql, const Values&... values) noexcept {
        if (!db_) return done();
        return db_->run(sql, values...);
    }

    /// Durable, as it was begun, when ok. `unknown_outcome`: it may have happened. Any other error: it is undone,
    /// which it is also after an error of the store in any step before. Until the next transaction begins, a
    /// crash may still bring back one of which the disk took something, by whatever error it failed.
    Result<void> commit() noexcept {
        if (!db_) return done();
        Result<void> result;
        if (failed_)
            result = *failed_;
        else
            result = core_->commit(*db_);
        end();
        return result;
    }

    Result<void> put(const ObjectRow& row) noexcept {
        return change([&]() -> Result<void> {
            const auto stream = row.id.stream();
            if (auto ok = detail::check(row); !ok) return ok;
            if (auto ok = need("select 1 from stream where id = ?1", stream.value,
                               {Errc::stream_unknown, Operation::commit, stream});
                !ok)
                return ok;
            const Error unknown{Errc::invalid_argument, Operation::commit, row.id};
            if (auto ok = need(sql_has_directory, row.directory.value, unknown); !ok) return ok;
            if (auto ok = need("select 1 from open where id = ?1", row.open.value, unknown); !ok)
                return ok;

            const auto before = detail::read_before(*db_, row.id);
            if (!before) return before.error();
            auto takes = detail::SqliteUsage::read(*db_, stream, row.directory);
            if (!takes) return takes.error();
            const bool moves = *before && (*before)->directory != row.directory;
            if (*before && !moves)
                if (auto ok = detail::take_out(takes->row(), (*before)->share); !ok) return ok;
            if (auto ok = detail::add_in(takes->row(), detail::Share::of(row.state, row.allocated));
                !ok)
                return ok;
            if (moves)
                if (auto ok = take_out(stream, **before); !ok) return ok;
            takes->row().highest = std::max(takes->row().highest, row.id.sequence());
            if (auto ok = takes->write(*db_); !ok) return ok;
            return write(row);
        });
    }

    Result<void> put_piece(const Piece& piece) noexcept {
        return change([&]() -> Result<void> {
            if (auto ok = detail::check(piece); !ok) return ok;
            const auto before = detail::read_before(*db_, piece.object);
            if (!before) return before.error();
            if (!*before || (*before)->state == ObjectState::garbage) return unknown(piece.object);
            if (piece.bytes.empty())
                return db_->run("delete from piece where object = ?1 and kind = ?2 and number = ?3",
                                piece.object, static_cast<int>(piece.kind), piece.number);
            return db_->run("insert into piece (object, kind, number, bytes) "
                            "values (?1, ?2, ?3, ?4) on conflict (object, kind, number) "
                            "do update set bytes = excluded.bytes",
                            piece.object, static_cast<int>(piece.kind), piece.number, piece.bytes);
        });
    }

    Result<void> make_garbage(ObjectId id) noexcept {
        return change([&]() -> Result<void> {
            const auto before = detail::read_before(*db_, id);
            if (!before) return before.error();
            if (!*before) return {};
            if (auto ok = take_out(id.stream(), **before); !ok) return ok;
            if (auto ok = db_->run(
                    "update object set state = 3, protected = 0 where id = ?1 and state <> 3", id);
                !ok)
                return ok;
            return db_->run("delete from piece where object = ?1", id);
        });
    }

    Result<void> forget(ObjectId id) noexcept {
        return change([&]() -> Result<void> {
            const auto before = detail::read_before(*db_, id);
            if (!before) return before.error();
            if (!*before) return {};
            if ((*before)->state != ObjectState::garbage)
                return Error{Errc::invalid_argument, Operation::commit, id};
            return db_->run("delete from object where id = ?1", id);
        });
    }

    Result<void> reserve(StreamId stream, DirectoryId directory, Sequence highest) noexcept {
        return change([&]() -> Result<void> {
            if (auto ok = need("select 1 from stream where id = ?1", stream.value,
                               {Errc::stream_unknown, Operation::commit, stream});
                !ok)
                return ok;
            if (auto ok = need(sql_has_directory, directory.value,
                               {Errc::invalid_argument, Operation::commit, directory});
                !ok)
                return ok;
            auto usage = detail::SqliteUsage::read(*db_, stream, directory);
            if (!usage) return usage.error();
            usage->row().highest = std::max(usage->row().highest, highest);
            return usage->write(*db_);
        });
    }

    Result<void> set_retention(StreamId stream, Bytes retain) noexcept {
        return change([&]() -> Result<void> {
            if (auto ok = detail::check_retention(retain, stream); !ok) return ok;
            return touch("update stream set retain_bytes = ?2 where id = ?1",
                         {Errc::stream_unknown, Operation::retain, stream}, stream, retain);
        });
    }

    Result<void> set_protected(ObjectId id, bool flag) noexcept {
        return change([&]() -> Result<void> {
            if (!detail::is_object_id(id)) return unknown(id);
            return touch("update object set protected = ?2 where id = ?1 and state <> 3",
                         unknown(id), id, flag);
        });
    }

    Result<DirectoryId> add_directory(const Uuid& uuid) noexcept {
        DirectoryId id;
        const auto added = change([&]() -> Result<void> {
            if (uuid.is_nil()) return Error{Errc::invalid_argument, Operation::identify};
            auto known = directory(uuid);
            if (!known) return known.error();
            if (*known) {
                id = (*known)->id;
                return {};
            }
            if (auto ok = db_->run("insert into directory (uuid) values (?1)", uuid); !ok)
                return ok;
            id.value = static_cast<std::uint32_t>(sqlite3_last_insert_rowid(db_->handle()));
            return {};
        });
        if (!added) return added.error();
        return id;
    }

    Result<void> complete_open(DirectoryId directory) noexcept {
        return change([&]() -> Result<void> {
            return touch("update directory set last_open = ?2 where id = ?1",
                         {Errc::invalid_argument, Operation::commit, directory}, directory,
                         core_->open_record().id);
        });
    }

    Result<std::optional<ObjectRow>> object(ObjectId id) {
        if (!db_) return done();
        return detail::read_object(*db_, id);
    }

    Result<std::vector<ObjectRow>> oldest(StreamId stream, DirectoryId directory, std::size_t limit) {
        if (!db_) return done();
        const auto [first, last] = detail::ids_of(stream, 0, UINT32_MAX);
        const auto most = static_cast<std::uint32_t>(std::min<std::size_t>(limit, UINT32_MAX));
        return detail::read_objects(*db_, detail::sql_oldest, first, last, directory, most);
    }

    Result<std::vector<ObjectRow>> in_state(DirectoryId directory, ObjectState state) {
        if (!db_) return done();
        if (auto ok = detail::check_listed(state, directory); !ok) return ok.error();
        return detail::read_objects(*db_, detail::sql_in_state, directory, static_cast<int>(state));
    }

    Result<std::vector<std::byte>> pieces(ObjectId id, PieceKind kind) {
        if (!db_) return done();
        return detail::read_pieces(*db_, id, kind);
    }

    Result<std::vector<UsageRow>> usage() {
        if (!db_) return done();
        return detail::read_usage(*db_);
    }

    Result<std::vector<StreamRow>> streams() {
        if (!db_) return done();
        return detail::read_streams(*db_);
    }

    Result<std::optional<DirectoryRow>> directory(const Uuid& uuid) {
        if (!db_) return done();
        return detail::read_directory(*db_, uuid);
    }

private:
    friend class SqliteStore;
    static constexpr std::string_view sql_has_directory = "select 1 from directory where id = ?1";

    SqliteTransaction(detail::SqliteCore& core, std::unique_lock<std::mutex> writing,
                      detail::SqliteConnection& db) noexcept
        : core_{&core}
        , writing_{std::move(writing)}
        , db_{&db} {}

    /// Undoes what is not committed. If that fails, the next transaction gets a new connection.
    void end() noexcept {
        if (!db_) return;
        (void)db_->roll_back();
        db_ = nullptr;
        writing_.unlock();
    }

    static Error done() noexcept { return {Errc::invalid_argument, Operation::commit}; }
    static Error unknown(ObjectId id) noexcept {
        return {Errc::object_unknown, Operation::commit, id};
    }
    Error fail(Error error) noexcept {
        if (!failed_) failed_ = error;
        return error;
    }

    /// Runs a step. One that broke off in the middle must not be committed.
    template <class F>
    Result<void> change(F&& f) noexcept {
        if (!db_) return done();
        if (failed_) return *failed_;
        auto result = detail::without_throwing(Operation::commit, std::forward<F>(f));
        if (!result &&
            (result.error().domain == Domain::sqlite || result.error().is(Errc::store_invariant) ||
             result.error().is(Errc::out_of_memory)))
            return fail(result.error());
        return result;
    }

    Result<void> need(std::string_view sql, std::uint32_t id, Error missing) {
        auto select = db_->statement(sql);
        if (!select) return select.error();
        const auto found = select->one<std::int64_t>(id);
        if (!found) return found.error();
        if (!*found) return missing;
        return {};
    }

    template <class... Values>
    Result<void> touch(std::string_view sql, Error missing, const Values&... values) {
        if (auto ok = db_->run(sql, values...); !ok) return ok;
        if (sqlite3_changes64(db_->handle()) == 0) return missing;
        return {};
    }

    Result<void> take_out(StreamId stream, const detail::SqliteBefore& before) {
        auto usage = detail::SqliteUsage::read(*db_, stream, before.directory);
        if (!usage) return usage.error();
        if (auto ok = detail::take_out(usage->row(), before.share); !ok) return ok;
        return usage->write(*db_);
    }

    Result<void> write(const ObjectRow& row) {
        const auto index = detail::format_number(*db_, row.index_format);
        if (!index) return index.error();
        const auto digest = detail::format_number(*db_, row.digest_format);
        if (!digest) return digest.error();
        return db_->run(
            "insert into object (id, directory, open, state, end_reason, protected, recovered, "
            "size, allocated, index_format, digest_format, digest) "
            "values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
            "on conflict (id) do update set directory = excluded.directory, open = excluded.open, "
            "state = excluded.state, end_reason = excluded.end_reason, "
            "protected = excluded.protected, recovered = excluded.recovered, "
            "size = excluded.size, allocated = excluded.allocated, index_format = excluded.index_format, "
            "digest_format = excluded.digest_format, digest = excluded.digest",
            row.id, row.directory, row.open, static_cast<int>(row.state),
            static_cast<int>(row.end_reason), row.is_protected, row.is_recovered, row.size,
            row.allocated, *index, *digest, row.digest.view());
    }

    detail::SqliteCore* core_;
    std::unique_lock<std::mutex> writing_;
    detail::SqliteConnection* db_;  // null: it has ended
    std::optional<Error> failed_;
};

}  // namespace bobbin

#endif
