#include <bobbin/pack/pack_set_cache.hpp>

#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/explorer.hpp>
#include <bobbin/testing/faulty_fs.hpp>

#include "packs.hpp"

#include <filesystem>
#include <map>
#include <set>

using namespace bobbin;
using namespace bobbin_tests;
using pack::CachedPack;

namespace {

using Key = pack::Key<Sha256>;
template <class Fs = testing::SimFs>
using Cache = pack::PackSetCache<Fs, Sha256>;

struct Chunk {
    Key key;
    std::uint32_t length = 1;
};

/// The keys of pack `id`, in order: always the same.
std::vector<Key> keys_of(std::uint64_t id, std::size_t count = 3) {
    bobbin::testing::detail::Random random{id};
    std::vector<Key> keys(count);
    for (auto& key : keys)
        for (std::size_t n = 0; n < key.size(); n += 8) store_le(key.data() + n, random());
    std::ranges::sort(keys);
    return keys;
}
pack::ChunkIndex index_of(std::uint64_t id, std::size_t count = 3) {
    pack::ChunkIndexBuilder builder{32};
    for (const auto& key : keys_of(id, count)) {
        const Chunk chunk[] = {{key}};
        builder.add({128, {1, 1, 1, 0, 0}}, chunk);
    }
    return builder.build();
}
CachedPack a_pack(std::uint64_t id) { return {ObjectId{id}, 1000 + id}; }
std::vector<CachedPack> packs(std::initializer_list<std::uint64_t> ids) {
    std::vector<CachedPack> all;
    for (const auto id : ids) all.push_back(a_pack(id));
    return all;
}

/// Whether `loaded` has exactly what it says: each of `living` is there as a whole, or missing.
template <class Loaded>
bool is_right(const Loaded& loaded, const std::vector<CachedPack>& living) {
    std::uint64_t chunks = 0;
    std::size_t there = 0;
    for (const auto& pack : living) {
        if (std::ranges::find(loaded.missing, pack) != loaded.missing.end()) continue;
        ++there;
        const auto keys = keys_of(pack.id.value);
        for (std::uint32_t n = 0; n < keys.size(); ++n) {
            ++chunks;
            if (!loaded.set.find_copy(keys[n], [&](const pack::PackedChunk& copy) {
                    return copy == pack::PackedChunk{pack.id, n};
                }))
                return false;
        }
    }
    return loaded.set.size() == chunks && loaded.set.packs() == there &&
           there + loaded.missing.size() == living.size();
}

/// A simulated directory.
struct Place {
    testing::SimFs fs{};
    FileHandle directory = *fs.open_root("/sim/store", RootMode::create_if_missing);

    Cache<> cache(const Uuid& store = a_store) { return {fs, directory, store}; }
    bool has(const char* name) {
        const auto names = fs.list(directory);
        return std::ranges::find(*names, name) != names->end();
    }
    Buffer bytes() {
        const testing::SimFs same = fs;
        const File<testing::SimFs> file{same,
                                        *fs.open_at(directory, Cache<>::name, OpenMode::read)};
        Buffer all(static_cast<std::size_t>(file.status()->size.value));
        BOOST_REQUIRE(*file.read_at(all, 0) == all.size());
        return all;
    }
    void set_bytes(ByteView bytes) {
        File<testing::SimFs> file{fs,
                                  *fs.open_at(directory, Cache<>::name, OpenMode::create_or_write)};
        BOOST_REQUIRE(file.truncate(Bytes{0}));
        BOOST_REQUIRE(file.write_at(bytes, 0));
    }
};

/// Loads, and adds what is missing.
template <class Fs>
auto completed(Cache<Fs>& cache, const std::vector<CachedPack>& living) {
    auto loaded = cache.load(living);
    BOOST_REQUIRE(loaded);
    BOOST_TEST(is_right(*loaded, living));
    for (const auto& pack : loaded->missing)
        BOOST_TEST(cache.add(pack, index_of(pack.id.value)).has_value());
    return *std::move(loaded);
}
std::size_t missing_of(Place& place, const std::vector<CachedPack>& living) {
    const auto loaded = place.cache().load(living);
    BOOST_REQUIRE(loaded);
    BOOST_TEST(is_right(*loaded, living));
    return loaded->missing.size();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_pack_set_cache)

BOOST_AUTO_TEST_CASE(what_was_added_is_loaded) {
    Place place;
    auto cache = place.cache();
    BOOST_TEST(completed(cache, packs({1, 2, 3})).missing.size() == 3U);
    BOOST_TEST(!place.has(Cache<>::draft_name));
    BOOST_TEST(missing_of(place, packs({1, 2, 3})) == 0U);
    // Without loading in between, too.
    BOOST_TEST(cache.add(a_pack(4), index_of(4)).has_value());
    BOOST_TEST(missing_of(place, packs({4, 2, 3, 1, 5})) == 1U);
    BOOST_TEST(missing_of(place, {}) == 0U);
}

BOOST_AUTO_TEST_CASE(a_pack_without_a_row_is_never_believed) {
    Place place;
    auto cache = place.cache();
    completed(cache, packs({1, 2, 3}));
    BOOST_TEST(missing_of(place, packs({2})) == 0U);
    auto others = packs({2});
    others[0].mark ^= 1;  // the number was given to another file
    const auto loaded = place.cache().load(others);
    BOOST_REQUIRE(loaded);
    BOOST_TEST((loaded->set.size() == 0 && loaded->missing == others));
}

BOOST_AUTO_TEST_CASE(another_store_begins_anew) {
    Place place;
    auto cache = place.cache();
    completed(cache, packs({1, 2}));
    const Uuid other{{std::byte{9}}};
    auto foreign = place.cache(other);
    BOOST_TEST(completed(foreign, packs({1})).missing.size() == 1U);
    BOOST_TEST(missing_of(place, packs({1})) == 1U);
    BOOST_TEST(place.cache(other).load(packs({1}))->missing.empty());
}

BOOST_AUTO_TEST_CASE(packs_that_are_gone_are_dropped_from_the_file) {
    Place place;
    std::size_t largest = 0;
    // As saves and prunes do: one more, and one less.
    for (std::uint64_t n = 1; n <= 100; ++n) {
        auto cache = place.cache();
        const auto living = packs({n, n + 1, n + 2, n + 3});
        BOOST_TEST(completed(cache, living).missing.size() == (n == 1 ? 4U : 1U));
        largest = std::max(largest, place.bytes().size());
        BOOST_TEST(missing_of(place, living) == 0U);
    }
    BOOST_TEST(largest <= 64 + 10 * (40 + 3 * 32), largest);
}

BOOST_AUTO_TEST_CASE(bytes_of_the_specification) {
    Place place;
    auto cache = place.cache();
    completed(cache, packs({7}));
    const auto bytes = place.bytes();
    BOOST_REQUIRE(bytes.size() == 64U + 40 + 3 * 32);
    BOOST_TEST(as_text(ByteView{bytes}.first(8)) == "BOBBINpc");
    BOOST_TEST(load_le<std::uint32_t>(bytes.data() + 8) == 1U);
    BOOST_TEST(std::ranges::equal(ByteView{bytes}.subspan(16, 16), a_store.bytes));
    BOOST_TEST(as_text(ByteView{bytes}.subspan(32, 9)) == "sha256.v1");
    BOOST_TEST(load_le<std::uint32_t>(bytes.data() + 48) == 32U);
    BOOST_TEST(load_le<std::uint32_t>(bytes.data() + 60) == crc32c(ByteView{bytes}.first(60)));
    const auto record = ByteView{bytes}.subspan(64);
    BOOST_TEST(as_text(record.first(4)) == "BPcp");
    BOOST_TEST(load_le<std::uint64_t>(record.data() + 8) == 7U);
    BOOST_TEST(load_le<std::uint64_t>(record.data() + 16) == 1007U);
    BOOST_TEST(load_le<std::uint64_t>(record.data() + 24) == 3U);
    BOOST_TEST(load_le<std::uint32_t>(record.data() + 32) == crc32c(record.subspan(40)));
    BOOST_TEST(load_le<std::uint32_t>(record.data() + 36) == crc32c(record.first(36)));
    const auto keys = keys_of(7);
    for (std::size_t n = 0; n < 3; ++n)
        BOOST_TEST(std::ranges::equal(record.subspan(40 + 32 * n, 32), keys[n]));
}

// Each damage costs the packs behind it, and all is there again after the next who adds.
BOOST_AUTO_TEST_CASE(every_byte_flipped_and_every_length) {
    Place place;
    const auto living = packs({1, 2, 3});
    {
        auto cache = place.cache();
        completed(cache, living);
    }
    const auto good = place.bytes();
    const auto check = [&](ByteView bytes, std::size_t most_missing) {
        place.set_bytes(bytes);
        auto cache = place.cache();
        const auto missing = completed(cache, living).missing.size();
        BOOST_TEST((missing > 0 && missing <= most_missing), missing);
        BOOST_TEST(missing_of(place, living) == 0U);
    };
    const std::size_t record = 40 + 3 * 32;
    const auto most_missing = [&](std::size_t at) { return at < 64 ? 3 : 3 - (at - 64) / record; };
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const unsigned flip : {1U, 0x80U, 0xffU}) {
            auto bent = good;
            bent[at] ^= static_cast<std::byte>(flip);
            check(bent, most_missing(at));
        }
        check(ByteView{good}.first(at), most_missing(at));
    }
    // What lies behind the end is no harm.
    auto longer = good;
    longer.resize(longer.size() + 50, std::byte{0x42});
    place.set_bytes(longer);
    BOOST_TEST(missing_of(place, living) == 0U);
    longer.insert(longer.end(), good.begin() + 64, good.end());
    place.set_bytes(longer);
    BOOST_TEST(missing_of(place, living) == 0U);
}

// By somebody who makes the checksums fit.
BOOST_AUTO_TEST_CASE(hostile_records) {
    Place place;
    const auto living = packs({1, 2, 3});
    {
        auto cache = place.cache();
        completed(cache, living);
    }
    const auto good = place.bytes();
    const auto sealed = [&](auto&& bend) {
        auto bytes = good;
        auto* const record = bytes.data() + 64;
        bend(record);
        store_le(record + 32, crc32c(ByteView{record + 40, 96}));
        store_le(record + 36, crc32c(ByteView{record, 36}));
        place.set_bytes(bytes);
        return missing_of(place, living);
    };
    BOOST_TEST(sealed([](std::byte*) {}) == 0U);
    for (const auto chunks : {std::uint64_t{0}, std::uint64_t{4}, std::uint64_t{1} << 22,
                              std::uint64_t{1} << 60, UINT64_MAX, UINT64_MAX / 32 + 1})
        BOOST_TEST(sealed([&](std::byte* at) { store_le(at + 24, chunks); }) == 3U);
    BOOST_TEST(sealed([](std::byte* at) { store_le(at + 4, std::uint32_t{1}); }) == 3U);
    BOOST_TEST(sealed([](std::byte* at) { std::swap_ranges(at + 40, at + 72, at + 72); }) == 3U);
    BOOST_TEST(sealed([](std::byte* at) { std::copy_n(at + 40, 32, at + 72); }) == 3U);
    // A pack that is there twice counts once.
    auto twice = good;
    twice.insert(twice.end(), good.begin() + 64, good.end());
    place.set_bytes(twice);
    BOOST_TEST(missing_of(place, living) == 0U);
}

BOOST_AUTO_TEST_CASE(packs_that_do_not_fit) {
    Place place;
    auto cache = place.cache();
    completed(cache, packs({1}));
    BOOST_TEST(cache.add(a_pack(2), pack::ChunkIndex{}).error().is(Errc::pack_empty));
    BOOST_TEST(missing_of(place, packs({1})) == 0U);
}

// Whatever call fails: what is loaded is right, and what could not be written is missing.
BOOST_AUTO_TEST_CASE(no_fault_is_more_than_a_missing_pack) {
    using Fs = testing::FaultyFs<testing::SimFs>;
    for (const bool for_ever : {false, true}) {
        for (const int error : {EIO, ENOSPC}) {
            std::uint64_t hits = 1;
            for (std::uint64_t nth = 1; hits != 0; ++nth) {
                Place place;
                {
                    auto cache = place.cache();
                    completed(cache, packs({1, 2, 3, 4, 5}));
                }
                Fs fs{place.fs};
                fs.plan().add({testing::CallSet::all(), nth, for_ever, error});
                Cache<Fs> cache{fs, place.directory, a_store};
                const auto living = packs({5, 6, 7});
                const auto loaded = cache.load(living);
                BOOST_REQUIRE(loaded);
                BOOST_TEST(is_right(*loaded, living));
                std::size_t not_added = 0;
                for (const auto& pack : loaded->missing)
                    not_added += cache.add(pack, index_of(pack.id.value)) ? 0 : 1;
                hits = fs.plan().hits();
                const auto missing = missing_of(place, living);
                BOOST_TEST((missing == 0 || not_added != 0));
                auto again = place.cache();
                completed(again, living);
                BOOST_TEST(missing_of(place, living) == 0U);
            }
        }
    }
}

namespace {
/// Saves and prunes of which each goes on with the cache that the one before has left.
struct Saves {
    struct Promise {
        std::uint64_t saves = 0;
        bool operator==(const Promise&) const = default;
        std::uint64_t hash() const { return saves; }
    };
    static FileHandle open(testing::SimFs& fs) {
        return *fs.open_root("/sim/store", RootMode::existing);
    }
    void prepare(testing::SimFs fs) const {
        (void)fs.open_root("/sim/store", RootMode::create_if_missing);
    }
    void run(testing::SimFs fs, Promise& promise) const {
        const auto directory = open(fs);
        for (const auto& living : {packs({1, 2}), packs({1, 2, 3}), packs({3, 4}), packs({4, 5})}) {
            Cache<> cache{fs, directory, a_store};
            auto loaded = cache.load(living);
            for (const auto& pack : loaded->missing) {
                (void)cache.add(pack, index_of(pack.id.value));
                fs.barrier();
            }
            ++promise.saves;
        }
    }
    void recover(testing::SimFs fs, const Promise&, testing::Failures& failures) const {
        const auto living = packs({1, 2, 3, 4, 5, 6});
        Cache<> cache{fs, open(fs), a_store};
        const auto loaded = cache.load(living);
        if (!failures.check(loaded.has_value(), "a crash makes loading fail")) return;
        failures.check(is_right(*loaded, living), "the cache says what is not so");
        for (const auto& pack : loaded->missing)
            failures.check(cache.add(pack, index_of(pack.id.value)).has_value(),
                           "nothing can be added after a crash");
        Cache<> again{fs, open(fs), a_store};
        const auto whole = again.load(living);
        failures.check(whole && whole->missing.empty() && is_right(*whole, living),
                       "the cache does not recover");
    }
};
}  // namespace

BOOST_AUTO_TEST_CASE(every_crash) {
    for (const bool garbage : {false, true}) {
        const auto report = testing::explore(
            Saves{}, {.depth = 2, .disk = {.chunk = 64}, .garbage = garbage, .max_states = 20'000});
        BOOST_TEST(report.violations == 0U, report);
        BOOST_TEST(report.distinct_states > 500U, report);
    }
}

// Many and large ones, on a real file system.
BOOST_AUTO_TEST_CASE(on_a_disk) {
    const auto path = std::filesystem::temp_directory_path() /
                      ("bobbin-pack-set-cache-" + std::to_string(::getpid()));
    {
        auto directory = PosixDirectory::open(path.string(), RootMode::create_if_missing);
        BOOST_REQUIRE(directory);
        std::vector<CachedPack> living;
        for (std::uint64_t id = 1; id <= 30; ++id) living.push_back(a_pack(id));
        const auto size_of = [](const CachedPack& pack) {
            return static_cast<std::size_t>(pack.id.value % 10 == 0 ? 40'000 : pack.id.value * 50);
        };
        {
            Cache<PosixFs> cache{PosixFs{}, directory->handle(), a_store};
            const auto loaded = cache.load(living);
            BOOST_REQUIRE((loaded && loaded->missing == living));
            for (const auto& pack : living)
                BOOST_REQUIRE(cache.add(pack, index_of(pack.id.value, size_of(pack))));
        }
        Cache<PosixFs> cache{PosixFs{}, directory->handle(), a_store};
        const auto loaded = cache.load(living);
        BOOST_REQUIRE((loaded && loaded->missing.empty()));
        for (const auto& pack : living) {
            const auto keys = keys_of(pack.id.value, size_of(pack));
            for (std::uint32_t n = 0; n < keys.size(); ++n)
                BOOST_REQUIRE((loaded->set.find(keys[n]) == pack::PackedChunk{pack.id, n}));
        }
    }
    std::filesystem::remove_all(path);
}

BOOST_AUTO_TEST_SUITE_END()
