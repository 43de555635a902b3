#include <bobbin/fs/posix.hpp>

#include <bobbin/testing/conformance/file_system.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using bobbin_tests::TemporaryDirectory;

namespace {
mode_t mode_of(const std::string& path) {
    struct stat status {};
    BOOST_TEST(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(fs_posix)

BOOST_AUTO_TEST_CASE(conforms) {
    const TemporaryDirectory disk, memory{"/dev/shm"};
    for (const auto* place : {&disk, &memory})
        for (const auto& line : conformance::file_system(PosixFs{}, *place / "root"))
            BOOST_ERROR(line);
    for (const auto& line :
         conformance::file_system(TracingFs<FaultyFs<PosixFs>>{}, disk / "decorated"))
        BOOST_ERROR(line);
}

BOOST_AUTO_TEST_CASE(the_simulated_one_conforms) {
    for (const auto& line : conformance::file_system(SimFs{}, "/sim/root")) BOOST_ERROR(line);
    for (const auto& line : conformance::file_system(FaultyFs<TracingFs<SimFs>>{}, "/sim/root"))
        BOOST_ERROR(line);
}

BOOST_AUTO_TEST_CASE(the_suite_sees_a_fault) {
    FaultyFs<SimFs> fs;
    fs.plan().add({Call::sync_directory});
    BOOST_TEST(conformance::file_system(fs, "/sim/root").size() == 1u);
}

BOOST_AUTO_TEST_CASE(others_may_not_look_whatever_the_umask) {
    const TemporaryDirectory place;
    const auto before = ::umask(0);
    PosixFs fs;
    const auto root = fs.open_root((place / "root").c_str(), RootMode::create_if_missing);
    ::umask(0777);
    const auto second = fs.open_root((place / "second").c_str(), RootMode::create_if_missing);
    const auto file = fs.open_at(*root, "a", OpenMode::create);
    ::umask(before);
    BOOST_REQUIRE((root && second && file));
    BOOST_TEST(mode_of(place / "root") == 0700u);
    BOOST_TEST(mode_of(place / "second") == 0700u);
    BOOST_TEST(mode_of(place / "root/a") == 0600u);
    for (const auto h : {*root, *second, *file}) BOOST_TEST(fs.close(h).has_value());
}

BOOST_AUTO_TEST_CASE(no_link_leads_out_of_the_directory) {
    const TemporaryDirectory place;
    PosixFs fs;
    const auto root = fs.open_root((place / "footage").c_str(), RootMode::create_if_missing);
    BOOST_REQUIRE(root.has_value());
    BOOST_TEST(::symlink("/etc/passwd", (place / "footage/link").c_str()) == 0);
    BOOST_TEST(fs.open_at(*root, "link", OpenMode::read).error().is_errno(ELOOP));
    // The file is there; only the way to it leads out.
    const auto file = fs.open_at(*root, "a", OpenMode::create);
    BOOST_REQUIRE(file.has_value());
    BOOST_TEST(fs.close(*file).has_value());
    BOOST_TEST(!fs.open_at(*root, "../footage/a", OpenMode::read).has_value());
    BOOST_TEST(!fs.open_at(*root, "/etc/passwd", OpenMode::read).has_value());
    BOOST_TEST(fs.close(*root).has_value());
}

BOOST_AUTO_TEST_CASE(a_file_is_no_root) {
    const TemporaryDirectory place;
    PosixFs fs;
    const auto root = fs.open_root((place / "root").c_str(), RootMode::create_if_missing);
    BOOST_TEST(fs.close(*fs.open_at(*root, "a", OpenMode::create)).has_value());
    BOOST_TEST(fs.open_root((place / "root/a").c_str(), RootMode::create_if_missing)
                   .error()
                   .is_errno(ENOTDIR));
    BOOST_TEST(fs.open_root((place / "missing/a").c_str(), RootMode::create_if_missing)
                   .error()
                   .is_errno(ENOENT));
    BOOST_TEST(fs.close(*root).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
