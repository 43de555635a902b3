#ifndef NVR_HTTP_ROUTER_HPP
#define NVR_HTTP_ROUTER_HPP

#include "auth/authorisation.hpp"
#include "http/message.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nvr::http {

/// Finds the handler for a path. What has no route is denied, and a route without a grant does not
/// compile. Built once, immutable then.
class Router {
public:
    using Captures = std::vector<std::string>;

    explicit Router(Authorisation authorisation) noexcept : authorisation_{authorisation} {}

    /// `pattern`: "/api/cameras/{}/", where {} is one segment, given to the handler in `Captures`.
    /// `parameters`: the names that the query may have; any other is an error.
    /// `handler(request, captures, grant)` answers.
    template <class Grant, class F>
    void get(std::string_view pattern, std::vector<std::string_view> parameters, F handler) {
        Route route;
        route.segments = split(pattern);
        route.parameters = std::move(parameters);
        route.answer = [this, handler = std::move(handler)](const Request& request, const Captures& captures) {
            auto asked = authorisation_.ask<Grant>(request);
            if (auto* refusal = std::get_if<Response>(&asked)) return std::move(*refusal);
            return handler(request, captures, std::get<Grant>(asked));
        };
        routes_.push_back(std::move(route));
    }

    Response answer(const Request& request) const;

private:
    struct Route {
        std::vector<std::string> segments;
        std::vector<std::string_view> parameters;
        std::function<Response(const Request&, const Captures&)> answer;
    };
    static std::vector<std::string> split(std::string_view pattern);
    static bool matches(const Route& route, const Target& target, Captures& captures);

    Authorisation authorisation_;
    std::vector<Route> routes_;
};

}  // namespace nvr::http

#endif
