#ifndef BOBBIN_PACK_DETAIL_GLOB_HPP
#define BOBBIN_PACK_DETAIL_GLOB_HPP

#include <cstddef>
#include <optional>
#include <string_view>

namespace bobbin::pack::detail {

// Globs over bytes as git has them. No pattern and no text has a byte of zero.
//
// The cost is bounded by the product of both lengths. Within one segment of a path only the last
// `*` is ever moved: whatever an earlier one could reach, a later one reaches, too. Neither crosses
// a '/', so that beyond a '/' only the last `**/` is moved, and that from one '/' to the next.

/// Counts the steps of a match; this one does not.
struct NoMeter {
    constexpr void step() const noexcept {}
};

/// Whether a byte is of a POSIX class in the "C" locale, but that \v and \f are no spaces, as in
/// git; nothing for a class that is none. Bytes over 0x7f are in none.
constexpr std::optional<bool> is_of_class(std::string_view name, unsigned char c) noexcept {
    const bool is_lower = c >= 'a' && c <= 'z';
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool is_digit = c >= '0' && c <= '9';
    const bool is_alpha = is_lower || is_upper;
    const bool is_graph = c > 0x20 && c < 0x7f;
    if (name == "alnum") return is_alpha || is_digit;
    if (name == "alpha") return is_alpha;
    if (name == "blank") return c == ' ' || c == '\t';
    if (name == "cntrl") return c < 0x20 || c == 0x7f;
    if (name == "digit") return is_digit;
    if (name == "graph") return is_graph;
    if (name == "lower") return is_lower;
    if (name == "print") return is_graph || c == ' ';
    if (name == "punct") return is_graph && !is_alpha && !is_digit;
    if (name == "space") return c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (name == "upper") return is_upper;
    if (name == "xdigit") return is_digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    return {};
}

struct SetMatch {
    const char* end = nullptr;  ///< behind the ']'; null: the set is malformed
    bool has = false;
};

/// A set, whose '[' is just before `at`, and whether it has `byte`.
template <class Meter>
constexpr SetMatch match_set(const char* at, const char* const end, unsigned char byte,
                             Meter& meter) noexcept {
    const bool is_negated = at != end && (*at == '!' || *at == '^');
    if (is_negated) ++at;
    int from = -1;                     // where a range may begin
    const char* behind_no_class = at;  // the ']' before which no `[:` begins a class
    bool has = false;
    for (bool is_first = true;; is_first = false) {
        meter.step();
        if (at == end) return {};
        auto element = static_cast<unsigned char>(*at++);
        if (element == ']' && !is_first) return {at, has != is_negated};
        if (element == '-' && from >= 0 && at != end && *at != ']') {
            element = static_cast<unsigned char>(*at++);
            if (element == '\\') {
                if (at == end) return {};
                element = static_cast<unsigned char>(*at++);
            }
            has = has || (from <= byte && byte <= element);
            from = -1;
            continue;
        }
        if (element == '[' && at != end && *at == ':' && at >= behind_no_class) {
            const char* const name = at + 1;
            const char* close = name;
            for (; close != end && *close != ']'; ++close) meter.step();
            if (close == end) return {};
            if (close != name && close[-1] == ':') {
                const auto is_in =
                    is_of_class({name, static_cast<std::size_t>(close - 1 - name)}, byte);
                if (!is_in) return {};
                has = has || *is_in;
                at = close + 1;
                from = -1;
                continue;
            }
            behind_no_class = close;
        } else if (element == '\\') {
            if (at == end) return {};
            element = static_cast<unsigned char>(*at++);
        }
        has = has || element == byte;
        from = element;
    }
}

/// What can be said of a pattern before there is a text.
struct GlobShape {
    bool can_match = true;   ///< no set is malformed, and it does not end in a lone backslash
    std::size_t prefix = 0;  ///< how many bytes stand for themselves before the first special one
    int last = -1;           ///< the byte in which all that it matches ends, if there is one
};

constexpr GlobShape shape_of(std::string_view pattern) noexcept {
    GlobShape shape;
    shape.prefix = pattern.substr(0, pattern.find_first_of("*?[\\")).size();
    NoMeter meter;
    const char* at = pattern.data();
    const char* const end = at + pattern.size();
    while (at != end && shape.can_match) {
        shape.last = -1;
        switch (*at++) {
            case '*':
            case '?': break;
            case '[':
                at = match_set(at, end, 0, meter).end;
                shape.can_match = at != nullptr;
                break;
            case '\\':
                if (at == end)
                    shape.can_match = false;
                else
                    shape.last = static_cast<unsigned char>(*at++);
                break;
            case '/': break;  // at the end of `**/`, which may stand for nothing
            default: shape.last = static_cast<unsigned char>(at[-1]);
        }
    }
    return shape;
}

/// Whether a pattern matches all of `text`; neither has a '/', but that the pattern's sets may.
/// `shape_of(pattern).can_match` holds.
template <class Meter>
constexpr bool match_segment(std::string_view pattern, std::string_view text,
                             Meter& meter) noexcept {
    const char* at = pattern.data();
    const char* const end = at + pattern.size();
    const char* byte = text.data();
    const char* const text_end = byte + text.size();
    const char* star = nullptr;  // behind the last `*`
    const char* star_byte = nullptr;
    for (;;) {
        meter.step();
        if (at != end && *at == '*') {
            if (++at == end) return true;
            star = at;
            star_byte = byte;
            continue;
        }
        if (byte == text_end) return at == end;  // to move the `*` would leave even less
        if (at != end) {
            bool is_equal = true;
            const char* next = at + 1;
            if (*at == '[') {
                const auto set = match_set(next, end, static_cast<unsigned char>(*byte), meter);
                next = set.end;
                is_equal = set.has;
            } else if (*at == '\\') {
                is_equal = *next++ == *byte;
            } else if (*at != '?') {
                is_equal = *at == *byte;
            }
            if (is_equal) {
                at = next;
                ++byte;
                continue;
            }
        }
        if (!star) return false;
        at = star;
        byte = ++star_byte;
    }
}

/// Where the first segment of a pattern ends: at a '/', at a backslash before one, or at its end.
template <class Meter>
constexpr std::size_t segment_size(std::string_view pattern, Meter& meter) noexcept {
    const char* at = pattern.data();
    const char* const end = at + pattern.size();
    while (at != end && *at != '/' && !(*at == '\\' && at[1] == '/')) {
        meter.step();
        if (*at == '[')
            at = match_set(at + 1, end, 0, meter).end;
        else
            at += *at == '\\' ? 2 : 1;
    }
    return static_cast<std::size_t>(at - pattern.data());
}

/// Whether a pattern matches all of the path `text`: `*`, `?` and sets match no '/', and two stars
/// or more that fill a segment match any number of segments. `shape_of(pattern).can_match` holds.
///
/// The first segment may be what is left behind a literal prefix. Two stars that begin it fill it
/// even so; git takes `a**/b` for that if nothing special is before the stars.
template <class Meter>
constexpr bool match_path(std::string_view pattern, std::string_view text, Meter& meter) noexcept {
    bool has_stars = false;
    std::string_view after_stars;  // what follows the last `**/`,
    std::string_view from;         // and where it was tried last
    const auto skip_segment = [](std::string_view& path) {
        const auto slash = path.find('/');
        if (slash == path.npos) return false;
        path.remove_prefix(slash + 1);
        return true;
    };
    for (;;) {
        meter.step();
        const auto size = segment_size(pattern, meter);
        const bool is_last = size == pattern.size();
        const auto segment = pattern.substr(0, size);
        if (size >= 2 && segment.find_first_not_of('*') == segment.npos) {
            if (is_last) return true;
            // `**/` may stand for nothing. Where the '/' is escaped it stands for itself.
            const bool is_escaped = pattern[size] == '\\';
            pattern.remove_prefix(size + (is_escaped ? 2 : 1));
            if (is_escaped && !skip_segment(text)) return false;
            has_stars = true;
            after_stars = pattern;
            from = text;
            continue;
        }
        const auto slash = text.find('/');
        if (is_last == (slash == text.npos) &&
            match_segment(segment, text.substr(0, slash), meter)) {
            if (is_last) return true;
            pattern.remove_prefix(size + (pattern[size] == '\\' ? 2 : 1));
            text.remove_prefix(slash + 1);
            continue;
        }
        if (!has_stars || !skip_segment(from)) return false;
        pattern = after_stars;
        text = from;
    }
}

}  // namespace bobbin::pack::detail

#endif
