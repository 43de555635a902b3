#include <bobbin/media/run.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

using namespace bobbin;
using namespace bobbin::media;

namespace {

constexpr std::int64_t second = 90'000;
constexpr std::int64_t epoch = 1'600'000'000 * second;  // a whole minute and 40 s

struct Recording {
    RecordingStart begun;
    std::vector<VideoIndex::Record> records;
    std::vector<std::size_t> sizes;
    RecordingEnd ended;
    bool complete = false;
};

struct Recorder {
    std::vector<Recording> recordings;
    int fail_at = -1;  // the call that fails

    Result<void> called() noexcept {
        return fail_at-- == 0 ? Result<void>{Error{Errc::overrun, Operation::append}} : Result<void>{};
    }
    Result<void> begin(const RecordingStart& start) noexcept {
        if (auto r = called(); !r) return r;
        recordings.push_back({start, {}, {}, {}, false});
        return {};
    }
    Result<void> append(ByteView bytes, VideoIndex::Record record) noexcept {
        if (auto r = called(); !r) return r;
        recordings.back().records.push_back(record);
        recordings.back().sizes.push_back(bytes.size());
        return {};
    }
    Result<void> end(const RecordingEnd& end) noexcept {
        if (auto r = called(); !r) return r;
        recordings.back().ended = end;
        recordings.back().complete = true;
        return {};
    }
};
static_assert(RunSink<Recorder>);

std::shared_ptr<const SampleEntry> entry(unsigned number) {
    SampleEntry e;
    e.box.assign(number, std::byte{1});
    return std::make_shared<const SampleEntry>(std::move(e));
}

struct Fixture {
    Recorder sink;
    Run<Recorder> run{sink};
    std::vector<std::byte> bytes;
    std::shared_ptr<const SampleEntry> current = entry(1);
    using Outcome = Run<Recorder>::Outcome;

    Outcome push(std::int64_t time, std::int64_t local, bool sync, std::size_t size = 10) {
        bytes.assign(size, std::byte{7});
        const auto r = run.push({sync, MediaDuration{time}, WallTime{local}, current}, bytes);
        BOOST_REQUIRE(r);
        return *r;
    }
    /// `count` samples at 30 a second, a sync sample each second; the camera's clock runs `faster` ticks a minute.
    void stream(std::int64_t count, std::int64_t faster = 0, std::int64_t first = 0) {
        for (std::int64_t n = first; n < first + count; ++n) {
            const auto time = n * 3000 + n * faster / 1800;
            push(time, epoch + n * 3000, n % 30 == 0);
        }
    }
    const Recording& at(std::size_t n) { return sink.recordings.at(n); }
    std::size_t total_records() const {
        return std::accumulate(sink.recordings.begin(), sink.recordings.end(), std::size_t{0},
                               [](std::size_t sum, const Recording& r) { return sum + r.records.size(); });
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(media_run, Fixture)

BOOST_AUTO_TEST_CASE(nothing_before_the_first_sync_sample_with_a_time) {
    BOOST_CHECK(push(0, epoch, false) == Outcome::waiting);
    bytes.assign(5, std::byte{1});
    const auto untimed = run.push({true, {}, WallTime{epoch}, current}, bytes);
    BOOST_REQUIRE(untimed);
    BOOST_CHECK(*untimed == Outcome::waiting);
    BOOST_TEST(bytes.size() == 5U);
    BOOST_TEST(sink.recordings.empty());
    BOOST_CHECK(push(3000, epoch, true) == Outcome::run_started);
    BOOST_CHECK(push(6000, epoch + 3000, false) == Outcome::taken);
    BOOST_REQUIRE(run.finish(RunEnd::stopped));
    BOOST_TEST(!run.running());
    const auto& r = at(0);
    BOOST_REQUIRE(r.complete);
    BOOST_TEST(r.records.size() == 2U);
    BOOST_TEST(r.records[0].duration.count == 3000);
    BOOST_TEST(r.records[0].sync);
    BOOST_TEST(r.records[1].duration.count == 0);
    BOOST_TEST(r.ended.trailing_zero);
    BOOST_CHECK(r.ended.reason == RunEnd::stopped);
    BOOST_TEST(r.ended.media_duration.count == 3000);
    BOOST_TEST(r.ended.start.ticks == epoch);
}

BOOST_AUTO_TEST_CASE(recordings_switch_at_sync_samples_and_lose_nothing) {
    stream(30 * 300);
    BOOST_REQUIRE(run.finish(RunEnd::stopped));
    // 20 s to the whole minute, and that is too short for a first: 80 s; then minutes.
    BOOST_REQUIRE_EQUAL(sink.recordings.size(), 5U);
    BOOST_TEST(at(0).ended.media_duration.count == 80 * second);
    BOOST_TEST(at(1).ended.media_duration.count == 60 * second);
    BOOST_TEST(total_records() == 9000U);
    auto start = epoch;
    for (std::size_t n = 0; n < 5; ++n) {
        BOOST_TEST(at(n).ended.run_offset == n);
        BOOST_TEST(at(n).begun.start.ticks == start);
        BOOST_TEST(at(n).ended.start.ticks == start);
        BOOST_TEST(at(n).ended.trailing_zero == (n == 4));
        BOOST_TEST(at(n).records.front().sync);
        start += at(n).ended.wall_duration.count;
    }
    BOOST_CHECK(at(0).ended.reason == RunEnd::none);
    BOOST_CHECK(at(4).ended.reason == RunEnd::stopped);
}

BOOST_AUTO_TEST_CASE(switches_are_staggered) {
    BOOST_TEST(stagger(WallDuration{60}, 1, 3).count == 20);
    Run<Recorder> other{sink, {.offset = WallDuration{30 * second}}};
    run = other;
    stream(30 * 100);
    // 40 s into the minute: 50 s to the next switch, so the first one lasts 110 s
    BOOST_TEST(sink.recordings.size() == 1U);
    stream(30 * 20, 0, 3000);
    BOOST_REQUIRE_EQUAL(sink.recordings.size(), 2U);
    BOOST_TEST(at(0).ended.media_duration.count == 110 * second);
}

BOOST_AUTO_TEST_CASE(a_burst_at_connect_gets_the_right_start) {
    // two seconds of frames arrive at once; they were made before
    const auto arrived = epoch + 2 * second;
    for (int n = 0; n < 60; ++n) push(n * 3000, arrived, n == 0);
    for (int n = 60; n < 90; ++n) push(n * 3000, epoch + n * 3000, false);
    BOOST_REQUIRE(run.finish(RunEnd::stopped));
    BOOST_TEST(at(0).begun.start.ticks == arrived);
    BOOST_TEST(at(0).ended.start.ticks == epoch);
    BOOST_TEST(at(0).ended.local_start_delta.count == 0);
}

BOOST_AUTO_TEST_CASE(drift_is_corrected_slowly) {
    // the camera's clock is 540 ticks a minute too fast: recordings end up too long, and are shortened
    stream(30 * 300, 540);
    BOOST_REQUIRE(run.finish(RunEnd::stopped));
    const auto& second_one = at(1);
    BOOST_TEST(second_one.ended.local_start_delta.count < 0);
    BOOST_TEST(second_one.ended.wall_duration.count ==
               second_one.ended.media_duration.count + second_one.ended.local_start_delta.count);
    auto drift = at(3).ended.local_start_delta.count;
    BOOST_TEST(drift > -1500);
}

BOOST_AUTO_TEST_CASE(a_lasting_jump_of_the_clocks_starts_a_new_run) {
    stream(30 * 80);
    // from here on local time is 6 s later, while the camera's clock goes on
    for (std::int64_t n = 2400; n < 2400 + 30 * 121; ++n) push(n * 3000, epoch + n * 3000 + 6 * second, n % 30 == 0);
    BOOST_REQUIRE(run.finish(RunEnd::stopped));
    std::size_t parted = 0;
    for (std::size_t n = 0; n < sink.recordings.size(); ++n)
        if (at(n).ended.reason == RunEnd::clock_jump) {
            ++parted;
            BOOST_TEST(!at(n).ended.trailing_zero);
            BOOST_TEST(at(n + 1).ended.run_offset == 0U);
            BOOST_TEST(at(n + 1).ended.local_start_delta.count == 0);
        }
    BOOST_TEST(parted == 1U);
    BOOST_TEST(total_records() == 2400U + 3630U);
}

BOOST_AUTO_TEST_CASE(times_that_do_not_rise_or_jump_end_the_run) {
    stream(31);
    BOOST_CHECK(push(30 * 3000, epoch, false) == Outcome::run_ended);
    BOOST_CHECK(at(0).ended.reason == RunEnd::time_not_rising);
    BOOST_TEST(at(0).records.size() == 31U);
    BOOST_TEST(at(0).ended.trailing_zero);
    BOOST_CHECK(push(31 * 3000, epoch, false) == Outcome::waiting);
    BOOST_CHECK(push(32 * 3000, epoch, true) == Outcome::run_started);
    BOOST_CHECK(push(32 * 3000 + 5 * second, epoch, false) == Outcome::taken);
    BOOST_CHECK(push(32 * 3000 + 10 * second + 1, epoch, true) == Outcome::run_replaced);
    BOOST_CHECK(at(1).ended.reason == RunEnd::time_jump);
    BOOST_TEST(at(2).begun.run_offset == 0U);
    BOOST_CHECK(push(-5, epoch, true) == Outcome::run_replaced);

    constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
    constexpr auto highest = std::numeric_limits<std::int64_t>::max();
    BOOST_CHECK(push(lowest, epoch, true) == Outcome::run_replaced);
    BOOST_CHECK(push(highest, epoch, true) == Outcome::run_replaced);
    bytes.assign(1, std::byte{});
    BOOST_CHECK(*run.push({false, {}, WallTime{epoch}, current}, bytes) == Outcome::run_ended);
    BOOST_CHECK(sink.recordings.back().ended.reason == RunEnd::time_missing);
}

BOOST_AUTO_TEST_CASE(without_sync_samples_a_recording_ends_after_five_minutes) {
    push(0, epoch, true);
    int n = 1;
    while (push(n * 3000, epoch + n * 3000, false) == Outcome::taken) ++n;
    const auto& r = at(0);
    BOOST_CHECK(r.ended.reason == RunEnd::no_sync_sample);
    BOOST_TEST(r.ended.wall_duration.count <= 300 * second);
    BOOST_TEST(r.ended.media_duration.count > 299 * second);
    BOOST_TEST(r.records.size() == static_cast<std::size_t>(n));
}

BOOST_AUTO_TEST_CASE(new_parameter_sets_start_a_recording_of_the_same_run) {
    stream(60);
    current = entry(1);  // equal: no reason to switch
    stream(30, 0, 60);
    BOOST_TEST(sink.recordings.size() == 1U);
    current = entry(2);
    stream(30, 0, 90);
    BOOST_REQUIRE(run.finish(RunEnd::stopped));
    BOOST_REQUIRE_EQUAL(sink.recordings.size(), 2U);
    BOOST_TEST(at(1).begun.run_offset == 1U);
    BOOST_TEST(at(1).begun.entry == current);
    BOOST_TEST(at(0).ended.media_duration.count == 3 * second);
}

BOOST_AUTO_TEST_CASE(the_last_sample_of_a_run_begins_no_recording) {
    stream(30 * 80 + 1);  // the last one is where the first recording would switch
    BOOST_REQUIRE(run.finish(RunEnd::stopped));
    BOOST_REQUIRE_EQUAL(sink.recordings.size(), 1U);
    BOOST_TEST(at(0).records.size() == 2401U);
    BOOST_TEST(at(0).ended.media_duration.count == 80 * second);
    BOOST_TEST(at(0).ended.trailing_zero);
    BOOST_CHECK(at(0).ended.reason == RunEnd::stopped);
}

BOOST_AUTO_TEST_CASE(the_last_sample_begins_one_if_it_is_of_another_kind) {
    stream(30);
    current = entry(2);
    stream(1, 0, 30);
    BOOST_REQUIRE(run.finish(RunEnd::stopped));
    BOOST_REQUIRE_EQUAL(sink.recordings.size(), 2U);
    BOOST_TEST(at(0).records.size() == 30U);
    BOOST_TEST(!at(0).ended.trailing_zero);
    BOOST_TEST(at(1).records.size() == 1U);
    BOOST_TEST(at(1).begun.entry == current);
    BOOST_TEST(at(1).ended.trailing_zero);
}

BOOST_AUTO_TEST_CASE(an_empty_sample_ends_the_run) {
    stream(3);
    BOOST_CHECK(push(9000, epoch, false, 0) == Outcome::run_ended);
    BOOST_CHECK(at(0).ended.reason == RunEnd::sample_refused);
}

BOOST_AUTO_TEST_CASE(one_sample_makes_a_recording_of_one_tick) {
    stream(1);
    BOOST_REQUIRE(run.finish(RunEnd::source_failed));
    BOOST_TEST(at(0).ended.media_duration.count == 0);
    BOOST_TEST(at(0).ended.wall_duration.count == 1);
    BOOST_REQUIRE(run.finish(RunEnd::source_failed));
    BOOST_TEST(sink.recordings.size() == 1U);
}

BOOST_AUTO_TEST_CASE(buffers_are_swapped) {
    bytes.reserve(100);
    bytes.assign(50, std::byte{1});
    const auto* memory = bytes.data();
    BOOST_REQUIRE(run.push({true, MediaDuration{0}, WallTime{epoch}, current}, bytes));
    bytes.assign(20, std::byte{2});
    BOOST_REQUIRE(run.push({false, MediaDuration{1}, WallTime{epoch}, current}, bytes));
    BOOST_TEST(bytes.data() == memory);
    BOOST_TEST(at(0).sizes.front() == 50U);
}

BOOST_AUTO_TEST_CASE(whatever_call_fails_the_run_is_over_and_the_next_one_works) {
    for (int call = 0; call < 2700; ++call) {
        sink = Recorder{};
        sink.fail_at = call;
        run = Run<Recorder>{sink};
        bool failed = false;
        for (std::int64_t n = 0; n < 2600 && !failed; ++n) {
            bytes.assign(4, std::byte{});
            const auto r = run.push({n % 30 == 0, MediaDuration{n * 3000}, WallTime{epoch + n * 3000}, current}, bytes);
            failed = !r;
        }
        if (!failed) failed = !run.finish(RunEnd::stopped);
        if (!failed) {
            BOOST_TEST(call > 2600);
            return;
        }
        BOOST_REQUIRE(!run.running());
        BOOST_REQUIRE(push(0, epoch, true) == Outcome::run_started);
        if (call > 20 && call < 2400) call += 50;
    }
    BOOST_ERROR("no run was long enough");
}

BOOST_AUTO_TEST_SUITE_END()
