#include "api/api.hpp"

#include "client.hpp"
#include "fixture.hpp"

#include "http/server.hpp"

#include <fstream>

using namespace nvr_tests;

namespace {

/// A recorder without threads and cameras behind a real server.
struct Fixture : TemporaryDirectory {
    Fixture() {
        site.begin(noon);
        for (unsigned i = 0; i < 3; ++i) {
            if (i != 0) site.begin(site.begun, i);
            site.append(30, 1000);
            site.end(i == 2 ? media::RunEnd::stopped : media::RunEnd::none);
        }
        site.commit();
        server.start();
    }

    std::string camera() { return "/api/cameras/" + to_string(site.catalog->cameras()->front().uuid); }
    std::string view(const std::string& s) { return camera() + "/main/view.mp4?s=" + s; }
    Answer get(const std::string& target, const std::string& fields = {}, const std::string& method = "GET") {
        Client client{server.port()};
        return client.get(target, fields, method);
    }
    bool has(const Answer& answer, std::string_view text) {
        return answer.status == 200 && answer.body.find(text) != std::string::npos;
    }
    std::string file_of(Sequence number) {
        return path + "/footage/" + std::string{ObjectName{ObjectId{site.stream, number}}};
    }

    Site site{path};
    Statuses statuses;
    std::unique_ptr<http::Router> router = make_router(
        Authorisation{{}},
        ApiParts{*site.footage, std::make_shared<ObjectFiles>(site.syncer->reader(), *site.store), statuses});
    http::Server server{{.port = 0, .threads = 2}, [this](const http::Request& r) { return router->answer(r); }};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(nvr_api, Fixture)

BOOST_AUTO_TEST_CASE(cameras_and_totals) {
    const auto answer = get("/api/?days=true");
    BOOST_TEST(answer.header("content-type") == "application/json");
    for (const auto* text :
         {R"("shortName":"door")", R"("totalDuration90k":270000)", R"("totalSampleFileBytes":90000)",
          R"("minStartTime90k":161578440000000)", R"("maxEndTime90k":161578440270000)", R"("days":{")",
          R"("timeZoneName":)", R"("signals":[])", R"("permissions":{"viewVideo":true})"})
        BOOST_TEST(has(answer, text), text);
    BOOST_TEST(!has(answer, "192.0.2.1"));
    BOOST_TEST(has(get(camera() + "/"), R"("days":{")"));
    BOOST_TEST(get("/api/cameras/00000000-0000-0000-0000-000000000000/").status == 404);
}

BOOST_AUTO_TEST_CASE(recordings_are_merged_and_split) {
    const auto list = camera() + "/main/recordings";
    BOOST_TEST(has(get(list), R"("endId":3)"));
    BOOST_TEST(has(get(list), R"("endReason":"stopped")"));
    BOOST_TEST(has(get(list), R"("videoSampleEntries":{"1":{)"));
    BOOST_TEST(!has(get(list + "?split90k=90000"), R"("endId")"));
    const auto newest = get(list + "?split90k=90000").body, oldest = get(list + "?split90k=90000&order=oldest").body;
    BOOST_TEST(newest.find(R"("startId":3)") < newest.find(R"("startId":1)"));
    BOOST_TEST(oldest.find(R"("startId":3)") > oldest.find(R"("startId":1)"));
    const auto some = get(list + "?startTime90k=161578440090000&endTime90k=161578440090001");
    BOOST_TEST(has(some, R"("startId":2)"));
    BOOST_TEST(!has(some, R"("endId")"));
    BOOST_TEST(get(list + "?startTime90k=x").status == 400);
    BOOST_TEST(get(list + "?split90k=0").status == 400);
    BOOST_TEST(get(camera() + "/sub/recordings").status == 404);
}

BOOST_AUTO_TEST_CASE(growing_recordings_are_listed_and_served) {
    site.begin(site.begun, 0);
    site.append(15, 1000);
    const auto list = get(camera() + "/main/recordings");
    BOOST_TEST(has(list, R"("growing":true)"));
    BOOST_TEST(has(list, R"("firstUncommitted":4)"));
    const auto before = get(view("4"));
    BOOST_TEST(before.status == 200);
    BOOST_TEST(before.header("cache-control") == "private, no-cache");
    site.append(1, 1000);
    const auto after = get(view("4"));
    BOOST_TEST(after.body.size() > before.body.size() + 1000);
    BOOST_TEST(after.header("etag") != before.header("etag"));
    // The same part, whatever has come since.
    BOOST_TEST(get(view("4.0-45000")).body == before.body);
    site.end();
    site.commit();
    BOOST_TEST(get(view("4.0-45000")).body == before.body);
}

BOOST_AUTO_TEST_CASE(a_movie_in_ranges) {
    const auto whole = get(view("1-3%401"));
    BOOST_REQUIRE_EQUAL(whole.status, 200);
    BOOST_TEST(whole.header("content-type") == "video/mp4");
    BOOST_TEST(whole.header("accept-ranges") == "bytes");
    BOOST_TEST(whole.header("last-modified") != "");
    BOOST_TEST(whole.body.size() > 90'000U);
    BOOST_TEST(whole.body.substr(4, 4) == "ftyp");
    const auto tag = whole.header("etag");
    const auto size = std::to_string(whole.body.size());

    std::string joined;
    for (std::size_t at = 0; at < whole.body.size(); at += 7777) {
        const auto part = get(view("1-3%401"), "Range: bytes=" + std::to_string(at) + "-" + std::to_string(at + 7776) + "\r\n");
        BOOST_REQUIRE_EQUAL(part.status, 206);
        joined += part.body;
    }
    BOOST_TEST((joined == whole.body));

    const auto tail = get(view("1-3%401"), "Range: bytes=-5\r\nIf-Match: " + tag + "\r\n");
    BOOST_TEST(tail.status == 206);
    BOOST_TEST(tail.body == whole.body.substr(whole.body.size() - 5));
    BOOST_TEST(get(view("1-3%401"), "Range: bytes=-999999999\r\n").body.size() == whole.body.size());
    BOOST_TEST(get(view("1-3%401"), "If-Match: \"x\"\r\nRange: bytes=0-0\r\n").status == 412);
    BOOST_TEST(get(view("1-3%401"), "If-None-Match: " + tag + "\r\n").status == 304);
    BOOST_TEST(get(view("1-3%401"), "Range: bytes=0-0\r\nIf-Range: \"x\"\r\n").status == 200);
    BOOST_TEST(get(view("1-3%401"), "Range: bytes=0-0\r\nIf-Range: " + tag + "\r\n").status == 206);
    const auto beyond = get(view("1-3%401"), "Range: bytes=" + size + "-\r\n");
    BOOST_TEST(beyond.status == 416);
    BOOST_TEST(beyond.header("content-range") == "bytes */" + size);
    const auto head = get(view("1-3%401"), {}, "HEAD");
    BOOST_TEST(head.status == 200);
    BOOST_TEST(head.header("content-length") == size);

    const auto several = get(view("1-3%401"), "Range: bytes=0-3,4-7\r\n");
    BOOST_TEST(several.status == 206);
    BOOST_TEST(several.header("content-type").starts_with("multipart/byteranges; boundary="));
    BOOST_TEST(several.body.find("content-range: bytes 4-7/" + size + "\r\n\r\nftyp\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(parts_and_what_is_not_there) {
    BOOST_TEST(get(view("1.0-90000")).body == get(view("1")).body);
    BOOST_TEST(get(view("1-2.90000-")).body == get(view("2")).body);
    BOOST_TEST((get(camera() + "/main/view.mp4?s=1&s=3").status == 200));
    for (const auto* s : {"9", "1%402", "1-3.270000-", "0-9"})
        BOOST_TEST(get(view(s)).status == (*s == '0' ? 400 : 404), s);
    BOOST_TEST(get(camera() + "/main/view.mp4").status == 400);
    const auto with_time = get(view("1") + "&ts=true");
    BOOST_TEST(with_time.body.find("2026-11-22 ") != std::string::npos);
    BOOST_TEST(with_time.header("etag") != get(view("1")).header("etag"));
    BOOST_TEST(get(view("1") + "&ts=x").status == 400);
    BOOST_TEST(get(view("1") + "&x=1").status == 400);
    BOOST_TEST(get("/api/init/1.mp4").body.substr(4, 4) == "ftyp");
    BOOST_TEST(get("/api/init/1.mp4").header("x-aspect") == "16:9");
    BOOST_TEST(get("/api/init/2.mp4").status == 404);
    BOOST_TEST(get("/api/init/1.mp4x").status == 404);
}

BOOST_AUTO_TEST_CASE(damage_is_not_served) {
    {
        std::fstream file{file_of(2), std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(12'345);
        file.put('\x7f');
    }
    BOOST_TEST(get(view("1")).status == 200);
    const auto whole = get(view("2"));
    BOOST_TEST(whole.body.size() < std::stoul(whole.header("content-length")));
    const auto part = get(view("2"), "Range: bytes=20000-20010\r\n");
    BOOST_TEST(part.status == 500);
    BOOST_TEST(part.body.find("do not match their digest") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(only_this_machine_is_answered) {
    Client client{server.port()};
    client.send("GET /api/ HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    BOOST_TEST(client.receive().status == 403);
    client.send("GET /api/ HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n");
    BOOST_TEST(client.receive().status == 200);
    client.send("GET /api/ HTTP/1.1\r\nHost: [::1]\r\n\r\n");
    BOOST_TEST(client.receive().status == 200);
    for (const auto* host : {"127.0.0.1.evil.example", "localhost.evil.example", "[::2]", "127.1.2.3.4", "::1", "10.0.0.1"})
        BOOST_TEST(!is_loopback_host(host), host);
}

BOOST_AUTO_TEST_CASE(the_page_and_its_files) {
    const auto page = get("/");
    BOOST_TEST(has(page, "<title>Bobbin</title>"));
    BOOST_TEST(page.header("content-security-policy").find("default-src 'none'") == 0U);
    BOOST_TEST(page.body.find("<script>") == std::string::npos);
    BOOST_TEST(page.body.find("style=") == std::string::npos);
    for (auto at = page.body.find("/ui/"); at != std::string::npos; at = page.body.find("/ui/", at + 1)) {
        const auto file = get(page.body.substr(at, page.body.find('"', at) - at));
        BOOST_TEST(file.status == 200);
        BOOST_TEST(file.header("cache-control") == "public, max-age=31536000, immutable");
        BOOST_TEST(file.body.find("'./") == std::string::npos);
    }
    BOOST_TEST(get("/ui/app.js").status == 404);
    BOOST_TEST(get("/", "Accept-Encoding: gzip\r\n").header("content-encoding") == "gzip");
}

BOOST_AUTO_TEST_SUITE_END()
