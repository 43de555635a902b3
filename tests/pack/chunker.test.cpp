#include <bobbin/pack/chunker.hpp>

#include <bobbin/pack/fast_cdc.hpp>
#include <bobbin/testing/conformance/chunker.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

using namespace bobbin;
using namespace bobbin::pack;

namespace {

void check(const std::vector<std::string>& broken) {
    for (const auto& line : broken) BOOST_ERROR(line);
    BOOST_TEST(broken.empty());
}

std::vector<std::size_t> cut(auto chunker, ByteView bytes) {
    return testing::cut_sizes(chunker, bytes, [&] { return bytes.size(); });
}

// Each breaks one promise, and the suite must say so.
struct CutsWhereCallsEnd : FixedChunks {
    std::optional<std::size_t> find_cut(ByteView bytes) noexcept {
        if (bytes.empty() || bytes.size() > 1000) return FixedChunks::find_cut(bytes);
        FixedChunks::reset();
        return bytes.size();
    }
};
struct ForgetsToReset : FixedChunks {
    void reset() noexcept {}
};
struct TooLong : FixedChunks {
    std::size_t largest() const noexcept { return 1000; }
};
struct CutsBehindTheEnd : FixedChunks {
    std::optional<std::size_t> find_cut(ByteView bytes) noexcept { return bytes.size() + 1; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_chunker)

BOOST_AUTO_TEST_CASE(whole_file_conforms) { check(testing::conformance::chunker<WholeFile>()); }
BOOST_AUTO_TEST_CASE(fixed_chunks_conform) {
    check(testing::conformance::chunker<FixedChunks>());
    check(testing::conformance::chunker(FixedChunks{Bytes{1000}}));
}
BOOST_AUTO_TEST_CASE(fast_cdc_conforms) {
    check(testing::conformance::chunker<FastCdc>());
    const auto small = FastCdc::create({1, 256, 1000});
    BOOST_REQUIRE(small);
    check(testing::conformance::chunker(*small));
}

BOOST_AUTO_TEST_CASE(the_suite_finds_what_is_broken) {
    BOOST_TEST(!testing::conformance::chunker<CutsWhereCallsEnd>().empty());
    BOOST_TEST(!testing::conformance::chunker<ForgetsToReset>().empty());
    BOOST_TEST(!testing::conformance::chunker<TooLong>().empty());
    BOOST_TEST(!testing::conformance::chunker<CutsBehindTheEnd>().empty());
}

BOOST_AUTO_TEST_CASE(sizes_of_fixed_chunks) {
    const std::vector<std::byte> bytes(2500);
    BOOST_TEST((cut(FixedChunks{Bytes{1000}}, bytes) == std::vector<std::size_t>{1000, 1000, 500}));
    BOOST_TEST((cut(FixedChunks{Bytes{1250}}, bytes) == std::vector<std::size_t>{1250, 1250}));
    BOOST_TEST((cut(WholeFile{}, bytes) == std::vector<std::size_t>{2500}));
    BOOST_TEST(cut(WholeFile{}, {}).empty());
    BOOST_TEST(FixedChunks{Bytes{0}}.largest() == 1U);
    BOOST_TEST(FixedChunks{Bytes{UINT64_MAX}}.largest() == largest_record);
    const std::vector<std::byte> large(largest_record + 5);
    BOOST_TEST((cut(WholeFile{}, large) == std::vector<std::size_t>{largest_record, 5}));
}

BOOST_AUTO_TEST_SUITE_END()
