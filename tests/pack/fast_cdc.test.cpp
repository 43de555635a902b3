#include <bobbin/pack/fast_cdc.hpp>

#include <bobbin/testing/conformance/chunker.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <vector>

using namespace bobbin;
using namespace bobbin::pack;

namespace {

using Sizes = std::vector<std::size_t>;

/// Bytes that a second program can make, too.
std::vector<std::byte> known_bytes(std::size_t size) {
    std::vector<std::byte> bytes(size);
    std::uint32_t state = 1;
    for (auto& byte : bytes) {
        state = (state * 1103515245 + 12345) & 0x7fffffff;
        byte = static_cast<std::byte>(state >> 16);
    }
    return bytes;
}

std::vector<std::byte> random_bytes(std::size_t size, std::uint64_t seed) {
    testing::detail::Random random{seed};
    std::vector<std::byte> bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
}

Sizes cut(FastCdc chunker, ByteView bytes) {
    return testing::cut_sizes(chunker, bytes, [&] { return bytes.size(); });
}

/// The chunks themselves.
std::set<std::string> chunks_of(ByteView bytes) {
    std::set<std::string> chunks;
    for (const auto size : cut(FastCdc{}, bytes)) {
        chunks.emplace(as_text(bytes.first(size)));
        bytes = bytes.subspan(size);
    }
    return chunks;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_fast_cdc)

// As a second program cuts, written from the documented rule: what is stored already must be found by
// every later version.
BOOST_AUTO_TEST_CASE(cuts_never_change) {
    BOOST_TEST(
        (cut(FastCdc{}, known_bytes(1'500'000)) ==
         Sizes{68185, 75130, 86871, 25584, 93607, 85251, 67747, 79644, 66130, 84989, 39994,
               78831, 74060, 67127, 23455, 80050, 91719, 61646, 27729, 96080, 70700, 55471}));
    const auto small = FastCdc::create({256, 1024, 4096});
    BOOST_REQUIRE(small);
    BOOST_TEST(
        (cut(*small, known_bytes(30'000)) ==
         Sizes{1029, 1480, 1034, 464,  1068, 1788, 1138, 1099, 712,  941,  1122, 1383, 1599, 859,
               1133, 1652, 962,  1185, 1225, 1148, 736,  461,  1095, 1619, 1132, 1466, 470}));
}

BOOST_AUTO_TEST_CASE(sizes_are_kept) {
    const auto bytes = random_bytes(8 << 20, 5);
    auto sizes = cut(FastCdc{}, bytes);
    BOOST_TEST(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}) == bytes.size());
    sizes.pop_back();
    BOOST_TEST(*std::ranges::min_element(sizes) > 16U << 10);
    BOOST_TEST(*std::ranges::max_element(sizes) <= 256U << 10);
    const auto mean = bytes.size() / sizes.size();
    BOOST_TEST((mean > 56U << 10 && mean < 80U << 10), mean);
    // What never ends a chunk by itself.
    const std::vector<std::byte> zeros(600'000);
    BOOST_TEST((cut(FastCdc{}, zeros) == Sizes{262144, 262144, 75712}));
}

// The promise of content-defined cuts.
BOOST_AUTO_TEST_CASE(an_insertion_changes_the_chunks_beside_it_only) {
    const auto bytes = random_bytes(4 << 20, 6);
    const auto before = chunks_of(bytes);
    for (const std::size_t at : {std::size_t{0}, std::size_t{1'000'000}, bytes.size() - 10}) {
        auto changed = bytes;
        changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(at), 7, std::byte{42});
        std::size_t is_new = 0;
        for (const auto& chunk : chunks_of(changed)) is_new += before.contains(chunk) ? 0 : 1;
        BOOST_TEST((is_new >= 1 && is_new <= 4), is_new);
    }
}

BOOST_AUTO_TEST_CASE(refuses_sizes_that_make_no_sense) {
    for (const ChunkSizes& sizes :
         {ChunkSizes{0, 256, 1024}, ChunkSizes{256, 256, 1024}, ChunkSizes{100, 1024, 1024},
          ChunkSizes{100, 1000, 2000}, ChunkSizes{1, 128, 1024},
          ChunkSizes{1, 256, largest_record + 1}})
        BOOST_TEST(FastCdc::create(sizes).error().is(Errc::invalid_argument));
    BOOST_TEST(FastCdc::create({1, 256, largest_record}).has_value());
    BOOST_TEST(FastCdc{}.largest() == 262144U);
}

BOOST_AUTO_TEST_SUITE_END()
