#include <bobbin/fs/identity.hpp>

#include <boost/test/unit_test.hpp>

using namespace bobbin;

namespace {

Uuid uuid(unsigned char first) {
    Uuid made;
    for (std::size_t i = 0; i < 16; ++i) made.bytes[i] = static_cast<std::byte>(first + i);
    return made;
}

DirectoryIdentity full() {
    return {uuid(0x10), uuid(0x30), OpenRecord{OpenId{7}, uuid(0x50)},
            OpenRecord{OpenId{8}, uuid(0x70)}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fs_identity)

BOOST_AUTO_TEST_CASE(is_read_as_it_was_written) {
    for (const bool complete : {false, true})
        for (const bool in_progress : {false, true}) {
            auto identity = full();
            if (!complete) identity.complete.reset();
            if (!in_progress) identity.in_progress.reset();
            const auto bytes = identity.encode();
            const auto read = DirectoryIdentity::decode(bytes);
            BOOST_TEST((read && *read == identity));
        }
}

BOOST_AUTO_TEST_CASE(every_byte_stands_where_the_format_says) {
    const auto bytes = full().encode();
    BOOST_TEST(as_text(ByteView{bytes}.first(8)) == "BOBBINdi");
    BOOST_TEST(load_le<std::uint32_t>(bytes.data() + 8) == 1u);
    BOOST_TEST(std::to_integer<int>(bytes[16]) == 0x10);
    BOOST_TEST(std::to_integer<int>(bytes[32]) == 0x30);
    BOOST_TEST(load_le<std::uint32_t>(bytes.data() + 48) == 7u);
    BOOST_TEST(std::to_integer<int>(bytes[56]) == 0x50);
    BOOST_TEST(load_le<std::uint32_t>(bytes.data() + 72) == 8u);
    BOOST_TEST(std::to_integer<int>(bytes[80]) == 0x70);
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_seen) {
    const auto good = full().encode();
    for (std::size_t at = 0; at < good.size(); ++at)
        for (int bit = 0; bit < 8; ++bit) {
            auto bytes = good;
            bytes[at] ^= std::byte{1} << bit;
            BOOST_TEST(DirectoryIdentity::decode(bytes).error().is(Errc::identity_malformed), at);
        }
}

BOOST_AUTO_TEST_CASE(every_length_but_one_is_refused) {
    std::vector<std::byte> bytes(300);
    std::ranges::copy(full().encode(), bytes.begin());
    for (std::size_t size = 0; size < bytes.size(); ++size)
        BOOST_TEST(DirectoryIdentity::decode(ByteView{bytes}.first(size)).has_value() ==
                       (size == 128),
                   size);
}

BOOST_AUTO_TEST_CASE(a_newer_version_is_told_from_damage) {
    auto bytes = full().encode();
    store_le(bytes.data() + 8, std::uint32_t{2});
    store_le(bytes.data() + 124, crc32c(ByteView{bytes}.first(124)));
    BOOST_TEST(DirectoryIdentity::decode(bytes).error().is(Errc::identity_version_unknown));
}

BOOST_AUTO_TEST_CASE(is_described_field_by_field) {
    auto identity = full();
    identity.in_progress.reset();
    BOOST_TEST(
        describe(identity) ==
        "store 10111213-1415-1617-1819-1a1b1c1d1e1f, directory "
        "30313233-3435-3637-3839-3a3b3c3d3e3f, "
        "last complete open 7 (50515253-5455-5657-5859-5a5b5c5d5e5f), open in progress none");
}

BOOST_AUTO_TEST_SUITE_END()
