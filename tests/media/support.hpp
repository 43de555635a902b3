// Recordings in memory, made by hand or out of clips that ffmpeg encodes.
#ifndef BOBBIN_TESTS_MEDIA_SUPPORT_HPP
#define BOBBIN_TESTS_MEDIA_SUPPORT_HPP

#include <bobbin/index/video.hpp>
#include <bobbin/media/mp4_builder.hpp>
#include <bobbin/media/sample_converter.hpp>

#include <boost/test/unit_test.hpp>
#include <skip.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace media_tests {

using namespace bobbin;
using namespace bobbin::media;
using Blob = std::vector<std::byte>;

inline Blob from_hex(std::string_view text) {
    Blob out;
    unsigned digits = 0, value = 0;
    for (const char c : text) {
        if (c == ' ' || c == '\n') continue;
        value = value << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
        if (++digits % 2 == 0) {
            out.push_back(static_cast<std::byte>(value));
            value = 0;
        }
    }
    return out;
}
inline std::string to_hex(ByteView bytes) {
    std::string out;
    for (const auto b : bytes) {
        out += "0123456789abcdef"[std::to_integer<unsigned>(b) >> 4];
        out += "0123456789abcdef"[std::to_integer<unsigned>(b) & 15];
    }
    return out;
}

/// Objects by id, and the segments that use them.
struct Store {
    std::map<std::uint64_t, Blob> data;

    Blob read(const Mp4File& file, std::uint64_t begin, std::uint64_t end) const {
        Blob out;
        auto slices = file.slices(begin, end);
        for (;;) {
            const auto slice = slices.next();
            BOOST_REQUIRE(slice);
            if (!*slice) return out;
            BOOST_REQUIRE((*slice)->length != 0);
            if ((*slice)->in_memory()) {
                BOOST_REQUIRE_EQUAL((*slice)->memory.size(), (*slice)->length);
                out.insert(out.end(), (*slice)->memory.begin(), (*slice)->memory.end());
            } else {
                const auto& bytes = data.at((*slice)->object.value);
                BOOST_REQUIRE_LE((*slice)->offset + (*slice)->length, bytes.size());
                const auto at = bytes.begin() + static_cast<std::ptrdiff_t>((*slice)->offset);
                out.insert(out.end(), at, at + static_cast<std::ptrdiff_t>((*slice)->length));
            }
        }
    }
    Blob read(const Mp4File& file) const { return read(file, 0, file.size()); }
};

struct TemporaryDirectory {
    TemporaryDirectory() {
        auto pattern = (std::filesystem::temp_directory_path() / "bobbin-media-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(pattern.data()));
        path = pattern;
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
};

/// What a command says on both outputs; it must succeed.
inline std::string run(const std::string& command, bool must_succeed = true) {
    std::string out;
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    BOOST_REQUIRE(pipe);
    std::array<char, 4096> part;
    for (std::size_t n; (n = fread(part.data(), 1, part.size(), pipe)) > 0;) out.append(part.data(), n);
    const int status = pclose(pipe);
    if (must_succeed) BOOST_REQUIRE_MESSAGE(status == 0, command << ": " << out);
    return out;
}

inline void need_ffmpeg(const std::string& encoder) {
    if (std::system("ffmpeg -version >/dev/null 2>&1 && ffprobe -version >/dev/null 2>&1") != 0)
        bobbin_tests::skip("ffmpeg is not installed");
    if (run("ffmpeg -v error -encoders").find(encoder) == std::string::npos)
        bobbin_tests::skip("ffmpeg has no encoder " + encoder);
}

inline Blob read_file(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    std::ostringstream text;
    text << in.rdbuf();
    const auto bytes = as_bytes(text.view());
    return {bytes.begin(), bytes.end()};
}
inline void write_file(const std::filesystem::path& path, ByteView bytes) {
    std::ofstream out{path, std::ios::binary};
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    BOOST_REQUIRE(out);
}

/// The hashes of the frames that ffmpeg decodes; it must say nothing else at that level.
inline std::vector<std::string> frame_hashes(const std::filesystem::path& file, const std::string& level = "warning") {
    std::istringstream lines{run("ffmpeg -v " + level + " -i " + file.string() +
                                 " -an -fps_mode passthrough -pix_fmt yuv420p -f framemd5 -")};
    std::vector<std::string> hashes;
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line[0] == '#') continue;
        const auto comma = line.rfind(',');
        BOOST_REQUIRE_MESSAGE(comma != std::string::npos && line[0] == '0', line);
        hashes.push_back(line.substr(comma + 2));
    }
    return hashes;
}

/// Pictures of a byte stream in which a delimiter begins each.
inline std::vector<Blob> split_pictures(Codec codec, ByteView stream) {
    std::vector<Blob> pictures;
    AnnexBUnits units{stream};
    for (;;) {
        const auto unit = units.next();
        BOOST_REQUIRE(unit);
        if (!*unit) return pictures;
        if (nal_type(codec, **unit) == (codec == Codec::h264 ? 9U : 35U)) pictures.emplace_back();
        BOOST_REQUIRE(!pictures.empty());
        auto& to = pictures.back();
        // both kinds of start codes
        if (to.size() % 2 == 0) to.push_back(std::byte{0});
        for (const unsigned b : {0U, 0U, 1U}) to.push_back(static_cast<std::byte>(b));
        to.insert(to.end(), (*unit)->begin(), (*unit)->end());
    }
}

struct Clip {
    std::filesystem::path stream;
    Codec codec;
    std::vector<Blob> pictures;
    std::vector<std::string> hashes;
};

/// 25 frames a second, a sync sample every 25, one every frame's delimiter.
inline Clip make_clip(const TemporaryDirectory& where, Codec codec, const std::string& name,
                      const std::string& size, int frames, const std::string& options = {}) {
    const bool h264 = codec == Codec::h264;
    need_ffmpeg(h264 ? "libx264" : "libx265");
    Clip clip{where.path / name, codec, {}, {}};
    run("ffmpeg -v error -y -f lavfi -i testsrc2=size=" + size + ":rate=25 -frames:v " + std::to_string(frames) +
        (h264 ? " -c:v libx264 -preset veryfast -bf 0 -g 25 -x264-params aud=1:slices=3:scenecut=0"
              : " -c:v libx265 -preset ultrafast -x265-params bframes=0:keyint=25:min-keyint=25:scenecut=0:aud=1:repeat-headers=1:log-level=none") +
        " -pix_fmt yuv420p " + options + (h264 ? " -f h264 " : " -f hevc ") + clip.stream.string());
    clip.pictures = split_pictures(codec, read_file(clip.stream));
    clip.hashes = frame_hashes(clip.stream);
    BOOST_REQUIRE_EQUAL(clip.pictures.size(), static_cast<std::size_t>(frames));
    BOOST_REQUIRE_EQUAL(clip.hashes.size(), static_cast<std::size_t>(frames));
    return clip;
}

/// Records pictures [first, last) as one object; `first` must be a sync sample.
inline Segment record(Store& store, const Clip& clip, ObjectId id, std::size_t first, std::size_t last,
                      bool trailing_zero = false) {
    auto converter = SampleConverter::create(clip.codec, {});
    BOOST_REQUIRE(converter);
    VideoIndex index;
    Blob& data = store.data[id.value];
    Blob sample;
    for (std::size_t n = first; n < last; ++n) {
        const auto facts = converter->convert(clip.pictures[n], sample);
        BOOST_REQUIRE(facts);
        BOOST_TEST(facts->sync == (n % 25 == 0));
        const bool cut = trailing_zero && n + 1 == last;
        BOOST_REQUIRE(index.add({MediaDuration{cut ? 0 : 3600}, facts->sync}, Bytes{sample.size()}));
        data.insert(data.end(), sample.begin(), sample.end());
    }
    const auto piece = index.take_piece();
    Segment segment;
    segment.object = id;
    segment.entry = converter->entry();
    segment.index = std::make_shared<const Blob>(piece.begin(), piece.end());
    segment.to = index.counts().duration;
    segment.start = WallTime{std::int64_t{1'600'000'000} * 90'000};
    return segment;
}

}  // namespace media_tests

#endif
