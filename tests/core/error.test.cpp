#include <bobbin/core/error.hpp>

#include <boost/test/unit_test.hpp>

#include <set>
#include <type_traits>

using namespace bobbin;

static_assert(std::is_trivially_copyable_v<Error>);
static_assert(sizeof(Error) <= 3 * sizeof(void*));

BOOST_AUTO_TEST_SUITE(core_error)

BOOST_AUTO_TEST_CASE(says_what_on_what_and_why) {
    const ObjectId object{StreamId{1}, 2};
    BOOST_TEST(describe(Error{Errc::digest_mismatch, Operation::read, object}) ==
               "cannot read object 0000000100000002: its bytes do not match their digest");
    BOOST_TEST(describe(Error::system(ENOSPC, Operation::write), "/footage") ==
               "cannot write /footage: No space left on device");
    BOOST_TEST(describe(Error::system(EACCES, Operation::open, DirectoryId{3}), "/footage") ==
               "cannot open /footage directory 3: Permission denied");
    BOOST_TEST(describe(Error{Domain::sqlite, 13, ErrorKind::no_space, Operation::commit,
                              OpenId{4}}) == "cannot commit open 4: SQLite error 13 (no space)");
    BOOST_TEST(describe(Error{Errc::stream_in_use, Operation::begin, StreamId{5}}) ==
               "cannot begin stream 5: the stream already has a writer; end that one first");
}

BOOST_AUTO_TEST_CASE(every_code_is_explained_in_its_own_words) {
    std::set<std::string_view> texts;
    int codes = 0;
    for (int code = 1; explain(static_cast<Errc>(code)) != "unknown error"; ++code, ++codes)
        texts.insert(explain(static_cast<Errc>(code)));
    BOOST_TEST(codes >= static_cast<int>(Errc::path_protected));
    BOOST_TEST(texts.size() == static_cast<std::size_t>(codes));
    BOOST_TEST(explain(static_cast<Errc>(0)) == "unknown error");
}

BOOST_AUTO_TEST_CASE(every_operation_and_kind_has_a_name) {
    std::set<std::string_view> names;
    for (int op = 0; op <= static_cast<int>(Operation::drop_cache); ++op)
        names.insert(name_of(static_cast<Operation>(op)));
    BOOST_TEST(names.size() == static_cast<std::size_t>(Operation::drop_cache) + 1);
    BOOST_TEST(name_of(Operation::start) == "start");
    BOOST_TEST(name_of(ErrorKind::permanent) == "permanent");
    BOOST_TEST(name_of(ErrorKind::transient) == "transient");
}

BOOST_AUTO_TEST_CASE(the_kind_follows_from_errno_and_operation) {
    const auto kind = [](int number, Operation op = Operation::write) {
        return Error::system(number, op).kind();
    };
    BOOST_TEST((kind(EINTR) == ErrorKind::transient && kind(EMFILE) == ErrorKind::transient));
    BOOST_TEST((kind(ENOSPC) == ErrorKind::no_space && kind(EDQUOT) == ErrorKind::no_space));
    BOOST_TEST((kind(ETIMEDOUT) == ErrorKind::stalled && kind(ECANCELED) == ErrorKind::cancelled));
    BOOST_TEST((kind(ENOENT) == ErrorKind::stale && kind(EEXIST) == ErrorKind::bad_input));
    BOOST_TEST((kind(EIO) == ErrorKind::permanent && kind(EROFS) == ErrorKind::permanent));
    for (const int number : {EIO, ENOSPC, EINTR, EDQUOT})
        BOOST_TEST((kind(number, Operation::sync) == ErrorKind::lost_write), number);
    BOOST_TEST((kind(EIO, Operation::sync_directory) == ErrorKind::permanent));
}

BOOST_AUTO_TEST_CASE(the_first_subject_stays) {
    const Error bare{Errc::object_short, Operation::read};
    BOOST_TEST((bare.subject == Subject{}));
    BOOST_TEST((bare.about(StreamId{1}).about(StreamId{2}).subject == Subject{StreamId{1}}));
    BOOST_TEST((Subject{StreamId{1}} != Subject{DirectoryId{1}}));
}

BOOST_AUTO_TEST_CASE(codes_of_different_domains_differ) {
    const auto system = Error::system(static_cast<int>(Errc::stream_in_use), Operation::open);
    BOOST_TEST(!system.is(Errc::stream_in_use));
    BOOST_TEST(!Error(Errc::stream_in_use, Operation::open).is_errno(system.code));
}

BOOST_AUTO_TEST_SUITE_END()
