// What a fuzzer calls with any bytes. A broken promise aborts.
#ifndef BOBBIN_TESTS_FUZZ_TARGETS_HPP
#define BOBBIN_TESTS_FUZZ_TARGETS_HPP

#include <bobbin/index/video.hpp>
#include <bobbin/media/mp4_builder.hpp>
#include <bobbin/media/nal.hpp>
#include <bobbin/media/sample_converter.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace bobbin_fuzz {

using namespace bobbin;
using namespace bobbin::media;

inline void promise(bool kept) {
    if (!kept) std::abort();
}

/// Any bytes decode to samples that are right, or to an error; what decodes encodes to the same bytes.
inline void video_index(ByteView input) {
    VideoIndex again;
    VideoSamples samples{input};
    std::uint64_t bytes = 0, count = 0;
    for (const auto& s : samples) {
        promise(s.offset == bytes && s.size > 0 && s.duration.count >= 0);
        promise(again.add({s.duration, s.sync}, Bytes{s.size}).has_value());
        bytes += s.size;
        ++count;
    }
    promise(std::ranges::equal(again.take_piece(), input.first(samples.position())));
    promise(samples.error().has_value() == (samples.position() != input.size()));
    const auto counted = VideoIndex::count(input, Bytes{bytes});
    promise(counted.has_value() == !samples.error());
    if (counted) promise(*counted == again.counts() && counted->samples == count);
}

/// Any index and range make a file whose pieces are as long as it says, or an error.
inline void mp4(ByteView input) {
    if (input.size() < 6) return;
    const auto number = [&](std::size_t at) { return std::to_integer<std::int64_t>(input[at]) << (std::to_integer<int>(input[at + 1]) % 40); };
    Segment segment;
    segment.object = ObjectId{1};
    SampleEntry entry;
    entry.box.resize(8);
    segment.entry = std::make_shared<const SampleEntry>(entry);
    segment.from = MediaDuration{number(0)};
    segment.to = MediaDuration{number(2)};
    segment.index = std::make_shared<const std::vector<std::byte>>(input.begin() + 6, input.end());
    if (std::to_integer<int>(input[4]) % 2 == 0) {  // all of it
        VideoCursor cursor{*segment.index};
        while (cursor.next()) segment.to = cursor.sample().start + cursor.sample().duration;
    }
    for (const bool fragment : {false, true}) {
        Mp4Builder builder;
        builder.add(segment).add(segment);
        const auto file = fragment ? builder.build_fragment() : builder.build();
        if (!file) continue;
        const auto begin = file->size() * std::to_integer<std::uint64_t>(input[5]) / 256;
        auto slices = file->slices(begin, file->size());
        std::uint64_t at = begin;
        for (;;) {
            const auto slice = slices.next();
            promise(slice.has_value());
            if (!*slice) break;
            promise((*slice)->length != 0);
            promise(!(*slice)->in_memory() || (*slice)->memory.size() == (*slice)->length);
            at += (*slice)->length;
        }
        promise(at == file->size());
    }
}

/// Any packets become samples whose NAL units can be read back, or errors. The first byte says which
/// codec and how long the extradata is.
inline void samples(ByteView input) {
    if (input.empty()) return;
    const auto first = std::to_integer<unsigned>(input[0]);
    const auto codec = first % 2 == 0 ? Codec::h264 : Codec::h265;
    const auto rest = input.subspan(1);
    const auto extradata = rest.first(std::min<std::size_t>(first / 2, rest.size()));
    auto converter = SampleConverter::create(codec, extradata);
    if (!converter) return;
    std::vector<std::byte> sample;
    const auto packet = rest.subspan(extradata.size());
    for (int i = 0; i < 2; ++i) {
        const auto facts = converter->convert(packet, sample);
        if (!facts) return;
        LengthPrefixedUnits units{sample, 4};
        for (;;) {
            const auto unit = units.next();
            promise(unit.has_value());
            if (!*unit) break;
        }
        if (!facts->sync) continue;
        promise(converter->entry() != nullptr);
        const auto read_back = SampleEntry::parse(converter->entry()->box);
        promise(read_back && *read_back == *converter->entry() && read_back->width != 0 && !read_back->rfc6381.empty());
        promise(initialization_segment(*read_back).has_value());
    }
}

/// Any bytes are a sample entry, or an error.
inline void sample_entry(ByteView input) {
    const auto entry = SampleEntry::parse(input);
    if (!entry) return;
    promise(std::ranges::equal(entry->box, input));
    static_cast<void>(entry->aspect());
    promise(initialization_segment(*entry).has_value());
}

struct Target {
    const char* name;
    void (*run)(ByteView);
};
inline constexpr Target targets[] = {
    {"video_index", video_index}, {"mp4", mp4}, {"samples", samples}, {"sample_entry", sample_entry}};

}  // namespace bobbin_fuzz

#endif
