#ifndef BOBBIN_TESTS_NVR_CLIENT_HPP
#define BOBBIN_TESTS_NVR_CLIENT_HPP

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace nvr_tests {

struct Answer {
    int status = 0;  ///< 0: the connection was closed without one
    std::map<std::string, std::string> headers;
    std::string body;
    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string{} : found->second;
    }
};

/// A connection that sends whatever it is told, right or wrong.
class Client {
public:
    explicit Client(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval patience{10, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        BOOST_REQUIRE_EQUAL(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    Client(const Client&) = delete;
    ~Client() { ::close(socket_); }

    bool send(std::string_view text) {
        while (!text.empty()) {
            const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    Answer receive(bool is_head = false) {
        Answer answer;
        while (rest_.find("\r\n\r\n") == std::string::npos)
            if (!more()) return answer;
        const auto end = rest_.find("\r\n\r\n");
        const auto head = rest_.substr(0, end + 2);
        rest_.erase(0, end + 4);
        answer.status = std::stoi(head.substr(9, 3));
        for (auto at = head.find("\r\n") + 2; at < head.size();) {
            const auto stop = head.find("\r\n", at), colon = head.find(": ", at);
            answer.headers[head.substr(at, colon - at)] = head.substr(colon + 2, stop - colon - 2);
            at = stop + 2;
        }
        const auto length = answer.header("content-length");
        if (is_head || length.empty()) return answer;
        while (rest_.size() < std::stoul(length))
            if (!more()) break;
        answer.body = rest_.substr(0, std::stoul(length));
        rest_.erase(0, answer.body.size());
        return answer;
    }

    Answer get(const std::string& target, const std::string& fields = {}, const std::string& method = "GET") {
        send(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n");
        return receive(method == "HEAD");
    }

    /// Whether the server has closed the connection.
    bool is_closed() { return !more(); }

private:
    bool more() {
        char buffer[65536];
        const auto got = ::recv(socket_, buffer, sizeof buffer, 0);
        if (got <= 0) return false;
        rest_.append(buffer, static_cast<std::size_t>(got));
        return true;
    }

    int socket_;
    std::string rest_;
};

}  // namespace nvr_tests

#endif
