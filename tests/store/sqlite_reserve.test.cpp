#include <bobbin/store/sqlite.hpp>

#include <bobbin/testing/sqlite_on_sim.hpp>

#include "sqlite_files.hpp"

#include <optional>

namespace bobbin_tests {

using namespace bobbin::testing;

/// A store on a small disk that somebody else fills.
struct SmallDisk {
    SmallDisk() { (void)fs.close(*fs.open_root("/sim/db", RootMode::create_if_missing)); }

    Result<SqliteStore> open(Bytes reserve) {
        return SqliteStore::open("/sim/db/catalog.db",
                                 {.wal_autocheckpoint = 20, .reserve = reserve}, fs);
    }
    SqliteStore prepared(Bytes reserve) {
        auto store = must(open(reserve));
        objects.emplace(store);
        return store;
    }
    void fill() { fs.set_quota(fs.disk().used()); }
    void empty() { fs.set_quota(4_MiB); }
    std::uint64_t reserve_size() {
        const auto place = *fs.open_root("/sim/db", RootMode::existing);
        const auto status = fs.status_at(place, "catalog.db-reserve");
        (void)fs.close(place);
        return status ? status->size.value : 0;
    }

    Result<void> add(SqliteStore& store, Sequence number) { return objects->add(store, number); }
    /// What the WAL has room for goes in before one is refused.
    void fill_with_rows(SqliteStore& store, Sequence next) {
        fill();
        for (const auto last = next + 200; next < last; ++next) {
            const auto added = add(store, next);
            if (added) continue;
            BOOST_TEST((added.error().kind() == ErrorKind::no_space));
            return;
        }
        BOOST_FAIL("the disk is not full");
    }
    Result<void> remove(SqliteStore& store, Sequence number) {
        auto tx = store.begin();
        if (!tx) return tx.error();
        if (auto done = tx->make_garbage({objects->stream, number}); !done) return done;
        if (auto done = tx->forget({objects->stream, number}); !done) return done;
        return tx->commit();
    }

    SimFs fs{{.quota = 4_MiB}};
    ScopedSqliteOn<SimFs> sqlite{fs};
    std::optional<Objects> objects;
};

BOOST_FIXTURE_TEST_SUITE(store_sqlite_reserve, SmallDisk)

BOOST_AUTO_TEST_CASE(a_full_disk_still_takes_deletions) {
    auto store = prepared(256_KiB);
    for (Sequence n = 1; n <= 20; ++n) must(add(store, n));
    fill_with_rows(store, 21);
    BOOST_TEST(reserve_size() == 128u * 1024);
    for (Sequence n = 1; n <= 10; ++n) must(remove(store, n));
    for (Sequence n = 1; n <= 11; ++n)
        BOOST_TEST(must(store.object({objects->stream, n})).has_value() == (n == 11));
}

BOOST_AUTO_TEST_CASE(without_one_it_does_not) {
    auto store = prepared(Bytes{0});
    BOOST_TEST(reserve_size() == 0u);
    for (Sequence n = 1; n <= 20; ++n) must(add(store, n));
    fill_with_rows(store, 21);
    for (int i = 0; i < 5; ++i) BOOST_TEST(!remove(store, 1).has_value());
}

// What is deleted is what new rows take: it goes on for ever.
BOOST_AUTO_TEST_CASE(rotation_goes_on_on_a_full_disk) {
    auto store = prepared(256_KiB);
    for (Sequence n = 1; n <= 20; ++n) must(add(store, n));
    fill();
    Sequence oldest = 1;
    unsigned refusals = 0;
    for (Sequence n = 21; n <= 400; ++n) {
        must([&]() -> Result<void> {
            for (;; ++refusals)
                if (auto done = remove(store, oldest); done || refusals > 3) return done;
        }());
        ++oldest;
        must(add(store, n));
    }
    BOOST_TEST(refusals == 1u);
}

BOOST_AUTO_TEST_CASE(it_is_made_again_when_there_is_room) {
    auto store = prepared(256_KiB);
    must(add(store, 1));
    fill_with_rows(store, 2);
    must(remove(store, 1));
    BOOST_TEST(reserve_size() == 128u * 1024);
    empty();
    must(add(store, 1));
    BOOST_TEST(reserve_size() == 256u * 1024);
}

BOOST_AUTO_TEST_CASE(a_store_opens_on_a_full_disk) {
    { auto store = prepared(256_KiB); }
    fill();
    auto store = must(open(256_KiB));
    BOOST_TEST(reserve_size() == 0u);
    BOOST_TEST(store.open_record().id.value == 2u);
}

BOOST_AUTO_TEST_CASE(after_it_was_needed_there_is_some_left_to_open_with) {
    {
        auto store = prepared(256_KiB);
        fill_with_rows(store, 1);
    }
    fill();
    BOOST_TEST(reserve_size() == 128u * 1024);
    (void)must(open(256_KiB));
    BOOST_TEST(reserve_size() == 0u);
}

BOOST_AUTO_TEST_CASE(without_one_it_tells_why_it_does_not) {
    { auto store = prepared(Bytes{0}); }
    fill();
    const auto store = open(Bytes{0});
    BOOST_TEST_REQUIRE(!store.has_value());
    BOOST_TEST((store.error().kind() == ErrorKind::no_space));
}

BOOST_AUTO_TEST_CASE(none_is_made_where_there_is_no_room_for_it) {
    fs.set_quota(300_KiB);
    auto store = prepared(256_KiB);
    BOOST_TEST(reserve_size() == 0u);
    must(add(store, 1));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace bobbin_tests
