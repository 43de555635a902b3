#include <bobbin/file/writeback.hpp>

#include <bobbin/file/auto.hpp>
#include <bobbin/file/nfs_skip.hpp>
#include <bobbin/file/no_op.hpp>
#include <bobbin/file/uncached.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/conformance/file_policy.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <boost/test/unit_test.hpp>

#include "files.hpp"
#include "slow_disk.hpp"
#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using bobbin_tests::Files;
using bobbin_tests::read;

namespace {

template <class F, class Lower>
F over(Lower lower, const WritebackOptions& options) {
    if constexpr (std::is_constructible_v<F, Lower, const WritebackOptions&>)
        return F{std::move(lower), options};
    else
        return F{NoOp{std::move(lower)}, options};
}
template <class F, class Fs>
void conforms(Files<Fs>& files, const WritebackOptions& options) {
    for (const auto& line : conformance::file_policy<F>(
             [&] { return over<F>(files.make(), options); }, [](F& f) { return read(f); }))
        BOOST_ERROR(line);
}
template <class Fs>
void all_conform(Files<Fs> files) {
    // The small cap makes several windows.
    for (const auto cap : {32_MiB, WritebackOptions::smallest_cap}) {
        WritebackOptions options{.cap = cap, .expected_size = 200_KiB};
        conforms<Writeback<File<Fs>>>(files, options);
        conforms<Uncached<File<Fs>>>(files, options);
        conforms<NfsSkip<File<Fs>>>(files, options);
        conforms<Auto<File<Fs>>>(files, options);
        conforms<Writeback<NoOp<File<Fs>>>>(files, options);
        options.budget = std::make_shared<WritebackBudget>(cap);
        conforms<Writeback<File<Fs>>>(files, options);
        BOOST_TEST(options.budget->used().value == 0u);
        BOOST_TEST(options.budget->files() == 0u);
    }
}

// A file system without any optional call.
struct Bare : SimFs {
    void start_writeback() = delete;
    void wait_writeback() = delete;
    void drop_cache() = delete;
    void cache_status() = delete;
    void preallocate() = delete;
    void reopen() = delete;
    void adopt() = delete;
    void type() = delete;
};

struct Fixture {
    FaultyFs<SimFs> fs;
    Files<FaultyFs<SimFs>> files{"/sim/d", fs};
    using Wrapped = Writeback<File<FaultyFs<SimFs>>, ManualClock>;
    std::string text = std::string(4'000'000, 'x');

    Wrapped make(WritebackOptions options = {.cap = 1_MiB}) {
        return Wrapped{files.make(), options, ManualClock{}};
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(file_writeback, Fixture)

BOOST_AUTO_TEST_CASE(all_wrappers_conform) {
    const bobbin_tests::TemporaryDirectory disk, memory{"/dev/shm"};
    all_conform(Files<PosixFs>{disk / "d"});
    all_conform(Files<PosixFs>{memory / "d"});
    all_conform(Files<SimFs>{"/sim/d"});
    all_conform(Files<Bare>{"/sim/d"});
    all_conform(Files<TracingFs<FaultyFs<SimFs>>>{"/sim/d"});
    for (const std::uint32_t type : {0x6969u, 0x2FC12FC1u, 0x9123683Eu, 0x01021994u})
        all_conform(Files<SimFs>{"/sim/d", SimFs{SimOptions{.type = type}}});
}

BOOST_AUTO_TEST_CASE(what_is_outstanding_stays_below_the_cap) {
    auto file = make();
    for (int i = 0; i < 40; ++i) {
        BOOST_TEST(file.append(as_bytes(text).first(99'999)).has_value());
        const auto status = *file.next_layer().cache_status();
        BOOST_TEST((status.dirty + status.writeback <= 1_MiB));
        BOOST_TEST((status.cached <= 1_MiB));
    }
    BOOST_TEST((file.report().peak <= 1_MiB));
    BOOST_TEST(file.report().kicks > 4u);
    BOOST_TEST(static_cast<bool>(file.sync()));
    BOOST_TEST(file.report().residue->value == 4096u);  // it goes on there
    BOOST_TEST(file.next_layer().cache_status()->cached.value == 4096u);
}

BOOST_AUTO_TEST_CASE(one_large_append_is_cut_into_windows) {
    auto file = make();
    BOOST_TEST(*file.append(as_bytes(text)) == text.size());
    BOOST_TEST((file.report().peak <= 1_MiB));
    BOOST_TEST(read(file) == text.substr(0, 1'000'000));
}

BOOST_AUTO_TEST_CASE(cuts_are_at_pages) {
    TracingFs<SimFs> traced;
    Files<TracingFs<SimFs>> dir{"/sim/d", traced};
    Writeback<File<TracingFs<SimFs>>> file{dir.make(), {.cap = 1_MiB}};
    BOOST_TEST(file.append(as_bytes("head")).has_value());
    BOOST_TEST(file.append(as_bytes(text)).has_value());
    for (const auto& call : traced.trace().calls())
        if (call.call == Call::start_writeback) {
            BOOST_TEST(call.offset % 4096 == 0u);
            BOOST_TEST(call.size % 4096 == 0u);
        }
}

BOOST_AUTO_TEST_CASE(files_share_a_budget) {
    const auto budget = std::make_shared<WritebackBudget>(1_MiB);
    std::vector<Wrapped> open;
    for (int i = 0; i < 4; ++i) open.push_back(make({.budget = budget}));
    BOOST_TEST(budget->files() == 4u);
    for (int round = 0; round < 50; ++round) {
        for (auto& file : open) BOOST_TEST(file.append(as_bytes(text).first(50'000)).has_value());
        std::uint64_t sum = 0;
        for (auto& file : open) {
            const auto status = *file.next_layer().cache_status();
            sum += (status.dirty + status.writeback).value;
        }
        BOOST_TEST(sum <= (1_MiB).value);
        BOOST_TEST(sum <= budget->used().value);
    }
    open.clear();
    BOOST_TEST(budget->used().value == 0u);
    BOOST_TEST(budget->files() == 0u);
}

BOOST_AUTO_TEST_CASE(a_window_takes_about_the_target_time) {
    for (const double rate : {20e6, 80e6, 400e6}) {
        bobbin_tests::SlowDisk disk{rate};
        Writeback<File<bobbin_tests::SlowDisk>, ManualClock> file{file_on(disk), {}, disk.clock()};
        for (int i = 0; i < 300; ++i)
            BOOST_TEST(file.append(as_bytes(text).first(1'000'000)).has_value());
        const auto on_its_way = static_cast<double>(file.report().chunk.value) * 2 / rate;
        BOOST_TEST(on_its_way < 0.2, rate);
        if (rate < 100e6) BOOST_TEST(on_its_way > 0.02, rate);
        BOOST_TEST(disk.peak() <= (32_MiB).value);
    }
}

BOOST_AUTO_TEST_CASE(a_full_disk_loses_nothing_and_is_no_fault) {
    ground_of(fs).set_quota(Bytes{400'000});
    auto file = make();
    const auto taken = file.append(as_bytes(text));
    BOOST_TEST((taken && *taken < 400'001 && *taken > 300'000));
    BOOST_TEST(file.append(as_bytes("x")).error().is_errno(ENOSPC));
    BOOST_TEST(!file.fault().has_value());
    BOOST_TEST(static_cast<bool>(file.sync()));
    ground_of(fs).set_quota(1_GiB);
    BOOST_TEST(*file.append(as_bytes("x")) == 1u);
    BOOST_TEST(file.size().value == *taken + 1);
}

BOOST_AUTO_TEST_CASE(whatever_call_fails_durable_means_durable) {
    for (const bool for_ever : {false, true})
        for (std::uint64_t nth = 1;; ++nth) {
            FaultyFs<SimFs> faulty;
            Files<FaultyFs<SimFs>> dir{"/sim/d", faulty};
            auto lower = dir.make();
            const auto inode = ground_of(faulty).inode_of(lower.handle());
            faulty.plan().add({CallSet::all(), nth, for_ever, EIO});
            std::size_t taken = 0;
            {
                Wrapped file{
                    std::move(lower), {.cap = 256_KiB, .expected_size = 700_KiB}, ManualClock{}};
                while (taken < 600'000) {
                    const auto got = file.append(as_bytes(text).subspan(taken, 600'000 - taken));
                    if (!got) break;
                    taken += *got;
                }
                const auto synced = file.sync();
                if (synced) {
                    const auto disk = ground_of(faulty).disk();
                    BOOST_TEST(disk.node(inode).pending.empty(), "call " << nth);
                    BOOST_TEST(disk.node(inode).durable->size == taken);
                }
                if (file.fault()) BOOST_TEST(!file.sync());
            }
            const bool met = faulty.plan().hits() != 0;
            BOOST_TEST(ground_of(faulty).open_handles() == 1u, "a handle leaked at call " << nth);
            if (!met) break;
        }
}

BOOST_AUTO_TEST_CASE(without_a_sync_it_ends_what_it_began_once) {
    TracingFs<SimFs> traced;
    Files<TracingFs<SimFs>> dir{"/sim/d", traced};
    const auto count = [&](Call which) {
        return std::ranges::count(traced.trace().calls(), which, &TracedCall::call);
    };
    {
        Writeback<File<TracingFs<SimFs>>> file{dir.make(), {.cap = 1_MiB, .expected_size = 8_MiB}};
        BOOST_TEST(file.append(as_bytes(text).first(700'000)).has_value());
        BOOST_TEST(count(Call::truncate) == 0);
    }
    BOOST_TEST(count(Call::sync) == 0);
    auto left = *dir.directory.open(ObjectId{dir.last});
    BOOST_TEST(left.cache_status()->writeback.value == 0u);
    BOOST_TEST(left.close().has_value());
    BOOST_TEST(count(Call::truncate) == 1);
    BOOST_TEST(count(Call::close) == 3);
    {
        Writeback<File<TracingFs<SimFs>>> file{dir.make(), {.cap = 1_MiB, .expected_size = 8_MiB}};
        BOOST_TEST((file.append(as_bytes(text).first(172 * 4096)) && file.sync()));
        const auto waits = count(Call::wait_writeback), drops = count(Call::drop_cache);
        BOOST_TEST(file.close().has_value());
        BOOST_TEST(count(Call::wait_writeback) == waits);
        BOOST_TEST(count(Call::drop_cache) == drops);
    }
    BOOST_TEST(count(Call::sync) == 1);
    BOOST_TEST(count(Call::truncate) == 2);
}

BOOST_AUTO_TEST_CASE(the_observer_is_told_of_the_first_error) {
    struct Told : NullObserver {
        std::shared_ptr<std::vector<Error>> errors = std::make_shared<std::vector<Error>>();
        void on_error(const Error& error) noexcept { errors->push_back(error); }
    } told;
    fs.plan().add({Call::wait_writeback, 2, true, EIO});
    {
        Writeback<File<FaultyFs<SimFs>>, ManualClock, Told> file{
            files.make(), {.cap = 256_KiB}, ManualClock{}, told};
        (void)file.append(as_bytes(text));
        BOOST_TEST(!file.flush());
    }
    BOOST_TEST(told.errors->size() == 1u);
    BOOST_TEST((told.errors->front().kind() == ErrorKind::lost_write));
}

BOOST_AUTO_TEST_CASE(an_adopted_file_goes_on_where_it_ends) {
    const bobbin_tests::TemporaryDirectory place;
    const auto path = place / "log";
    const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_APPEND, 0600);
    BOOST_TEST(::write(fd, "before", 6) == 6);
    auto adopted = PosixFile::adopt(fd);
    BOOST_REQUIRE(adopted.has_value());
    auto file = Writeback<PosixFile>::open(std::move(*adopted));
    BOOST_REQUIRE(file.has_value());
    BOOST_TEST(
        (file->append(as_bytes(" after")) && file->write_at(as_bytes("B"), 0) && file->sync()));
    BOOST_TEST(read(*file) == "Before after");
    BOOST_TEST(file->report().back_patches == 1u);
}

BOOST_AUTO_TEST_CASE(bad_input_is_told) {
    const bobbin_tests::TemporaryDirectory place;
    PosixFs posix;
    const auto dir = *posix.open_root(place.path().c_str(), RootMode::existing);
    BOOST_TEST(PosixFile::adopt(dir).error().is_errno(EISDIR));
    int ends[2];
    BOOST_TEST(::pipe(ends) == 0);
    BOOST_TEST(PosixFile::adopt(ends[1]).error().is_errno(ESPIPE));
    BOOST_TEST((PosixFile::adopt(ends[1]).error().kind() == ErrorKind::bad_input));
    BOOST_TEST((Writeback<PosixFile>::open(PosixFile{posix, ends[1]}).error().is_errno(ESPIPE)));
    ::close(ends[0]);
    BOOST_TEST((Writeback<PosixFile>::open(PosixFile{posix, dir}).error().is_errno(EISDIR)));

    const auto made = posix.open_root((place / "d").c_str(), RootMode::create_if_missing);
    BOOST_TEST(posix.close(*posix.open_at(*made, "f", OpenMode::create)).has_value());
    const auto reading = *posix.open_at(*made, "f", OpenMode::read);
    BOOST_TEST(PosixFile::adopt(reading).error().is_errno(EBADF));
    Writeback<PosixFile> reader{PosixFile{posix, reading}};
    BOOST_TEST(reader.append(as_bytes("x")).error().is_errno(EBADF));
    BOOST_TEST((reader.append(as_bytes("x")).error().kind() == ErrorKind::bad_input));
    BOOST_TEST(posix.close(*made).has_value());

    for (const auto cap : {0_B, 4_KiB}) {
        BOOST_TEST(Wrapped::open(files.make(), {.cap = cap}, ManualClock{})
                       .error()
                       .is(Errc::invalid_argument));
        auto unusable = make({.cap = cap});
        BOOST_TEST(unusable.append(as_bytes("x")).error().is(Errc::invalid_argument));
        BOOST_TEST((unusable.sync().outcome() == SyncResult::Outcome::not_attempted));
    }
    auto file = make();
    BOOST_TEST((file.write_at(as_bytes("xx"), INT64_MAX).error().kind() == ErrorKind::bad_input));
    BOOST_TEST(file.append(as_bytes("x")).has_value());
    BOOST_TEST(files.directory.remove(ObjectId{files.last}).has_value());
    const auto synced = file.sync();
    BOOST_TEST(synced.error().is_errno(ENOENT));
    BOOST_TEST((synced.error().kind() == ErrorKind::stale));
}

BOOST_AUTO_TEST_SUITE_END()
