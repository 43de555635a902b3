#ifndef BOBBIN_STORE_DETAIL_SQLITE_COLUMNS_HPP
#define BOBBIN_STORE_DETAIL_SQLITE_COLUMNS_HPP

#include <bobbin/store/rows.hpp>

#include <sqlite3.h>

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::detail {

// Values go in as they are and come out only as they went in: SQLite would turn a text into the
// number 0 without a word.

template <class T>
concept SqliteInteger = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>;

template <SqliteInteger T>
int bind_value(sqlite3_stmt* statement, int at, T value) noexcept {
    if (!std::in_range<std::int64_t>(value)) return SQLITE_RANGE;
    return sqlite3_bind_int64(statement, at, static_cast<std::int64_t>(value));
}
template <std::same_as<bool> T>
int bind_value(sqlite3_stmt* statement, int at, T value) noexcept {
    return sqlite3_bind_int64(statement, at, value ? 1 : 0);
}
template <std::floating_point T>
int bind_value(sqlite3_stmt* statement, int at, T value) noexcept {
    return sqlite3_bind_double(statement, at, static_cast<double>(value));
}
inline int bind_value(sqlite3_stmt* statement, int at, std::string_view text) noexcept {
    // A null pointer would bind NULL.
    return sqlite3_bind_text64(statement, at, text.empty() ? "" : text.data(), text.size(),
                               SQLITE_TRANSIENT, SQLITE_UTF8);
}
inline int bind_value(sqlite3_stmt* statement, int at, ByteView bytes) noexcept {
    if (bytes.empty()) return sqlite3_bind_zeroblob(statement, at, 0);
    return sqlite3_bind_blob64(statement, at, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
}
inline int bind_value(sqlite3_stmt* statement, int at, const Uuid& uuid) noexcept {
    return bind_value(statement, at, ByteView{uuid.bytes});
}
inline int bind_value(sqlite3_stmt* statement, int at, ObjectId id) noexcept {
    return bind_value(statement, at, id.value);
}
inline int bind_value(sqlite3_stmt* statement, int at, StreamId id) noexcept {
    return bind_value(statement, at, id.value);
}
inline int bind_value(sqlite3_stmt* statement, int at, DirectoryId id) noexcept {
    return bind_value(statement, at, id.value);
}
inline int bind_value(sqlite3_stmt* statement, int at, OpenId id) noexcept {
    return bind_value(statement, at, id.value);
}
inline int bind_value(sqlite3_stmt* statement, int at, Bytes bytes) noexcept {
    return bind_value(statement, at, bytes.value);
}
inline int bind_value(sqlite3_stmt* statement, int at, std::nullopt_t) noexcept {
    return sqlite3_bind_null(statement, at);
}
template <class T>
int bind_value(sqlite3_stmt* statement, int at, const std::optional<T>& value) noexcept {
    return value ? bind_value(statement, at, *value) : sqlite3_bind_null(statement, at);
}

template <class T>
concept SqliteBindable = requires(sqlite3_stmt* statement, const T& value) {
    { bind_value(statement, 1, value) } -> std::same_as<int>;
};

// Each gives false where the column holds something else.

template <SqliteInteger T>
bool read_value(sqlite3_stmt* statement, int at, T& to) noexcept {
    if (sqlite3_column_type(statement, at) != SQLITE_INTEGER) return false;
    const std::int64_t value = sqlite3_column_int64(statement, at);
    if (!std::in_range<T>(value)) return false;
    to = static_cast<T>(value);
    return true;
}
inline bool read_value(sqlite3_stmt* statement, int at, bool& to) noexcept {
    std::int64_t value = 0;
    if (!read_value(statement, at, value) || (value != 0 && value != 1)) return false;
    to = value == 1;
    return true;
}
inline bool read_value(sqlite3_stmt* statement, int at, double& to) noexcept {
    const int type = sqlite3_column_type(statement, at);
    if (type != SQLITE_FLOAT && type != SQLITE_INTEGER) return false;
    to = sqlite3_column_double(statement, at);
    return true;
}
inline bool read_value(sqlite3_stmt* statement, int at, std::string_view& to) noexcept {
    if (sqlite3_column_type(statement, at) != SQLITE_TEXT) return false;
    const auto* text = sqlite3_column_text(statement, at);
    if (!text) return false;
    to = {reinterpret_cast<const char*>(text),
          static_cast<std::size_t>(sqlite3_column_bytes(statement, at))};
    return true;
}
inline bool read_value(sqlite3_stmt* statement, int at, ByteView& to) noexcept {
    if (sqlite3_column_type(statement, at) != SQLITE_BLOB) return false;
    const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement, at));
    to = {bytes, bytes ? static_cast<std::size_t>(sqlite3_column_bytes(statement, at)) : 0};
    return true;
}
inline bool read_value(sqlite3_stmt* statement, int at, std::string& to) {
    std::string_view text;
    if (!read_value(statement, at, text)) return false;
    to = text;
    return true;
}
inline bool read_value(sqlite3_stmt* statement, int at, std::vector<std::byte>& to) {
    ByteView bytes;
    if (!read_value(statement, at, bytes)) return false;
    to.assign(bytes.begin(), bytes.end());
    return true;
}
inline bool read_value(sqlite3_stmt* statement, int at, Uuid& to) noexcept {
    ByteView bytes;
    if (!read_value(statement, at, bytes) || bytes.size() != to.bytes.size()) return false;
    std::ranges::copy(bytes, to.bytes.begin());
    return true;
}
inline bool read_value(sqlite3_stmt* statement, int at, ObjectId& to) noexcept {
    return read_value(statement, at, to.value);
}
inline bool read_value(sqlite3_stmt* statement, int at, StreamId& to) noexcept {
    return read_value(statement, at, to.value);
}
inline bool read_value(sqlite3_stmt* statement, int at, DirectoryId& to) noexcept {
    return read_value(statement, at, to.value);
}
inline bool read_value(sqlite3_stmt* statement, int at, OpenId& to) noexcept {
    return read_value(statement, at, to.value);
}
inline bool read_value(sqlite3_stmt* statement, int at, Bytes& to) noexcept {
    return read_value(statement, at, to.value);
}
template <class T>
bool read_value(sqlite3_stmt* statement, int at, std::optional<T>& to) {
    if (sqlite3_column_type(statement, at) == SQLITE_NULL) {
        to.reset();
        return true;
    }
    return read_value(statement, at, to.emplace());
}

template <class T>
concept SqliteReadable = std::default_initializable<T> && requires(sqlite3_stmt* statement, T& to) {
    { read_value(statement, 0, to) } -> std::same_as<bool>;
};

}  // namespace bobbin::detail

#endif
