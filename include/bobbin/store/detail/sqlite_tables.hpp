#ifndef BOBBIN_STORE_DETAIL_SQLITE_TABLES_HPP
#define BOBBIN_STORE_DETAIL_SQLITE_TABLES_HPP

#include <bobbin/store/detail/sqlite_connection.hpp>
#include <bobbin/store/sqlite_schema.hpp>

#include <array>
#include <span>

namespace bobbin::detail {

inline constexpr std::int32_t sqlite_application_id = 0x626f6262;  // "bobb"
inline constexpr std::int32_t sqlite_schema_version = 1;

struct SqliteTable {
    std::string_view name;
    std::string_view sql;
};

/// The store's own tables. Compared with those of a file word by word.
/// @source docs/formats.md, "Database"
inline constexpr std::array<SqliteTable, 10> sqlite_tables{{
    {"store", R"(CREATE TABLE store (
  id integer primary key check (id = 1),
  uuid blob not null check (length(uuid) = 16)
) strict)"},
    {"schema_step", R"(CREATE TABLE schema_step (
  name text not null,
  number integer not null check (number >= 1),
  sql text not null,
  primary key (name, number)
) strict, without rowid)"},
    {"open", R"(CREATE TABLE open (
  id integer primary key check (id between 1 and 4294967295),
  uuid blob not null check (length(uuid) = 16)
) strict)"},
    {"directory", R"(CREATE TABLE directory (
  id integer primary key check (id between 1 and 4294967295),
  uuid blob not null unique check (length(uuid) = 16),
  last_open integer references open (id)
) strict)"},
    {"stream", R"(CREATE TABLE stream (
  id integer primary key check (id between 1 and 2147483647),
  name text not null unique check (length(cast(name as blob)) between 1 and 255),
  retain_bytes integer not null check (retain_bytes >= 1)
) strict)"},
    {"format", R"(CREATE TABLE format (
  id integer primary key check (id between 1 and 65535),
  name text not null unique check (length(name) between 1 and 15)
) strict)"},
    {"usage", R"(CREATE TABLE usage (
  stream integer not null references stream (id),
  directory integer not null references directory (id),
  highest integer not null check (highest between 0 and 4294967295),
  objects integer not null check (objects >= 0),
  allocated integer not null check (allocated >= 0),
  primary key (stream, directory)
) strict, without rowid)"},
    {"object", R"(CREATE TABLE object (
  id integer primary key check ((id >> 32) >= 1 and (id & 4294967295) >= 1),
  directory integer not null references directory (id),
  open integer not null references open (id),
  state integer not null check (state between 1 and 4),
  end_reason integer not null check (end_reason between 0 and 6),
  protected integer not null check (protected in (0, 1)),
  recovered integer not null check (recovered in (0, 1)),
  size integer not null check (size >= 0),
  allocated integer not null check (allocated >= size),
  index_format integer references format (id),
  digest_format integer references format (id),
  digest blob not null check (length(digest) <= 32),
  stream integer as (id >> 32) references stream (id),
  check (state <> 1 or end_reason = 0),
  check (state <> 2 or end_reason <> 0 and index_format is not null and digest_format is not null),
  check (state <> 3 or protected = 0)
) strict)"},
    {"object_unfinished",
     "CREATE INDEX object_unfinished on object (directory, state) where state <> 2"},
    {"piece", R"(CREATE TABLE piece (
  object integer not null references object (id) on delete cascade,
  kind integer not null check (kind between 1 and 4),
  number integer not null check (number between 0 and 4294967295),
  bytes blob not null,
  unique (object, kind, number)
) strict)"},
}};

/// Puts the store's tables into an empty database.
inline Result<void> create_tables(SqliteConnection& db, const Uuid& store) {
    const auto made = [&]() -> Result<void> {
        for (const auto& table : sqlite_tables)
            if (auto ok = db.execute(std::string{table.sql}, Operation::create); !ok) return ok;
        return db.run("insert into store (id, uuid) values (1, ?1)", store);
    };
    const auto set = [&](const char* name, std::int32_t value) {
        return db.set_pragma(name, std::to_string(value));
    };
    if (auto ok = set("application_id", sqlite_application_id); !ok) return ok;
    if (auto ok = set("user_version", sqlite_schema_version); !ok) return ok;
    if (auto ok = db.begin(); !ok) return ok;
    if (auto ok = made(); !ok) {
        (void)db.roll_back();
        return ok;
    }
    return db.commit();
}

/// Whether the database is a store that this library may use. Writes nothing.
inline Result<void> identify(SqliteConnection& db) {
    const auto application = db.pragma<std::int32_t>("application_id");
    if (!application) return application.error();
    if (*application != sqlite_application_id)
        return Error{Errc::store_mismatch, Operation::identify};
    const auto version = db.pragma<std::int32_t>("user_version");
    if (!version) return version.error();
    if (*version > sqlite_schema_version) return Error{Errc::schema_unknown, Operation::identify};
    if (*version < sqlite_schema_version) return Error{Errc::store_mismatch, Operation::identify};
    for (const auto& [name, wanted] : {std::pair{"page_size", "4096"}, {"encoding", "UTF-8"}}) {
        const auto now = db.pragma<std::string>(name);
        if (!now) return now.error();
        if (*now != wanted) return Error{Errc::schema_mismatch, Operation::identify};
    }
    auto text = db.statement("select sql from sqlite_schema where name = ?1");
    if (!text) return text.error();
    for (const auto& table : sqlite_tables) {
        const auto found = text->one<std::string_view>(table.name);
        if (!found) return found.error();
        if (!*found || std::get<0>(**found) != table.sql)
            return Error{Errc::schema_mismatch, Operation::identify};
    }
    return {};
}

template <class Commit>
Result<void> apply_step(SqliteConnection& db, std::string_view name, std::int64_t number,
                        std::string_view sql, Commit& commit) {
    if (auto ok = db.begin(); !ok) return ok;
    const auto applied = [&]() -> Result<void> {
        auto known = db.statement("select sql from schema_step where name = ?1 and number = ?2");
        if (!known) return known.error();
        const auto text = known->one<std::string_view>(name, number);
        if (!text) return text.error();
        if (*text) {  // another process was faster
            if (std::get<0>(**text) == sql) return {};
            return Error{Errc::schema_mismatch, Operation::migrate};
        }
        if (auto ok = db.execute(std::string{sql}, Operation::migrate); !ok) return ok;
        if (db.is_idle()) return Error{Errc::invalid_argument, Operation::migrate};
        return db.run("insert into schema_step (name, number, sql) values (?1, ?2, ?3)", name,
                      number, sql);
    }();
    if (applied) return commit(db);
    (void)db.roll_back();
    return applied;
}

/// Compares the program's steps with those of the store, and applies what is missing, each ended by
/// `commit(db)`.
/// @errors `schema_unknown` where the store has more, `schema_mismatch` where it has others, or less
/// and it can't be written
template <class Commit>
Result<void> migrate(SqliteConnection& db, std::span<const SchemaSteps> lists, bool may_write,
                     Commit commit) {
    std::vector<std::size_t> done(lists.size());
    {
        auto all = db.statement("select name, number, sql from schema_step order by name, number");
        if (!all) return all.error();
        if (auto ok = all->bind(); !ok) return ok;
        const auto compared = all->each<std::string_view, std::size_t, std::string_view>(
            [&](std::string_view name, std::size_t number, std::string_view sql) -> Result<void> {
                const auto list = std::ranges::find(lists, name, &SchemaSteps::name);
                if (list == lists.end() || number > list->steps.size())
                    return Error{Errc::schema_unknown, Operation::migrate};
                auto& count = done[static_cast<std::size_t>(list - lists.begin())];
                if (number != ++count || list->steps[number - 1] != sql)
                    return Error{Errc::schema_mismatch, Operation::migrate};
                return {};
            });
        if (!compared) return compared;
    }
    for (std::size_t at = 0; at < lists.size(); ++at) {
        const auto& [name, steps] = lists[at];
        if (!may_write && done[at] != steps.size())
            return Error{Errc::schema_mismatch, Operation::migrate};
        for (std::size_t i = done[at]; i < steps.size(); ++i)
            if (auto ok = apply_step(db, name, static_cast<std::int64_t>(i + 1), steps[i], commit);
                !ok)
                return ok;
    }
    return {};
}

}  // namespace bobbin::detail

#endif
