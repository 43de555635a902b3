#include <bobbin/core/ids.hpp>

#include <boost/test/unit_test.hpp>

using namespace bobbin;

BOOST_AUTO_TEST_SUITE(core_ids)

BOOST_AUTO_TEST_CASE(a_name_has_the_stream_first) {
    const ObjectId id{StreamId{1}, Sequence{2}};
    BOOST_TEST(std::string_view{ObjectName{id}} == "0000000100000002");
    BOOST_TEST((ObjectName::parse("0000000100000002") == id));
    BOOST_TEST((id.stream() == StreamId{1}));
    BOOST_TEST((ObjectName::parse("ffffffffffffffff") == ObjectId{~std::uint64_t{0}}));
}

BOOST_AUTO_TEST_CASE(no_other_name_is_an_object) {
    for (const auto* name : {"", "000000010000000", "00000001000000020", "000000010000000A",
                             "0x00000100000002", " 000000100000002", "000000010000000g"})
        BOOST_TEST(!ObjectName::parse(name), name);
}

BOOST_AUTO_TEST_CASE(a_format_from_disk_is_checked) {
    BOOST_TEST((FormatId::parse("video.v1") == FormatId{"video.v1"}));
    BOOST_TEST(FormatId::parse("123456789012345").has_value());
    for (const auto* name : {"", "1234567890123456", "Video.v1", "video_v1", "vidéo"})
        BOOST_TEST(!FormatId::parse(name), name);
}

BOOST_AUTO_TEST_CASE(a_uuid_is_written_in_groups) {
    Uuid uuid;
    BOOST_TEST(uuid.is_nil());
    for (std::size_t i = 0; i < 16; ++i) uuid.bytes[i] = static_cast<std::byte>(i * 17);
    BOOST_TEST(to_string(uuid) == "00112233-4455-6677-8899-aabbccddeeff");
}

BOOST_AUTO_TEST_SUITE_END()
