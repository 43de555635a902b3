// The wrappers over a file system in user space, as over a network: it tells errors late, and hangs. Needs root.
#include <bobbin/file/auto.hpp>
#include <bobbin/file/background.hpp>
#include <bobbin/file/nfs_skip.hpp>
#include <bobbin/file/uncached.hpp>
#include <bobbin/file/writeback.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/conformance/file_policy.hpp>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "files.hpp"
#include "older_writeback.hpp"
#include "skip.hpp"
#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using namespace std::chrono_literals;
using bobbin_tests::Files;

namespace {

// See fuse_disk.cpp.
class FuseDisk {
public:
    FuseDisk() {
        if (::geteuid() != 0) bobbin_tests::skip("needs root");
        const std::string program{BOBBIN_FUSE_DISK};
        if (program.empty()) bobbin_tests::skip("libfuse3 was not there when this was built");
        control_ = ::open(control_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        works();
        std::filesystem::create_directory(mount_);
        child_ = ::fork();
        if (child_ == 0) {
            // Without it, calls under way fail instead of hanging.
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::execl(program.c_str(), "fuse_disk", control_path_.c_str(), mount_.c_str(), nullptr);
            std::_Exit(1);
        }
        for (int i = 0; i < 1000 && !is_mounted(); ++i) {
            if (::waitpid(child_, nullptr, WNOHANG) == child_) break;
            std::this_thread::sleep_for(10ms);
        }
        if (!is_mounted()) bobbin_tests::skip("FUSE can't be mounted here");
    }
    FuseDisk(const FuseDisk&) = delete;
    FuseDisk& operator=(const FuseDisk&) = delete;
    ~FuseDisk() {
        works();
        ::umount2(mount_.c_str(), MNT_DETACH);
        ::waitpid(child_, nullptr, 0);
        ::close(control_);
    }

    void works() { order('g'); }
    void fails() { order('e'); }
    void hangs() { order('h'); }
    Files<PosixFs> files() const { return Files<PosixFs>{mount_ + "/d"}; }

private:
    bool is_mounted() const {
        struct statfs s {};
        return ::statfs(mount_.c_str(), &s) == 0 &&
               static_cast<std::uint32_t>(s.f_type) == 0x65735546;
    }
    void order(char what) { BOOST_REQUIRE(::pwrite(control_, &what, 1, 0) == 1); }

    bobbin_tests::TemporaryDirectory place_;
    const std::string mount_ = place_ / "disk", control_path_ = place_ / "control";
    int control_ = -1;
    pid_t child_ = -1;
};

const std::string block(1 << 20, 'x');
const WritebackOptions small{.cap = 4_MiB};

BackgroundOptions with_ring() {
    BackgroundOptions options;
    options.writeback = small;
    options.ring = 1_MiB;
    return options;
}

// Writes are lost for a while in the middle. @returns whether the sync called all durable
template <class Wrap>
bool says_durable(FuseDisk& disk, Files<PosixFs>& files, Wrap wrap) {
    auto file = wrap(files.make());
    for (int i = 0; i < 96; ++i) {
        if (i == 32) disk.fails();
        if (i == 64) disk.works();
        if (!file.append(as_bytes(block))) break;
    }
    disk.works();
    const bool durable = static_cast<bool>(file.sync());
    (void)file.close();
    return durable;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(file_fuse)

BOOST_AUTO_TEST_CASE(all_wrappers_conform) {
    FuseDisk disk;
    auto files = disk.files();
    const auto conforms = [&]<class F>(const char* name, F make) {
        using Wrapper = decltype(make(std::declval<PosixFile>()));
        for (const auto& line :
             conformance::file_policy<Wrapper>([&] { return make(files.make()); },
                                               [](Wrapper& f) { return bobbin_tests::read(f); }))
            BOOST_ERROR(std::string{name} + ": " + line);
    };
    conforms("writeback", [](PosixFile f) { return Writeback{std::move(f), small}; });
    conforms("uncached", [](PosixFile f) { return Uncached{std::move(f), small}; });
    conforms("nfs_skip", [](PosixFile f) { return NfsSkip{std::move(f), small}; });
    conforms("auto", [](PosixFile f) { return Auto{std::move(f), small}; });
    conforms("background", [](PosixFile f) { return Background{std::move(f)}; });
    conforms("ring", [](PosixFile f) { return Background{std::move(f), with_ring()}; });
}

BOOST_AUTO_TEST_CASE(it_counts_as_a_network_and_the_cap_holds) {
    FuseDisk disk;
    auto files = disk.files();
    Auto file{files.make(), small};
    BOOST_TEST((file.report().mode == ModeChoice{WriteMode::write_back, WriteModeReason::network}));
    const auto counted = lowest_layer(file).cache_status();
    for (int i = 0; i < 64; ++i) {
        BOOST_TEST_REQUIRE(file.append(as_bytes(block)).value_or(std::size_t{0}) == block.size());
        if (!counted) continue;
        const auto status = *lowest_layer(file).cache_status();
        BOOST_TEST((status.dirty + status.writeback <= small.cap));
    }
    BOOST_TEST(static_cast<bool>(file.sync()));
    if (counted) BOOST_TEST((lowest_layer(file).cache_status()->cached <= 1_MiB));
}

BOOST_AUTO_TEST_CASE(writes_that_were_lost_are_told) {
    FuseDisk disk;
    auto files = disk.files();
    BOOST_TEST(says_durable(
        disk, files, [](PosixFile f) { return bobbin_tests::OlderWriteback{std::move(f)}; }));
    BOOST_TEST(!says_durable(disk, files, [](PosixFile f) {
        return Writeback{std::move(f), small};
    }));
    BOOST_TEST(!says_durable(disk, files, [](PosixFile f) {
        return NfsSkip{std::move(f), small};
    }));
    BOOST_TEST(!says_durable(disk, files, [](PosixFile f) { return Auto{std::move(f), small}; }));
    BOOST_TEST(!says_durable(disk, files, [](PosixFile f) { return Background{std::move(f)}; }));
    BOOST_TEST(!says_durable(disk, files, [](PosixFile f) {
        return Background{std::move(f), with_ring()};
    }));
}

BOOST_AUTO_TEST_CASE(no_call_outlasts_its_deadline_while_it_hangs) {
    FuseDisk disk;
    auto files = disk.files();
    auto options = with_ring();
    options.writeback.wait_deadline = options.writeback.sync_deadline = 300ms;
    // A busy machine may be late; a call that hangs never returns.
    const auto in_time = [&](auto call) {
        const auto start = std::chrono::steady_clock::now();
        auto result = call();
        BOOST_TEST((std::chrono::steady_clock::now() - start < 3s));
        return result;
    };
    Background file{files.make(), options};
    disk.hangs();
    bool is_stalled = false;
    for (int i = 0; i < 32 && !is_stalled; ++i) {
        const auto taken = in_time([&] { return file.append(as_bytes(block)); });
        is_stalled = taken ? *taken < block.size() : taken.error().is(Errc::deadline_passed);
    }
    BOOST_TEST(is_stalled);
    BOOST_TEST((in_time([&] { return file.sync(); }).outcome() == SyncResult::Outcome::timed_out));
    BOOST_TEST(!in_time([&] { return file.close(); }).has_value());
    BOOST_TEST(abandoned_workers() == 1u);
    disk.works();
    for (int i = 0; i < 1000 && abandoned_workers() != 0; ++i) std::this_thread::sleep_for(10ms);
    BOOST_TEST(abandoned_workers() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
