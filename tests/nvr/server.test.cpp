#include "http/server.hpp"

#include "client.hpp"

#include <chrono>
#include <thread>
#include <vector>

using namespace nvr::http;
using namespace nvr_tests;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    Fixture() { server.start(); }
    Server server{{.port = 0,
                   .threads = 2,
                   .most_connections = 8,
                   .header_bytes = 4096,
                   .header_deadline = 400ms,
                   .idle_deadline = 400ms,
                   .send_deadline = 400ms},
                  [](const Request& request) {
                      Response response;
                      response.body = request.target.path[0];
                      if (response.body == "large") response.body.assign(64 << 20, 'x');
                      if (request.method == Method::other) return error_response(405, "GET, please.");
                      return response;
                  }};
    Answer raw(std::string_view text) {
        Client client{server.port()};
        client.send(text);
        return client.receive();
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(nvr_server, Fixture)

BOOST_AUTO_TEST_CASE(one_request_after_the_other) {
    Client client{server.port()};
    for (int i = 0; i < 3; ++i) BOOST_TEST(client.get("/a").body == "a");
    client.send("GET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n");
    BOOST_TEST(client.receive().body == "b");
    BOOST_TEST(client.receive().body == "c");
    BOOST_TEST(client.get("/d", "Connection: close\r\n").body == "d");
    BOOST_TEST(client.is_closed());
}

BOOST_AUTO_TEST_CASE(every_answer_is_guarded) {
    const auto answer = raw("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    BOOST_TEST(answer.header("x-content-type-options") == "nosniff");
    BOOST_TEST(answer.header("referrer-policy") == "no-referrer");
    BOOST_TEST(answer.header("cross-origin-resource-policy") == "same-origin");
}

BOOST_AUTO_TEST_CASE(nonsense) {
    BOOST_TEST(raw("\r\n\r\n\x16\x03\x01 hello\r\n\r\n").status == 400);
    BOOST_TEST(raw("GET a HTTP/1.1\r\nHost: x\r\n\r\n").status == 400);
    BOOST_TEST(raw("GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n").status == 400);
    BOOST_TEST(raw("GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n").status == 400);
    BOOST_TEST(raw("GET /a HTTP/9.9\r\nHost: x\r\n\r\n").status == 400);
    BOOST_TEST(raw("GET /a HTTP/1.1\r\nHost : x\r\n\r\n").status == 400);
    BOOST_TEST(raw("DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n").status == 405);
}

BOOST_AUTO_TEST_CASE(bodies_are_refused) {
    BOOST_TEST(raw("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello").status == 413);
    BOOST_TEST(raw("GET /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").status >= 400);
    BOOST_TEST(raw("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n").status == 400);
    BOOST_TEST(raw("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!").status >= 400);
}

BOOST_AUTO_TEST_CASE(gzip_is_used_where_it_is_wanted) {
    Server large{{.port = 0, .threads = 1}, [](const Request&) {
                     Response response;
                     response.body.assign(2000, 'x');
                     return response;
                 }};
    large.start();
    Client client{large.port()};
    const auto encoding = [&](const std::string& accepted) {
        return client.get("/", "Accept-Encoding: " + accepted + "\r\n").header("content-encoding");
    };
    BOOST_TEST(encoding("gzip") == "gzip");
    BOOST_TEST(encoding("br, gzip;q=0.5, deflate") == "gzip");
    BOOST_TEST(encoding("gzip;q=0") == "");
    BOOST_TEST(encoding("gzip;q=0.0, deflate;q=1") == "");
    BOOST_TEST(encoding("identity") == "");
}

BOOST_AUTO_TEST_CASE(oversized_headers) {
    BOOST_TEST(raw("GET /a HTTP/1.1\r\nHost: x\r\nX: " + std::string(8000, 'x') + "\r\n\r\n").status == 431);
    BOOST_TEST(raw("GET /" + std::string(8000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n").status == 431);
    std::string many = "GET /a HTTP/1.1\r\n";
    for (int i = 0; i < 2000; ++i) many += "a: b\r\n";
    BOOST_TEST(raw(many + "\r\n").status == 431);
}

BOOST_AUTO_TEST_CASE(slow_headers_are_cut_off) {
    Client client{server.port()};
    const auto began = std::chrono::steady_clock::now();
    client.send("GET /a HTTP/1.1\r\n");
    for (int i = 0; i < 50 && client.send("X: y\r\n"); ++i) std::this_thread::sleep_for(50ms);
    BOOST_TEST(client.is_closed());
    BOOST_TEST((std::chrono::steady_clock::now() - began < 2500ms));
}

BOOST_AUTO_TEST_CASE(idle_connections_are_closed) {
    Client client{server.port()};
    BOOST_TEST(client.get("/a").status == 200);
    const auto began = std::chrono::steady_clock::now();
    BOOST_TEST(client.is_closed());
    BOOST_TEST((std::chrono::steady_clock::now() - began < 2500ms));
}

BOOST_AUTO_TEST_CASE(who_does_not_read_is_cut_off) {
    // A machine that is busy may need longer to begin the answer.
    bool is_cut = false;
    for (auto wait = 1200ms; !is_cut && wait < 20s; wait *= 2) {
        Client client{server.port()};
        client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        std::this_thread::sleep_for(wait);
        is_cut = client.receive().body.size() < std::size_t{64 << 20};
    }
    BOOST_TEST(is_cut);
}

BOOST_AUTO_TEST_CASE(connections_are_bounded) {
    std::vector<std::unique_ptr<Client>> many;
    for (int i = 0; i < 8; ++i) {
        many.push_back(std::make_unique<Client>(server.port()));
        BOOST_TEST(many.back()->get("/a").status == 200);
    }
    {
        Client one_more{server.port()};
        BOOST_TEST(one_more.get("/a").status == 0);
    }
    many.clear();
    std::this_thread::sleep_for(100ms);
    Client again{server.port()};
    BOOST_TEST(again.get("/a").status == 200);
}

BOOST_AUTO_TEST_CASE(addresses) {
    std::string host;
    std::uint16_t port = 0;
    BOOST_TEST(parse_listen_address("127.0.0.1:80", host, port));
    BOOST_TEST(host == "127.0.0.1");
    BOOST_TEST(parse_listen_address("[::1]:8080", host, port));
    BOOST_TEST(host == "::1");
    BOOST_TEST(port == 8080);
    for (const auto* text : {"", "127.0.0.1", ":80", "x:", "x:70000", "x:-1", "x:80x"})
        BOOST_TEST(!parse_listen_address(text, host, port), text);
    BOOST_CHECK_THROW((Server{{.host = "example.com"}, {}}), std::runtime_error);
    BOOST_CHECK_THROW((Server{{.port = server.port()}, {}}), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
