#include <bobbin/media/nal.hpp>

#include "support.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

using namespace media_tests;

namespace {

template <class Units>
std::string units_of(Units units) {
    std::string out;
    for (;;) {
        const auto unit = units.next();
        if (!unit) return out + "error " + std::string{explain(static_cast<Errc>(unit.error().code))};
        if (!*unit) return out;
        out += to_hex(**unit) + '|';
    }
}
std::string annex_b(std::string_view hex) {
    const auto bytes = from_hex(hex);
    return units_of(AnnexBUnits{bytes});
}
std::string prefixed(std::string_view hex, unsigned size) {
    const auto bytes = from_hex(hex);
    return units_of(LengthPrefixedUnits{bytes, size});
}
const std::string malformed = "error the video bitstream is malformed";

}  // namespace

BOOST_AUTO_TEST_SUITE(media_nal)

BOOST_AUTO_TEST_CASE(start_codes) {
    BOOST_TEST(annex_b("") == "");
    BOOST_TEST(annex_b("000001 6501") == "6501|");
    BOOST_TEST(annex_b("00000001 6501 000001 4102 00000001 4103") == "6501|4102|4103|");
    // zeros before and after, and units that are empty
    BOOST_TEST(annex_b("0000000000 000001 65 000000 000001 41 0000") == "65|41|");
    BOOST_TEST(annex_b("000001 000001 65 000001") == "65|");
    // emulation prevention stays as it is
    BOOST_TEST(annex_b("000001 65000003 0000030100") == "6500000300000301|");
    BOOST_TEST(annex_b("6501") == malformed);
    BOOST_TEST(annex_b("00") == malformed);
    BOOST_TEST(annex_b("41 000001 65") == malformed);
}

BOOST_AUTO_TEST_CASE(lengths) {
    BOOST_TEST(prefixed("", 4) == "");
    BOOST_TEST(prefixed("00000002 6501 00000000 00000001 41", 4) == "6501|41|");
    BOOST_TEST(prefixed("0002 6501 0001 41", 2) == "6501|41|");
    BOOST_TEST(prefixed("02 6501 01 41", 1) == "6501|41|");
    BOOST_TEST(prefixed("00000003 6501", 4) == malformed);
    BOOST_TEST(prefixed("ffffffff 6501", 4) == malformed);
    BOOST_TEST(prefixed("00000001 65 00", 4) == "65|" + malformed);
    BOOST_TEST(prefixed("000001", 3) == "error the argument makes no sense");
}

BOOST_AUTO_TEST_CASE(roles) {
    const auto role = [](Codec codec, unsigned header) {
        const std::byte bytes[] = {static_cast<std::byte>(header), std::byte{1}};
        return nal_role(codec, bytes);
    };
    BOOST_CHECK(role(Codec::h264, 0x65) == NalRole::sync_slice);
    BOOST_CHECK(role(Codec::h264, 0x41) == NalRole::slice);
    BOOST_CHECK(role(Codec::h264, 0x06) == NalRole::other);  // a recovery point is no sync sample
    BOOST_CHECK(role(Codec::h264, 0x67) == NalRole::sps);
    BOOST_CHECK(role(Codec::h264, 0x68) == NalRole::pps);
    for (unsigned type = 0; type < 64; ++type) {
        const auto wanted = type >= 16 && type <= 23 ? NalRole::sync_slice
                            : type < 32              ? NalRole::slice
                            : type == 32             ? NalRole::vps
                            : type == 33             ? NalRole::sps
                            : type == 34             ? NalRole::pps
                                                     : NalRole::other;
        BOOST_CHECK(role(Codec::h265, type << 1) == wanted);
    }
}

BOOST_AUTO_TEST_CASE(the_fast_search_finds_what_the_plain_one_does) {
    std::mt19937 random{3};
    for (int round = 0; round < 20000; ++round) {
        Blob data(random() % 24);
        for (auto& b : data) b = static_cast<std::byte>(random() % 3);
        const auto from = data.empty() ? 0 : random() % data.size();
        std::size_t wanted = data.size();
        for (std::size_t at = from; at + 3 <= data.size(); ++at)
            if (data[at] == std::byte{0} && data[at + 1] == std::byte{0} && data[at + 2] == std::byte{1}) {
                wanted = at;
                break;
            }
        BOOST_REQUIRE_EQUAL(find_start_code(data, from), wanted);
    }
}

BOOST_AUTO_TEST_SUITE_END()
