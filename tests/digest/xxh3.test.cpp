#include <bobbin/digest/xxh3.hpp>

#include "hex.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <string>
#include <vector>

using namespace bobbin;
using bobbin_tests::hex;

BOOST_AUTO_TEST_SUITE(digest_xxh3)

// As xxhsum -H2 prints them: one of each way that the algorithm goes by length.
BOOST_AUTO_TEST_CASE(vectors) {
    const auto of = [](std::size_t count) {
        std::vector<std::byte> bytes(count);
        for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 3);
        return hex(digest_of<Xxh3>(bytes));
    };
    BOOST_TEST(of(0) == "99aa06d3014798d86001c324468d497f");
    BOOST_TEST(of(3) == "ce31763cbf8245a5a9088dda485b481c");
    BOOST_TEST(of(8) == "e3bc8a5f461715553cd024e3d63a1588");
    BOOST_TEST(of(16) == "ce0b9647ab24f88460d75c5e47d40a24");
    BOOST_TEST(of(100) == "2207ed96998d91f20cc97f05750182b2");
    BOOST_TEST(of(200) == "32200a52a918beaf380142cdd5843bbd");
    BOOST_TEST(of(1000) == "6bcc7eff62da44c26c4f14bd97bd9e82");
    BOOST_TEST(of(100000) == "d9e155dd16e141d00c056f6fcc340974");
}

BOOST_AUTO_TEST_SUITE_END()
