#include <bobbin/pack/tree_reader.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

#include "tree_store.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using bobbin_tests::ChunkStore;
using bobbin_tests::must;

namespace {

TreeEntry file(std::string name) {
    TreeEntry entry;
    entry.name = std::move(name);
    entry.mode = 0644;
    return entry;
}
TreeEntry directory(std::string name, Content content) {
    TreeEntry entry;
    entry.name = std::move(name);
    entry.kind = EntryKind::directory;
    entry.mode = 0755;
    entry.content = std::move(content);
    return entry;
}

// All paths in the order they were visited; '<' where a directory was left.
struct Lister {
    std::vector<std::string> paths;
    bool descends = true;
    std::size_t depth = 0;

    Result<std::optional<std::uint64_t>> visit(std::string_view path, TreeEntry& entry) {
        paths.push_back(std::string{path} + entry.name);
        if (!descends) return std::optional<std::uint64_t>{};
        return std::optional<std::uint64_t>{paths.size()};
    }
    Result<void> enter(std::string_view name, std::uint64_t number) {
        BOOST_TEST(paths.at(number - 1).ends_with(name));
        ++depth;
        return {};
    }
    Result<void> leave(std::string_view path) {
        BOOST_REQUIRE(depth != 0u);
        BOOST_TEST(static_cast<std::size_t>(std::ranges::count(path, '/')) == depth);
        --depth;
        return {};
    }
};

std::vector<std::string> list(const ChunkStore& store, const Content& root,
                              const WalkLimits& limits = {}) {
    ChunkStore::Reader source{store};
    Lister lister;
    must(walk_tree(source, root, lister, limits));
    BOOST_TEST(lister.depth == 0u);
    return lister.paths;
}

std::vector<std::string> names(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t n = 0; n < count; ++n) all.push_back("name " + std::to_string(n));
    std::ranges::sort(all);
    return all;
}

Errc wrong(const Result<void>& result) {
    return result ? Errc{} : static_cast<Errc>(result.error().code);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_tree_reader)

BOOST_AUTO_TEST_CASE(entries_come_in_order_however_the_node_is_cut) {
    for (const std::size_t chunk : {100u, 1000u, 1u << 20}) {
        ChunkStore store;
        std::vector<TreeEntry> entries;
        for (auto& name : names(3000)) entries.push_back(file(name));
        const auto node = store.directory(entries, chunk);
        ChunkStore::Reader source{store};
        std::vector<TreeEntry> got;
        must(for_each_entry(source, node, [&](TreeEntry& entry) -> Result<bool> {
            got.push_back(std::move(entry));
            return true;
        }));
        BOOST_TEST((got == entries));
        got.clear();
        must(for_each_entry(source, node, [&](TreeEntry& entry) -> Result<bool> {
            got.push_back(entry);
            return got.size() < 10;
        }));
        BOOST_TEST(got.size() == 10u);
        const auto refused = for_each_entry(source, node, [&](TreeEntry&) -> Result<bool> {
            return Error{Errc::read_only, Operation::read};
        });
        BOOST_TEST((wrong(refused) == Errc::read_only));
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_node_is_refused) {
    ChunkStore store;
    ChunkStore::Reader source{store};
    const auto read = [&](const Content& content) {
        return wrong(
            for_each_entry(source, content, [](TreeEntry&) -> Result<bool> { return true; }));
    };
    const auto node = store.directory({file("a"), file("b")});
    BOOST_TEST((read(node) == Errc{}));
    auto other = node;
    ++other.size;
    ++other.extents.at(0).length;
    BOOST_TEST((read(other) == Errc::tree_malformed));
    BOOST_TEST((read(store.content("BPtn\1")) == Errc::tree_malformed));
    BOOST_TEST((read(store.content(std::string("BPtn\2\0", 6))) == Errc::format_unknown));
    BOOST_TEST((read(Content{}) == Errc::tree_malformed));
    BOOST_TEST((read(Content{6, 0, {{6, {}, true}}}) == Errc::tree_malformed));
    other = node;
    other.level = 1;  // a list that is none
    BOOST_TEST((read(other) == Errc::tree_malformed));
    other.extents.at(0).address =
        store.content(std::string(70000, 'x'), 70000).extents.at(0).address;
    BOOST_TEST((read(other) == Errc::tree_malformed));
    BOOST_TEST(store.remove(node.extents.at(0).address));
    BOOST_TEST((read(node) == Errc::chunk_missing));
}

BOOST_AUTO_TEST_CASE(an_entry_is_found_by_its_path) {
    ChunkStore store;
    const auto b = store.directory({file("c"), file("d")});
    const auto root = store.directory({directory("b", b), directory("b-", b), file("z")});
    ChunkStore::Reader source{store};
    for (const auto* path : {"b", "b/c", "b-/d", "z"}) {
        const auto found = must(find_entry(source, root, path));
        BOOST_REQUIRE(found.has_value());
        BOOST_TEST(std::string_view{path}.ends_with(found->name));
    }
    for (const auto* path : {"a", "b/a", "z/c", "b/c/d", "y"})
        BOOST_TEST(!must(find_entry(source, root, path)).has_value());
    for (const auto* path : {"", "/b", "b/", "b//c", "../b", "b/./c"})
        BOOST_TEST((find_entry(source, root, path).error().is(Errc::name_invalid)));
}

BOOST_AUTO_TEST_CASE(a_walk_visits_all_in_order) {
    ChunkStore store;
    const auto leaf = store.directory({file("x"), file("y")});
    const auto root =
        store.directory({file("a"), directory("b", store.directory({directory("c", leaf)})),
                         directory("d", store.directory({})), file("e")});
    const std::vector<std::string> expected{"a", "b", "d", "e", "b/c", "b/c/x", "b/c/y"};
    BOOST_TEST(list(store, root) == expected, boost::test_tools::per_element());
    ChunkStore::Reader source{store};
    Lister flat;
    flat.descends = false;
    must(walk_tree(source, root, flat));
    BOOST_TEST(flat.paths.size() == 4u);
    BOOST_TEST((wrong(walk_tree(source, root, flat, {.depth = 0})) == Errc{}));
    Lister deep;
    BOOST_TEST((wrong(walk_tree(source, root, deep, {.depth = 1})) == Errc::not_supported));
}

BOOST_AUTO_TEST_CASE(a_walk_visits_each_once_with_any_memory) {
    ChunkStore store;
    std::vector<TreeEntry> inner, outer;
    for (auto& name : names(50)) inner.push_back(directory(name, store.directory({file("f")})));
    const auto node = store.directory(inner);
    for (auto& name : names(50)) outer.push_back(directory(name, node));
    const auto root = store.directory(outer);
    auto all = list(store, root);
    BOOST_TEST(all.size() == 50u + 50 * 50 + 50 * 50);
    std::ranges::sort(all);
    for (const std::size_t memory : {0u, 1000u, 20'000u}) {
        auto some = list(store, root, {.memory = memory});
        std::ranges::sort(some);
        BOOST_TEST((some == all));
    }
}

// Each of 200 directories has two names for the next: whoever walks them all never ends.
BOOST_AUTO_TEST_CASE(an_endless_tree_takes_little_memory) {
    ChunkStore store;
    auto node = store.directory({file("end")});
    for (int level = 0; level < 200; ++level)
        node = store.directory({directory("a", node), directory("b", node)});
    struct Patient {
        std::size_t left = 20'000;
        Result<std::optional<std::uint64_t>> visit(std::string_view, TreeEntry&) {
            if (--left == 0) return Error{Errc::stop_requested, Operation::read};
            return std::optional<std::uint64_t>{0};
        }
    } patient;
    ChunkStore::Reader source{store};
    BOOST_TEST((wrong(walk_tree(source, node, patient)) == Errc::stop_requested));
}

BOOST_AUTO_TEST_SUITE_END()
