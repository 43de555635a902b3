#ifndef BOBBIN_PACK_IGNORE_HPP
#define BOBBIN_PACK_IGNORE_HPP

#include <bobbin/core/result.hpp>
#include <bobbin/pack/detail/glob.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// The rules of one `.bobbinignore`, which are those of gitignore(5), and where that leaves
/// something open, those of git 2.39. Patterns and names are bytes; upper and lower case differ.
///
/// A rule costs at most a small multiple of (its length × the length of the path) steps, so that no
/// file makes a walk slower than `largest_file` does. What can match nothing, such as `a[`, is no
/// rule. Thread safety: immutable.
class IgnoreRules {
public:
    static constexpr std::size_t largest_file = std::size_t{1} << 20;
    static constexpr std::size_t longest_line = 4096;  ///< of those with a pattern

    /// A rule that matches.
    struct Match {
        std::uint32_t line = 0;   ///< of the file, from 1
        bool is_negated = false;  ///< by `!`: what matches is not ignored
        friend constexpr bool operator==(const Match&, const Match&) = default;
    };

    IgnoreRules() = default;

    /// @param text of the file
    /// @errors `rules_too_large`; `out_of_memory`
    /// @allocates 16 bytes a line, and keeps that of lines with rules
    static Result<IgnoreRules> parse(std::string text) noexcept {
        return bobbin::detail::without_throwing(Operation::decode, [&]() -> Result<IgnoreRules> {
            if (text.size() > largest_file) return too_large();
            IgnoreRules rules;
            rules.text_ = std::move(text);
            std::size_t lines = 1;
            for (const char c : rules.text_) lines += c == '\n' ? 1 : 0;
            rules.rules_.reserve(lines);
            if (auto read = rules.read_lines(); !read) return read.error();
            rules.rules_.shrink_to_fit();
            return rules;
        });
    }

    bool empty() const noexcept { return rules_.empty(); }
    std::size_t size() const noexcept { return rules_.size(); }

    /// The last rule that matches. It says nothing of the directories on the way: `IgnoreStack`
    /// does.
    /// @param path relative to the directory of the file: names with '/' between them
    std::optional<Match> find(std::string_view path, bool is_directory) const noexcept {
        if (path.empty()) return {};
        const auto name = path.substr(path.rfind('/') + 1);
        if (name.empty()) return {};
        for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule)
            if (matches(*rule, rule->is_path ? path : name, is_directory))
                return Match{rule->line, rule->is_negated};
        return {};
    }

private:
    enum class Form : std::uint8_t { literal, suffix, glob };
    struct Rule {
        std::uint32_t begin = 0;  // of the pattern, in text_
        std::uint32_t line = 0;
        std::uint16_t size = 0;
        std::uint16_t prefix = 0;  // see GlobShape
        std::int16_t last = -1;
        Form form = Form::glob;
        bool is_path : 1 = false;  // matches the whole path, and not its last name
        bool is_negated : 1 = false;
        bool is_for_directories : 1 = false;
    };
    static_assert(sizeof(Rule) == 16);

    static Error too_large() noexcept { return {Errc::rules_too_large, Operation::decode}; }

    Result<void> read_lines() {
        std::string_view rest = text_;
        if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
        for (std::uint32_t number = 1; !rest.empty(); ++number) {
            auto line = rest.substr(0, rest.find('\n'));
            rest = rest.substr(line.size());
            if (!rest.empty()) rest.remove_prefix(1);
            if (line.ends_with('\r')) line.remove_suffix(1);
            line = line.substr(0, line.find('\0'));
            if (line.starts_with('#')) continue;
            if (line.size() > longest_line) return too_large();
            add(without_trailing_blanks(line), number);
        }
        return {};
    }

    // A blank stays behind a backslash, and all do before a lone one at the end.
    static std::string_view without_trailing_blanks(std::string_view line) noexcept {
        std::size_t size = 0;
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (line[i] == ' ') continue;
            if (line[i] == '\\' && ++i == line.size()) return line;
            size = i + 1;
        }
        return line.substr(0, size);
    }

    void add(std::string_view pattern, std::uint32_t line) {
        Rule rule;
        rule.line = line;
        rule.is_negated = pattern.starts_with('!');
        if (rule.is_negated) pattern.remove_prefix(1);
        rule.is_for_directories = pattern.ends_with('/');
        if (rule.is_for_directories) pattern.remove_suffix(1);
        rule.is_path = pattern.find('/') != pattern.npos;
        if (pattern.starts_with('/')) pattern.remove_prefix(1);
        const auto shape = detail::shape_of(pattern);
        if (pattern.empty() || !shape.can_match) return;
        rule.begin = static_cast<std::uint32_t>(pattern.data() - text_.data());
        rule.size = static_cast<std::uint16_t>(pattern.size());
        rule.prefix = static_cast<std::uint16_t>(shape.prefix);
        rule.last = static_cast<std::int16_t>(shape.last);
        if (shape.prefix == pattern.size())
            rule.form = Form::literal;
        else if (!rule.is_path && pattern.front() == '*' &&
                 pattern.find_first_of("*?[\\", 1) == pattern.npos)
            rule.form = Form::suffix;
        rules_.push_back(rule);
    }

    bool matches(const Rule& rule, std::string_view text, bool is_directory) const noexcept {
        // Most rules are refused by the first or the last byte.
        if (rule.last >= 0 && rule.last != static_cast<unsigned char>(text.back())) return false;
        if (rule.is_for_directories && !is_directory) return false;
        const std::string_view pattern{text_.data() + rule.begin, rule.size};
        if (rule.prefix != 0 && pattern.front() != text.front()) return false;
        switch (rule.form) {
            case Form::literal: return text == pattern;
            case Form::suffix: return text.ends_with(pattern.substr(1));
            case Form::glob: break;
        }
        if (!text.starts_with(pattern.substr(0, rule.prefix))) return false;
        detail::NoMeter meter;
        const auto glob = pattern.substr(rule.prefix);
        text.remove_prefix(rule.prefix);
        return rule.is_path ? detail::match_path(glob, text, meter)
                            : detail::match_segment(glob, text, meter);
    }

    std::string text_;
    std::vector<Rule> rules_;
};

/// Which rule decided, for those who ask why.
struct IgnoreMatch {
    std::size_t rules = 0;  ///< their place among those that apply, outermost first, from 0
    IgnoreRules::Match rule;
    friend constexpr bool operator==(const IgnoreMatch&, const IgnoreMatch&) = default;
};

/// Tells a walk through directories what is ignored: the last rule that matches, those of inner
/// directories coming after those of outer ones; and all beneath a directory that is.
///
/// Begins at the top. On the way into a directory `enter` its name, then `add` the rules that lie
/// there, if there are any; `leave` it afterwards. Copyable: a copy may go on in another thread.
/// External sync.
class IgnoreStack {
public:
    static constexpr std::size_t longest_name = 4095;

    /// Rules for the directory where the walk is, and beneath; what is added later overrides.
    /// @errors `out_of_memory`
    Result<void> add(std::shared_ptr<const IgnoreRules> rules) noexcept {
        return bobbin::detail::without_throwing(Operation::begin, [&]() -> Result<void> {
            rules_.push_back({std::move(rules), path_size_});
            return {};
        });
    }

    /// Goes into a directory of the one where the walk is.
    /// @errors `name_invalid`: empty, longer than `longest_name`, or with a '/'; `out_of_memory`;
    ///   both leave the walk where it is
    Result<void> enter(std::string_view name) noexcept {
        if (!is_name(name)) return Error{Errc::name_invalid, Operation::open};
        return bobbin::detail::without_throwing(Operation::open, [&]() -> Result<void> {
            Directory directory{path_size_, rules_.size(), find(name, true)};
            if (directory.match && directory.match->rule.is_negated) directory.match.reset();
            const auto size = path_size_ + name.size() + 1;
            if (path_.size() < size + longest_name) path_.resize(size + longest_name);
            directories_.push_back(directory);
            std::memcpy(path_.data() + path_size_, name.data(), name.size());
            path_[size - 1] = '/';
            path_size_ = size;
            return {};
        });
    }

    /// Goes back to where `enter` was called; at the top it does nothing.
    void leave() noexcept {
        if (directories_.empty()) return;
        path_size_ = directories_.back().outer_path_size;
        rules_.resize(directories_.back().outer_rules);
        directories_.pop_back();
    }

    /// How many directories below the top the walk is.
    std::size_t depth() const noexcept { return directories_.size(); }

    /// Whether to leave out an entry of the directory where the walk is. A symlink is no directory.
    bool is_ignored(std::string_view name, bool is_directory) noexcept {
        const auto match = find(name, is_directory);
        return match && !match->rule.is_negated;
    }

    /// The rule that decides, which may be one by which a directory on the way is ignored. None for
    /// what is no name, or a longer one than `longest_name`.
    std::optional<IgnoreMatch> find(std::string_view name, bool is_directory) noexcept {
        if (!directories_.empty() && directories_.back().match) return directories_.back().match;
        if (rules_.empty() || !is_name(name)) return {};
        std::memcpy(path_.data() + path_size_, name.data(), name.size());
        const std::string_view path{path_.data(), path_size_ + name.size()};
        for (auto i = rules_.size(); i-- > 0;)
            if (const auto rule = rules_[i].rules->find(path.substr(rules_[i].begin), is_directory))
                return IgnoreMatch{i, *rule};
        return {};
    }

private:
    struct Added {
        std::shared_ptr<const IgnoreRules> rules;
        std::size_t begin = 0;  // of the paths that they see, in path_
    };
    struct Directory {
        std::size_t outer_path_size = 0;
        std::size_t outer_rules = 0;
        std::optional<IgnoreMatch> match;  // by which all in it is ignored
    };

    static bool is_name(std::string_view name) noexcept {
        return !name.empty() && name.size() <= longest_name && name.find('/') == name.npos;
    }

    std::vector<Added> rules_;
    std::vector<Directory> directories_;
    // The directory where the walk is, with a '/' behind each name, and room for one name more.
    std::vector<char> path_ = std::vector<char>(longest_name);
    std::size_t path_size_ = 0;
};

}  // namespace bobbin::pack

#endif
