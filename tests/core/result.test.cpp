#include <bobbin/core/result.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>

using namespace bobbin;

namespace {

constexpr Error broken{Errc::digest_mismatch, Operation::read};

Result<int> half(int n) {
    if (n % 2 != 0) return broken;
    return n / 2;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(core_result)

BOOST_AUTO_TEST_CASE(holds_a_value_or_an_error) {
    const Result<int> good{7}, bad{broken};
    BOOST_TEST(good.has_value());
    BOOST_TEST(*good == 7);
    BOOST_TEST(!bad);
    BOOST_TEST((bad.error() == broken));
    BOOST_TEST(good.value_or(1) == 7);
    BOOST_TEST(bad.value_or(1) == 1);
}

BOOST_AUTO_TEST_CASE(moves_what_cannot_be_copied) {
    Result<std::unique_ptr<int>> result{std::make_unique<int>(3)};
    const auto taken = *std::move(result);
    BOOST_TEST(*taken == 3);
}

BOOST_AUTO_TEST_CASE(chains_stop_at_the_first_error) {
    BOOST_TEST(*half(8).and_then(half).and_then(half) == 1);
    auto calls = 0;
    const auto end = half(6).and_then(half).and_then([&](int n) {
        ++calls;
        return half(n);
    });
    BOOST_TEST((end.error() == broken));
    BOOST_TEST(calls == 0);
    BOOST_TEST(*half(4).transform([](int n) { return std::to_string(n); }) == "2");
}

BOOST_AUTO_TEST_CASE(of_nothing_names_its_subject_once) {
    BOOST_TEST(Result<void>{}.has_value());
    BOOST_TEST(Result<void>{}.about(StreamId{1}).has_value());
    const auto error = Result<void>{broken}.about(StreamId{1}).about(StreamId{2}).error();
    BOOST_TEST((error.subject == Subject{StreamId{1}}));
    BOOST_TEST(error.is(Errc::digest_mismatch));
}

BOOST_AUTO_TEST_SUITE_END()
