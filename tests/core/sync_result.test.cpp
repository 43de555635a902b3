#include <bobbin/core/sync_result.hpp>

#include <boost/test/unit_test.hpp>

using namespace bobbin;

// Only `durable` converts to success, and nothing converts by accident.
static_assert(SyncResult::durable());
static_assert(!SyncResult::failed(Error::system(EIO, Operation::sync)));
static_assert(!SyncResult::timed_out());
static_assert(!SyncResult::cancelled());
static_assert(!SyncResult::not_attempted({}));
static_assert(!std::convertible_to<SyncResult, bool>);
static_assert(!std::default_initializable<SyncResult>);

BOOST_AUTO_TEST_SUITE(core_sync_result)

BOOST_AUTO_TEST_CASE(says_why) {
    BOOST_TEST(SyncResult::timed_out(StreamId{1}).error().is(Errc::deadline_passed));
    BOOST_TEST((SyncResult::timed_out(StreamId{1}).error().subject == Subject{StreamId{1}}));
    BOOST_TEST((SyncResult::cancelled().error().kind() == ErrorKind::cancelled));
    BOOST_TEST(
        SyncResult::failed(Error::system(EIO, Operation::sync)).result().error().is_errno(EIO));
    BOOST_TEST(SyncResult::durable().result().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
