#include "http/connection.hpp"

#include "cli/log.hpp"
#include "http/reply.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <sys/sendfile.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace nvr::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

namespace {

Headers headers_of(const beast::http::fields& fields) {
    Headers headers;
    for (const auto& field : fields) {
        std::string name{field.name_string()};
        std::ranges::transform(name, name.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
        });
        headers.fields.emplace_back(std::move(name), std::string{field.value()});
    }
    return headers;
}

Method method_of(beast::http::verb verb) noexcept {
    if (verb == beast::http::verb::get) return Method::get;
    if (verb == beast::http::verb::head) return Method::head;
    return Method::other;
}

int status_of(const error_code& parse_error) noexcept {
    return parse_error == beast::http::error::header_limit ||
                   parse_error == beast::http::error::buffer_overflow
               ? 431
           : parse_error == beast::http::error::body_limit ? 413
                                                           : 400;
}

}  // namespace

void Connection::expire_if_late(Clock::time_point now) {
    if (!is_late(now)) return;
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        // It may have got on meanwhile.
        error_code ignored;
        if (self->is_late(Clock::now())) self->socket_.close(ignored);
    });
}

void Connection::close() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        error_code ignored;
        self->socket_.close(ignored);
    });
}

asio::awaitable<void> Connection::run() {
    const auto self = shared_from_this();
    error_code error;
    socket_.set_option(asio::ip::tcp::no_delay{true}, error);
    socket_.native_non_blocking(true, error);
    for (;;) {
        const bool goes_on = co_await serve_one();
        if (!goes_on) break;
    }
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
    // What the client still sends is read, so that it sees our last answer and no reset.
    allow(std::chrono::seconds{2});
    std::array<char, 4096> rest;
    while (!error) {
        const auto got = co_await socket_.async_read_some(asio::buffer(rest),
                                                          asio::redirect_error(asio::use_awaitable, error));
        if (got == 0) break;
    }
    socket_.close(error);
}

asio::awaitable<bool> Connection::serve_one() {
    error_code error;
    if (buffer_.size() == 0) {
        allow(options_.idle_deadline);
        const auto got = co_await socket_.async_read_some(buffer_.prepare(4096),
                                                          asio::redirect_error(asio::use_awaitable, error));
        if (error || got == 0) co_return false;
        buffer_.commit(got);
    }
    allow(options_.header_deadline);
    beast::http::request_parser<beast::http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.header_bytes));
    parser.body_limit(0);
    co_await beast::http::async_read_header(socket_, buffer_, parser,
                                            asio::redirect_error(asio::use_awaitable, error));
    const bool is_cut = error == beast::http::error::end_of_stream ||
                        error == asio::error::operation_aborted || error == asio::error::connection_reset;
    if (is_cut) co_return false;
    if (error) {
        const auto status = status_of(error);
        auto answer = error_response(status, status == 413 ? "This address takes no body."
                                                           : "This is not a request that can be understood.");
        co_await send(std::move(answer), false, false, {});
        co_return false;
    }
    wait_for_nobody();  // what the answer takes is not the client's fault
    const auto& message = parser.get();
    Request request;
    request.method = method_of(message.method());
    request.headers = headers_of(message);
    const bool has_body = request.headers.has("transfer-encoding") ||
                          (request.headers.has("content-length") && request.headers.get("content-length") != "0");
    const bool keep_alive = message.keep_alive() && !has_body;
    const bool is_head = request.method == Method::head;
    const std::string_view text{message.target().data(), message.target().size()};
    auto target = parse_target(text);
    Response response;
    if (request.headers.has("transfer-encoding") && request.headers.has("content-length"))
        response = error_response(400, "Give the body's length one way only.");
    else if (has_body)
        response = error_response(413, "This address takes no body.");
    else if (!target)
        response = error_response(400, "This is not an address that exists here.");
    else {
        request.target = std::move(*target);
        response = handler_(request);
    }
    co_return co_await send(std::move(response), is_head, keep_alive, std::move(request.headers));
}

asio::awaitable<bool> Connection::send(Response response, bool is_head, bool keep_alive, Headers request) {
    const auto entity = response.entity;
    auto reply = make_reply(response, request, is_head, keep_alive);
    if (!entity || reply.parts.empty()) {
        const bool sent = co_await send_bytes(reply.head, bobbin::as_bytes(reply.body));
        co_return sent && keep_alive;
    }
    bool is_first = true;
    for (auto& part : reply.parts) {
        const auto pieces = entity->pieces(part.range.begin, part.range.end);
        auto piece = pieces->next();
        if (!piece) {
            const auto text = bobbin::describe(piece.error());
            log::error(text);
            // Nothing has been said yet, so it can still be said what is wrong.
            if (is_first) {
                auto answer = error_response(500, "The recording can't be read: " + text);
                co_await send(std::move(answer), false, false, {});
            }
            co_return false;
        }
        std::string head = is_first ? reply.head + part.head : part.head;
        is_first = false;
        const bool sent = co_await send_pieces(*pieces, std::move(head), std::move(*piece));
        if (!sent) co_return false;
    }
    if (!reply.tail.empty()) {
        const bool sent = co_await send_bytes(reply.tail, {});
        if (!sent) co_return false;
    }
    co_return keep_alive;
}

asio::awaitable<bool> Connection::send_pieces(Pieces& pieces, std::string head, std::optional<Piece> piece) {
    while (piece) {
        bool sent = false;
        if (piece->file < 0) {
            sent = co_await send_bytes(head, piece->memory);
        } else {
            sent = head.empty();
            if (!sent) sent = co_await send_bytes(head, {});
            if (sent) sent = co_await send_file(piece->file, piece->offset, piece->length);
        }
        head.clear();
        if (!sent) co_return false;
        auto following = pieces.next();
        if (!following) {
            log::error("a download was cut short: " + bobbin::describe(following.error()));
            co_return false;
        }
        piece = std::move(*following);
    }
    co_return true;
}

asio::awaitable<bool> Connection::send_bytes(std::string_view head, bobbin::ByteView body) {
    error_code error;
    // In parts, so that the deadline is for progress and not for the whole.
    constexpr std::size_t most = 256 * 1024;
    do {
        allow(options_.send_deadline);
        const auto now = body.first(std::min(most, body.size()));
        const std::array<asio::const_buffer, 2> buffers{asio::buffer(head.data(), head.size()),
                                                        asio::buffer(now.data(), now.size())};
        co_await asio::async_write(socket_, buffers, asio::redirect_error(asio::use_awaitable, error));
        head = {};
        body = body.subspan(now.size());
    } while (!error && !body.empty());
    co_return !error;
}

asio::awaitable<bool> Connection::send_file(int file, std::uint64_t offset, std::uint64_t length) {
    auto at = static_cast<off_t>(offset);
    while (length != 0) {
        allow(options_.send_deadline);
        const auto sent = ::sendfile(socket_.native_handle(), file, &at,
                                     static_cast<std::size_t>(std::min<std::uint64_t>(length, 1 << 20)));
        if (sent > 0) {
            length -= static_cast<std::uint64_t>(sent);
            // A disk slower than the network never says EAGAIN; others want their turn.
            co_await asio::post(socket_.get_executor(), asio::use_awaitable);
            if (!socket_.is_open()) co_return false;
            continue;
        }
        if (sent < 0 && errno == EINTR) continue;
        if (sent == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) co_return false;
        error_code error;
        co_await socket_.async_wait(asio::ip::tcp::socket::wait_write,
                                    asio::redirect_error(asio::use_awaitable, error));
        if (error || !socket_.is_open()) co_return false;
    }
    co_return true;
}

}  // namespace nvr::http
