#include <bobbin/index/concept.hpp>

#include <bobbin/index/null.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/testing/conformance/index_encoder.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace bobbin;

namespace {

void check(const std::vector<std::string>& broken) {
    for (const auto& line : broken) BOOST_ERROR(line);
    BOOST_TEST(broken.empty());
}

auto video_record(std::size_t n) {
    return std::pair{
        VideoIndex::Record{MediaDuration{3000 + static_cast<std::int64_t>(n % 7)}, n % 30 == 0},
        Bytes{n % 30 == 0 ? 60000 + n : 100 + (n * 7919) % 9000}};
}

// Each breaks one promise, and the suite must say so.
struct ForgetsTheTake : VideoIndex {
    ByteView take_piece() noexcept {
        const auto piece = VideoIndex::take_piece();
        if (!piece.empty()) last.assign(piece.begin(), piece.end());
        return last;
    }
    std::vector<std::byte> last;
};
struct CountsNothing : VideoIndex {
    static Result<Counts> count(ByteView, Bytes) noexcept { return Counts{}; }
};
struct IgnoresTheSize : VideoIndex {
    static Result<Counts> count(ByteView index, Bytes) noexcept {
        std::uint64_t needed = 0;
        for (const auto& s : VideoSamples{index}) needed += s.size;
        return VideoIndex::count(index, Bytes{needed});
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(index_concept)

BOOST_AUTO_TEST_CASE(null_conforms) { check(testing::conformance::index_encoder<NullIndex>()); }
BOOST_AUTO_TEST_CASE(video_conforms) {
    check(testing::conformance::index_encoder<VideoIndex>(video_record));
}
BOOST_AUTO_TEST_CASE(minimal_conforms) {
    check(testing::conformance::index_encoder<testing::MinimalIndex>());
}

BOOST_AUTO_TEST_CASE(the_suite_finds_what_is_broken) {
    BOOST_TEST(!testing::conformance::index_encoder<ForgetsTheTake>(video_record).empty());
    BOOST_TEST(!testing::conformance::index_encoder<CountsNothing>(video_record).empty());
    BOOST_TEST(!testing::conformance::index_encoder<IgnoresTheSize>(video_record).empty());
}

BOOST_AUTO_TEST_SUITE_END()
