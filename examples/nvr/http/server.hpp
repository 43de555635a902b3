#ifndef NVR_HTTP_SERVER_HPP
#define NVR_HTTP_SERVER_HPP

#include "http/message.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace nvr::http {

/// Answers a request. Called by any of the server's threads, several at a time; must not throw.
using Handler = std::function<Response(const Request&)>;

struct ServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;  ///< 0: any that is free
    unsigned threads = 4;
    std::size_t most_connections = 256;
    std::size_t header_bytes = 16 * 1024;
    std::chrono::milliseconds header_deadline{10'000};  ///< from the first byte to the last of a header
    std::chrono::milliseconds idle_deadline{60'000};    ///< between two requests
    std::chrono::milliseconds send_deadline{30'000};    ///< without any progress
};

/// Speaks HTTP/1.1. Bodies in memory are written, those in files go by sendfile(2). Internally
/// synchronised.
class Server {
public:
    /// Listens; serves from `start` on. Throws std::runtime_error with a text for people.
    Server(ServerOptions options, Handler handler);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void start();
    /// Closes all connections and joins the threads.
    void stop();

    std::uint16_t port() const noexcept;
    /// As it stands in a URL: `127.0.0.1:8080`, `[::1]:8080`.
    std::string authority() const;
    bool is_loopback() const noexcept;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// HOST:PORT, with brackets around an IPv6 address.
bool parse_listen_address(const std::string& text, std::string& host, std::uint16_t& port);

}  // namespace nvr::http

#endif
