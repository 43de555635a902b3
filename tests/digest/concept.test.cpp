#include <bobbin/digest/concept.hpp>

#include <bobbin/digest/crc32c.hpp>
#include <bobbin/digest/no_digest.hpp>
#include <bobbin/digest/sha256.hpp>
#include <bobbin/digest/xxh3.hpp>
#include <bobbin/testing/conformance/digest.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace bobbin;

namespace {

void check(const std::vector<std::string>& broken) {
    for (const auto& line : broken) BOOST_ERROR(line);
    BOOST_TEST(broken.empty());
}

// Each breaks one promise, and the suite must say so.
struct HashesPieces : Crc32c {
    void update(ByteView bytes) noexcept { last_ = crc32c(bytes); }
    std::array<std::byte, size> finish() const noexcept {
        std::array<std::byte, size> out{};
        store_le(out.data(), last_);
        return out;
    }
    std::uint32_t last_ = 0;
};
struct OfIsAnother : Crc32c {
    static std::array<std::byte, size> of(ByteView) noexcept { return {std::byte{1}}; }
};
struct IgnoresTheEnd : Crc32c {
    void update(ByteView bytes) noexcept {
        if (count_ == 0) Crc32c::update(bytes);
        count_ += bytes.size();
    }
    std::size_t count_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(digest_concept)

BOOST_AUTO_TEST_CASE(crc32c_conforms) { check(testing::conformance::digest<Crc32c>()); }
BOOST_AUTO_TEST_CASE(no_digest_conforms) { check(testing::conformance::digest<NoDigest>()); }
BOOST_AUTO_TEST_CASE(sha256_conforms) { check(testing::conformance::digest<Sha256>()); }
BOOST_AUTO_TEST_CASE(xxh3_conforms) { check(testing::conformance::digest<Xxh3>()); }

BOOST_AUTO_TEST_CASE(the_suite_finds_what_is_broken) {
    BOOST_TEST(!testing::conformance::digest<HashesPieces>().empty());
    BOOST_TEST(!testing::conformance::digest<OfIsAnother>().empty());
    BOOST_TEST(!testing::conformance::digest<IgnoresTheEnd>().empty());
}

BOOST_AUTO_TEST_SUITE_END()
