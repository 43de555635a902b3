#ifndef BOBBIN_STORE_SQLITE_STATEMENT_HPP
#define BOBBIN_STORE_SQLITE_STATEMENT_HPP

#include <bobbin/core/result.hpp>
#include <bobbin/store/detail/sqlite_columns.hpp>
#include <bobbin/store/detail/sqlite_error.hpp>

#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace bobbin {

namespace detail {
class SqliteConnection;

/// What a statement needs of its connection.
struct SqliteLink {
    sqlite3* db = nullptr;
    /// Whether what is run belongs to a transaction, which SQLite may have ended by itself.
    bool in_transaction = false;
};
}  // namespace detail

/// A prepared statement, lent by a transaction or a reader, which it must not outlive; it goes back
/// reset. Integers (up to 63 bits), floating point, texts, `ByteView`, the ids, `Bytes`, `Uuid` and
/// optionals of these go in and come out; a column that holds anything else is `store_invariant`.
/// Texts and byte views that come out last until the next step. External sync.
class SqliteStatement {
public:
    SqliteStatement(SqliteStatement&& other) noexcept
        : link_{other.link_}
        , handle_{std::exchange(other.handle_, nullptr)}
        , in_use_{std::exchange(other.in_use_, nullptr)} {}
    SqliteStatement& operator=(SqliteStatement&& other) noexcept {
        std::swap(link_, other.link_);
        std::swap(handle_, other.handle_);
        std::swap(in_use_, other.in_use_);
        return *this;
    }
    ~SqliteStatement() {
        if (!handle_) return;
        if (!in_use_) {
            sqlite3_finalize(handle_);
            return;
        }
        sqlite3_reset(handle_);
        sqlite3_clear_bindings(handle_);
        *in_use_ = false;
    }

    /// Starts anew with these values, for ?1, ?2 and so on. They are copied.
    template <detail::SqliteBindable... Values>
    Result<void> bind(const Values&... values) noexcept {
        sqlite3_reset(handle_);
        int at = 0, code = SQLITE_OK;
        if (static_cast<int>(sizeof...(Values)) != sqlite3_bind_parameter_count(handle_))
            code = SQLITE_RANGE;
        (void)((code == SQLITE_OK &&
                (code = detail::bind_value(handle_, ++at, values)) == SQLITE_OK) &&
               ...);
        if (code != SQLITE_OK) return detail::sqlite_error(link_->db, code, Operation::query);
        return {};
    }

    /// Whether there is a row (another one).
    Result<bool> step() noexcept {
        // After an error SQLite may have rolled back; what came then would be outside of it.
        if (link_->in_transaction && sqlite3_get_autocommit(link_->db) != 0)
            return detail::sqlite_error(link_->db, SQLITE_ABORT_ROLLBACK, Operation::query);
        const int code = sqlite3_step(handle_);
        if (code == SQLITE_ROW) return true;
        if (code == SQLITE_DONE) return false;
        return detail::sqlite_error(link_->db, code, Operation::query);
    }

    /// The first columns of the row.
    template <detail::SqliteReadable... Columns>
    Result<std::tuple<Columns...>> row() const {
        std::tuple<Columns...> columns;
        const bool fits = [&]<std::size_t... I>(std::index_sequence<I...>) {
            return sizeof...(I) <= static_cast<std::size_t>(sqlite3_data_count(handle_)) &&
                   (detail::read_value(handle_, static_cast<int>(I), std::get<I>(columns)) && ...);
        }(std::index_sequence_for<Columns...>{});
        if (!fits) return Error{Errc::store_invariant, Operation::query};
        return columns;
    }

    /// Binds, and runs to the end.
    template <detail::SqliteBindable... Values>
    Result<void> run(const Values&... values) noexcept {
        if (auto bound = bind(values...); !bound) return bound;
        for (;;) {
            const auto more = step();
            if (!more || !*more) {
                sqlite3_reset(handle_);
                if (!more) return more.error();
                return {};
            }
        }
    }

    /// Binds, and gives the first row if there is one: `one<std::int64_t, std::string>(id)`.
    template <detail::SqliteReadable... Columns, detail::SqliteBindable... Values>
    Result<std::optional<std::tuple<Columns...>>> one(const Values&... values) {
        using Row = std::optional<std::tuple<Columns...>>;
        if (auto bound = bind(values...); !bound) return bound.error();
        const auto more = step();
        if (!more) return more.error();
        if (!*more) return Row{};
        auto columns = row<Columns...>();
        if (!columns) return columns.error();
        return Row{std::move(*columns)};
    }

    /// Calls `f(columns...)` for each row that is left. `f` gives nothing, or a `Result<void>` whose
    /// error ends it.
    template <detail::SqliteReadable... Columns, class F>
    Result<void> each(F&& f) {
        for (;;) {
            const auto more = step();
            if (!more) return more.error();
            if (!*more) return {};
            auto columns = row<Columns...>();
            if (!columns) return columns.error();
            if constexpr (std::is_void_v<std::invoke_result_t<F&, Columns...>>) {
                std::apply(f, std::move(*columns));
            } else {
                if (Result<void> ok = std::apply(f, std::move(*columns)); !ok) return ok;
            }
        }
    }

    sqlite3_stmt* native_handle() const noexcept { return handle_; }

private:
    friend detail::SqliteConnection;
    SqliteStatement(const detail::SqliteLink& link, sqlite3_stmt* handle, bool* in_use) noexcept
        : link_{&link}
        , handle_{handle}
        , in_use_{in_use} {}

    const detail::SqliteLink* link_;
    sqlite3_stmt* handle_;
    bool* in_use_;  // in the cache; null: ours alone
};

}  // namespace bobbin

#endif
