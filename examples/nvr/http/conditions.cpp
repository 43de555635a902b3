#include "http/conditions.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace nvr::http {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Whether a list of entity tags (or `*`) has `etag` in it; weak ones only where `weak` is allowed.
bool has_tag(std::string_view list, std::string_view etag, bool weak) {
    for (;;) {
        while (!list.empty() && (list.front() == ' ' || list.front() == ',' || list.front() == '\t'))
            list.remove_prefix(1);
        if (list.empty()) return false;
        if (list.front() == '*') return true;
        const bool is_weak = list.starts_with("W/");
        if (is_weak) list.remove_prefix(2);
        if (!list.starts_with('"')) return false;
        const auto end = list.find('"', 1);
        if (end == std::string_view::npos) return false;
        if ((weak || !is_weak) && list.substr(0, end + 1) == etag) return true;
        list.remove_prefix(end + 1);
    }
}

template <class Int>
bool read(std::string_view text, Int& to) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

Verdict evaluate_conditions(const Headers& headers, const Entity& entity) {
    if (headers.has("if-match")) {
        if (entity.etag.empty() || !has_tag(headers.get("if-match"), entity.etag, false))
            return Verdict::failed;
    } else if (const auto since = parse_http_date(headers.get("if-unmodified-since"));
               since && entity.last_modified && *entity.last_modified > *since) {
        return Verdict::failed;
    }
    if (headers.has("if-none-match"))
        return !entity.etag.empty() && has_tag(headers.get("if-none-match"), entity.etag, true)
                   ? Verdict::not_modified
                   : Verdict::proceed;
    if (const auto since = parse_http_date(headers.get("if-modified-since"));
        since && entity.last_modified && *entity.last_modified <= *since)
        return Verdict::not_modified;
    return Verdict::proceed;
}

bool range_applies(const Headers& headers, const Entity& entity) {
    if (!headers.has("if-range")) return true;
    const auto field = headers.get("if-range");
    if (field.starts_with('"')) return !entity.etag.empty() && field == entity.etag;
    if (field.starts_with("W/")) return false;
    const auto date = parse_http_date(field);
    return date && entity.last_modified && *date == *entity.last_modified;
}

std::string http_date(sys_seconds time) {
    const auto day = floor<std::chrono::days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                  days[weekday{day}.c_encoding()].data(), static_cast<unsigned>(date.day()),
                  months[static_cast<unsigned>(date.month()) - 1].data(), static_cast<int>(date.year()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text.data();
}

std::optional<sys_seconds> parse_http_date(std::string_view text) {
    if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT" || text[7] != ' ' ||
        text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':')
        return {};
    const auto name = std::ranges::find(months, text.substr(8, 3));
    unsigned d = 0;
    int y = 0, h = 0, m = 0, s = 0;
    if (name == months.end() || !read(text.substr(5, 2), d) || !read(text.substr(12, 4), y) ||
        !read(text.substr(17, 2), h) || !read(text.substr(20, 2), m) || !read(text.substr(23, 2), s))
        return {};
    const year_month_day date{year{y}, month{static_cast<unsigned>(name - months.begin()) + 1}, day{d}};
    if (!date.ok() || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60) return {};
    return sys_days{date} + hours{h} + minutes{m} + seconds{s};
}

}  // namespace nvr::http
