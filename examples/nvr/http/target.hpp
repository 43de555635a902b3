#ifndef NVR_HTTP_TARGET_HPP
#define NVR_HTTP_TARGET_HPP

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nvr::http {

/// What a request is for: segments of a path, and parameters, decoded.
struct Target {
    std::vector<std::string> path;  ///< "/api/" has two segments: "api" and an empty one
    std::vector<std::pair<std::string, std::string>> parameters;  ///< as they came; names may repeat

    /// Of a name that may come once.
    std::optional<std::string> parameter(std::string_view name) const;
};

/// Of origin form only. Nothing where it is malformed, or has anything in it that no address here
/// needs: control characters, dot segments, slashes or zeros in disguise, bytes that are no UTF-8.
std::optional<Target> parse_target(std::string_view text);

}  // namespace nvr::http

#endif
