#include <bobbin/index/video.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <random>
#include <ranges>
#include <string>
#include <vector>

using namespace bobbin;

namespace {

struct Given {
    std::int64_t duration;
    std::uint64_t size;
    bool sync;
};

std::vector<std::byte> bytes(std::initializer_list<unsigned> values) {
    std::vector<std::byte> out;
    for (unsigned value : values) out.push_back(static_cast<std::byte>(value));
    return out;
}

std::vector<std::byte> encode(const std::vector<Given>& samples) {
    VideoIndex encoder;
    for (const auto& s : samples)
        BOOST_REQUIRE(encoder.add({MediaDuration{s.duration}, s.sync}, Bytes{s.size}));
    const auto piece = encoder.take_piece();
    return {piece.begin(), piece.end()};
}

std::uint64_t total(const std::vector<Given>& samples) {
    std::uint64_t sum = 0;
    for (const auto& s : samples) sum += s.size;
    return sum;
}

void check_round_trip(const std::vector<Given>& samples) {
    const auto index = encode(samples);
    VideoSamples decoded{index};
    std::size_t n = 0;
    std::uint64_t offset = 0;
    std::int64_t start = 0;
    for (const VideoSample& s : decoded) {
        BOOST_REQUIRE_LT(n, samples.size());
        const VideoSample wanted{offset, MediaDuration{start}, MediaDuration{samples[n].duration},
                                 static_cast<std::uint32_t>(samples[n].size), samples[n].sync};
        BOOST_REQUIRE(s == wanted);
        offset += samples[n].size;
        start += samples[n].duration;
        ++n;
    }
    BOOST_TEST(!decoded.error());
    BOOST_TEST(n == samples.size());
    const auto counts = VideoIndex::count(index, Bytes{offset});
    BOOST_REQUIRE(counts);
    BOOST_TEST(counts->samples == samples.size());
    BOOST_TEST(counts->duration.count == start);
}

void check_malformed(const std::vector<std::byte>& index, Errc why, std::size_t where) {
    VideoSamples decoded{index};
    for ([[maybe_unused]] const auto& sample : decoded) {}
    BOOST_REQUIRE(decoded.error());
    BOOST_TEST(decoded.error()->is(why));
    BOOST_TEST(decoded.position() == where);
}

const std::vector<Given> example{
    {10, 1000, true}, {9, 10, false}, {11, 15, false}, {10, 12, false}, {10, 1050, true}};

}  // namespace

BOOST_AUTO_TEST_SUITE(index_video)

static_assert(std::ranges::input_range<VideoSamples> && std::ranges::view<VideoSamples>);

BOOST_AUTO_TEST_CASE(bytes_of_the_specification) {
    BOOST_TEST((encode(example) ==
                bytes({0x29, 0xd0, 0x0f, 0x02, 0x14, 0x08, 0x0a, 0x02, 0x05, 0x01, 0x64})));
    check_round_trip(example);
    BOOST_TEST(total(example) == 2087U);
}

BOOST_AUTO_TEST_CASE(counts_of_an_index) {
    const auto index = encode(example);
    const auto counts = VideoIndex::count(index, Bytes{2087});
    BOOST_REQUIRE(counts);
    BOOST_TEST((*counts == VideoIndex::Counts{5, 2, MediaDuration{50}, false}));
    BOOST_TEST(VideoIndex::count(index, Bytes{2086}).error().is(Errc::object_short));
    BOOST_TEST(VideoIndex::count(index, Bytes{2088}).error().is(Errc::index_malformed));
    BOOST_TEST((*VideoIndex::count({}, Bytes{}) == VideoIndex::Counts{}));
}

BOOST_AUTO_TEST_CASE(extremes) {
    const auto longest = VideoLimits::sample_duration;
    const auto largest = VideoLimits::sample_bytes;
    check_round_trip(
        {{longest, largest, true}, {1, 1, false}, {longest, largest, false}, {1, 1, true}});
    check_round_trip({{0, 1, true}});
    check_round_trip({{1, 1, true}, {0, largest, false}});
}

BOOST_AUTO_TEST_CASE(random_round_trips) {
    std::mt19937_64 random{1};
    const auto pick = [&](std::uint64_t most) {
        // All magnitudes are equally likely, so that every length of integer occurs.
        const auto bits = random() % 32;
        return std::min(random() >> (63 - bits), most);
    };
    for (int round = 0; round < 300; ++round) {
        std::vector<Given> samples;
        const auto count = random() % 200;
        for (std::size_t n = 0; n < count; ++n)
            samples.push_back(
                {static_cast<std::int64_t>(1 + pick(VideoLimits::sample_duration - 1)),
                 1 + pick(VideoLimits::sample_bytes - 1), n == 0 || random() % 5 == 0});
        if (count != 0 && random() % 2 == 0) samples.back().duration = 0;
        check_round_trip(samples);
    }
}

BOOST_AUTO_TEST_CASE(an_error_leaves_the_encoder_as_it_was) {
    const auto wrong = [](std::int64_t duration, std::uint64_t size, bool sync, bool first) {
        VideoIndex encoder;
        if (!first) BOOST_REQUIRE(encoder.add({MediaDuration{5}, true}, Bytes{7}));
        const auto before = encoder.counts();
        const auto result = encoder.add({MediaDuration{duration}, sync}, Bytes{size});
        BOOST_REQUIRE(!result);
        BOOST_TEST((encoder.counts() == before));
        VideoIndex untouched;
        if (!first) BOOST_REQUIRE(untouched.add({MediaDuration{5}, true}, Bytes{7}));
        BOOST_TEST(std::ranges::equal(encoder.take_piece(), untouched.take_piece()));
        return result.error();
    };
    const auto too_long = VideoLimits::sample_duration + 1;
    BOOST_TEST(wrong(1, 0, true, true).is(Errc::sample_empty));
    BOOST_TEST(wrong(1, 0, false, false).is(Errc::sample_empty));
    BOOST_TEST(wrong(1, VideoLimits::sample_bytes + 1, true, false).is(Errc::sample_too_large));
    BOOST_TEST(wrong(1, UINT64_MAX, true, false).is(Errc::sample_too_large));
    BOOST_TEST(wrong(-1, 1, true, false).is(Errc::duration_invalid));
    BOOST_TEST(wrong(too_long, 1, true, false).is(Errc::duration_invalid));
    BOOST_TEST(
        wrong(std::numeric_limits<std::int64_t>::min(), 1, true, false).is(Errc::duration_invalid));
    BOOST_TEST(wrong(1, 1, false, true).is(Errc::not_sync_sample));

    VideoIndex ended;
    BOOST_REQUIRE(ended.add({MediaDuration{0}, true}, Bytes{1}));
    BOOST_TEST(ended.add({MediaDuration{1}, true}, Bytes{1}).error().is(Errc::duration_invalid));
    BOOST_TEST(ended.counts().trailing_zero);
}

BOOST_AUTO_TEST_CASE(malformed_input_is_a_typed_error_with_its_place) {
    check_malformed(bytes({0x29}), Errc::index_truncated, 0);
    check_malformed(bytes({0x29, 0xd0}), Errc::index_truncated, 0);
    check_malformed(bytes({0x29, 0xd0, 0x0f, 0x02}), Errc::index_truncated, 3);
    // more than five bytes, and more than needed
    check_malformed(bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x02}), Errc::index_malformed, 0);
    check_malformed(bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x02, 1, 1, 1, 1}),
                    Errc::index_malformed, 0);
    check_malformed(bytes({0x29, 0x82, 0x00}), Errc::index_malformed, 0);
    check_malformed(bytes({0x29, 0x82, 0x00, 2, 2, 2, 2, 2, 2}), Errc::index_malformed, 0);
    check_malformed(bytes({0xa9, 0x00, 0x02, 2, 2, 2, 2, 2, 2}), Errc::index_malformed, 0);
    // first not a sync sample; size 0 and -1; duration -1; zero duration before the end
    check_malformed(bytes({0x28, 0x02}), Errc::index_malformed, 0);
    check_malformed(bytes({0x29, 0x00}), Errc::index_malformed, 0);
    check_malformed(bytes({0x29, 0x01}), Errc::index_malformed, 0);
    check_malformed(bytes({0x03, 0x02}), Errc::index_malformed, 0);
    check_malformed(bytes({0x01, 0x02, 0x29, 0x02}), Errc::index_malformed, 0);
    check_malformed(bytes({0x29, 0x02, 0x2b, 0x00}), Errc::index_malformed, 2);
    // one more than a sample may have: 2^31 + 1 bytes
    check_malformed(bytes({0x29, 0x82, 0x80, 0x80, 0x80, 0x10}), Errc::index_malformed, 0);
    BOOST_TEST(VideoIndex::count(bytes({0x29, 0xd0}), Bytes{1}).error().is(Errc::index_truncated));
}

BOOST_AUTO_TEST_CASE(an_index_that_decodes_encodes_to_itself) {
    std::mt19937_64 random{2};
    for (int round = 0; round < 200000; ++round) {
        std::vector<std::byte> index(2 + random() % 30);
        for (auto& b : index) b = static_cast<std::byte>(random() % 3 ? random() % 128 : random());
        index[0] |= std::byte{1};
        VideoIndex again;
        VideoSamples samples{index};
        for (const auto& s : samples) BOOST_REQUIRE(again.add({s.duration, s.sync}, Bytes{s.size}));
        const auto piece = again.take_piece();
        BOOST_REQUIRE(std::ranges::equal(piece, std::span{index}.first(samples.position())) ||
                      // what was a last sample of duration 0 is none if more follows
                      samples.error());
        if (!samples.error()) BOOST_REQUIRE_EQUAL(piece.size(), index.size());
    }
}

BOOST_AUTO_TEST_CASE(a_cursor_can_be_copied_in_the_middle) {
    const auto index = encode(example);
    VideoCursor cursor{index};
    BOOST_REQUIRE(cursor.next() && cursor.next());
    VideoCursor kept = cursor;
    BOOST_REQUIRE(cursor.next());
    BOOST_REQUIRE(kept.next());
    BOOST_TEST((kept.sample() == cursor.sample()));
    BOOST_TEST(kept.position() == 7U);
}

BOOST_AUTO_TEST_SUITE_END()
