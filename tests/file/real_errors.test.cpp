// Write errors of a real file system: an ext4 on a loop device, whose image lies on a small tmpfs. While that is full, data
// that is written back is lost. Needs root.
#include <bobbin/file/writeback.hpp>

#include <bobbin/file/auto.hpp>
#include <bobbin/file/background.hpp>
#include <bobbin/file/uncached.hpp>
#include <bobbin/fs/posix.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <cstdlib>

#include "older_writeback.hpp"
#include "skip.hpp"
#include "temporary.hpp"

using namespace bobbin;

namespace {

constexpr std::uint64_t mib = 1 << 20;

bool runs(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

class FailingDisk {
public:
    FailingDisk() {
        const auto path = place_.path();
        if (::geteuid() != 0) bobbin_tests::skip("needs root");
        if (!runs("mkdir " + path + "/image " + path +
                  "/disk && mount -t tmpfs -o size=300m none " + path + "/image"))
            bobbin_tests::skip("no tmpfs can be mounted");
        has_memory_ = true;
        // All metadata has its blocks at once, so that only data can fail.
        is_mounted_ = runs(
            "cd " + path +
            " && truncate -s 256M image/disk.img && "
            "mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=0,nodiscard image/disk.img && "
            "mount -o loop,nodiscard image/disk.img disk");
        if (!is_mounted_) {
            unmount();
            bobbin_tests::skip("no loop device can be mounted");
        }
    }
    ~FailingDisk() { unmount(); }

    std::string place() const { return place_ / "disk"; }
    // From here on it takes `more` bytes of data, and loses what comes then.
    bool fill(std::uint64_t more) {
        const int fd = ::open(place().c_str(), O_RDONLY | O_DIRECTORY);
        const bool synced = ::syncfs(fd) == 0;
        ::close(fd);
        if (!synced) return false;
        struct stat s {};
        if (::stat((place_ / "image/disk.img").c_str(), &s) != 0) return false;
        return resize(static_cast<std::uint64_t>(s.st_blocks) * 512 + more);
    }
    bool recover() { return resize(300 * mib); }

private:
    bool resize(std::uint64_t bytes) {
        return runs("mount -o remount,size=" + std::to_string(bytes) + " " + place_.path() +
                    "/image");
    }
    void unmount() {
        if (is_mounted_) runs("umount " + place_.path() + "/disk");
        if (has_memory_) runs("umount " + place_.path() + "/image");
    }
    bobbin_tests::TemporaryDirectory place_;
    bool has_memory_ = false, is_mounted_ = false;
};

// A burst of errors in the middle of 176 MiB. @returns whether the sync called it durable
template <class Wrap>
bool says_durable(Wrap wrap) {
    FailingDisk disk;
    PosixDirectory directory =
        *PosixDirectory::open(disk.place() + "/d", RootMode::create_if_missing);
    auto file = wrap(*directory.create(ObjectId{1}));
    const std::string block(mib, 'x');
    BOOST_REQUIRE(disk.fill(40 * mib));
    for (int i = 0; i < 176; ++i) {
        if (i == 110) BOOST_REQUIRE(disk.recover());
        if (!file.append(as_bytes(block))) break;
    }
    BOOST_REQUIRE(disk.recover());
    const bool durable = static_cast<bool>(file.sync());
    (void)file.close();
    return durable;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(file_real_errors)

BOOST_AUTO_TEST_CASE(a_burst_of_lost_writes_is_told) {
    BOOST_TEST(
        says_durable([](PosixFile f) { return bobbin_tests::OlderWriteback{std::move(f)}; }));
    BOOST_TEST(!says_durable([](PosixFile f) { return Writeback{std::move(f)}; }));
    BOOST_TEST(!says_durable([](PosixFile f) { return Uncached{std::move(f)}; }));
    BOOST_TEST(!says_durable([](PosixFile f) { return Auto{std::move(f)}; }));
    BOOST_TEST(!says_durable([](PosixFile f) { return Background{std::move(f)}; }));
    BackgroundOptions ring;
    ring.ring = 4_MiB;
    BOOST_TEST(!says_durable([&](PosixFile f) { return Background{std::move(f), ring}; }));
}

BOOST_AUTO_TEST_SUITE_END()
