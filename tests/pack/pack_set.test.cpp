#include <bobbin/pack/pack_set.hpp>

#include <bobbin/testing/allocations.hpp>

#include "packs.hpp"

#include <map>
#include <set>

using namespace bobbin;
using namespace bobbin_tests;

namespace {

using Key = pack::Key<Sha256>;

struct Chunk {
    Key key;
    std::uint32_t length = 1;
};

Key random_key(bobbin::testing::detail::Random& random) {
    Key key;
    for (std::size_t n = 0; n < key.size(); n += 8) store_le(key.data() + n, random());
    return key;
}

pack::ChunkIndex index_of(const std::vector<Key>& keys) {
    pack::ChunkIndexBuilder builder{32};
    for (const auto& key : keys) {
        const Chunk chunk[] = {{key}};
        builder.add({128, {1, 1, 1, 0, 0}}, chunk);
    }
    return builder.build();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_pack_set)

BOOST_AUTO_TEST_CASE(an_empty_set_has_nothing) {
    pack::PackSet<Sha256> set;
    BOOST_TEST((!set.contains(Key{}) && !set.find(Key{}) && set.size() == 0));
    std::size_t asked = 0;
    const Key keys[3] = {};
    set.find_each(keys, [&](std::size_t n, const auto& found) { asked += n == asked && !found; });
    BOOST_TEST(asked == 3U);
    set.find_each({}, [&](std::size_t, const auto&) { ++asked; });
    BOOST_TEST(asked == 3U);
}

// Against a map, at each size, with packs that share chunks, before and after merging.
BOOST_AUTO_TEST_CASE(finds_what_a_map_finds) {
    bobbin::testing::detail::Random random{4};
    for (int round = 0; round < 5; ++round) {
        std::map<ObjectId, pack::ChunkIndex> packs;
        std::map<Key, std::set<ObjectId>> all;
        pack::PackSet<Sha256> set;
        std::uint64_t copies = 0;
        for (std::uint64_t id = 1; id <= 40; ++id) {
            std::set<Key> keys;
            for (auto left = random() % (id % 7 == 0 ? 3000 : 60); left > 0; --left) {
                const auto known = random() % 4 == 0 && !all.empty();
                const auto near = known ? all.lower_bound(random_key(random)) : all.end();
                keys.insert(near != all.end() ? near->first : random_key(random));
            }
            const ObjectId pack{id};
            packs[pack] = index_of({keys.begin(), keys.end()});
            for (const auto& key : keys) all[key].insert(pack);
            copies += keys.size();
            BOOST_REQUIRE(set.add(pack, packs[pack]));
        }
        BOOST_TEST(set.size() == copies);
        BOOST_TEST(set.packs() == 40U);
        std::vector<Key> asked;
        for (const auto& [key, where] : all) {
            asked.push_back(key);
            const auto found = set.find(key);
            BOOST_REQUIRE(found.has_value());
            BOOST_REQUIRE(where.contains(found->pack));
            BOOST_REQUIRE(std::ranges::equal(packs[found->pack].key(found->chunk), key));
            std::set<ObjectId> seen;
            BOOST_REQUIRE(!set.find_copy(key, [&](const pack::PackedChunk& copy) {
                BOOST_REQUIRE(std::ranges::equal(packs[copy.pack].key(copy.chunk), key));
                seen.insert(copy.pack);
                return false;
            }));
            BOOST_REQUIRE((seen == where));
            BOOST_REQUIRE(set.find_copy(key, [](const pack::PackedChunk&) { return true; }));
        }
        for (int n = 0; n < 5000; ++n) {
            asked.push_back(random_key(random));
            BOOST_REQUIRE(!set.contains(asked.back()));
            // Next to one that is there.
            auto near = asked[static_cast<std::size_t>(random() % all.size())];
            near[8 + static_cast<std::size_t>(random() % 24)] ^= std::byte{1};
            BOOST_REQUIRE(!set.contains(near));
        }
        std::size_t next = 0;
        set.find_each(asked, [&](std::size_t n, const std::optional<pack::PackedChunk>& found) {
            BOOST_REQUIRE(n == next++);
            BOOST_REQUIRE(found.has_value() == all.contains(asked[n]));
        });
        BOOST_TEST(next == asked.size());
    }
}

// Keys that somebody made to lie together must not make look-ups slow, or wrong.
BOOST_AUTO_TEST_CASE(keys_that_are_not_spread) {
    for (const unsigned first : {0x00U, 0x80U, 0xffU}) {
        std::vector<Key> keys(3000);
        for (std::size_t n = 0; n < keys.size(); ++n) {
            keys[n].fill(static_cast<std::byte>(first));
            store_le(keys[n].data() + 16, std::uint64_t{n});
        }
        pack::PackSet<Sha256> set;
        BOOST_REQUIRE(set.add(ObjectId{1}, index_of(keys)));
        BOOST_REQUIRE(set.add(ObjectId{2}, index_of({keys[5], keys[6]})));
        for (const auto& key : keys) BOOST_REQUIRE(set.contains(key));
        std::size_t copies = 0;
        BOOST_TEST(
            !set.find_copy(keys[5], [&](const pack::PackedChunk&) { return ++copies == 0; }));
        BOOST_TEST(copies == 2U);
        auto absent = keys[0];
        store_le(absent.data() + 16, std::uint64_t{keys.size()});
        BOOST_TEST(!set.contains(absent));
        absent.fill(std::byte{0x7f});
        BOOST_TEST(!set.contains(absent));
    }
}

// A chunk of every pack is as many entries of one key.
BOOST_AUTO_TEST_CASE(more_copies_than_a_run_has_room_for) {
    pack::PackSet<Sha256> set;
    bobbin::testing::detail::Random random{8};
    const auto common = random_key(random);
    std::vector<Key> others;
    for (std::uint64_t id = 1; id <= 1000; ++id) {
        others.push_back(random_key(random));
        BOOST_REQUIRE(set.add(ObjectId{id}, index_of({common, others.back()})));
    }
    std::set<ObjectId> seen;
    BOOST_TEST(!set.find_copy(common, [&](const pack::PackedChunk& copy) {
        seen.insert(copy.pack);
        return false;
    }));
    BOOST_TEST(seen.size() == 1000U);
    for (std::size_t n = 0; n < others.size(); ++n)
        BOOST_REQUIRE((set.find(others[n])->pack == ObjectId{n + 1}));
}

// Half of a pack is none of it, also where the keys have no room in their runs.
BOOST_AUTO_TEST_CASE(what_could_not_be_added_whole_is_not_there) {
    bobbin::testing::detail::Random random{9};
    for (const bool is_spread : {true, false}) {
        std::vector<Key> keys(600);
        for (auto& key : keys) {
            key = random_key(random);
            if (!is_spread) std::ranges::fill(std::span{key}.first(4), std::byte{7});
        }
        pack::PackSet<Sha256> set;
        BOOST_REQUIRE(set.add(ObjectId{1}, index_of({keys.begin(), keys.begin() + 300})));
        // The first are copies of what is there.
        Buffer half;
        for (std::size_t n = 290; n < keys.size(); ++n)
            half.insert(half.end(), keys[n].begin(), keys[n].end());
        std::uint64_t failed = 0;
        for (std::uint64_t nth = 1;; ++nth) {
            auto copy = set;
            const auto added = [&] {
                const bobbin::testing::FailingAllocation no_memory{nth};
                return copy.add(ObjectId{2}, half);
            }();
            if (added) break;
            ++failed;
            BOOST_TEST(added.error().is(Errc::out_of_memory));
            BOOST_TEST((copy.size() == 300U && copy.packs() == 1U));
            for (std::size_t n = 0; n < keys.size(); ++n) {
                std::size_t copies = 0;
                copy.find_copy(keys[n], [&](const pack::PackedChunk& found) {
                    BOOST_TEST((found.pack == ObjectId{1}));
                    return ++copies == 2;
                });
                BOOST_REQUIRE(copies == (n < 300 ? 1U : 0U));
            }
            // What it took back is free again.
            BOOST_REQUIRE(copy.add(ObjectId{2}, half));
            for (const auto& key : keys) BOOST_REQUIRE(copy.contains(key));
        }
        BOOST_TEST(failed >= (is_spread ? 2U : 100U));
        BOOST_REQUIRE(set.add(ObjectId{2}, index_of({keys.begin() + 300, keys.end()})));
        for (const auto& key : keys) BOOST_REQUIRE(set.contains(key));
    }
}

BOOST_AUTO_TEST_CASE(the_first_pack_may_fail_as_well) {
    bobbin::testing::detail::Random random{11};
    std::vector<Key> keys(300);
    for (auto& key : keys) key = random_key(random);
    const auto index = index_of(keys);
    std::uint64_t failed = 0;
    for (std::uint64_t nth = 1;; ++nth) {
        pack::PackSet<Sha256> set;
        const auto added = [&] {
            const bobbin::testing::FailingAllocation no_memory{nth};
            return set.add(ObjectId{1}, index);
        }();
        if (added) break;
        ++failed;
        BOOST_TEST((set.size() == 0U && set.packs() == 0U));
        BOOST_REQUIRE(set.add(ObjectId{2}, index));
        for (const auto& key : keys) BOOST_REQUIRE(set.contains(key));
    }
    BOOST_TEST(failed >= 3U);
}

BOOST_AUTO_TEST_CASE(copies_and_moves) {
    bobbin::testing::detail::Random random{10};
    std::vector<Key> keys(40'000);
    for (auto& key : keys) key = random_key(random);
    pack::PackSet<Sha256> set;
    BOOST_REQUIRE(set.add(ObjectId{1}, index_of(keys)));
    auto copy = set;
    const auto moved = std::move(set);
    BOOST_REQUIRE(copy.add(ObjectId{2}, index_of({keys[0]})));
    for (const auto& key : keys) BOOST_REQUIRE((copy.contains(key) && moved.contains(key)));
    BOOST_TEST((copy.size() == 40'001U && moved.size() == 40'000U));
}

BOOST_AUTO_TEST_CASE(no_packs_are_forgotten_where_it_grows) {
    pack::PackSet<Sha256> set;
    bobbin::testing::detail::Random random{6};
    std::vector<Key> keys;
    for (std::uint64_t id = 1; id <= 300; ++id) {
        keys.push_back(random_key(random));
        BOOST_REQUIRE(set.add(ObjectId{id}, index_of({keys.back()})));
        for (std::uint64_t n = 1; n <= id; n += 1 + id / 10)
            BOOST_REQUIRE((set.find(keys[n - 1])->pack == ObjectId{n}));
    }
}

BOOST_AUTO_TEST_SUITE_END()
