#include <bobbin/repair.hpp>

#include "fixture.hpp"

#include <bobbin/store/sqlite.hpp>
#include <bobbin/testing/explorer.hpp>
#include <bobbin/testing/sqlite_on_sim.hpp>

#include <map>
#include <stdexcept>

using namespace engine_tests;

namespace {

using Archive = bobbin::Archive<File<Fs>, VideoIndex, SqliteStore, ManualClock>;
using testing::Failures;
using testing::SimFs;

constexpr const char* catalog = "/sim/catalog";
constexpr const char* footage = "/sim/footage";
constexpr const char* attic = "/sim/attic";

thread_local std::uint64_t uuids_made = 0;
Uuid make_uuid() noexcept {
    Uuid uuid;
    store_le(uuid.bytes.data(), ++uuids_made * 0x9E3779B97F4A7C15u);
    return uuid;
}

template <class T>
T need(Result<T> result) {
    if (!result) throw std::runtime_error{SqliteStore::describe(result.error(), "")};
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

using Files = std::map<std::string, std::vector<std::byte>>;

/// All rows but those of opens, which a repair does not make.
constexpr const char* sql_rows = R"(
select coalesce(group_concat(line, char(10)), '') from (
  select 1, id, 'object ' || id || ' ' || directory || ' ' || iif(state = 3, 0, open) || ' ' || state || ' '
    || end_reason || ' ' || protected || ' ' || recovered || ' ' || size || ' ' || allocated || ' '
    || coalesce(index_format, 0) || ' ' || coalesce(digest_format, 0) || ' ' || hex(digest) as line from object
  union all select 2, stream, 'usage ' || stream || ' ' || directory || ' ' || highest || ' ' || objects || ' '
    || allocated from usage
  union all select 3, object, 'piece ' || object || ' ' || kind || ' ' || number || ' ' || hex(bytes) from piece
  union all select 4, id, 'directory ' || id || ' ' || hex(uuid) || ' ' || coalesce(last_open, 0) from directory
  union all select 5, id, 'stream ' || id || ' ' || name || ' ' || retain_bytes from stream
  order by 1, 2, 3))";

/// A store and its directories on a simulated disk. Errors throw.
struct Site {
    explicit Site(Fs files = {}) : fs{files}, data{testing::ground_of(fs)}, sqlite{files} {
        for (const char* path : {catalog, footage, attic})
            need(fs.close(need(fs.open_root(path, RootMode::create_if_missing))));
        open();
    }

    void open(bool read_only = false) {
        store.reset();
        store.emplace(need(SqliteStore::open(
            "/sim/catalog/catalog.db", {.read_only = read_only, .make_uuid = make_uuid}, fs)));
    }
    FsDirectory<Fs> place(const char* path = footage) {
        return need(FsDirectory<Fs>::open(path, RootMode::existing, data));
    }

    /// Objects of 15,000 bytes each; the directory is closed again.
    std::vector<ObjectId> record(const char* name, std::size_t objects,
                                 const char* path = footage) {
        ManualClock clock;
        Committer<SqliteStore, ManualClock> committer{*store, clock};
        auto syncer = need(Archive::Syncer::open(place(path), committer,
                                                 {.create = true, .make_uuid = make_uuid}, clock));
        auto writer = need(syncer.writer(need(store->stream(name))));
        std::vector<ObjectId> ids;
        for (std::size_t object = 0; object < objects; ++object) {
            for (std::size_t n = 0; n < 3; ++n)
                need(writer.append(Bench::bytes(n), Bench::record(n, 3)));
            ids.push_back(need(writer.end()));
            need(syncer.wait(ids.back(), 10s));
        }
        return ids;
    }
    template <class F>
    void change(F&& f) {
        auto tx = need(store->begin());
        f(tx);
        need(tx.commit());
    }
    void write(const std::string& name, std::string_view text, std::uint64_t offset = 0,
               const char* path = footage) {
        const auto directory = place(path);
        const auto file =
            need(data.open_at(directory.handle(), name.c_str(), OpenMode::create_or_write));
        need(data.write_at(file, as_bytes(text), offset));
        need(data.close(file));
    }
    void write(ObjectId id, std::string_view text) { write(std::string{ObjectName{id}}, text); }
    void remove(const char* name) { need(data.remove(place().handle(), name)); }

    Result<RepairPlan> try_to_mend(bool apply = false, bool adopt = false,
                                   const char* path = footage) {
        auto directory = place(path);
        return repair<Archive>(directory, *store,
                               {.apply = apply, .adopt = adopt, .check = {.read_data = true}});
    }
    RepairPlan mend(bool apply = false, bool adopt = false) {
        return need(try_to_mend(apply, adopt));
    }

    std::string rows() {
        auto reader = need(store->reader());
        auto select = need(reader.statement(sql_rows));
        return std::get<0>(*need(select.one<std::string>()));
    }
    ObjectState state(ObjectId id) {
        const auto row = need(store->object(id));
        return row ? row->state : ObjectState{};
    }
    Files files(const char* path = footage, bool all = true) {
        Files found;
        const auto directory = place(path);
        for (const auto& name : need(directory.list())) {
            if (!all && !ObjectName::parse(name)) continue;
            const auto file = need(data.open_at(directory.handle(), name.c_str(), OpenMode::read));
            auto& bytes = found[name];
            bytes.resize(static_cast<std::size_t>(need(data.status(file)).size.value));
            need(data.read_at(file, bytes, 0));
            need(data.close(file));
        }
        return found;
    }

    Fs fs;    ///< under SQLite
    Fs data;  ///< the same disk under the directories, with faults of its own
    testing::ScopedSqliteOn<Fs> sqlite;
    std::optional<SqliteStore> store;
};

using enum Disagreement;

using Steps = std::vector<std::tuple<Disagreement, ObjectId, Remedy>>;
Steps steps_of(const RepairPlan& plan) {
    Steps steps;
    for (const auto& [finding, remedy] : plan.steps)
        steps.emplace_back(finding.kind, finding.object, remedy);
    std::ranges::sort(steps);
    return steps;
}
std::string text_of(const RepairPlan& plan) {
    std::string text;
    for (const auto& [kind, id, remedy] : steps_of(plan))
        text += std::string{name_of(kind)} + ' ' + std::string{ObjectName{id}} + ": " +
                std::string{name_of(remedy)} + '\n';
    return text;
}
void check_steps(const RepairPlan& plan, Steps expected) {
    std::ranges::sort(expected);
    BOOST_TEST((steps_of(plan) == expected), text_of(plan));
}

constexpr StreamId door{1}, yard{2};
constexpr ObjectId at(Sequence number, StreamId stream = door) { return {stream, number}; }

/// One of each kind; store and directory are of one age.
struct Damaged : Site {
    explicit Damaged(Fs files = {}) : Site{files} {
        record("door", 10);
        record("yard", 1, attic);
        change([](SqliteTransaction& tx) {
            const std::byte nonsense[] = {std::byte{0xff}, std::byte{0xff}};
            need(tx.reserve(door, DirectoryId{1}, 100));
            need(tx.put_piece({at(5), PieceKind::index, 77, nonsense}));
            need(tx.put_piece({at(6), PieceKind::block_digests, 77, nonsense}));
            need(tx.make_garbage(at(8)));
            auto row = *need(tx.object(at(9)));
            row.index_format = FormatId{"other.v1"};
            need(tx.put(row));
            row = *need(tx.object(at(10)));
            row.state = ObjectState::quarantined;
            need(tx.put(row));
            row = *need(tx.object(at(7)));
            row.id = at(101);
            row.state = ObjectState::growing;
            row.end_reason = EndReason::growing;
            row.size = Bytes{10};
            need(tx.put(row));
        });
        auto directory = place();
        need(directory.remove(at(1)));
        need(need(directory.open_to_cut(at(2))).truncate(Bytes{10'000}));
        need(need(directory.open_to_cut(at(3))).truncate(Bytes{20'000}));
        write(at(4), "not what was written");
        write(at(101), "more than the mark");
        write(at(110), "told to nobody");
        write(at(50), "deleted, and back");
        write(at(1, yard), "of the attic");
        write("notes.txt", "somebody's");
    }
    static Steps expected() {
        return {{missing_file, at(1), Remedy::quarantine},
                {wrong_size, at(2), Remedy::quarantine},
                {wrong_size, at(3), Remedy::none},
                {wrong_digest, at(4), Remedy::quarantine},
                {wrong_index, at(5), Remedy::quarantine},
                {wrong_blocks, at(6), Remedy::quarantine},
                {garbage, at(8), Remedy::none},
                {unknown_format, at(9), Remedy::none},
                {quarantined, at(10), Remedy::none},
                {unfinished, at(101), Remedy::none},
                {unnumbered, at(110), Remedy::discard},
                {file_without_row, at(50), Remedy::none},
                {misplaced_file, at(1, yard), Remedy::none},
                {foreign_file, no_object, Remedy::none}};
    }
};

/// The store is older than its directory, from a copy that was made while the last open lasted: the
/// identity tells nothing of it. Number 4 grew then, and has ended since.
struct OlderStore : Site {
    explicit OlderStore(Fs files = {}) : Site{files} {
        record("door", 30);
        change([](SqliteTransaction& tx) {
            auto row = *need(tx.object(at(4)));
            need(tx.run("delete from object where (id & 4294967295) > 3"));
            need(tx.run("update usage set highest = 3, objects = 3, allocated = allocated / 10"));
            row.state = ObjectState::growing;
            row.end_reason = EndReason::growing;
            row.size = Bytes{5000};
            need(tx.put(row));
        });
    }
};

/// A directory that was restored from an older copy: it has the objects that were deleted since, and
/// none of those that were made.
struct OlderDirectory : Site {
    explicit OlderDirectory(Fs files = {}) : Site{files} {
        record("door", 3);
        const auto identity = *need(place().read_identity());
        const auto first = files_of_objects().at(std::string{ObjectName{at(1)}});
        open();
        record("door", 3);
        change([](SqliteTransaction& tx) {
            need(tx.make_garbage(at(1)));
            need(tx.forget(at(1)));
        });
        auto directory = place();
        need(directory.remove(at(1)));
        write(at(1), as_text(first));
        for (Sequence n = 4; n <= 6; ++n) need(directory.remove(at(n)));
        need(directory.write_identity(identity));
    }
    Files files_of_objects() { return files(footage, false); }
    static Steps expected() {
        return {{unnumbered, at(1), Remedy::step_over},
                {missing_file, at(4), Remedy::quarantine},
                {missing_file, at(5), Remedy::quarantine},
                {missing_file, at(6), Remedy::quarantine}};
    }
};

/// Everything that a repair may touch. The names are those before: a lock file may be new.
struct All {
    explicit All(Site& site) : rows{site.rows()}, data{site.files()}, more{site.files(attic)} {}
    std::string rows;
    Files data, more;
    bool operator==(const All&) const = default;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(engine_repair)

BOOST_AUTO_TEST_CASE(where_all_is_well_there_is_nothing_to_do) {
    Site site;
    site.record("door", 3);
    const All before{site};
    for (const bool adopt : {false, true}) {
        const auto plan = site.mend(true, adopt);
        BOOST_TEST(plan.steps.empty());
        BOOST_TEST(!plan.changes_anything());
        BOOST_TEST(plan.summary.objects == 3u);
    }
    BOOST_TEST((All{site} == before));
}

BOOST_AUTO_TEST_CASE(each_finding_has_its_remedy_and_a_dry_run_changes_nothing) {
    Damaged site;
    site.open(true);  // not even the store's own files may be written
    site.data.plan().add({Call::lock, 1, true, EIO, testing::Fault::Effect::fail});
    const All before{site};
    const auto database = site.files(catalog);
    const auto plan = site.mend();
    check_steps(plan, Damaged::expected());
    BOOST_TEST(plan.count(Remedy::quarantine) == 5u);
    BOOST_TEST(plan.count(Remedy::discard) == 1u);
    BOOST_TEST(plan.changes_rows());
    BOOST_TEST(!plan.adopts);
    BOOST_TEST((All{site} == before));
    BOOST_TEST((site.files(catalog) == database));
}

BOOST_AUTO_TEST_CASE(what_is_applied_is_what_was_planned_and_once_more_changes_nothing) {
    Damaged site;
    const All before{site};
    check_steps(site.mend(true), Damaged::expected());
    for (const Sequence n : {1u, 2u, 4u, 5u, 6u, 10u})
        BOOST_TEST((site.state(at(n)) == ObjectState::quarantined), n);
    for (const Sequence n : {3u, 7u, 9u})
        BOOST_TEST((site.state(at(n)) == ObjectState::committed), n);
    BOOST_TEST((site.state(at(101)) == ObjectState::growing));
    BOOST_TEST((site.state(at(110)) == ObjectState::garbage));
    BOOST_TEST((site.state(at(50)) == ObjectState{}));
    BOOST_TEST((site.files() == before.data));
    BOOST_TEST((site.files(attic) == before.more));

    const All after{site};
    const auto again = site.mend(true);
    BOOST_TEST(!again.changes_anything(), text_of(again));
    for (const auto& [finding, remedy] : again.steps)
        BOOST_TEST((finding.kind == quarantined || finding.kind == garbage ||
                    std::ranges::any_of(Damaged::expected(), [&](const auto& step) {
                        return std::get<1>(step) == finding.object &&
                               std::get<2>(step) == Remedy::none;
                    })));
    BOOST_TEST((All{site} == after));
}

BOOST_AUTO_TEST_CASE(the_next_open_removes_what_was_discarded_and_nothing_else) {
    Damaged site;
    auto kept = site.files(footage, false);
    site.mend(true);
    site.record("door", 1);
    for (const Sequence n : {8u, 110u}) kept.erase(std::string{ObjectName{at(n)}});
    kept[std::string{ObjectName{at(101)}}];  // recovery's
    const auto files = site.files(footage, false);
    for (const auto& [name, bytes] : kept)
        BOOST_TEST((files.contains(name) &&
                    (name == std::string_view{ObjectName{at(101)}} || files.at(name) == bytes)),
                   name);
    BOOST_TEST(files.size() == kept.size() + 1);
    BOOST_TEST((site.state(at(110)) == ObjectState{}));
}

BOOST_AUTO_TEST_CASE(a_disk_that_refuses_condemns_nothing) {
    Site site;
    site.record("door", 3);
    site.data.plan().add(
        {Call::read, 3, true, EIO, testing::Fault::Effect::fail});  // the identity takes two
    auto plan = site.mend(true);
    check_steps(plan, {{unreadable, at(1), Remedy::none},
                       {unreadable, at(2), Remedy::none},
                       {unreadable, at(3), Remedy::none}});
    BOOST_TEST((site.state(at(1)) == ObjectState::committed));
}

BOOST_AUTO_TEST_CASE(usage_that_does_not_add_up_is_told) {
    Site site;
    site.record("door", 2);
    site.record("yard", 1);
    site.change([](SqliteTransaction& tx) {
        need(tx.run("update usage set allocated = allocated + 4096 where stream = 1"));
        need(tx.run("update usage set highest = 0 where stream = 2"));
    });
    const auto plan = site.mend(true);
    check_steps(plan,
                {{wrong_usage, at(0), Remedy::none}, {wrong_usage, at(0, yard), Remedy::none}});
    BOOST_TEST(!plan.summary.is_clean());
    const auto& first = std::ranges::find(plan.steps, at(0), [](const auto& s) {
                            return s.finding.object;
                        })->finding;
    BOOST_TEST(first.actual.value == first.expected.value + 4096);
}

BOOST_AUTO_TEST_CASE(a_store_that_is_older_than_its_directory_costs_no_file) {
    OlderStore site;
    const auto files = site.files(footage, false);
    const auto plan = site.mend(true);
    Steps expected{{unfinished, at(4), Remedy::quarantine}};
    for (Sequence n = 5; n <= 30; ++n)
        expected.emplace_back(n <= 20 ? unnumbered : file_ahead, at(n), Remedy::step_over);
    check_steps(plan, expected);
    BOOST_TEST((site.state(at(4)) == ObjectState::quarantined));
    BOOST_TEST((need(site.store->object(at(4)))->end_reason == EndReason::crash));
    // However often it is opened from now on.
    for (Sequence start = 0; start < 3; ++start) {
        const auto ids = site.record("door", 1);
        BOOST_TEST(ids[0].sequence() == 48u + start);
        auto now = site.files(footage, false);
        for (const auto& [name, bytes] : files) BOOST_TEST((now[name] == bytes), name);
    }
    const auto again = site.mend();
    BOOST_TEST(again.summary.count(file_without_row) == 26u);
    BOOST_TEST(!again.changes_anything());
}

BOOST_AUTO_TEST_CASE(a_file_of_an_unknown_stream_says_that_nothing_is_known_to_be_worthless) {
    Site site;
    site.record("door", 1);
    site.write(at(1, StreamId{7}), "of a camera to come");
    site.write(at(2), "told to nobody?");
    check_steps(site.mend(true), {{unknown_stream, at(1, StreamId{7}), Remedy::none},
                                  {unnumbered, at(2), Remedy::step_over}});
    site.record("door", 1);
    BOOST_TEST(site.files().contains(std::string{ObjectName{at(2)}}));
}

BOOST_AUTO_TEST_CASE(a_file_that_no_stream_will_ever_reach_takes_no_numbers) {
    Site site;
    site.record("door", 1);
    site.write(at(0xffff'fff0), "far out");
    check_steps(site.mend(true), {{file_ahead, at(0xffff'fff0), Remedy::none}});
    BOOST_TEST(site.record("door", 1)[0].sequence() == 2u);
}

BOOST_AUTO_TEST_CASE(what_may_not_be_written_or_is_in_use_is_refused) {
    Damaged site;
    for (const char* path : {footage, attic}) {  // even where there is nothing to do
        site.open(true);
        BOOST_TEST(site.try_to_mend(true, false, path).error().is(Errc::read_only));
        site.open();
    }
    const All before{site};
    auto holder = site.place();
    need(holder.lock());
    BOOST_TEST(site.try_to_mend(true).error().is(Errc::directory_in_use));
    BOOST_TEST((site.rows() == before.rows));
}

BOOST_AUTO_TEST_CASE(without_leave_a_directory_that_is_refused_stays_as_it_is) {
    Site site;
    site.record("door", 3);
    auto directory = site.place();
    const auto good = *need(directory.read_identity());
    const auto check_refused = [&](Errc why, bool adopt) {
        const All before{site};
        for (const bool apply : {false, true}) {
            const auto plan = site.try_to_mend(apply, adopt);
            BOOST_TEST((!plan && plan.error().is(why)), Bench::message(plan));
        }
        BOOST_TEST((All{site} == before));
    };
    auto identity = good;
    identity.complete = OpenRecord{OpenId{99}, {}};
    need(directory.write_identity(identity));
    check_refused(Errc::directory_mismatch, false);
    // These are past help.
    identity = good;
    identity.store.bytes[0] ^= std::byte{1};
    need(directory.write_identity(identity));
    for (const bool adopt : {false, true})
        check_refused(Errc::directory_used_by_other_store, adopt);
    identity = good;
    identity.directory.bytes[0] ^= std::byte{1};
    need(directory.write_identity(identity));
    for (const bool adopt : {false, true}) check_refused(Errc::directory_unknown_to_store, adopt);
    site.write("bobbin-directory", "nonsense", 60);
    check_refused(Errc::identity_malformed, false);
    site.remove("bobbin-directory");
    check_refused(Errc::directory_missing_identity, false);
}

BOOST_AUTO_TEST_CASE(a_lost_or_damaged_identity_is_written_anew) {
    for (const bool is_lost : {true, false}) {
        Site site;
        site.record("yard", 1, attic);
        site.record("door", 3);
        const auto good = *need(site.place().read_identity());
        if (is_lost)
            site.remove("bobbin-directory");
        else
            site.write("bobbin-directory", "nonsense", 60);
        const All before{site};
        const auto plan = site.mend(false, true);
        BOOST_TEST(plan.adopts);
        BOOST_TEST(plan.steps.empty(), text_of(plan));
        BOOST_TEST((All{site} == before));
        site.mend(true, true);
        BOOST_TEST((*need(site.place().read_identity()) == good));
        BOOST_TEST((site.rows() == before.rows));
        BOOST_TEST(!site.mend(true, true).adopts);
        BOOST_TEST(site.record("door", 1)[0].sequence() == 4u);
    }
}

BOOST_AUTO_TEST_CASE(what_was_under_way_is_set_aside_where_the_identity_is_lost) {
    Site site;
    site.record("door", 3);
    site.change([](SqliteTransaction& tx) {
        auto row = *need(tx.object(at(3)));
        row.state = ObjectState::growing;
        row.end_reason = EndReason::growing;
        for (const Sequence n : {4u, 5u}) {
            row.id = at(n);
            need(tx.put(row));
        }
    });
    site.write(at(4), "longer by now than its mark");
    site.write(at(6), "told to nobody?");
    site.remove("bobbin-directory");
    check_steps(site.mend(true, true), {{unfinished, at(4), Remedy::quarantine},
                                        {unfinished, at(5), Remedy::none},  // no file to be hurt
                                        {unnumbered, at(6), Remedy::step_over}});
    const auto files = site.files(footage, false);
    site.record("door", 1);
    for (const Sequence n : {4u, 6u}) {
        const std::string name{ObjectName{at(n)}};
        BOOST_TEST((site.files()[name] == files.at(name)), name);
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_recognised_is_not_adopted) {
    Site site;
    site.record("door", 3);
    site.record("yard", 1, attic);
    need(site.data.remove(site.place(attic).handle(), "bobbin-directory"));
    // An empty mount point, or files of somebody else under the same names.
    need(site.place(attic).remove(at(1, yard)));
    const auto check_refused = [&] {
        const All before{site};
        const auto plan = site.try_to_mend(true, true, attic);
        BOOST_TEST((!plan && plan.error().is(Errc::directory_missing_identity)),
                   Bench::message(plan));
        BOOST_TEST(site.rows() == before.rows);
        BOOST_TEST(!site.files(attic).contains("bobbin-directory"));
    };
    check_refused();
    for (Sequence n = 1; n <= 3; ++n) {
        const std::string name{ObjectName{at(n)}};
        site.write(name, "another length", n == 1 ? 14'986 : 0, attic);  // one is alike by chance
    }
    check_refused();
}

BOOST_AUTO_TEST_CASE(a_directory_restored_from_an_older_copy_is_adopted_on_demand) {
    OlderDirectory site;
    const All before{site};
    const auto plan = site.mend(false, true);
    BOOST_TEST(plan.adopts);
    check_steps(plan, OlderDirectory::expected());
    BOOST_TEST((All{site} == before));
    site.mend(true, true);
    for (Sequence n = 4; n <= 6; ++n) BOOST_TEST((site.state(at(n)) == ObjectState::quarantined));
    auto kept = before.data;
    std::erase_if(kept, [](const auto& file) { return !ObjectName::parse(file.first); });
    BOOST_TEST((site.files_of_objects() == kept));
    BOOST_TEST(!site.mend(true, true).changes_anything());
    BOOST_TEST(site.record("door", 1)[0].sequence() > 17u);
    const auto files = site.files();
    for (Sequence n = 1; n <= 3; ++n) {
        const std::string name{ObjectName{at(n)}};
        BOOST_TEST((files.at(name) == before.data.at(name)), name);
    }
}

BOOST_AUTO_TEST_CASE(a_store_restored_from_an_older_copy_gets_its_directory_on_demand) {
    OlderStore site;
    auto directory = site.place();
    auto identity = *need(directory.read_identity());
    identity.complete = OpenRecord{OpenId{9}, {}};  // which the copy does not know yet
    need(directory.write_identity(identity));
    const auto files = site.files(footage, false);
    BOOST_TEST(site.try_to_mend(true).error().is(Errc::directory_mismatch));
    BOOST_TEST(site.mend(true, true).count(Remedy::step_over) == 26u);
    site.record("door", 1);
    auto now = site.files(footage, false);
    for (const auto& [name, bytes] : files) BOOST_TEST((now[name] == bytes), name);
}

BOOST_AUTO_TEST_CASE(files_of_a_stream_to_come_must_be_moved_away_first) {
    OlderDirectory site;
    const ObjectId other{StreamId{7}, 3};
    site.write(other, "of a camera to come");
    const All before{site};
    const auto plan = site.try_to_mend(true, true);
    BOOST_TEST((!plan && plan.error().is(Errc::stream_unknown)));
    BOOST_TEST((plan.error().subject == Subject{other.stream()}));
    BOOST_TEST(site.rows() == before.rows);
    need(site.place().remove(other));
    BOOST_TEST(site.mend(true, true).adopts);
}

BOOST_AUTO_TEST_CASE(rows_in_memory_are_mended_likewise) {
    Bench bench;
    auto writer = bench.writer();
    const auto id = bench.record(writer, 0);
    { const auto ended = std::move(writer); }
    bench.syncer.reset();
    auto directory = *FsDirectory<Fs>::open(footage, RootMode::existing, bench.fs);
    BOOST_TEST(directory.remove(id).has_value());
    const auto plan = repair<Bench::Archive>(directory, *bench.store, {.apply = true});
    BOOST_TEST_REQUIRE(plan.has_value(), Bench::message(plan));
    check_steps(*plan, {{missing_file, id, Remedy::quarantine}});
    BOOST_TEST((bench.state(id) == ObjectState::quarantined));
    BOOST_TEST(bench.store->usage()->front().objects == 0u);
}

namespace {

/// A repair that is cut off anywhere leaves the rows as they were, or as they are to be; and while they
/// are as they were, a directory that was refused still is.
template <class Start, bool adopts>
struct Mending {
    struct Promise {
        bool is_done = false;
        bool operator==(const Promise&) const = default;
        std::uint64_t hash() const noexcept { return is_done ? 1 : 2; }
    };

    Mending() {
        uuids_made = 0;
        Start site;
        before = site.rows();
        data = site.files(footage, false);
        site.open();
        (void)site.mend(true, adopts);
        after = site.rows();
        identity = *need(site.place().read_identity());
        if (before == after) throw std::runtime_error{"there is nothing to mend"};
    }
    void prepare(SimFs fs) const {
        uuids_made = 0;
        const Start site{Fs{fs}};
    }
    void run(SimFs fs, Promise& promise) const {
        Site site{Fs{fs}};
        (void)site.mend(true, adopts);
        promise.is_done = true;
        fs.barrier();
    }
    void recover(SimFs fs, const Promise& promise, Failures& failures) const {
        Site site{Fs{fs}};
        check(site, promise.is_done, failures);
        (void)site.mend(true, adopts);
        check(site, true, failures);
    }
    void check(Site& site, bool is_done, Failures& failures) const {
        const auto rows = site.rows();
        failures.check(rows == after || (!is_done && rows == before), "the rows are half mended");
        const bool is_accepted = *need(site.place().read_identity()) == identity;
        failures.check(is_accepted || (adopts && !is_done), "the identity is not written");
        failures.check(!adopts || !is_accepted || rows == after,
                       "accepted before its rows are right");
        failures.check(site.files(footage, false) == data, "a data file has changed");
    }

    std::string before, after;
    Files data;
    DirectoryIdentity identity;
};

template <class M>
void explore_all() {
    const auto report = testing::explore(M{}, {.depth = 2, .samples = 50, .max_states = 600});
    BOOST_TEST_MESSAGE(report);
    BOOST_TEST(report.violations == 0u, report);
    BOOST_TEST(report.distinct_states >= 10u);
}

/// Lets each call fail, of the database's and of the directory's, once and for ever. What can't be read
/// has another remedy, which is none.
template <class M>
void fail_all() {
    const M mending;
    SimFs ground;
    mending.prepare(ground);
    ground.settle();
    const auto disk = ground.disk();
    const auto all = testing::CallSet::all();
    const auto calls = all.without({Call::open, Call::read, Call::status});
    for (const bool in_store : {true, false})
        for (const bool for_ever : {false, true})
            for (std::uint64_t nth = 1;; ++nth) {
                SimFs fs{disk};
                std::uint64_t hits = 0;
                bool is_done = false;
                {
                    Site site{Fs{fs}};
                    auto& plan = (in_store ? site.fs : site.data).plan();
                    const auto others = plan.hits();
                    plan.add(
                        {in_store ? all : calls, nth, for_ever, EIO, testing::Fault::Effect::fail});
                    try {
                        (void)site.mend(true, std::is_same_v<M, Mending<OlderDirectory, true>>);
                        is_done = true;
                    } catch (const std::runtime_error&) {}
                    hits = plan.hits() - others;
                    plan.clear();
                    site.store.reset();
                }
                Failures failures;
                mending.recover(fs, {is_done && !for_ever}, failures);
                for (const auto& text : failures.messages())
                    BOOST_ERROR(text << ": call " << nth << (in_store ? " of the store" : "")
                                     << (for_ever ? ", for ever" : ""));
                if (hits == 0) {
                    BOOST_TEST(is_done);
                    BOOST_TEST(nth > 2u);
                    break;
                }
            }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_crash_anywhere_leaves_all_or_nothing) {
    explore_all<Mending<Damaged, false>>();
    explore_all<Mending<OlderStore, false>>();
    explore_all<Mending<OlderDirectory, true>>();
}

BOOST_AUTO_TEST_CASE(an_error_anywhere_leaves_all_or_nothing) {
    fail_all<Mending<Damaged, false>>();
    fail_all<Mending<OlderDirectory, true>>();
}

BOOST_AUTO_TEST_SUITE_END()
