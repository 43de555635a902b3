#include <bobbin/pack/pack_writer.hpp>

#include "packs.hpp"

#include <bobbin/file/writeback.hpp>
#include <bobbin/fs/directory.hpp>
#include <bobbin/testing/sim_fs.hpp>

using namespace bobbin;
using namespace bobbin_tests;

namespace {

static_assert(pack::PackSink<MemorySink> && !pack::PackSink<int>);

template <class R>
bool is(const R& result, Errc why) {
    return !result && result.error().is(why);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_pack_writer)

BOOST_AUTO_TEST_CASE(an_empty_pack_leaves_nothing) {
    MemoryWriter<> writer{MemorySink{}, {}};
    BOOST_TEST(is(writer.finish(), Errc::pack_empty));
    BOOST_TEST(is(writer.add({}), Errc::sample_empty));
    BOOST_TEST(writer.sink().bytes->empty());
    BOOST_TEST(writer.size().value == 0U);
    // And may still become one.
    BOOST_TEST(writer.add(some_text(10, 1)).has_value());
    BOOST_TEST(writer.finish().has_value());
}

BOOST_AUTO_TEST_CASE(the_same_bytes_are_stored_once) {
    MemoryWriter<> writer{MemorySink{}, {}};
    const auto text = some_text(5000, 1);
    const auto first = writer.add(text);
    const auto size = writer.sink().bytes->size();
    const auto second = writer.add(text);
    BOOST_REQUIRE((first && second));
    BOOST_TEST((first->second && !second->second));
    BOOST_TEST((first->first == second->first));
    BOOST_TEST((first->first == digest_of<Sha256>(text) && writer.contains(first->first)));
    BOOST_TEST(writer.sink().bytes->size() == size);
    BOOST_TEST(writer.chunks() == 1U);
}

BOOST_AUTO_TEST_CASE(what_does_not_shrink_by_a_twentieth_is_stored_as_it_is) {
    const auto codec_of = [](const Buffer& bytes) {
        MemoryWriter<> writer{MemorySink{}, {}};
        BOOST_REQUIRE(writer.add(bytes));
        BOOST_REQUIRE(writer.finish());
        auto reader = MemoryReader<>::open(MemoryFile{*writer.sink().bytes});
        BOOST_REQUIRE(reader);
        const auto& shape = reader->index().records()[0].shape;
        BOOST_TEST((shape.codec == 0 || shape.stored <= shape.raw - shape.raw / 20));
        return shape.codec;
    };
    BOOST_TEST(codec_of(some_text(4000, 1)) == Lz4::number);
    BOOST_TEST(codec_of(some_noise(4000, 1)) == NoCodec::number);
    BOOST_TEST(codec_of(Buffer(1)) == NoCodec::number);
    // By a few bytes only: mostly noise, with a little that repeats.
    auto nearly = some_noise(4000, 2);
    std::fill_n(nearly.begin(), 100, std::byte{0});
    BOOST_TEST(codec_of(nearly) == NoCodec::number);
    std::fill_n(nearly.begin(), 400, std::byte{0});
    BOOST_TEST(codec_of(nearly) == Lz4::number);
    BOOST_TEST(codec_of(Buffer(pack::largest_record)) == Lz4::number);
}

BOOST_AUTO_TEST_CASE(groups_shrink_better_than_their_chunks) {
    std::vector<Buffer> parts;
    for (std::uint64_t seed = 0; seed < 100; ++seed) parts.push_back(some_text(60, seed));
    MemoryWriter<> together{MemorySink{}, {}}, apart{MemorySink{}, {}};
    Buffer raw;
    const auto group = group_of<Sha256>(parts, raw);
    BOOST_REQUIRE(together.add_group(group, raw));
    for (const auto& part : parts) BOOST_REQUIRE(apart.add(part));
    BOOST_REQUIRE((together.finish() && apart.finish()));
    BOOST_TEST((together.size() < apart.size() - Bytes{4000}));
}

BOOST_AUTO_TEST_CASE(a_group_must_be_right) {
    MemoryWriter<> writer{MemorySink{}, {}};
    Buffer raw;
    auto group = group_of<Sha256>({some_text(50, 1), some_text(60, 2)}, raw);
    const auto refused = [&](Errc why) {
        const auto added = writer.add_group(group, raw);
        return is(added, why) && writer.sink().bytes->empty();
    };
    group[1].length = 59;
    BOOST_TEST(refused(Errc::invalid_argument));
    group[0].length = 110, group[1].length = 0;
    BOOST_TEST(refused(Errc::invalid_argument));
    group[0].length = 50, group[1].length = 60;
    std::swap(group[1].key, group[0].key);
    group[1].key = group[0].key;
    BOOST_TEST(refused(Errc::invalid_argument));
    BOOST_TEST(!writer.contains(group[0].key));
    BOOST_TEST(is(writer.add_group({}, raw), Errc::invalid_argument));
    BOOST_TEST(is(writer.add_group(group, {}), Errc::sample_empty));
    BOOST_TEST(
        is(writer.add_group(group, Buffer(pack::largest_record + 1)), Errc::sample_too_large));
    std::vector<pack::NewChunk<Sha256>> many(1025);
    for (std::size_t n = 0; n < many.size(); ++n) {
        store_le(many[n].key.data(), std::uint64_t{n});
        many[n].length = 1;
    }
    BOOST_TEST(is(writer.add_group(many, Buffer(1025)), Errc::invalid_argument));
    many.pop_back();
    BOOST_TEST(writer.add_group(many, Buffer(1024)).has_value());
    BOOST_TEST(is(writer.add_new(many[7].key, Buffer(1)), Errc::invalid_argument));
    BOOST_TEST(writer.chunks() == 1024U);
}

BOOST_AUTO_TEST_CASE(encoded_records_must_be_right) {
    MemoryWriter<> writer{MemorySink{}, {}};
    const auto raw = some_text(500, 1);
    const pack::NewChunk<Sha256> chunk{digest_of<Sha256>(raw), 500};
    BOOST_TEST(is(writer.add_encoded({&chunk, 1}, Lz4::number, raw), Errc::invalid_argument));
    BOOST_TEST(is(writer.add_encoded({&chunk, 1}, Lz4::number, {}), Errc::invalid_argument));
    BOOST_TEST(is(writer.add_encoded({&chunk, 1}, NoCodec::number, ByteView{raw}.first(400)),
                  Errc::invalid_argument));
    BOOST_TEST(is(writer.add_encoded({}, NoCodec::number, raw), Errc::sample_empty));
    BOOST_TEST(writer.add_encoded({&chunk, 1}, NoCodec::number, raw).has_value());
}

BOOST_AUTO_TEST_CASE(a_pack_is_bounded) {
    MemoryWriter<NoCodec> writer{MemorySink{}, {.size = 20_KiB}};
    // The first always has room.
    BOOST_TEST(writer.has_room(1 << 20));
    std::uint64_t seed = 0;
    while (writer.has_room(1000)) BOOST_REQUIRE(writer.add(some_noise(1000, ++seed)));
    BOOST_TEST(seed > 10U);
    BOOST_TEST(is(writer.add(some_noise(1000, 0)), Errc::object_too_long));
    BOOST_REQUIRE(writer.finish());
    BOOST_TEST(writer.size().value == writer.sink().bytes->size());
    BOOST_TEST((writer.size() <= 20_KiB && writer.size() > 18_KiB));
}

BOOST_AUTO_TEST_CASE(nothing_follows_the_end) {
    MemoryWriter<> writer{MemorySink{}, {}};
    BOOST_REQUIRE(writer.add(some_noise(10, 1)));
    BOOST_REQUIRE(writer.finish());
    BOOST_TEST(is(writer.finish(), Errc::writer_ended));
    for (const std::uint64_t seed : {1U, 2U})
        BOOST_TEST(is(writer.add(some_noise(10, seed)), Errc::writer_ended));
    BOOST_TEST(writer.sink().index->counts().is_complete());
}

BOOST_AUTO_TEST_CASE(an_error_of_the_sink_stays) {
    std::size_t whole = 0;
    for (std::uint64_t limit = 0; whole == 0; ++limit) {
        MemorySink sink;
        sink.fails_from = limit;
        MemoryWriter<> writer{sink, {}};
        Result<void> done;
        std::uint64_t seed = 0;
        for (; done && seed < 3; ++seed)
            if (auto added = writer.add(some_noise(30, seed)); !added) done = added.error();
        if (done) done = writer.finish();
        if (done) {
            whole = sink.bytes->size();
            BOOST_TEST(whole == limit);
            break;
        }
        BOOST_TEST(done.error().is_errno(ENOSPC));
        writer.sink().fails_from = UINT64_MAX;
        const auto size = sink.bytes->size();
        // Not even what did not arrive counts as there.
        for (std::uint64_t again = 0; again <= seed; ++again)
            BOOST_TEST(writer.add(some_noise(30, again)).error().is_errno(ENOSPC));
        BOOST_TEST((seed == 3 || !writer.contains(digest_of<Sha256>(some_noise(30, seed - 1)))));
        BOOST_TEST(writer.finish().error().is_errno(ENOSPC));
        BOOST_TEST(sink.bytes->size() == size);
    }
}

// The engine's view: each part is a record whose counts fit.
BOOST_AUTO_TEST_CASE(a_pack_is_an_object) {
    MemoryWriter<> writer{MemorySink{}, {}};
    const auto index = writer.sink().index;
    std::vector<std::byte> pieces;
    for (std::uint64_t seed = 0; seed < 30'000; ++seed) {
        BOOST_REQUIRE(writer.add(some_noise(20, seed)));
        if (seed % 5000 != 0) continue;
        const auto piece = index->take_piece();
        pieces.insert(pieces.end(), piece.begin(), piece.end());
    }
    BOOST_REQUIRE(writer.finish());  // in more parts than one
    const auto piece = index->take_piece();
    pieces.insert(pieces.end(), piece.begin(), piece.end());
    const auto counts = pack::PackIndex::count(pieces, Bytes{writer.sink().bytes->size()});
    BOOST_REQUIRE(counts);
    BOOST_TEST((*counts == index->counts()));
    BOOST_TEST((counts->is_complete() && counts->chunks == 30'000 && counts->raw_bytes == 600'000));
    BOOST_TEST(MemoryReader<>::open(MemoryFile{*writer.sink().bytes}).has_value());
}

BOOST_AUTO_TEST_CASE(into_a_file_that_takes_parts) {
    bobbin::testing::SimFs fs;
    auto directory =
        FsDirectory<bobbin::testing::SimFs>::open("/packs", RootMode::create_if_missing, fs);
    BOOST_REQUIRE(directory);
    auto made = directory->create(ObjectId{1});
    BOOST_REQUIRE(made);
    Writeback<File<bobbin::testing::SimFs>> file{std::move(*made)};
    auto sink = pack::append_to(file);
    pack::PackWriter<Sha256, Zstd, decltype(sink)> writer{sink, {}, Zstd{9}};
    for (std::uint64_t seed = 0; seed < 50; ++seed)
        BOOST_REQUIRE(writer.add(some_text(20'000, seed)));
    BOOST_REQUIRE(writer.finish());
    BOOST_REQUIRE(file.flush());
    BOOST_TEST(file.size().value == writer.size().value);
}

BOOST_AUTO_TEST_SUITE_END()
