// What pruning keeps, and what it gives back.
#include "store_life.hpp"

#include <bobbin/codec/lz4.hpp>

#include <boost/test/unit_test.hpp>

using namespace pack_tests;

namespace {

struct Bench : StoreBench {
    /// With only these chunks alive.
    pack::PruneReport prune(const std::vector<std::vector<std::byte>>& alive,
                            const pack::PruneOptions& options = {.pack_size = 6_KiB}) {
        pack::TreeEntry root;
        root.name = "root";
        for (const auto& bytes : alive) {
            root.content.extents.push_back({bytes.size(), digest_of<Sha256>(bytes), false});
            root.content.size += bytes.size();
        }
        pack::LiveChunks live;
        auto source = life->packs->source();
        BOOST_REQUIRE(live.add(source, root).has_value());
        auto pruned = pack::prune(*life->packs, live, options, []() -> Result<int> { return 0; });
        BOOST_REQUIRE_MESSAGE(pruned.has_value(), (pruned ? "" : describe(pruned.error())));
        return *pruned;
    }
    bool serves(const std::vector<std::byte>& bytes) {
        auto source = life->packs->source();
        const auto got = source.read(digest_of<Sha256>(bytes));
        return got && std::ranges::equal(*got, bytes);
    }
    /// A pack of these chunks, whether they are stored or not, each `size` long.
    void add_copies(std::uint64_t first, std::uint64_t last) {
        for (auto n = first; n < last; ++n) {
            const auto bytes = chunk_bytes(n);
            const Life::Packs::Chunk chunk{digest_of<Sha256>(bytes),
                                           static_cast<std::uint32_t>(bytes.size())};
            BOOST_REQUIRE(*life->packs->claim_copy(chunk.key));
            BOOST_REQUIRE(life->packs->add_group({&chunk, 1}, bytes).has_value());
        }
        BOOST_REQUIRE(life->packs->commit().has_value());
    }
    std::size_t packs() { return life->packs->view().packs().size(); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_prune)

// Its share of the stored bytes rounds to none.
BOOST_AUTO_TEST_CASE(a_small_chunk_of_a_large_record_stays) {
    using Packed = pack::PackStore<NoOp<File<DataFs>>, FsDirectory<DataFs>, Sha256, Lz4,
                                   pack::SnapshotRows, SqliteStore, ManualClock>;
    SimFs ground;
    (void)ground.close(*ground.open_root("/sim/store", RootMode::create_if_missing));
    Fs fs{ground};
    const testing::ScopedSqliteOn<Fs> sqlite{fs};
    ManualClock clock;
    auto store = SqliteStore::open(
        catalog, {.mode = SqliteMode::shared, .schema = {pack::SnapshotRows::schema}}, fs);
    BOOST_REQUIRE(store.has_value());
    Packed::Committer committer{*store, clock};
    auto directory = FsDirectory<DataFs>::open(pack_place, RootMode::create_if_missing, DataFs{fs});
    BOOST_REQUIRE(directory.has_value());
    auto packs = Packed::open(std::move(*directory), committer, {.create = true}, clock);
    BOOST_REQUIRE(packs.has_value());

    const std::vector<std::byte> zeros(100'000), small(8, std::byte{7});
    auto raw = zeros;
    raw.insert(raw.end(), small.begin(), small.end());
    const Packed::Chunk chunks[] = {{digest_of<Sha256>(zeros), 100'000},
                                    {digest_of<Sha256>(small), 8}};
    for (const auto& chunk : chunks) BOOST_REQUIRE(*packs->claim(chunk.key));
    BOOST_REQUIRE(packs->add_group(chunks, raw).has_value());
    BOOST_REQUIRE(packs->commit().has_value());

    pack::TreeEntry root;
    root.name = "root";
    root.content.extents.push_back({8, chunks[1].key, false});
    root.content.size = 8;
    pack::LiveChunks live;
    auto source = packs->source();
    BOOST_REQUIRE(live.add(source, root).has_value());
    const auto pruned = pack::prune(*packs, live, {}, []() -> Result<int> { return 0; });
    BOOST_REQUIRE(pruned.has_value());
    BOOST_TEST(pruned->removed == 0U);
    auto after = packs->source();
    BOOST_TEST(after.read(chunks[1].key).has_value());
    BOOST_TEST(!after.read(chunks[0].key).has_value());
}

// The first copy is damaged: the second is all there is.
BOOST_AUTO_TEST_CASE(a_copy_goes_only_where_the_other_was_read) {
    for (const bool is_damaged : {false, true}) {
        Bench bench;
        bench.life->save(1, {0, 3});
        bench.add_copies(0, 3);
        BOOST_TEST(bench.packs() == 2U);
        if (is_damaged) {
            const auto file =
                bench.open(bench.life->packs->view().packs().front().id, OpenMode::write);
            const std::byte wrong[] = {std::byte{1}, std::byte{2}};
            (void)bench.ground.write_at(file, wrong, 300);
            (void)bench.ground.close(file);
        }
        const std::vector<std::vector<std::byte>> alive{chunk_bytes(0), chunk_bytes(1),
                                                        chunk_bytes(2)};
        const auto first = bench.prune(alive);
        for (const auto& bytes : alive) BOOST_TEST(bench.serves(bytes));
        BOOST_TEST(first.rewritten == 1U);
        if (is_damaged) continue;
        BOOST_TEST(bench.packs() == 1U);
        const auto second = bench.prune(alive);
        BOOST_TEST((second.rewritten == 0U && second.removed == 0U && second.dead == Bytes{}));
    }
}

// A pack that has some of what others have is written anew once, without it.
BOOST_AUTO_TEST_CASE(duplicates_are_given_up_once) {
    Bench bench;
    bench.life->save(1, {0, 3});
    bench.add_copies(1, 5);
    std::vector<std::vector<std::byte>> alive;
    for (std::uint64_t n = 0; n < 5; ++n) alive.push_back(chunk_bytes(n));
    const auto first = bench.prune(alive);
    BOOST_TEST(first.rewritten == 1U);
    BOOST_TEST(first.freed.value > 0U);
    for (const auto& bytes : alive) BOOST_TEST(bench.serves(bytes));
    const auto second = bench.prune(alive);
    BOOST_TEST((second.rewritten == 0U && second.dead == Bytes{}));
}

BOOST_AUTO_TEST_SUITE_END()
