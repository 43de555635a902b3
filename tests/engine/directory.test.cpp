#include "fixture.hpp"

using namespace engine_tests;

namespace {

using Archive = Bench::Archive;

Result<Archive::Syncer> open(Bench& bench, MemoryStore& store, Bench::Committer& line, bool create,
                             const char* path = "/sim/footage") {
    (void)store;
    auto directory = FsDirectory<Fs>::open(path, RootMode::create_if_missing, bench.fs);
    return Archive::Syncer::open(std::move(*directory), line, {.create = create}, bench.clock);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(engine_directory)

BOOST_AUTO_TEST_CASE(a_second_holder_is_refused) {
    Bench bench;
    auto second = open(bench, *bench.store, *bench.committer, true);
    BOOST_TEST(second.error().is(Errc::directory_in_use));
    BOOST_TEST((second.error().kind() == ErrorKind::locked));
}

BOOST_AUTO_TEST_CASE(an_empty_place_is_refused_unless_asked_to_make_one) {
    Bench bench;
    auto other = open(bench, *bench.store, *bench.committer, false, "/sim/empty");
    BOOST_TEST(other.error().is(Errc::directory_missing_identity));
    BOOST_TEST(open(bench, *bench.store, *bench.committer, true, "/sim/empty").has_value());
    BOOST_TEST(open(bench, *bench.store, *bench.committer, false, "/sim/empty").has_value());
}

BOOST_AUTO_TEST_CASE(a_directory_of_another_store_is_refused) {
    Bench bench;
    bench.syncer.reset();
    MemoryStore other;
    Bench::Committer line{other, bench.clock};
    BOOST_TEST(open(bench, other, line, true).error().is(Errc::directory_used_by_other_store));
    BOOST_TEST(open(bench, other, line, false).error().is(Errc::directory_used_by_other_store));
}

BOOST_AUTO_TEST_CASE(a_directory_restored_from_an_older_copy_is_refused) {
    Bench bench;
    auto at = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
    const auto old = **at->read_identity();
    bench.open_again();
    BOOST_TEST(at->write_identity(old).has_value());
    bench.syncer.reset();
    auto again = bench.store->reopen();
    Bench::Committer line{again, bench.clock};
    BOOST_TEST(open(bench, again, line, true).error().is(Errc::directory_mismatch));
    const auto why = explain_identity(*at, again);
    BOOST_TEST_REQUIRE(why.has_value());
    BOOST_TEST(why->find("last complete open 1 (") != std::string::npos, *why);
    BOOST_TEST(why->find("last complete open 2 (") != std::string::npos, *why);
}

BOOST_AUTO_TEST_CASE(a_store_restored_from_an_older_copy_is_refused) {
    Bench bench;
    auto at = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
    auto identity = **at->read_identity();
    bench.syncer.reset();
    identity.directory.bytes[0] ^= std::byte{1};
    BOOST_TEST(at->write_identity(identity).has_value());
    BOOST_TEST(open(bench, *bench.store, *bench.committer, true)
                   .error().is(Errc::directory_unknown_to_store));
}

BOOST_AUTO_TEST_CASE(an_open_that_stopped_half_way_is_taken_up) {
    Bench bench;
    auto at = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
    bench.syncer.reset();
    // Everything up to the store's transaction happened, the last note did not.
    auto identity = **at->read_identity();
    std::swap(identity.in_progress, identity.complete);
    BOOST_TEST(at->write_identity(identity).has_value());
    BOOST_TEST(open(bench, *bench.store, *bench.committer, false).has_value());
    // And the other way round: noted in the directory, unknown to the store.
    identity = **at->read_identity();
    identity.in_progress = OpenRecord{OpenId{99}, {}};
    BOOST_TEST(at->write_identity(identity).has_value());
    BOOST_TEST(open(bench, *bench.store, *bench.committer, false).has_value());
}

BOOST_AUTO_TEST_CASE(a_damaged_identity_is_an_error_with_a_name) {
    Bench bench;
    bench.syncer.reset();
    auto at = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
    auto file = bench.fs.open_at(at->handle(), "bobbin-directory", OpenMode::write);
    std::byte one[1];
    BOOST_TEST(bench.fs.read_at(*file, one, 60).has_value());
    one[0] ^= std::byte{0xff};
    BOOST_TEST(bench.fs.write_at(*file, one, 60).has_value());
    BOOST_TEST(bench.fs.close(*file).has_value());
    BOOST_TEST(open(bench, *bench.store, *bench.committer, true).error().is(Errc::identity_malformed));
}

BOOST_AUTO_TEST_CASE(growing_objects_end_at_their_mark_after_a_crash) {
    Bench bench;
    {
        auto writer = bench.writer();
        for (std::size_t n = 0; n < 7; ++n) BOOST_TEST(bench.append(writer, n).has_value());
        bench.clock.advance(5s);
        bench.syncer->step();
        bench.committer->step();
        for (std::size_t n = 7; n < 40; ++n) BOOST_TEST(bench.append(writer, n).has_value());
        bench.syncer->step();
        // The writer's end is not written: the process dies with the syncer.
    }
    bench.open_again();
    BOOST_TEST_REQUIRE(bench.log().recovered.size() == 1u);
    BOOST_TEST(bench.content({bench.door, 1}) == Bench::joined(0, 7));
    const auto row = *bench.store->object({bench.door, 1});
    BOOST_TEST(row->is_recovered);
    BOOST_TEST((row->end_reason == EndReason::crash));
    auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
    BOOST_TEST(directory->open({bench.door, 1})->status()->size.value == 35'000u);
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 0).has_value());
    BOOST_TEST(writer.end()->sequence() == 2u);
}

BOOST_AUTO_TEST_CASE(files_that_nobody_was_told_of_are_removed) {
    Bench bench;
    {
        auto writer = bench.writer();
        for (std::size_t i = 0; i < 5; ++i) {
            BOOST_TEST(bench.append(writer, 0).has_value());
            BOOST_TEST(writer.end().has_value());
            bench.syncer->step();
        }
    }
    BOOST_TEST(bench.data_files().size() == 5u);
    bench.open_again();
    BOOST_TEST(bench.data_files().empty());
    BOOST_TEST(bench.log().committed.empty());
}

BOOST_AUTO_TEST_CASE(a_marked_object_that_was_damaged_is_quarantined) {
    Bench bench;
    {
        auto writer = bench.writer();
        for (std::size_t n = 0; n < 7; ++n) BOOST_TEST(bench.append(writer, n).has_value());
        bench.clock.advance(5s);
        bench.syncer->step();
        bench.committer->step();
        auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
        auto file = directory->open_to_cut({bench.door, 1});
        const std::byte wrong[1] = {std::byte{0x55}};
        BOOST_TEST(bench.fs.write_at(file->handle(), wrong, 100).has_value());
    }
    bench.open_again();
    BOOST_TEST(bench.log().quarantined.size() == 1u);
    BOOST_TEST(((*bench.store->object({bench.door, 1}))->state == ObjectState::quarantined));
    BOOST_TEST(bench.data_files().size() == 1u);
}

namespace {

/// Two marked objects whose program dies, and a file that it told nobody of.
struct Left : Bench {
    Left() {
        yard = *store->stream("yard");
        {
            auto to = writer();
            auto second = *syncer->writer(yard);
            for (std::size_t n = 0; n < 7; ++n) {
                BOOST_TEST(append(to, n).has_value());
                BOOST_TEST(append(second, n).has_value());
            }
            clock.advance(5s);
            syncer->step();
            committer->step();
            BOOST_TEST(log().marked.size() == 2u);
            BOOST_TEST(to.end().has_value());
            BOOST_TEST(append(to, 0).has_value());
            BOOST_TEST(to.end().has_value());
            syncer->step();
        }
        BOOST_TEST(data_files().size() == 3u);
        syncer.reset();
        log() = {};
    }
    /// Opens while the `nth` of `calls` fails, then once more without.
    void open_twice(testing::CallSet calls, std::uint64_t nth) {
        fail(calls, EIO, false, nth);
        open_again();
        BOOST_TEST(!log().errors.empty());
        fs.plan().clear();
        between = log();
        open_again();
    }
    void check_recovered() {
        BOOST_TEST(content({door, 1}) == joined(0, 7));
        BOOST_TEST(content({yard, 1}) == joined(0, 7));
        BOOST_TEST(committer->drain(10s).has_value());
        BOOST_TEST(data_files().size() == 2u);
        for (const auto state : {ObjectState::growing, ObjectState::garbage, ObjectState::quarantined})
            BOOST_TEST(store->in_state(syncer->directory(), state)->empty());
    }

    StreamId yard;
    Log between;
};

}  // namespace

BOOST_AUTO_TEST_CASE(one_file_that_cannot_be_cut_back_keeps_nothing_from_opening) {
    Left bench;
    bench.open_twice(Call::truncate, 3);  // the identity file takes two
    BOOST_TEST(bench.between.recovered.size() == 1u);
    BOOST_TEST(bench.between.quarantined.empty());
    bench.check_recovered();
}

BOOST_AUTO_TEST_CASE(one_file_that_cannot_be_removed_keeps_nothing_from_opening) {
    Left bench;
    bench.fail(Call::remove, EIO, true);
    bench.open_again();
    BOOST_TEST(bench.log().recovered.size() == 2u);
    BOOST_TEST(bench.data_files().size() == 3u);
    // It has a row now, wherever the numbers go.
    BOOST_TEST(bench.store->in_state(bench.syncer->directory(), ObjectState::garbage)->size() == 1u);
    bench.fs.plan().clear();
    bench.clock.advance(2s);
    bench.check_recovered();
}

BOOST_AUTO_TEST_CASE(removals_that_are_not_durable_are_not_forgotten) {
    Left bench;
    // Those of the identity file come first.
    for (const std::uint64_t nth : {3u, 4u, 5u})
        bench.fail(Call::sync_directory, EIO, false, nth);
    bench.open_again();
    BOOST_TEST(bench.store->in_state(bench.syncer->directory(), ObjectState::garbage)->size() == 1u);
    bench.fs.plan().clear();
    bench.clock.advance(2s);
    bench.check_recovered();
}

BOOST_AUTO_TEST_CASE(data_without_an_identity_is_not_taken_for_a_new_place) {
    Bench bench;
    auto writer = bench.writer();
    bench.record(writer, 0);
    { const auto ended = std::move(writer); }
    bench.syncer.reset();
    auto at = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
    BOOST_TEST(bench.fs.remove(at->handle(), "bobbin-directory").has_value());
    auto refused = open(bench, *bench.store, *bench.committer, true);
    BOOST_TEST(refused.error().is(Errc::directory_missing_identity));
    BOOST_TEST(bench.data_files().size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
