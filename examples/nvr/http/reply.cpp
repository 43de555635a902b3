#include "http/reply.hpp"

#include "http/conditions.hpp"

#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace nvr::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string head_of(int status, const Fields& fields, std::uint64_t length, bool keep_alive) {
    std::string head = "HTTP/1.1 " + std::to_string(status) + ' ' + std::string{reason_phrase(status)} + "\r\n";
    const auto put = [&](std::string_view name, std::string_view value) {
        head.append(name).append(": ").append(value).append("\r\n");
    };
    put("date", http_date(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())));
    for (const auto& [name, value] : fields) put(name, value);
    // Nothing here is meant for other sites, whatever it is.
    put("x-content-type-options", "nosniff");
    put("referrer-policy", "no-referrer");
    put("cross-origin-resource-policy", "same-origin");
    if (status != 304 && status != 204) put("content-length", std::to_string(length));
    if (!keep_alive) put("connection", "close");
    head += "\r\n";
    return head;
}

std::string content_range(const ByteRange& range, std::uint64_t size) {
    return "bytes " + std::to_string(range.begin) + '-' + std::to_string(range.end - 1) + '/' +
           std::to_string(size);
}

/// Not likely in the data, and the same for the same ranges, so that HEAD tells the same length.
std::string boundary_of(const Entity& entity) {
    std::string boundary = "bobbin-part-";
    for (const char c : entity.etag)
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')) boundary += c;
    return boundary.substr(0, 60);
}

Reply error_reply(int status, std::string_view text, Fields fields, bool is_head, bool keep_alive) {
    Reply reply;
    reply.body = std::string{text} + "\n";
    fields.emplace_back("content-type", "text/plain; charset=utf-8");
    reply.head = head_of(status, fields, reply.body.size(), keep_alive);
    if (is_head) reply.body.clear();
    return reply;
}

bool wants_gzip(const Headers& request) {
    const auto accepts = request.get("accept-encoding");
    const auto at = accepts.find("gzip");
    if (at == std::string::npos) return false;
    const auto rest = std::string_view{accepts}.substr(at + 4);
    const auto weight = rest.substr(0, rest.find(','));
    return weight.find("q=0") == std::string_view::npos ||
           weight.find_first_of("123456789") != std::string_view::npos;
}

Reply text_reply(const Response& response, const Headers& request, bool is_head, bool keep_alive) {
    Reply reply;
    reply.body = response.body;
    auto fields = response.headers;
    const auto is_encoded = [](const auto& field) { return field.first == "content-encoding"; };
    if (reply.body.size() > 512 && std::ranges::none_of(fields, is_encoded)) {
        fields.emplace_back("vary", "accept-encoding");
        if (wants_gzip(request)) {
            reply.body = gzip(reply.body);
            fields.emplace_back("content-encoding", "gzip");
        }
    }
    reply.head = head_of(response.status, fields, reply.body.size(), keep_alive);
    if (is_head || response.status == 204) reply.body.clear();
    return reply;
}

}  // namespace

Reply make_reply(const Response& response, const Headers& request, bool is_head, bool keep_alive) {
    if (!response.entity) return text_reply(response, request, is_head, keep_alive);
    const auto& entity = *response.entity;
    const auto size = entity.size();
    auto fields = response.headers;
    fields.emplace_back("accept-ranges", "bytes");
    if (!entity.etag.empty()) fields.emplace_back("etag", entity.etag);
    if (entity.last_modified) fields.emplace_back("last-modified", http_date(*entity.last_modified));

    Reply reply;
    switch (evaluate_conditions(request, entity)) {
        case Verdict::proceed: break;
        case Verdict::not_modified:
            reply.head = head_of(304, fields, 0, keep_alive);
            return reply;
        case Verdict::failed:
            return error_reply(412, "The recording has changed since; ask for it anew.", fields, is_head,
                               keep_alive);
    }
    RangeSet set;
    // RFC 9110, 14.2: a range is for GET. HEAD answers as if there were none.
    if (!is_head && request.has("range") && range_applies(request, entity))
        set = parse_ranges(request.get("range"), size);
    switch (set.outcome) {
        case RangeOutcome::too_many:
        case RangeOutcome::unsatisfiable: {
            fields.emplace_back("content-range", "bytes */" + std::to_string(size));
            const auto text = set.outcome == RangeOutcome::too_many
                                  ? std::string_view{"Ask for 16 ranges at most."}
                                  : std::string_view{"No such range: the file is shorter."};
            return error_reply(416, text, fields, is_head, keep_alive);
        }
        case RangeOutcome::whole:
            fields.emplace_back("content-type", entity.content_type);
            reply.head = head_of(200, fields, size, keep_alive);
            if (!is_head && size != 0) reply.parts.push_back({{}, {0, size}});
            return reply;
        case RangeOutcome::partial: break;
    }
    if (set.ranges.size() == 1) {
        fields.emplace_back("content-type", entity.content_type);
        fields.emplace_back("content-range", content_range(set.ranges[0], size));
        reply.head = head_of(206, fields, set.ranges[0].end - set.ranges[0].begin, keep_alive);
        reply.parts.push_back({{}, set.ranges[0]});
        return reply;
    }
    const auto boundary = boundary_of(entity);
    std::uint64_t length = 0;
    for (const auto& range : set.ranges) {
        std::string head = "\r\n--" + boundary + "\r\ncontent-type: " + entity.content_type +
                           "\r\ncontent-range: " + content_range(range, size) + "\r\n\r\n";
        length += head.size() + (range.end - range.begin);
        reply.parts.push_back({std::move(head), range});
    }
    reply.tail = "\r\n--" + boundary + "--\r\n";
    fields.emplace_back("content-type", "multipart/byteranges; boundary=" + boundary);
    reply.head = head_of(206, fields, length + reply.tail.size(), keep_alive);
    return reply;
}

std::string gzip(std::string_view text) {
    z_stream stream{};
    constexpr int window_with_gzip_header = 15 + 16;
    if (deflateInit2(&stream, 6, Z_DEFLATED, window_with_gzip_header, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error{"zlib has no memory left"};
    std::string packed(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    const int code = deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    if (code != Z_STREAM_END) throw std::runtime_error{"zlib has failed"};
    return packed;
}

}  // namespace nvr::http
