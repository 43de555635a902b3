#include <bobbin/pack/pack_index.hpp>

#include <bobbin/testing/conformance/index_encoder.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace bobbin;
using pack::PackIndex;
using Part = PackIndex::Part;

namespace {

constexpr PackIndex::Record header{};
constexpr PackIndex::Record chunk{Part::record, 1, 2, 1000, 400};
constexpr PackIndex::Record part_of_index{Part::index};
constexpr PackIndex::Record end{Part::end};

auto a_record(std::size_t n) {
    if (n == 0) return std::pair{header, Bytes{128}};
    const auto stored = static_cast<std::uint32_t>(1 + n * 7919 % 5000);
    return std::pair{PackIndex::Record{Part::record, 0, 1, stored, stored}, Bytes{60 + stored}};
}

std::vector<std::byte> piece_of(PackIndex& encoder) {
    const auto piece = encoder.take_piece();
    return {piece.begin(), piece.end()};
}

bool is_refused(PackIndex& encoder, PackIndex::Record record, std::uint64_t size) {
    const auto before = encoder.counts();
    const auto added = encoder.add(record, Bytes{size});
    return !added && added.error().is(Errc::invalid_argument) && encoder.counts() == before;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_pack_index)

BOOST_AUTO_TEST_CASE(conforms) {
    for (const auto& line : testing::conformance::index_encoder<PackIndex>(a_record))
        BOOST_ERROR(line);
}

BOOST_AUTO_TEST_CASE(counts_what_a_pack_holds) {
    PackIndex encoder;
    BOOST_REQUIRE(encoder.add(header, Bytes{128}));
    BOOST_REQUIRE(encoder.add(chunk, Bytes{500}));
    BOOST_REQUIRE(encoder.add(chunk, Bytes{500}));
    BOOST_TEST((encoder.counts() == PackIndex::Counts{1128, 2, 4, 2000, 800, Part::record}));
    BOOST_REQUIRE(encoder.add(part_of_index, Bytes{10}));
    BOOST_TEST(!encoder.counts().is_complete());
    BOOST_REQUIRE(encoder.add(end, Bytes{64}));
    BOOST_TEST(encoder.counts().is_complete());
    BOOST_TEST(encoder.counts().bytes == 1202U);
}

BOOST_AUTO_TEST_CASE(bytes_of_the_specification) {
    PackIndex encoder;
    BOOST_REQUIRE(encoder.add(header, Bytes{128}));
    BOOST_REQUIRE(encoder.add(chunk, Bytes{500}));
    const auto piece = piece_of(encoder);
    BOOST_REQUIRE(piece.size() == 48U);
    const std::uint64_t expected[] = {628, 1, 2, 1000, 400, 1};
    for (std::size_t n = 0; n < 6; ++n)
        BOOST_TEST(load_le<std::uint64_t>(piece.data() + 8 * n) == expected[n]);
}

BOOST_AUTO_TEST_CASE(parts_come_in_order) {
    PackIndex encoder;
    BOOST_TEST(is_refused(encoder, chunk, 500));
    BOOST_TEST(is_refused(encoder, part_of_index, 10));
    BOOST_TEST(is_refused(encoder, end, 10));
    BOOST_TEST(is_refused(encoder, header, 127));
    BOOST_REQUIRE(encoder.add(header, Bytes{128}));
    BOOST_TEST(is_refused(encoder, header, 128));
    BOOST_TEST(is_refused(encoder, end, 64));  // a pack without a chunk
    BOOST_TEST(is_refused(encoder, chunk, 400));
    BOOST_REQUIRE(encoder.add(chunk, Bytes{500}));
    BOOST_REQUIRE(encoder.add(part_of_index, Bytes{10}));
    BOOST_TEST(is_refused(encoder, chunk, 500));
    BOOST_REQUIRE(encoder.add(end, Bytes{10}));
    for (const auto& late : {header, chunk, part_of_index, end})
        BOOST_TEST(is_refused(encoder, late, 128));
}

// What the engine can't put behind its header must not begin another file.
BOOST_AUTO_TEST_CASE(only_the_header_starts_a_group) {
    const PackIndex encoder;
    BOOST_TEST(encoder.starts_group(header));
    for (const auto& other : {chunk, part_of_index, end}) BOOST_TEST(!encoder.starts_group(other));
}

BOOST_AUTO_TEST_CASE(refuses_totals_that_no_pack_has) {
    PackIndex encoder;
    std::vector<std::byte> all;
    const auto take = [&] {
        const auto piece = piece_of(encoder);
        all.insert(all.end(), piece.begin(), piece.end());
    };
    BOOST_REQUIRE(encoder.add(header, Bytes{128}));
    take();
    BOOST_REQUIRE(encoder.add(chunk, Bytes{500}));
    take();
    BOOST_REQUIRE(encoder.add(end, Bytes{100}));
    take();
    BOOST_TEST(PackIndex::count(all, Bytes{728}).has_value());
    BOOST_TEST(PackIndex::count(all, Bytes{727}).error().is(Errc::object_short));
    BOOST_TEST(PackIndex::count(all, Bytes{729}).error().is(Errc::index_malformed));
    BOOST_TEST(
        PackIndex::count(ByteView{all}.first(100), Bytes{628}).error().is(Errc::index_truncated));

    const auto wrong = [&](std::size_t piece, std::size_t field, std::uint64_t value) {
        auto bent = all;
        store_le(bent.data() + 48 * piece + 8 * field, value);
        const auto counted = PackIndex::count(bent, Bytes{728});
        return !counted && counted.error().is(Errc::index_malformed);
    };
    BOOST_TEST(wrong(0, 0, 127));   // no header fits
    BOOST_TEST(wrong(0, 1, 1));     // a record, and nothing behind the header
    BOOST_TEST(wrong(1, 0, 128));   // no more bytes than before
    BOOST_TEST(wrong(1, 1, 3));     // more records than chunks
    BOOST_TEST(wrong(1, 3, 1));     // fewer bytes than chunks
    BOOST_TEST(wrong(1, 4, 1001));  // compression that makes longer
    BOOST_TEST(wrong(1, 4, UINT64_MAX));
    BOOST_TEST(wrong(1, 5, 3));  // complete, and yet something follows
    BOOST_TEST(wrong(1, 5, 4));
    BOOST_TEST(wrong(2, 2, 1));  // fewer chunks than before
    BOOST_TEST(wrong(2, 5, UINT64_MAX));
}

BOOST_AUTO_TEST_SUITE_END()
