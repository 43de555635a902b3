#ifndef NVR_HTTP_CONDITIONS_HPP
#define NVR_HTTP_CONDITIONS_HPP

#include "http/message.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace nvr::http {

enum class Verdict : std::uint8_t { proceed, not_modified, failed };

/// If-Match, If-None-Match and their weaker relatives with dates, for GET and HEAD.
/// @source RFC 9110, section 13.2.2
Verdict evaluate_conditions(const Headers& headers, const Entity& entity);

/// Whether a Range field counts: there is no If-Range, or it still holds.
/// @source RFC 9110, section 13.1.5
bool range_applies(const Headers& headers, const Entity& entity);

/// IMF-fixdate, as in `Sun, 06 Nov 1994 08:49:37 GMT`.
std::string http_date(std::chrono::sys_seconds time);
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

}  // namespace nvr::http

#endif
