#include <bobbin/pack/format.hpp>

#include "hex.hpp"
#include "packs.hpp"

#include <string>

using namespace bobbin;
using namespace bobbin_tests;
using pack::PackHeader;
using pack::PackTrailer;
using pack::RecordHead;
using pack::RecordShape;

namespace {

bool is_malformed(const RecordShape& shape) {
    const auto right = shape.check();
    return !right && right.error().is(Errc::pack_malformed);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_format)

// Written down by a second program from docs/formats.md: "abc" alone, "bobbin" and "pack" together.
BOOST_AUTO_TEST_CASE(bytes_of_the_specification) {
    MemoryWriter<NoCodec> writer{MemorySink{}, {.store = a_store}};
    BOOST_REQUIRE(writer.add(as_bytes("abc")));
    const pack::NewChunk<Sha256> group[] = {{digest_of<Sha256>(as_bytes("bobbin")), 6},
                                            {digest_of<Sha256>(as_bytes("pack")), 4}};
    BOOST_REQUIRE(writer.add_group(group, as_bytes("bobbinpack")));
    BOOST_REQUIRE(writer.finish());
    const ByteView bytes = *writer.sink().bytes;
    BOOST_TEST(bytes.size() == 2577U);
    BOOST_TEST(hex(bytes.first(72)) == "424f4242494e706b"
                                       "0100000000000000"
                                       "01020300000000000000000000000000"
                                       "00000000000000000000000000000000"
                                       "7368613235362e763100000000000000"
                                       "2000000000000000");
    BOOST_TEST(hex(bytes.subspan(124, 4)) == "eb746fb7");
    BOOST_TEST(hex(bytes.subspan(128, 63)) ==
               "42507263"
               "00"
               "00"
               "0100"
               "03000000"
               "03000000"
               "b73f4b36"
               "03000000"
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
               "ff0ea03a"
               "616263");
    BOOST_TEST(hex(bytes.last(64)) == "2901000000000000"
                                      "0200000000000000"
                                      "0300000000000000"
                                      "0d00000000000000"
                                      "00000000"
                                      "00000000000000000000000000000000"
                                      "424f4242494e7078"
                                      "e11003be");
    BOOST_TEST(hex(digest_of<Sha256>(bytes)) ==
               "6ca70812dad5e0a705de0f66189e009190c3d50f413ac3e74532a70f73ac9659");
}

BOOST_AUTO_TEST_CASE(a_header_comes_back) {
    PackHeader header;
    header.store = a_store;
    header.digest_format = Xxh3::format_id;
    header.digest_size = 16;
    const auto bytes = header.encode();
    const auto decoded = PackHeader::decode(bytes);
    BOOST_REQUIRE(decoded);
    BOOST_TEST((*decoded == header));
    for (std::size_t size = 0; size < bytes.size(); ++size)
        BOOST_TEST(!PackHeader::decode(ByteView{bytes}.first(size)));
}

BOOST_AUTO_TEST_CASE(shapes_that_no_writer_makes) {
    constexpr auto limit = pack::largest_record;
    BOOST_TEST((RecordShape{1, 1, 1, 0, 0}.check() && RecordShape{limit, limit, 1, 0, 0}.check()));
    BOOST_TEST(
        (RecordShape{1024, 1, 1024, 1, 0}.check() && RecordShape{limit, 256, 1, 9, 0}.check()));
    BOOST_TEST(is_malformed({0, 0, 1, 0, 0}));
    BOOST_TEST(is_malformed({1, 1, 0, 0, 0}));
    BOOST_TEST(is_malformed({1, 0, 1, 0, 0}));
    BOOST_TEST(is_malformed({2000, 2000, 1025, 0, 0}));
    BOOST_TEST(is_malformed({2, 2, 3, 0, 0}));  // fewer bytes than chunks
    BOOST_TEST(is_malformed({limit + 1, 5000, 1, 1, 0}));
    BOOST_TEST(is_malformed({limit + 1, limit + 1, 1, 0, 0}));
    BOOST_TEST(is_malformed({10, 9, 1, 0, 0}));   // as it is, and another length
    BOOST_TEST(is_malformed({10, 10, 1, 1, 0}));  // compressed, and no shorter
    BOOST_TEST(is_malformed({10, UINT32_MAX, 1, 1, 0}));
    BOOST_TEST(is_malformed({limit, 255, 1, 1, 0}));  // the ratio
    const auto flagged = RecordShape{1, 1, 1, 0, 1}.check_flags();
    BOOST_TEST((!flagged && flagged.error().is(Errc::format_unknown)));
}

BOOST_AUTO_TEST_CASE(heads_come_back_and_nothing_else_is_one) {
    struct Chunk {
        std::array<std::byte, 32> key;
        std::uint32_t length;
    };
    Chunk chunks[3] = {};
    for (unsigned n = 0; n < 3; ++n) {
        chunks[n].key.fill(static_cast<std::byte>(n));
        chunks[n].length = 10 + n;
    }
    const RecordShape shape{33, 20, 3, 1, 0};
    Buffer bytes(shape.head_size(32));
    BOOST_TEST(bytes.size() == 132U);
    RecordHead::encode(bytes, shape, 7, chunks);
    const auto head = RecordHead::decode(bytes, 32);
    BOOST_REQUIRE(head);
    BOOST_TEST((head->shape() == shape && head->stored_crc() == 7 && head->size() == bytes.size()));
    std::uint32_t n = 0, begin = 0;
    head->for_each([&](const pack::ChunkEntry& chunk) {
        BOOST_TEST((std::ranges::equal(chunk.key, chunks[n].key) && chunk.length == 10 + n &&
                    chunk.begin == begin));
        begin += chunk.length;
        ++n;
    });
    BOOST_TEST(n == 3U);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        BOOST_TEST(!RecordHead::decode(ByteView{bytes}.first(size), 32));
    for (auto& byte : bytes) {
        byte ^= std::byte{4};
        BOOST_TEST(!RecordHead::decode(bytes, 32));
        byte ^= std::byte{4};
    }
    // A checksum that was made to fit.
    const auto refused = [&](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
        chunks[0].length = a, chunks[1].length = b, chunks[2].length = c;
        RecordHead::encode(bytes, shape, 7, chunks);
        const auto answer = RecordHead::decode(bytes, 32);
        return !answer && answer.error().is(Errc::pack_malformed);
    };
    BOOST_TEST(!refused(1, 1, 31));
    BOOST_TEST(refused(0, 2, 31));
    BOOST_TEST(refused(1, 1, 32));
    BOOST_TEST(refused(UINT32_MAX, 2, 32));  // right, were the sum to wrap
}

BOOST_AUTO_TEST_CASE(a_trailer_comes_back_for_its_file_only) {
    const PackTrailer trailer{1000, 3, 5, 777};
    const auto size = 1000 + trailer.index_size(32) + 64;
    const auto bytes = trailer.encode();
    const auto decoded = PackTrailer::decode(bytes, size, 32);
    BOOST_REQUIRE(decoded);
    BOOST_TEST((*decoded == trailer));
    for (const auto other : {size - 1, size + 1, std::uint64_t{0}, UINT64_MAX})
        BOOST_TEST(PackTrailer::decode(bytes, other, 32).error().is(Errc::pack_malformed));
    BOOST_TEST(
        PackTrailer::decode(ByteView{bytes}.first(63), size, 32).error().is(Errc::pack_unfinished));
}

BOOST_AUTO_TEST_SUITE_END()
