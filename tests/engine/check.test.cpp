#include <bobbin/check.hpp>

#include "fixture.hpp"

using namespace engine_tests;

namespace {

struct Checked {
    CheckSummary summary;
    std::vector<Finding> findings;
    bool is(std::initializer_list<Disagreement> kinds) const {
        return std::ranges::equal(findings, kinds, {}, &Finding::kind);
    }
};

struct Fixture {
    Fixture() {
        auto writer = bench.writer();
        for (std::size_t object = 0; object < 3; ++object) {
            for (std::size_t n = 0; n < 300; ++n) BOOST_TEST(bench.append(writer, n).has_value());
            ids.push_back(*writer.end());
            BOOST_TEST(bench.syncer->wait(ids.back(), 10s).has_value());
        }
    }

    FsDirectory<Fs> place() {
        auto opened = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
        BOOST_REQUIRE(opened);
        return std::move(*opened);
    }
    Checked run(bool read_data = true) {
        Checked checked;
        auto directory = place();
        CheckOptions options;
        options.read_data = read_data;
        const auto summary = check<Bench::Archive>(directory, *bench.store, options, [&](const Finding& finding) {
            checked.findings.push_back(finding);
        });
        BOOST_REQUIRE(summary);
        checked.summary = *summary;
        return checked;
    }

    Bench bench;
    std::vector<ObjectId> ids;
};

using enum Disagreement;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(engine_check, Fixture)

BOOST_AUTO_TEST_CASE(all_is_well) {
    const auto checked = run();
    BOOST_TEST(checked.findings.empty());
    BOOST_TEST(checked.summary.is_clean());
    BOOST_TEST(checked.summary.objects == 3U);
    BOOST_TEST(checked.summary.bytes.value == 4'500'000U);
    BOOST_TEST(checked.summary.read.value == 4'500'000U);
    BOOST_TEST(run(false).summary.read.value == 0U);
}

BOOST_AUTO_TEST_CASE(a_file_is_gone) {
    BOOST_REQUIRE(place().remove(ids[1]));
    const auto checked = run();
    BOOST_TEST(checked.is({missing_file}));
    BOOST_TEST((checked.findings[0].object == ids[1]));
    BOOST_TEST(!checked.summary.is_clean());
}

BOOST_AUTO_TEST_CASE(a_file_is_short) {
    BOOST_REQUIRE(place().open_to_cut(ids[0])->truncate(Bytes{2'000'000}));
    const auto checked = run();
    BOOST_TEST(checked.is({wrong_size}));
    BOOST_TEST(checked.findings[0].expected.value == 1'500'000U);
    BOOST_TEST(checked.findings[0].actual.value == 2'000'000U);
    BOOST_REQUIRE(place().open_to_cut(ids[0])->truncate(Bytes{1'000'000}));
    BOOST_TEST(run().is({wrong_size}));
}

BOOST_AUTO_TEST_CASE(bytes_have_changed) {
    {
        auto file = place().open_to_cut(ids[2]);
        BOOST_REQUIRE(file);
        BOOST_REQUIRE(file->append(as_bytes("not what was written")));
    }
    BOOST_TEST(run(false).findings.empty());
    const auto checked = run();
    BOOST_TEST(checked.is({wrong_digest}));
    BOOST_TEST(checked.findings[0].offset == 0U);
    BOOST_TEST(checked.summary.read.value == 4'500'000U);
}

BOOST_AUTO_TEST_CASE(what_was_read_wrongly_once_may_be_right) {
    // A disk, or a cable, that gives one block wrongly, once.
    struct OnceWrong : Fs {
        Result<std::size_t> read_at(FileHandle h, MutableByteView to, std::uint64_t offset) noexcept {
            auto got = Fs::read_at(h, to, offset);
            if (to.size() > 100'000 && !std::exchange(has_erred, true)) to[77] ^= std::byte{1};
            return got;
        }
        bool has_erred = false;
    };
    using Archive = bobbin::Archive<File<OnceWrong>, VideoIndex, MemoryStore, ManualClock, Recorder>;
    auto directory = *FsDirectory<OnceWrong>::open("/sim/footage", RootMode::existing, OnceWrong{bench.fs});
    const auto summary = check<Archive>(directory, *bench.store, {.read_data = true}, [](const Finding&) {});
    BOOST_TEST_REQUIRE(summary.has_value());
    BOOST_TEST(summary->is_clean());
    BOOST_TEST(summary->read.value == 4'500'000U);
}

BOOST_AUTO_TEST_CASE(rows_have_changed) {
    auto tx = bench.store->begin();
    BOOST_REQUIRE(tx);
    const std::byte nonsense[] = {std::byte{0xff}, std::byte{0xff}};
    BOOST_REQUIRE(tx->put_piece({ids[0], PieceKind::index, 77, nonsense}));
    BOOST_REQUIRE(tx->put_piece({ids[1], PieceKind::block_digests, 77, nonsense}));
    BOOST_REQUIRE(tx->commit());
    const auto checked = run();
    BOOST_TEST(checked.is({wrong_index, wrong_blocks}));
}

BOOST_AUTO_TEST_CASE(files_that_no_row_speaks_of) {
    auto directory = place();
    BOOST_REQUIRE(directory.create(ObjectId{bench.door, 200}));
    const auto checked = run();
    BOOST_TEST(checked.is({file_ahead}));
    BOOST_TEST(checked.summary.count(file_ahead) == 1U);
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_file_of_another_directory) {
    {
        auto second = bench.open("/sim/second");
        auto writer = *second.writer(*bench.store->stream("yard"));
        BOOST_TEST(bench.append(writer, 0).has_value());
        const auto id = *writer.end();
        BOOST_TEST(second.wait(id, 10s).has_value());
        auto directory = place();
        BOOST_REQUIRE(directory.create(id));
    }
    const auto checked = run();
    BOOST_TEST(checked.is({misplaced_file}));
}

BOOST_AUTO_TEST_CASE(what_the_next_start_finishes_is_no_damage) {
    auto tx = bench.store->begin();
    BOOST_REQUIRE(tx);
    BOOST_REQUIRE(tx->make_garbage(ids[0]));
    BOOST_REQUIRE(tx->commit());
    const auto checked = run();
    BOOST_TEST(checked.is({garbage}));
    BOOST_TEST(checked.summary.is_clean());
}

BOOST_AUTO_TEST_CASE(a_file_that_the_next_start_removes_is_no_damage) {
    auto directory = place();
    BOOST_REQUIRE(directory.create(ObjectId{bench.door, ids.back().sequence() + 1}));
    const auto checked = run();
    BOOST_TEST(checked.is({unnumbered}));
    BOOST_TEST(checked.summary.is_clean());
}

BOOST_AUTO_TEST_CASE(numbers_with_wide_gaps) {
    auto tx = bench.store->begin();
    BOOST_REQUIRE(tx);
    auto row = **tx->object(ids[0]);
    row.id = ObjectId{bench.door, 5'000'000};
    BOOST_REQUIRE(tx->put(row));
    BOOST_REQUIRE(tx->commit());
    const auto checked = run();
    BOOST_TEST(checked.summary.objects == 4U);
    BOOST_TEST(checked.summary.count(missing_file) == 1U);
}

BOOST_AUTO_TEST_CASE(another_store) {
    auto directory = place();
    MemoryStore other;
    const auto summary = check<Bench::Archive>(directory, other, {}, [](const Finding&) {});
    BOOST_TEST(!summary.has_value());
    BOOST_TEST(summary.error().is(Errc::directory_unknown_to_store));
}

BOOST_AUTO_TEST_SUITE_END()
