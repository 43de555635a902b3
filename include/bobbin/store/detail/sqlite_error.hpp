#ifndef BOBBIN_STORE_DETAIL_SQLITE_ERROR_HPP
#define BOBBIN_STORE_DETAIL_SQLITE_ERROR_HPP

#include <bobbin/core/error.hpp>

#include <sqlite3.h>

#include <cerrno>
#include <string>
#include <string_view>

// STRICT tables came with 3.37.
static_assert(SQLITE_VERSION_NUMBER >= 3037000, "Bobbin needs SQLite 3.37 or newer");

namespace bobbin::detail {

/// What the system answered decides where SQLite only says that it failed.
constexpr ErrorKind kind_of_sqlite(int code, int system) noexcept {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL: return ErrorKind::locked;
        case SQLITE_FULL: return ErrorKind::no_space;
        case SQLITE_IOERR:
            if (code == SQLITE_IOERR_NOMEM) return ErrorKind::transient;
            if (code == SQLITE_IOERR_CORRUPTFS || code == SQLITE_IOERR_DATA)
                return ErrorKind::corrupt;
            [[fallthrough]];
        case SQLITE_CANTOPEN:
            switch (system) {
                case ENOSPC:
                case EDQUOT: return ErrorKind::no_space;
                case EINTR:
                case EAGAIN:
                case ENOMEM:
                case EMFILE:
                case ENFILE: return ErrorKind::transient;
                default: return ErrorKind::permanent;
            }
        case SQLITE_NOMEM:
        case SQLITE_ABORT:
        case SQLITE_SCHEMA: return ErrorKind::transient;
        case SQLITE_CORRUPT:  // also where the disk refuses a page
        case SQLITE_NOTADB: return ErrorKind::corrupt;
        case SQLITE_INTERRUPT: return ErrorKind::cancelled;
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
        case SQLITE_TOOBIG:
        case SQLITE_RANGE:
        case SQLITE_MISUSE: return ErrorKind::bad_input;
        default: return ErrorKind::permanent;
    }
}

/// The error that `code` (an extended one) is. @thread that of `db`, which may be null
inline Error sqlite_error(sqlite3* db, int code, Operation operation, Subject on = {}) noexcept {
    const int system = db ? sqlite3_system_errno(db) : 0;
    return {Domain::sqlite, code, kind_of_sqlite(code, system), operation, on};
}

inline std::string_view explain_sqlite(int code) noexcept {
    switch (code & 0xff) {
        case SQLITE_BUSY: return "another process has it open; stop that one first";
        case SQLITE_NOTADB: return "not a database, or not any more; restore it from a copy";
        case SQLITE_CORRUPT: return "the database is damaged; restore it from a copy";
        case SQLITE_FULL: return "no space is left for the database; make room";
        case SQLITE_CONSTRAINT: return "a row contradicts the rules of its table";
        default: return {};
    }
}

/// One line for people about the database at `path`.
/// @allocates the text
inline std::string describe_sqlite(const Error& error, std::string_view path) {
    std::string text = bobbin::describe(error, path);
    if (error.domain != Domain::sqlite) return text;
    text += ": ";
    const auto what = explain_sqlite(error.code);
    text += what.empty() ? std::string_view{sqlite3_errstr(error.code)} : what;
    return text;
}

}  // namespace bobbin::detail

#endif
