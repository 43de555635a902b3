#include "cli/log.hpp"

#include <boost/test/unit_test.hpp>

using nvr::log::redacted;

BOOST_AUTO_TEST_SUITE(nvr_log)

BOOST_AUTO_TEST_CASE(no_secret_of_an_address_is_shown) {
    BOOST_TEST(redacted("rtsp://camera:554") == "rtsp://camera:554");
    BOOST_TEST(redacted("rtsp://camera/stream1") == "rtsp://camera/…");
    BOOST_TEST(redacted("rtsp://camera/user=admin&password=secret&channel=1") == "rtsp://camera/…");
    BOOST_TEST(redacted("rtsp://camera?token=secret") == "rtsp://camera/…");
    BOOST_TEST(redacted("rtsp://admin:secret@camera/stream1") == "rtsp://…@camera/…");
    BOOST_TEST(redacted("rtsp://admin:se/cr?et#@camera:554/stream1") == "rtsp://…@camera:554/…");
    BOOST_TEST(redacted("rtsp://admin:se@cret@camera") == "rtsp://…@camera");
    BOOST_TEST(redacted("/videos/a.mp4") == "/videos/a.mp4");
}

BOOST_AUTO_TEST_SUITE_END()
