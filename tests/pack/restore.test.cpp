#include <bobbin/pack/restore.hpp>

#include <bobbin/fs/posix_tree.hpp>
#include <bobbin/testing/detail/random.hpp>
#include <bobbin/testing/sim_tree.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "temporary.hpp"
#include "tree_store.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using bobbin_tests::ChunkStore;
using bobbin_tests::must;
using bobbin_tests::PlainSaver;
using bobbin_tests::TemporaryDirectory;
using testing::SimTree;

namespace {

using Actions = std::map<std::string, RestoreAction>;

// A store and what was saved there from a real directory.
struct Saved {
    ChunkStore store;
    TreeEntry root;
    RestoreOptions options;
    RestoreReport report;

    explicit Saved(const std::string& from, std::size_t chunk = 65536) {
        PosixTreeFs fs;
        root = PlainSaver<PosixTreeFs>{fs, store, chunk}.save(from);
        options.force = true;
        options.sync = false;
        options.threads = 1;
    }
    template <class Fs = PosixTreeFs>
    Result<void> restore(const std::string& target, Fs fs = Fs{}) {
        return pack::restore(
            fs, [&]() -> Result<ChunkStore::Reader> { return ChunkStore::Reader{store}; }, root,
            target, options, report);
    }
    Actions told(const std::string& target, bool is_dry) {
        Actions actions;
        options.dry_run = is_dry;
        options.tell = [&](std::string_view path, RestoreAction action) {
            BOOST_TEST(actions.try_emplace(std::string{path}, action).second);
        };
        must(restore(target));
        options.dry_run = false;
        options.tell = {};
        return actions;
    }
};

void put(const std::string& path, std::string_view text) {
    std::ofstream file{path, std::ios::binary};
    file << text;
    BOOST_REQUIRE(file.good());
}
std::string get(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    BOOST_REQUIRE(file.good());
    return {std::istreambuf_iterator<char>{file}, {}};
}
void make_directories(const std::string& path) { std::filesystem::create_directories(path); }
struct stat status_of(const std::string& path) {
    struct stat status {};
    BOOST_REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status;
}
bool exists(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
}
std::set<std::string> names_in(const std::string& path) {
    std::set<std::string> names;
    for (const auto& at : std::filesystem::directory_iterator{path})
        names.insert(at.path().filename());
    return names;
}

bool has_rsync() {
    static const bool has = std::system("rsync --version >/dev/null 2>&1") == 0;
    if (!has) BOOST_TEST_MESSAGE("skipped in part: there is no rsync to compare trees");
    return has;
}
// What rsync would do to make the second tree the first: empty, where they are the same.
std::string differences(const std::string& a, const std::string& b) {
    if (!has_rsync()) return {};
    const auto command =
        "rsync -aHAXn --checksum --itemize-changes --delete '" + a + "/' '" + b + "/' 2>&1";
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe{::popen(command.c_str(), "r"), &::pclose};
    BOOST_REQUIRE(pipe != nullptr);
    std::string text;
    char buffer[4096];
    while (const auto got = std::fread(buffer, 1, sizeof buffer, pipe.get()))
        text.append(buffer, got);
    return text;
}

// A tree of everything, made by calls of the system.
class RandomTree {
public:
    explicit RandomTree(std::uint64_t seed) : random_{seed} {}

    void make(const std::string& path, unsigned depth = 0) {
        must(fs_.make_directory_at(AT_FDCWD, path.c_str(), 0700));
        const auto count = random_() % 9;
        for (std::uint64_t n = 0; n < count; ++n) {
            const auto at = path + '/' + name();
            if (exists(at)) continue;
            switch (random_() % 8) {
                case 0:
                case 1:
                    if (depth < 5) make(at, depth + 1);
                    break;
                case 2:
                    must(fs_.make_symlink_at(name().c_str(), AT_FDCWD, at.c_str()));
                    times(at);
                    names_.push_back(at);
                    break;
                case 3:
                    if (!names_.empty())
                        must(fs_.link_at(AT_FDCWD, names_[random_() % names_.size()].c_str(),
                                         AT_FDCWD, at.c_str()));
                    break;
                default: make_file(at); names_.push_back(at);
            }
        }
        finish(path);
    }
    // Some of its files are written, removed or turned into something else.
    void change(const std::string& path) {
        for (const auto& name : names_in(path)) {
            const auto at = path + '/' + name;
            const bool is_directory = S_ISDIR(status_of(at).st_mode);
            switch (random_() % 8) {
                case 0: std::filesystem::remove_all(at); break;
                case 1:
                    std::filesystem::remove_all(at);
                    make_file(at);
                    break;
                case 2:
                    std::filesystem::remove_all(at);
                    make(at, 4);
                    break;
                case 3: finish(at); break;
                case 4: make_file(path + '/' + this->name() + "-new"); break;
                case 5:
                    if (S_ISREG(status_of(at).st_mode)) put(at, "written over");
                    break;
                default:
                    if (is_directory) change(at);
            }
        }
    }

private:
    std::uint32_t number(std::uint64_t below) {
        return static_cast<std::uint32_t>(random_() % below);
    }
    std::string name() {
        std::string name;
        for (auto left = 1 + random_() % (random_() % 20 == 0 ? 255 : 12); left != 0; --left) {
            auto byte = static_cast<char>(1 + random_() % 255);
            if (byte == '/') byte = '\n';
            name += byte;
        }
        if (name == "." || name == "..") name = "dots";
        return name;
    }
    void make_file(const std::string& at) {
        const auto handle = must(fs_.create_at(AT_FDCWD, at.c_str(), 0600));
        const std::uint64_t sizes[] = {0, 1, 4096, random_() % 100'000, random_() % 1'000'000};
        const auto size = sizes[random_() % std::size(sizes)];
        std::string bytes(size, '\0');
        for (auto& byte : bytes) byte = static_cast<char>(random_());
        std::uint64_t offset = 0;
        if (random_() % 4 == 0) offset = random_() % 3'000'000;
        if (size != 0) must(fs_.write_at(handle, as_bytes(bytes), offset));
        if (random_() % 4 == 0) must(fs_.truncate(handle, offset + size + random_() % 3'000'000));
        must(fs_.close(handle));
        finish(at);
    }
    // Owner, attributes, mode and time.
    void finish(const std::string& at) {
        const auto status = status_of(at);
        if (S_ISLNK(status.st_mode)) return times(at);
        const auto handle = must(fs_.open_at(AT_FDCWD, at.c_str(), OpenMode::read));
        if (::geteuid() == 0 && random_() % 3 == 0)
            must(fs_.set_owner(handle, number(3), number(3)));
        for (auto left = random_() % 3; left != 0; --left) {
            const Attribute attribute{"user.a" + std::to_string(random_() % 3),
                                      std::string(random_() % 50, 'v')};
            (void)fs_.set_attribute(handle, attribute);
        }
        const std::uint32_t modes[] = {0644, 0600, 0755, 04755, 02750, 01777, 0444, 0};
        auto mode = modes[random_() % std::size(modes)];
        if (::geteuid() != 0) mode |= S_ISDIR(status.st_mode) ? 0700 : 0600;
        must(fs_.set_mode(handle, mode));
        must(fs_.close(handle));
        times(at);
    }
    void times(const std::string& at) {
        const FileTime time{static_cast<std::int64_t>(random_() % 2'000'000'000),
                            number(1'000'000'000)};
        must(fs_.set_modified_at(AT_FDCWD, at.c_str(), time));
    }

    PosixTreeFs fs_;
    testing::detail::Random random_;
    std::vector<std::string> names_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_restore)

BOOST_AUTO_TEST_CASE(random_trees_come_back) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            const TemporaryDirectory place;
            RandomTree tree{seed};
            tree.make(place / "a");
            Saved saved{place / "a", 1000 + seed * 5000};
            saved.options.threads = 1 + static_cast<unsigned>(seed % 3);
            saved.options.sync = seed == 0;
            for (const char* const target : {"missing", "empty", "changed"}) {
                if (target == std::string_view{"empty"}) make_directories(place / target);
                if (target == std::string_view{"changed"}) {
                    must(saved.restore(place / target));
                    tree.change(place / target);
                    saved.options.delete_extra = true;
                    saved.options.compare_content = true;
                }
                must(saved.restore(place / target));
                BOOST_TEST(differences(place / "a", place / target) == "");
                BOOST_TEST(saved.report.files <=
                           saved.report.created + saved.report.content + saved.report.replaced);
                must(saved.restore(place / target));
                BOOST_TEST(saved.report.bytes == 0u);
                BOOST_TEST(saved.report.unchanged > 0u);
                BOOST_TEST(saved.report.created + saved.report.content + saved.report.metadata +
                               saved.report.replaced + saved.report.removed ==
                           0u);
            }
            BOOST_TEST((names_in(place.path()) ==
                        std::set<std::string>{"a", "missing", "empty", "changed"}));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_directory_of_many_and_a_deep_one) {
    const TemporaryDirectory place;
    make_directories(place / "a/many");
    for (int n = 0; n < 10'000; ++n)
        put(place / "a/many/" + std::to_string(n), std::to_string(n % 100));
    PosixTreeFs fs;
    auto dir = must(fs.open_root((place / "a").c_str(), RootMode::existing));
    for (int n = 0; n < 300; ++n) {
        const std::string name(200, 'd');
        must(fs.make_directory_at(dir, name.c_str(), 0755));
        must(fs.close(must(fs.create_at(dir, "file", 0600))));
        const auto next = must(fs.open_directory_at(dir, name.c_str()));
        must(fs.close(dir));
        dir = next;
    }
    must(fs.close(dir));
    Saved saved{place / "a"};
    saved.options.threads = 2;
    must(saved.restore(place / "b"));
    BOOST_TEST(saved.report.created == 10'000u + 300 * 2 + 2);
    must(saved.restore(place / "b"));
    BOOST_TEST(saved.report.unchanged == 10'000u + 300 * 2 + 2);
    BOOST_TEST(differences(place / "a/many", place / "b/many") == "");
    // All that goes away again.
    make_directories(place / "empty");
    Saved nothing{place / "empty"};
    nothing.options.delete_extra = true;
    must(nothing.restore(place / "b"));
    BOOST_TEST(nothing.report.removed == 10'000u + 300 * 2 + 1);
    BOOST_TEST(names_in(place / "b").empty());
    must(nothing.restore(place / "a"));
}

BOOST_AUTO_TEST_CASE(a_dry_run_tells_what_a_restore_does) {
    using enum RestoreAction;
    const TemporaryDirectory place;
    make_directories(place / "a/dir/sub");
    make_directories(place / "a/was-file");
    put(place / "a/dir/sub/new", "new");
    put(place / "a/dir/same", "same");
    put(place / "a/dir/other", "other");
    put(place / "a/was-dir", "file");
    put(place / "a/mode", "mode");
    BOOST_REQUIRE(::symlink("there", (place / "a/link").c_str()) == 0);
    Saved saved{place / "a"};
    saved.options.delete_extra = true;
    must(saved.restore(place / "b"));
    std::filesystem::remove_all(place / "b/dir/sub");
    put(place / "b/dir/other", "longer than that");
    std::filesystem::remove_all(place / "b/was-file");
    put(place / "b/was-file", "");
    std::filesystem::remove_all(place / "b/was-dir");
    make_directories(place / "b/was-dir/x");
    put(place / "b/was-dir/x/y", "y");
    BOOST_REQUIRE(::chmod((place / "b/mode").c_str(), 0600) == 0);
    std::filesystem::remove_all(place / "b/link");
    BOOST_REQUIRE(::symlink("elsewhere", (place / "b/link").c_str()) == 0);
    make_directories(place / "b/extra");
    put(place / "b/extra/e", "e");
    const Actions expected{{"", metadata},          {"dir", metadata},
                           {"dir/sub", create},     {"dir/sub/new", create},
                           {"dir/other", content},  {"was-file", replace},
                           {"was-dir", replace},    {"was-dir/x", remove},
                           {"was-dir/x/y", remove}, {"mode", RestoreAction::metadata},
                           {"link", content},       {"extra", remove},
                           {"extra/e", remove}};
    const auto before = status_of(place / "b");
    const auto dry = saved.told(place / "b", true);
    BOOST_TEST((dry == expected));
    for (const auto& [path, action] : dry)
        if (!expected.contains(path)) BOOST_TEST_MESSAGE(path << " " << static_cast<int>(action));
    BOOST_TEST(saved.report.bytes == 0u);
    BOOST_TEST(status_of(place / "b").st_mtim.tv_nsec == before.st_mtim.tv_nsec);
    BOOST_TEST(get(place / "b/was-dir/x/y") == "y");
    BOOST_TEST((saved.told(place / "b", false) == expected));
    BOOST_TEST(differences(place / "a", place / "b") == "");
    BOOST_TEST(saved.told(place / "b", true).empty());
    BOOST_TEST(saved.told(place / "c", true).size() == 10u);
    BOOST_TEST(!exists(place / "c"));
    BOOST_TEST(saved.told(place / "c", false).size() == 10u);
}

BOOST_AUTO_TEST_CASE(what_the_snapshot_lacks_stays_unasked) {
    const TemporaryDirectory place;
    make_directories(place / "a/d");
    put(place / "a/d/f", "f");
    Saved saved{place / "a"};
    make_directories(place / "b/d/e");
    put(place / "b/d/e/mine", "mine");
    put(place / "b/mine", "mine");
    must(saved.restore(place / "b"));
    BOOST_TEST(get(place / "b/d/f") == "f");
    BOOST_TEST(get(place / "b/d/e/mine") == "mine");
    saved.options.delete_extra = true;
    saved.options.keeps = [](std::string_view path) {
        return path == "d/e" ? Keep::all : Keep::nothing;
    };
    must(saved.restore(place / "b"));
    BOOST_TEST(get(place / "b/d/e/mine") == "mine");
    BOOST_TEST(!exists(place / "b/mine"));
}

BOOST_AUTO_TEST_CASE(what_is_kept_whole_keeps_its_mode) {
    const TemporaryDirectory place;
    make_directories(place / "a/above/kept/in");
    for (const auto* name : {"a/above", "a/above/kept", "a/above/kept/in"})
        BOOST_REQUIRE(::chmod((place / name).c_str(), 0777) == 0);
    Saved saved{place / "a"};
    make_directories(place / "b/above/kept/in");
    for (const auto* name : {"b/above", "b/above/kept", "b/above/kept/in"})
        BOOST_REQUIRE(::chmod((place / name).c_str(), 0700) == 0);
    saved.options.keeps = [](std::string_view path) {
        return path.starts_with("above/kept") ? Keep::all
               : path == "above"              ? Keep::something
                                              : Keep::nothing;
    };
    must(saved.restore(place / "b"));
    BOOST_TEST((status_of(place / "b/above").st_mode & 0777) == 0777u);
    BOOST_TEST((status_of(place / "b/above/kept").st_mode & 0777) == 0700u);
    BOOST_TEST((status_of(place / "b/above/kept/in").st_mode & 0777) == 0700u);
}

// An inode that went while the tree was saved, and was used again.
BOOST_AUTO_TEST_CASE(names_with_one_number_and_other_content_are_other_files) {
    const TemporaryDirectory place;
    make_directories(place / "a");
    Saved saved{place / "a"};
    std::vector<TreeEntry> entries;
    for (const auto* name : {"a1", "a2", "z1", "z2"}) {
        TreeEntry entry;
        entry.name = name;
        entry.kind = EntryKind::file;
        entry.mode = 0644;
        entry.user = ::geteuid();
        entry.group = ::getegid();
        entry.hard_link = 7;
        entry.content = saved.store.content(std::string(100, name[0]));
        entries.push_back(entry);
    }
    saved.root.content = saved.store.directory(entries);
    for (const auto* target : {"new", "a"}) {
        must(saved.restore(place / target));
        const auto below = [&](const char* name) { return (place / target) + '/' + name; };
        BOOST_TEST(get(below("a2")) == std::string(100, 'a'));
        BOOST_TEST(get(below("z2")) == std::string(100, 'z'));
        const auto inode = [&](const char* name) { return status_of(below(name)).st_ino; };
        BOOST_TEST(inode("a1") == inode("a2"));
        BOOST_TEST(inode("z1") == inode("z2"));
        BOOST_TEST(inode("a1") != inode("z1"));
    }
}

BOOST_AUTO_TEST_CASE(a_foreign_tree_is_refused) {
    const TemporaryDirectory place;
    make_directories(place / "a");
    put(place / "a/f", "f");
    Saved saved{place / "a"};
    saved.options.force = false;
    make_directories(place / "b");
    put(place / "b/mine", "mine");
    for (const bool dry : {true, false}) {
        saved.options.dry_run = dry;
        BOOST_TEST(saved.restore(place / "b").error().is(Errc::target_foreign));
    }
    BOOST_TEST(!exists(place / "b/f"));
    make_directories(place / "c");
    must(saved.restore(place / "c"));
    must(saved.restore(place / "d"));
    const auto own = saved.report.root;
    BOOST_TEST(own.inode == status_of(place / "d").st_ino);
    BOOST_TEST(saved.restore(place / "d").error().is(Errc::target_foreign));
    saved.options.is_own = [&](const NodeStatus& root) {
        return root.inode == own.inode && root.device == own.device;
    };
    must(saved.restore(place / "d"));
    BOOST_TEST(saved.restore(place / "b").error().is(Errc::target_foreign));
    BOOST_TEST(saved.restore(place / "a/f").error().is_errno(ENOTDIR));
    BOOST_TEST(saved.restore(place / "none/e").error().is_errno(ENOENT));
    BOOST_REQUIRE(::symlink("nowhere", (place / "link").c_str()) == 0);
    BOOST_TEST(!saved.restore(place / "link").has_value());
    BOOST_TEST((names_in(place.path()) == std::set<std::string>{"a", "b", "c", "d", "link"}));
}

BOOST_AUTO_TEST_CASE(a_part_is_restored_alone) {
    const TemporaryDirectory place;
    make_directories(place / "a/x/y/z");
    make_directories(place / "a/other");
    put(place / "a/x/y/f", "f");
    put(place / "a/x/y/z/g", "g");
    put(place / "a/x/side", "side");
    Saved saved{place / "a"};
    saved.options.delete_extra = true;
    saved.options.path = "x/y";
    must(saved.restore(place / "b"));
    BOOST_TEST(get(place / "b/x/y/z/g") == "g");
    BOOST_TEST((names_in(place / "b") == std::set<std::string>{"x"}));
    BOOST_TEST((names_in(place / "b/x") == std::set<std::string>{"y"}));
    put(place / "b/x/mine", "mine");
    put(place / "b/x/y/extra", "extra");
    put(place / "b/x/y/z/g", "changed");
    saved.options.path = "x/y/z/g";
    must(saved.restore(place / "b"));
    BOOST_TEST(get(place / "b/x/y/z/g") == "g");
    BOOST_TEST(get(place / "b/x/y/extra") == "extra");
    BOOST_TEST(saved.report.content == 1u);
    saved.options.path = "x/y/";
    must(saved.restore(place / "b"));
    BOOST_TEST(!exists(place / "b/x/y/extra"));
    BOOST_TEST(get(place / "b/x/mine") == "mine");
    for (const char* const path : {"none", "x/y/f/g", "x/y/z/g/h"}) {
        saved.options.path = path;
        BOOST_TEST(saved.restore(place / "b").error().is_errno(ENOENT));
    }
    for (const char* const path : {"../a", "/x", "x//y", "x/./y"}) {
        saved.options.path = path;
        BOOST_TEST(saved.restore(place / "b").error().is(Errc::name_invalid));
    }
    // A symlink on the way is not followed.
    std::filesystem::rename(place / "b/x", place / "real");
    BOOST_REQUIRE(::symlink("../real", (place / "b/x").c_str()) == 0);
    saved.options.path = "x/side";
    must(saved.restore(place / "b"));
    BOOST_TEST(get(place / "b/x/side") == "side");
    BOOST_TEST(!exists(place / "real/side"));
}

BOOST_AUTO_TEST_CASE(no_name_changes_where_another_file_system_is_mounted) {
    struct Mounted : PosixTreeFs {
        Result<NodeStatus> node_at(FileHandle dir, const char* name) noexcept {
            auto node = PosixTreeFs::node_at(dir, name);
            if (node && name == std::string_view{"m"}) ++node->device;
            return node;
        }
    };
    const TemporaryDirectory place;
    make_directories(place / "a/m");
    put(place / "a/f", "f");
    put(place / "a/m/x", "x");
    Saved saved{place / "a"};
    must(saved.restore(place / "b", Mounted{}));
    // What is as it should be, or differs in its metadata alone, needs no new name.
    BOOST_REQUIRE(::chmod((place / "b/m/x").c_str(), 0600) == 0);
    must(saved.restore(place / "b", Mounted{}));
    BOOST_TEST(saved.report.metadata == 1u);
    saved.options.delete_extra = true;
    for (const char* const change : {"missing", "extra", "other", "link"}) {
        std::filesystem::remove_all(place / "b");
        must(saved.restore(place / "b", Mounted{}));
        std::filesystem::remove(place / "b/f");
        if (change == std::string_view{"extra"}) {
            put(place / "b/m/y", "y");
        } else {
            std::filesystem::remove(place / "b/m/x");
            if (change == std::string_view{"other"}) put(place / "b/m/x", "another");
        }
        auto linked = saved;
        if (change == std::string_view{"link"}) {
            std::filesystem::create_hard_link(place / "a/m/x", place / "a/m/z");
            linked = Saved{place / "a"};
            linked.options = saved.options;
        }
        for (const bool is_dry : {true, false}) {
            linked.options.dry_run = is_dry;
            const auto failed = linked.restore(place / "b", Mounted{});
            BOOST_TEST((!failed && failed.error().is_errno(EXDEV)));
            BOOST_TEST(linked.report.failed_path ==
                       (change == std::string_view{"extra"} ? "m/y" : "m/x"));
            BOOST_TEST(!exists(place / "b/f"));
        }
    }
}

BOOST_AUTO_TEST_CASE(other_names_of_a_file_are_not_written) {
    const TemporaryDirectory place;
    make_directories(place / "a");
    put(place / "a/f", "saved");
    put(place / "a/g", "saved");
    Saved saved{place / "a"};
    must(saved.restore(place / "b"));
    put(place / "outside", "other");
    std::filesystem::remove(place / "b/f");
    std::filesystem::create_hard_link(place / "outside", place / "b/f");
    std::filesystem::create_hard_link(place / "b/g", place / "copy");
    BOOST_REQUIRE(::chmod((place / "copy").c_str(), 0640) == 0);
    must(saved.restore(place / "b"));
    BOOST_TEST(get(place / "outside") == "other");
    BOOST_TEST(status_of(place / "copy").st_mode == (S_IFREG | 0640u));
    BOOST_TEST(status_of(place / "copy").st_nlink == 1u);
    BOOST_TEST(differences(place / "a", place / "b") == "");
}

BOOST_AUTO_TEST_CASE(bytes_are_compared_when_asked_for) {
    const TemporaryDirectory place;
    make_directories(place / "a");
    put(place / "a/f", std::string(200'000, 'f') + std::string(300'000, '\0') + "end");
    put(place / "a/g", "g");
    Saved saved{place / "a", 5000};
    must(saved.restore(place / "b"));
    const auto time = std::filesystem::last_write_time(place / "b/f");
    for (const std::size_t at : {0u, 123'456u, 250'000u, 500'002u}) {
        std::fstream file{place / "b/f", std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(static_cast<std::streamoff>(at));
        file << 'X';
        file.close();
        std::filesystem::last_write_time(place / "b/f", time);
        saved.options.compare_content = false;
        must(saved.restore(place / "b"));
        BOOST_TEST(saved.report.content == 0u);
        saved.options.compare_content = true;
        must(saved.restore(place / "b"));
        BOOST_TEST(saved.report.content == 1u);
        BOOST_TEST(differences(place / "a", place / "b") == "");
    }
    // Only its time differs.
    std::filesystem::last_write_time(place / "b/f", time + std::chrono::hours{1});
    must(saved.restore(place / "b"));
    BOOST_TEST(saved.report.metadata == 1u);
    BOOST_TEST(saved.report.bytes == 0u);
    BOOST_TEST(differences(place / "a", place / "b") == "");
}

BOOST_AUTO_TEST_CASE(what_can_t_be_read_changes_nothing) {
    const TemporaryDirectory place;
    make_directories(place / "a/d");
    put(place / "a/d/f", "first");
    put(place / "a/d/g", std::string(200'000, 'g'));
    Saved saved{place / "a"};
    make_directories(place / "b/d");
    put(place / "b/d/f", "mine");
    PosixTreeFs fs;
    ChunkStore ignored;
    const auto before = PlainSaver<PosixTreeFs>{fs, ignored}.save(place / "b");
    BOOST_TEST(saved.store.remove(Sha256::of(as_bytes(std::string(65536, 'g')))));
    for (const unsigned threads : {1u, 3u})
        for (const char* const target : {"b", "c"}) {
            saved.options.threads = threads;
            BOOST_TEST(saved.restore(place / target).error().is(Errc::chunk_missing));
            BOOST_TEST(saved.report.failed_path == "d/g");
            BOOST_TEST(!saved.report.is_unfinished);
        }
    BOOST_TEST((names_in(place.path()) == std::set<std::string>{"a", "b"}));
    BOOST_TEST((PlainSaver<PosixTreeFs>{fs, ignored}.save(place / "b") == before));
}

BOOST_AUTO_TEST_CASE(a_hole_of_any_size_takes_no_room) {
    const TemporaryDirectory place;
    Saved saved{place.path()};
    const auto with = [&](std::uint64_t size) {
        TreeEntry file;
        file.name = "f";
        file.mode = 0600;
        file.user = ::geteuid();
        file.group = ::getegid();
        file.content = {size, 0, {{size, {}, true}}};
        saved.root.content = saved.store.directory({file});
    };
    with(std::uint64_t{1} << 40);
    must(saved.restore(place / "b"));
    BOOST_TEST(status_of(place / "b/f").st_size == std::int64_t{1} << 40);
    BOOST_TEST(status_of(place / "b/f").st_blocks == 0);
    saved.options.compare_content = true;
    must(saved.restore(place / "b"));
    BOOST_TEST(saved.report.unchanged == 2u);
    with(ContentLimits::size);
    BOOST_TEST(saved.restore(place / "c").error().is_errno(EFBIG));
    BOOST_TEST((names_in(place.path()) == std::set<std::string>{"b"}));
}

BOOST_AUTO_TEST_CASE(a_staging_directory_is_no_part_of_a_tree) {
    const TemporaryDirectory place;
    make_directories(place / "a/.bobbin-restore/new");
    make_directories(place / "a/d/.bobbin-restore");
    put(place / "a/d/.bobbin-restore/journal", "j");
    // The next restore into `d` would believe this one.
    make_directories(place / "a/.d.bobbin-restore");
    put(place / "a/.d.bobbin-restore/journal", "j");
    put(place / "a/d/.file.bobbin-restore", "f");
    Saved saved{place / "a"};
    make_directories(place / "b");
    must(saved.restore(place / "b"));
    BOOST_TEST(saved.report.skipped == 3u);
    const Actions expected{{".bobbin-restore", RestoreAction::skip},
                           {".d.bobbin-restore", RestoreAction::skip},
                           {"d/.bobbin-restore", RestoreAction::skip}};
    for (const bool is_dry : {true, false})
        BOOST_TEST((saved.told(place / "b", is_dry) == expected));
    BOOST_TEST(!exists(place / "b/.bobbin-restore"));
    BOOST_TEST(!exists(place / "b/d/.bobbin-restore"));
    BOOST_TEST(!exists(place / "b/.d.bobbin-restore"));
    BOOST_TEST(get(place / "b/d/.file.bobbin-restore") == "f");

    // One that somebody else may have written is not believed.
    make_directories(place / "b/.bobbin-restore/new");
    BOOST_REQUIRE(::chmod((place / "b/.bobbin-restore").c_str(), 0777) == 0);
    BOOST_TEST(saved.restore(place / "b").error().is(Errc::target_foreign));
    BOOST_TEST(recover_restore(PosixTreeFs{}, place / "b").error().is(Errc::target_foreign));
    BOOST_REQUIRE(::chmod((place / "b/.bobbin-restore").c_str(), 0700) == 0);
    if (::geteuid() == 0) {
        BOOST_REQUIRE(::chown((place / "b/.bobbin-restore").c_str(), 1, 1) == 0);
        BOOST_TEST(recover_restore(PosixTreeFs{}, place / "b").error().is(Errc::target_foreign));
        BOOST_REQUIRE(::chown((place / "b/.bobbin-restore").c_str(), 0, 0) == 0);
    }
    // Nor one in which somebody keeps what is his.
    put(place / "b/.bobbin-restore/mine", "mine");
    must(saved.restore(place / "b"));
    BOOST_TEST(saved.report.recovered.kept == place / "b/.bobbin-restore-kept-1");
    BOOST_TEST(get(place / "b/.bobbin-restore-kept-1/mine") == "mine");
    std::filesystem::remove_all(place / "b/.bobbin-restore-kept-1");
    make_directories(place / "b/.bobbin-restore/new");
    BOOST_REQUIRE(::chmod((place / "b/.bobbin-restore").c_str(), 0700) == 0);

    // A journal that is none says nothing, so nothing goes; and what runs is not disturbed.
    put(place / "b/.bobbin-restore/journal", "BPrj\1 nonsense");
    {
        PosixTreeFs fs;
        const auto held =
            must(fs.open_root((place / "b/.bobbin-restore").c_str(), RootMode::existing));
        must(fs.lock(held));
        BOOST_TEST(saved.restore(place / "b").error().is(Errc::directory_in_use));
        must(fs.close(held));
    }
    must(saved.restore(place / "b"));
    BOOST_TEST((saved.report.recovered.what == RestoreRecovery::unreadable));
    BOOST_TEST(saved.report.recovered.kept == place / "b/.bobbin-restore-kept-1");
    BOOST_TEST(exists(place / "b/.bobbin-restore-kept-1/journal"));
    BOOST_TEST(!exists(place / "b/.bobbin-restore"));
}

BOOST_AUTO_TEST_CASE(what_is_no_staging_directory_is_none_of_a_restore) {
    const TemporaryDirectory place;
    make_directories(place / "a");
    put(place / "a/f", "f");
    Saved saved{place / "a"};
    make_directories(place / "b");
    put(place / "b/.bobbin-restore", "mine");
    BOOST_REQUIRE(::symlink("a", (place / ".c.bobbin-restore").c_str()) == 0);
    for (const auto& [target, name] :
         {std::pair{"b", "b/.bobbin-restore"}, {"c", ".c.bobbin-restore"}}) {
        for (const bool is_dry : {true, false}) {
            saved.options.dry_run = is_dry;
            const auto failed = saved.restore(place / target);
            BOOST_TEST((!failed && is_no_restore(failed.error())));
            BOOST_TEST(saved.report.failed_path == place / name);
            BOOST_TEST(!saved.report.is_unfinished);
        }
        std::string path;
        const auto recovered = recover_restore(PosixTreeFs{}, place / target, &path);
        BOOST_TEST((!recovered && is_no_restore(recovered.error())));
        BOOST_TEST(path == place / name);
    }
    BOOST_TEST(get(place / "b/.bobbin-restore") == "mine");
    BOOST_TEST((names_in(place / "b") == std::set<std::string>{".bobbin-restore"}));
    BOOST_TEST(!exists(place / "c"));
}

BOOST_AUTO_TEST_CASE(nothing_is_handed_down_to_what_is_restored) {
    const TemporaryDirectory place;
    make_directories(place / "a/d");
    put(place / "a/d/f", "f");
    BOOST_REQUIRE(::chmod((place / "a/d/f").c_str(), 0664) == 0);
    Saved saved{place / "a"};
    const auto before = ::umask(0077);
    make_directories(place / "p");
    BOOST_REQUIRE(::chmod((place / "p").c_str(), 02777) == 0);
    if (::geteuid() == 0) BOOST_REQUIRE(::chown((place / "p").c_str(), 0, 5) == 0);
    // A default access control list: u::rwx, g::---, o::---.
    const std::string list{"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x04\0\0\0\xff\xff\xff\xff\x20\0"
                           "\0\0\xff\xff\xff\xff",
                           28};
    PosixTreeFs fs;
    const auto p = must(fs.open_root((place / "p").c_str(), RootMode::existing));
    (void)fs.set_attribute(p, {"system.posix_acl_default", list});
    must(fs.close(p));
    must(saved.restore(place / "p/b"));
    ::umask(0);
    must(saved.restore(place / "p/c"));
    ::umask(before);
    BOOST_TEST(differences(place / "a", place / "p/b") == "");
    BOOST_TEST(differences(place / "a", place / "p/c") == "");
}

BOOST_AUTO_TEST_CASE(owners_that_are_refused_are_counted) {
    SimTree from, to{{.gives_owners = false}};
    const auto root = must(from.open_root("/", RootMode::existing));
    const auto file = must(from.create_at(root, "suid", 0600));
    must(from.set_owner(file, 5, 6));
    must(from.set_mode(file, 06755));
    must(from.close(file));
    must(from.make_symlink_at("x", root, "link"));
    must(from.set_owner_at(root, "link", 5, 6));
    ChunkStore store;
    const auto saved = PlainSaver<SimTree>{from, store}.save("/");
    RestoreOptions options;
    options.threads = 1;
    RestoreReport report;
    must(restore(
        to, [&]() -> Result<ChunkStore::Reader> { return ChunkStore::Reader{store}; }, saved,
        "/tree", options, report));
    BOOST_TEST(report.owners_refused == 2u);
    const auto tree = must(to.open_root("/tree", RootMode::existing));
    BOOST_TEST(must(to.node_at(tree, "suid")).mode == 0755u);
}

BOOST_AUTO_TEST_CASE(what_changes_meanwhile_is_not_lost) {
    const TemporaryDirectory place;
    make_directories(place / "a");
    put(place / "a/f", "saved");
    put(place / "a/g", "saved");
    Saved saved{place / "a"};
    make_directories(place / "b");
    put(place / "b/f", "before");
    put(place / "b/g", "before");
    // Whoever is told of it writes it.
    saved.options.tell = [&](std::string_view path, RestoreAction) {
        if (path == "g") put(place / "b/g", "just now written");
    };
    BOOST_TEST(saved.restore(place / "b").error().is_errno(ESTALE));
    BOOST_TEST(saved.report.failed_path == "g");
    BOOST_TEST(get(place / "b/f") == "before");
    BOOST_TEST(get(place / "b/g") == "just now written");
    BOOST_TEST(!exists(place / "b/.bobbin-restore"));
}

BOOST_AUTO_TEST_SUITE_END()
