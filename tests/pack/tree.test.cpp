#include <bobbin/pack/tree.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "trees.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using namespace std::string_literals;
using bobbin_tests::address;
using bobbin_tests::bytes;
using bobbin_tests::repeated;

namespace {

using Node = std::vector<std::byte>;
using Entries = std::vector<TreeEntry>;

Node encode(const Entries& entries) {
    TreeEncoder encoder;
    Node node;
    for (const auto& entry : entries) {
        BOOST_REQUIRE(encoder.add(entry));
        if (encoder.pending() > 10'000) pack::detail::put_bytes(node, encoder.take_piece());
    }
    BOOST_REQUIRE(encoder.finish());
    pack::detail::put_bytes(node, encoder.take_piece());
    BOOST_TEST(encoder.take_piece().empty());
    return node;
}

// In pieces of a size, 0: as a whole.
Result<Entries> decode(ByteView node, std::size_t piece = 0) {
    TreeDecoder decoder;
    Entries entries;
    TreeEntry entry;
    do {
        const auto size = std::min(piece == 0 ? node.size() : piece, node.size());
        BOOST_REQUIRE(decoder.add(node.first(size)));
        node = node.subspan(size);
        for (;;) {
            const auto got = decoder.next(entry);
            if (!got) {
                BOOST_TEST(!decoder.is_complete());
                BOOST_TEST((decoder.finish().error() == got.error()));
                BOOST_TEST((decoder.next(entry).error() == got.error()));
                return got.error();
            }
            if (!*got) break;
            entries.push_back(entry);
        }
    } while (!node.empty());
    if (auto end = decoder.finish(); !end) return end.error();
    BOOST_TEST(decoder.is_complete());
    return entries;
}

// Any bytes are an error, or what is made of them again.
void check_canonical(const Node& node) {
    const auto entries = decode(node);
    if (!entries) {
        BOOST_REQUIRE(
            (entries.error().is(Errc::tree_malformed) || entries.error().is(Errc::format_unknown)));
        return;
    }
    BOOST_REQUIRE((encode(*entries) == node));
}

Errc wrong(ByteView node) {
    const auto entries = decode(node);
    return entries ? Errc{} : static_cast<Errc>(entries.error().code);
}

TreeEntry file(std::string name) {
    TreeEntry entry;
    entry.name = std::move(name);
    return entry;
}

const auto example =
    bytes("42 50 74 6e 01"
          "36 01 61 01 00 a4 03 e8 07 e8 07 80 c4 9f d5 0c 80 ca b5 ee 01 05 0a 11*32 "
          "36 01 64 02 03 ed 03 00 00 00 00 04 72 6f 6f 74 04 72 6f 6f 74 06 0c 22*32 "
          "0e 01 6c 03 00 ff 03 e8 07 e8 07 01 00 01 61"
          "40 01 73 01 0c 80 03 e8 07 e8 07 02 00 01 06 75 73 65 72 2e 78 01 31 ac 02 80 80 40 81 "
          "c0 7f 80 40 33*32 "
          "37 01 74 01 10 80 03 e8 07 e8 07 02 00 80 80 80 80 0c 01 80 80 80 80 18 44*32 "
          "00");

Entries entries_of_the_example() {
    Entries entries(5);
    for (auto& entry : entries) entry.user = entry.group = 1000;
    entries[0].name = "a";
    entries[0].mode = 0644;
    entries[0].modified = {1'700'000'000, 500'000'000};
    entries[0].content = {5, 0, {{5, repeated(0x11), false}}};
    entries[1].name = "d";
    entries[1].kind = EntryKind::directory;
    entries[1].mode = 0755;
    entries[1].user = entries[1].group = 0;
    entries[1].user_name = entries[1].group_name = "root";
    entries[1].content = {6, 0, {{6, repeated(0x22), false}}};
    entries[2].name = "l";
    entries[2].kind = EntryKind::symlink;
    entries[2].mode = 0777;
    entries[2].modified = {-1, 0};
    entries[2].target = "a";
    entries[3].name = "s";
    entries[3].mode = 0600;
    entries[3].modified = {1, 0};
    entries[3].attributes = {{"user.x", "1"}};
    entries[3].hard_link = 300;
    entries[3].content = {
        1 << 20, 0, {{(1 << 20) - 4096, {}, true}, {4096, repeated(0x33), false}}};
    entries[4].name = "t";
    entries[4].mode = 0600;
    entries[4].modified = {1, 0};
    entries[4].content = {
        std::uint64_t{3} << 30, 1, {{std::uint64_t{3} << 30, repeated(0x44), false}}};
    return entries;
}

class Random {
public:
    explicit Random(std::uint64_t seed) : bits_{seed} {}

    std::uint64_t below(std::uint64_t n) { return bits_() % n; }
    // All magnitudes are equally likely.
    std::uint64_t number() { return bits_() >> below(64); }
    std::string text(std::size_t least, std::size_t most, bool with_zero = false) {
        std::string out;
        const auto size = least + below(most - least + 1);
        while (out.size() < size) {
            const auto c = static_cast<char>(bits_());
            if (with_zero || (c != '\0' && c != '/')) out += c;
        }
        return out;
    }

    Content content(bool with_holes, std::uint64_t least) {
        Content content;
        if (below(5) == 0) content.level = static_cast<std::uint8_t>(1 + below(8));
        const auto most = content.level == 0 ? ContentLimits::chunk : std::uint64_t{1} << 56;
        for (auto n = below(3) == 0 ? below(65) : 1; n > 0; --n) {
            const bool is_hole = with_holes && content.level == 0 && below(4) == 0 &&
                                 (content.extents.empty() || !content.extents.back().is_hole);
            const auto length =
                std::min(least + (is_hole ? bits_() >> (8 + below(56)) : number()), most);
            if (length == 0) continue;
            content.extents.push_back({length, is_hole ? Address{} : address(bits_()), is_hole});
            content.size += length;
        }
        if (content.extents.empty()) content.level = 0;
        return content;
    }

    TreeEntry entry(std::string name) {
        TreeEntry entry;
        entry.name = std::move(name);
        entry.kind = static_cast<EntryKind>(1 + below(3));
        entry.mode = static_cast<std::uint32_t>(below(010000));
        entry.user = static_cast<std::uint32_t>(number() & UINT32_MAX);
        entry.group = static_cast<std::uint32_t>(number() & UINT32_MAX);
        if (below(3) == 0) entry.user_name = text(1, 255);
        if (below(3) == 0) entry.group_name = text(1, 8);
        entry.modified = {static_cast<std::int64_t>(number()) * (below(2) == 0 ? 1 : -1),
                          static_cast<std::uint32_t>(below(1'000'000'000))};
        if (below(3) == 0) {
            std::map<std::string, std::string> sorted;
            for (auto n = below(5); n > 0; --n)
                sorted[text(1, below(2) == 0 ? 2 : 255)] = text(0, 300, true);
            for (const auto& [key, value] : sorted) entry.attributes.push_back({key, value});
        }
        const bool is_directory = entry.kind == EntryKind::directory;
        if (!is_directory && below(3) == 0) entry.hard_link = number();
        if (entry.kind == EntryKind::symlink)
            entry.target = text(1, below(10) == 0 ? 4095 : 20);
        else if (is_directory || below(4) != 0)
            do entry.content = content(!is_directory, is_directory ? 6 : 0);
            while (is_directory && entry.content.size == 0);
        return entry;
    }

    Entries entries(std::size_t count) {
        std::map<std::string, TreeEntry> sorted;
        while (sorted.size() < count) {
            const auto name = text(1, below(20) == 0 ? 4095 : 3);
            if (name != "." && name != "..") sorted[name] = entry(name);
        }
        Entries out;
        for (auto& [name, entry] : sorted) out.push_back(std::move(entry));
        return out;
    }

private:
    std::mt19937_64 bits_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_tree)

BOOST_AUTO_TEST_CASE(bytes_of_the_specification) {
    BOOST_TEST(example.size() == 252U);
    BOOST_TEST((encode(entries_of_the_example()) == example));
    const auto decoded = decode(example);
    BOOST_REQUIRE(decoded);
    BOOST_TEST((*decoded == entries_of_the_example()));
    BOOST_TEST((encode({}) == bytes("42 50 74 6e 01 00")));
    BOOST_TEST(encode({}).size() == TreeLimits::smallest_node);
    BOOST_TEST(decode(bytes("42 50 74 6e 01 00"))->empty());
}

BOOST_AUTO_TEST_CASE(random_round_trips) {
    Random random{1};
    for (int round = 0; round < 200; ++round) {
        const auto entries = random.entries(random.below(40));
        const auto node = encode(entries);
        for (const std::size_t piece : {std::size_t{0}, std::size_t{1}, std::size_t{7},
                                        std::size_t{1} + random.below(5000)}) {
            const auto decoded = decode(node, piece);
            BOOST_REQUIRE(decoded);
            BOOST_REQUIRE((*decoded == entries));
        }
    }
}

BOOST_AUTO_TEST_CASE(every_byte_changed_and_every_truncation) {
    Random random{2};
    std::vector<Node> nodes{example, encode({})};
    for (int i = 0; i < 12; ++i) nodes.push_back(encode(random.entries(1 + random.below(4))));
    std::size_t accepted = 0;
    for (const auto& node : nodes) {
        for (std::size_t size = 0; size < node.size(); ++size)
            BOOST_REQUIRE((wrong(ByteView{node}.first(size)) == Errc::tree_malformed));
        for (std::size_t at = 0; at < std::min<std::size_t>(node.size(), 3000); ++at) {
            const bool is_all = node.size() < 300;
            for (int n = 0; n < (is_all ? 255 : 9); ++n) {
                auto bent = node;
                const auto change = is_all   ? static_cast<std::uint64_t>(n) + 1
                                    : n == 8 ? 1 + random.below(255)
                                             : std::uint64_t{1} << n;
                bent[at] ^= static_cast<std::byte>(change);
                check_canonical(bent);
                accepted += decode(bent) ? 1 : 0;
            }
        }
        for (int n = 0; n < 200; ++n) {
            auto bent = node;
            const auto at = bent.begin() + static_cast<std::ptrdiff_t>(random.below(bent.size()));
            if (n % 2 == 0)
                bent.erase(at);
            else
                bent.insert(at, static_cast<std::byte>(random.below(256)));
            check_canonical(bent);
        }
    }
    BOOST_TEST(accepted > 0U);  // other addresses, times, …
}

BOOST_AUTO_TEST_CASE(what_no_encoder_makes) {
    const auto head = "42 50 74 6e 01 "s;
    const auto node = [&](const std::string& body, const std::string& end = " 00") {
        auto entry = bytes(body);
        Node all = bytes(head);
        pack::detail::put_varint(all, entry.size());
        pack::detail::put_bytes(all, entry);
        pack::detail::put_bytes(all, bytes(end));
        return all;
    };
    const auto is = [&](const std::string& body, Errc why) { return wrong(node(body)) == why; };
    BOOST_TEST(is("01 61 01 00 00 00 00 00 00 00", Errc{}));
    // the header, and what follows the end
    BOOST_TEST((wrong(bytes("42 50 74 6d 01 00")) == Errc::tree_malformed));
    BOOST_TEST((wrong(bytes("42 50 74 6e 02 00")) == Errc::format_unknown));
    BOOST_TEST((wrong(bytes("42 50 74 6e 01 00 00")) == Errc::tree_malformed));
    BOOST_TEST((wrong(bytes("42 50 74 6e 01 80 00")) == Errc::tree_malformed));
    // names
    BOOST_TEST(is("00 01 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 2e 01 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("02 2e 2e 01 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("03 2e 2e 2e 01 00 00 00 00 00 00 00", Errc{}));
    BOOST_TEST(is("01 2f 01 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("02 61 00 01 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("ff 1f 61*4095 01 00 00 00 00 00 00 00", Errc{}));
    BOOST_TEST(is("80 20 61*4096 01 00 00 00 00 00 00 00", Errc::tree_malformed));
    // kinds and flags
    BOOST_TEST(is("01 61 00 00 00 00 00 00 00 00", Errc::format_unknown));
    BOOST_TEST(is("01 61 04 00 00 00 00 00 00 00", Errc::format_unknown));
    BOOST_TEST(is("01 61 01 20 00 00 00 00 00 00", Errc::format_unknown));
    // mode, owner, time
    BOOST_TEST(is("01 61 01 00 ff 1f 00 00 00 00 00", Errc{}));
    BOOST_TEST(is("01 61 01 00 80 20 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 00 00 ff ff ff ff 0f 00 00 00 00", Errc{}));
    BOOST_TEST(is("01 61 01 00 00 80 80 80 80 10 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 00 00 00 80 80 80 80 10 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 00 00 00 00 ff*9 01 00 00", Errc{}));
    BOOST_TEST(is("01 61 01 00 00 00 00 ff*9 02 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 00 00 00 00 ff*9 81 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 00 00 00 00 00 ff 93 eb dc 03 00", Errc{}));
    BOOST_TEST(is("01 61 01 00 00 00 00 00 80 94 eb dc 03 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 00 80 00 00 00 00 00 00", Errc::tree_malformed));
    // what a flag says is there, and is not
    BOOST_TEST(is("01 61 01 01 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 02 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 04 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 08 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 10 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 10 00 00 00 00 00 00 01", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 10 00 00 00 00 00 05 01 0a 11*32", Errc{}));
    BOOST_TEST(is("01 61 01 10 00 00 00 00 00 05 00 0a 11*32", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 10 00 00 00 00 00 05 09 0a 11*32", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 10 00 00 00 00 00 05 01 0b", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 01 00 00 00 00 00 01 00 00", Errc::tree_malformed));
    // attributes: order, twice, no name, more than there are
    BOOST_TEST(is("01 61 01 04 00 00 00 00 00 02 01 61 00 01 62 00 00", Errc{}));
    BOOST_TEST(is("01 61 01 04 00 00 00 00 00 02 01 62 00 01 61 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 04 00 00 00 00 00 02 01 61 00 01 61 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 04 00 00 00 00 00 01 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 04 00 00 00 00 00 ff ff ff ff 0f 01 61 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 04 00 00 00 00 00 01 01 61 ff ff ff ff 0f 00", Errc::tree_malformed));
    // symlinks
    BOOST_TEST(is("01 61 03 00 00 00 00 00 00 01 62", Errc{}));
    BOOST_TEST(is("01 61 03 00 00 00 00 00 00 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 03 00 00 00 00 00 00 01 00", Errc::tree_malformed));
    BOOST_TEST(is("01 61 03 10 00 00 00 00 00 01 62", Errc::tree_malformed));
    BOOST_TEST(is("01 61 03 00 00 00 00 00 00 80 20 61*4096", Errc::tree_malformed));
    // directories: hard links, holes, too short for a node
    BOOST_TEST(is("01 61 02 00 00 00 00 00 00 06 0c 11*32", Errc{}));
    BOOST_TEST(is("01 61 02 08 00 00 00 00 00 05 06 0c 11*32", Errc::tree_malformed));
    BOOST_TEST(is("01 61 02 00 00 00 00 00 00 06 0d", Errc::tree_malformed));
    BOOST_TEST(is("01 61 02 00 00 00 00 00 00 05 0a 11*32", Errc::tree_malformed));
    BOOST_TEST(is("01 61 02 00 00 00 00 00 00 00", Errc::tree_malformed));
    // contents: sums, holes, more extents than 64
    BOOST_TEST(is("01 61 01 00 00 00 00 00 00 0a 0b 0a 11*32", Errc{}));
    BOOST_TEST(is("01 61 01 00 00 00 00 00 00 0b 0b 0a 11*32", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 00 00 00 00 00 00 09 0b 0a 11*32", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 00 00 00 00 00 00 0a 0b 0b", Errc::tree_malformed));
    BOOST_TEST(is("01 61 01 00 00 00 00 00 00 05 01 0b", Errc::tree_malformed));
    std::string chunks;
    for (int n = 0; n < 64; ++n) chunks += " 02 11*32";
    BOOST_TEST(is("01 61 01 00 00 00 00 00 00 40" + chunks, Errc{}));
    BOOST_TEST(is("01 61 01 00 00 00 00 00 00 41" + chunks + " 02 11*32", Errc::tree_malformed));
    // what is left over in an entry
    BOOST_TEST(is("01 61 01 00 00 00 00 00 00 00 00", Errc::tree_malformed));
    // order
    const auto two = [&](const std::string& first, const std::string& second) {
        return wrong(node(first, " 0a " + second + " 00"));
    };
    const auto named = [](const std::string& name) {
        return "01 " + name + " 01 00 00 00 00 00 00 00";
    };
    BOOST_TEST((two(named("61"), named("62")) == Errc{}));
    BOOST_TEST((two(named("7f"), named("80")) == Errc{}));
    BOOST_TEST((two(named("62"), named("61")) == Errc::tree_malformed));
    BOOST_TEST((two(named("61"), named("61")) == Errc::tree_malformed));
    // an entry that claims more than an entry may have, before the bytes are there
    TreeDecoder decoder;
    TreeEntry entry;
    BOOST_REQUIRE(decoder.add(bytes(head + "80 80 40")));
    BOOST_TEST(*decoder.next(entry) == false);
    TreeDecoder larger;
    BOOST_REQUIRE(larger.add(bytes(head + "81 80 40")));
    BOOST_TEST(larger.next(entry).error().is(Errc::tree_malformed));
}

BOOST_AUTO_TEST_CASE(the_encoder_refuses_what_the_decoder_would) {
    const auto refused = [](TreeEntry entry) {
        TreeEncoder encoder;
        BOOST_REQUIRE(encoder.add(file("a")));
        const auto before = encoder.pending();
        const auto added = encoder.add(entry);
        BOOST_TEST(encoder.pending() == before + (added ? 11U : 0U));
        BOOST_REQUIRE(encoder.add(file("z")));
        BOOST_REQUIRE(encoder.finish());
        BOOST_TEST((encoder.add(file("zz")).error().is(Errc::invalid_argument)));
        BOOST_TEST((encoder.finish().error().is(Errc::invalid_argument)));
        BOOST_TEST(decode(encoder.take_piece())->size() == (added ? 3U : 2U));
        return added ? Errc{} : static_cast<Errc>(added.error().code);
    };
    const auto with = [&](auto change) {
        auto entry = file("b");
        change(entry);
        return refused(entry);
    };
    BOOST_TEST((refused(file("b")) == Errc{}));
    for (const auto& name : {""s, "."s, ".."s, "b/c"s, "b\0c"s, std::string(4096, 'b')})
        BOOST_TEST((refused(file(name)) == Errc::name_invalid));
    BOOST_TEST((refused(file("a")) == Errc::invalid_argument));
    BOOST_TEST((refused(file("A")) == Errc::invalid_argument));
    using E = TreeEntry;
    BOOST_TEST((with([](E& e) { e.kind = static_cast<EntryKind>(4); }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) { e.kind = EntryKind{}; }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) { e.mode = 0100644; }) == Errc::invalid_argument));
    BOOST_TEST(
        (with([](E& e) { e.modified.nanoseconds = 1'000'000'000; }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) { e.user_name = std::string(256, 'u'); }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) { e.group_name = "g\0"s; }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) { e.target = "t"; }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) { e.kind = EntryKind::symlink; }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) { e.kind = EntryKind::directory; }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) {
                    e.attributes = {{"b", ""}, {"a", ""}};
                }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) {
                    e.attributes = {{"a", ""}, {"a", ""}};
                }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) { e.attributes = {{"", ""}}; }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) {
                    e.attributes = {{"a", std::string(TreeLimits::entry, 'v')}};
                }) == Errc::out_of_range));
    BOOST_TEST((with([](E& e) { e.content.size = 1; }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) {
                    e.content = {65, 0, std::vector<Extent>(65, {1, address(1), false})};
                }) == Errc::invalid_argument));
    BOOST_TEST((with([](E& e) { e.content.level = 1; }) == Errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(extremes) {
    auto largest = file(std::string(4095, '\xff'));
    largest.mode = 07777;
    largest.user = largest.group = UINT32_MAX;
    largest.user_name = largest.group_name = std::string(255, '\x01');
    largest.modified = {std::numeric_limits<std::int64_t>::min(), 999'999'999};
    largest.hard_link = UINT64_MAX;
    largest.attributes = {{std::string(255, 'a'), std::string(1'000'000, '\0')}};
    largest.content = {ContentLimits::size, 0, {{ContentLimits::size, {}, true}}};
    const Entries entries{file("\x01"), largest};
    for (const std::size_t piece : {std::size_t{0}, std::size_t{1000}})
        BOOST_TEST((*decode(encode(entries), piece) == entries));
}

// Neither side holds more of it than a piece and an entry.
BOOST_AUTO_TEST_CASE(a_large_directory_in_pieces) {
    constexpr std::size_t count = 100'000;
    TreeEncoder encoder;
    TreeDecoder decoder;
    TreeEntry entry;
    std::size_t decoded = 0, total = 0, largest = 0;
    const auto pass_on = [&] {
        const auto piece = encoder.take_piece();
        total += piece.size();
        largest = std::max(largest, piece.size());
        BOOST_REQUIRE(decoder.add(piece));
        for (;;) {
            const auto got = decoder.next(entry);
            BOOST_REQUIRE(got);
            if (!*got) return;
            BOOST_REQUIRE(entry.content.size == decoded + 1);
            ++decoded;
        }
    };
    for (std::size_t n = 0; n < count; ++n) {
        auto added = file("name" + std::to_string(1'000'000 + n));
        added.content = {n + 1, 0, {{n + 1, address(n), false}}};
        BOOST_REQUIRE(encoder.add(added));
        if (encoder.pending() >= 65'536) pass_on();
    }
    BOOST_REQUIRE(encoder.finish());
    pass_on();
    BOOST_TEST(decoder.is_complete());
    BOOST_TEST(decoded == count);
    BOOST_TEST(total < 8'000'000U);
    BOOST_TEST(largest < 66'000U);
}

BOOST_AUTO_TEST_SUITE_END()
