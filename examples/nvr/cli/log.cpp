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
    // Passwords hide in paths and queries, too, and may hold any character.
    const auto rest = url.substr(scheme + 3);
    const auto at = rest.rfind('@');
    const auto address = at == std::string_view::npos ? rest : rest.substr(at + 1);
    const auto host = address.substr(0, address.find_first_of("/?#"));
    return std::string{url.substr(0, scheme + 3)} + (at == std::string_view::npos ? "" : "…@") + std::string{host} +
           (host.size() == address.size() ? "" : "/…");
}

}  // namespace nvr::log
