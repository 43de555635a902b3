#ifndef BOBBIN_STORE_DETAIL_SQLITE_ROWS_HPP
#define BOBBIN_STORE_DETAIL_SQLITE_ROWS_HPP

#include <bobbin/store/detail/sqlite_connection.hpp>

#include <array>
#include <optional>
#include <string_view>
#include <vector>

// Reading and writing the store's own rows through a connection.

namespace bobbin::detail {

template <std::size_t Size>
struct SqlText {
    std::array<char, Size> text{};
    constexpr operator std::string_view() const noexcept { return {text.data(), Size}; }
};

/// Selects objects, all columns in the order in which `ObjectReader` takes them.
template <std::size_t Size>
consteval auto select_objects(const char (&rest)[Size]) {
    constexpr std::string_view head =
        "select id, directory, open, state, end_reason, protected, recovered, size, "
        "allocated, index_format, digest_format, digest from object where ";
    SqlText<head.size() + Size - 1> sql;
    auto at = std::ranges::copy(head, sql.text.begin()).out;
    std::copy_n(rest, Size - 1, at);
    return sql;
}

inline constexpr auto sql_object = select_objects("id = ?1");
inline constexpr auto sql_objects =
    select_objects("id between ?1 and ?2 and state = 2 order by id");
inline constexpr auto sql_oldest = select_objects(
    "id between ?1 and ?2 and directory = ?3 and state = 2 and protected = 0 order by id limit ?4");
inline constexpr auto sql_in_state =
    select_objects("directory = ?1 and state = ?2 and state <> 2 order by id");
inline constexpr std::string_view sql_pieces =
    "select bytes from piece where object = ?1 and kind = ?2 order by number";

/// The name of format `number`; nothing where the store has none such, or one that can't be a name:
/// then it is the object that can't be read, and not the list that it stands in.
inline Result<FormatId> format_name(SqliteConnection& db, std::optional<std::uint32_t> number) {
    if (!number) return FormatId{};
    auto& names = db.formats();
    if (*number >= names.size() || names[*number].name().empty()) {
        auto all = db.statement("select id, name from format where id between 0 and 65535");
        if (!all) return all.error();
        if (auto ok = all->bind(); !ok) return ok.error();
        const auto read = all->each<std::uint16_t, std::string_view>(
            [&](std::uint16_t id, std::string_view name) {
                if (id >= names.size()) names.resize(id + std::size_t{1});
                names[id] = FormatId::parse(name).value_or(FormatId{});
            });
        if (!read) return read.error();
    }
    return *number < names.size() ? names[*number] : FormatId{};
}

/// The number of a format, which gets one now if it has none. Nothing for no format.
inline Result<std::optional<std::uint32_t>> format_number(SqliteConnection& db, FormatId format) {
    if (format.name().empty()) return std::optional<std::uint32_t>{};
    const auto& names = db.formats();
    if (const auto at = std::ranges::find(names, format); at != names.end())
        return std::optional{static_cast<std::uint32_t>(at - names.begin())};
    auto find = db.statement("select id from format where name = ?1");
    if (!find) return find.error();
    auto found = find->one<std::uint32_t>(format.name());
    if (!found) return found.error();
    if (!*found) {
        if (auto ok = db.run("insert into format (name) values (?1)", format.name()); !ok)
            return ok.error();
        return std::optional{static_cast<std::uint32_t>(sqlite3_last_insert_rowid(db.handle()))};
    }
    return std::optional{std::get<0>(**found)};
}

/// The row of an object under the cursor of a statement made by `select_objects`.
inline Result<ObjectRow> read_object(SqliteConnection& db, const SqliteStatement& at) {
    using Number = std::uint8_t;
    using Format = std::optional<std::uint32_t>;
    const auto columns = at.row<ObjectId, DirectoryId, OpenId, Number, Number, bool, bool,
                                Bytes, Bytes, Format, Format, ByteView>();
    // About the object, if only its number is good.
    const auto id = at.row<ObjectId>();
    const Error damaged{Errc::store_invariant, Operation::query,
                        id ? Subject{std::get<0>(*id)} : Subject{}};
    if (!columns) return damaged;
    const auto& [number, directory, open, state, end_reason, is_protected, is_recovered,
                 size, allocated, index_format, digest_format, digest] = *columns;
    ObjectRow row{.id = number,
                  .directory = directory,
                  .open = open,
                  .state = static_cast<ObjectState>(state),
                  .end_reason = static_cast<EndReason>(end_reason),
                  .is_protected = is_protected,
                  .is_recovered = is_recovered,
                  .size = size,
                  .allocated = allocated,
                  .index_format = {},
                  .digest_format = {},
                  .digest = {}};
    auto value = DigestValue::from(digest);
    if (!value) return damaged;
    row.digest = *value;
    for (auto [from, to] :
         {std::pair{index_format, &row.index_format}, {digest_format, &row.digest_format}}) {
        const auto name = format_name(db, from);
        if (!name) return name.error();
        *to = *name;
    }
    // An unknown format is the reader's to refuse.
    auto judged = row;
    constexpr FormatId any{"any"};
    if (index_format) judged.index_format = any;
    if (digest_format) judged.digest_format = any;
    if (!is_possible(judged)) return damaged;
    return row;
}

template <class... Values>
Result<std::vector<ObjectRow>> read_objects(SqliteConnection& db, std::string_view sql,
                                            const Values&... values) {
    auto select = db.statement(sql);
    if (!select) return select.error();
    if (auto ok = select->bind(values...); !ok) return ok.error();
    std::vector<ObjectRow> rows;
    for (;;) {
        const auto more = select->step();
        if (!more) return more.error();
        if (!*more) return rows;
        auto row = read_object(db, *select);
        if (!row) return row.error();
        rows.push_back(*row);
    }
}

inline Result<std::optional<ObjectRow>> read_object(SqliteConnection& db, ObjectId id) {
    if (!is_object_id(id)) return std::optional<ObjectRow>{};
    auto rows = read_objects(db, sql_object, id);
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ObjectRow>{};
    return std::optional{rows->front()};
}

inline Result<std::vector<std::byte>> read_pieces(SqliteConnection& db, ObjectId id,
                                                  PieceKind kind) {
    std::vector<std::byte> bytes;
    const auto row = read_object(db, id);
    if (!row) return row.error();
    // An index that is gone is not an empty one.
    if (!*row || (*row)->state == ObjectState::garbage)
        return Error{Errc::object_unknown, Operation::query, id};
    auto select = db.statement(sql_pieces);
    if (!select) return select.error();
    if (auto ok = select->bind(id, static_cast<int>(kind)); !ok) return ok.error();
    const auto read = select->each<ByteView>(
        [&](ByteView piece) { bytes.insert(bytes.end(), piece.begin(), piece.end()); });
    if (!read) return read.error().about(id);
    return bytes;
}

/// The ids of a stream's objects are a range; empty for a number that no stream can have.
inline std::pair<ObjectId, ObjectId> ids_of(StreamId stream, Sequence first,
                                            Sequence last) noexcept {
    if (stream.value > highest_stream) return {ObjectId{1}, ObjectId{0}};
    return {ObjectId{stream, first}, ObjectId{stream, last}};
}

inline Result<std::optional<DirectoryRow>> read_directory(SqliteConnection& db, const Uuid& uuid) {
    auto select = db.statement("select d.id, o.id, o.uuid from directory d left join open o "
                               "on o.id = d.last_open where d.uuid = ?1");
    if (!select) return select.error();
    const auto found = select->one<DirectoryId, std::optional<OpenId>, std::optional<Uuid>>(uuid);
    if (!found) return found.error();
    if (!*found) return std::optional<DirectoryRow>{};
    const auto& [id, open, open_uuid] = **found;
    return std::optional{
        DirectoryRow{id, uuid, open.value_or(OpenId{}), open_uuid.value_or(Uuid{})}};
}

inline Result<std::vector<DirectoryRow>> read_directories(SqliteConnection& db) {
    auto select = db.statement("select d.id, d.uuid, o.id, o.uuid from directory d left join open o "
                               "on o.id = d.last_open order by d.id");
    if (!select) return select.error();
    if (auto ok = select->bind(); !ok) return ok.error();
    std::vector<DirectoryRow> rows;
    const auto read = select->each<DirectoryId, Uuid, std::optional<OpenId>, std::optional<Uuid>>(
        [&](DirectoryId id, Uuid uuid, std::optional<OpenId> open, std::optional<Uuid> open_uuid) {
            rows.push_back({id, uuid, open.value_or(OpenId{}), open_uuid.value_or(Uuid{})});
        });
    if (!read) return read.error();
    return rows;
}

inline Result<std::vector<StreamRow>> read_streams(SqliteConnection& db) {
    auto select = db.statement("select id, name, retain_bytes from stream order by id");
    if (!select) return select.error();
    if (auto ok = select->bind(); !ok) return ok.error();
    std::vector<StreamRow> rows;
    const auto read = select->each<StreamId, std::string, Bytes>(
        [&](StreamId id, std::string name, Bytes retain) {
            rows.push_back({id, std::move(name), retain});
        });
    if (!read) return read.error();
    return rows;
}

inline Result<std::vector<UsageRow>> read_usage(SqliteConnection& db) {
    auto select = db.statement("select stream, directory, highest, objects, allocated "
                               "from usage order by stream, directory");
    if (!select) return select.error();
    if (auto ok = select->bind(); !ok) return ok.error();
    std::vector<UsageRow> rows;
    const auto read = select->each<StreamId, DirectoryId, Sequence, std::uint64_t, Bytes>(
        [&](StreamId stream, DirectoryId directory, Sequence highest, std::uint64_t objects,
            Bytes allocated) { rows.push_back({stream, directory, highest, objects, allocated}); });
    if (!read) return read.error();
    return rows;
}

inline Result<std::optional<StreamId>> find_stream(SqliteConnection& db, std::string_view name) {
    auto select = db.statement("select id from stream where name = ?1");
    if (!select) return select.error();
    const auto found = select->one<StreamId>(name);
    if (!found) return found.error();
    if (!*found) return std::optional<StreamId>{};
    return std::optional{std::get<0>(**found)};
}

}  // namespace bobbin::detail

#endif
