#include "http/target.hpp"

#include <cstdint>

namespace nvr::http {
namespace {

int hex(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Well-formed sequences as in RFC 3629, section 4.
bool is_utf8(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const std::size_t more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : 3;
        if (more == 3 && first >> 3 != 30) return false;
        if (i + more >= text.size()) return false;
        std::uint32_t code = more == 0 ? first : first & (0x3FU >> more);
        for (std::size_t k = 1; k <= more; ++k) {
            const auto byte = static_cast<unsigned char>(text[i + k]);
            if (byte >> 6 != 2) return false;
            code = code << 6 | (byte & 0x3FU);
        }
        constexpr std::uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (code < least[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
        i += more + 1;
    }
    return true;
}

std::optional<std::string> decode(std::string_view text, bool is_query) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size()) return {};
            const int high = hex(text[i + 1]), low = hex(text[i + 2]);
            if (high < 0 || low < 0) return {};
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (is_query && c == '+') {
            c = ' ';
        }
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) return {};
        plain += c;
    }
    if (!is_utf8(plain)) return {};
    return plain;
}

bool is_plain_segment(std::string_view segment) noexcept {
    return segment != "." && segment != ".." && segment.find_first_of("/\\") == std::string_view::npos;
}

template <class F>
bool for_each_part(std::string_view text, char separator, F&& f) {
    for (;;) {
        const auto end = text.find(separator);
        if (!f(text.substr(0, end))) return false;
        if (end == std::string_view::npos) return true;
        text.remove_prefix(end + 1);
    }
}

}  // namespace

std::optional<std::string> Target::parameter(std::string_view name) const {
    for (const auto& [key, value] : parameters)
        if (key == name) return value;
    return {};
}

std::optional<Target> parse_target(std::string_view text) {
    if (text.empty() || text.front() != '/' || text.find('#') != std::string_view::npos) return {};
    Target target;
    const auto mark = text.find('?');
    const bool path_is_good = for_each_part(text.substr(1, mark == std::string_view::npos ? mark : mark - 1), '/',
                                            [&](std::string_view part) {
                                                auto segment = decode(part, false);
                                                if (!segment || !is_plain_segment(*segment)) return false;
                                                target.path.push_back(std::move(*segment));
                                                return true;
                                            });
    if (!path_is_good) return {};
    if (mark == std::string_view::npos || mark + 1 == text.size()) return target;
    const bool query_is_good = for_each_part(text.substr(mark + 1), '&', [&](std::string_view part) {
        if (part.empty()) return true;
        const auto equals = part.find('=');
        auto name = decode(part.substr(0, equals), true);
        auto value = equals == std::string_view::npos ? std::optional<std::string>{""}
                                                      : decode(part.substr(equals + 1), true);
        if (!name || !value || target.parameters.size() >= 1000) return false;
        target.parameters.emplace_back(std::move(*name), std::move(*value));
        return true;
    });
    if (!query_is_good) return {};
    return target;
}

}  // namespace nvr::http
