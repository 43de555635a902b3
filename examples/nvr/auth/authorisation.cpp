#include "auth/authorisation.hpp"

#include <algorithm>

namespace nvr {

std::optional<http::Response> Authorisation::refuse(const http::Request& request) const {
    if (listener_.allows_unauthenticated) return {};
    if (!listener_.is_loopback)
        return http::error_response(401, "Log in first.");
    if (is_loopback_host(request.headers.get("host"))) return {};
    return http::error_response(
        403, "This recorder answers to localhost only. Open it by 127.0.0.1, or see --help for how to let others in.");
}

bool is_loopback_host(std::string_view host) noexcept {
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        return end != std::string_view::npos && host.substr(0, end + 1) == "[::1]" &&
               (end + 1 == host.size() || host[end + 1] == ':');
    }
    host = host.substr(0, host.find(':'));
    if (host == "localhost") return true;
    // 127.0.0.0/8, four numbers; `127.evil.example` is none.
    return host.starts_with("127.") && std::ranges::count(host, '.') == 3 &&
           host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace nvr
