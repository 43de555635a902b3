// What the design that Bobbin replaces gets wrong: each case fails there and holds here.
#include <bobbin/file/writeback.hpp>

#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <boost/test/unit_test.hpp>

#include "older_writeback.hpp"
#include "slow_disk.hpp"
#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using bobbin_tests::OlderWriteback;
using bobbin_tests::SlowDisk;

namespace {

constexpr std::uint64_t mib = 1 << 20;
const std::string block(mib, 'x');

template <class Fs>
File<Fs> new_file(Fs fs, const std::string& place = "/sim/d") {
    auto dir = *FsDirectory<Fs>::open(place, RootMode::create_if_missing, fs);
    return *dir.create(ObjectId{1});
}

template <class F>
char letter_at(F& file, std::uint64_t offset) {
    char letter = '?';
    const auto got =
        lowest_layer(file).read_at(std::as_writable_bytes(std::span{&letter, 1}), offset);
    return got && *got == 1 ? letter : '?';
}

// The pages of the second window are lost on their way.
template <class F>
bool survives_a_burst(F& file, FaultyFs<SimFs>& fs) {
    fs.plan().add({Call::start_writeback, 2, false, EIO, Fault::Effect::lose_pages});
    for (int i = 0; i < 160; ++i)
        if (!file.append(as_bytes(block))) break;
    return static_cast<bool>(file.sync());
}
// Whether what was written is on the disk.
bool all_is_durable(FaultyFs<SimFs>& fs) {
    const auto disk = ground_of(fs).disk();
    const auto& content = *disk.nodes().begin()->second.durable;
    for (std::uint64_t i = 0; i * 4096 < content.size; ++i)
        if (!content.chunk(i)) return false;
    return content.size != 0;
}

// Writes `total` bytes, patching 8 bytes at the start of each `every` bytes once they are full.
template <class F>
void mux(F& file, std::uint64_t total, std::uint64_t every) {
    for (std::uint64_t at = 0; at < total; at += mib) {
        BOOST_TEST(file.append(as_bytes(block)).has_value());
        if (every != 0 && (at + mib) % every == 0)
            BOOST_TEST(file.write_at(as_bytes("SEEKHEAD"), at + mib - every).has_value());
    }
}

using Nanoseconds = std::chrono::nanoseconds;
struct Sweep {
    Nanoseconds longest{}, total{};
    std::uint64_t peak = 0;
};
template <class F>
Sweep sweep(F& file, SlowDisk& disk, std::uint64_t total) {
    Sweep seen;
    const auto start = disk.clock().monotonic();
    for (std::uint64_t at = 0; at < total; at += mib) {
        const auto before = disk.clock().monotonic();
        BOOST_TEST(file.append(as_bytes(block)).has_value());
        seen.longest = std::max<Nanoseconds>(seen.longest, disk.clock().monotonic() - before);
    }
    BOOST_TEST(static_cast<bool>(file.sync()));
    seen.total = disk.clock().monotonic() - start;
    seen.peak = disk.peak();
    return seen;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(file_faults)

BOOST_AUTO_TEST_CASE(silent_loss) {
    {
        FaultyFs<SimFs> fs;
        OlderWriteback older{new_file(fs)};
        BOOST_TEST(survives_a_burst(older, fs));  // it says so
        BOOST_TEST(!all_is_durable(fs));
    }
    FaultyFs<SimFs> fs;
    Writeback file{new_file(fs)};
    BOOST_TEST(!survives_a_burst(file, fs));
    BOOST_REQUIRE(file.fault().has_value());
    BOOST_TEST(file.fault()->error.is_errno(EIO));
    BOOST_TEST((file.fault()->error.kind() == ErrorKind::lost_write));
    BOOST_TEST(file.fault()->range.from <= 4 * mib);
    BOOST_TEST(file.fault()->range.to >= 8 * mib);
    // For good, though the system would succeed now.
    BOOST_TEST(static_cast<bool>(file.next_layer().sync()));
    BOOST_TEST((file.sync().outcome() == SyncResult::Outcome::failed));
    BOOST_TEST(!file.append(as_bytes("x")));
    BOOST_TEST(!file.close());
}

BOOST_AUTO_TEST_CASE(an_error_that_somebody_else_was_told) {
    FaultyFs<SimFs> fs;
    Writeback file{new_file(fs)};
    BOOST_TEST(file.report().has_guard);
    BOOST_TEST(file.append(as_bytes("bytes")).has_value());
    fs.plan().add({Call::wait_writeback});
    BOOST_TEST(!file.next_layer().wait_writeback(0, 0));  // with the same open file description
    BOOST_TEST((file.sync().outcome() == SyncResult::Outcome::failed));

    FaultyFs<SimFs> other;
    OlderWriteback older{new_file(other)};
    BOOST_TEST(older.append(as_bytes("bytes")).has_value());
    other.plan().add({Call::wait_writeback});
    BOOST_TEST(!older.next_layer().wait_writeback(0, 0));
    BOOST_TEST(static_cast<bool>(older.sync()));
}

BOOST_AUTO_TEST_CASE(the_last_good_copy_is_thrown_away) {
    {
        FaultyFs<SimFs> fs;
        OlderWriteback older{new_file(fs)};
        (void)survives_a_burst(older, fs);
        BOOST_TEST(letter_at(older, 40 * mib) == '\0');
    }
    FaultyFs<SimFs> fs;
    Writeback file{new_file(fs)};
    (void)survives_a_burst(file, fs);
    for (std::uint64_t at = 0; at < file.size().value; at += mib)
        BOOST_TEST(letter_at(file, at) == 'x');
}

BOOST_AUTO_TEST_CASE(a_sync_that_ran_out_of_time_counts_as_success) {
    struct LateFs : SimFs {
        ManualClock clock;
        Result<void> sync(FileHandle h) noexcept {
            clock.advance(std::chrono::seconds{61});
            sync_failed(h);
            return Error::system(EIO, Operation::sync);
        }
    } fs;
    OlderWriteback older{new_file(fs), fs.clock};
    BOOST_TEST((older.append(as_bytes("bytes")) && older.sync()));

    LateFs other;
    Writeback file{new_file(other), {}, other.clock};
    BOOST_TEST(file.append(as_bytes("bytes")).has_value());
    BOOST_TEST(!file.sync());
    BOOST_TEST((file.report().longest_wait.operation == Operation::sync));
    BOOST_TEST((file.report().longest_wait.duration == std::chrono::seconds{61}));
    static_assert(!SyncResult::timed_out() && !SyncResult::cancelled());
}

BOOST_AUTO_TEST_CASE(the_controller_runs_backwards) {
    SlowDisk disk{80e6};
    OlderWriteback older{file_on(disk), disk.clock()};
    const auto theirs = sweep(older, disk, 5120 * mib);
    BOOST_TEST(older.chunk() == 256 * mib);
    BOOST_TEST((theirs.longest > std::chrono::seconds{3}));
    BOOST_TEST(theirs.peak >= 512 * mib);

    SlowDisk same{80e6};
    Writeback file{file_on(same), {}, same.clock()};
    const auto ours = sweep(file, same, 5120 * mib);
    BOOST_TEST((ours.longest <= std::chrono::milliseconds{150}));
    BOOST_TEST(ours.peak <= 32 * mib);
    BOOST_TEST((ours.total <= theirs.total));
}

BOOST_AUTO_TEST_CASE(seeking_back_disables_it) {
    for (const auto every : {2 * mib, 16 * mib}) {
        SlowDisk disk{80e6};
        OlderWriteback older{file_on(disk), disk.clock()};
        mux(older, 1024 * mib, every);
        BOOST_TEST(disk.peak() >= 1000 * mib);

        SlowDisk same{80e6};
        Writeback file{file_on(same), {}, same.clock()};
        mux(file, 1024 * mib, every);
        BOOST_TEST(same.peak() <= 32 * mib);
        BOOST_TEST(file.report().back_patches == 1024 * mib / every);
        BOOST_TEST(static_cast<bool>(file.sync()));
        BOOST_TEST(same.cache_status(0, 0, 0)->cached.value <= mib);
    }
}

BOOST_AUTO_TEST_CASE(preallocated_blocks_stay_for_good) {
    // A disk that has room until one asks for it.
    struct Optimist : SimFs {
        Result<SpaceStatus> space(FileHandle) noexcept { return SpaceStatus{1_TiB, 1_TiB, 4_KiB}; }
    };
    for (const bool refuses : {false, true}) {
        const auto quota = refuses ? 1_MiB : 1_GiB;
        Optimist fs;
        fs.set_quota(quota);
        auto file = new_file(fs);
        auto watching = *file.reopen();
        {
            OlderWriteback older{std::move(file), SystemClock{}, 64_MiB};
            BOOST_TEST((older.append(as_bytes("bytes")) && older.sync()));
        }
        BOOST_TEST((fs.preallocated(watching.handle()) > 60_MiB));

        Optimist other;
        other.set_quota(quota);
        auto same = new_file(other);
        watching = *same.reopen();
        {
            Writeback ours{std::move(same), {.expected_size = 64_MiB}};
            const auto report = ours.report().preallocation;
            using Outcome = PreallocationReport::Outcome;
            BOOST_TEST((report.outcome == (refuses ? Outcome::refused : Outcome::done)));
            if (refuses) {
                BOOST_TEST(report.error->is_errno(ENOSPC));
                BOOST_TEST((other.preallocated(watching.handle()) == Bytes{}));
            }
            BOOST_TEST((ours.append(as_bytes("bytes")) && ours.sync() && ours.close()));
            if (!refuses) BOOST_TEST((ours.report().preallocation.given_back == 64_MiB - 5_B));
        }
        BOOST_TEST((other.preallocated(watching.handle()) == Bytes{}));
        BOOST_TEST(other.status(watching.handle())->size.value == 5u);
    }
}

BOOST_AUTO_TEST_CASE(a_hint_that_makes_no_sense_is_not_tried) {
    SimFs fs;
    fs.set_quota(1_MiB);
    auto file = Writeback<SimFile>::open(new_file(fs), {.expected_size = 1_TiB});
    BOOST_REQUIRE(file.has_value());
    BOOST_TEST((file->report().preallocation.outcome == PreallocationReport::Outcome::skipped));
    BOOST_TEST(file->report().preallocation.error->is_errno(ENOSPC));
    BOOST_TEST((file->append(as_bytes("bytes")) && file->sync()));

    SimFs btrfs{SimOptions{.type = 0x9123683E}};
    Writeback other{new_file(btrfs), {.expected_size = 1_MiB}};
    BOOST_TEST((other.report().preallocation.outcome == PreallocationReport::Outcome::skipped));
    BOOST_TEST(other.report().preallocation.error->is(Errc::not_supported));
}

BOOST_AUTO_TEST_CASE(pages_survive_the_drop) {
    {
        SlowDisk disk{80e6};
        OlderWriteback older{file_on(disk), disk.clock()};
        BOOST_TEST(older.append(as_bytes("a header")).has_value());
        (void)sweep(older, disk, 256 * mib);
        BOOST_TEST(disk.cache_status(0, 0, 0)->cached.value > 32 * mib);
    }
    SlowDisk disk{80e6};
    Writeback file{file_on(disk), {}, disk.clock()};
    BOOST_TEST(file.append(as_bytes("a header")).has_value());
    (void)sweep(file, disk, 256 * mib);
    BOOST_TEST(disk.cache_status(0, 0, 0)->cached.value == 4096u);  // it goes on there
    BOOST_TEST(file.report().residue->value == 4096u);

    // Pages that are still referenced survive once, and go with the next drop.
    SlowDisk pinned{80e6};
    pinned.pin_pages();
    Writeback again{file_on(pinned), {}, pinned.clock()};
    for (int i = 0; i < 256; ++i) {
        BOOST_TEST(again.append(as_bytes(block)).has_value());
        BOOST_TEST(pinned.cache_status(0, 0, 0)->cached.value <= 32 * mib);
    }
}

BOOST_AUTO_TEST_CASE(the_position_is_lost) {
    {
        FaultyFs<SimFs> fs;
        OlderWriteback older{new_file(fs)};
        fs.plan().add({Call::write, 1, false, 0, Fault::Effect::short_transfer});
        fs.plan().add({Call::write, 2, false, ENOSPC});
        BOOST_TEST(*older.append(as_bytes(block)) == mib / 2);
        BOOST_TEST(older.position() != older.size().value);
    }
    FaultyFs<SimFs> fs;
    Writeback file{new_file(fs), {.cap = 1_MiB}};
    for (std::uint64_t nth = 1; nth < 40; nth += 3) {
        fs.plan().add({Call::write, nth, false, 0, Fault::Effect::short_transfer});
        fs.plan().add({Call::write, nth + 1, false, ENOSPC});
    }
    for (int i = 0; i < 30; ++i) {
        (void)file.append(as_bytes(block).first(300'000));
        const auto status = *file.next_layer().cache_status();
        BOOST_TEST((status.dirty + status.writeback <= 1_MiB));
    }
    BOOST_TEST(file.report().written.value == file.size().value);
    BOOST_TEST((file.sync() && all_is_durable(fs)));

    // A descriptor in append mode puts a patch at the end, whatever its offset.
    const bobbin_tests::TemporaryDirectory place;
    for (const bool ours : {false, true}) {
        const auto path = place / (ours ? "ours" : "theirs");
        const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_APPEND, 0600);
        BOOST_TEST(::write(fd, "before", 6) == 6);
        char found[8] = {};
        if (ours) {
            Writeback patched{*PosixFile::adopt(fd)};
            BOOST_TEST(patched.write_at(as_bytes("B"), 0).has_value());
            BOOST_TEST(::pread(fd, found, 7, 0) == 6);
            BOOST_TEST(std::string_view{found} == "Before");
        } else {
            OlderWriteback older{PosixFile{PosixFs{}, fd, 6_B}};
            BOOST_TEST(older.write_at(as_bytes("B"), 0).has_value());
            BOOST_TEST(::pread(fd, found, 7, 0) == 7);
            BOOST_TEST(std::string_view{found} == "beforeB");
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
