#ifndef NVR_HTTP_CONNECTION_HPP
#define NVR_HTTP_CONNECTION_HPP

#include "http/server.hpp"

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <atomic>

namespace nvr::http {

/// One client, one request after the other. Belongs to its strand, but for `expire_if_late`.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    using Clock = std::chrono::steady_clock;

    Connection(boost::asio::ip::tcp::socket socket, const ServerOptions& options,
               const Handler& handler)
        : socket_{std::move(socket)}, options_{options}, handler_{handler},
          buffer_{options.header_bytes + 4096} {}

    boost::asio::awaitable<void> run();

    /// Closes it where its client takes longer than it may.
    void expire_if_late(Clock::time_point now);
    void close();
    auto executor() { return socket_.get_executor(); }

private:
    void allow(std::chrono::milliseconds span) noexcept {
        deadline_ = (Clock::now() + span).time_since_epoch().count();
    }
    void wait_for_nobody() noexcept { deadline_ = Clock::time_point::max().time_since_epoch().count(); }
    bool is_late(Clock::time_point now) const noexcept { return now.time_since_epoch().count() >= deadline_; }
    /// @returns whether the connection may go on
    boost::asio::awaitable<bool> serve_one();
    boost::asio::awaitable<bool> send(Response response, bool is_head, bool keep_alive,
                                      Headers request);
    boost::asio::awaitable<bool> send_bytes(std::string_view head, bobbin::ByteView body);
    boost::asio::awaitable<bool> send_file(int file, std::uint64_t offset, std::uint64_t length);
    boost::asio::awaitable<bool> send_pieces(Pieces& pieces, std::string head,
                                             std::optional<Piece> first);

    boost::asio::ip::tcp::socket socket_;
    const ServerOptions& options_;
    const Handler& handler_;
    boost::beast::flat_buffer buffer_;
    std::atomic<Clock::rep> deadline_{Clock::time_point::max().time_since_epoch().count()};
};

}  // namespace nvr::http

#endif
