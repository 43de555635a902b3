#include "fixture.hpp"

using namespace engine_tests;

BOOST_AUTO_TEST_SUITE(engine_record)

BOOST_AUTO_TEST_CASE(what_was_appended_is_read_back) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 10; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    const auto id = *writer.end();
    BOOST_TEST((id == ObjectId{bench.door, 1}));
    BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
    BOOST_TEST(bench.content(id) == Bench::joined(0, 10));
    const auto row = *bench.store->object(id);
    BOOST_TEST((row->state == ObjectState::committed));
    BOOST_TEST((row->end_reason == EndReason::ended));
    BOOST_TEST(row->size.value == 50'000u);
    BOOST_TEST(row->allocated.value == 53'248u);
}

BOOST_AUTO_TEST_CASE(nothing_is_acknowledged_before_it_is_committed) {
    Bench bench;
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 0).has_value());
    const auto id = *writer.end();
    BOOST_TEST(bench.log().committed.empty());
    BOOST_TEST(!(*bench.store->object(id)).has_value());
    bench.syncer->step();
    BOOST_TEST(bench.log().committed.empty());
    bench.committer->step();
    BOOST_TEST(bench.log().committed.size() == 1u);
}

BOOST_AUTO_TEST_CASE(objects_of_many_blocks_and_large_records) {
    Bench bench;
    auto writer = bench.writer();
    const std::size_t size = 700'000;
    for (std::size_t n = 0; n < 5; ++n) BOOST_TEST(bench.append(writer, n, size).has_value());
    const auto id = *writer.end();
    BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
    BOOST_TEST(bench.content(id) == Bench::joined(0, 5, size));
}

BOOST_AUTO_TEST_CASE(a_growing_object_is_read_from_memory_and_disk) {
    Bench bench;
    auto writer = bench.writer();
    const std::size_t size = 40'000;
    for (std::size_t n = 0; n < 7; ++n) {
        BOOST_TEST(bench.append(writer, n, size).has_value());
        bench.syncer->step();
        const auto views = bench.syncer->reader().growing(bench.door);
        BOOST_TEST_REQUIRE(views.size() == 1u);
        BOOST_TEST(views[0].size.value == (n + 1) * size);
        BOOST_TEST(views[0].counts.samples == n + 1);
        BOOST_TEST(VideoIndex::count(views[0].index, views[0].size).has_value());
        std::vector<std::byte> all((n + 1) * size);
        auto got = bench.syncer->reader().read_growing(views[0].id, all, 0);
        BOOST_TEST_REQUIRE(got.has_value());
        BOOST_TEST(all == Bench::joined(0, n + 1, size));
    }
    const auto id = *writer.end();
    BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
    BOOST_TEST(bench.syncer->reader().growing(bench.door).empty());
}

BOOST_AUTO_TEST_CASE(streams_are_independent_and_numbered_alone) {
    Bench bench;
    const auto yard = *bench.store->stream("yard");
    auto first = bench.writer();
    auto second = bench.syncer->writer(yard);
    BOOST_TEST_REQUIRE(second.has_value());
    for (std::size_t n = 0; n < 5; ++n) {
        BOOST_TEST(bench.append(first, n).has_value());
        BOOST_TEST(bench.append(*second, n + 5).has_value());
    }
    const auto a = *first.end(), b = *second->end();
    BOOST_TEST(bench.committer->flush(10s).has_value());
    BOOST_TEST(bench.content(a) == Bench::joined(0, 5));
    BOOST_TEST(bench.content(b) == Bench::joined(5, 10));
    BOOST_TEST(b.sequence() == 1u);
}

BOOST_AUTO_TEST_CASE(one_transaction_and_one_directory_sync_for_all_that_is_finished) {
    Bench bench;
    const auto yard = *bench.store->stream("yard");
    auto first = bench.writer();
    auto second = bench.syncer->writer(yard);
    BOOST_TEST(bench.append(first, 0).has_value());
    BOOST_TEST(bench.append(*second, 0).has_value());
    BOOST_TEST(first.end().has_value());
    BOOST_TEST(second->end().has_value());
    bench.syncer->step();
    bench.committer->step();
    BOOST_TEST_REQUIRE(bench.log().commits.size() == 1u);
    BOOST_TEST(bench.log().commits[0].objects == 2u);
    BOOST_TEST(bench.log().committed.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_flush_interval_collects_until_it_is_over_or_eight_wait) {
    Bench bench;
    auto writer = bench.writer({.flush_interval = 60s});
    const auto one = [&](std::size_t n) {
        BOOST_TEST(bench.append(writer, n * 5).has_value());
        BOOST_TEST(writer.end().has_value());
        bench.syncer->step();
        bench.committer->step();
    };
    for (std::size_t n = 0; n < 7; ++n) one(n);
    BOOST_TEST(bench.log().committed.empty());
    one(7);
    BOOST_TEST(bench.log().committed.size() == 8u);
    BOOST_TEST(bench.log().commits.back().count == 8u);
    one(8);
    BOOST_TEST(bench.log().committed.size() == 8u);
    bench.clock.advance(60s);
    bench.committer->step();
    BOOST_TEST(bench.log().committed.size() == 9u);
    BOOST_TEST((bench.log().commits.back().age >= 60s));
    one(9);
    BOOST_TEST(bench.committer->flush(1s).has_value());
    BOOST_TEST(bench.log().committed.size() == 10u);
}

BOOST_AUTO_TEST_CASE(a_writer_without_a_record_leaves_nothing) {
    Bench bench;
    {
        auto writer = bench.writer();
        BOOST_TEST((*writer.end() == no_object));
    }
    BOOST_TEST(bench.committer->drain(1s).has_value());
    BOOST_TEST(bench.data_files().empty());
    auto next = bench.writer();
    BOOST_TEST(bench.append(next, 0).has_value());
    BOOST_TEST(next.end()->sequence() == 1u);
}

BOOST_AUTO_TEST_CASE(a_writer_destroyed_unclosed_ends_uncleanly) {
    Bench bench;
    {
        auto writer = bench.writer();
        BOOST_TEST(bench.append(writer, 0).has_value());
    }
    BOOST_TEST(bench.committer->flush(1s).has_value());
    const auto row = *bench.store->object({bench.door, 1});
    BOOST_TEST_REQUIRE(row.has_value());
    BOOST_TEST((row->end_reason == EndReason::unclean));
    BOOST_TEST(bench.content(row->id) == Bench::joined(0, 1));
}

BOOST_AUTO_TEST_CASE(bad_input_is_refused_and_takes_nothing) {
    Bench bench;
    auto writer = bench.writer();
    BOOST_TEST(writer.append({}, Bench::record(0)).error().is(Errc::sample_empty));
    BOOST_TEST(bench.append(writer, 1).error().is(Errc::not_sync_sample));
    BOOST_TEST((*writer.end() == no_object));
    const auto some = Bench::bytes(0);
    BOOST_TEST(writer.append({some.data(), std::size_t{1} << 33}, Bench::record(0))
                   .error().is(Errc::sample_too_large));
    BOOST_TEST(writer.append(some, {MediaDuration{-1}, true}).error().is(Errc::duration_invalid));
    BOOST_TEST(bench.append(writer, 0).has_value());
    BOOST_TEST(writer.append(some, {MediaDuration{-1}, false}).error().is(Errc::duration_invalid));
    BOOST_TEST(bench.append(writer, 1).has_value());
    const auto id = *writer.end();
    BOOST_TEST(bench.syncer->wait(id, 1s).has_value());
    BOOST_TEST(bench.content(id) == Bench::joined(0, 2));
}

BOOST_AUTO_TEST_CASE(a_stream_has_one_writer) {
    Bench bench;
    {
        auto writer = bench.writer();
        BOOST_TEST(bench.syncer->writer(bench.door).error().is(Errc::stream_in_use));
    }
    auto again = bench.syncer->writer(bench.door);
    BOOST_TEST(again.has_value());
    BOOST_TEST(bench.syncer->writer(StreamId{77}).error().is(Errc::stream_unknown));
}

BOOST_AUTO_TEST_CASE(waiting_for_what_never_was_is_an_error) {
    Bench bench;
    BOOST_TEST(bench.syncer->wait({bench.door, 9}, 1s).error().is(Errc::object_unknown));
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 0).has_value());
    BOOST_TEST(bench.syncer->wait({bench.door, 1}, 1s).error().is(Errc::deadline_passed));
}

namespace {

/// Bytes as `VideoIndex` makes them, under another name.
struct OlderIndex : VideoIndex {
    static constexpr FormatId format_id{"video.older"};
};
static_assert(IndexEncoder<OlderIndex>);

}  // namespace

BOOST_AUTO_TEST_CASE(records_are_read_one_by_one) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 300; ++n) BOOST_TEST(bench.append(writer, n).has_value());
    const auto id = *writer.end();
    BOOST_TEST(bench.syncer->wait(id, 1s).has_value());
    auto object = bench.syncer->reader().open(id);
    BOOST_TEST_REQUIRE(object.has_value(), Bench::message(object));
    std::size_t n = 0;
    auto read = object->read_records<VideoIndex>([&](const VideoSample& sample, ByteView bytes) {
        BOOST_TEST(sample.sync == Bench::record(n).sync);
        BOOST_TEST(std::ranges::equal(bytes, Bench::bytes(n)));
        ++n;
    });
    BOOST_TEST(read.has_value(), Bench::message(read));
    BOOST_TEST(n == 300u);
    const Error enough{Errc::stop_requested, Operation::read};
    read = object->read_records<VideoIndex>([&](const VideoSample&, ByteView) -> Result<void> { return enough; });
    BOOST_TEST((!read && read.error() == enough));
    read = object->read_records<OlderIndex>([](const VideoSample&, ByteView) {});
    BOOST_TEST((!read && read.error().is(Errc::format_unknown)));
}

BOOST_AUTO_TEST_CASE(a_store_with_two_formats_is_read) {
    Bench bench;
    const auto record_one = [](auto& syncer, StreamId stream, std::size_t n) {
        auto writer = syncer.writer(stream);
        BOOST_TEST_REQUIRE(writer.has_value(), Bench::message(writer));
        BOOST_TEST(writer->append(Bench::bytes(n), Bench::record(0)).has_value());
        const auto id = *writer->end();
        BOOST_TEST(syncer.wait(id, 1s).has_value());
        return id;
    };
    const auto older = [&] {
        using Older = bobbin::Archive<File<Fs>, OlderIndex, MemoryStore, ManualClock>;
        auto directory = FsDirectory<Fs>::open("/sim/older", RootMode::create_if_missing, bench.fs);
        auto syncer = Older::Syncer::open(std::move(*directory), *bench.committer, {.create = true}, bench.clock);
        BOOST_TEST_REQUIRE(syncer.has_value(), Bench::message(syncer));
        return record_one(*syncer, *bench.store->stream("older"), 1);
    }();
    const auto newer = record_one(*bench.syncer, bench.door, 2);

    // Nobody writes to the directory any more; the reader takes it as it is.
    using Reader = Bench::Archive::Reader;
    auto reader = Reader::open_read_only(*FsDirectory<Fs>::open("/sim/older", RootMode::existing, bench.fs), *bench.store);
    BOOST_TEST_REQUIRE(reader.has_value(), Bench::message(reader));
    BOOST_TEST(reader->open(older).error().is(Errc::format_unknown));
    BOOST_TEST(reader->growing(older.stream()).empty());

    using Both = Formats<VideoIndex, OlderIndex>;
    const auto read = [](auto& from, ObjectId id) {
        auto object = from.template open<Both>(id);
        BOOST_TEST_REQUIRE(object.has_value(), Bench::message(object));
        std::vector<std::byte> all;
        auto done = Both::visit(object->row().index_format, [&]<class Encoder>() {
            return object->template read_records<Encoder>(
                [&](const auto&, ByteView bytes) { all.assign(bytes.begin(), bytes.end()); });
        });
        BOOST_TEST(done.has_value(), Bench::message(done));
        return all;
    };
    auto ours = bench.syncer->reader();
    BOOST_TEST(read(*reader, older) == Bench::bytes(1));
    BOOST_TEST(read(ours, newer) == Bench::bytes(2));
    const auto unknown = Both::visit(FormatId{"from-the-future"}, []<class>() { return Result<void>{}; });
    BOOST_TEST((!unknown && unknown.error().is(Errc::format_unknown)));
}

BOOST_AUTO_TEST_CASE(a_reader_of_a_place_that_is_not_the_stores_is_refused) {
    Bench bench;
    using Reader = Bench::Archive::Reader;
    const auto at = [&](const char* path) {
        return FsDirectory<Fs>::open(path, RootMode::create_if_missing, bench.fs);
    };
    BOOST_TEST(Reader::open_read_only(*at("/sim/empty"), *bench.store).error().is(Errc::directory_missing_identity));
    MemoryStore other;
    BOOST_TEST(Reader::open_read_only(*at("/sim/footage"), other).error().is(Errc::directory_used_by_other_store));
}

BOOST_AUTO_TEST_CASE(damage_is_found_by_the_read) {
    Bench bench;
    auto writer = bench.writer();
    for (std::size_t n = 0; n < 3; ++n) BOOST_TEST(bench.append(writer, n, 700'000).has_value());
    const auto id = *writer.end();
    BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
    {
        auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
        auto file = directory->open_to_cut(id);
        const std::byte wrong[1] = {std::byte{0x55}};
        BOOST_TEST(bench.fs.write_at(file->handle(), wrong, 1'500'000).has_value());
    }
    auto object = bench.syncer->reader().open(id);
    std::vector<std::byte> some(1000);
    BOOST_TEST(object->read(some, 0).has_value());
    BOOST_TEST(object->read(some, 1'100'000).error().is(Errc::digest_mismatch));
    BOOST_TEST(object->read(some, 2'099'500).has_value());
    BOOST_TEST(object->read(some, 2'100'001).error().is(Errc::out_of_range));
}

BOOST_AUTO_TEST_CASE(block_digests_that_are_not_those_of_the_row_are_refused) {
    Bench bench;
    auto writer = bench.writer();
    const auto id = bench.record(writer, 0);
    auto piece = *bench.store->piece_bytes(id, PieceKind::block_digests);
    piece.back() ^= std::byte{1};
    {
        auto tx = bench.store->begin();
        BOOST_TEST(tx->put_piece({id, PieceKind::block_digests, 0, piece}).has_value());
        BOOST_TEST(tx->commit().has_value());
    }
    BOOST_TEST(bench.syncer->reader().open(id).error().is(Errc::store_invariant));
}

BOOST_AUTO_TEST_CASE(more_streams_than_blocks_of_memory_hold_up_nobody) {
    Bench bench{{.memory = 128_KiB, .append_deadline = 1s}};
    std::vector<Bench::Archive::Writer> writers;
    for (const char* name : {"a", "b", "c", "d"})
        writers.push_back(std::move(*bench.syncer->writer(*bench.store->stream(name))));
    for (std::size_t n = 0; n < 10; ++n)
        for (auto& writer : writers) {
            const auto done = bench.append(writer, n, 500);
            BOOST_TEST(done.has_value(), Bench::message(done));
        }
    for (auto& writer : writers) {
        const auto id = *writer.end();
        BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
        BOOST_TEST(bench.content(id) == Bench::joined(0, 10, 500));
    }
}

BOOST_AUTO_TEST_CASE(jobs_do_not_hold_up_commits) {
    Bench bench;
    auto writer = bench.writer();
    BOOST_TEST(bench.append(writer, 0).has_value());
    BOOST_TEST(writer.end().has_value());
    bench.syncer->step();
    BOOST_TEST(bench.committer->run([](auto&) -> Result<void> { return {}; }).has_value());
    BOOST_TEST(bench.log().committed.size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_may_wait_for_ever_waits_for_a_flush) {
    Bench bench{{.mark_interval = std::chrono::nanoseconds::max()}};
    auto writer = bench.writer({.flush_interval = std::chrono::nanoseconds::max()});
    BOOST_TEST(bench.append(writer, 0).has_value());
    BOOST_TEST(writer.end().has_value());
    for (int i = 0; i < 10; ++i) {
        bench.clock.advance(24h);
        bench.syncer->step();
        bench.committer->step();
    }
    BOOST_TEST(bench.log().committed.empty());
    BOOST_TEST(bench.committer->flush(1s).has_value());
    BOOST_TEST(bench.log().committed.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
