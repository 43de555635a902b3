#include "http/router.hpp"

#include "cli/log.hpp"

#include <algorithm>
#include <exception>

namespace nvr::http {

std::vector<std::string> Router::split(std::string_view pattern) {
    auto target = parse_target(pattern);
    return target ? std::move(target->path) : std::vector<std::string>{};
}

bool Router::matches(const Route& route, const Target& target, Captures& captures) {
    if (route.segments.size() != target.path.size()) return false;
    captures.clear();
    for (std::size_t i = 0; i < route.segments.size(); ++i) {
        if (route.segments[i] == "{}" && !target.path[i].empty())
            captures.push_back(target.path[i]);
        else if (route.segments[i] != target.path[i])
            return false;
    }
    return true;
}

Response Router::answer(const Request& request) const {
    Captures captures;
    for (const auto& route : routes_) {
        if (!matches(route, request.target, captures)) continue;
        if (request.method == Method::other) {
            auto response = error_response(405, "Only GET and HEAD work here.");
            response.headers.emplace_back("allow", "GET, HEAD");
            return response;
        }
        for (const auto& [name, value] : request.target.parameters)
            if (std::ranges::find(route.parameters, name) == route.parameters.end())
                return error_response(400, "Unknown parameter: " + name);
        try {
            return route.answer(request, captures);
        } catch (const std::exception& e) {
            log::error(std::string{"a request failed: "} + e.what());
            return error_response(500, "The recorder has a fault; its log says more.");
        }
    }
    return error_response(404, "There is nothing at this address.");
}

}  // namespace nvr::http
