#include "cli/sizes.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

namespace nvr {

std::optional<bobbin::Bytes> parse_size(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return {};
    auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    constexpr std::array<std::pair<std::string_view, double>, 14> units{{
        {"", 1}, {"B", 1}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0},
        {"K", 1024.0}, {"M", 1048576.0}, {"G", 1073741824.0}, {"T", 1099511627776.0},
        {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}}};
    for (const auto& [name, factor] : units) {
        if (name != unit) continue;
        const auto bytes = value * factor;
        if (!(bytes >= 1) || bytes > 9e18) return {};
        return bobbin::Bytes{static_cast<std::uint64_t>(bytes)};
    }
    return {};
}

std::string readable(bobbin::Bytes size) {
    constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    auto value = static_cast<double>(size.value);
    std::size_t unit = 0;
    for (; value >= 1024 && unit < 6; ++unit) value /= 1024;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text.data();
}

}  // namespace nvr
