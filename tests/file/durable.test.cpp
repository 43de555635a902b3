#include <bobbin/file/durable.hpp>

#include <bobbin/file/background.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/step_threads.hpp>

#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using namespace std::chrono_literals;

namespace {

std::string content(auto& fs, FileHandle dir, const char* name) {
    auto h = fs.open_at(dir, name, OpenMode::read);
    if (!h) return "missing";
    std::string text(100, '?');
    const auto got = fs.read_at(*h, std::as_writable_bytes(std::span{text}), 0);
    (void)fs.close(*h);
    return got ? text.substr(0, *got) : "error";
}

// Syncs do not come back for a day.
struct SlowFs : SimFs {
    Result<void> sync(FileHandle h) noexcept {
        StepClock{}.sleep_for(24h);
        return SimFs::sync(h);
    }
    Result<void> sync_directory(FileHandle h) noexcept {
        StepClock{}.sleep_for(24h);
        return SimFs::sync_directory(h);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(file_durable)

BOOST_AUTO_TEST_CASE(in_line_and_by_a_thread) {
    const bobbin_tests::TemporaryDirectory place;
    const auto all = [](auto fs, const std::string& path) {
        for (const auto deadline :
             {std::chrono::nanoseconds::max(), std::chrono::nanoseconds{60s}}) {
            const DurableOptions options{deadline, {}};
            const auto dir = *fs.open_root(path.c_str(), RootMode::create_if_missing);
            for (const auto* text : {"old", "newer"}) {
                BOOST_TEST(durable_replace(fs, dir, "name", as_bytes(text), options).has_value());
                BOOST_TEST(content(fs, dir, "name") == text);
            }
            BOOST_TEST(content(fs, dir, "name.new") == "missing");
            BOOST_TEST(durable_directory(fs, dir, options).has_value());
            const auto file = *fs.open_at(dir, "name", OpenMode::write);
            BOOST_TEST(static_cast<bool>(durable_file(fs, file, options)));
            BOOST_TEST((fs.close(file) && fs.close(dir)));
            BOOST_TEST(!durable_directory(fs, no_file, options));
            BOOST_TEST(!durable_file(fs, no_file, options));
            BOOST_TEST(!durable_replace(fs, no_file, "x", {}, options));
        }
    };
    all(PosixFs{}, place / "d");
    all(SimFs{}, "/sim/d");
}

BOOST_AUTO_TEST_CASE(whatever_fails_the_content_is_old_or_new) {
    for (std::uint64_t nth = 1;; ++nth) {
        FaultyFs<SimFs> fs;
        const auto dir = *fs.open_root("/sim/d", RootMode::create_if_missing);
        BOOST_TEST(durable_replace(fs, dir, "name", as_bytes("old")).has_value());
        fs.plan().add({CallSet::all(), nth, false, EIO});
        const bool done = durable_replace(fs, dir, "name", as_bytes("new")).has_value();
        const bool met = fs.plan().hits() != 0;
        fs.plan().clear();
        const auto found = content(fs, dir, "name");
        BOOST_TEST((found == "old" || found == "new"));
        if (done) BOOST_TEST(found == "new");
        BOOST_TEST(content(fs, dir, "name.new") == "missing", nth);
        BOOST_TEST(ground_of(fs).open_handles() == 1u);
        if (!met) break;
        BOOST_TEST(!done);
    }
}

BOOST_AUTO_TEST_CASE(a_crash_leaves_the_old_or_the_new) {
    SimFs fs;
    const auto dir = *fs.open_root("/sim/d", RootMode::create_if_missing);
    BOOST_TEST(durable_replace(fs, dir, "name", as_bytes("old")).has_value());
    BOOST_TEST(fs.disk().pending_names().empty());
    BOOST_TEST(durable_replace(fs, dir, "name", as_bytes("new")).has_value());
    const auto disk = fs.disk();
    BOOST_TEST(disk.pending_names().empty());
    BOOST_TEST(disk.node(disk.lookup("/sim/d/name")).pending.empty());
}

BOOST_AUTO_TEST_CASE(a_deadline_is_kept_and_told) {
    StepScheduler scheduler;
    scheduler.run([] {
        SlowFs fs;
        const auto dir = *fs.open_root("/sim/d", RootMode::create_if_missing);
        const auto file = *fs.open_at(dir, "a", OpenMode::create);
        const DurableOptions options{2s, {}};
        const StepClock clock;
        const auto start = clock.monotonic();
        const auto synced = durable_file<StepThreads>(fs, file, options, clock);
        BOOST_TEST((synced.outcome() == SyncResult::Outcome::timed_out));
        const auto directory = durable_directory<StepThreads>(fs, dir, options, clock);
        BOOST_TEST((directory.error().kind() == ErrorKind::stalled));
        const auto replaced =
            durable_replace<StepThreads>(fs, dir, "b", as_bytes("new"), options, clock);
        BOOST_TEST((replaced.error().kind() == ErrorKind::stalled));
        BOOST_TEST((clock.monotonic() - start == 6s));
        BOOST_TEST(abandoned_workers() == 3u);

        std::stop_source stop;
        stop.request_stop();
        BOOST_TEST((durable_file<StepThreads>(fs, file, {2s, stop.get_token()}, clock).outcome() ==
                    SyncResult::Outcome::cancelled));
        clock.sleep_for(100h);
        BOOST_TEST(abandoned_workers() == 0u);
        BOOST_TEST(content(fs, dir, "b") == "new");
        BOOST_TEST((fs.close(file) && fs.close(dir)));
        BOOST_TEST(fs.open_handles() == 0u);
    });
    for (const auto& failure : scheduler.failures()) BOOST_ERROR(failure);
}

BOOST_AUTO_TEST_CASE(an_error_pending_for_the_caller_is_told) {
    FaultyFs<SimFs> fs;
    const auto dir = *fs.open_root("/sim/d", RootMode::create_if_missing);
    const auto file = *fs.open_at(dir, "a", OpenMode::create), other = *fs.reopen(file);
    BOOST_TEST(fs.write_at(file, as_bytes("bytes"), 0).has_value());
    fs.plan().add({Call::wait_writeback});
    BOOST_TEST(!fs.wait_writeback(other, 0, 0));
    BOOST_TEST((durable_file(fs, file, {60s, {}}).outcome() == SyncResult::Outcome::failed));
    for (const auto h : {file, other, dir}) BOOST_TEST(fs.close(h).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
