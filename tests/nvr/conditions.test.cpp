#include "http/conditions.hpp"

#include <boost/test/unit_test.hpp>

using namespace nvr::http;
using namespace std::chrono;

namespace {

struct Nothing final : Entity {
    Nothing() {
        etag = "\"abc\"";
        last_modified = sys_days{1994y / 11 / 6} + 8h + 49min + 37s;
    }
    std::uint64_t size() const noexcept override { return 0; }
    std::unique_ptr<Pieces> pieces(std::uint64_t, std::uint64_t) const override { return {}; }
};

Verdict verdict(std::initializer_list<std::pair<std::string, std::string>> fields) {
    return evaluate_conditions(Headers{fields}, Nothing{});
}
bool applies(const std::string& field) { return range_applies(Headers{{{"if-range", field}}}, Nothing{}); }

constexpr const char* then = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* before = "Sun, 06 Nov 1994 08:49:36 GMT";

}  // namespace

BOOST_AUTO_TEST_SUITE(nvr_conditions)

BOOST_AUTO_TEST_CASE(dates_there_and_back) {
    const auto time = sys_days{1994y / 11 / 6} + 8h + 49min + 37s;
    BOOST_TEST(http_date(time) == then);
    BOOST_TEST((parse_http_date(then) == time));
    for (const auto* text : {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT",
                             "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "784111777"})
        BOOST_TEST(!parse_http_date(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(if_match) {
    BOOST_TEST((verdict({{"if-match", "\"abc\""}}) == Verdict::proceed));
    BOOST_TEST((verdict({{"if-match", "\"x\", \"abc\""}}) == Verdict::proceed));
    BOOST_TEST((verdict({{"if-match", "*"}}) == Verdict::proceed));
    BOOST_TEST((verdict({{"if-match", "\"x\""}}) == Verdict::failed));
    BOOST_TEST((verdict({{"if-match", "W/\"abc\""}}) == Verdict::failed));
    BOOST_TEST((verdict({{"if-match", "abc"}}) == Verdict::failed));
}

BOOST_AUTO_TEST_CASE(if_none_match) {
    BOOST_TEST((verdict({{"if-none-match", "\"abc\""}}) == Verdict::not_modified));
    BOOST_TEST((verdict({{"if-none-match", "W/\"abc\""}}) == Verdict::not_modified));
    BOOST_TEST((verdict({{"if-none-match", "\"x\""}}) == Verdict::proceed));
    BOOST_TEST((verdict({{"if-match", "\"x\""}, {"if-none-match", "\"abc\""}}) == Verdict::failed));
}

BOOST_AUTO_TEST_CASE(dates_are_weaker_than_tags) {
    BOOST_TEST((verdict({{"if-modified-since", then}}) == Verdict::not_modified));
    BOOST_TEST((verdict({{"if-modified-since", before}}) == Verdict::proceed));
    BOOST_TEST((verdict({{"if-modified-since", then}, {"if-none-match", "\"x\""}}) == Verdict::proceed));
    BOOST_TEST((verdict({{"if-unmodified-since", before}}) == Verdict::failed));
    BOOST_TEST((verdict({{"if-unmodified-since", then}}) == Verdict::proceed));
    BOOST_TEST((verdict({{"if-unmodified-since", before}, {"if-match", "\"abc\""}}) == Verdict::proceed));
}

BOOST_AUTO_TEST_CASE(if_range) {
    BOOST_TEST(range_applies({}, Nothing{}));
    BOOST_TEST(applies("\"abc\""));
    BOOST_TEST(applies(then));
    BOOST_TEST(!applies("\"x\""));
    BOOST_TEST(!applies("W/\"abc\""));
    BOOST_TEST(!applies(before));
    BOOST_TEST(!applies("nonsense"));
}

BOOST_AUTO_TEST_SUITE_END()
