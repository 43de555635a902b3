#include <bobbin/codec/concept.hpp>

#include <bobbin/codec/codecs.hpp>
#include <bobbin/codec/lz4.hpp>
#include <bobbin/codec/none.hpp>
#include <bobbin/codec/zstd.hpp>
#include <bobbin/testing/conformance/codec.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <vector>

using namespace bobbin;

namespace {

void check(const std::vector<std::string>& broken) {
    for (const auto& line : broken) BOOST_ERROR(line);
    BOOST_TEST(broken.empty());
}

// Each breaks one promise, and the suite must say so.
struct WritesBeyond : NoCodec {
    Result<std::size_t> compress(ByteView from, MutableByteView to) noexcept {
        if (!from.empty()) *(to.data() + to.size()) = std::byte{1};
        return NoCodec::compress(from, to);
    }
};
struct IgnoresTheLength : NoCodec {
    Result<void> decompress(ByteView from, MutableByteView to) noexcept {
        const auto size = std::min(from.size(), to.size());
        std::ranges::copy(from.first(size), to.begin());
        return {};
    }
};
struct NoRoomIsAnError : NoCodec {
    Result<std::size_t> compress(ByteView from, MutableByteView to) noexcept {
        if (to.size() < from.size()) return Error{Errc::out_of_range, Operation::encode};
        return NoCodec::compress(from, to);
    }
};
struct ForgetsAByte : NoCodec {
    Result<void> decompress(ByteView from, MutableByteView to) noexcept {
        auto done = NoCodec::decompress(from, to);
        if (done) to.back() = std::byte{0x77};
        return done;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_concept)

BOOST_AUTO_TEST_CASE(none_conforms) { check(testing::conformance::codec<NoCodec>()); }
BOOST_AUTO_TEST_CASE(lz4_conforms) { check(testing::conformance::codec<Lz4>()); }
BOOST_AUTO_TEST_CASE(zstd_conforms) {
    for (const int level : {-5, 1, Zstd::default_level, 19, 1000})
        check(testing::conformance::codec(Zstd{level}));
}

BOOST_AUTO_TEST_CASE(the_suite_finds_what_is_broken) {
    BOOST_TEST(!testing::conformance::codec<WritesBeyond>().empty());
    BOOST_TEST(!testing::conformance::codec<IgnoresTheLength>().empty());
    BOOST_TEST(!testing::conformance::codec<NoRoomIsAnError>().empty());
    BOOST_TEST(!testing::conformance::codec<ForgetsAByte>().empty());
}

// What is on disk must stay readable, so the bytes themselves are pinned.
BOOST_AUTO_TEST_CASE(compressed_bytes_of_the_formats) {
    const auto text = as_bytes("bobbin bobbin bobbin bobbin bobbin");
    const auto bytes = [](auto... values) {
        return std::array<std::byte, sizeof...(values)>{static_cast<std::byte>(values)...};
    };
    // Seven literals, 22 bytes copied from seven back, five literals.
    const auto lz4 =
        bytes(0x7f, 'b', 'o', 'b', 'b', 'i', 'n', ' ', 7, 0, 3, 0x50, 'o', 'b', 'b', 'i', 'n');
    std::vector<std::byte> back(text.size());
    BOOST_TEST(Lz4{}.decompress(lz4, back).has_value());
    BOOST_TEST(as_text(back) == as_text(text));
    // A frame of one segment with its size in a byte, and one raw block, the last.
    const auto zstd = bytes(0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, 'b', 'o', 'b');
    back.resize(3);
    BOOST_TEST(Zstd{}.decompress(zstd, back).has_value());
    BOOST_TEST(as_text(back) == "bob");
}

BOOST_AUTO_TEST_CASE(a_list_finds_the_codec_by_its_number) {
    Codecs<NoCodec, Lz4, Zstd> codecs;
    const std::vector<std::byte> raw(1000, std::byte{9});
    std::vector<std::byte> packed(Zstd::bound(raw.size())), back(raw.size());
    const auto written = Zstd{}.compress(raw, packed);
    BOOST_REQUIRE(written);
    packed.resize(*written);
    BOOST_TEST(codecs.decompress(Zstd::number, packed, back).has_value());
    BOOST_TEST((back == raw));
    BOOST_TEST(codecs.decompress(Lz4::number, packed, back).error().is(Errc::compressed_malformed));
    BOOST_TEST(codecs.decompress(77, packed, back).error().is(Errc::format_unknown));
}

BOOST_AUTO_TEST_CASE(levels_of_zstd_differ) {
    testing::detail::Random random{1};
    const auto raw = testing::conformance::detail::make_input(200'000, 1, random);
    std::vector<std::byte> room(Zstd::bound(raw.size()));
    const auto fast = Zstd{-20}.compress(raw, room);
    const auto small = Zstd{19}.compress(raw, room);
    BOOST_REQUIRE((fast && small));
    BOOST_TEST(*small < *fast);
}

BOOST_AUTO_TEST_SUITE_END()
