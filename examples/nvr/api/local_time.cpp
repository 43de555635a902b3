#include "api/local_time.hpp"

#include <bobbin/core/bytes.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace nvr {

using namespace bobbin;

std::string time_zone_name() {
    const auto below_zoneinfo = [](const std::string& path) -> std::string {
        constexpr std::string_view folder = "zoneinfo/";
        const auto at = path.find(folder);
        return at == std::string::npos ? path : path.substr(at + folder.size());
    };
    if (const char* zone = std::getenv("TZ"); zone && *zone)
        return below_zoneinfo(*zone == ':' ? zone + 1 : zone);
    std::error_code error;
    const auto link = std::filesystem::read_symlink("/etc/localtime", error);
    return error ? "Etc/UTC" : below_zoneinfo(link.string());
}

void write_second(WallTime time, std::span<char> to) noexcept {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(to_nanoseconds(time));
    const auto clock = static_cast<std::time_t>(seconds.time_since_epoch().count());
    std::tm local{};
    localtime_r(&clock, &local);
    std::array<char, 64> text{};
    const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %z", &local);
    std::ranges::fill(to, ' ');
    std::copy_n(text.begin(), std::min(length, to.size()), to.begin());
}

std::vector<std::byte> time_zone_key() {
    const auto name = time_zone_name();
    std::string key = name + '\0';
    std::ifstream rules{std::filesystem::path{"/usr/share/zoneinfo"} / name, std::ios::binary};
    if (!rules) rules.open("/etc/localtime", std::ios::binary);
    key.append(std::istreambuf_iterator<char>{rules}, {});
    const auto bytes = as_bytes(key);
    return {bytes.begin(), bytes.end()};
}

}  // namespace nvr
