#include <bobbin/testing/faulty_fs.hpp>

#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <boost/test/unit_test.hpp>

using namespace bobbin;
using namespace bobbin::testing;

static_assert(FileSystem<FaultyFs<SimFs>> && FileSystem<FaultyFs<TracingFs<SimFs>>>);
static_assert(Directory<FsDirectory<FaultyFs<SimFs>>>);

namespace {
struct Fixture {
    Fixture() {
        dir = *fs.open_root("/sim/d", RootMode::create_if_missing);
        file = *fs.open_at(dir, "a", OpenMode::create);
    }
    FaultyFs<SimFs> fs;
    FileHandle dir = no_file, file = no_file;
};
}  // namespace

BOOST_FIXTURE_TEST_SUITE(testing_faulty_fs, Fixture)

BOOST_AUTO_TEST_CASE(the_nth_call_fails_once) {
    fs.plan().add({Call::write, 2, false, EDQUOT});
    BOOST_TEST(fs.write_at(file, as_bytes("a"), 0).has_value());
    const auto failed = fs.write_at(file, as_bytes("b"), 1);
    BOOST_TEST(failed.error().is_errno(EDQUOT));
    BOOST_TEST((failed.error().operation == Operation::write));
    BOOST_TEST(fs.write_at(file, as_bytes("c"), 1).has_value());
    BOOST_TEST(fs.plan().hits() == 1u);
}

BOOST_AUTO_TEST_CASE(or_for_ever) {
    auto copy = fs;
    copy.plan().add({{Call::read, Call::remove}, 2, true, EROFS});
    std::array<std::byte, 4> to{};
    BOOST_TEST(fs.read_at(file, to, 0).has_value());
    BOOST_TEST(fs.remove(dir, "a").error().is_errno(EROFS));
    BOOST_TEST(fs.read_at(file, to, 0).error().is_errno(EROFS));
    fs.plan().clear();
    BOOST_TEST(fs.remove(dir, "a").has_value());
}

BOOST_AUTO_TEST_CASE(a_failing_close_closes) {
    fs.plan().add({Call::close});
    BOOST_TEST(fs.close(file).error().is_errno(EIO));
    BOOST_TEST(fs.status(file).error().is_errno(EBADF));
}

BOOST_AUTO_TEST_CASE(short_transfers_are_looped_by_file) {
    fs.plan().add({{Call::read, Call::write}, 1, true, 0, Fault::Effect::short_transfer});
    File<FaultyFs<SimFs>> whole{fs, file};
    BOOST_TEST(*whole.append(as_bytes("abcdefgh")) == 8u);
    std::string text(8, ' ');
    BOOST_TEST(*whole.read_at(std::as_writable_bytes(std::span{text}), 0) == 8u);
    BOOST_TEST(text == "abcdefgh");
    BOOST_TEST(fs.plan().hits() > 4u);
}

BOOST_AUTO_TEST_CASE(interrupted_calls_are_repeated_by_file) {
    fs.plan().add({Call::write, 1, false, EINTR});
    File<FaultyFs<SimFs>> whole{fs, file};
    BOOST_TEST(*whole.append(as_bytes("abc")) == 3u);
    BOOST_TEST(fs.plan().hits() == 1u);
}

BOOST_AUTO_TEST_CASE(a_full_disk_leaves_the_rest_with_the_caller) {
    fs.plan().add({Call::write, 2, true, ENOSPC});
    fs.plan().add({Call::write, 1, false, 0, Fault::Effect::short_transfer});
    File<FaultyFs<SimFs>> whole{fs, file};
    BOOST_TEST(*whole.append(as_bytes("abcdef")) == 3u);
    BOOST_TEST(whole.append(as_bytes("def")).error().is_errno(ENOSPC));
    BOOST_TEST(whole.size().value == 3u);
}

BOOST_AUTO_TEST_CASE(a_file_remembers_that_its_sync_failed) {
    fs.plan().add({Call::sync});
    File<FaultyFs<SimFs>> whole{fs, file};
    BOOST_TEST((whole.sync().outcome() == SyncResult::Outcome::failed));
    BOOST_TEST(!whole.sync());
    BOOST_TEST(fs.plan().hits() == 1u);
}

BOOST_AUTO_TEST_CASE(names_of_calls_and_operations) {
    BOOST_TEST(name_of(Call::sync_directory) == "sync_directory");
    BOOST_TEST((operation_of(Call::lock) == Operation::lock));
    static_assert(CallSet::all().without(Call::read).contains(Call::write));
    static_assert(!CallSet::all().without(Call::read).contains(Call::read));
}

BOOST_AUTO_TEST_SUITE_END()
