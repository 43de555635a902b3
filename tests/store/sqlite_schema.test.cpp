#include <bobbin/store/sqlite_schema.hpp>

#include <bobbin/store/null_rows.hpp>

#include "sqlite_files.hpp"

using namespace bobbin_tests;

namespace {

constexpr auto one_step = schema_steps("nvr", {"create table recording (id integer primary key "
                                               "references object (id) on delete cascade, "
                                               "start integer not null) strict"});
constexpr auto two_steps =
    schema_steps("nvr", {one_step.steps[0], "alter table recording add column lost integer; "
                                            "create index by_start on recording (start)"});
constexpr auto other_steps = schema_steps("nvr", {"create table recording (id) "});
constexpr auto another_part = schema_steps("pack", {"create table snapshot (name text) strict"});
constexpr auto failing =
    schema_steps("nvr", {one_step.steps[0], "create table extra (x); create table extra (x)"});
constexpr auto escaping =
    schema_steps("nvr", {one_step.steps[0], "create table extra (x); commit"});
static_assert(two_steps.steps.size() == 2 && two_steps.name == "nvr");

std::int64_t count(SqliteStore& store, const char* sql) {
    auto reader = must(store.reader());
    auto select = must(reader.statement(sql));
    return std::get<0>(*must(select.one<std::int64_t>()));
}

// The program's rows, as a program writes them.
struct RecordingRows {
    using policy_concept = rows_tag;
    struct Facts {
        std::int64_t start = 0;
    };
    struct Counts {};
    static constexpr auto schema = schema_steps(
        "nvr", {"create table recording (id integer primary key references object (id) "
                "on delete cascade, start integer not null) strict"});

    Result<void> begin(SqliteTransaction&, ObjectId, const Facts&) { return {}; }
    Result<void> advance(SqliteTransaction&, ObjectId, const Counts&) { return {}; }
    Result<void> commit(SqliteTransaction& tx, ObjectId id, const Counts&, const Facts* facts) {
        if (!facts) return {};
        return tx.run("insert or replace into recording (id, start) values (?1, ?2)", id,
                      facts->start);
    }
    Result<void> remove(SqliteTransaction& tx, ObjectId id) {
        return tx.run("delete from recording where id = ?1", id);
    }
    Facts split(const Facts& facts, const Counts&, const Counts&) const { return facts; }
};
static_assert(Rows<RecordingRows, SqliteTransaction, RecordingRows::Counts>);

}  // namespace

BOOST_AUTO_TEST_SUITE(store_sqlite_schema)

BOOST_AUTO_TEST_CASE(steps_are_applied_once_and_in_order) {
    TemporaryDirectory directory;
    const auto path = directory / "catalog.db";
    { open_store(path, {.schema = {one_step}}); }
    BOOST_TEST(try_open(path, {.read_only = true, .schema = {two_steps}})
                   .error()
                   .is(Errc::schema_mismatch));
    for (int i = 0; i < 2; ++i) {
        auto store = open_store(path, {.schema = {two_steps}});
        BOOST_TEST(count(store, "select count(*) from schema_step") == 2);
        BOOST_TEST(count(store, "select count(lost) from recording") == 0);
    }
    { open_store(path, {.schema = {two_steps, another_part}}); }
    auto store = open_store(path, {.read_only = true, .schema = {another_part, two_steps}});
    BOOST_TEST(count(store, "select count(*) from snapshot") == 0);
}

BOOST_AUTO_TEST_CASE(an_upgraded_store_equals_a_new_one) {
    TemporaryDirectory directory;
    { open_store(directory / "old", {.schema = {one_step}}); }
    const auto schema_of = [](SqliteStore store) {
        std::string text;
        auto reader = must(store.reader());
        auto all = must(
            reader.statement("select sql from sqlite_schema where sql is not null order by name"));
        must(all.each<std::string>([&](const std::string& sql) { text += sql + "\n"; }));
        return text;
    };
    BOOST_TEST(schema_of(open_store(directory / "old", {.schema = {two_steps}})) ==
               schema_of(open_store(directory / "new", {.schema = {two_steps}})));
}

BOOST_AUTO_TEST_CASE(what_the_program_does_not_know_is_refused) {
    TemporaryDirectory directory;
    const auto path = directory / "catalog.db";
    { open_store(path, {.schema = {two_steps}}); }
    const auto before = content_of(path);
    BOOST_TEST(try_open(path, {.schema = {one_step}}).error().is(Errc::schema_unknown));
    BOOST_TEST(try_open(path).error().is(Errc::schema_unknown));
    BOOST_TEST(try_open(path, {.schema = {another_part}}).error().is(Errc::schema_unknown));
    BOOST_TEST(try_open(path, {.schema = {other_steps}}).error().is(Errc::schema_mismatch));
    BOOST_TEST(try_open(path, {.schema = {two_steps}}).has_value());
    BOOST_TEST(content_of(path).size() == before.size());
}

BOOST_AUTO_TEST_CASE(a_failing_step_leaves_nothing) {
    TemporaryDirectory directory;
    const auto path = directory / "catalog.db";
    BOOST_TEST(!try_open(path, {.schema = {failing}}));
    BOOST_TEST(std::filesystem::is_empty(directory.path()));
    { open_store(path, {.schema = {one_step}}); }
    const auto failed = try_open(path, {.schema = {failing}});
    BOOST_TEST((failed.error().operation == Operation::migrate));
    auto store = open_store(path, {.schema = {one_step}});
    BOOST_TEST(count(store, "select count(*) from sqlite_schema where name = 'extra'") == 0);
}

BOOST_AUTO_TEST_CASE(a_step_stays_inside_its_transaction) {
    TemporaryDirectory directory;
    const auto path = directory / "catalog.db";
    { open_store(path, {.schema = {one_step}}); }
    BOOST_TEST(try_open(path, {.schema = {escaping}}).error().is(Errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(the_programs_rows_go_with_the_object) {
    TemporaryDirectory directory;
    auto store = open_store(directory / "catalog.db", {.schema = {RecordingRows::schema}});
    const Filled filled{store};
    RecordingRows rows;
    const auto id = filled.row.id;
    {
        auto t = must(store.begin());
        const RecordingRows::Facts facts{90'000};
        must(rows.commit(t, id, {}, &facts));
    }
    BOOST_TEST(count(store, "select count(*) from recording") == 0);
    auto t = must(store.begin());
    const RecordingRows::Facts facts{90'000};
    must(rows.commit(t, id, {}, &facts));
    BOOST_TEST(!rows.commit(t, ObjectId{filled.stream, 9}, {}, &facts));  // no such object
    must(t.commit());
    BOOST_TEST(count(store, "select start from recording") == 90'000);
    auto u = must(store.begin());
    must(rows.remove(u, id));
    must(u.make_garbage(id));
    must(u.forget(id));
    must(u.commit());
    BOOST_TEST(count(store, "select count(*) from recording") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
