#include <bobbin/media/sample_converter.hpp>

#include "support.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace media_tests;

namespace {

// Main profile, 64 pixels high, decoding order is output order.
struct Bits {
    Blob bytes;
    unsigned used = 8;
    Bits& u(unsigned count, std::uint32_t value) {
        while (count-- > 0) {
            if (used == 8) {
                bytes.push_back({});
                used = 0;
            }
            bytes.back() |= static_cast<std::byte>(((value >> count) & 1) << (7 - used++));
        }
        return *this;
    }
    Bits& ue(std::uint32_t value) {
        const auto width = static_cast<unsigned>(std::bit_width(value + 1));
        return u(width - 1, 0).u(width, value + 1);
    }
};

Blob h264_sps(std::uint32_t macroblocks_wide, std::uint32_t id = 0) {
    Bits b;
    b.u(8, 0x67).u(8, 77).u(8, 0x40).u(8, 31).ue(id).ue(0).ue(2).ue(1).u(1, 0);
    b.ue(macroblocks_wide - 1).ue(3).u(1, 1).u(1, 1).u(1, 0).u(1, 0).u(1, 1);
    return b.bytes;
}
Blob h264_pps(std::uint32_t id = 0, std::uint32_t sps = 0) {
    Bits b;
    b.u(8, 0x68).ue(id).ue(sps).u(1, 0).u(1, 0).ue(0).ue(0).ue(0).u(1, 0).u(2, 0).u(8, 0xff);
    return b.bytes;
}
const Blob idr = from_hex("6588842233"), slice = from_hex("419a1122"), delimiter = from_hex("0910"), sei = from_hex("0605aabb80");

Blob packet(const std::vector<Blob>& units, bool prefixed = false) {
    Blob out;
    for (const auto& unit : units) {
        if (prefixed) {
            media::detail::put32(out, static_cast<std::uint32_t>(unit.size()));
        } else {
            for (const unsigned b : {0U, 0U, 1U}) out.push_back(static_cast<std::byte>(b));
        }
        out.insert(out.end(), unit.begin(), unit.end());
    }
    return out;
}
Blob sample(const std::vector<Blob>& units) { return packet(units, true); }

struct Fixture {
    SampleConverter converter = *SampleConverter::create(Codec::h264, {});
    Blob out;
    SampleConverter::Facts convert(const std::vector<Blob>& units) {
        const auto facts = converter.convert(packet(units), out);
        BOOST_REQUIRE(facts);
        return *facts;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(media_sample_converter, Fixture)

BOOST_AUTO_TEST_CASE(content_stays_and_parameter_sets_go_to_the_entry) {
    const auto facts = convert({delimiter, h264_sps(4), h264_pps(), sei, idr, idr});
    BOOST_TEST(facts.sync);
    BOOST_TEST(facts.picture);
    BOOST_TEST((out == sample({delimiter, sei, idr, idr})));
    const auto first = converter.entry();
    BOOST_REQUIRE(first);
    BOOST_TEST(first->width == 64);
    BOOST_TEST(first->height == 64);
    BOOST_TEST(first->rfc6381 == "avc1.4D401F");
    BOOST_TEST(!convert({delimiter, slice}).sync);
    BOOST_TEST((out == sample({delimiter, slice})));
    // the same ones again: the same entry, the same object
    BOOST_TEST(convert({h264_sps(4), h264_pps(), idr}).sync);
    BOOST_TEST((converter.entry() == first));
}

BOOST_AUTO_TEST_CASE(new_sets_in_a_sync_sample_make_a_new_entry) {
    convert({h264_sps(4), h264_pps(), idr});
    const auto first = converter.entry();
    convert({h264_sps(8), h264_pps(), idr});
    BOOST_TEST((converter.entry() != first));
    BOOST_TEST(converter.entry()->width == 128);
    BOOST_TEST((out == sample({idr})));
}

BOOST_AUTO_TEST_CASE(new_sets_elsewhere_stay_until_the_next_sync_sample) {
    convert({h264_sps(4), h264_pps(), idr});
    const auto first = converter.entry();
    convert({h264_pps(1), slice});
    BOOST_TEST((out == sample({h264_pps(1), slice})));
    BOOST_TEST((converter.entry() == first));
    convert({h264_pps(1), slice});
    BOOST_TEST((out == sample({slice})));
    convert({idr});
    BOOST_TEST((converter.entry() != first));
}

BOOST_AUTO_TEST_CASE(sets_alone_are_no_picture) {
    const auto facts = convert({h264_sps(4), h264_pps()});
    BOOST_TEST(!facts.picture);
    BOOST_TEST(!facts.sync);
    BOOST_TEST(convert({idr}).sync);
    BOOST_TEST(converter.entry()->width == 64);
}

BOOST_AUTO_TEST_CASE(a_recovery_point_is_no_sync_sample) {
    const auto recovery = from_hex("06060180");
    BOOST_TEST(!convert({h264_sps(4), h264_pps(), recovery, slice}).sync);
    BOOST_TEST(!convert({idr, slice}).sync);
}

BOOST_AUTO_TEST_CASE(sync_without_sets_is_an_error) {
    const auto facts = converter.convert(packet({idr}), out);
    BOOST_REQUIRE(!facts);
    BOOST_TEST(facts.error().is(Errc::parameter_sets_missing));
    BOOST_TEST(convert({h264_sps(4), h264_pps(), idr}).sync);
}

BOOST_AUTO_TEST_CASE(extradata_as_a_byte_stream_or_a_record_give_the_same_entry) {
    const auto stream = packet({h264_sps(4), h264_pps()});
    convert({h264_sps(4), h264_pps(), idr});
    const auto in_band = converter.entry();

    auto other = *SampleConverter::create(Codec::h264, stream);
    BOOST_REQUIRE(other.convert(packet({idr}), out));
    BOOST_TEST((*other.entry() == *in_band));

    // avcC is what follows the 86 bytes of the visual sample entry and its own header
    const ByteView record = ByteView{in_band->box}.subspan(86 + 8);
    auto prefixed = *SampleConverter::create(Codec::h264, record);
    BOOST_REQUIRE(prefixed.convert(sample({delimiter, idr}), out));
    BOOST_TEST((out == sample({delimiter, idr})));
    BOOST_TEST((*prefixed.entry() == *in_band));

    const auto read_back = SampleEntry::parse(in_band->box);
    BOOST_REQUIRE(read_back);
    BOOST_TEST((*read_back == *in_band));
    BOOST_TEST(read_back->rfc6381 == in_band->rfc6381);
}

BOOST_AUTO_TEST_CASE(the_entry_byte_by_byte) {
    convert({h264_sps(4), h264_pps(), idr});
    BOOST_TEST(to_hex(converter.entry()->box) ==
               "0000007461766331" "0000000000000001" "00000000000000000000000000000000" "00400040" "0048000000480000"
               "00000000" "0001" "0000000000000000000000000000000000000000000000000000000000000000" "0018" "ffff"
               "0000001e61766343" "01" "4d401f" "ff" "e1" "0007" + to_hex(h264_sps(4)) + "01" "0004" + to_hex(h264_pps()));
}

BOOST_AUTO_TEST_CASE(hostile_input_has_caps) {
    std::vector<Blob> many(SampleConverter::max_units + 1, slice);
    BOOST_TEST(!converter.convert(packet(many), out));
    auto huge = h264_sps(4);
    huge.resize(max_parameter_set_bytes + 1, std::byte{0x55});
    BOOST_TEST(!converter.convert(packet({huge, idr}), out));
    for (std::uint32_t id = 0; id < 31; ++id) BOOST_TEST(converter.convert(packet({h264_pps(id)}), out).has_value());
    BOOST_TEST(converter.convert(packet({h264_pps(31)}), out).error().is(Errc::out_of_range));
    BOOST_TEST(!SampleConverter::create(Codec::h264, from_hex("0142001effe1ffff67")));
    BOOST_TEST(!SampleConverter::create(Codec::h265, from_hex("0142")));
    BOOST_TEST(!SampleEntry::parse(from_hex("00000008")));
    BOOST_TEST(converter.convert(packet({h264_sps(1025), h264_pps(), idr}), out).error().is(Errc::not_supported));
}

BOOST_AUTO_TEST_SUITE_END()
