#ifndef BOBBIN_TESTING_DETAIL_REPLAY_HPP
#define BOBBIN_TESTING_DETAIL_REPLAY_HPP

#include <bobbin/testing/crash_space.hpp>

#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bobbin::testing::detail {

/// One crash of a replay line: at which barrier, and what it left; empty: a kill, which leaves all.
/// As text `12:0.1*3.2`, where `1*3` stands for `1.1.1`, or `12:kill`. Nested ones follow after `/`.
struct CrashPoint {
    std::uint64_t barrier = 0;
    std::optional<CrashChoice> choice;
};

inline std::string to_string(const CrashPoint& point) {
    auto text = std::to_string(point.barrier) + ':';
    if (!point.choice) return text + "kill";
    for (std::size_t i = 0; i < point.choice->size();) {
        const auto version = (*point.choice)[i];
        std::size_t run = 1;
        while (i + run < point.choice->size() && (*point.choice)[i + run] == version) ++run;
        if (i != 0) text += '.';
        text += std::to_string(version);
        if (run > 1) text += '*' + std::to_string(run);
        i += run;
    }
    return text;
}

inline std::uint64_t parse_number(std::string_view& text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{})
        throw std::invalid_argument{"not a replay line: " + std::string{text}};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

inline bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

/// Throws std::invalid_argument.
inline std::vector<CrashPoint> parse_crashes(std::string_view text) {
    std::vector<CrashPoint> points;
    while (!text.empty()) {
        CrashPoint point{parse_number(text), {}};
        if (!take(text, ":")) throw std::invalid_argument{"a replay line lacks its ':'"};
        if (!take(text, "kill")) {
            point.choice.emplace();
            while (!text.empty() && text.front() != '/') {
                const auto version = static_cast<std::uint16_t>(parse_number(text));
                const auto run = take(text, "*") ? parse_number(text) : 1;
                point.choice->insert(point.choice->end(), run, version);
                (void)take(text, ".");
            }
        }
        points.push_back(std::move(point));
        if (!text.empty() && !take(text, "/"))
            throw std::invalid_argument{"a replay line goes on with: " + std::string{text}};
    }
    return points;
}

}  // namespace bobbin::testing::detail

#endif
