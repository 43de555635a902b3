#include <bobbin/pack/content.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <random>
#include <set>
#include <string_view>
#include <vector>

#include "trees.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using bobbin_tests::address;
using bobbin_tests::bytes;

namespace {

// Records by an address that is made up of their bytes: not collision-resistant, but here it will do.
class Records {
public:
    Result<Address> operator()(ByteView record) {
        std::uint64_t hash = 0xcbf29ce484222325;
        for (const auto byte : record)
            hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
        const auto at = address(hash);
        by_address[at].assign(record.begin(), record.end());
        largest = std::max(largest, record.size());
        return at;
    }
    Result<std::vector<std::byte>> fetch(const Address& at) const {
        const auto found = by_address.find(at);
        if (found == by_address.end()) return Error{Errc::object_unknown, Operation::read};
        return found->second;
    }

    std::map<Address, std::vector<std::byte>> by_address;
    std::size_t largest = 0;
};

struct Store {
    Records* records;
    Result<Address> operator()(ByteView record) { return (*records)(record); }
};

Content build(Records& records, const std::vector<Extent>& extents) {
    ContentBuilder builder{Store{&records}};
    for (const auto& extent : extents)
        BOOST_REQUIRE(extent.is_hole ? builder.add_hole(extent.length)
                                     : builder.add_chunk(extent.address, extent.length));
    auto content = builder.finish();
    BOOST_REQUIRE(content);
    BOOST_REQUIRE(content->extents.size() <= ContentLimits::in_entry);
    return *std::move(content);
}

std::vector<Extent> extents_of(const Records& records, const Content& content) {
    std::vector<Extent> extents;
    BOOST_REQUIRE(for_each_chunk(
        content, [&](const Address& at) { return records.fetch(at); },
        [&](const Extent& extent) -> Result<void> {
            extents.push_back(extent);
            return {};
        }));
    return extents;
}

std::vector<Extent> random_extents(std::mt19937_64& random, std::size_t count) {
    std::vector<Extent> extents;
    while (extents.size() < count) {
        const bool is_hole = random() % 8 == 0 && (extents.empty() || !extents.back().is_hole);
        extents.push_back({1 + random() % (std::uint64_t{1} << (random() % 31)),
                           is_hole ? Address{} : address(random()), is_hole});
    }
    return extents;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_content)

BOOST_AUTO_TEST_CASE(bytes_of_the_specification) {
    const Content list{std::uint64_t{3} << 30,
                       0,
                       {{std::uint64_t{1} << 31, bobbin_tests::repeated(0x55), false},
                        {std::uint64_t{1} << 30, {}, true}}};
    const auto example = bytes("42 50 63 6c 01 00 80 80 80 80 0c"
                               "80 80 80 80 10 55*32 81 80 80 80 08");
    const auto encoded = ContentList::encode(list);
    BOOST_REQUIRE(encoded);
    BOOST_TEST((*encoded == example));
    const auto decoded = ContentList::decode(example);
    BOOST_REQUIRE(decoded);
    BOOST_TEST((*decoded == list));
}

BOOST_AUTO_TEST_CASE(contents_of_all_sizes) {
    std::mt19937_64 random{1};
    for (const auto count : std::initializer_list<std::size_t>{0, 1, 2, 63, 64, 65, 66, 1000, 1024,
                                                               1025, 5000, 20'000, 100'000}) {
        Records records;
        const auto extents = random_extents(random, count);
        const auto content = build(records, extents);
        BOOST_TEST((extents_of(records, content) == extents), count);
        BOOST_TEST((content.level == 0) == (count <= ContentLimits::in_entry), count);
        BOOST_TEST(records.largest <= 1024 * (32 + 5) + 20);
        // The same again, with fresh lists and a builder that was used before.
        ContentBuilder builder{Store{&records}};
        const auto before = records.by_address.size();
        for (int i = 0; i < 2; ++i) {
            for (const auto& extent : extents)
                BOOST_REQUIRE(extent.is_hole ? builder.add_hole(extent.length)
                                             : builder.add_chunk(extent.address, extent.length));
            BOOST_TEST((*builder.finish() == content));
        }
        BOOST_TEST(records.by_address.size() == before);
    }
}

BOOST_AUTO_TEST_CASE(a_chunk_more_changes_few_lists) {
    std::mt19937_64 random{2};
    Records records;
    auto extents = random_extents(random, 100'000);
    build(records, extents);
    const auto lists = records.by_address.size();
    BOOST_TEST(lists > 200U);
    std::size_t most = 0;
    for (int i = 0; i < 20; ++i) {
        const auto before = records.by_address.size();
        extents.insert(extents.begin() + static_cast<std::ptrdiff_t>(random() % extents.size()),
                       {1000, address(random()), false});
        build(records, extents);
        most = std::max(most, records.by_address.size() - before);
    }
    BOOST_TEST(most < 20U);
}

BOOST_AUTO_TEST_CASE(holes_beside_each_other_are_one) {
    Records records;
    ContentBuilder builder{Store{&records}};
    for (int i = 0; i < 3000; ++i) BOOST_REQUIRE(builder.add_hole(10));
    BOOST_REQUIRE(builder.add_chunk(address(1), 5));
    BOOST_REQUIRE(builder.add_hole(7));
    BOOST_REQUIRE(builder.add_hole(8));
    const auto content = builder.finish();
    BOOST_REQUIRE(content);
    BOOST_TEST((*content ==
                Content{30'020, 0, {{30'000, {}, true}, {5, address(1), false}, {15, {}, true}}}));
}

BOOST_AUTO_TEST_CASE(what_can_be_no_content) {
    Records records;
    ContentBuilder builder{Store{&records}};
    BOOST_TEST(builder.add_chunk(address(1), 0).error().is(Errc::invalid_argument));
    BOOST_TEST(
        builder.add_chunk(address(1), ContentLimits::chunk + 1).error().is(Errc::invalid_argument));
    BOOST_TEST(builder.add_hole(0).error().is(Errc::invalid_argument));
    BOOST_TEST(builder.add_hole(ContentLimits::size + 1).error().is(Errc::invalid_argument));
    BOOST_REQUIRE(builder.add_chunk(address(1), 1));
    BOOST_REQUIRE(builder.add_hole(ContentLimits::size - 1));
    BOOST_TEST(builder.add_hole(1).error().is(Errc::invalid_argument));
    BOOST_TEST((*builder.finish() ==
                Content{ContentLimits::size,
                        0,
                        {{1, address(1), false}, {ContentLimits::size - 1, {}, true}}}));

    const auto refused = [](const Content& list) {
        return ContentList::encode(list).error().is(Errc::invalid_argument);
    };
    const Extent chunk{5, address(1), false}, hole{5, {}, true};
    BOOST_TEST(!!ContentList::encode({10, 0, {chunk, hole}}));
    BOOST_TEST(refused({}));
    BOOST_TEST(refused({9, 0, {chunk, hole}}));
    BOOST_TEST(refused({11, 0, {chunk, hole}}));
    BOOST_TEST(refused({10, 0, {hole, hole}}));
    BOOST_TEST(refused({10, 1, {chunk, hole}}));
    BOOST_TEST(refused({5, 8, {chunk}}));
    BOOST_TEST(refused({5, 0, {{5, address(1), true}}}));
    BOOST_TEST(refused({5, 0, {chunk, {0, address(1), false}}}));
    BOOST_TEST(refused({1025, 0, std::vector<Extent>(1025, {1, address(1), false})}));
    BOOST_TEST(!!ContentList::encode({1024, 0, std::vector<Extent>(1024, {1, address(1), false})}));
}

BOOST_AUTO_TEST_CASE(an_error_of_the_store_is_passed_on) {
    const auto full = [](ByteView) -> Result<Address> {
        return Error::system(ENOSPC, Operation::write);
    };
    ContentBuilder builder{full};
    Result<void> added;
    for (std::uint64_t i = 0; added && i < 1024; ++i) added = builder.add_chunk(address(i | 1), 1);
    const auto finished = builder.finish();
    BOOST_TEST(!finished);
    BOOST_TEST(finished.error().is_errno(ENOSPC));
}

BOOST_AUTO_TEST_CASE(malformed_lists) {
    const auto wrong = [](std::string_view text) {
        const auto list = ContentList::decode(bytes(text));
        return list ? Errc{} : static_cast<Errc>(list.error().code);
    };
    BOOST_CHECK((wrong("42 50 63 6c 01 00 05 0a 11*32") == Errc{}));
    BOOST_CHECK((wrong("") == Errc::tree_malformed));
    BOOST_CHECK((wrong("42 50 63 6d 01 00 05 0a 11*32") == Errc::tree_malformed));
    BOOST_CHECK((wrong("42 50 63 6c 02 00 05 0a 11*32") == Errc::format_unknown));
    BOOST_CHECK((wrong("42 50 63 6c 01 08 05 0a 11*32") == Errc::tree_malformed));
    BOOST_CHECK(
        (wrong("42 50 63 6c 01 00 04 0a 11*32") == Errc::tree_malformed));  // beyond the size
    BOOST_CHECK((wrong("42 50 63 6c 01 00 06 0a 11*32") == Errc::tree_malformed));  // less than it
    BOOST_CHECK((wrong("42 50 63 6c 01 00 05 0a 11*31") == Errc::tree_malformed));
    BOOST_CHECK((wrong("42 50 63 6c 01 00 05 0a 11*33") == Errc::tree_malformed));
    BOOST_CHECK((wrong("42 50 63 6c 01 00 00") == Errc::tree_malformed));  // no extent
    BOOST_CHECK((wrong("42 50 63 6c 01 00 85 00 0a 11*32") ==
                 Errc::tree_malformed));  // longer than need be
    BOOST_CHECK((wrong("42 50 63 6c 01 00 05 8a 00 11*32") == Errc::tree_malformed));
    BOOST_CHECK(
        (wrong("42 50 63 6c 01 00 05 00 11*32 0a 11*32") == Errc::tree_malformed));  // of no bytes
    BOOST_CHECK((wrong("42 50 63 6c 01 00 0a 0b 0b") == Errc::tree_malformed));      // two holes
    BOOST_CHECK((wrong("42 50 63 6c 01 01 05 0b") == Errc::tree_malformed));  // above level 0
    BOOST_CHECK((wrong("42 50 63 6c 01 00 81 80 80 80 08 82 80 80 80 10 11*32") ==
                 Errc::tree_malformed));  // 2^31 + 1
    BOOST_CHECK((wrong("42 50 63 6c 01 01 81 80 80 80 08 82 80 80 80 10 11*32") == Errc{}));
    BOOST_CHECK((wrong("42 50 63 6c 01 00 80 80 80 80 80 80 80 80 80 01 01") ==
                 Errc::tree_malformed));  // 2^63
    BOOST_CHECK(
        (wrong("42 50 63 6c 01 00 ff ff ff ff ff ff ff ff 7f ff ff ff ff ff ff ff ff ff 01") ==
         Errc{}));
    BOOST_CHECK(
        (wrong("42 50 63 6c 01 00 ff ff ff ff ff ff ff ff 7f ff ff ff ff ff ff ff ff ff 03") ==
         Errc::tree_malformed));
}

BOOST_AUTO_TEST_CASE(lists_that_are_not_where_they_should_be) {
    Records records;
    const auto put = [&](const Content& list) {
        const auto encoded = ContentList::encode(list);
        BOOST_REQUIRE(encoded);
        return *records(*encoded);
    };
    const auto walk = [&](const Content& content) {
        const auto walked = for_each_chunk(
            content, [&](const Address& at) { return records.fetch(at); },
            [](const Extent&) -> Result<void> { return {}; });
        return walked ? Errc{} : static_cast<Errc>(walked.error().code);
    };
    const auto leaf = put({5, 0, {{5, address(1), false}}});
    const auto ends_in_hole = put({5, 0, {{2, address(1), false}, {3, {}, true}}});
    const auto begins_with_hole = put({5, 0, {{2, {}, true}, {3, address(1), false}}});
    const auto inner = put({5, 1, {{5, leaf, false}}});
    BOOST_CHECK((walk({5, 1, {{5, leaf, false}}}) == Errc{}));
    BOOST_CHECK((walk({5, 2, {{5, inner, false}}}) == Errc{}));
    BOOST_CHECK((walk({6, 1, {{6, leaf, false}}}) == Errc::tree_malformed));
    BOOST_CHECK((walk({5, 2, {{5, leaf, false}}}) == Errc::tree_malformed));
    BOOST_CHECK((walk({5, 1, {{5, inner, false}}}) == Errc::tree_malformed));
    BOOST_CHECK((walk({5, 1, {{5, address(99), false}}}) == Errc::object_unknown));
    BOOST_CHECK(
        (walk({10, 1, {{5, begins_with_hole, false}, {5, ends_in_hole, false}}}) == Errc{}));
    BOOST_CHECK((walk({10, 1, {{5, ends_in_hole, false}, {5, begins_with_hole, false}}}) ==
                 Errc::tree_malformed));
    const auto stopped = for_each_chunk(
        {5, 1, {{5, leaf, false}}}, [&](const Address& at) { return records.fetch(at); },
        [](const Extent&) -> Result<void> {
            return Error{Errc::stop_requested, Operation::read};
        });
    BOOST_TEST(stopped.error().is(Errc::stop_requested));
}

BOOST_AUTO_TEST_SUITE_END()
