#include <bobbin/file/auto.hpp>

#include <bobbin/file/nfs_skip.hpp>
#include <bobbin/file/no_op.hpp>
#include <bobbin/file/uncached.hpp>
#include <bobbin/file/writeback.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/conformance/file_policy.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>

#include "disks.hpp"
#include "files.hpp"
#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using bobbin_tests::Files;

namespace {

using Fs = TracingFs<FaultyFs<SimFs>>;

constexpr std::uint32_t ext4 = 0xEF53, nfs = 0x6969, zfs = 0x2FC12FC1, tmpfs = 0x01021994;

struct Told : NullObserver {
    std::shared_ptr<std::vector<ModeChoice>> modes = std::make_shared<std::vector<ModeChoice>>();
    std::shared_ptr<std::vector<Error>> errors = std::make_shared<std::vector<Error>>();
    void on_write_mode(WriteMode mode, WriteModeReason why) noexcept {
        modes->push_back({mode, why});
    }
    void on_error(const Error& error) noexcept { errors->push_back(error); }
};

struct Stage {
    explicit Stage(SimOptions options = {}) : fs{FaultyFs<SimFs>{SimFs{options}}} {}
    File<Fs> file() {
        auto dir = *FsDirectory<Fs>::open("/sim/d", RootMode::create_if_missing, fs);
        return *dir.create(ObjectId{++last});
    }
    auto count(Call which) const {
        return std::ranges::count(fs.trace().calls(), which, &TracedCall::call);
    }
    FaultPlan& plan() { return fs.next_layer().plan(); }
    Fs fs;
    std::uint64_t last = 0;
    Told told;
};

template <class F>
std::string read(F& file) {
    std::string all(static_cast<std::size_t>(lowest_layer(file).size().value), '?');
    const auto got = lowest_layer(file).read_at(std::as_writable_bytes(std::span{all}), 0);
    return got ? all.substr(0, *got) : "error";
}

const std::string text(3'000'000, 'x');
const WritebackOptions small{.cap = 1_MiB};

}  // namespace

BOOST_AUTO_TEST_SUITE(file_modes)

BOOST_AUTO_TEST_CASE(what_auto_chooses_it_tells) {
    using enum WriteMode;
    using R = WriteModeReason;
    const std::map<std::uint32_t, ModeChoice> expected = {
        {ext4, {uncached, R::uncached_supported}},
        {nfs, {write_back, R::network}},
        {zfs, {paced_sync, R::no_range_writeback}},
        {tmpfs, {plain, R::in_memory}}};
    for (const auto& [type, choice] : expected) {
        Stage stage{{.type = type, .uncached = true}};
        Auto<File<Fs>, SystemClock, Told> file{stage.file(), small, {}, stage.told};
        BOOST_TEST((file.append(as_bytes(text)) && file.sync()));
        BOOST_TEST((*stage.told.modes == std::vector{choice}));
        BOOST_TEST((file.report().mode == choice));
        BOOST_TEST((read(file) == text));
    }
}

BOOST_AUTO_TEST_CASE(a_type_that_cannot_be_asked_for_is_local_and_told) {
    Stage stage{{.type = nfs}};
    stage.plan().add({Call::type, 1, false, EIO});
    NfsSkip<File<Fs>, SystemClock, Told> file{stage.file(), small, {}, stage.told};
    BOOST_TEST((file.report().mode == ModeChoice{WriteMode::write_back, WriteModeReason::asked}));
    BOOST_TEST(stage.told.errors->size() == 1u);
    BOOST_TEST(!file.fault().has_value());
}

BOOST_AUTO_TEST_CASE(nfs_skip_neither_waits_nor_drops_on_a_network) {
    Stage stage{{.type = nfs}};
    NfsSkip file{stage.file(), small};
    BOOST_TEST((file.append(as_bytes(text)) && file.sync() && file.close()));
    BOOST_TEST(stage.count(Call::start_writeback) > 5);
    BOOST_TEST(stage.count(Call::wait_writeback) == 1);  // of the guard, which asks for errors
    BOOST_TEST(stage.count(Call::drop_cache) == 0);

    Stage local;
    NfsSkip other{local.file(), small};
    BOOST_TEST(other.append(as_bytes(text)).has_value());
    BOOST_TEST(local.count(Call::wait_writeback) > 5);
}

BOOST_AUTO_TEST_CASE(in_memory_there_is_nothing_to_do) {
    Stage stage{{.type = tmpfs}};
    Writeback file{stage.file(), small};
    BOOST_TEST((file.append(as_bytes(text)) && file.sync()));
    for (const auto call : {Call::start_writeback, Call::drop_cache})
        BOOST_TEST(stage.count(call) == 0);
}

BOOST_AUTO_TEST_CASE(where_ranges_are_not_written_back_windows_are_synced) {
    Stage stage{{.type = zfs}};
    Writeback file{stage.file(), small};
    BOOST_TEST(file.append(as_bytes(text)).has_value());
    BOOST_TEST(stage.count(Call::start_writeback) == 0);
    BOOST_TEST(stage.count(Call::sync) >= 5);
    BOOST_TEST((file.next_layer().cache_status()->cached <= 1_MiB));
    BOOST_TEST((file.report().peak <= 1_MiB));
    // An error of such a sync is latched as any other.
    stage.plan().add({Call::sync, 1, false, EIO});
    BOOST_TEST(!(file.append(as_bytes(text)) && file.sync()));
    BOOST_TEST(!file.sync());
}

BOOST_AUTO_TEST_CASE(a_call_that_turns_out_to_be_missing) {
    // A sandbox that refuses one of the calls.
    struct Refusing : SimFs {
        bool waits_only = false;
        Result<void> start_writeback(FileHandle h, std::uint64_t at, std::uint64_t n) noexcept {
            if (!waits_only) return Error{Errc::not_supported, Operation::write_back};
            return SimFs::start_writeback(h, at, n);
        }
        Result<void> wait_writeback(FileHandle, std::uint64_t, std::uint64_t) noexcept {
            return Error{Errc::not_supported, Operation::write_back};
        }
    };
    for (const bool waits_only : {false, true}) {
        Refusing fs;
        fs.waits_only = waits_only;
        auto dir = *FsDirectory<Refusing>::open("/sim/d", RootMode::create_if_missing, fs);
        Told told;
        Writeback<File<Refusing>, SystemClock, Told> file{
            *dir.create(ObjectId{1}), small, {}, told};
        for (int i = 0; i < 30; ++i) {
            BOOST_TEST(file.append(as_bytes(text).first(100'000)).has_value());
            const auto status = *file.next_layer().cache_status();
            BOOST_TEST((status.dirty + status.writeback <= 1_MiB));
        }
        BOOST_TEST((file.report().mode ==
                    ModeChoice{WriteMode::paced_sync, WriteModeReason::no_range_writeback}));
        BOOST_TEST(told.modes->size() == 2u);
        BOOST_TEST((file.sync() && read(file) == text));
    }
}

BOOST_AUTO_TEST_CASE(small_writes_are_put_together) {
    Stage stage{{.uncached = true}};
    Uncached file{stage.file(), {}};
    for (int i = 0; i < 1500; ++i) BOOST_TEST(*file.append(as_bytes(text).first(2'000)) == 2'000u);
    BOOST_TEST(file.size().value == text.size());
    BOOST_TEST(stage.count(Call::write) == 0);
    BOOST_TEST(stage.count(Call::write_uncached) == 2);
    BOOST_TEST(file.flush().has_value());
    BOOST_TEST(stage.count(Call::write_uncached) == 3);
    BOOST_TEST(stage.count(Call::write) == 1);  // of the page that is not full
    BOOST_TEST((read(file) == text));
    BOOST_TEST(
        (file.write_at(as_bytes("HEAD"), 0) && file.append(as_bytes("tail")) && file.sync()));
    BOOST_TEST(file.next_layer().cache_status()->cached.value == 4096u);
    BOOST_TEST((read(file) == "HEAD" + text.substr(4) + "tail"));
}

BOOST_AUTO_TEST_CASE(the_page_that_it_goes_on_in_stays_in_the_cache) {
    for (const bool uncached : {false, true}) {
        Stage stage{{.uncached = uncached}};
        auto lower = stage.file();
        auto other = *lower.reopen();
        Auto file{std::move(lower), small};
        for (int i = 1; i <= 5; ++i) {
            BOOST_TEST((file.append(as_bytes(text).first(10'000)) && file.flush() && file.sync()));
            BOOST_TEST(other.cache_status()->cached.value == 4096u);
        }
        for (const auto& call : stage.fs.trace().calls())
            if (call.call == Call::write_uncached) BOOST_TEST((call.offset + call.size) % 4096 == 0u);
        BOOST_TEST(file.close().has_value());
        BOOST_TEST(other.cache_status()->cached.value == 0u);
    }
}

BOOST_AUTO_TEST_CASE(going_on_after_a_sync_reads_nothing_from_the_disk) {
    const bobbin_tests::TemporaryDirectory place;
    Files<PosixFs> files{place.path()};
    const auto read_back = [&](auto file) {
        const auto before = bobbin_tests::bytes_read_from_disk();
        for (int i = 0; i < 20; ++i)
            BOOST_TEST((file.append(as_bytes(text).first(37'777)) && file.flush() && file.sync()));
        return bobbin_tests::bytes_read_from_disk() - before;
    };
    // Now and then a page of the file system's own.
    BOOST_TEST(read_back(Writeback{files.make(), small}) <= 5 * 4096u);
    BOOST_TEST(read_back(Uncached{files.make(), small}) <= 5 * 4096u);
}

BOOST_AUTO_TEST_CASE(at_the_first_refusal_it_goes_on_as_writeback) {
    Stage stage;
    Uncached<File<Fs>, SystemClock, Told> file{stage.file(), small, {}, stage.told};
    for (int i = 0; i < 30; ++i) BOOST_TEST(file.append(as_bytes(text).first(100'000)).has_value());
    BOOST_TEST(stage.count(Call::write_uncached) == 1);
    BOOST_TEST(
        (*stage.told.modes ==
         std::vector<ModeChoice>{{WriteMode::uncached, WriteModeReason::uncached_supported},
                                 {WriteMode::write_back, WriteModeReason::uncached_unsupported}}));
    BOOST_TEST((file.sync() && read(file) == text));
}

BOOST_AUTO_TEST_CASE(uncached_bytes_survive_whatever_fails) {
    for (const auto error : {EIO, ENOSPC, EINTR})
        for (std::uint64_t nth = 1; nth < 40; ++nth) {
            Stage stage{{.uncached = true}};
            Uncached file{stage.file(), small};
            stage.plan().add({{Call::write_uncached, Call::write}, nth, false, error});
            stage.plan().add({{Call::write_uncached, Call::write},
                              nth + 2,
                              false,
                              0,
                              Fault::Effect::short_transfer});
            std::string all;
            std::mt19937 random{static_cast<unsigned>(nth)};
            for (int step = 0; step < 12; ++step) {
                const std::string part(random() % 700'000, static_cast<char>('a' + step));
                const auto got = file.append(as_bytes(part));
                if (got) all += part.substr(0, *got);
                BOOST_TEST(file.size().value == all.size());
            }
            while (!file.flush()) {}
            BOOST_TEST((read(file) == all), error << ' ' << nth);
            BOOST_TEST(static_cast<bool>(file.sync()));
        }
}

// The patterns of use, on a real disk, byte by byte: a sweep, patches at scattered places, and a muxer that goes back.
BOOST_AUTO_TEST_CASE(content_is_what_was_written) {
    const bobbin_tests::TemporaryDirectory place;
    auto dir = *PosixDirectory::open(place / "d", RootMode::create_if_missing);
    std::uint64_t last = 0;
    const auto check = [&](auto wrap) {
        std::mt19937 random{3};
        auto file = wrap(*dir.create(ObjectId{++last}));
        std::string model;
        const auto append = [&](std::size_t size) {
            std::string part(size, '\0');
            for (auto& c : part) c = static_cast<char>(random());
            BOOST_TEST(file.append(as_bytes(part)).value_or(std::size_t{0}) == size);
            model += part;
        };
        const auto patch = [&](std::size_t at, std::string_view bytes) {
            BOOST_TEST(file.write_at(as_bytes(bytes), at).has_value());
            model.replace(at, bytes.size(), bytes);
        };
        for (int i = 0; i < 20; ++i) append(1 + random() % 400'000);
        for (int i = 0; i < 300; ++i)
            patch(random() % (model.size() - 100), std::string(1 + random() % 100, '#'));
        std::size_t cluster = model.size();
        for (int i = 0; i < 100; ++i) {
            append(1 + random() % 30'000);
            if (i % 10 != 9) continue;
            patch(cluster, "SEEKHEAD");
            patch(0, "CUES");
            cluster = model.size() - 8;
        }
        BOOST_TEST(static_cast<bool>(file.sync()));
        BOOST_TEST((read(file) == model));
        BOOST_TEST((file.report().peak <= 1_MiB));
        BOOST_TEST(file.close().has_value());
        auto again = *dir.open(ObjectId{last});
        std::string found(model.size() + 1, '?');
        const auto got = again.read_at(std::as_writable_bytes(std::span{found}), 0);
        BOOST_TEST((got && found.substr(0, *got) == model));
    };
    check([](PosixFile f) { return Writeback{std::move(f), small}; });
    check([](PosixFile f) { return Uncached{std::move(f), small}; });
    check([](PosixFile f) { return NfsSkip{std::move(f), small}; });
    check([](PosixFile f) { return Auto{std::move(f), small}; });
}

BOOST_AUTO_TEST_SUITE_END()
