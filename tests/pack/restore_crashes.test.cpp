// What crashes and failing calls leave of restores, in memory.
#include <bobbin/pack/restore.hpp>

#include <bobbin/testing/sim_tree.hpp>

#include <boost/test/unit_test.hpp>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tree_store.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using bobbin::testing::LostBytes;
using bobbin::testing::SimTree;
using bobbin::testing::SimTreeOptions;
using bobbin_tests::ChunkStore;
using bobbin_tests::must;
using bobbin_tests::PlainSaver;

namespace {

// Makes trees below a directory, which it makes too. Paths begin with it.
class Maker {
public:
    /// @param user whose it is all to be; 0 is root
    Maker(SimTree& fs, const std::string& top, std::uint32_t user) : fs_{fs}, user_{user} {
        const auto root = must(fs_.open_root("/", RootMode::existing));
        dirs_[""] = root;
        dir(top);
    }
    ~Maker() {
        for (const auto& [path, handle] : dirs_) (void)fs_.close(handle);
    }
    void dir(const std::string& path, std::uint32_t mode = 0755) {
        const auto [in, name] = split(path);
        must(fs_.make_directory_at(in, name.c_str(), 0700));
        const auto handle = must(fs_.open_directory_at(in, name.c_str()));
        must(fs_.set_owner(handle, user_, user_));
        must(fs_.set_mode(handle, mode));
        dirs_[path] = handle;
    }
    void file(const std::string& path, const std::string& text, std::uint32_t mode = 0644,
              std::int64_t time = 0) {
        const auto [in, name] = split(path);
        const auto handle = must(fs_.create_at(in, name.c_str(), 0600));
        for (std::size_t at = 0; at < text.size();)
            at += must(fs_.write_at(handle, as_bytes(std::string_view{text}.substr(at)), at));
        must(fs_.set_owner(handle, user_ != 0 ? user_ : 7, user_ != 0 ? user_ : 8));
        must(fs_.set_mode(handle, mode));
        must(fs_.set_attribute(handle, {"user.origin", path}));
        must(fs_.set_modified(handle, {time != 0 ? time : ++time_, 5}));
        must(fs_.close(handle));
    }
    void close(const std::string& path, std::uint32_t mode) {
        must(fs_.set_mode(dirs_.at(path), mode));
    }
    void link(const std::string& path, const std::string& to) {
        const auto [in, name] = split(path);
        const auto [from, from_name] = split(to);
        must(fs_.link_at(from, from_name.c_str(), in, name.c_str()));
    }
    void symlink(const std::string& path, const std::string& target) {
        const auto [in, name] = split(path);
        must(fs_.make_symlink_at(target.c_str(), in, name.c_str()));
        must(fs_.set_owner_at(in, name.c_str(), user_, user_));
        must(fs_.set_modified_at(in, name.c_str(), {++time_, 6}));
    }
    // Times of directories last, and all of it durable.
    void end() {
        for (const auto& [path, handle] : dirs_)
            if (path.size() > 0) must(fs_.set_modified(handle, {++time_, 9}));
        must(fs_.sync_file_system(dirs_.at("")));
    }

private:
    std::pair<FileHandle, std::string> split(const std::string& path) {
        const auto slash = path.rfind('/');
        return {dirs_.at(slash == path.npos ? "" : path.substr(0, slash)),
                slash == path.npos ? path : path.substr(slash + 1)};
    }
    SimTree& fs_;
    std::uint32_t user_;
    std::map<std::string, FileHandle> dirs_;
    std::int64_t time_ = 1000;
};

// All that can be known of a tree, by path.
struct Known {
    std::string content;  // of a file, or a symlink's target
    std::string metadata;
    std::string twin;  // its first path
    friend bool operator==(const Known&, const Known&) = default;
};
using Tree = std::map<std::string, Known>;

void describe(SimTree& fs, FileHandle dir, const std::string& path, Tree& tree,
              std::map<std::uint64_t, std::string>& first) {
    for (const auto& name : must(fs.read_directory(dir))) {
        const char* const in = name.name.c_str();
        const auto node = must(fs.node_at(dir, in));
        const auto full = path + name.name;
        Known known;
        for (const auto& attribute : must(fs.attributes_at(dir, in)))
            known.metadata += attribute.name + '=' + attribute.value + ' ';
        known.metadata += std::to_string(node.mode) + ' ' + std::to_string(node.user) + ' ' +
                          std::to_string(node.group) + ' ' + std::to_string(node.modified.seconds) +
                          ' ' + std::to_string(node.modified.nanoseconds);
        if (node.kind == NodeKind::symlink) {
            known.content = "-> " + must(fs.read_link_at(dir, in));
        } else if (node.kind == NodeKind::file) {
            const auto file = must(fs.open_at(dir, in, OpenMode::read));
            std::vector<std::byte> bytes(static_cast<std::size_t>(node.size));
            BOOST_REQUIRE(must(fs.read_at(file, bytes, 0)) == bytes.size());
            known.content = "file " + std::string{as_text(bytes)};
            must(fs.close(file));
        } else {
            known.content = "directory";
        }
        known.twin = first.try_emplace(node.inode, full).first->second;
        tree[full] = known;
        if (node.kind == NodeKind::directory) {
            const auto below = must(fs.open_directory_at(dir, in));
            describe(fs, below, full + '/', tree, first);
            must(fs.close(below));
        }
    }
}
/// Who restores.
std::uint32_t user = 0;
Tree describe(SimTree& fs) {
    fs.act_as(0);
    const auto root = must(fs.open_root("/", RootMode::existing));
    Tree tree;
    std::map<std::uint64_t, std::string> first;
    describe(fs, root, "", tree, first);
    must(fs.close(root));
    fs.act_as(user);
    tree.at("home").metadata.clear();  // which has got and lost a name
    return tree;
}

bool has_staging(const Tree& tree) {
    return std::ranges::any_of(tree, [](const auto& at) {
        return at.first.find(restore_staging_name) != std::string::npos;
    });
}
Tree without_staging(Tree tree) {
    std::erase_if(tree, [](const auto& at) {
        return at.first.find(restore_staging_name) != std::string::npos;
    });
    // Its time is promised only for what was finished.
    if (const auto at = tree.find("home/tree"); at != tree.end()) at->second.metadata.clear();
    return tree;
}

struct Scenario {
    const char* name;
    std::function<void(Maker&)> before;  // of home/tree; makes it too
    std::function<void(Maker&)> after;   // likewise, of what was saved
    bool delete_extra = false;
    SimTreeOptions fs{};
    std::uint32_t user = 0;
};

std::string text(std::size_t size, char first) {
    std::string all;
    while (all.size() < size) all += static_cast<char>(first + static_cast<int>(all.size() % 17));
    return all;
}

void some_tree(Maker& make) {
    make.dir("home/tree", 0750);
    make.file("home/tree/a", text(5000, 'a'), 04755);
    make.file("home/tree/empty", "");
    make.dir("home/tree/d", 0500);
    make.file("home/tree/d/b", text(3000, 'b'));
    make.dir("home/tree/d/e");
    make.file("home/tree/d/e/c", text(10, 'c'));
    make.symlink("home/tree/s", "/outside/file");
}
void other_tree(Maker& make) {
    make.dir("home/tree", 0700);
    make.file("home/tree/a", text(100, 'A'), 0600, 5);
    make.file("home/tree/mine", "mine");
    make.dir("home/tree/d");
    make.file("home/tree/d/b", text(3000, 'B'));
    make.dir("home/tree/d/extra");
    make.file("home/tree/d/extra/x", "x");
    make.symlink("home/tree/s", "/outside");
}
void swapped_tree(Maker& make) {
    make.dir("home/tree", 0700);
    make.dir("home/tree/a");
    make.file("home/tree/a/inside", "inside");
    make.file("home/tree/d", "a file");
    make.dir("home/tree/s");
    make.symlink("home/tree/empty", "a");
}
void linked_tree(Maker& make) {
    make.dir("home/tree");
    make.dir("home/tree/d");
    make.file("home/tree/a", text(600, 'a'));
    make.link("home/tree/d/b", "home/tree/a");
    make.link("home/tree/c", "home/tree/a");
    make.symlink("home/tree/s", "x");
    make.link("home/tree/t", "home/tree/s");
    make.file("home/tree/p", "p");
    make.file("home/tree/q", "p");
}
// The same names, and other links, some to what is outside.
void mislinked_tree(Maker& make) {
    make.file("home/beside", text(600, 'z'));
    make.dir("home/tree");
    make.link("home/tree/a", "home/beside");
    make.dir("home/tree/d");
    make.file("home/tree/d/b", text(600, 'a'));
    make.file("home/tree/p", "p", 0644, 77);
    make.link("home/tree/q", "home/tree/p");
}
void escaping_tree(Maker& make) {
    make.dir("home/other");
    make.file("home/other/b", "must stay");
    make.dir("home/tree");
    make.symlink("home/tree/d", "../other");
    make.symlink("home/tree/a", "../other/b");
}
// What some_tree is, but for modes, owners, times and attributes.
void restyled_tree(Maker& make) {
    make.dir("home/tree", 0700);
    make.file("home/tree/a", text(5000, 'a'), 0644, 1001);
    make.file("home/tree/empty", "", 0600, 1002);
    make.dir("home/tree/d");
    make.file("home/tree/d/b", text(3000, 'b'), 0600, 1003);
    make.dir("home/tree/d/e", 0711);
    make.file("home/tree/d/e/c", text(10, 'c'), 0644, 1004);
    make.symlink("home/tree/s", "/outside/file");
}
void no_tree(Maker&) {}
void empty_tree(Maker& make) { make.dir("home/tree", 0700); }

/// Directories in which their owner may not write, as tools make them for what is not to be changed.
void closed_tree(Maker& make) {
    make.dir("home/tree", 0700);
    make.dir("home/tree/deep");
    make.dir("home/tree/deep/x");
    make.dir("home/tree/deep/x/y");
    make.file("home/tree/deep/x/y/z1", "z1", 0444);
    make.file("home/tree/deep/x/y/z2", "z2", 0444);
    make.file("home/tree/deep/x/w", "w", 0444);
    make.close("home/tree/deep/x/y", 0555);
    make.close("home/tree/deep/x", 0555);
}
void other_closed_tree(Maker& make) {
    make.dir("home/tree", 0700);
    make.dir("home/tree/deep");
    make.dir("home/tree/deep/x");
    make.dir("home/tree/deep/x/y");
    make.file("home/tree/deep/x/y/z1", "z1, another", 0444);
    make.dir("home/tree/deep/x/v");
    make.file("home/tree/deep/x/v/u", "u", 0400);
    make.close("home/tree/deep/x/v", 0500);
    make.close("home/tree/deep/x/y", 0555);
    make.close("home/tree/deep/x", 0555);
}

std::vector<Scenario> base_scenarios() {
    const SimTreeOptions plain{}, old{.has_move_modes = false, .longest_write = 700};
    return {{"into nothing", no_tree, some_tree, false, plain},
            {"into nothing, short writes", no_tree, some_tree, false, old},
            {"links into nothing", no_tree, linked_tree, false, plain},
            {"into empty", empty_tree, some_tree, false, plain},
            {"changes", other_tree, some_tree, false, plain},
            {"changes, deleting", other_tree, some_tree, true, plain},
            {"changes, without exchanges", other_tree, some_tree, true, old},
            {"files and directories change places", some_tree, swapped_tree, true, plain},
            {"and back", swapped_tree, some_tree, false, plain},
            {"and back, without exchanges", swapped_tree, some_tree, false, old},
            {"hard links", mislinked_tree, linked_tree, true, plain},
            {"links where none are", some_tree, linked_tree, false, plain},
            {"symlinks in the way", escaping_tree, some_tree, true, plain},
            {"metadata", restyled_tree, some_tree, false, plain},
            {"nothing", some_tree, some_tree, true, plain},
            {"all deleted", some_tree, empty_tree, true, plain},
            {"closed directories", closed_tree, other_closed_tree, true, plain},
            {"and back, closed", other_closed_tree, closed_tree, true, old}};
}
std::vector<Scenario> scenarios() {
    auto all = base_scenarios();
    for (auto scenario : base_scenarios()) {
        scenario.user = 7;
        all.push_back(scenario);
    }
    return all;
}

// A scenario made ready: what is there, and what was saved.
struct Stage {
    explicit Stage(const Scenario& scenario)
        : fs{scenario.fs}
        , can_exchange{scenario.fs.has_move_modes} {
        user = scenario.user;
        {
            SimTree other;
            Maker make{other, "home", user};
            scenario.after(make);
            make.end();
            PlainSaver<SimTree> saver{other, store, 1024};
            root = saver.save("/home/tree");
        }
        {
            Maker make{fs, "home", user};
            scenario.before(make);
            make.end();
        }
        fs.act_as(user);
        options.force = true;
        options.threads = 1;
        options.compare_content = true;
        options.delete_extra = scenario.delete_extra;
        before = describe(fs);
        auto copy = fresh();
        RestoreReport report;
        must(run(copy, report));
        after = describe(copy);
    }
    SimTree fresh() const { return fs.after_crash(fs.crash_states() - 1, LostBytes::none); }
    template <class Fs>
    Result<void> run(Fs file_system, RestoreReport& report) const {
        return restore(
            file_system, [&]() -> Result<ChunkStore::Reader> { return ChunkStore::Reader{store}; },
            root, "/home/tree", options, report);
    }
    bool is_before(const Tree& tree) const {
        return without_staging(tree) == without_staging(before);
    }
    bool is_after(const Tree& tree) const {
        return without_staging(tree) == without_staging(after);
    }

    SimTree fs;
    bool can_exchange;
    ChunkStore store;
    TreeEntry root;
    RestoreOptions options;
    Tree before, after;
};

// Looks at all states that a crash may leave, and at what the next restore makes of them.
struct Explorer {
    const Stage& stage;
    unsigned depth;
    std::uint64_t states = 0;
    std::vector<std::string> wrong;

    void look(const SimTree& fs, unsigned level) {
        for (std::size_t n = 0; n < fs.crash_states(); ++n)
            for (const auto lost : testing::all_lost_bytes) {
                ++states;
                const auto where = "state " + std::to_string(n) + " loss " +
                                   std::to_string(static_cast<int>(lost)) + " level " +
                                   std::to_string(level) + ": ";
                auto crashed = fs.after_crash(n, lost);
                look_at_names(describe(crashed), where);
                auto again = crashed.after_crash(0, LostBytes::none);
                if (level < depth) crashed.on_sync([&] { look(crashed, level + 1); });
                const auto recovered = recover_restore(crashed, "/home/tree");
                crashed.on_sync({});
                if (!recovered) {
                    add(where + bobbin::describe(recovered.error()));
                    continue;
                }
                const auto tree = describe(crashed);
                if (has_staging(tree)) add(where + "something is left");
                if (!stage.is_before(tree) && !stage.is_after(tree)) add(where + "neither");
                if (n % 3 != 0) continue;
                RestoreReport report;
                if (auto next = stage.run(again, report); !next)
                    add(where + "the next restore: " + bobbin::describe(next.error()));
                else if (describe(again) != stage.after)
                    add(where + "the next restore is not complete");
            }
    }

private:
    void add(std::string what) {
        if (wrong.size() < 10) wrong.push_back(std::move(what));
    }
    /// Each name is as before or complete.
    void look_at_names(const Tree& tree, const std::string& where) {
        const auto same = [](const Tree& of, const std::string& path, const Known& known) {
            const auto at = of.find(path);
            return at != of.end() && at->second.content == known.content;
        };
        for (const auto& [path, known] : tree)
            if (path.find(restore_staging_name) == path.npos && !same(stage.before, path, known) &&
                !same(stage.after, path, known))
                add(where + path + " is neither");
        if (!stage.can_exchange) return;
        for (const auto& [path, known] : stage.before)
            if (same(stage.after, path, known) && !same(tree, path, known))
                add(where + path + " was to stay");
    }
};

// File systems that leave out a step of the protocol.
struct NeverSyncs : SimTree {
    explicit NeverSyncs(SimTree fs) : SimTree{std::move(fs)} {}
    Result<void> sync_file_system(FileHandle) noexcept { return {}; }
};
struct NoJournal : SimTree {
    explicit NoJournal(SimTree fs) : SimTree{std::move(fs)} {}
    Result<void> rename(FileHandle, const char*, const char*) noexcept { return {}; }
    Result<void> remove(FileHandle dir, const char* name) noexcept {
        if (name == std::string_view{"journal"}) return {};
        return SimTree::remove(dir, name);
    }
};
struct JournalRemovedEarly : SimTree {
    explicit JournalRemovedEarly(SimTree fs) : SimTree{std::move(fs)} {}
    Result<void> move_at(FileHandle from_dir, const char* from, FileHandle dir, const char* name,
                         MoveMode mode) noexcept {
        const auto moved = SimTree::move_at(from_dir, from, dir, name, mode);
        if (journal != no_file) (void)SimTree::remove(journal, "journal");
        return moved;
    }
    Result<void> rename(FileHandle dir, const char* from, const char* to) noexcept {
        journal = dir;
        return SimTree::rename(dir, from, to);
    }
    Result<void> remove(FileHandle dir, const char* name) noexcept {
        if (name == std::string_view{"journal"}) return {};
        return SimTree::remove(dir, name);
    }
    FileHandle journal = no_file;
};

template <class Fs>
std::vector<std::string> explore(const Stage& stage, Fs fs, const SimTree& ground, unsigned depth,
                                 std::uint64_t& states) {
    Explorer explorer{stage, depth, 0, {}};
    SimTree watched{ground};
    watched.on_sync([&] { explorer.look(watched, 1); });
    RestoreReport report;
    must(stage.run(fs, report));
    explorer.look(watched, 1);
    watched.on_sync({});
    states += explorer.states;
    return explorer.wrong;
}
/// Calls `f(crashed)` for each state that a crash of a restore may leave.
template <class F>
void each_crash(const Stage& stage, const SimTree& ground, F&& f) {
    SimTree watched{ground};
    const auto look = [&] {
        for (std::size_t n = 0; n < watched.crash_states(); ++n)
            f(watched.after_crash(n, LostBytes::none));
    };
    watched.on_sync(look);
    RestoreReport report;
    must(stage.run(ground, report));
    look();
    watched.on_sync({});
}
FileHandle open_path(SimTree& fs, const std::string& path) {
    return must(fs.open_root(("/" + path).c_str(), RootMode::existing));
}
void remove_all(SimTree& fs, FileHandle dir, const std::string& name) {
    if (must(fs.node_at(dir, name.c_str())).kind != NodeKind::directory)
        return must(fs.remove(dir, name.c_str()));
    const auto below = must(fs.open_directory_at(dir, name.c_str()));
    for (const auto& inner : must(fs.read_directory(below))) remove_all(fs, below, inner.name);
    must(fs.close(below));
    must(fs.remove_directory_at(dir, name.c_str()));
}

template <class Mutant>
bool is_caught() {
    std::uint64_t states = 0;
    for (const auto& scenario : scenarios()) {
        const Stage stage{scenario};
        auto fs = stage.fresh();
        if (!explore(stage, Mutant{fs}, fs, 1, states).empty()) return true;
    }
    return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_restore_crashes)

BOOST_AUTO_TEST_CASE(the_scenarios_are_what_they_should_be) {
    for (const auto& scenario : scenarios()) {
        BOOST_TEST_CONTEXT(scenario.name) {
            const Stage stage{scenario};
            BOOST_TEST(!has_staging(stage.after));
            BOOST_TEST(stage.after.contains("home/tree"));
            for (const char* const outside : {"home/other/b", "home/beside"}) {
                if (!stage.before.contains(outside)) continue;
                BOOST_TEST(stage.after.at(outside).content == stage.before.at(outside).content);
                BOOST_TEST(stage.after.at(outside).metadata == stage.before.at(outside).metadata);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_crash_is_finished_or_undone) {
    std::uint64_t states = 0;
    for (const auto& scenario : scenarios()) {
        const Stage stage{scenario};
        auto fs = stage.fresh();
        for (const auto& line : explore(stage, fs, fs, 2, states))
            BOOST_ERROR(scenario.name << ": " << line);
    }
    BOOST_TEST_MESSAGE(states << " states after crashes");
}

// Between a crash and the restore that ends it people go on with their work.
BOOST_AUTO_TEST_CASE(what_is_written_after_a_crash_is_not_lost) {
    std::uint64_t states = 0, skipped = 0, kept = 0;
    for (const auto& scenario : scenarios()) {
        const Stage stage{scenario};
        auto fs = stage.fresh();
        each_crash(stage, fs, [&](const SimTree& crashed) {
            auto untouched = crashed;
            for (const auto& [path, known] : describe(untouched)) {
                if (known.content != "directory" || path == "home" || has_staging({{path, known}}))
                    continue;
                ++states;
                auto touched = crashed.after_crash(0, LostBytes::none);
                touched.act_as(0);
                const auto dir = open_path(touched, path);
                const auto file = must(touched.create_at(dir, "work", 0600));
                BOOST_REQUIRE(must(touched.write_at(file, as_bytes("of a day"), 0)) == 8U);
                must(touched.close(file));
                must(touched.close(dir));
                touched.act_as(user);
                const auto recovered = recover_restore(touched, "/home/tree");
                if (!recovered) {
                    BOOST_ERROR(scenario.name << ": " << path << ": "
                                              << bobbin::describe(recovered.error()));
                    continue;
                }
                skipped += recovered->skipped;
                kept += recovered->kept.empty() ? 0 : 1;
                const auto tree = describe(touched);
                const bool is_there = std::ranges::any_of(tree, [](const auto& at) {
                    return at.first.ends_with("/work") && at.second.content == "file of a day";
                });
                if (!is_there) BOOST_ERROR(scenario.name << ": what was written in " << path);
            }
        });
    }
    BOOST_TEST_MESSAGE(states << " states, " << skipped << " names skipped, " << kept << " kept");
    BOOST_TEST(skipped > 0U);
}

// What was there before is in its place, or kept, also where the tree is another by then.
BOOST_AUTO_TEST_CASE(what_is_taken_away_after_a_crash_stops_nothing) {
    std::uint64_t states = 0;
    for (const auto& scenario : scenarios()) {
        const Stage stage{scenario};
        auto fs = stage.fresh();
        each_crash(stage, fs, [&](const SimTree& crashed) {
            auto untouched = crashed;
            for (const auto& [path, known] : describe(untouched)) {
                if (!path.starts_with("home/tree/") || has_staging({{path, known}})) continue;
                for (const bool with_symlink : {false, true}) {
                    ++states;
                    auto touched = crashed.after_crash(0, LostBytes::none);
                    const auto slash = path.rfind('/');
                    touched.act_as(0);
                    const auto dir = open_path(touched, path.substr(0, slash));
                    const auto name = path.substr(slash + 1);
                    remove_all(touched, dir, name);
                    if (with_symlink) must(touched.make_symlink_at("/home", dir, name.c_str()));
                    must(touched.close(dir));
                    touched.act_as(user);
                    if (const auto recovered = recover_restore(touched, "/home/tree"); !recovered)
                        BOOST_ERROR(scenario.name << ": " << path << ": "
                                                  << bobbin::describe(recovered.error()));
                    RestoreReport report;
                    if (auto next = stage.run(touched, report); !next)
                        BOOST_ERROR(scenario.name << ": " << path << ", the next restore: "
                                                  << bobbin::describe(next.error()));
                }
            }
        });
    }
    BOOST_TEST_MESSAGE(states << " states");
}

BOOST_AUTO_TEST_CASE(steps_left_out_are_seen) {
    BOOST_TEST(is_caught<NeverSyncs>());
    BOOST_TEST(is_caught<NoJournal>());
    BOOST_TEST(is_caught<JournalRemovedEarly>());
}

BOOST_AUTO_TEST_CASE(a_failing_call_leaves_the_tree_as_it_was) {
    std::uint64_t failed = 0, unfinished = 0, kept = 0;
    for (const auto& scenario : scenarios()) {
        const Stage stage{scenario};
        for (const auto& [error, for_ever] : {std::pair{EIO, false},
                                              {ENOSPC, false},
                                              {EINTR, false},
                                              {EIO, true},
                                              {ENOSPC, true}}) {
            for (std::uint64_t call = 0;; ++call) {
                auto fs = stage.fresh();
                fs.fail(call, error, for_ever);
                RestoreReport report;
                const auto done = stage.run(fs, report);
                const bool was_hit = fs.has_failed();
                fs.heal();
                const auto where = std::string{scenario.name} + ", call " + std::to_string(call) +
                                   ", error " + std::to_string(error) +
                                   (for_ever ? " for ever" : "");
                auto tree = describe(fs);
                if (report.is_unfinished) {
                    ++unfinished;
                    const auto recovered = recover_restore(fs, "/home/tree");
                    if (!recovered) BOOST_ERROR(where << ": it can't be recovered");
                    tree = describe(fs);
                    if (!stage.is_before(tree) && !stage.is_after(tree))
                        BOOST_ERROR(where << ": neither");
                } else if (!report.kept.empty()) {
                    ++kept;
                    if (!recover_restore(fs, "/home/tree"))
                        BOOST_ERROR(where << ": what is left can't be removed");
                    tree = describe(fs);
                    if (!(done ? stage.is_after(tree) : stage.is_before(tree)))
                        BOOST_ERROR(where << ": not as it was told");
                } else if (done ? tree != stage.after : tree != stage.before) {
                    // Only the time of the tree's own directory may be what could not be set, or an
                    // attribute for which there was no room.
                    const bool is_right = done ? stage.is_after(tree) : stage.is_before(tree);
                    const bool has_no_room =
                        done && error == ENOSPC && report.attributes_refused == 1;
                    if ((!is_right || report.times_refused != 1) && !has_no_room)
                        BOOST_ERROR(where << ": " << (done ? "not complete" : "changed"));
                }
                if (!done) ++failed;
                if (has_staging(tree)) BOOST_ERROR(where << ": something is left");
                if (!was_hit) break;
            }
        }
    }
    BOOST_TEST_MESSAGE(failed << " restores failed, " << unfinished << " left unfinished, of "
                              << kept << " something was left");
}

BOOST_AUTO_TEST_SUITE_END()
