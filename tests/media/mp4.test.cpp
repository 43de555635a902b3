#include <bobbin/media/mp4.hpp>

#include "support.hpp"

#include <bobbin/core/crc32c.hpp>
#include <bobbin/media/fragment.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace media_tests;

namespace {

struct Given {
    std::int64_t duration;
    std::uint64_t size;
    bool sync;
};

std::shared_ptr<const SampleEntry> make_entry(unsigned width) {
    media::detail::Buffer box;
    {
        const media::detail::Box avc1{box, "avc1"};
        media::detail::put_zeros(box, 6);
        media::detail::put16(box, 1);
        media::detail::put_zeros(box, 16);
        media::detail::put16(box, width);
        media::detail::put16(box, 64);
        media::detail::put_zeros(box, 50);
        const media::detail::Box avcc{box, "avcC"};
        media::detail::put_bytes(box, from_hex("014d401fffe000"));
    }
    return std::make_shared<const SampleEntry>(*SampleEntry::parse(box));
}

struct Fixture {
    Store store;
    std::shared_ptr<const SampleEntry> entry = make_entry(64);

    Segment segment(std::uint64_t id, const std::vector<Given>& samples) {
        VideoIndex index;
        Blob& data = store.data[id];
        for (const auto& s : samples) {
            BOOST_REQUIRE(index.add({MediaDuration{s.duration}, s.sync}, Bytes{s.size}));
            for (std::uint64_t i = 0; i < s.size; ++i) data.push_back(static_cast<std::byte>(id * 16 + i));
        }
        const auto piece = index.take_piece();
        Segment made;
        made.object = ObjectId{id};
        made.open = OpenId{1};
        made.entry = entry;
        made.index = std::make_shared<const Blob>(piece.begin(), piece.end());
        made.to = index.counts().duration;
        made.start = WallTime{1'600'000'000LL * 90'000};
        return made;
    }
    Segment one() { return segment(1, {{10, 5, true}, {10, 2, false}, {20, 3, false}, {10, 6, true}, {10, 2, false}}); }
    Segment two() { return segment(2, {{30, 7, true}, {30, 1, false}, {0, 4, false}}); }

    Mp4File build(std::vector<Segment> segments) {
        Mp4Builder builder;
        for (auto& s : segments) builder.add(s);
        auto file = builder.build();
        BOOST_REQUIRE(file);
        return *std::move(file);
    }
    /// The payload of the first box of that type, in hexadecimal.
    std::string box(const Mp4File& file, std::string_view type) {
        const auto bytes = store.read(file);
        const auto at = as_text(bytes).find(type);
        if (at == std::string_view::npos) return "none";
        const auto size = media::detail::load_be<std::uint32_t>(&bytes[at - 4]);
        return to_hex(ByteView{bytes}.subspan(at + 4, size - 8));
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(media_mp4, Fixture)

BOOST_AUTO_TEST_CASE(tables) {
    const auto file = build({one(), two()});
    BOOST_TEST(box(file, "stts") == "0000000000000005"
                                    "000000020000000a" "0000000100000014" "000000020000000a"
                                    "000000020000001e" "0000000100000000");
    BOOST_TEST(box(file, "stss") == "0000000000000003" "000000010000000400000006");
    BOOST_TEST(box(file, "stsc") == "0000000000000002" "000000010000000500000001" "000000020000000300000001");
    BOOST_TEST(box(file, "stsz") == "000000000000000000000008"
                                    "0000000500000002000000030000000600000002" "000000070000000100000004");
    BOOST_TEST(box(file, "elst") == "none");
    BOOST_TEST(file.duration().count == 120);
    BOOST_TEST(file.samples() == 8U);

    const auto bytes = store.read(file);
    const auto mdat = as_text(bytes).find("mdat");
    BOOST_TEST(to_hex(ByteView{bytes}.subspan(mdat - 4, 16)) == "000000016d646174000000000000002e");
    const auto chunk = box(file, "co64");
    BOOST_TEST(chunk.substr(0, 16) == "0000000000000002");
    const auto offsets = from_hex(chunk.substr(16));
    BOOST_TEST(media::detail::load_be<std::uint64_t>(offsets.data()) == mdat + 12);
    BOOST_TEST(media::detail::load_be<std::uint64_t>(&offsets[8]) == mdat + 12 + 18);
    BOOST_TEST(to_hex(ByteView{bytes}.subspan(mdat + 12)) ==
               to_hex(store.data[1]) + to_hex(store.data[2]));
}

BOOST_AUTO_TEST_CASE(a_range_from_inside_a_group_has_an_edit_list) {
    auto a = one();
    a.from = MediaDuration{15};
    a.to = MediaDuration{45};
    const auto file = build({a, two()});
    // shown: 30 from 15 on, and all of the next right after it
    BOOST_TEST(box(file, "elst") == "0100000000000001" "000000000000005a" "000000000000000f" "00010000");
    BOOST_TEST(box(file, "stts") == "0000000000000005"
                                    "000000020000000a" "0000000100000014" "0000000100000005"
                                    "000000020000001e" "0000000100000000");
    BOOST_TEST(file.duration().count == 90);
    BOOST_TEST(file.leading_media().count == 15);

    auto b = two();
    b.from = MediaDuration{30};
    const auto both = build({a, b});
    BOOST_TEST(box(both, "elst") == "0100000000000002" "000000000000001e" "000000000000000f" "00010000"
                                    "000000000000001e" "000000000000004b" "00010000");
    // a start at a sync sample takes nothing before it
    a.from = MediaDuration{40};
    const auto late = build({a});
    BOOST_TEST(box(late, "elst") == "none");
    BOOST_TEST(late.samples() == 1U);
    BOOST_TEST(box(late, "stsz") == "000000000000000000000001" "00000006");
}

BOOST_AUTO_TEST_CASE(headers_are_wide_when_needed) {
    auto a = segment(3, {{0x7fffffff, 1, true}, {0x7fffffff, 1, false}});
    BOOST_TEST(box(build({a}), "mdhd").substr(0, 2) == "00");
    auto b = segment(4, {{0x7fffffff, 1, true}, {0x7fffffff, 1, false}, {1, 1, false}});
    const auto wide = build({b});
    BOOST_TEST(box(wide, "mdhd").substr(0, 2) == "01");
    BOOST_TEST(box(wide, "tkhd").substr(0, 2) == "01");
    BOOST_TEST(box(wide, "mvhd").substr(0, 2) == "01");
    a.start = WallTime{2'300'000'000LL * 90'000};  // 2042: over 32 bits of seconds since 1904
    BOOST_TEST(box(build({a}), "mvhd").substr(0, 2) == "01");
}

BOOST_AUTO_TEST_CASE(every_distinct_entry_once) {
    auto a = one(), b = two(), c = one();
    b.entry = make_entry(128);
    c.entry = make_entry(64);  // equal, another object
    const auto file = build({a, b, c});
    BOOST_TEST(box(file, "stsd").substr(0, 16) == "0000000000000002");
    BOOST_TEST(box(file, "stsc") == "0000000000000003" "000000010000000500000001" "000000020000000300000002"
                                    "000000030000000500000001");
}

BOOST_AUTO_TEST_CASE(any_range_of_bytes_is_that_of_the_whole) {
    auto a = one();
    a.from = MediaDuration{15};
    const auto file = build({a, two()});
    const auto whole = store.read(file);
    BOOST_REQUIRE_EQUAL(whole.size(), file.size());
    for (std::uint64_t begin = 0; begin <= whole.size(); begin += 3)
        for (std::uint64_t end = begin; end <= whole.size() + 5; end += 1 + (end - begin) / 7) {
            const auto got = store.read(file, begin, end);
            const auto last = std::min<std::uint64_t>(end, whole.size());
            BOOST_REQUIRE(std::ranges::equal(got, ByteView{whole}.subspan(begin, last - begin)));
        }
    BOOST_TEST(store.read(file, file.size() + 10, file.size() + 20).empty());
}

BOOST_AUTO_TEST_CASE(a_loader_is_asked_each_time) {
    auto a = one();
    const auto index = a.index;
    const auto wanted = store.read(build({a}));
    a.index = nullptr;
    int asked = 0;
    bool fails = false;
    Mp4Builder builder{[&](ObjectId) -> Result<IndexBytes> {
        ++asked;
        if (fails) return Error{Errc::object_unknown, Operation::read};
        return index;
    }};
    const auto file = builder.add(a).build();
    BOOST_REQUIRE(file);
    BOOST_TEST(asked == 1);
    BOOST_TEST((store.read(*file) == wanted));
    BOOST_TEST(asked == 4);
    fails = true;
    auto slices = file->slices(0, file->size());
    BOOST_REQUIRE(slices.next());
    for (int i = 0; i < 2; ++i) {
        const auto slice = slices.next();
        BOOST_REQUIRE(!slice);
        BOOST_TEST(slice.error().is(Errc::object_unknown));
    }
    BOOST_TEST(Mp4Builder{}.add(a).build().error().is(Errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(an_index_that_changed_is_found_out) {
    auto a = one();
    const auto other = two().index;
    IndexBytes now = a.index;
    a.index = nullptr;
    Mp4Builder builder{[&](ObjectId) -> Result<IndexBytes> { return now; }};
    const auto file = builder.add(a).build();
    BOOST_REQUIRE(file);
    now = other;
    auto slices = file->slices(0, file->size());
    BOOST_REQUIRE(slices.next());
    const auto slice = slices.next();
    BOOST_REQUIRE(!slice);
    BOOST_TEST((slice.error().subject == Subject{ObjectId{1}}));
}

BOOST_AUTO_TEST_CASE(wrong_ranges_are_errors) {
    const auto wrong = [&](std::int64_t from, std::int64_t to) {
        auto a = one();
        a.from = MediaDuration{from};
        a.to = MediaDuration{to};
        const auto file = Mp4Builder{}.add(a).build();
        return !file && file.error().is(Errc::out_of_range);
    };
    BOOST_TEST(wrong(0, 0));
    BOOST_TEST(wrong(10, 5));
    BOOST_TEST(wrong(-1, 5));
    BOOST_TEST(wrong(0, 61));
    BOOST_TEST(wrong(60, 61));
    BOOST_TEST(!wrong(0, 60));
    BOOST_TEST(!Mp4Builder{}.build());
    auto damaged = one();
    damaged.index = std::make_shared<const Blob>(from_hex("29"));
    BOOST_TEST(Mp4Builder{}.add(damaged).build().error().is(Errc::index_truncated));
    auto bare = one();
    bare.entry = nullptr;
    BOOST_TEST(Mp4Builder{}.add(bare).build().error().is(Errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(keys_differ_where_files_do) {
    const auto key = [&](auto change) {
        auto a = one();
        change(a);
        return build({a}).content_key();
    };
    const auto plain = key([](Segment&) {});
    BOOST_TEST((plain == key([](Segment&) {})));
    BOOST_TEST((plain != key([](Segment& s) { s.to = MediaDuration{59}; })));
    BOOST_TEST((plain != key([](Segment& s) { s.from = MediaDuration{1}; })));
    BOOST_TEST((plain != key([](Segment& s) { s.open = OpenId{2}; })));
    BOOST_TEST((plain != key([](Segment& s) { s.start.ticks += 1; })));
    BOOST_TEST((plain != key([](Segment& s) { s.entry = make_entry(128); })));
    // A recording that grows: another sample, and none of the times differs.
    const std::vector<Given> shorter{{10, 5, true}, {10, 2, false}};
    auto longer = shorter;
    longer.push_back({0, 3, false});
    BOOST_TEST((build({segment(3, shorter)}).content_key() != build({segment(3, longer)}).content_key()));
    const auto at = [&](std::int64_t time, std::uint32_t sequence) {
        return Mp4Builder{}.add(one()).build_fragment(MediaDuration{time}, sequence)->content_key();
    };
    BOOST_TEST((at(0, 1) != plain));
    BOOST_TEST((at(0, 1) != at(0, 2)));
    BOOST_TEST((at(0, 1) != at(1, 1)));
}

// Clients keep parts of files by entity tags. If this test fails, old parts and new ones don't fit: raise
// Mp4File::format_serial, then put the new sums here.
BOOST_AUTO_TEST_CASE(generated_bytes_are_those_of_this_serial) {
    auto a = one();
    a.from = MediaDuration{15};
    const auto sum = [&](const Mp4File& file) {
        const auto bytes = store.read(file);
        return crc32c(bytes);
    };
    BOOST_TEST(Mp4File::format_serial == 1U);
    BOOST_TEST(sum(build({a, two()})) == 1695207672U);
    BOOST_TEST(sum(*Mp4Builder{}.add(a).add(two()).build_fragment(MediaDuration{7}, 3)) == 702982680U);
    BOOST_TEST(crc32c(*initialization_segment(*entry)) == 755914039U);
}

BOOST_AUTO_TEST_CASE(fragments) {
    const auto file = *Mp4Builder{}.add(one()).build_fragment(MediaDuration{256}, 5);
    const auto hex = to_hex(store.read(file));
    BOOST_TEST(hex == "000000a0" "6d6f6f66"
                      "00000010" "6d666864" "00000000" "00000005"
                      "00000088" "74726166"
                      "00000014" "74666864" "00020020" "00000001" "01010000"
                      "00000014" "74666474" "01000000" "0000000000000100"
                      "00000030" "7472756e" "00000305" "00000003" "000000a8" "02000000"
                      "0000000a00000005" "0000000a00000002" "0000001400000003"
                      "00000028" "7472756e" "00000305" "00000002" "000000b2" "02000000"
                      "0000000a00000006" "0000000a00000002"
                      "0000001a" "6d646174" + to_hex(store.data[1]));
    const FragmentSample frame{100, 3000, false};
    const auto live = fragment_head({&frame, 1}, MediaDuration{0}, 1);
    BOOST_REQUIRE(live);
    BOOST_TEST(to_hex(*live).find("01010000" "00000bb8" "00000064") != std::string::npos);
    BOOST_TEST(!fragment_head({}, MediaDuration{0}, 1));
    const std::vector<FragmentSample> large(3, {0x7fffffff, 1, true});
    BOOST_TEST(fragment_head(large, MediaDuration{0}, 1).error().is(Errc::out_of_range));

    auto other = two();
    other.entry = make_entry(128);
    BOOST_TEST(!Mp4Builder{}.add(one()).add(other).build_fragment());
    auto inside = two();
    inside.from = MediaDuration{30};
    BOOST_TEST(!Mp4Builder{}.add(one()).add(inside).build_fragment());
}

BOOST_AUTO_TEST_SUITE_END()
