#include <bobbin/core/bytes.hpp>

#include <boost/test/unit_test.hpp>

#include <array>

using namespace bobbin;

BOOST_AUTO_TEST_SUITE(core_bytes)

BOOST_AUTO_TEST_CASE(a_difference_never_wraps) {
    BOOST_TEST((5_B - 7_B == Bytes{}));
    BOOST_TEST((7_B - 5_B == 2_B));
    auto left = 1_KiB;
    left -= 2_KiB;
    BOOST_TEST((left == Bytes{}));
}

BOOST_AUTO_TEST_CASE(literals_hold_64_bits) {
    BOOST_TEST((1_KiB).value == 1024u);
    BOOST_TEST((1_MiB).value == 1024u * 1024u);
    BOOST_TEST((5_GiB).value == 5'368'709'120u);
    BOOST_TEST((16'777'215_TiB).value == 16'777'215ull << 40);
}

BOOST_AUTO_TEST_CASE(rounding_up_stops_at_the_largest_multiple) {
    BOOST_TEST((round_up(0_B, 4_KiB) == 0_B));
    BOOST_TEST((round_up(1_B, 4_KiB) == 4_KiB));
    BOOST_TEST((round_up(4_KiB, 4_KiB) == 4_KiB));
    BOOST_TEST((round_up(4097_B, 4_KiB) == 8_KiB));
    BOOST_TEST((round_up(7_B, 0_B) == 7_B));
    BOOST_TEST((round_up(7_B, 1_B) == 7_B));
    const Bytes most{UINT64_MAX};
    BOOST_TEST((round_up(most, 4_KiB) == Bytes{UINT64_MAX / 4096 * 4096}));
    BOOST_TEST((round_up(most, 3_B) == most));
}

BOOST_AUTO_TEST_CASE(integers_are_little_endian) {
    std::array<std::byte, 8> bytes{};
    store_le(bytes.data(), std::uint32_t{0x04030201});
    for (int i = 0; i < 4; ++i)
        BOOST_TEST(std::to_integer<int>(bytes[static_cast<std::size_t>(i)]) == i + 1);
    BOOST_TEST(std::to_integer<int>(bytes[4]) == 0);
    store_le(bytes.data(), std::uint64_t{0xF1E2D3C4B5A69788});
    BOOST_TEST(load_le<std::uint64_t>(bytes.data()) == 0xF1E2D3C4B5A69788);
    BOOST_TEST(load_le<std::uint16_t>(bytes.data()) == 0x9788);
    BOOST_TEST(load_le<std::uint8_t>(bytes.data()) == 0x88);
}

BOOST_AUTO_TEST_CASE(text_is_bytes_and_back) {
    const std::string_view text{"a\0b", 3};
    BOOST_TEST(as_bytes(text).size() == 3u);
    BOOST_TEST(as_text(as_bytes(text)) == text);
    BOOST_TEST(as_bytes("").empty());
}

BOOST_AUTO_TEST_SUITE_END()
