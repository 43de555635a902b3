// What a fuzzer calls with any bytes. A broken promise aborts.
#ifndef BOBBIN_TESTS_FUZZ_TARGETS_HPP
#define BOBBIN_TESTS_FUZZ_TARGETS_HPP

#include <bobbin/codec/lz4.hpp>
#include <bobbin/codec/none.hpp>
#include <bobbin/codec/zstd.hpp>
#include <bobbin/digest/xxh3.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/media/mp4_builder.hpp>
#include <bobbin/media/nal.hpp>
#include <bobbin/media/sample_converter.hpp>
#include <bobbin/pack/content.hpp>
#include <bobbin/pack/detail/pack_cache_file.hpp>
#include <bobbin/pack/detail/restore_recovery.hpp>
#include <bobbin/pack/file_cache.hpp>
#include <bobbin/pack/ignore.hpp>
#include <bobbin/pack/pack_reader.hpp>
#include <bobbin/pack/pack_writer.hpp>
#include <bobbin/pack/tree.hpp>
#include <bobbin/testing/sim_tree.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
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

/// A pack in memory.
struct MemoryFile {
    ByteView bytes;
    Result<std::size_t> read_at(MutableByteView to, std::uint64_t offset) const noexcept {
        if (offset >= bytes.size()) return std::size_t{0};
        const auto size = std::min<std::size_t>(to.size(), bytes.size() - static_cast<std::size_t>(offset));
        std::ranges::copy(bytes.subspan(static_cast<std::size_t>(offset), size), to.begin());
        return size;
    }
    Result<FileStatus> status() const noexcept { return FileStatus{Bytes{bytes.size()}, true, false, 1}; }
};
using Known = Codecs<NoCodec, Lz4, Zstd>;
using FuzzedPack = bobbin::pack::PackReader<MemoryFile, Xxh3, Known>;

/// Makes the checksums fit, as somebody would who knows the format.
inline void seal(std::vector<std::byte>& pack) {
    const auto crc = [&](std::size_t from, std::size_t to) {
        store_le(pack.data() + to, crc32c(ByteView{pack}.subspan(from, to - from)));
    };
    if (pack.size() < 128 + 64) return;
    crc(0, 124);
    const auto index = load_le<std::uint64_t>(pack.data() + pack.size() - 64);
    const auto end = index <= pack.size() - 64 ? static_cast<std::size_t>(index) : pack.size();
    for (std::size_t at = 128; at < end;) {
        const auto shape = bobbin::pack::RecordHead::decode_shape(ByteView{pack}.first(end).subspan(at));
        if (!shape || shape->size(Xxh3::size) > end - at) break;
        const auto stored = at + shape->head_size(Xxh3::size);
        store_le(pack.data() + at + 16, crc32c(ByteView{pack}.subspan(stored, shape->stored)));
        crc(at, stored - 4);
        at = stored + shape->stored;
    }
    if (end != pack.size()) crc(end, pack.size() - 4);
}

/// What a pack serves has its digest; one that is right all through is written again as it was.
inline void check_pack(FuzzedPack& reader, bool is_opened, ByteView bytes) {
    using Chunk = bobbin::pack::NewChunk<Xxh3>;
    std::size_t wrong = 0;
    promise(reader.verify([&](const auto&, const Error&) { ++wrong; }).has_value());
    for (std::size_t n = 0; n < reader.chunks(); ++n) {
        const auto location = reader.chunk(n);
        promise(n == 0 || reader.chunk(n - 1).key < location.key);
        promise(reader.find(location.key) == location);
        if (const auto got = reader.read(location); got) promise(digest_of<Xxh3>(*got) == location.key);
    }
    if (wrong != 0 || !is_opened) return;
    std::vector<std::byte> again;
    const auto sink = [&](ByteView part, bobbin::pack::PackIndex::Record) -> Result<void> {
        again.insert(again.end(), part.begin(), part.end());
        return {};
    };
    bobbin::pack::PackWriter<Xxh3, NoCodec, decltype(sink)> writer{sink, {.store = reader.header().store, .size = Bytes{UINT64_MAX}}};
    std::vector<Chunk> chunks;
    for (std::uint64_t n = 0; n < reader.index().records().size(); ++n) {
        const auto record = reader.read_encoded(n);
        promise(record.has_value());
        chunks.clear();
        record->head.for_each([&](const bobbin::pack::ChunkEntry& entry) {
            auto& chunk = chunks.emplace_back(Chunk{{}, entry.length});
            std::ranges::copy(entry.key, chunk.key.begin());
        });
        promise(writer.add_encoded(chunks, record->head.shape().codec, record->stored).has_value());
    }
    promise(writer.finish().has_value() && std::ranges::equal(again, bytes));
}

/// Any bytes are a pack, or an error; the first says whether their checksums are made to fit.
inline void pack(ByteView input) {
    if (input.empty()) return;
    std::vector<std::byte> bytes{input.begin() + 1, input.end()};
    if (std::to_integer<int>(input[0]) % 2 == 1) seal(bytes);
    if (auto reader = FuzzedPack::open(MemoryFile{bytes})) check_pack(*reader, true, bytes);
    bobbin::pack::ScanReport report;
    auto scanned = FuzzedPack::scan(MemoryFile{bytes}, report);
    std::uint64_t end = 0;
    for (const auto& range : report.damaged) {
        promise(range.size != 0 && range.offset >= end && range.offset + range.size <= bytes.size());
        end = range.offset + range.size + 1;
    }
    if (scanned) check_pack(*scanned, false, bytes);
}

/// Any bytes are the counts of a pack, or an error; counts that are right are counted on.
inline void pack_index(ByteView input) {
    using bobbin::pack::PackIndex;
    const auto size = input.size() < 48 ? 0 : load_le<std::uint64_t>(input.data() + input.size() / 48 * 48 - 48);
    const auto counts = PackIndex::count(input, Bytes{size});
    if (!counts) return;
    promise(input.size() % 48 == 0 && counts->bytes == size && counts->chunks >= counts->records);
    promise(!PackIndex::count(input, Bytes{size + 1}));
}

/// Any bytes decompress to as many as are asked for, or to an error. The first three say which codec,
/// and how many.
inline void codec(ByteView input) {
    if (input.size() < 3) return;
    std::vector<std::byte> raw(std::size_t{load_le<std::uint16_t>(input.data() + 1)} * 4);
    const std::vector<std::byte> packed{input.begin() + 3, input.end()};  // of its own length
    Known codecs;
    const auto done = codecs.decompress(static_cast<std::uint8_t>(std::to_integer<unsigned>(input[0]) % 4), packed, raw);
    promise(done || done.error().is(Errc::compressed_malformed) || done.error().is(Errc::format_unknown));
}

/// Any bytes are a tree node, or an error; what decodes encodes to the same bytes. The first byte says in
/// what pieces it comes.
inline void tree(ByteView input) {
    if (input.empty()) return;
    const auto piece = 1 + std::to_integer<std::size_t>(input[0]);
    const auto node = input.subspan(1);
    pack::TreeDecoder decoder;
    pack::TreeEncoder again;
    pack::TreeEntry entry;
    for (auto rest = node; !rest.empty();) {
        const auto size = std::min(piece, rest.size());
        promise(decoder.add(rest.first(size)).has_value());
        rest = rest.subspan(size);
        for (;;) {
            const auto got = decoder.next(entry);
            if (!got) {
                promise(!decoder.is_complete() && !decoder.finish());
                return;
            }
            if (!*got) break;
            promise(again.add(entry).has_value());
        }
    }
    promise(decoder.is_complete() == decoder.finish().has_value());
    if (!decoder.is_complete()) return;
    promise(again.finish().has_value());
    promise(std::ranges::equal(again.take_piece(), node));
}

/// Any bytes are a content list, or an error; what decodes encodes to the same bytes.
inline void content_list(ByteView input) {
    const auto list = pack::ContentList::decode(input);
    if (!list) return;
    const auto again = pack::ContentList::encode(*list);
    promise(again && std::ranges::equal(*again, input));
}

/// Any bytes are rules. What they say of a path by themselves is what a walk to it is told, unless a
/// directory on the way is ignored; and no pattern takes longer than it may. The path stands before the first line's end.
inline void ignore(ByteView input) {
    const auto text = as_text(input);
    auto path = text.substr(0, text.find('\n'));
    const auto file = text.substr(path.size());
    auto parsed = pack::IgnoreRules::parse(std::string{file});
    if (!parsed) return promise(parsed.error().is(Errc::rules_too_large));
    const auto rules = std::make_shared<const pack::IgnoreRules>(*std::move(parsed));
    pack::IgnoreStack stack;
    promise(stack.add(rules).has_value());
    const auto whole = path;
    bool is_inside_ignored = false;
    for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/')) {
        const auto name = path.substr(0, slash);
        const bool is_ignored = stack.is_ignored(name, true);
        promise(!is_inside_ignored || is_ignored || name.empty());
        if (!stack.enter(name)) return;
        is_inside_ignored = is_ignored;
        path.remove_prefix(slash + 1);
    }
    const auto found = rules->find(whole, false);
    const auto walked = stack.find(path, false);
    if (!path.empty() && !is_inside_ignored && path.size() <= pack::IgnoreStack::longest_name)
        promise(found.has_value() == walked.has_value() && (!found || walked->rule == *found));

    struct Counter {
        std::uint64_t steps = 0;
        void step() noexcept { ++steps; }
    } counter;
    const auto pattern = file.substr(std::min<std::size_t>(1, file.size()));
    if (!pack::detail::shape_of(pattern).can_match) return;
    static_cast<void>(pack::detail::match_path(pattern, whole, counter));
    promise(counter.steps <= 4 * (pattern.size() + 1) * (whole.size() + 1));
}

/// Any bytes are a cache, as far as they are right; what is taken from it is written again as it was. The
/// first byte says whether the checksums are made to fit.
inline void pack_cache(ByteView input) {
    using pack::CachedPack;
    using pack::ChunkIndexBuilder;
    using Header = pack::detail::PackCacheHeader<Xxh3>;
    using Record = pack::detail::PackCacheRecord;
    if (input.empty()) return;
    std::vector<std::byte> bytes{input.begin() + 1, input.end()};
    const Uuid store{{std::byte{1}}};
    if (std::to_integer<int>(input[0]) % 2 == 1 && bytes.size() >= Header::encoded_size) {
        std::ranges::copy(Header::encode(store), bytes.begin());
        for (std::size_t at = Header::encoded_size; bytes.size() - at >= Record::encoded_size;) {
            const auto chunks = load_le<std::uint64_t>(bytes.data() + at + 24);
            const auto keys = at + Record::encoded_size;
            const auto fits = chunks <= (bytes.size() - keys) / Xxh3::size;
            const auto size = fits ? static_cast<std::size_t>(chunks) * Xxh3::size : 0;
            store_le(bytes.data() + at + 32, crc32c(ByteView{bytes}.subspan(keys, size)));
            store_le(bytes.data() + at + 36, crc32c(ByteView{bytes}.subspan(at, 36)));
            at = keys + size;
        }
    }
    struct Chunk {
        ByteView key;
        std::uint32_t length = 1;
    };
    std::uint64_t behind = 0;
    const auto end = pack::detail::read_pack_cache<Xxh3>(
        MemoryFile{bytes}, bytes.size(), store,
        [](const CachedPack& cached) { return cached.id.value % 4 != 0; },
        [&](const CachedPack& cached, ByteView keys, std::uint64_t offset, std::uint64_t size) {
            promise(offset >= behind && offset + size <= bytes.size());
            behind = offset + size;
            ChunkIndexBuilder builder{Xxh3::size};
            for (auto rest = keys; !rest.empty(); rest = rest.subspan(Xxh3::size)) {
                const Chunk chunk[] = {{rest.first(Xxh3::size)}};
                builder.add({128, {1, 1, 1, 0, 0}}, chunk);
            }
            promise(std::ranges::equal(Record::encode<Xxh3>(cached, builder.build()),
                                       ByteView{bytes}.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size))));
        });
    promise(end >= behind && end <= bytes.size());
}

/// Any bytes are a part of the cache of a save, or none; what it says is written again as it was.
inline void cached_part(ByteView input) {
    const auto part = pack::CachedPart::decode({input.begin(), input.end()});
    if (!part) return;
    std::vector<std::byte> bytes;
    pack::CachedPart::begin(bytes);
    for (const auto& entry : part->entries())
        pack::CachedPart::append_to(bytes, entry.stamp, entry.encoded);
    pack::CachedPart::end(bytes, part->is_whole());
    const auto again = pack::CachedPart::decode(bytes);
    promise(again && again->is_whole() == part->is_whole() &&
            std::ranges::equal(again->entries(), part->entries(), [](const auto& a, const auto& b) {
                return a.stamp == b.stamp && a.name == b.name &&
                       std::ranges::equal(a.encoded, b.encoded);
            }));
}

/// Whatever a journal says, nothing outside of its tree is touched, and the tree is no longer in the
/// way of the next restore. The first byte says whether the checksum is made to fit.
inline void restore_journal(ByteView input) {
    if (input.empty()) return;
    std::vector<std::byte> bytes{input.begin() + 1, input.end()};
    if (std::to_integer<int>(input[0]) % 2 == 1 && bytes.size() >= 4)
        store_le(bytes.data() + bytes.size() - 4, crc32c(ByteView{bytes}.first(bytes.size() - 4)));

    testing::SimTree fs;
    const auto add = [&fs](FileHandle in, const char* name) {
        promise(fs.make_directory_at(in, name, 0700).has_value());
        return *fs.open_directory_at(in, name);
    };
    const auto put = [&fs](FileHandle in, const char* name, ByteView content) {
        const auto file = *fs.create_at(in, name, 0600);
        for (std::size_t done = 0; done < content.size();)
            done += *fs.write_at(file, content.subspan(done), done);
        promise(fs.close(file).has_value());
    };
    const auto root = *fs.open_root("/", RootMode::existing);
    const auto outside = add(root, "outside"), tree = add(root, "tree"), below = add(tree, "d");
    put(outside, "f", as_bytes("outside"));
    put(tree, "a", as_bytes("inside"));
    put(below, "b", as_bytes("inside"));
    promise(fs.make_symlink_at("/outside", tree, "s").has_value());
    const auto staging = add(tree, ".bobbin-restore");
    const auto staged = add(staging, "new");
    (void)add(staging, "old");
    put(staged, "0", as_bytes("new"));
    put(staging, "journal", bytes);
    const auto before = *fs.node(outside);
    const auto file_before = *fs.node_at(outside, "f");

    pack::RestoreRecovered recovered;
    std::string failed_path;
    const auto done = pack::detail::recover_restore(fs, "/tree", recovered, failed_path);
    promise(*fs.node(outside) == before && *fs.node_at(outside, "f") == file_before);
    if (done) promise(!fs.node_at(tree, ".bobbin-restore"));
}

struct Target {
    const char* name;
    void (*run)(ByteView);
};
inline constexpr Target targets[] = {
    {"video_index", video_index}, {"mp4", mp4}, {"samples", samples}, {"sample_entry", sample_entry},
    {"pack", pack}, {"pack_index", pack_index}, {"codec", codec},
    {"tree", tree}, {"content_list", content_list}, {"ignore", ignore},
    {"pack_cache", pack_cache}, {"cached_part", cached_part}, {"restore_journal", restore_journal}};

}  // namespace bobbin_fuzz

#endif
