// What ffmpeg makes of our files.
#include <bobbin/media/mp4_builder.hpp>

#include "support.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

using namespace media_tests;

namespace {

using Hashes = std::vector<std::string>;

Hashes part(const Clip& clip, std::size_t first, std::size_t last) {
    return {clip.hashes.begin() + static_cast<std::ptrdiff_t>(first), clip.hashes.begin() + static_cast<std::ptrdiff_t>(last)};
}

std::string probe(const std::filesystem::path& file, const std::string& what) {
    auto text = run("ffprobe -v error -select_streams v -show_entries " + what + " -of csv=p=0 " + file.string());
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

struct Fixture {
    TemporaryDirectory where;
    Store store;

    std::filesystem::path write(const Mp4File& file, bool silent) {
        const auto path = where.path / "out.mp4";
        write_file(path, store.read(file));
        BOOST_REQUIRE_EQUAL(std::filesystem::file_size(path), file.size());
        if (!silent) return path;
        BOOST_TEST(run("ffprobe -v error " + path.string()) == "");
        BOOST_TEST(run("ffmpeg -v error -i " + path.string() + " -f null -") == "");
        return path;
    }
    std::filesystem::path write(Mp4Builder&& builder, bool silent = true) {
        const auto file = builder.build();
        BOOST_REQUIRE(file);
        return write(*file, silent);
    }
    void check_codec(Codec codec) {
        const auto clip = make_clip(where, codec, "clip", "320x180", 100);
        auto a = record(store, clip, ObjectId{1}, 0, 50);
        auto b = record(store, clip, ObjectId{2}, 50, 100, true);
        {
            const auto path = write(Mp4Builder{}.add(a).add(b));
            BOOST_TEST(frame_hashes(path) == clip.hashes, boost::test_tools::per_element());
            BOOST_TEST(probe(path, "stream=width,height,nb_frames") == "320,180,100");
            BOOST_TEST(probe(path, "format=duration") == "3.960000");
            BOOST_TEST(run("ffprobe -v error -show_entries format_tags=creation_time -of csv=p=0 " + path.string()) ==
                       "2020-09-13T12:26:40.000000Z\n");
        }
        {
            // from inside a group of pictures to inside the next recording, on boundaries of samples
            a.from = MediaDuration{3600 * 30};
            b.to = MediaDuration{3600 * 7};
            const auto path = write(Mp4Builder{}.add(a).add(b));
            BOOST_TEST(frame_hashes(path) == part(clip, 30, 57), boost::test_tools::per_element());
            BOOST_TEST(probe(path, "stream=nb_frames") == "32");
            BOOST_TEST(probe(path, "format=duration") == "1.080000");
        }
        {
            // adjacent ranges share no sample and lose none
            a.from = MediaDuration{};
            a.to = MediaDuration{3600 * 13};
            const auto first = frame_hashes(write(Mp4Builder{}.add(a)));
            a.from = a.to;
            a.to = MediaDuration{3600 * 50};
            auto both = frame_hashes(write(Mp4Builder{}.add(a)));
            both.insert(both.begin(), first.begin(), first.end());
            BOOST_TEST(both == part(clip, 0, 50), boost::test_tools::per_element());
        }
        {
            // from and to inside of samples: the first is there, but ffmpeg shows none that begins before an edit
            a.from = MediaDuration{3600 * 25 + 1800};
            a.to = MediaDuration{3600 * 27 + 1};
            const auto path = write(Mp4Builder{}.add(a));
            BOOST_TEST(frame_hashes(path) == part(clip, 26, 28), boost::test_tools::per_element());
            BOOST_TEST(probe(path, "stream=nb_frames") == "3");
        }
        {
            const auto init = initialization_segment(*a.entry);
            BOOST_REQUIRE(init);
            a.from = MediaDuration{3600 * 25};
            a.to = MediaDuration{3600 * 50};
            b.to = MediaDuration{3600 * 49};
            auto file = Mp4Builder{}.add(a).add(b).build_fragment(MediaDuration{90'000});
            BOOST_REQUIRE(file);
            auto bytes = *init;
            const auto segment = store.read(*file);
            BOOST_TEST(segment.size() == file->size());
            bytes.insert(bytes.end(), segment.begin(), segment.end());
            const auto path = where.path / "fragments.mp4";
            write_file(path, bytes);
            BOOST_TEST(run("ffmpeg -v error -i " + path.string() + " -f null -") == "");
            BOOST_TEST(frame_hashes(path) == part(clip, 25, 100), boost::test_tools::per_element());
            BOOST_TEST(probe(path, "stream=start_time") == "1.000000");
        }
    }
};

Mp4Builder all_of(std::span<const Segment> segments) {
    Mp4Builder builder;
    for (const auto& s : segments) builder.add(s);
    return builder;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(media_playback, Fixture)

BOOST_AUTO_TEST_CASE(h264) { check_codec(Codec::h264); }
BOOST_AUTO_TEST_CASE(h265) { check_codec(Codec::h265); }

BOOST_AUTO_TEST_CASE(two_sample_entries) {
    // Between two profiles ffmpeg's demuxer, which parses slices by the first entry, complains; its decoder does not.
    for (const std::string difference : {"-aspect 4:3", "-profile:v baseline"}) {
        const bool silent = difference == "-aspect 4:3";
        const auto one = make_clip(where, Codec::h264, "one", "320x180", 50);
        const auto two = make_clip(where, Codec::h264, "two", "320x180", 50, difference);
        const std::vector<Segment> segments{record(store, one, ObjectId{1}, 0, 25), record(store, two, ObjectId{2}, 0, 50),
                                            record(store, one, ObjectId{3}, 25, 50)};
        BOOST_REQUIRE(!(*segments[0].entry == *segments[1].entry));
        BOOST_REQUIRE(*segments[0].entry == *segments[2].entry);
        auto wanted = part(one, 0, 25);
        wanted.insert(wanted.end(), two.hashes.begin(), two.hashes.end());
        const auto rest = part(one, 25, 50);
        wanted.insert(wanted.end(), rest.begin(), rest.end());
        const auto path = write(all_of(segments), silent);
        BOOST_TEST(frame_hashes(path, silent ? "warning" : "quiet") == wanted, boost::test_tools::per_element());
        store.data.clear();
    }
}

BOOST_AUTO_TEST_CASE(pixel_aspect_and_cropping) {
    const auto clip = make_clip(where, Codec::h264, "clip", "352x270", 25, "-aspect 16:9");
    const auto segment = record(store, clip, ObjectId{1}, 0, 25);
    BOOST_TEST(segment.entry->width == 352);
    BOOST_TEST(segment.entry->height == 270);
    BOOST_TEST((segment.entry->aspect() == std::pair{16U, 9U}));
    const auto path = write(Mp4Builder{}.add(segment));
    BOOST_TEST(probe(path, "stream=width,height,sample_aspect_ratio,display_aspect_ratio") == "352,270,15:11,16:9");

    const auto other = make_clip(where, Codec::h265, "other", "354x270", 25, "-aspect 16:9");
    const auto entry = record(store, other, ObjectId{2}, 0, 25).entry;
    BOOST_TEST(entry->width == 354);
    BOOST_TEST(entry->height == 270);
    BOOST_TEST((entry->aspect() == std::pair{16U, 9U}));
}

BOOST_AUTO_TEST_CASE(decoder_configuration_is_what_ffmpeg_writes) {
    for (const auto codec : {Codec::h264, Codec::h265}) {
        const auto clip = make_clip(where, codec, "clip", "320x180", 25);
        const auto entry = record(store, clip, ObjectId{1}, 0, 25).entry;
        const auto path = where.path / "theirs.mp4";
        run("ffmpeg -v error -y -i " + clip.stream.string() + " -c copy " + (codec == Codec::h265 ? "-tag:v hvc1 " : "") + path.string());
        const auto theirs = read_file(path);
        const auto box_of = [&](ByteView bytes) {
            const auto at = as_text(bytes).find(codec == Codec::h264 ? "avcC" : "hvcC");
            BOOST_REQUIRE(at != std::string_view::npos);
            const auto size = media::detail::load_be<std::uint32_t>(&bytes[at - 4]);
            return to_hex(bytes.subspan(at - 4, size));
        };
        BOOST_TEST(box_of(entry->box) == box_of(theirs));
    }
}

BOOST_AUTO_TEST_CASE(frames_in_b_order_are_one_clear_error) {
    for (const auto codec : {Codec::h264, Codec::h265}) {
        const bool h264 = codec == Codec::h264;
        need_ffmpeg(h264 ? "libx264" : "libx265");
        const auto path = where.path / "b";
        run("ffmpeg -v error -y -f lavfi -i testsrc2=size=320x180:rate=25 -frames:v 30 -pix_fmt yuv420p " +
            std::string{h264 ? "-c:v libx264 -bf 2 -x264-params aud=1 -f h264 " : "-c:v libx265 -x265-params bframes=2:aud=1:log-level=none -f hevc "} +
            path.string());
        const auto pictures = split_pictures(codec, read_file(path));
        auto converter = SampleConverter::create(codec, {});
        Blob sample;
        const auto facts = converter->convert(pictures.front(), sample);
        BOOST_REQUIRE(!facts);
        BOOST_TEST(facts.error().is(Errc::samples_reordered));
    }
}

BOOST_AUTO_TEST_CASE(subtitles_tell_the_time) {
    const auto clip = make_clip(where, Codec::h264, "clip", "320x180", 75);
    auto a = record(store, clip, ObjectId{1}, 0, 50), b = record(store, clip, ObjectId{2}, 50, 75);
    a.from = MediaDuration{3600 * 5};
    a.start = WallTime{1'600'000'000LL * 90'000 + 45'000};
    b.start = a.start + WallDuration{3600 * 45};
    const auto text = [](WallTime second, std::span<char> to) {
        auto digits = std::to_string(second.ticks / 90'000);
        std::ranges::copy(digits, to.begin());
    };
    const auto file = Mp4Builder{}.add(a).add(b).with_timestamps(text, 10, as_bytes("UTC")).build();
    BOOST_REQUIRE(file);
    const auto path = write(*file, true);
    BOOST_TEST(frame_hashes(path) == part(clip, 5, 75), boost::test_tools::per_element());
    const auto told = run("ffmpeg -v error -i " + path.string() + " -map 0:s -f srt -");
    const auto shows = [&](const std::string& when, const std::string& what) {
        const auto at = told.find(when + "\n");
        BOOST_REQUIRE_MESSAGE(at != std::string::npos, told);
        BOOST_TEST(told.substr(at, told.find("\n\n", at) - at).find(">" + what + "<") != std::string::npos, told);
    };
    shows("00:00:00,000 --> 00:00:00,500", "1600000000");
    shows("00:00:00,500 --> 00:00:01,500", "1600000001");
    shows("00:00:01,500 --> 00:00:01,800", "1600000002");
    shows("00:00:01,800 --> 00:00:02,500", "1600000002");
    shows("00:00:02,500 --> 00:00:02,800", "1600000003");

    const auto whole = store.read(*file);
    for (std::uint64_t begin = 0; begin < 3000; begin += 7)
        BOOST_REQUIRE(std::ranges::equal(store.read(*file, begin, begin + 11), ByteView{whole}.subspan(begin, 11)));
    Mp4Builder plain;
    BOOST_TEST((plain.add(a).add(b).build()->content_key() != file->content_key()));
}

BOOST_AUTO_TEST_CASE(fifteen_hours_show_fifteen_hours) {
    const auto clip = make_clip(where, Codec::h264, "clip", "320x180", 25);
    auto segment = record(store, clip, ObjectId{1}, 0, 25);
    VideoIndex index;
    constexpr std::int64_t hour = std::int64_t{3600} * 90'000;
    for (const auto& s : VideoSamples{*segment.index})
        BOOST_REQUIRE(index.add({MediaDuration{15 * hour / 25}, s.sync}, Bytes{s.size}));
    const auto piece = index.take_piece();
    segment.index = std::make_shared<const Blob>(piece.begin(), piece.end());
    segment.to = MediaDuration{15 * hour};
    const auto file = Mp4Builder{}.add(segment).build();
    BOOST_REQUIRE(file);
    const auto path = where.path / "long.mp4";
    write_file(path, store.read(*file));
    BOOST_TEST(probe(path, "format=duration") == "54000.000000");
    BOOST_TEST(probe(path, "stream=duration") == "54000.000000");
}

BOOST_AUTO_TEST_SUITE_END()
