#include "catalog/catalog.hpp"

#include "fixture.hpp"

using namespace nvr_tests;

namespace {

struct Fixture : TemporaryDirectory {
    std::optional<Site> site{std::in_place, path};

    std::vector<Recording> all() {
        auto found = site->footage->by_time(site->stream, WallTime{INT64_MIN}, WallTime{INT64_MAX});
        BOOST_REQUIRE(found);
        return *found;
    }
    CameraStream stream() { return site->catalog->cameras()->front().streams.front(); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(nvr_catalog, Fixture)

BOOST_AUTO_TEST_CASE(cameras_are_added_and_updated) {
    const auto before = site->catalog->cameras()->front();
    BOOST_REQUIRE(site->catalog->put_camera("door", "rtsp://192.0.2.2/", 5_GiB));
    BOOST_REQUIRE(site->catalog->put_camera("yard", "rtsp://192.0.2.3/", {}));
    const auto cameras = *site->catalog->cameras();
    BOOST_REQUIRE_EQUAL(cameras.size(), 2U);
    BOOST_TEST((cameras[0].uuid == before.uuid));
    BOOST_TEST((cameras[0].streams[0].id == before.streams[0].id));
    BOOST_TEST(cameras[0].streams[0].url == "rtsp://192.0.2.2/");
    BOOST_TEST(cameras[0].streams[0].retain->value == (5_GiB).value);
    BOOST_TEST(!cameras[1].streams[0].retain);
    BOOST_REQUIRE(site->catalog->share_space(7_GiB));
    BOOST_TEST(site->catalog->cameras()->at(0).streams[0].limit.value == (5_GiB).value);
    BOOST_TEST(site->catalog->cameras()->at(1).streams[0].limit.value == (2_GiB).value);
}

BOOST_AUTO_TEST_CASE(a_run_of_recordings) {
    site->begin(noon);
    site->append(30);
    site->end();
    site->begin(site->begun, 1);
    site->append(30, 100, 0);
    site->end(media::RunEnd::stopped, -5);
    site->commit();
    const auto found = all();
    BOOST_REQUIRE_EQUAL(found.size(), 2U);
    BOOST_TEST(found[0].start.ticks == noon.ticks);
    BOOST_TEST(found[0].media_duration.count == 90'000);
    BOOST_TEST(found[0].samples == 30U);
    BOOST_TEST(found[0].bytes.value == 3000U);
    BOOST_TEST(found[0].is_committed);
    BOOST_TEST(!found[0].end_reason);
    BOOST_TEST(found[1].start.ticks == found[0].end().ticks);
    BOOST_TEST(found[1].wall_duration.count == 87'000 - 5);
    BOOST_TEST(found[1].run_start == 1U);
    BOOST_TEST(found[1].has_trailing_zero);
    BOOST_TEST(*found[1].end_reason == "stopped");
    BOOST_TEST(stream().recordings == 2);
    BOOST_TEST(stream().bytes.value == 6000U);
    BOOST_TEST(stream().allocated.value == 8192U);
    BOOST_TEST(stream().duration.count == 90'000 + 87'000 - 5);
    const auto span = *site->catalog->span_of(site->stream);
    BOOST_TEST(span->start.ticks == noon.ticks);
    BOOST_TEST(span->end.ticks == found[1].end().ticks);
}

BOOST_AUTO_TEST_CASE(an_empty_stream) {
    BOOST_TEST(all().empty());
    BOOST_TEST(!*site->catalog->span_of(site->stream));
    BOOST_TEST(stream().recordings == 0);
}

BOOST_AUTO_TEST_CASE(growing_ones_are_seen_as_they_stand) {
    site->begin(noon);
    site->append(12);
    auto found = all();
    BOOST_REQUIRE_EQUAL(found.size(), 1U);
    BOOST_TEST(found[0].is_growing);
    BOOST_TEST(!found[0].is_committed);
    BOOST_TEST(found[0].run_start == 1U);
    BOOST_TEST(found[0].media_duration.count == 36'000);
    BOOST_TEST((found[0].open == site->store->open_record().id));
    BOOST_REQUIRE(found[0].index);
    BOOST_TEST(VideoIndex::count(*found[0].index, found[0].bytes)->samples == 12U);
    site->append(3);
    BOOST_TEST(all()[0].samples == 15U);
    site->end();
    site->begin(site->begun, 1);
    site->append(1);
    found = all();
    BOOST_REQUIRE_EQUAL(found.size(), 2U);
    BOOST_TEST(!found[0].is_growing);
    BOOST_TEST(found[1].run_start == 1U);
    site->commit();
    found = all();
    BOOST_REQUIRE_EQUAL(found.size(), 2U);
    BOOST_TEST(found[0].is_committed);
    BOOST_TEST(found[1].is_growing);
}

BOOST_AUTO_TEST_CASE(a_range_of_time_takes_what_overlaps_it) {
    site->begin(noon);
    for (unsigned i = 0; i < 5; ++i) {
        if (i != 0) site->begin(site->begun, i);
        site->append(30);
        site->end();
    }
    site->commit();
    const auto count = [&](std::int64_t from, std::int64_t to) {
        return site->footage->by_time(site->stream, WallTime{noon.ticks + from}, WallTime{noon.ticks + to})->size();
    };
    BOOST_TEST(count(0, 90'000) == 1U);
    BOOST_TEST(count(0, 90'001) == 2U);
    BOOST_TEST(count(89'999, 90'001) == 2U);
    BOOST_TEST(count(90'000, 180'000) == 1U);
    BOOST_TEST(count(-100, 0) == 0U);
    BOOST_TEST(count(450'000, 500'000) == 0U);
    BOOST_TEST(count(449'999, 500'000) == 1U);
    BOOST_TEST(site->footage->by_number(site->stream, 2, 4)->size() == 3U);
}

BOOST_AUTO_TEST_CASE(listing_is_one_scan_of_a_covering_index) {
    auto reader = site->store->reader();
    BOOST_REQUIRE(reader);
    auto explain = reader->statement("explain query plan " + std::string{Catalog::sql_by_time()});
    BOOST_REQUIRE(explain);
    BOOST_REQUIRE(explain->bind(site->stream, std::int64_t{0}, std::int64_t{1}));
    std::vector<std::string> plan;
    BOOST_REQUIRE((explain->each<std::int64_t, std::int64_t, std::int64_t, std::string>(
        [&](std::int64_t, std::int64_t, std::int64_t, std::string line) { plan.push_back(std::move(line)); })));
    // Next to it a look at the few objects that are not committed.
    BOOST_REQUIRE_EQUAL(plan.size(), 3U);
    BOOST_TEST(plan[0] ==
               "SEARCH recording USING COVERING INDEX recording_by_time (stream=? AND start_90k>? AND start_90k<?)");
    BOOST_TEST(plan[1] == "LIST SUBQUERY 1");
    BOOST_TEST(plan[2] == "SCAN object USING COVERING INDEX object_unfinished");
}

BOOST_AUTO_TEST_CASE(what_is_set_aside_is_not_listed) {
    for (unsigned i = 0; i < 3; ++i) {
        site->begin(i == 0 ? noon : site->begun, i);
        site->append(30);
        site->end();
    }
    site->commit();
    {
        auto tx = site->store->begin();
        BOOST_REQUIRE(tx);
        auto row = **tx->object({site->stream, 2});
        row.state = ObjectState::quarantined;
        BOOST_REQUIRE(tx->put(row));
        BOOST_REQUIRE(tx->commit());
    }
    BOOST_TEST(all().size() == 2U);
    BOOST_TEST(site->footage->by_number(site->stream, 1, 3)->size() == 2U);
    BOOST_TEST(site->footage->by_number(site->stream, 2, 2)->empty());
}

BOOST_AUTO_TEST_CASE(deleting_takes_rows_and_totals_along) {
    site->begin(noon);
    for (unsigned i = 0; i < 3; ++i) {
        if (i != 0) site->begin(site->begun, i);
        site->append(30);
        site->end();
    }
    site->commit();
    BOOST_REQUIRE(site->committer->lower_retention(site->stream, 4096_B));
    const auto found = all();
    BOOST_REQUIRE_EQUAL(found.size(), 1U);
    BOOST_TEST(found[0].id.sequence() == 3U);
    BOOST_TEST(found[0].run_start == 1U);
    BOOST_TEST(stream().recordings == 1);
    BOOST_TEST(stream().bytes.value == 3000U);
    BOOST_TEST(stream().duration.count == 90'000);
}

BOOST_AUTO_TEST_CASE(a_crash_leaves_what_was_marked) {
    site.emplace(path, false, 1ms);
    site->begin(noon);
    site->append(30);
    site->end();
    site->begin(site->begun, 1);
    site->append(10);
    std::this_thread::sleep_for(2ms);
    while (site->syncer->step() || site->committer->step()) {}
    site->append(5);  // never marked
    site.reset();
    site.emplace(path, false);
    const auto found = all();
    BOOST_REQUIRE_EQUAL(found.size(), 2U);
    BOOST_TEST(found[1].is_committed);
    BOOST_TEST(found[1].open.value == 2U);
    BOOST_TEST(found[1].run_start == 1U);
    BOOST_TEST(found[1].samples == 10U);
    BOOST_TEST(found[1].start.ticks == noon.ticks + 90'000);
    BOOST_TEST(found[1].wall_duration.count == 30'000);
    BOOST_TEST(*found[1].end_reason == "the recorder stopped without warning");
    BOOST_TEST(stream().recordings == 2);
    // Entries come back with their numbers.
    BOOST_TEST(site->entries.id_of(make_entry()) == found[0].sample_entry);
    BOOST_TEST(site->entries.id_of(make_entry(128)) != found[0].sample_entry);
}

BOOST_AUTO_TEST_CASE(an_entry_that_the_tables_would_refuse_is_refused_before) {
    auto huge = *make_entry();
    huge.box.resize(most_entry_bytes + 1);
    const auto begun = site->sink->begin({noon, 0, std::make_shared<const media::SampleEntry>(std::move(huge))});
    BOOST_TEST(!begun.has_value());
}

BOOST_AUTO_TEST_CASE(what_the_engine_cut_off_keeps_its_place_in_time) {
    // As if the disk had not kept up: the rows of a recording of 3 s, of which the first second is an
    // object by itself, the next was dropped, and the last is the tail.
    RecordingRows rows;
    RecordingRows::Facts facts;
    facts.start = noon;
    RecordingRows::Counts first, dropped;
    first.duration = MediaDuration{90'000};
    dropped.duration = MediaDuration{90'000};
    BOOST_TEST(rows.split(facts, first, dropped).start.ticks == noon.ticks + 180'000);

    site->begin(noon);
    site->append(30);
    site->media_duration = MediaDuration{270'000};  // what the camera's side counted
    site->end();
    site->commit();
    const auto found = all();
    BOOST_REQUIRE_EQUAL(found.size(), 1U);
    BOOST_TEST(found[0].start.ticks == noon.ticks + 180'000);
    BOOST_TEST(found[0].wall_duration.count == 90'000);
}

BOOST_AUTO_TEST_SUITE_END()
