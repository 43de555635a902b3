#include "cli/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace nvr::log {
namespace {

spdlog::logger& logger() {
    static const auto made = [] {
        auto to_stderr = spdlog::stderr_color_mt("nvr");
        to_stderr->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
        return to_stderr;
    }();
    return *made;
}

}  // namespace

void info(std::string_view text) { logger().info("{}", text); }
void warn(std::string_view text) { logger().warn("{}", text); }
void error(std::string_view text) { logger().error("{}", text); }
void be_quiet() { logger().set_level(spdlog::level::err); }

std::string redacted(std::string_view url) {
    const auto scheme = url.find("://");
    if (scheme == std::string_view::npos) return std::string{url};
    const auto host = scheme + 3;
    const auto path = url.find_first_of("/?#", host);
    const auto authority = url.substr(host, path == std::string_view::npos ? path : path - host);
    const auto at = authority.rfind('@');
    if (at == std::string_view::npos) return std::string{url};
    return std::string{url.substr(0, host)} + "…@" + std::string{url.substr(host + at + 1)};
}

}  // namespace nvr::log
