#include <bobbin/core/retry.hpp>

#include <boost/test/unit_test.hpp>

using namespace bobbin;
using namespace std::chrono_literals;

static_assert(Retry<Backoff> && Retry<NoRetry>);

BOOST_AUTO_TEST_SUITE(core_retry)

BOOST_AUTO_TEST_CASE(the_delay_doubles_up_to_the_most) {
    const Backoff retry{10ms, 70ms, 3};
    const auto full = Error::system(ENOSPC, Operation::write);
    BOOST_TEST((*retry.delay(full, 1) == 10ms));
    BOOST_TEST((*retry.delay(full, 2) == 20ms));
    BOOST_TEST((*retry.delay(full, 3) == 40ms));
    BOOST_TEST((*retry.delay(full, 4) == 70ms));
    BOOST_TEST((*retry.delay(full, 4'000'000'000u) == 70ms));
    BOOST_TEST((*Backoff{0ns, 1s, 3}.delay(full, 1000) == 0ns));
}

BOOST_AUTO_TEST_CASE(what_may_clear_up_is_tried_for_ever) {
    for (const auto kind : {ErrorKind::transient, ErrorKind::no_space, ErrorKind::stalled,
                            ErrorKind::locked, ErrorKind::unknown_outcome})
        BOOST_TEST(Backoff{}.delay({Domain::system, 1, kind, Operation::write}, 1000).has_value(),
                   name_of(kind));
}

BOOST_AUTO_TEST_CASE(what_is_permanent_is_tried_a_few_times) {
    const auto error = Error::system(EIO, Operation::write);
    BOOST_TEST(Backoff{}.delay(error, 2).has_value());
    BOOST_TEST(!Backoff{}.delay(error, 3).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_the_callers_or_lost_is_not_tried_again) {
    for (const auto kind : {ErrorKind::cancelled, ErrorKind::bad_input, ErrorKind::lost_write,
                            ErrorKind::stale, ErrorKind::corrupt})
        BOOST_TEST(!Backoff{}.delay({Domain::system, 1, kind, Operation::write}, 1).has_value(),
                   name_of(kind));
    BOOST_TEST(!Backoff{}.delay(Error::system(EIO, Operation::sync), 1).has_value());
}

BOOST_AUTO_TEST_CASE(or_never_at_all) {
    BOOST_TEST(!NoRetry{}.delay(Error::system(EAGAIN, Operation::write), 1).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
