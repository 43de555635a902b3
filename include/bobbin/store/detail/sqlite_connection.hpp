#ifndef BOBBIN_STORE_DETAIL_SQLITE_CONNECTION_HPP
#define BOBBIN_STORE_DETAIL_SQLITE_CONNECTION_HPP

#include <bobbin/store/detail/checks.hpp>
#include <bobbin/store/sqlite_statement.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bobbin::detail {

/// The path as a URI, so that sectors are taken to tear (`psow=0`). Names such as `:memory:` that
/// SQLite knows mean files, too.
inline std::string sqlite_uri(std::string_view path, bool is_immutable) {
    std::string uri = path.starts_with('/') ? "file://" : "file:./";
    for (const char c : path) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '/' || c == '.' || c == '-' || c == '_';
        if (plain) {
            uri += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            uri += '%';
            uri += "0123456789abcdef"[byte >> 4];
            uri += "0123456789abcdef"[byte & 15];
        }
    }
    return uri + (is_immutable ? "?psow=0&immutable=1" : "?psow=0");
}

/// A connection with its statements, by their text. External sync.
class SqliteConnection {
public:
    enum class Access : std::uint8_t {
        write,
        read,
        read_immutable,  ///< without locks, for media that nobody can write
    };

    static Result<std::unique_ptr<SqliteConnection>> open(std::string_view path, const char* vfs,
                                                          Access access,
                                                          std::chrono::milliseconds busy_timeout) {
        if (sqlite3_libversion_number() < 3037000)
            return Error{Errc::not_supported, Operation::open};
        auto connection = std::make_unique<SqliteConnection>();
        const int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                          (access == Access::write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
        auto& db = connection->link_.db;
        if (const int code = sqlite3_open_v2(
                sqlite_uri(path, access == Access::read_immutable).c_str(), &db, flags, vfs);
            code != SQLITE_OK)
            return sqlite_error(db, code, Operation::open);
        // SQLite falls back to reading what it may not write.
        if (access == Access::write && sqlite3_db_readonly(db, "main") != 0)
            return sqlite_error(nullptr, SQLITE_READONLY, Operation::open);
        const auto most = std::chrono::milliseconds{std::numeric_limits<int>::max()};
        sqlite3_busy_timeout(db, static_cast<int>(std::min(busy_timeout, most).count()));
        if (auto ok = connection->configure(); !ok) return ok.error();
        return connection;
    }

    SqliteConnection() = default;
    SqliteConnection(SqliteConnection&&) = delete;
    ~SqliteConnection() {
        for (auto& [sql, cached] : statements_) sqlite3_finalize(cached.handle);
        sqlite3_close_v2(link_.db);
    }

    /// How commits become durable; the database is known to be ours.
    Result<void> configure_writing(const std::string& journal, int autocheckpoint) {
        if (auto ok = configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0); !ok) return ok;
        if (auto ok = set_pragma("journal_mode", journal); !ok) return ok;
        if (auto ok = set_pragma("synchronous", "2"); !ok) return ok;
        // No page is overwritten before the commit.
        if (auto ok = execute("pragma cache_spill=off", Operation::open); !ok) return ok;
        return set_pragma("wal_autocheckpoint", std::to_string(autocheckpoint));
    }

    /// Of the next commits, in WAL mode. Soft ones sync nothing, so they must not fold the WAL in, either.
    Result<void> set_durability(Durability durability, int autocheckpoint) noexcept {
        if (durability == durability_) return {};
        const bool is_soft = durability == Durability::soft;
        const int code =
            sqlite3_exec(link_.db, is_soft ? "pragma synchronous=1" : "pragma synchronous=2",
                         nullptr, nullptr, nullptr);
        if (code != SQLITE_OK) return error(code, Operation::begin);
        sqlite3_wal_autocheckpoint(link_.db, is_soft ? 0 : autocheckpoint);
        durability_ = durability;
        return {};
    }

    /// As much of the WAL as can be, so that it starts anew.
    void fold_wal_in() noexcept {
        (void)sqlite3_wal_checkpoint_v2(link_.db, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                                        nullptr);
    }

    /// Reading only, of a database that needs no repair.
    Result<void> configure_looking() {
        if (auto ok = configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0); !ok) return ok;
        return set_pragma("query_only", "1");
    }

    sqlite3* handle() const noexcept { return link_.db; }
    Error error(int code, Operation operation) const noexcept {
        return sqlite_error(link_.db, code, operation);
    }

    /// Prepared at its first use.
    Result<SqliteStatement> statement(std::string_view sql) noexcept {
        return without_throwing(Operation::query, [&]() -> Result<SqliteStatement> {
            auto found = statements_.find(sql);
            if (found == statements_.end()) {
                auto handle = prepare(sql, SQLITE_PREPARE_PERSISTENT);
                if (!handle) return handle.error();
                std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owned{*handle,
                                                                            &sqlite3_finalize};
                found = statements_.emplace(sql, Cached{owned.get(), false}).first;
                owned.release();
            } else if (found->second.in_use) {
                auto another = prepare(sql, 0);
                if (!another) return another.error();
                return SqliteStatement{link_, *another, nullptr};
            }
            found->second.in_use = true;
            return SqliteStatement{link_, found->second.handle, &found->second.in_use};
        });
    }

    template <class... Values>
    Result<void> run(std::string_view sql, const Values&... values) noexcept {
        auto prepared = statement(sql);
        if (!prepared) return prepared.error();
        return prepared->run(values...);
    }

    /// Statements one after the other, not cached.
    Result<void> execute(const std::string& sql, Operation operation) noexcept {
        const int code = sqlite3_exec(link_.db, sql.c_str(), nullptr, nullptr, nullptr);
        if (code != SQLITE_OK) return error(code, operation);
        return {};
    }

    /// Sets what SQLite answers when asked, and asks.
    Result<void> set_pragma(const std::string& name, std::string_view value) {
        const auto sql = "pragma " + name;
        if (auto ok = execute(sql + "=" + std::string{value}, Operation::open); !ok) return ok;
        auto now = pragma<std::string>(name);
        if (!now) return now.error();
        if (*now != value) return Error{Errc::not_supported, Operation::open};
        return {};
    }

    template <class T>
    Result<T> pragma(const std::string& name) {
        auto handle = prepare("pragma " + name, 0);
        if (!handle) return handle.error();
        SqliteStatement asked{link_, *handle, nullptr};
        const auto more = asked.step();
        if (!more) return more.error();
        if (!*more) return Error{Errc::not_supported, Operation::open};
        if constexpr (std::same_as<T, std::string>) {
            // Numbers, too: a pragma's answer is compared as text.
            const auto* text = sqlite3_column_text(asked.native_handle(), 0);
            return std::string{text ? reinterpret_cast<const char*>(text) : ""};
        } else {
            auto value = asked.template row<T>();
            if (!value) return value.error();
            return std::get<0>(*value);
        }
    }

    bool is_idle() const noexcept { return sqlite3_get_autocommit(link_.db) != 0; }

    /// Whether the transaction under way has one, as it has from the first page that it changes.
    bool has_rollback_journal() const noexcept {
        sqlite3_file* journal = nullptr;
        const int code =
            sqlite3_file_control(link_.db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal);
        return code != SQLITE_OK || (journal != nullptr && journal->pMethods != nullptr);
    }

    /// @errors where SQLite has no write lock to give, after the busy timeout
    Result<void> begin() noexcept {
        auto ok = run("begin immediate");
        link_.in_transaction = ok.has_value();
        return ok;
    }

    /// ok: it is durable, as far as SQLite can tell. Else it is undone, or `unknown_outcome`; either way what it
    /// has written may count after a crash.
    Result<void> commit() noexcept {
        link_.in_transaction = false;
        if (is_idle()) return error(SQLITE_ABORT_ROLLBACK, Operation::commit);
        auto ok = run("commit");
        if (ok) return {};
        auto failed = ok.error();
        failed.operation = Operation::commit;
        // SQLite has given it up by itself, at a point that it does not tell.
        if (is_idle() && failed.kind() != ErrorKind::no_space)
            failed.category = ErrorKind::unknown_outcome;
        (void)roll_back();
        return failed;
    }

    /// false: it is not undone, and this connection must not be used any more.
    bool roll_back() noexcept {
        link_.in_transaction = false;
        formats_.clear();
        if (!is_idle()) (void)run("rollback");
        return is_idle();
    }

    /// One page as it is. SQLite leaves out an update that changes nothing, but not this one.
    Result<void> write_nothing_new() {
        const auto version = pragma<std::string>("user_version");
        if (!version) return version.error();
        return set_pragma("user_version", *version);
    }

    void reset_all() noexcept {
        for (auto* at = sqlite3_next_stmt(link_.db, nullptr); at;
             at = sqlite3_next_stmt(link_.db, at))
            sqlite3_reset(at);
    }

    /// Names of formats by their numbers in this database. Only what is committed may stay in it.
    std::vector<FormatId>& formats() noexcept { return formats_; }

private:
    struct Cached {
        sqlite3_stmt* handle;
        bool in_use;
    };

    Result<sqlite3_stmt*> prepare(std::string_view sql, unsigned flags) noexcept {
        sqlite3_stmt* handle = nullptr;
        const char* tail = nullptr;
        const int code = sqlite3_prepare_v3(link_.db, sql.data(), static_cast<int>(sql.size()),
                                            flags, &handle, &tail);
        if (code != SQLITE_OK) return error(code, Operation::query);
        const std::string_view rest{tail, static_cast<std::size_t>(sql.data() + sql.size() - tail)};
        if (handle && rest.find_first_not_of(" \t\r\n;") == rest.npos) return handle;
        sqlite3_finalize(handle);
        return Error{Errc::invalid_argument, Operation::query};
    }

    Result<void> configure(int option, int wanted) noexcept {
        int now = -1;
        if (sqlite3_db_config(link_.db, option, wanted, &now) == SQLITE_OK && now == wanted)
            return {};
        return Error{Errc::not_supported, Operation::open};
    }

    Result<void> configure() {
        for (const auto& [option, wanted] :
             {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1},
              {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
              {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
              {SQLITE_DBCONFIG_DQS_DML, 0},
              {SQLITE_DBCONFIG_DQS_DDL, 0},
              // Until it is known to be ours, not even the WAL is folded in.
              {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1}})
            if (auto ok = configure(option, wanted); !ok) return ok;
        int powersafe = -1;
        if (sqlite3_file_control(link_.db, "main", SQLITE_FCNTL_POWERSAFE_OVERWRITE, &powersafe) !=
                SQLITE_OK ||
            powersafe != 0)
            return Error{Errc::not_supported, Operation::open};
        for (const auto& [name, value] : {std::pair{"foreign_keys", "1"},
                                          {"trusted_schema", "0"},
                                          {"cell_size_check", "1"},
                                          {"temp_store", "2"}})
            if (auto ok = set_pragma(name, value); !ok) return ok;
        // Answers nothing where it is compiled out, and then it is off.
        return execute("pragma mmap_size=0", Operation::open);
    }

    SqliteLink link_;
    std::map<std::string, Cached, std::less<>> statements_;
    std::vector<FormatId> formats_;
    Durability durability_ = Durability::hard;
};

}  // namespace bobbin::detail

#endif
