#include "fixture.hpp"

using namespace engine_tests;

BOOST_AUTO_TEST_SUITE(engine_retention)

BOOST_AUTO_TEST_CASE(the_oldest_go_when_a_stream_takes_too_much) {
    Bench bench;
    BOOST_TEST(bench.committer->run([&](auto& tx) { return tx.set_retention(bench.door, Bytes{5 * 40'960}); })
                   .has_value());
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 12; ++n) bench.record(writer, n);
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.store->objects(bench.door, 1, 100)->size() == 5u);
    BOOST_TEST(bench.data_files().size() == 5u);
    BOOST_TEST(bench.data_files().front() == ObjectName(ObjectId{bench.door, 8}).c_str());
    BOOST_TEST(bench.log().removed.size() == 7u);
    BOOST_TEST(bench.log().missing.empty());
}

BOOST_AUTO_TEST_CASE(protected_objects_stay) {
    Bench bench;
    auto writer = bench.writer();
    const auto kept = bench.record(writer, 0);
    BOOST_TEST(bench.committer->protect(kept).has_value());
    for (std::size_t n = 1; n < 5; ++n) bench.record(writer, n);
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{0}).has_value());
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.data_files().size() == 1u);
    BOOST_TEST(bench.content(kept) == Bench::bytes(0, 40'000));
    BOOST_TEST(bench.committer->protect(kept, false).has_value());
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{0}).has_value());
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.data_files().empty());
}

BOOST_AUTO_TEST_CASE(those_that_are_named_go_all_or_none) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 4; ++n) bench.record(writer, n);
    const ObjectId first{bench.door, 1}, second{bench.door, 2}, third{bench.door, 3};
    BOOST_TEST(bench.committer->protect(third).has_value());
    const ObjectId with_protected[] = {first, third};
    const auto refused = bench.committer->remove(with_protected);
    BOOST_TEST((!refused && refused.error().is(Errc::invalid_argument) &&
                refused.error().subject == Subject{third}));
    BOOST_TEST(bench.data_files().size() == 4u);

    const ObjectId gone_already{bench.door, 77};
    const ObjectId named[] = {first, second, gone_already};
    BOOST_TEST(bench.committer->remove(named).has_value());
    BOOST_TEST(bench.committer->remove(named).has_value());
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.data_files().size() == 2u);
    BOOST_TEST((bench.log().deleted == std::vector{first, second}));
}

BOOST_AUTO_TEST_CASE(what_is_protected_while_it_grows_stays_so) {
    Bench bench;
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 0).has_value());
    bench.clock.advance(5s);
    bench.syncer->step();
    bench.committer->step();
    BOOST_TEST(bench.committer->protect({bench.door, 1}).has_value());
    BOOST_TEST(bench.syncer->wait(*writer.end(), 10s).has_value());
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{0}).has_value());
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.content({bench.door, 1}) == Bench::joined(0, 1));
}

BOOST_AUTO_TEST_CASE(a_limit_that_cannot_be_met_is_told_and_recording_goes_on) {
    Bench bench;
    BOOST_TEST(bench.committer->run([&](auto& tx) { return tx.set_retention(bench.door, Bytes{4096}); })
                   .has_value());
    auto writer = bench.writer();
    const auto first = bench.record(writer, 0);
    BOOST_TEST(bench.log().unmet == 1u);
    BOOST_TEST(bench.content(first) == Bench::bytes(0, 40'000));
    const auto second = bench.record(writer, 1);
    BOOST_TEST(bench.content(second) == Bench::bytes(5, 40'000));
    BOOST_TEST((bench.log().deleted == std::vector{first}));
}

BOOST_AUTO_TEST_CASE(deleting_many_takes_several_small_transactions) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 50; ++n) bench.record(writer, n);
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{3 * 40'960}).has_value());
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.data_files().size() == 3u);
}

BOOST_AUTO_TEST_CASE(what_is_deleted_while_it_is_read_stays_readable) {
    Bench bench;
    auto writer = bench.writer();
    const auto id = bench.record(writer, 0);
    auto object = bench.syncer->reader().open(id);
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{0}).has_value());
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.data_files().empty());
    std::vector<std::byte> all(40'000);
    BOOST_TEST(object->read(all, 0).has_value());
    BOOST_TEST(all == Bench::bytes(0, 40'000));
    BOOST_TEST(bench.syncer->reader().open(id).error().is(Errc::object_unknown));
}

BOOST_AUTO_TEST_CASE(one_file_that_cannot_be_removed_holds_up_nothing) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 5; ++n) bench.record(writer, n);
    bench.fail(Call::remove, EIO);
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{0}).has_value());
    for (int i = 0; i < 5; ++i) {
        bench.syncer->step();
        bench.committer->step();
    }
    BOOST_TEST(bench.data_files().size() == 1u);
    bench.fs.plan().clear();
    bench.clock.advance(2s);
    bench.syncer->step();
    bench.clock.advance(2s);
    bench.committer->step();
    BOOST_TEST(bench.data_files().empty());
    BOOST_TEST(!(*bench.store->object({bench.door, 1})).has_value());
}

BOOST_AUTO_TEST_CASE(garbage_is_not_forgotten_before_the_directory_is_synced) {
    Bench bench;
    auto writer = bench.writer();
    const auto id = bench.record(writer, 0);
    bench.fail(Call::sync_directory, EIO, true);
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{0}).has_value());
    for (int i = 0; i < 5; ++i) {
        bench.syncer->step();
        bench.committer->step();
        bench.clock.advance(2s);
    }
    BOOST_TEST(bench.log().removed.empty());
    BOOST_TEST(((*bench.store->object(id))->state == ObjectState::garbage));
    bench.fs.plan().clear();
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(!(*bench.store->object(id)).has_value());
}

BOOST_AUTO_TEST_CASE(a_file_that_is_gone_already_counts_as_removed) {
    Bench bench;
    auto writer = bench.writer();
    const auto id = bench.record(writer, 0);
    auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
    BOOST_TEST(directory->remove(id).has_value());
    BOOST_TEST(bench.committer->lower_retention(bench.door, Bytes{0}).has_value());
    BOOST_TEST(bench.committer->drain(10s).has_value());
    BOOST_TEST(bench.log().missing.size() == 1u);
    BOOST_TEST(!(*bench.store->object(id)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
