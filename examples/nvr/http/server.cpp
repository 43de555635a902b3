#include "http/server.hpp"

#include "cli/log.hpp"
#include "http/connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <charconv>
#include <csignal>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace nvr::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct Server::Parts {
    Parts(ServerOptions with, Handler answers)
        : options{std::move(with)}, handler{std::move(answers)}, acceptor{context}, reaper{context} {}

    ServerOptions options;
    Handler handler;
    asio::io_context context;
    tcp::acceptor acceptor;
    asio::steady_timer reaper;
    std::vector<std::thread> threads;
    std::mutex mutex;
    std::set<std::shared_ptr<Connection>> connections;

    asio::awaitable<void> accept() {
        for (;;) {
            error_code error;
            auto socket = co_await acceptor.async_accept(asio::make_strand(context),
                                                         asio::redirect_error(asio::use_awaitable, error));
            if (error == asio::error::operation_aborted) co_return;
            if (error) {
                // Descriptors run out now and then; a moment later there may be one.
                asio::steady_timer moment{context, std::chrono::milliseconds{50}};
                co_await moment.async_wait(asio::redirect_error(asio::use_awaitable, error));
                continue;
            }
            auto connection = std::make_shared<Connection>(std::move(socket), options, handler);
            {
                const std::lock_guard lock{mutex};
                if (connections.size() >= options.most_connections) continue;
                connections.insert(connection);
            }
            spawn(std::move(connection));
        }
    }

    void spawn(std::shared_ptr<Connection> connection) {
        auto& known = *connection;
        asio::co_spawn(known.executor(), known.run(),
                       [this, connection = std::move(connection)](std::exception_ptr failure) {
                           try {
                               if (failure) std::rethrow_exception(failure);
                           } catch (const std::exception& e) {
                               log::error(std::string{"a connection failed: "} + e.what());
                           }
                           const std::lock_guard lock{mutex};
                           connections.erase(connection);
                       });
    }

    asio::awaitable<void> reap() {
        error_code error;
        while (!error) {
            reaper.expires_after(std::min<std::chrono::milliseconds>(options.header_deadline / 4,
                                                                     std::chrono::seconds{1}));
            co_await reaper.async_wait(asio::redirect_error(asio::use_awaitable, error));
            const auto now = Connection::Clock::now();
            const std::lock_guard lock{mutex};
            for (const auto& connection : connections) connection->expire_if_late(now);
        }
    }
};

Server::Server(ServerOptions options, Handler handler)
    : parts_{std::make_unique<Parts>(std::move(options), std::move(handler))} {
    auto& p = *parts_;
    const auto where = p.options.host + ":" + std::to_string(p.options.port);
    error_code error;
    const auto host = p.options.host == "localhost" ? "127.0.0.1" : p.options.host;
    const auto address = asio::ip::make_address(host, error);
    if (error) throw std::runtime_error{"cannot listen on " + where + ": give a numeric address"};
    const tcp::endpoint endpoint{address, p.options.port};
    const auto check = [&] {
        if (error) throw std::runtime_error{"cannot listen on " + where + ": " + error.message()};
    };
    p.acceptor.open(endpoint.protocol(), error);
    check();
    p.acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
    check();
    p.acceptor.bind(endpoint, error);
    check();
    p.acceptor.listen(asio::socket_base::max_listen_connections, error);
    check();
}

Server::~Server() { stop(); }

void Server::start() {
    // A client that goes away while a file is sent must not end the program.
    std::signal(SIGPIPE, SIG_IGN);
    auto& p = *parts_;
    asio::co_spawn(p.context, p.accept(), asio::detached);
    asio::co_spawn(p.context, p.reap(), asio::detached);
    for (unsigned i = 0; i < p.options.threads; ++i)
        p.threads.emplace_back([&p] { p.context.run(); });
}

void Server::stop() {
    auto& p = *parts_;
    p.context.stop();
    for (auto& thread : p.threads) thread.join();
    p.threads.clear();
    error_code ignored;
    p.acceptor.close(ignored);
}

std::uint16_t Server::port() const noexcept {
    error_code error;
    return parts_->acceptor.local_endpoint(error).port();
}

std::string Server::authority() const {
    error_code error;
    const auto address = parts_->acceptor.local_endpoint(error).address();
    const auto host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
    return host + ":" + std::to_string(port());
}

bool Server::is_loopback() const noexcept {
    error_code error;
    return parts_->acceptor.local_endpoint(error).address().is_loopback();
}

bool parse_listen_address(const std::string& text, std::string& host, std::uint16_t& port) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return false;
    host = text.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    const auto digits = std::string_view{text}.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return !host.empty() && error == std::errc{} && end == digits.data() + digits.size();
}

}  // namespace nvr::http
