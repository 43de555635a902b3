#include "api/selection.hpp"

#include <bobbin/media/clock_rules.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace nvr {

using namespace bobbin;

namespace {

/// Takes a number off the front: digits only, at least one, that fits.
template <class Int>
std::optional<Int> take_number(std::string_view& text) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return {};
    Int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

constexpr auto most_ticks = std::numeric_limits<std::int64_t>::max() / 4;

}  // namespace

std::optional<Selection> parse_selection(std::string_view text) {
    Selection selection;
    const auto first = take_number<Sequence>(text);
    if (!first || *first == 0) return {};
    selection.first = selection.last = *first;
    if (take(text, '-')) {
        const auto last = take_number<Sequence>(text);
        if (!last || *last < *first) return {};
        selection.last = *last;
    }
    if (take(text, '@')) {
        const auto open = take_number<std::uint32_t>(text);
        if (!open) return {};
        selection.open = OpenId{*open};
    }
    if (take(text, '.')) {
        if (const auto from = take_number<std::int64_t>(text)) selection.from = WallDuration{*from};
        if (!take(text, '-')) return {};
        if (const auto to = take_number<std::int64_t>(text)) selection.to = WallDuration{*to};
        if (selection.from.count > most_ticks || (selection.to && *selection.to <= selection.from)) return {};
    }
    if (!text.empty()) return {};
    return selection;
}

std::vector<Part> select_parts(std::span<const Recording> recordings, const Selection& selection) {
    std::vector<Part> parts;
    WallDuration before{};
    bool is_first = true;
    for (const auto& recording : recordings) {
        const auto number = recording.id.sequence();
        if (number < selection.first || number > selection.last) continue;
        // Times count from the first one: without it they would mean something else.
        if (is_first && (number != selection.first || (selection.open && recording.open != *selection.open)))
            return {};
        is_first = false;
        const auto wall = recording.wall_duration;
        const auto from = std::clamp(selection.from - before, WallDuration{}, wall);
        const auto to = selection.to ? std::clamp(*selection.to - before, WallDuration{}, wall) : wall;
        before += wall;
        Part part;
        part.recording = &recording;
        part.from = media::media_at(from, recording.media_duration, wall);
        part.to = media::media_at(to, recording.media_duration, wall);
        part.start = recording.start + from;
        part.end = recording.start + to;
        if (from < to && part.from < part.to) parts.push_back(part);
    }
    return parts;
}

}  // namespace nvr
