#include "http/ranges.hpp"

#include <algorithm>
#include <charconv>

namespace nvr::http {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// Digits only. A number that is too large is larger than any file.
std::optional<std::uint64_t> number(std::string_view text) noexcept {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} ? value : UINT64_MAX;
}

struct Spec {
    bool is_valid = false;
    std::optional<ByteRange> range;  ///< none: outside of the file
};

Spec parse_spec(std::string_view text, std::uint64_t size) {
    const auto dash = text.find('-');
    if (dash == std::string_view::npos) return {};
    const auto left = text.substr(0, dash), right = text.substr(dash + 1);
    if (left.empty()) {
        const auto count = number(right);
        if (!count) return {};
        if (*count == 0 || size == 0) return {true, {}};
        return {true, ByteRange{size - std::min(*count, size), size}};
    }
    const auto first = number(left);
    const auto last = right.empty() ? std::optional{UINT64_MAX} : number(right);
    if (!first || !last || *last < *first) return {};
    if (*first >= size) return {true, {}};
    return {true, ByteRange{*first, std::min(*last, size - 1) + 1}};
}

}  // namespace

RangeSet parse_ranges(std::string_view field, std::uint64_t size) {
    RangeSet set;
    field = trimmed(field);
    constexpr std::string_view unit = "bytes";
    if (field.size() <= unit.size()) return set;
    for (std::size_t i = 0; i < unit.size(); ++i)
        if ((field[i] | 0x20) != unit[i]) return set;
    field = trimmed(field.substr(unit.size()));
    if (!field.starts_with('=')) return set;
    field.remove_prefix(1);

    std::size_t count = 0;
    for (bool more = true; more;) {
        const auto comma = field.find(',');
        const auto part = trimmed(field.substr(0, comma));
        more = comma != std::string_view::npos;
        if (more) field.remove_prefix(comma + 1);
        if (part.empty()) continue;
        if (++count > most_ranges) return {RangeOutcome::too_many, {}};
        const auto spec = parse_spec(part, size);
        if (!spec.is_valid) return {};
        if (spec.range) set.ranges.push_back(*spec.range);
    }
    if (count == 0) return {};
    set.outcome = set.ranges.empty() ? RangeOutcome::unsatisfiable : RangeOutcome::partial;
    // Several that come to more than the file are an attack, or a mistake.
    std::uint64_t total = 0;
    for (const auto& range : set.ranges) total += range.end - range.begin;
    if (set.ranges.size() > 1 && total > size) return {};
    return set;
}

}  // namespace nvr::http
