#include <bobbin/pack/ignore.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "ignore_cases.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using bobbin_tests::ignore_cases;

namespace {

std::shared_ptr<const IgnoreRules> rules(std::string_view text) {
    auto parsed = IgnoreRules::parse(std::string{text});
    BOOST_REQUIRE(parsed);
    return std::make_shared<const IgnoreRules>(*std::move(parsed));
}

struct Counter {
    std::uint64_t steps = 0;
    void step() noexcept { ++steps; }
};

// All that matches, by trying everything: right and exponential.
bool matches_simply(std::string_view pattern, std::string_view text) {
    if (pattern.empty()) return text.empty();
    if (pattern.starts_with("**/")) {
        for (auto rest = text;;) {
            if (matches_simply(pattern.substr(3), rest)) return true;
            const auto slash = rest.find('/');
            if (slash == rest.npos) return false;
            rest = rest.substr(slash + 1);
        }
    }
    if (pattern == "**") return true;
    if (pattern[0] == '*') {
        for (std::size_t n = 0;; ++n) {
            if (matches_simply(pattern.substr(1), text.substr(n))) return true;
            if (n == text.size() || text[n] == '/') return false;
        }
    }
    if (text.empty() || (pattern[0] == '?' ? text[0] == '/' : text[0] != pattern[0])) return false;
    return matches_simply(pattern.substr(1), text.substr(1));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_ignore)

BOOST_AUTO_TEST_CASE(cases_known_to_be_difficult) {
    for (const auto& given : ignore_cases) {
        IgnoreStack stack;
        BOOST_REQUIRE(stack.add(rules(given.rules)));
        auto path = given.path;
        for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/')) {
            BOOST_REQUIRE(stack.enter(path.substr(0, slash)));
            path.remove_prefix(slash + 1);
        }
        BOOST_TEST(stack.is_ignored(path, given.is_directory) == given.is_ignored,
                   "rules \"" << given.rules << "\", path \"" << given.path << '"');
    }
}

BOOST_AUTO_TEST_CASE(inner_rules_override_outer_ones) {
    IgnoreStack stack;
    BOOST_TEST(!stack.is_ignored("a", false));
    BOOST_REQUIRE(stack.add(rules("*.o\n/only\nkeep/\n")));
    BOOST_TEST(stack.is_ignored("a.o", false));
    BOOST_TEST(stack.is_ignored("only", false));
    BOOST_TEST(stack.is_ignored("keep", true));
    BOOST_TEST(!stack.is_ignored("keep", false));

    BOOST_REQUIRE(stack.enter("sub"));
    BOOST_TEST(stack.is_ignored("a.o", false));
    BOOST_TEST(!stack.is_ignored("only", false));
    BOOST_REQUIRE(stack.add(rules("# a comment\n!a.o\n/x/*\n")));
    BOOST_TEST(!stack.is_ignored("a.o", false));
    BOOST_TEST(stack.is_ignored("b.o", false));
    BOOST_TEST((stack.find("a.o", false) == IgnoreMatch{1, {2, true}}));
    BOOST_TEST((stack.find("b.o", false) == IgnoreMatch{0, {1, false}}));
    BOOST_TEST(!stack.find("b.c", false));
    auto copy = stack;
    BOOST_REQUIRE(copy.enter("x"));
    BOOST_TEST(copy.is_ignored("any", false));
    BOOST_TEST(!stack.is_ignored("any", false));
    BOOST_TEST(stack.depth() == 1U);

    stack.leave();
    BOOST_TEST(stack.is_ignored("a.o", false));
    BOOST_TEST(stack.depth() == 0U);
    stack.leave();
    BOOST_TEST(stack.is_ignored("a.o", false));
}

BOOST_AUTO_TEST_CASE(nothing_beneath_an_ignored_directory_comes_back) {
    IgnoreStack stack;
    BOOST_REQUIRE(stack.add(rules("gone/\n!gone/kept\n!kept\n")));
    BOOST_REQUIRE(stack.enter("gone"));
    BOOST_REQUIRE(stack.add(rules("!*\n")));
    BOOST_TEST((stack.find("kept", false) == IgnoreMatch{0, {1, false}}));
    BOOST_REQUIRE(stack.enter("kept"));
    BOOST_REQUIRE(stack.add(rules("!*\n")));
    BOOST_TEST(stack.is_ignored("kept", false));
    stack.leave();
    stack.leave();
    BOOST_TEST(!stack.is_ignored("kept", false));
}

BOOST_AUTO_TEST_CASE(names_that_are_none) {
    IgnoreStack stack;
    BOOST_REQUIRE(stack.add(rules("*\n")));
    const std::string longest(IgnoreStack::longest_name, 'n');
    for (const auto& name : {std::string{}, std::string{"a/b"}, longest + 'n'}) {
        BOOST_TEST(!stack.is_ignored(name, true));
        BOOST_TEST(stack.enter(name).error().is(Errc::name_invalid));
    }
    BOOST_TEST(stack.depth() == 0U);
    for (int i = 0; i < 20; ++i) {
        BOOST_TEST(stack.is_ignored(longest, true));
        BOOST_REQUIRE(stack.enter(longest));
    }
}

BOOST_AUTO_TEST_CASE(limits) {
    const std::string line(IgnoreRules::longest_line, 'x');
    BOOST_TEST(rules(line + '\n')->size() == 1U);
    BOOST_TEST(rules('#' + line + "y\n")->empty());
    BOOST_TEST(IgnoreRules::parse(line + 'y').error().is(Errc::rules_too_large));
    std::string file(IgnoreRules::largest_file, '\n');
    BOOST_TEST(rules(file)->empty());
    BOOST_TEST(IgnoreRules::parse(file + '\n').error().is(Errc::rules_too_large));
    for (std::size_t i = 0; i < file.size(); i += 2) file[i] = 'a';
    const auto most = rules(file);
    BOOST_TEST(most->size() == file.size() / 2);
    BOOST_TEST((most->find("b/a", false) ==
                IgnoreRules::Match{static_cast<std::uint32_t>(file.size() / 2), false}));
}

BOOST_AUTO_TEST_CASE(the_same_as_trying_everything) {
    std::mt19937 random{1};
    const auto text_of = [&](std::string_view alphabet, std::size_t longest) {
        std::string text;
        for (auto n = random() % (longest + 1); n > 0; --n) {
            const char c = alphabet[random() % alphabet.size()];
            if (c != '/' || (!text.empty() && text.back() != '/')) text += c;
        }
        if (text.ends_with('/')) text.pop_back();
        return text;
    };
    int matched = 0;
    for (int i = 0; i < 200'000; ++i) {
        const auto pattern = text_of("ab*?/*/", 10);
        const auto text = text_of("abb//", 12);
        // Two stars that don't fill a segment are one.
        std::string simple;
        for (std::size_t at = 0; at < pattern.size(); ++at) {
            const auto end = std::min(pattern.find_first_not_of('*', at), pattern.size());
            if (end - at < 2) {
                simple += pattern[at];
                continue;
            }
            const bool fills = (at == 0 || pattern[at - 1] == '/') &&
                               (end == pattern.size() || pattern[end] == '/');
            simple += fills ? "**" : "*";
            at = end - 1;
        }
        pack::detail::NoMeter meter;
        const bool expected = matches_simply(simple, text);
        BOOST_REQUIRE_MESSAGE(pack::detail::match_path(pattern, text, meter) == expected,
                              pattern << " and " << text);
        matched += expected ? 1 : 0;
    }
    BOOST_TEST(matched > 10'000);
}

BOOST_AUTO_TEST_CASE(the_cost_is_bounded_by_the_product_of_the_lengths) {
    const auto times = [](std::string_view part, int n) {
        std::string all;
        for (int i = 0; i < n; ++i) all += part;
        return all;
    };
    const auto check = [](const std::string& pattern, const std::string& text, bool expected) {
        BOOST_REQUIRE(pack::detail::shape_of(pattern).can_match);
        Counter counter;
        BOOST_TEST(pack::detail::match_path(pattern, text, counter) == expected);
        BOOST_TEST(counter.steps <= 4 * (pattern.size() + 1) * (text.size() + 1),
                   pattern.substr(0, 20) << ": " << counter.steps << " steps");
    };
    const std::string a(2000, 'a');
    check(times("*a", 500) + 'b', a, false);
    check(times("*a*", 500) + 'b', a, false);
    check(times("a*", 500) + 'b', a, false);
    check(times("*[a-z]", 300) + 'b', a, false);
    check(times("*[!b-z]", 300), a, true);
    check("*" + std::string(1000, 'a') + 'b', a, false);
    check("*[" + std::string(1000, 'b') + "a]c", a, false);
    check('[' + times("[:a", 500) + "]b", a, false);
    check("*[" + times("[:a", 500) + "]b", a, false);
    const auto path = times("a/", 1000) + 'a';
    check(times("**/a/", 300) + 'b', path, false);
    check(times("**/*/", 300) + 'b', path, false);
    check(times("**/*a*/", 300) + "a*b", path, false);
    check("**/" + times("*/", 500) + 'b', path, false);
    check("**/" + times("a/", 500) + 'b', path, false);
    check(times("**\\/", 300) + 'b', path, false);
    check(times("**/", 1000) + 'b', path, false);
    check("**/" + times("*a*/", 50) + 'b', times(std::string(100, 'a') + '/', 50) + 'a', false);

    std::mt19937 random{2};
    for (int i = 0; i < 20'000; ++i) {
        constexpr std::array<std::string_view, 9> parts{"*",    "**/", "/",  "a", "?",
                                                        "[ab]", "\\a", "**", "b"};
        std::string pattern, text;
        for (auto n = random() % 60; n > 0; --n) pattern += parts[random() % parts.size()];
        for (auto n = random() % 200; n > 0; --n) text += "aaab/"[random() % 5];
        Counter counter;
        static_cast<void>(pack::detail::match_path(pattern, text, counter));
        BOOST_REQUIRE(counter.steps <= 4 * (pattern.size() + 1) * (text.size() + 1));
    }
}

BOOST_AUTO_TEST_SUITE_END()
