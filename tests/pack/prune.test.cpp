// What pruning keeps, and what it gives back.
#include "store_life.hpp"

#include <bobbin/codec/lz4.hpp>
#include <bobbin/codec/zstd.hpp>

#include <boost/test/unit_test.hpp>

#include <optional>

using namespace pack_tests;

namespace {

struct Bench : StoreBench {
    /// With only these chunks alive.
    pack::PruneReport prune(const std::vector<std::vector<std::byte>>& alive,
                            const pack::PruneOptions& options = {.pack_size = 6_KiB}) {
        pack::LiveChunks live;
        auto source = life->packs->source();
        BOOST_REQUIRE(live.add(source, root_of(alive)).has_value());
        auto pruned = pack::prune(*life->packs, live, options, []() -> Result<int> { return 0; });
        BOOST_REQUIRE_MESSAGE(pruned.has_value(), (pruned ? "" : describe(pruned.error())));
        return *pruned;
    }
    static pack::TreeEntry root_of(const std::vector<std::vector<std::byte>>& chunks) {
        pack::TreeEntry root;
        root.name = "root";
        for (const auto& bytes : chunks) {
            root.content.extents.push_back({bytes.size(), digest_of<Sha256>(bytes), false});
            root.content.size += bytes.size();
        }
        return root;
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

/// A store that compresses.
template <class C>
struct Compressing {
    using Packs = pack::PackStore<NoOp<File<DataFs>>, FsDirectory<DataFs>, Sha256, C,
                                  pack::SnapshotRows, SqliteStore, ManualClock>;
    Compressing() {
        auto directory =
            FsDirectory<DataFs>::open(pack_place, RootMode::create_if_missing, DataFs{fs});
        BOOST_REQUIRE(directory.has_value());
        auto opened = Packs::open(std::move(*directory), committer, {.create = true}, clock);
        BOOST_REQUIRE(opened.has_value());
        packs.emplace(std::move(*opened));
    }
    static Fs made() {
        SimFs ground;
        (void)ground.close(*ground.open_root("/sim/store", RootMode::create_if_missing));
        return Fs{ground};
    }
    static SqliteStore open(const Fs& fs) {
        auto store = SqliteStore::open(
            catalog, {.mode = SqliteMode::shared, .schema = {pack::SnapshotRows::schema}}, fs);
        BOOST_REQUIRE(store.has_value());
        return std::move(*store);
    }
    /// With only this chunk alive.
    pack::PruneReport prune(const pack::NewChunk<Sha256>& alive) {
        pack::TreeEntry root;
        root.name = "root";
        root.content.extents.push_back({alive.length, alive.key, false});
        root.content.size = alive.length;
        pack::LiveChunks live;
        auto source = packs->source();
        BOOST_REQUIRE(live.add(source, root).has_value());
        auto pruned = pack::prune(*packs, live, {}, []() -> Result<int> { return 0; });
        BOOST_REQUIRE(pruned.has_value());
        return *pruned;
    }

    Fs fs = made();
    testing::ScopedSqliteOn<Fs> sqlite{fs};
    ManualClock clock;
    SqliteStore store = open(fs);
    typename Packs::Committer committer{store, clock};
    std::optional<Packs> packs;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_prune)

// Its share of the stored bytes rounds to none.
BOOST_AUTO_TEST_CASE(a_small_chunk_of_a_large_record_stays) {
    Compressing<Lz4> bench;
    auto& packs = bench.packs;

    const std::vector<std::byte> zeros(100'000), small(8, std::byte{7});
    auto raw = zeros;
    raw.insert(raw.end(), small.begin(), small.end());
    const pack::NewChunk<Sha256> chunks[] = {{digest_of<Sha256>(zeros), 100'000},
                                             {digest_of<Sha256>(small), 8}};
    for (const auto& chunk : chunks) BOOST_REQUIRE(*packs->claim(chunk.key));
    BOOST_REQUIRE(packs->add_group(chunks, raw).has_value());
    BOOST_REQUIRE(packs->commit().has_value());

    BOOST_TEST(bench.prune(chunks[1]).removed == 0U);
    auto after = packs->source();
    BOOST_TEST(after.read(chunks[1].key).has_value());
    BOOST_TEST(!after.read(chunks[0].key).has_value());
}

// What is left of a record is compressed as it was, whatever the store compresses by.
BOOST_AUTO_TEST_CASE(what_is_left_of_a_record_keeps_its_codec) {
    Compressing<Codecs<Lz4, Zstd>> bench;
    auto& packs = bench.packs;

    std::vector<std::byte> raw;
    std::vector<pack::NewChunk<Sha256>> chunks;
    for (int n = 0; n < 2; ++n) {
        const std::vector bytes(50'000, static_cast<std::byte>(n));
        chunks.push_back({digest_of<Sha256>(bytes), 50'000});
        BOOST_REQUIRE(*packs->claim(chunks.back().key));
        raw.insert(raw.end(), bytes.begin(), bytes.end());
    }
    std::vector<std::byte> room(raw.size());
    const auto packed = Zstd{}.compress(raw, room);
    BOOST_REQUIRE(packed.has_value());
    BOOST_REQUIRE(packs->add_encoded(chunks, Zstd::number, std::span{room}.first(*packed)));
    BOOST_REQUIRE(packs->commit().has_value());

    BOOST_TEST(bench.prune(chunks[1]).rewritten == 1U);
    const auto pack = packs->view().open(packs->view().packs().back().id);
    BOOST_REQUIRE(pack.has_value());
    BOOST_TEST(unsigned{pack->index().records().front().shape.codec} == unsigned{Zstd::number});
    auto after = packs->source();
    BOOST_TEST(after.read(chunks[1].key).has_value());
}

// One copy is damaged: the other is all there is.
BOOST_AUTO_TEST_CASE(a_copy_goes_only_where_the_other_was_read) {
    enum class Damaged { none, first, last };
    for (const auto damaged : {Damaged::none, Damaged::first, Damaged::last}) {
        Bench bench;
        bench.life->save(1, {0, 3});
        bench.add_copies(0, 3);
        BOOST_TEST(bench.packs() == 2U);
        if (damaged != Damaged::none) {
            const auto rows = bench.life->packs->view().packs();
            const auto id = damaged == Damaged::first ? rows.front().id : rows.back().id;
            const auto file = bench.open(id, OpenMode::write);
            const std::byte wrong[] = {std::byte{1}, std::byte{2}};
            (void)bench.ground.write_at(file, wrong, 300);
            (void)bench.ground.close(file);
        }
        const std::vector<std::vector<std::byte>> alive{chunk_bytes(0), chunk_bytes(1),
                                                        chunk_bytes(2)};
        const auto first = bench.prune(alive);
        for (const auto& bytes : alive) BOOST_TEST(bench.serves(bytes));
        BOOST_TEST(first.rewritten == 1U);
        if (damaged != Damaged::none) continue;
        BOOST_TEST(bench.packs() == 1U);
        const auto second = bench.prune(alive);
        BOOST_TEST((second.rewritten == 0U && second.removed == 0U && second.dead == Bytes{}));
    }
}

// It may be stopped each night by somebody who reads.
BOOST_AUTO_TEST_CASE(a_prune_that_readers_stop_copies_nothing_twice) {
    Bench bench;
    bench.life->save(1, {0, 3});
    const std::vector<std::vector<std::byte>> alive{chunk_bytes(1)};
    const auto stopped = [] { return Result<int>{Error{Errc::directory_in_use, Operation::lock}}; };
    std::optional<std::size_t> packs;
    for (int night = 0; night < 4; ++night) {
        pack::LiveChunks live;
        auto source = bench.life->packs->source();
        BOOST_REQUIRE(live.add(source, Bench::root_of(alive)).has_value());
        const auto pruned = pack::prune(*bench.life->packs, live, {.pack_size = 6_KiB}, stopped);
        BOOST_REQUIRE(!pruned.has_value());
        BOOST_TEST(pruned.error().is(Errc::directory_in_use));
        if (!packs) packs = bench.packs();
        BOOST_TEST(bench.packs() == *packs);
        BOOST_TEST(bench.serves(alive[0]));
    }
    BOOST_TEST(*packs == 2U);
    bench.prune(alive);
    BOOST_TEST(bench.packs() == 1U);
    BOOST_TEST(bench.serves(alive[0]));
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
