#include <bobbin/pack/live_chunks.hpp>
#include <bobbin/pack/verify.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

#include "tree_store.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using bobbin_tests::ChunkStore;
using bobbin_tests::must;

namespace {

TreeEntry plain(std::string name, Content content) {
    TreeEntry entry;
    entry.name = std::move(name);
    entry.content = std::move(content);
    return entry;
}
TreeEntry directory(std::string name, Content content) {
    TreeEntry entry;
    entry.name = std::move(name);
    entry.kind = EntryKind::directory;
    entry.content = std::move(content);
    return entry;
}
TreeEntry root(Content content) { return directory("root", std::move(content)); }

std::vector<TreeProblem> problems_of(const ChunkStore& store, const TreeEntry& root) {
    ChunkStore::Reader source{store};
    return must(verify_tree(source, root, [&](const Address& address) -> std::optional<Error> {
        if (store.all().contains(address)) return {};
        return Error{Errc::chunk_missing, Operation::read};
    }));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_live_chunks)

BOOST_AUTO_TEST_CASE(all_that_a_tree_is_made_of) {
    ChunkStore store;
    const auto top = root(store.directory(
        {plain("lists",
               store.content(std::string(ContentLimits::in_entry * 3 + 1, 'x') + "end", 2)),
         directory("d", store.directory({plain("f", store.content("f"))}))}));
    LiveChunks live;
    ChunkStore::Reader source{store};
    must(live.add(source, top));
    BOOST_TEST(live.size() == store.size());
    for (const auto& [address, chunk] : store.all()) BOOST_TEST(live.contains(address));
    BOOST_TEST(problems_of(store, top).empty());
}

// A list of chunks of a node, and that list as if it were the node.
BOOST_AUTO_TEST_CASE(a_node_is_walked_whatever_another_is_called) {
    ChunkStore store;
    const auto inner = store.directory({plain("f", store.content("f"))});
    const auto bytes = must(ContentList::encode(inner));
    const auto list = store.add(ByteView{bytes});
    const Content listed{inner.size, 1, {{inner.size, list, false}}};
    const Content itself{bytes.size(), 0, {{bytes.size(), list, false}}};
    ChunkStore::Reader source{store};
    LiveChunks live;
    must(live.add(source, root(store.directory({directory("a", listed)}))));
    const auto both = store.directory({directory("a", listed), directory("b", itself)});
    const auto added = live.add(source, root(both));
    BOOST_REQUIRE(!added);
    BOOST_TEST(added.error().is(Errc::tree_malformed));
}

BOOST_AUTO_TEST_CASE(all_agree_how_deep_a_tree_may_be) {
    ChunkStore store;
    auto node = store.directory({});
    for (std::size_t depth = 0; depth < TreeLimits::depth; ++depth)
        node = store.directory({directory("d", node)});
    ChunkStore::Reader source{store};
    LiveChunks live;
    must(live.add(source, root(node)));
    BOOST_TEST(problems_of(store, root(node)).empty());

    node = store.directory({directory("d", node), plain("f", store.content("f"))});
    const auto added = LiveChunks{}.add(source, root(node));
    BOOST_REQUIRE(!added);
    BOOST_TEST(added.error().is(Errc::not_supported));
    const auto problems = problems_of(store, root(node));
    BOOST_REQUIRE(problems.size() == 1U);
    BOOST_TEST(problems[0].error.is(Errc::not_supported));
    BOOST_TEST(problems[0].path.size() == 2 * (TreeLimits::depth + 1) - 1);
}

// What the disk refuses of one directory or list hides nothing of the others.
BOOST_AUTO_TEST_CASE(a_disk_that_refuses_some_is_a_problem_of_what_needs_it) {
    ChunkStore store;
    const auto leaf = store.directory({plain("f", store.content("f"))});
    const auto lists = store.content(std::string(ContentLimits::in_entry * 3 + 1, 'x') + "end", 2);
    const auto missing = store.content("missing");
    const auto top =
        root(store.directory({directory("a", leaf), plain("b", lists),
                              directory("c", store.directory({plain("g", missing)}))}));
    BOOST_REQUIRE(store.remove(missing.extents[0].address));
    struct Refusing : ChunkStore::Reader {
        using Reader::read;
        using Reader::Reader;
        std::vector<Address> refused;
        Result<ByteView> read(const Address& address) {
            if (std::ranges::find(refused, address) != refused.end())
                return Error::system(EIO, Operation::read);
            return Reader::read(address);
        }
    } source{store};
    source.refused = {leaf.extents[0].address, lists.extents[0].address};
    const auto problems =
        must(verify_tree(source, top, [&](const Address& address) -> std::optional<Error> {
            if (store.all().contains(address)) return {};
            return Error{Errc::chunk_missing, Operation::read};
        }));
    std::vector<std::string> paths;
    for (const auto& problem : problems) paths.push_back(problem.path);
    BOOST_TEST(paths == (std::vector<std::string>{"b", "a", "c/g"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
