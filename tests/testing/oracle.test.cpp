#include <bobbin/testing/oracle.hpp>

#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <boost/test/unit_test.hpp>

using namespace bobbin;
using namespace bobbin::testing;

namespace {

constexpr ObjectId object{StreamId{1}, 1};

struct Fixture {
    using Fs = TracingFs<FaultyFs<SimFs>>;
    using Directory = FsDirectory<Fs>;

    Fixture() {
        directory.emplace(*Directory::open("/sim/d", RootMode::create_if_missing, fs));
        oracle.watch(fs.trace());
    }
    Directory::File create(std::string_view bytes = "abc") {
        auto file = directory->create(object);
        BOOST_TEST(file->append(as_bytes(bytes)).has_value());
        return *std::move(file);
    }
    void committed() {
        auto file = create();
        BOOST_TEST((file.sync() && directory->sync()));
        oracle.committing(path, 3);
    }

    Fs fs;
    std::optional<Directory> directory;
    OrderingOracle oracle;
    const std::string path = "/sim/d/0000000100000001";
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(testing_oracle, Fixture)

BOOST_AUTO_TEST_CASE(the_whole_life_of_an_object_in_order) {
    auto file = create();
    BOOST_TEST((file.sync() && directory->sync()));
    oracle.marking(path, 3);
    BOOST_TEST(file.append(as_bytes("de")).has_value());
    oracle.soft_marking(path, 5);
    oracle.marking(path, 3);
    BOOST_TEST(static_cast<bool>(file.sync()));
    oracle.marking(path, 4);
    oracle.committing(path, 5);
    oracle.garbage_committed(path);
    BOOST_TEST((directory->remove(object) && directory->sync()));
    oracle.forgetting(path);
    BOOST_TEST(oracle.text() == "");
}

BOOST_AUTO_TEST_CASE(a_commit_needs_the_file_synced) {
    auto file = create();
    BOOST_TEST(directory->sync().has_value());
    oracle.committing(path, 3);
    BOOST_TEST(oracle.text().find("0 are synced") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_commit_needs_the_name_synced_after_it_was_made) {
    BOOST_TEST(directory->sync().has_value());
    auto file = create();
    BOOST_TEST(static_cast<bool>(file.sync()));
    oracle.committing(path, 3);
    BOOST_TEST(oracle.text().find("before its directory is synced") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(nothing_is_written_between_sync_and_commit) {
    auto file = create();
    BOOST_TEST((file.sync() && directory->sync() && file.append(as_bytes("d"))));
    oracle.committing(path, 3);
    BOOST_TEST(oracle.text().find("changed after its last sync") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(lengths_are_compared) {
    auto file = create();
    BOOST_TEST((file.sync() && directory->sync()));
    oracle.committing(path, 2);
    BOOST_TEST(oracle.violations().size() == 2u);
    oracle.marking(path, 4);
    oracle.soft_marking(path, 4);
    BOOST_TEST(oracle.violations().size() == 4u);
}

BOOST_AUTO_TEST_CASE(an_unlink_needs_the_garbage_row) {
    committed();
    BOOST_TEST(directory->remove(object).has_value());
    BOOST_TEST(oracle.text().find("before its garbage row") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(forgetting_needs_the_directory_synced_after_the_unlink) {
    committed();
    oracle.garbage_committed(path);
    BOOST_TEST(directory->remove(object).has_value());
    oracle.forgetting(path);
    BOOST_TEST(oracle.text().find("forgotten before its directory") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_that_was_gone_already_may_be_forgotten_after_a_sync) {
    oracle.committed_before(path, 3);
    oracle.garbage_committed(path);
    BOOST_TEST(directory->remove(object).error().is_errno(ENOENT));
    BOOST_TEST(directory->sync().has_value());
    oracle.forgetting(path);
    BOOST_TEST(oracle.text() == "");
}

BOOST_AUTO_TEST_CASE(a_failed_sync_is_final_for_the_file) {
    auto file = create();
    BOOST_TEST((file.sync() && directory->sync() && file.append(as_bytes("d"))));
    fs.next_layer().plan().add({Call::sync});
    BOOST_TEST(!file.sync());
    oracle.committing(path, 3);
    BOOST_TEST(oracle.text() == "");
    BOOST_TEST(fs.sync(file.handle()).has_value());
    BOOST_TEST(oracle.text().find("synced again") != std::string::npos);
    oracle.committing(path, 4);
    BOOST_TEST(oracle.violations().size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_recovery_found_counts_when_it_synced_it) {
    { auto file = create(); }
    OrderingOracle second;
    second.found(path, 3);
    second.watch(fs.trace());
    second.committing(path, 3);
    BOOST_TEST(!second.violations().empty());
    OrderingOracle third;
    third.found(path, 3);
    third.watch(fs.trace());
    auto file = directory->open_to_cut(object);
    BOOST_TEST((file->truncate(Bytes{2}) && file->sync() && directory->sync()));
    third.committing(path, 2);
    BOOST_TEST(third.text() == "");
    third.watch(fs.trace());
    fs.trace().on_call({});
}

BOOST_AUTO_TEST_CASE(other_files_are_not_watched) {
    BOOST_TEST(directory->write_identity({}).has_value());
    BOOST_TEST(oracle.text() == "");
    BOOST_TEST(fs.rename(directory->handle(), "bobbin-directory", "0000000100000001").has_value());
    BOOST_TEST(oracle.text() == "");
    BOOST_TEST(fs.rename(directory->handle(), "0000000100000001", "x").has_value());
    BOOST_TEST(oracle.text().find("renamed") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
