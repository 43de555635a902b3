#include "fixture.hpp"
#include "life.hpp"

#include <bobbin/digest/no_digest.hpp>

using namespace engine_tests;

// Marks that outlast the death of the process and cost no sync.
namespace {

struct Fixture {
    void append(std::size_t first, std::size_t last) {
        for (auto n = first; n < last; ++n) BOOST_TEST(bench.append(*writer, n).has_value());
    }
    void pass(std::chrono::nanoseconds time) {
        bench.clock.advance(time);
        bench.syncer->step();
        bench.committer->step();
    }
    void die() {
        writer.reset();
        bench.open_again();
    }
    std::vector<std::byte> pieces(PieceKind kind) { return *bench.store->piece_bytes(id, kind); }
    void spoil(std::uint64_t offset) {
        auto file =
            FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs)->open_to_cut(id);
        std::array<std::byte, 1> byte{};
        BOOST_TEST_REQUIRE(file->read_at(byte, offset).has_value());
        byte[0] ^= std::byte{1};
        BOOST_TEST_REQUIRE(file->write_at(byte, offset).has_value());
    }

    Bench bench;
    std::optional<Bench::Archive::Writer> writer{bench.writer()};
    ObjectId id{bench.door, 1};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(engine_soft_marks, Fixture)

BOOST_AUTO_TEST_CASE(what_they_tell_outlasts_the_process) {
    append(0, 3);
    pass(1s);
    BOOST_TEST(bench.log().soft_marked == std::vector{id});
    BOOST_TEST(bench.log().marked.empty());
    BOOST_TEST(bench.row(id)->size.value == 0u);
    append(3, 4);  // told to nobody
    die();
    BOOST_TEST(bench.log().recovered == std::vector{id});
    BOOST_TEST((bench.content(id) == Bench::joined(0, 3)));
    const auto row = *bench.row(id);
    BOOST_TEST(row.is_recovered);
    BOOST_TEST((row.end_reason == EndReason::crash));
    BOOST_TEST(row.allocated.value == 16384u);
    BOOST_TEST(pieces(PieceKind::soft_mark).empty());
}

BOOST_AUTO_TEST_CASE(they_go_on_from_the_hard_mark) {
    append(0, 3);
    pass(5s);
    BOOST_TEST(bench.log().marked == std::vector{id});
    append(3, 7);
    pass(1s);
    append(7, 8);
    pass(1s);
    BOOST_TEST(bench.row(id)->size.value == 15000u);
    die();
    BOOST_TEST((bench.content(id) == Bench::joined(0, 8)));
}

BOOST_AUTO_TEST_CASE(the_next_hard_mark_and_the_end_replace_them) {
    append(0, 2);
    pass(1s);
    BOOST_TEST(!pieces(PieceKind::soft_mark).empty());
    BOOST_TEST(pieces(PieceKind::index).empty());
    append(2, 4);
    pass(5s);
    BOOST_TEST(pieces(PieceKind::soft_mark).empty());
    append(4, 6);
    pass(1s);
    BOOST_TEST(!pieces(PieceKind::soft_mark).empty());
    (void)writer->end();
    pass(0s);
    BOOST_TEST(bench.log().committed == std::vector{id});
    BOOST_TEST(pieces(PieceKind::soft_mark).empty());
    BOOST_TEST((bench.content(id) == Bench::joined(0, 6)));
}

BOOST_AUTO_TEST_CASE(without_news_there_are_none) {
    append(0, 2);
    for (int i = 0; i < 3; ++i) pass(1s);
    BOOST_TEST(bench.log().soft_marked.size() == 1u);
}

BOOST_AUTO_TEST_CASE(bytes_that_did_not_survive_cost_only_what_follows_the_hard_mark) {
    append(0, 3);
    pass(5s);
    append(3, 5);
    pass(1s);
    spoil(20'000);
    die();
    BOOST_TEST((bench.content(id) == Bench::joined(0, 3)));
    BOOST_TEST(bench.log().quarantined.empty());
}

BOOST_AUTO_TEST_CASE(without_a_hard_mark_nothing_is_left_of_them) {
    append(0, 3);
    pass(1s);
    spoil(10'000);
    die();
    BOOST_TEST(!bench.row(id).has_value());
    BOOST_TEST(bench.data_files().empty());
    BOOST_TEST(bench.log().quarantined.empty());
    // Its number is not used again.
    writer.emplace(bench.writer());
    append(0, 1);
    BOOST_TEST(writer->end()->sequence() == 2u);
}

BOOST_AUTO_TEST_CASE(a_disk_that_refuses_costs_nothing) {
    append(0, 3);
    pass(1s);
    bench.fail({Call::read}, EIO, true, 3);  // the identity takes two
    die();
    BOOST_TEST((bench.state(id) == ObjectState::growing));
    bench.fs.plan().clear();
    die();
    BOOST_TEST((bench.content(id) == Bench::joined(0, 3)));
}

BOOST_AUTO_TEST_CASE(given_up_without_a_hard_mark_it_is_deleted_though_protected) {
    append(0, 3);
    pass(1s);
    BOOST_TEST(bench.committer->protect(id).has_value());
    bench.fail({Call::sync}, EIO);
    (void)writer->end();
    BOOST_TEST(bench.committer->drain(60s).has_value());
    BOOST_TEST(!bench.row(id).has_value());
    id = {bench.door, 2};
    BOOST_TEST((bench.content(id) == Bench::joined(0, 3)));
    BOOST_TEST(bench.data_files().size() == 1u);
}

BOOST_AUTO_TEST_CASE(one_transaction_carries_those_of_all_streams) {
    auto yard = *bench.syncer->writer(*bench.store->stream("yard"));
    append(0, 1);
    bench.clock.advance(700ms);
    BOOST_TEST(bench.append(yard, 0).has_value());
    bench.clock.advance(300ms);
    bench.syncer->step();
    BOOST_TEST(bench.committer->step());
    BOOST_TEST(bench.log().soft_marked.size() == 2u);
}

BOOST_AUTO_TEST_CASE(the_moments_are_the_same_for_all) {
    const auto at = [](std::chrono::nanoseconds time) { return MonotonicTime{time}; };
    BOOST_TEST((detail::next_mark(at(1300ms), 1s) == at(2s)));
    BOOST_TEST((detail::next_mark(at(2s), 1s) == at(3s)));
    BOOST_TEST((detail::next_mark(at(2s), 0s) == MonotonicTime::max()));
    BOOST_TEST(
        (detail::next_mark(at(2s), std::chrono::nanoseconds::max()) == MonotonicTime::max()));
}

BOOST_AUTO_TEST_CASE(none_where_nothing_digests_the_bytes) {
    using Archive =
        bobbin::Archive<File<Fs>, VideoIndex, NoDigest, MemoryStore, ManualClock, Recorder>;
    auto directory = FsDirectory<Fs>::open("/sim/attic", RootMode::create_if_missing, bench.fs);
    auto syncer = Archive::Syncer::open(std::move(*directory), *bench.committer, {.create = true},
                                        bench.clock, bench.recorder);
    BOOST_TEST_REQUIRE(syncer.has_value());
    auto yard = *syncer->writer(*bench.store->stream("yard"));
    BOOST_TEST(yard.append(Bench::bytes(0), Bench::record(0)).has_value());
    bench.clock.advance(1s);
    syncer->step();
    bench.committer->step();
    BOOST_TEST(bench.log().soft_marked.empty());
}

// With the store of the recorder, on the same simulated disk.
BOOST_AUTO_TEST_CASE(they_sync_nothing) {
    testing::SimFs fs{{.type = EngineScenario::tmpfs}};
    for (const char* path : {"/sim/catalog", footage})
        (void)fs.close(*fs.open_root(path, RootMode::create_if_missing));
    Life life{Fs{fs}, nullptr, {.create = true}};
    auto door = life.writer(life.stream("door"));
    unsigned syncs = 0;
    fs.on_barrier([&](const testing::SimDisk&) { ++syncs; });
    for (std::size_t n = 0; n < 3; ++n) {
        engine_tests::append(door, n);
        life.clock.advance(1s);
        life.syncer->step();
        BOOST_TEST(life.committer->step());
    }
    BOOST_TEST(syncs == 0u);
    life.clock.advance(5s);
    engine_tests::append(door, 4);
    life.syncer->step();
    BOOST_TEST(life.committer->step());
    BOOST_TEST(syncs == 3u);  // the file, its name, the row
    fs.on_barrier({});
}

BOOST_AUTO_TEST_SUITE_END()
