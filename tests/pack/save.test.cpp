#include <bobbin/pack/save.hpp>

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "saves.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using namespace bobbin_tests;
using namespace std::string_literals;

namespace {

std::vector<std::string> paths_of(const Tree& tree) {
    std::vector<std::string> paths;
    for (const auto& [path, entry] : tree) paths.push_back(path);
    return paths;
}
std::uint64_t holes_of(const Content& content) {
    std::uint64_t bytes = 0;
    for (const auto& extent : content.extents) bytes += extent.is_hole ? extent.length : 0;
    return bytes;
}
struct stat status_of(const std::string& path) {
    struct stat s {};
    BOOST_REQUIRE(::lstat(path.c_str(), &s) == 0);
    return s;
}

// Of all kinds, and as the file system has it.
void make_varied(SavedDirectory& at) {
    put_file(at / "empty", "");
    put_file(at / "small", "a line\n");
    put_file(at / "twice", "a line\n");
    put_file(at / "large", text_of(1, 3'000'000));
    make_directory(at / "target");
    put_file(at / "target/inside", text_of(2, 40'000));
    make_directory(at / "target/nothing");
    put_file(at / "name \xff\xfe\n", "not UTF-8");
    BOOST_REQUIRE(::symlink("nowhere/\xff", (at / "link").c_str()) == 0);
    BOOST_REQUIRE(::symlink("target", (at / "to directory").c_str()) == 0);
    BOOST_REQUIRE(::link((at / "small").c_str(), (at / "target/same").c_str()) == 0);
    BOOST_REQUIRE(::chmod((at / "empty").c_str(), 04751) == 0);
    BOOST_REQUIRE(::chmod((at / "target/nothing").c_str(), 01700) == 0);
    set_modified(at / "large", -5, 123'456'789);
    set_modified(at / "link", 1'000'000'000, 1);
    set_modified(at / "target", 2'000'000'000, 999'999'999);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_save)

BOOST_AUTO_TEST_CASE(all_of_a_tree_is_saved) {
    SavedDirectory at;
    make_varied(at);
    const auto saved = at.save();
    BOOST_TEST(at.told().empty());
    BOOST_TEST(at.store.is_complete());
    BOOST_TEST(at.bends->open == 0);
    const auto tree = at.tree(saved);
    BOOST_TEST((paths_of(tree) ==
                std::vector<std::string>{"", "empty", "large", "link", "name \xff\xfe\n", "small",
                                         "target", "target/inside", "target/nothing", "target/same",
                                         "to directory", "twice"}));
    for (const auto& [path, entry] : tree) {
        const auto s = status_of(at / path);
        const auto kind = S_ISDIR(s.st_mode)   ? EntryKind::directory
                          : S_ISLNK(s.st_mode) ? EntryKind::symlink
                                               : EntryKind::file;
        BOOST_TEST((entry.kind == kind), path);
        BOOST_TEST(entry.name == (path.empty() ? "root" : path.substr(path.rfind('/') + 1)));
        BOOST_TEST(entry.mode == (s.st_mode & 07777));
        BOOST_TEST(entry.user == s.st_uid);
        BOOST_TEST(entry.group == s.st_gid);
        BOOST_TEST(entry.user_name == system_user_name(s.st_uid));
        BOOST_TEST(entry.group_name == system_group_name(s.st_gid));
        BOOST_TEST((entry.modified ==
                    FileTime{s.st_mtim.tv_sec, static_cast<std::uint32_t>(s.st_mtim.tv_nsec)}));
        BOOST_TEST(entry.hard_link ==
                   (kind != EntryKind::directory && s.st_nlink > 1 ? s.st_ino : 0));
        if (kind != EntryKind::file) continue;
        std::ifstream file{at / path, std::ios::binary};
        const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
        BOOST_TEST((bytes_of(at.store, entry.content) == bytes), path);
    }
    BOOST_TEST(tree.at("link").target == "nowhere/\xff");
    BOOST_TEST((tree.at("small").content == tree.at("twice").content));
    BOOST_TEST(tree.at("large").content.extents.size() > 10U);

    const auto& counts = saved.counts;
    BOOST_TEST(counts.files == 7U);
    BOOST_TEST(counts.directories == 3U);
    BOOST_TEST(counts.symlinks == 2U);
    BOOST_TEST(counts.unchanged == 0U);
    BOOST_TEST(counts.bytes == 3'000'000U + 40'000 + 9 + 3 * 7);
    BOOST_TEST(counts.bytes_read == counts.bytes);
    BOOST_TEST(counts.bytes_stored < counts.bytes_new);
}

BOOST_AUTO_TEST_CASE(extended_attributes) {
    SavedDirectory at;
    put_file(at / "file", "");
    make_directory(at / "directory");
    for (const auto& name : {at / "file", at / "directory"}) {
        if (::setxattr(name.c_str(), "user.b", "\0\xff", 2, 0) != 0) {
            BOOST_TEST_MESSAGE("no extended attributes here");
            return;
        }
        BOOST_REQUIRE(::setxattr(name.c_str(), "user.a", "", 0, 0) == 0);
    }
    const auto tree = at.tree(at.save());
    const auto user = [](const TreeEntry& entry) {
        auto all = entry.attributes;
        std::erase_if(all, [](const auto& one) { return !one.name.starts_with("user."); });
        return all;
    };
    const std::vector<Attribute> expected{{"user.a", ""}, {"user.b", "\0\xff"s}};
    BOOST_TEST((user(tree.at("file")) == expected));
    BOOST_TEST((user(tree.at("directory")) == expected));
}

BOOST_AUTO_TEST_CASE(the_number_of_threads_decides_nothing) {
    SavedDirectory at;
    make_varied(at);
    for (int i = 0; i < 40; ++i) {
        const auto directory = at / ("d" + std::to_string(i));
        make_directory(directory);
        for (int j = 0; j < 30; ++j)
            put_file(directory + "/f" + std::to_string(j),
                     text_of(static_cast<std::uint64_t>(i * 100 + j),
                             static_cast<std::size_t>(j * j * 20)));
    }
    std::optional<TreeEntry> first;
    for (const unsigned threads : {1U, 2U, 8U, 8U, 3U}) {
        at.options.threads = threads;
        MemoryStore store;
        const auto saved = save_tree(PosixTreeFs{}, at.path(), store, at.options);
        BOOST_REQUIRE(saved);
        BOOST_TEST(store.is_complete());
        if (!first) first = saved->root;
        BOOST_TEST((saved->root == *first));
        BOOST_TEST(saved->counts.files == 1207U);
    }
    // Neither does what the file system knows of kinds, nor how much is compressed together.
    at.bends->hides_kinds = true;
    at.options.group = 1_MiB;
    BOOST_TEST((at.save().root == *first));
}

BOOST_AUTO_TEST_CASE(small_files_are_grouped_and_long_ones_cut) {
    SavedDirectory at;
    for (std::uint64_t i = 0; i < 1500; ++i)
        put_file(at / ("f" + std::to_string(i)), text_of(i, 100));
    put_file(at / "long", text_of(7777, 5'000'000));
    at.options.threads = 1;
    at.options.largest_whole = 100'000_B;
    const auto saved = at.save();
    BOOST_TEST(at.store.records < 20U);
    BOOST_TEST(at.store.largest_record <= 1'300'000U);
    auto tree = at.tree(saved);
    BOOST_TEST((bytes_of(at.store, tree.at("long").content) == text_of(7777, 5'000'000)));
    const auto before = at.store.chunks().size();
    // One byte more in front: nearly all chunks are there already.
    put_file(at / "long", "x" + text_of(7777, 5'000'000));
    tree = at.tree(at.save());
    BOOST_TEST(at.store.chunks().size() <= before + 10);
    BOOST_TEST((bytes_of(at.store, tree.at("long").content) == "x" + text_of(7777, 5'000'000)));
}

// A group that has room for a chunk by its own buffer may be too long for a record.
BOOST_AUTO_TEST_CASE(the_longest_chunks_fit_into_records) {
    SavedDirectory at;
    put_file(at / "a", text_of(1, 100'000));
    put_file(at / "b", text_of(2, largest_record));
    put_file(at / "c", text_of(3, 100'000));
    put_file(at / "d", text_of(4, largest_record - 1));
    at.options.threads = 1;
    at.options.largest_whole = Bytes{largest_record};
    const auto tree = at.tree(at.save());
    BOOST_TEST(at.store.largest_record <= largest_record);
    for (const auto* name : {"a", "b", "c", "d"})
        BOOST_TEST(tree.at(name).content.extents.size() == 1U);
}

BOOST_AUTO_TEST_CASE(other_codecs_and_chunkers) {
    SavedDirectory at;
    make_varied(at);
    put_file(at / "lists", text_of(9, 400'000));
    at.options.largest_whole = 1000_B;
    const auto zstd = [] { return Zstd{1}; };
    const auto saved =
        save_tree(PosixTreeFs{}, at.path(), at.store, at.options,
                  static_cast<FileCache<PosixTreeFs>*>(nullptr), zstd, FixedChunks{1000_B});
    BOOST_REQUIRE(saved);
    const auto tree = at.tree(*saved);
    BOOST_TEST(tree.at("lists").content.level == 1);
    BOOST_TEST((bytes_of(at.store, tree.at("lists").content) == text_of(9, 400'000)));
    MemoryStore store;
    const auto plain =
        save_tree(PosixTreeFs{}, at.path(), store, at.options,
                  static_cast<FileCache<PosixTreeFs>*>(nullptr), MakeCodec<NoCodec>{}, WholeFile{});
    BOOST_REQUIRE(plain);
    BOOST_TEST(plain->counts.bytes_stored == plain->counts.bytes_new);
    BOOST_TEST((bytes_of(store, read_tree(store, plain->root).at("large").content) ==
                text_of(1, 3'000'000)));
}

BOOST_AUTO_TEST_CASE(holes_are_holes) {
    SavedDirectory at;
    const auto sparse = [&](const char* name, std::uint64_t size,
                            const std::vector<std::pair<std::uint64_t, std::string>>& parts) {
        const auto fd = ::open((at / name).c_str(), O_RDWR | O_CREAT, 0600);
        BOOST_REQUIRE(fd >= 0);
        BOOST_REQUIRE(::ftruncate(fd, static_cast<off_t>(size)) == 0);
        for (const auto& [offset, bytes] : parts)
            BOOST_REQUIRE(::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
                          static_cast<ssize_t>(bytes.size()));
        ::close(fd);
    };
    const auto mebi = std::uint64_t{1} << 20;
    sparse("all", std::uint64_t{1} << 40, {});
    sparse("end", 8 * mebi, {{0, "begin"}});
    sparse("middle", 8 * mebi, {{0, "begin"}, {8 * mebi - 3, "end"}});
    sparse("short", 65536 + 5, {{65536, "tail"}});
    sparse("zeros", 100'000, {{0, std::string(100'000, '\0')}});
    const auto saved = at.save();
    const auto tree = at.tree(saved);
    BOOST_TEST((tree.at("all").content ==
                Content{std::uint64_t{1} << 40, 0, {{std::uint64_t{1} << 40, {}, true}}}));
    BOOST_TEST(holes_of(tree.at("zeros").content) == 0U);
    for (const auto& [name, end] : std::map<std::string, std::string>{
             {"end", "\0\0\0"s}, {"middle", "end"}, {"short", "ail\0"s}}) {
        const auto& content = tree.at(name).content;
        const auto bytes = bytes_of(at.store, content);
        BOOST_TEST(bytes.ends_with(end));
        BOOST_TEST(holes_of(content) + 2 * 65536 >= content.size);
        BOOST_TEST(holes_of(content) >= 65536U);
    }
    BOOST_TEST(saved.counts.bytes_read < 600'000U);
}

BOOST_AUTO_TEST_CASE(threads_share_a_long_file) {
    SavedDirectory at;
    put_file(at / "long", text_of(1, 24'000'000));
    put_file(at / "like it", text_of(1, 5'000'000) + text_of(2, 9'000'000));
    for (const unsigned threads : {1U, 2U, 6U}) {
        at.options.threads = threads;
        MemoryStore store;
        const auto saved = save_tree(PosixTreeFs{}, at.path(), store, at.options);
        BOOST_REQUIRE(saved);
        BOOST_TEST(store.is_complete());
        const auto tree = read_tree(store, saved->root);
        BOOST_TEST((bytes_of(store, tree.at("long").content) == text_of(1, 24'000'000)));
        BOOST_TEST((bytes_of(store, tree.at("like it").content) ==
                    text_of(1, 5'000'000) + text_of(2, 9'000'000)));
        // What both have is stored once.
        BOOST_TEST(saved->counts.bytes_new < 34'000'000U);
    }
}

BOOST_AUTO_TEST_CASE(special_files_are_told) {
    SavedDirectory at;
    BOOST_REQUIRE(::mkfifo((at / "fifo").c_str(), 0600) == 0);
    make_directory(at / "d");
    BOOST_REQUIRE(::mknod((at / "d/socket").c_str(), S_IFSOCK | 0600, 0) == 0);
    for (const bool hides : {false, true}) {
        at.bends->hides_kinds = hides;
        const auto saved = at.save();
        BOOST_TEST((at.told() ==
                    std::vector<std::string>{"special file: d/socket", "special file: fifo"}));
        BOOST_TEST(saved.counts.problems == 2U);
        BOOST_TEST((paths_of(at.tree(saved)) == std::vector<std::string>{"", "d"}));
    }
}

BOOST_AUTO_TEST_CASE(ignore_rules) {
    SavedDirectory at;
    for (const auto* name : {"a", "a/b", "a/b/c", "build"}) make_directory(at / name);
    put_file(at / ".bobbinignore", "*.o\n/build/\n");
    put_file(at / "a/.bobbinignore", "!keep.o\nb/c\n");
    put_file(at / "a/b/.bobbinignore", "/x\n");
    for (const auto* name : {"x", "x.o", "keep.o", "a/x", "a/keep.o", "a/y.o", "a/b/x",
                             "a/b/keep.o", "a/b/c/x", "build/x", "a/build"})
        put_file(at / name, name);
    const std::vector<std::string> kept{"",           ".bobbinignore",
                                        "a",          "a/.bobbinignore",
                                        "a/b",        "a/b/.bobbinignore",
                                        "a/b/keep.o", "a/build",
                                        "a/keep.o",   "a/x",
                                        "x"};
    for (const bool hides : {false, true}) {
        at.bends->hides_kinds = hides;
        BOOST_TEST((paths_of(at.tree(at.save())) == kept));
    }
    at.options.reads_ignore_files = false;
    BOOST_TEST(at.tree(at.save()).size() == 19U);
    at.options.rules = {std::make_shared<const IgnoreRules>(*IgnoreRules::parse("a\nx*\n")),
                        std::make_shared<const IgnoreRules>(*IgnoreRules::parse("!x.o\n"))};
    BOOST_TEST((paths_of(at.tree(at.save())) ==
                std::vector<std::string>{"", ".bobbinignore", "build", "keep.o", "x.o"}));
    // What cannot be read rules nothing, and is told.
    at.options.rules.clear();
    at.options.reads_ignore_files = true;
    put_file(at / "a/.bobbinignore", std::string((1 << 20) + 1, '\n'));
    BOOST_TEST(at.tree(at.save()).count("a/b/c/x") == 1U);
    BOOST_TEST((at.told() == std::vector<std::string>{"ignore rules unreadable: a/.bobbinignore"}));
    // Only a file has rules.
    ::unlink((at / "a/.bobbinignore").c_str());
    BOOST_REQUIRE(::symlink("b/.bobbinignore", (at / "a/.bobbinignore").c_str()) == 0);
    BOOST_TEST(at.tree(at.save()).count("a/x") == 1U);
    BOOST_TEST(at.told().empty());
}

BOOST_AUTO_TEST_CASE(caches_may_be_excluded) {
    SavedDirectory at;
    for (const auto* name : {"cache", "other"}) {
        make_directory(at / name);
        make_directory(at / name + "/d");
        put_file(at / name + "/x", "x");
    }
    put_file(at / "cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# more\n");
    put_file(at / "other/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc5");
    BOOST_TEST(at.tree(at.save()).size() == 9U);
    at.options.excludes_caches = true;
    BOOST_TEST((paths_of(at.tree(at.save())) ==
                std::vector<std::string>{"", "cache", "cache/CACHEDIR.TAG", "other",
                                         "other/CACHEDIR.TAG", "other/d", "other/x"}));
}

BOOST_AUTO_TEST_CASE(directories_that_are_left_out) {
    SavedDirectory at;
    for (const auto* name : {"store", "mounted", "mounted/d"}) make_directory(at / name);
    put_file(at / "store/pack", "x");
    put_file(at / "mounted/d/file", "x");
    put_file(at / "mounted/linked", "x");
    BOOST_REQUIRE(::link((at / "mounted/linked").c_str(), (at / "mounted/same").c_str()) == 0);
    const auto store = status_of(at / "store");
    at.options.left_out = {{store.st_dev, store.st_ino}};
    const auto mounted = status_of(at / "mounted").st_ino;
    const auto beneath = status_of(at / "mounted/d").st_ino;
    const auto file = status_of(at / "mounted/d/file").st_ino;
    const auto linked = status_of(at / "mounted/linked").st_ino;
    at.bends->status = [=](NodeStatus& status) {
        for (const auto inode : {mounted, beneath, file, linked})
            if (status.inode == inode) status.device = 12345;
    };
    const auto tree = at.tree(at.save());
    BOOST_TEST(
        (paths_of(tree) == std::vector<std::string>{"", "mounted", "mounted/d", "mounted/d/file",
                                                    "mounted/linked", "mounted/same"}));
    BOOST_TEST(tree.at("mounted/linked").hard_link != 0U);
    BOOST_TEST(tree.at("mounted/linked").hard_link != linked);
    BOOST_TEST(tree.at("mounted/linked").hard_link == tree.at("mounted/same").hard_link);
    BOOST_TEST(at.told().empty());
    at.options.one_file_system = true;
    BOOST_TEST((paths_of(at.tree(at.save())) == std::vector<std::string>{"", "mounted"}));
}

BOOST_AUTO_TEST_CASE(a_name_that_restores_need_is_left_out_and_told) {
    SavedDirectory at;
    make_directory(at / "d");
    put_file(at / "d/.bobbin-restore", "x");
    put_file(at / ".bobbin-restore", "x");
    put_file(at / ".bobbin-restore-kept-1", "x");
    const std::vector<std::string> expected{"", ".bobbin-restore-kept-1", "d", "d/.bobbin-restore"};
    for (const bool is_symlink : {false, true}) {
        if (is_symlink) {
            BOOST_REQUIRE(::unlink((at / ".bobbin-restore").c_str()) == 0);
            BOOST_REQUIRE(::symlink("d", (at / ".bobbin-restore").c_str()) == 0);
        }
        BOOST_TEST((paths_of(at.tree(at.save())) == expected));
        BOOST_REQUIRE(at.problems.size() == 1U);
        BOOST_TEST((at.problems[0].kind == SaveProblemKind::reserved_name));
        BOOST_TEST(at.problems[0].path == ".bobbin-restore");
    }
}

BOOST_AUTO_TEST_CASE(many_names_in_a_directory) {
    SavedDirectory at;
    const auto fd = ::open(at.path().c_str(), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 20'000; ++i) {
        const auto name = "n" + std::to_string(i);
        if (i % 100 == 0)
            BOOST_REQUIRE(::mkdirat(fd, name.c_str(), 0755) == 0);
        else
            ::close(::openat(fd, name.c_str(), O_CREAT | O_WRONLY, 0644));
    }
    ::close(fd);
    at.options.threads = 4;
    const auto saved = at.save();
    BOOST_TEST(saved.counts.files == 19'800U);
    BOOST_TEST(saved.counts.directories == 201U);
    const auto tree = at.tree(saved);
    BOOST_TEST(tree.size() == 20'001U);
    BOOST_TEST(tree.at("").content.extents.size() + tree.at("").content.level > 1U);
    // A name more costs a few chunks of the node, not all.
    const auto chunks = at.store.chunks().size();
    put_file(at / "n5", "now");
    (void)at.save();
    BOOST_TEST(at.store.chunks().size() <= chunks + 8);
}

BOOST_AUTO_TEST_CASE(deep_trees_take_few_handles) {
    constexpr int depth = 2500;
    SavedDirectory at;
    auto fd = ::open(at.path().c_str(), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < depth; ++i) {
        // What comes after the deep one needs its directory to be opened again.
        BOOST_REQUIRE(::mkdirat(fd, "d", 0755) == 0);
        BOOST_REQUIRE(::mkdirat(fd, "e", 0755) == 0);
        const auto file = ::openat(fd, "e/f", O_CREAT | O_WRONLY, 0644);
        BOOST_REQUIRE(::write(file, &i, sizeof i) == sizeof i);
        ::close(file);
        const auto next = ::openat(fd, "d", O_RDONLY | O_DIRECTORY);
        ::close(std::exchange(fd, next));
    }
    ::close(fd);
    put_file(at / ".bobbinignore", "never\n");
    for (const unsigned threads : {1U, 4U}) {
        at.options.threads = threads;
        at.bends->most_open = 0;
        const auto saved = at.save();
        BOOST_TEST(at.told().empty());
        BOOST_TEST(saved.counts.files == std::uint64_t{depth} + 1);
        BOOST_TEST(saved.counts.directories == std::uint64_t{2} * depth + 1);
        BOOST_TEST(at.bends->most_open <= 210);
        BOOST_TEST(at.bends->open == 0);
    }
    // Given up half-way, as many directories are let go.
    at.options.threads = 1;
    at.store.claims_left = 100;
    put_file(at / "new", "new");
    BOOST_TEST(!at.try_save());
    BOOST_TEST(at.bends->open == 0);
    // Too long a path for others: one directory after the other moves up.
    fd = ::open(at.path().c_str(), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < depth; ++i) {
        ::unlinkat(fd, "e/f", 0);
        ::unlinkat(fd, "e", AT_REMOVEDIR);
        ::renameat(fd, "d/d", fd, "up");
        ::renameat(fd, "d/e", fd, "e");
        ::unlinkat(fd, "d", AT_REMOVEDIR);
        ::renameat(fd, "up", fd, "d");
    }
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(what_no_reader_would_follow_is_left_out) {
    SavedDirectory at;
    auto fd = ::open(at.path().c_str(), O_RDONLY | O_DIRECTORY);
    for (std::size_t i = 0; i < TreeLimits::depth + 2; ++i) {
        BOOST_REQUIRE(::mkdirat(fd, "d", 0755) == 0);
        const auto next = ::openat(fd, "d", O_RDONLY | O_DIRECTORY);
        ::close(std::exchange(fd, next));
    }
    ::close(fd);
    at.wait_for_clock();
    for (const bool with_cache : {false, true, true}) {
        const auto saved = at.save(with_cache);
        BOOST_TEST(saved.counts.directories == TreeLimits::depth + 1);
        BOOST_REQUIRE(at.problems.size() == 1U);
        BOOST_TEST((at.problems[0].kind == SaveProblemKind::unreadable));
        BOOST_TEST(at.problems[0].error.is(Errc::not_supported));
        BOOST_TEST(at.problems[0].path.size() == 2 * (TreeLimits::depth + 1) - 1);
    }
    // Too long a path for others: one directory after the other moves up.
    fd = ::open(at.path().c_str(), O_RDONLY | O_DIRECTORY);
    for (std::size_t i = 0; i < TreeLimits::depth + 1; ++i) {
        ::renameat(fd, "d/d", fd, "up");
        ::unlinkat(fd, "d", AT_REMOVEDIR);
        ::renameat(fd, "up", fd, "d");
    }
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(memory_does_not_follow_the_size_of_files) {
    SavedDirectory at;
    {
        const auto fd = ::open((at / "huge").c_str(), O_RDWR | O_CREAT, 0600);
        BOOST_REQUIRE(::ftruncate(fd, off_t{1} << 42) == 0);
        const auto part = text_of(1, 1 << 20);
        for (int i = 0; i < 8; ++i)
            BOOST_REQUIRE(::pwrite(fd, part.data(), part.size(), off_t{i} << 39) ==
                          static_cast<ssize_t>(part.size()));
        ::close(fd);
        const auto large = ::open((at / "large").c_str(), O_RDWR | O_CREAT, 0600);
        for (std::uint64_t i = 0; i < 192; ++i) {
            const auto bytes = text_of(i, 1 << 20);
            BOOST_REQUIRE(::write(large, bytes.data(), bytes.size()) ==
                          static_cast<ssize_t>(bytes.size()));
        }
        ::close(large);
    }
    // Only claims: the store's own memory would follow.
    struct Forgetful {
        bool contains(const Address&) { return false; }
        Result<bool> claim(const Address&) { return true; }
        Result<void> add_encoded(std::span<const NewChunk<Sha256>>, std::uint8_t, ByteView) {
            return {};
        }
    } sink;
    const auto peak = [] {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss / 1024;  // MiB
    };
    const auto before = peak();
    SaveOptions options;
    options.threads = 2;
    const auto saved = save_tree(PosixTreeFs{}, at.path(), sink, options);
    BOOST_REQUIRE(saved);
    BOOST_TEST(saved->counts.bytes > std::uint64_t{1} << 42);
    BOOST_TEST(saved->counts.bytes_read < 300U << 20);
    BOOST_TEST(peak() - before < 40);
}

BOOST_AUTO_TEST_CASE(others_can_look_on) {
    SavedDirectory at;
    make_varied(at);
    SaveProgress progress;
    at.options.progress = &progress;
    const auto saved = at.save();
    BOOST_TEST(progress.files == saved.counts.files);
    BOOST_TEST(progress.bytes == saved.counts.bytes);
    BOOST_TEST(progress.bytes_stored == saved.counts.bytes_stored);
}

BOOST_AUTO_TEST_SUITE_END()
