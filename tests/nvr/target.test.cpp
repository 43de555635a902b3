#include "http/target.hpp"

#include <boost/test/unit_test.hpp>

using namespace nvr::http;

BOOST_AUTO_TEST_SUITE(nvr_target)

BOOST_AUTO_TEST_CASE(paths_and_parameters) {
    const auto target = parse_target("/api/cameras/a%20b/?s=1-5%401&s=6&days&x=a+b&&=");
    BOOST_REQUIRE(target);
    BOOST_TEST((target->path == std::vector<std::string>{"api", "cameras", "a b", ""}));
    BOOST_REQUIRE_EQUAL(target->parameters.size(), 5U);
    BOOST_TEST(target->parameters[0].second == "1-5@1");
    BOOST_TEST(target->parameters[1].second == "6");
    BOOST_TEST(*target->parameter("days") == "");
    BOOST_TEST(*target->parameter("x") == "a b");
    BOOST_TEST(!target->parameter("y"));
    BOOST_TEST((parse_target("/")->path == std::vector<std::string>{""}));
    BOOST_TEST(parse_target("/api/?")->parameters.empty());
}

BOOST_AUTO_TEST_CASE(what_no_address_needs_is_refused) {
    using namespace std::string_view_literals;
    for (const auto text :
         {""sv, "api"sv, "*"sv, "http://x/"sv, "/../etc"sv, "/a/../b"sv, "/a/./b"sv, "/%2e%2e/etc"sv, "/%2E%2e"sv,
          "/a%2fb"sv, "/a%5cb"sv, "/a\\b"sv, "/%00"sv, "/%0a"sv, "/%7f"sv, "/%"sv, "/%4"sv, "/%zz"sv, "/%ff"sv,
          "/%c0%af"sv, "/%ed%a0%80"sv, "/%f5%80%80%80"sv, "/%e2%82"sv, "/#x"sv, "/?x=%00"sv, "/?x=%ff"sv, "/?%"sv})
        BOOST_TEST(!parse_target(text), text);
    BOOST_TEST(parse_target("/%e2%82%ac").has_value());
    BOOST_TEST(parse_target("/...").has_value());
    std::string many = "/?";
    for (int i = 0; i < 1001; ++i) many += "s=1&";
    BOOST_TEST(!parse_target(many));
}

BOOST_AUTO_TEST_SUITE_END()
