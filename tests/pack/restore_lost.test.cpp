// What a restore makes of a snapshot of which the store has lost a part.
#include <bobbin/pack/restore.hpp>

#include <bobbin/testing/sim_tree.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "tree_store.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using bobbin::testing::SimTree;
using bobbin_tests::ChunkStore;
using bobbin_tests::must;
using bobbin_tests::PlainSaver;

namespace {

/// Refuses to read one address, and does not find it where asked to.
class Source : public ChunkStore::Reader {
public:
    struct Refused {
        Address address{};
        Error error;
        bool is_found = true;
    };
    Source(const ChunkStore& store, const std::optional<Refused>& refused)
        : Reader{store}
        , refused_{refused} {}
    std::optional<Location> locate(const Address& address) {
        if (refused_ && refused_->address == address && !refused_->is_found) return {};
        return Reader::locate(address);
    }
    Result<ByteView> read(const Location& location) { return read(location.address); }
    Result<ByteView> read(const Address& address) {
        if (refused_ && refused_->address == address) return refused_->error;
        return Reader::read(address);
    }

private:
    std::optional<Refused> refused_;
};

/// Writes the files of a tree by their paths, and reads them.
class Files {
public:
    explicit Files(SimTree& fs) : fs_{fs} {}

    void dir(const std::string& path) {
        const auto [in, name] = open(path);
        must(fs_.make_directory_at(in, name.c_str(), 0755));
        must(fs_.close(in));
    }
    void put(const std::string& path, std::string_view text) {
        const auto [in, name] = open(path);
        const auto file = must(fs_.create_at(in, name.c_str(), 0644));
        for (std::size_t at = 0; at < text.size();)
            at += must(fs_.write_at(file, as_bytes(text.substr(at)), at));
        must(fs_.close(file));
        must(fs_.close(in));
    }
    void link(const std::string& name, const std::string& to) {
        const auto root = must(fs_.open_root("/tree", RootMode::existing));
        must(fs_.link_at(root, to.c_str(), root, name.c_str()));
        must(fs_.close(root));
    }
    /// All files below /tree; a directory ends with '/'.
    std::map<std::string, std::string> all() {
        std::map<std::string, std::string> found;
        const auto root = fs_.open_root("/tree", RootMode::existing);
        if (!root) return found;
        read(*root, "", found);
        must(fs_.close(*root));
        return found;
    }

private:
    std::pair<FileHandle, std::string> open(const std::string& path) {
        const auto slash = path.rfind('/');
        const auto in = slash == path.npos ? "/" : "/" + path.substr(0, slash);
        return {must(fs_.open_root(in.c_str(), RootMode::existing)),
                slash == path.npos ? path : path.substr(slash + 1)};
    }
    void read(FileHandle dir, const std::string& path, std::map<std::string, std::string>& found) {
        for (const auto& [name, inode, kind] : must(fs_.read_directory(dir))) {
            const auto node = must(fs_.node_at(dir, name.c_str()));
            if (node.kind == NodeKind::directory) {
                found[path + name + '/'];
                const auto below = must(fs_.open_directory_at(dir, name.c_str()));
                read(below, path + name + '/', found);
                must(fs_.close(below));
                continue;
            }
            const auto file = must(fs_.open_at(dir, name.c_str(), OpenMode::read));
            std::string text(static_cast<std::size_t>(node.size), '\0');
            BOOST_REQUIRE(must(fs_.read_at(file, std::as_writable_bytes(std::span{text}), 0)) ==
                          text.size());
            must(fs_.close(file));
            found[path + name] = text;
        }
    }
    SimTree& fs_;
};

/// Chunks of one byte each, so that a file with a few hundred has a list.
struct Bench {
    ChunkStore store;
    TreeEntry root;
    RestoreOptions options;
    RestoreReport report;
    std::map<std::string, RestoreAction> told;
    std::optional<Source::Refused> refused;

    Bench() {
        SimTree fs;
        Files make{fs};
        make.dir("tree");
        make.put("tree/a", "a");
        make.put("tree/b", "b");
        make.dir("tree/dir");
        make.put("tree/dir/in", "aae");
        make.put("tree/dir/sound", "a");
        make.dir("tree/gone");
        make.put("tree/gone/in", "a");
        make.put("tree/long", std::string(300, 'c'));
        make.put("tree/link-1", "d");
        make.link("link-2", "link-1");
        root = PlainSaver<SimTree>{fs, store, 1}.save("/tree");
        options.force = true;
        options.threads = 1;
    }
    Result<void> restore(SimTree& fs) {
        told.clear();
        options.tell = [&](std::string_view path, RestoreAction action) {
            BOOST_TEST(told.try_emplace(std::string{path}, action).second);
        };
        return pack::restore(
            fs,
            [&]() -> Result<Source> {
                return Source{store, refused};
            },
            root, "/tree", options, report);
    }
    TreeEntry entry(const std::string& path) {
        ChunkStore::Reader reader{store};
        return must(find_entry(reader, root.content, path)).value();
    }
    void lose(std::string_view chunk) { BOOST_REQUIRE(store.remove(Sha256::of(as_bytes(chunk)))); }
    void lose_first(const std::string& path) {
        BOOST_REQUIRE(store.remove(entry(path).content.extents.front().address));
    }
};

const std::map<std::string, std::string> target{
    {"b", "mine"},       {"dir/", ""},           {"dir/in", "mine"}, {"gone/", ""},
    {"gone/in", "mine"}, {"gone/other", "mine"}, {"link-2", "mine"}, {"long", "mine"}};
SimTree make_target() {
    SimTree fs;
    Files make{fs};
    make.dir("tree");
    for (const auto& [path, text] : target)
        if (path.ends_with('/'))
            make.dir("tree/" + path.substr(0, path.size() - 1));
        else
            make.put("tree/" + path, text);
    make.put("tree/extra", "extra");
    return fs;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_restore_lost)

BOOST_AUTO_TEST_CASE(what_is_lost_stays_and_all_the_rest_is_restored) {
    using enum RestoreAction;
    for (const unsigned threads : {1u, 3u}) {
        Bench bench;
        bench.options.threads = threads;
        bench.options.delete_extra = true;
        for (const char* const chunk : {"b", "d", "e"}) bench.lose(chunk);
        bench.lose_first("long");  // a list
        bench.lose_first("gone");  // a node

        auto fs = make_target();
        const auto before = Files{fs}.all();
        const auto failed = bench.restore(fs);
        BOOST_TEST((!failed && failed.error().is(Errc::chunk_missing)));
        BOOST_TEST((Files{fs}.all() == before));

        bench.options.skip_lost = true;
        const std::map<std::string, RestoreAction> lost{
            {"b", RestoreAction::lost},      {"dir/in", RestoreAction::lost},
            {"gone", RestoreAction::lost},   {"link-1", RestoreAction::lost},
            {"link-2", RestoreAction::lost}, {"long", RestoreAction::lost}};
        for (const bool is_dry : {true, false}) {
            bench.options.dry_run = is_dry;
            must(bench.restore(fs));
            BOOST_TEST(bench.report.lost == lost.size());
            for (const auto& [path, action] : lost)
                BOOST_TEST((bench.told.contains(path) && bench.told.at(path) == action), path);
            BOOST_TEST((bench.told.at("a") == create));
            BOOST_TEST((bench.told.at("extra") == remove));
            BOOST_TEST(!bench.told.contains("gone/other"));
        }
        auto after = target;
        after["a"] = "a";
        after["dir/sound"] = "a";
        BOOST_TEST((Files{fs}.all() == after));

        SimTree empty;
        must(bench.restore(empty));
        BOOST_TEST(bench.report.lost == lost.size());
        BOOST_TEST((Files{empty}.all() == std::map<std::string, std::string>{
                                              {"a", "a"}, {"dir/", ""}, {"dir/sound", "a"}}));
    }
}

BOOST_AUTO_TEST_CASE(a_part_that_is_lost_is_told) {
    Bench bench;
    bench.options.skip_lost = true;
    bench.lose("b");
    bench.options.path = "b";
    SimTree fs;
    must(bench.restore(fs));
    BOOST_TEST(bench.report.lost == 1u);
    bench.options.path = "dir/sound";
    must(bench.restore(fs));
    BOOST_TEST(bench.report.lost == 0u);
    BOOST_TEST(
        (Files{fs}.all() == std::map<std::string, std::string>{{"dir/", ""}, {"dir/sound", "a"}}));
    // Nothing is to be had of a directory on the way.
    bench.lose_first("dir");
    const auto before = Files{fs}.all();
    const auto failed = bench.restore(fs);
    BOOST_TEST((!failed && failed.error().is(Errc::chunk_missing)));
    BOOST_TEST((Files{fs}.all() == before));
}

BOOST_AUTO_TEST_CASE(what_is_damaged_or_may_be_there_is_not_lost) {
    Bench bench;
    bench.options.skip_lost = true;
    const auto chunk = Sha256::of(as_bytes("b"));
    const auto list = bench.entry("long").content.extents.front().address;
    const Error damaged{Errc::digest_mismatch, Operation::read},
        refused = Error::system(EACCES, Operation::open);
    for (const auto& [address, error, is_found] :
         {std::tuple{chunk, damaged, true}, {chunk, refused, false}, {list, damaged, true}}) {
        bench.refused = {address, error, is_found};
        auto fs = make_target();
        const auto before = Files{fs}.all();
        const auto failed = bench.restore(fs);
        BOOST_TEST((!failed && failed.error() == error));
        BOOST_TEST(bench.report.failed_path == (address == chunk ? "b" : "long"));
        BOOST_TEST((Files{fs}.all() == before));
    }
}

BOOST_AUTO_TEST_SUITE_END()
