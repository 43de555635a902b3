// A slow disk and little memory, both real: an ext4 on a throttled loop device, and a memory group. Needs root.
#include <bobbin/file/auto.hpp>
#include <bobbin/file/background.hpp>
#include <bobbin/file/uncached.hpp>
#include <bobbin/file/writeback.hpp>
#include <bobbin/fs/posix.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "disks.hpp"
#include "files.hpp"
#include "skip.hpp"
#include "temporary.hpp"

using namespace bobbin;
using bobbin_tests::Files;

namespace {

constexpr std::uint64_t mib = 1 << 20;
const WritebackOptions small{.cap = 8_MiB};

// 64 MiB through a cap of 8 MiB, with a patch each 2 MiB.
template <class F>
void stays_below_the_cap(const char* name, F file) {
    BOOST_TEST_CONTEXT(name) {
        std::string content(1 << 20, 'x');
        for (std::uint64_t i = 0; i < 64; ++i) {
            BOOST_TEST_REQUIRE(file.append(as_bytes(content)).value_or(std::size_t{0}) ==
                               content.size());
            if (i % 2 == 1)
                BOOST_TEST(file.write_at(as_bytes("SEEKHEAD"), (i - 1) * mib).has_value());
            const auto status = *lowest_layer(file).cache_status();
            BOOST_TEST((status.dirty + status.writeback).value <= small.cap.value);
        }
        BOOST_TEST(static_cast<bool>(file.sync()));
        BOOST_TEST((lowest_layer(file).cache_status()->cached <= 1_MiB));
        std::string got(content);
        for (std::uint64_t i = 0; i < 64; ++i) {
            content.replace(0, 8, i % 2 == 0 ? "SEEKHEAD" : "xxxxxxxx");
            BOOST_TEST(lowest_layer(file)
                           .read_at(std::as_writable_bytes(std::span{got}), i * mib)
                           .has_value());
            BOOST_TEST((got == content));
        }
    }
}

// What a reader of 104 MiB has to read again, in bytes, while 256 MiB are written in a group of 128 MiB.
template <class Wrap>
std::uint64_t read_again(const bobbin_tests::MemoryGroup& group, Wrap wrap) {
    const bobbin_tests::TemporaryDirectory place;
    int ends[2];
    BOOST_TEST_REQUIRE(::pipe(ends) == 0);
    const auto child = ::fork();
    if (child == 0) {
        if (!group.enter()) std::_Exit(1);
        Files<PosixFs> files{place.path()};
        const std::vector<std::byte> bytes(mib, std::byte{1});
        auto hot = files.make();
        for (int i = 0; i < 104; ++i)
            if (!hot.append(bytes)) std::_Exit(1);
        // Read once only, so that the kernel does not protect its pages.
        if (!hot.sync() || !hot.drop_cache(0, 0)) std::_Exit(1);
        std::vector<std::byte> to(mib);
        const auto read_all = [&] {
            for (std::uint64_t i = 0; i < 104; ++i) (void)hot.read_at(to, i * mib);
        };
        read_all();
        const auto before = bobbin_tests::bytes_read_from_disk();
        auto file = wrap(files.make());
        for (int i = 0; i < 256; ++i) {
            if (!file.append(bytes)) std::_Exit(1);
            if (i % 128 == 127) read_all();
        }
        if (!file.sync()) std::_Exit(1);
        const auto read = bobbin_tests::bytes_read_from_disk() - before;
        std::_Exit(::write(ends[1], &read, sizeof read) == sizeof read ? 0 : 1);
    }
    ::close(ends[1]);
    std::uint64_t read = 0;
    BOOST_TEST_REQUIRE(::read(ends[0], &read, sizeof read) == static_cast<ssize_t>(sizeof read));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_TEST(status == 0);
    return read;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(file_real_limits)

BOOST_AUTO_TEST_CASE(on_a_slow_disk_the_cap_holds) {
    const bobbin_tests::TemporaryDirectory place;
    const bobbin_tests::ThrottledDisk disk{place.path(), 512 * mib, 40'000'000};
    if (!disk.is_there()) bobbin_tests::skip(disk.why());
    Files<PosixFs> files{disk.place() + "/d"};
    {
        auto probe = files.make();
        BOOST_TEST_REQUIRE(probe.append(as_bytes("probe")).has_value());
        const auto status = probe.cache_status();
        if (!status || status->cached == Bytes{})
            bobbin_tests::skip("cached pages are not counted here");
    }
    stays_below_the_cap("writeback", Writeback{files.make(), small});
    stays_below_the_cap("uncached", Uncached{files.make(), small});
    stays_below_the_cap("auto", Auto{files.make(), small});
    for (const auto ring : {Bytes{}, 1_MiB}) {
        BackgroundOptions options;
        options.writeback = small;
        options.ring = ring;
        stays_below_the_cap(ring == Bytes{} ? "background" : "ring",
                            Background{files.make(), options});
    }
}

BOOST_AUTO_TEST_CASE(with_little_memory_others_keep_their_pages) {
    const bobbin_tests::MemoryGroup group{128 * mib};
    if (!group.is_there()) bobbin_tests::skip("no memory group of cgroup v1");
    // A plain writer shows that the group is as small as it should be.
    BOOST_TEST(read_again(group, [](PosixFile f) { return f; }) > 40 * mib);
    BOOST_TEST(read_again(group, [](PosixFile f) {
                   return Writeback{std::move(f), small};
               }) <= 2 * mib);
    BOOST_TEST(read_again(group, [](PosixFile f) {
                   return Uncached{std::move(f), small};
               }) <= 2 * mib);
    BOOST_TEST(read_again(group, [](PosixFile f) {
                   return Background{std::move(f), {.writeback = small}};
               }) <= 2 * mib);
}

BOOST_AUTO_TEST_SUITE_END()
