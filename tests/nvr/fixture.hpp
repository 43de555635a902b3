#ifndef BOBBIN_TESTS_NVR_FIXTURE_HPP
#define BOBBIN_TESTS_NVR_FIXTURE_HPP

#include "camera/recording_sink.hpp"
#include "catalog/footage.hpp"
#include "catalog/schema.hpp"

#include <bobbin/media/detail/boxes.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace nvr_tests {

using namespace bobbin;
using namespace nvr;
using namespace std::chrono_literals;

struct TemporaryDirectory {
    TemporaryDirectory() {
        auto pattern = (std::filesystem::temp_directory_path() / "bobbin-nvr-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(pattern.data()));
        path = pattern;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string path;
};

/// An `avc1` box with a minimal `avcC` in it.
inline std::shared_ptr<const media::SampleEntry> make_entry(std::uint16_t width = 64, std::uint16_t height = 36) {
    std::vector<std::byte> box(86 + 15);
    const auto put = [&](std::size_t at, std::string_view text) {
        std::ranges::copy(as_bytes(text), box.begin() + static_cast<std::ptrdiff_t>(at));
    };
    media::detail::store_be(box.data(), static_cast<std::uint32_t>(box.size()));
    put(4, "avc1");
    media::detail::store_be(&box[32], width);
    media::detail::store_be(&box[34], height);
    media::detail::store_be(&box[86], std::uint32_t{15});
    put(90, std::string_view{"avcC\1\x42\0\x0b\xff\xe0\0", 11});
    auto entry = media::SampleEntry::parse(box);
    BOOST_REQUIRE(entry);
    return std::make_shared<const media::SampleEntry>(std::move(*entry));
}

/// A catalog with the camera `door`, and a directory without threads: the test's calls move all.
struct Site {
    explicit Site(const std::string& path, bool is_new = true, std::chrono::nanoseconds mark_interval = 5s)
        : directory{path} {
        SqliteOptions options;
        options.schema = {nvr_schema};
        auto opened = SqliteStore::open(path + "/catalog.db", options);
        BOOST_REQUIRE(opened);
        store.emplace(std::move(*opened));
        catalog.emplace(*store);
        BOOST_REQUIRE(entries.load(*store));
        if (is_new) BOOST_REQUIRE(catalog->put_camera("door", "rtsp://192.0.2.1/door", {}));
        stream = catalog->cameras()->front().streams.front().id;
        committer.emplace(*store);
        SyncerOptions with;
        with.create = true;
        with.when_full = WhenFull::drop;
        with.mark_interval = mark_interval;
        auto syncer_opened = Recorder::Syncer::open(path + "/footage", *committer, with);
        BOOST_REQUIRE(syncer_opened);
        syncer.emplace(std::move(*syncer_opened));
        footage.emplace(*catalog, entries, syncer->reader());
        auto writer = syncer->writer(stream);
        BOOST_REQUIRE(writer);
        sink.emplace(std::move(*writer), entries);
    }

    /// A recording of `samples` frames of 3000 ticks, the first of each ten a sync sample; `bytes` each.
    void begin(WallTime start, std::uint32_t run_offset = 0) {
        BOOST_REQUIRE(sink->begin({start, run_offset, entry}));
        begun = start;
        media_duration = {};
    }
    void append(unsigned samples, std::size_t bytes = 100, std::int64_t last_duration = 3000) {
        for (unsigned i = 0; i < samples; ++i) {
            const std::vector<std::byte> data(bytes, static_cast<std::byte>(++written));
            const MediaDuration duration{i + 1 == samples ? last_duration : 3000};
            BOOST_REQUIRE(sink->append(data, {duration, i % 10 == 0}));
            media_duration += duration;
        }
    }
    void end(media::RunEnd reason = media::RunEnd::none, std::int64_t delta = 0) {
        media::RecordingEnd facts;
        facts.start = begun;
        facts.media_duration = media_duration;
        facts.local_start_delta = WallDuration{delta};
        facts.wall_duration = media::wall_duration(media_duration, facts.local_start_delta);
        facts.reason = reason;
        BOOST_REQUIRE(sink->end(facts));
        begun = begun + facts.wall_duration;
    }
    void commit() { BOOST_REQUIRE(committer->flush(5s)); }

    std::string directory;
    std::optional<SqliteStore> store;
    std::optional<Catalog> catalog;
    SampleEntries entries;
    StreamId stream;
    std::optional<Committer<SqliteStore>> committer;
    std::optional<Recorder::Syncer> syncer;
    std::optional<Footage> footage;
    std::optional<RecordingSink> sink;
    std::shared_ptr<const media::SampleEntry> entry = make_entry();
    WallTime begun{};
    MediaDuration media_duration{};
    unsigned written = 0;
};

inline constexpr WallTime noon{161'578'440'000'000};

}  // namespace nvr_tests

#endif
