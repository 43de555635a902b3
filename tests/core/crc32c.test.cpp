#include <bobbin/core/crc32c.hpp>

#include <boost/test/unit_test.hpp>

#include <random>
#include <vector>

using namespace bobbin;

namespace {
std::vector<std::byte> filled(std::size_t size, int first, int step) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < size; ++i)
        bytes.push_back(static_cast<std::byte>(first + step * static_cast<int>(i)));
    return bytes;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(core_crc32c)

// RFC 3720, appendix B.4.
BOOST_AUTO_TEST_CASE(vectors_of_the_standard) {
    BOOST_TEST(crc32c(filled(32, 0, 0)) == 0x8A9136AAu);
    BOOST_TEST(crc32c(filled(32, 0xFF, 0)) == 0x62A8AB43u);
    BOOST_TEST(crc32c(filled(32, 0, 1)) == 0x46DD794Eu);
    BOOST_TEST(crc32c(filled(32, 31, -1)) == 0x113FDB5Cu);
    BOOST_TEST(crc32c(as_bytes("123456789")) == 0xE3069283u);
    BOOST_TEST(crc32c({}) == 0u);
}

BOOST_AUTO_TEST_CASE(portable_and_hardware_agree_at_every_length_and_alignment) {
    std::mt19937 random{1};
    std::vector<std::byte> bytes(600);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    for (std::size_t from = 0; from < 9; ++from)
        for (std::size_t size = 0; size + from <= 300; ++size) {
            const auto part = ByteView{bytes}.subspan(from, size);
            const auto expected = ~detail::crc32c_portable(~0u, part);
            BOOST_TEST(crc32c(part) == expected);
#if defined(__x86_64__)
            if (__builtin_cpu_supports("sse4.2"))
                BOOST_TEST(~detail::crc32c_sse42(~0u, part) == expected);
#endif
        }
}

BOOST_AUTO_TEST_CASE(goes_on_from_what_came_before) {
    const auto bytes = filled(100, 3, 7);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
        BOOST_TEST(crc32c(ByteView{bytes}.subspan(cut), crc32c(ByteView{bytes}.first(cut))) ==
                   crc32c(bytes));
}

BOOST_AUTO_TEST_CASE(of_a_part_comes_out_of_two_of_what_is_before) {
    const auto bytes = filled(300, 5, 11);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        const auto front = ByteView{bytes}.first(cut), rest = ByteView{bytes}.subspan(cut);
        BOOST_TEST((crc32c(bytes) ^ crc32c_shifted(crc32c(front), rest.size())) == crc32c(rest));
    }
    // As many zeros as need all bits of a length.
    const std::vector<std::byte> zeros(0x155555);
    BOOST_TEST((crc32c(zeros, 0x12345678u) ^ crc32c(zeros)) ==
               crc32c_shifted(0x12345678u, zeros.size()));
}

BOOST_AUTO_TEST_SUITE_END()
