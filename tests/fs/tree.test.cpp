#include <bobbin/fs/posix_tree.hpp>

#include <bobbin/testing/conformance/file_system.hpp>
#include <bobbin/testing/conformance/tree_file_system.hpp>
#include <bobbin/testing/conformance/tree_permissions.hpp>
#include <bobbin/testing/sim_tree.hpp>

#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using bobbin_tests::TemporaryDirectory;

namespace {
// Near misses, one defect each.
struct FollowsByValue : PosixTreeFs {
    std::string read_link_at(FileHandle, const char*) noexcept;
};
struct ListThrows : PosixTreeFs {
    Result<std::vector<DirectoryName>> read_directory(FileHandle);
};
struct CannotExchange : PosixTreeFs {
    Result<void> move_at(FileHandle, const char*, FileHandle, const char*) noexcept;
};
static_assert(!TreeFileSystem<PosixFs> && !TreeFileSystem<FollowsByValue> &&
              !TreeFileSystem<ListThrows> && !TreeFileSystem<CannotExchange>);
static_assert(std::is_empty_v<PosixTreeFs>);
}  // namespace

BOOST_AUTO_TEST_SUITE(fs_tree)

BOOST_AUTO_TEST_CASE(conforms) {
    const TemporaryDirectory disk, memory{"/dev/shm"};
    for (const auto* place : {&disk, &memory}) {
        for (const auto& line : conformance::file_system(PosixTreeFs{}, *place / "files"))
            BOOST_ERROR(line);
        for (const auto& line : conformance::tree_file_system(PosixTreeFs{}, *place / "trees"))
            BOOST_ERROR(line);
    }
}

BOOST_AUTO_TEST_CASE(the_simulated_one_conforms) {
    for (const auto& line : conformance::file_system(SimTree{}, "/files")) BOOST_ERROR(line);
    for (const auto& line : conformance::tree_file_system(SimTree{}, "/trees")) BOOST_ERROR(line);
}

// In a process of its own, as the groups of this one are given up.
BOOST_AUTO_TEST_CASE(permissions_are_those_of_the_system) {
    if (::geteuid() != 0) return;
    const TemporaryDirectory disk{"/tmp"}, memory{"/dev/shm"};
    for (const auto* place : {&disk, &memory}) {
        BOOST_REQUIRE(::chmod(place->path().c_str(), 0755) == 0);
        int ends[2];
        BOOST_REQUIRE(::pipe(ends) == 0);
        const auto child = ::fork();
        if (child == 0) {
            const auto become = [](std::uint32_t who) {
                if (::seteuid(0) != 0 || ::setegid(who) != 0 || ::seteuid(who) != 0) ::_exit(1);
            };
            if (::setgroups(0, nullptr) != 0) ::_exit(1);
            for (const auto& line :
                 conformance::tree_permissions(PosixTreeFs{}, *place / "trees", 65534, become))
                (void)!::write(ends[1], (line + '\n').data(), line.size() + 1);
            ::_exit(0);
        }
        ::close(ends[1]);
        std::string broken;
        for (char byte = 0; ::read(ends[0], &byte, 1) == 1;) broken += byte;
        ::close(ends[0]);
        int status = -1;
        BOOST_TEST(::waitpid(child, &status, 0) == child);
        BOOST_TEST(status == 0);
        BOOST_TEST(broken == "", broken);
    }
}

BOOST_AUTO_TEST_CASE(and_of_the_simulated_one) {
    SimTree fs;
    const auto become = [&](std::uint32_t who) { fs.act_as(who); };
    for (const auto& line : conformance::tree_permissions(fs, "/trees", 65534, become))
        BOOST_ERROR(line);
}

BOOST_AUTO_TEST_CASE(a_fifo_does_not_hold_up_a_read) {
    const TemporaryDirectory place;
    PosixTreeFs fs;
    const auto root = fs.open_root(place.path().c_str(), RootMode::existing);
    BOOST_REQUIRE(root.has_value());
    BOOST_REQUIRE(::mkfifo((place / "fifo").c_str(), 0600) == 0);
    BOOST_TEST((fs.node_at(*root, "fifo")->kind == NodeKind::special));
    const auto fifo = fs.open_at(*root, "fifo", OpenMode::read);
    BOOST_REQUIRE(fifo.has_value());
    BOOST_TEST((fs.node(*fifo)->kind == NodeKind::special));
    BOOST_TEST(fs.close(*fifo).has_value());
    BOOST_TEST(fs.close(*root).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
