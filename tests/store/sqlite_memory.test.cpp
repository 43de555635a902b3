#include "sqlite_files.hpp"

#include <bobbin/testing/allocations.hpp>

#include <functional>
#include <optional>

namespace bobbin_tests {

using testing::FailingAllocation;

// What SQLite asks for fails like what we ask for. Set before SQLite is used for the first time.
sqlite3_mem_methods real_memory;
const bool is_installed = [] {
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK) return false;
    auto failing = real_memory;
    failing.xMalloc = [](int size) -> void* {
        return testing::detail::allocation_fails() ? nullptr : real_memory.xMalloc(size);
    };
    failing.xRealloc = [](void* at, int size) -> void* {
        return testing::detail::allocation_fails() ? nullptr : real_memory.xRealloc(at, size);
    };
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK;
}();

struct Memory {
    Memory() {
        BOOST_TEST_REQUIRE(is_installed);
        auto store = open_store(path);
        objects.emplace(store);
    }
    Result<void> add(SqliteStore& store, Sequence number) {
        return objects->add(store, number, 5000);
    }

    /// Calls `act` with the n-th allocation failing, for all n, until it passes untouched.
    static std::uint64_t each(bool for_ever, const std::function<void()>& act) {
        for (std::uint64_t nth = 1;; ++nth) {
            bool failed = false;
            {
                FailingAllocation failing{nth, for_ever};
                act();
                failed = failing.failed();
            }
            if (!failed) return nth;
        }
    }

    TemporaryDirectory place;
    std::string path = place / "catalog.db";
    std::optional<Objects> objects;
};

BOOST_FIXTURE_TEST_SUITE(store_sqlite_memory, Memory)

BOOST_AUTO_TEST_CASE(a_transaction_without_memory_is_all_or_nothing) {
    for (const bool for_ever : {false, true}) {
        auto store = std::make_unique<SqliteStore>(open_store(path));
        Sequence number = for_ever ? 10'000 : 0;
        std::uint64_t refused = 0;
        const auto last = each(for_ever, [&] {
            const auto added = add(*store, ++number);
            const testing::UncountedAllocations uncounted;
            refused += added ? 0 : 1;
            const auto row = must(store->object({objects->stream, number}));
            if (added) BOOST_TEST(row.has_value());
            if (row)
                BOOST_TEST(must(store->piece_bytes({objects->stream, number}, PieceKind::index)).size() ==
                           5000u);
            // Nothing is left behind that would be in the way of the next.
            must(add(*store, 100'000 + number));
        });
        BOOST_TEST(last > 5u);
        BOOST_TEST(refused > 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_reader_without_memory_tells) {
    auto store = open_store(path);
    for (Sequence n = 1; n <= 5; ++n) must(add(store, n));
    const auto last = each(false, [&] {
        bool is_told = false;
        std::size_t found = 0;
        try {
            const auto rows = store.objects(objects->stream, 0, UINT32_MAX);
            is_told = !rows;
            if (rows) found = rows->size();
        } catch (const std::bad_alloc&) {
            is_told = true;
        }
        const testing::UncountedAllocations uncounted;
        BOOST_TEST((is_told || found == 5u));
    });
    BOOST_TEST(last > 1u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_opened_for_want_of_memory_opens_later) {
    {
        auto store = open_store(path);
        must(add(store, 1));
    }
    std::uint64_t refused = 0;
    const auto last = each(false, [&] {
        try {
            refused += try_open(path) ? 0 : 1;
        } catch (const std::bad_alloc&) {
            ++refused;
        }
    });
    BOOST_TEST(last > 20u);
    BOOST_TEST(refused > 10u);
    auto store = open_store(path);
    BOOST_TEST(must(store.object({objects->stream, 1})).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace bobbin_tests
