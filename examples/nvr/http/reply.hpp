#ifndef NVR_HTTP_REPLY_HPP
#define NVR_HTTP_REPLY_HPP

#include "http/message.hpp"
#include "http/ranges.hpp"

#include <string>
#include <vector>

namespace nvr::http {

/// A part of a multipart answer, or the only one.
struct ReplyPart {
    std::string head;  ///< goes before it; empty where there is one part only
    ByteRange range;
};

/// What goes over the wire for a response, once conditions and ranges are looked at.
struct Reply {
    std::string head;  ///< status line and fields, with the empty line
    std::string body;  ///< where there is no entity
    std::vector<ReplyPart> parts;
    std::string tail;  ///< after the last part
};

/// @source RFC 9110, sections 14 and 15
Reply make_reply(const Response& response, const Headers& request, bool is_head, bool keep_alive);

/// `text` as gzip.
std::string gzip(std::string_view text);

}  // namespace nvr::http

#endif
