#include <bobbin/pack/save.hpp>

#include <boost/test/unit_test.hpp>

#include "saves.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using namespace bobbin_tests;

namespace {

// Files of which some lie in directories, old enough to be believed.
void make_tree(SavedDirectory& at) {
    make_directory(at / "d");
    make_directory(at / "d/e");
    for (const auto* name : {"a", "b", "d/a", "d/e/a", "d/e/b"}) put_file(at / name, name);
    put_file(at / "large", text_of(1, 800'000));
    put_file(at / "empty", "");
    BOOST_REQUIRE(::symlink("a", (at / "link").c_str()) == 0);
    at.wait_for_clock();
}
constexpr std::uint64_t files = 7;

std::string read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}
ino_t inode_of(const std::string& path) {
    struct stat s {};
    return ::stat(path.c_str(), &s) == 0 ? s.st_ino : 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_save_cache)

BOOST_AUTO_TEST_CASE(unchanged_files_are_not_read) {
    SavedDirectory at;
    make_tree(at);
    const auto first = at.save(true);
    BOOST_TEST(first.counts.unchanged == 0U);
    const auto cache = read_file(at.cache_path());
    BOOST_TEST(!cache.empty());
    const auto inode = inode_of(at.cache_path());
    const auto second = at.save(true);
    BOOST_TEST((second.root == first.root));
    BOOST_TEST(second.counts.unchanged == files);
    BOOST_TEST(second.counts.files == files);
    BOOST_TEST(second.counts.symlinks == 1U);
    BOOST_TEST(second.counts.bytes == first.counts.bytes);
    BOOST_TEST(second.counts.bytes_read == 0U);
    BOOST_TEST(second.counts.bytes_new == 0U);
    BOOST_TEST(at.bends->opened_files == 0U);
    BOOST_TEST(at.bends->attributes == 1U);  // the root's
    BOOST_TEST(at.bends->listed == 1U);
    // Nothing is new, and nothing is left behind.
    BOOST_TEST(inode_of(at.cache_path()) == inode);
    BOOST_TEST(read_file(at.cache_path()) == cache);
    BOOST_TEST(::access((at.cache_path() + ".new").c_str(), F_OK) != 0);

    // One file more: what is known of others stays known.
    put_file(at / "d/new", "new");
    at.wait_for_clock();
    auto third = at.save(true);
    BOOST_TEST(third.counts.unchanged == files);
    BOOST_TEST(at.bends->opened_files == 1U);
    BOOST_TEST(at.tree(third).contains("d/new"));
    third = at.save(true);
    BOOST_TEST(third.counts.unchanged == files + 1);
    ::unlink((at / "d/new").c_str());
    ::unlink((at / "d/e/a").c_str());
    at.wait_for_clock();
    third = at.save(true);
    BOOST_TEST(third.counts.unchanged == files - 1);
    BOOST_TEST(!at.tree(third).contains("d/new"));
    BOOST_TEST(!at.tree(third).contains("d/e/a"));
    BOOST_TEST(at.save(true).counts.unchanged == files - 1);
}

BOOST_AUTO_TEST_CASE(each_part_of_the_stamp_is_looked_at) {
    using Bend = void (*)(NodeStatus&);
    const std::pair<const char*, Bend> bends[] = {
        {"device", [](NodeStatus& s) { ++s.device; }},
        {"inode", [](NodeStatus& s) { s.inode ^= 1; }},
        {"size", [](NodeStatus& s) { s.size += s.kind == NodeKind::file ? 1 : 0; }},
        {"modified", [](NodeStatus& s) { --s.modified.seconds; }},
        {"modified, ns", [](NodeStatus& s) { s.modified.nanoseconds ^= 1; }},
        {"changed", [](NodeStatus& s) { --s.changed.seconds; }},
        {"changed, ns", [](NodeStatus& s) { s.changed.nanoseconds ^= 1; }},
    };
    for (const auto& [name, bend] : bends) {
        SavedDirectory at;
        make_tree(at);
        (void)at.save(true);
        at.bends->status = bend;
        const auto saved = at.save(true);
        BOOST_TEST(saved.counts.unchanged == 0U, name);
        BOOST_TEST(at.bends->opened_files == files, name);
        // A directory's size stays as it is here, so that its own attributes are known.
        const bool is_size = name == std::string_view{"size"};
        BOOST_TEST(at.bends->attributes == files + (is_size ? 1 : 3), name);
    }
}

BOOST_AUTO_TEST_CASE(real_changes_are_noticed) {
    SavedDirectory at;
    make_tree(at);
    (void)at.save(true);
    // The same size, and the old time put back: the time of the status tells.
    struct stat s {};
    BOOST_REQUIRE(::stat((at / "b").c_str(), &s) == 0);
    put_file(at / "b", "X");
    const timespec times[2] = {s.st_atim, s.st_mtim};
    BOOST_REQUIRE(::utimensat(AT_FDCWD, (at / "b").c_str(), times, 0) == 0);
    BOOST_REQUIRE(::chmod((at / "a").c_str(), 0600) == 0);
    // Another file of the same name, size and time.
    put_file(at / "new", "d/b");
    BOOST_REQUIRE(::stat((at / "d/a").c_str(), &s) == 0);
    const timespec others[2] = {s.st_atim, s.st_mtim};
    BOOST_REQUIRE(::utimensat(AT_FDCWD, (at / "new").c_str(), others, 0) == 0);
    BOOST_REQUIRE(::rename((at / "new").c_str(), (at / "d/a").c_str()) == 0);
    ::unlink((at / "link").c_str());
    BOOST_REQUIRE(::symlink("b", (at / "link").c_str()) == 0);
    const auto saved = at.save(true);
    BOOST_TEST(saved.counts.unchanged == files - 3);
    const auto tree = at.tree(saved);
    BOOST_TEST(bytes_of(at.store, tree.at("b").content) == "X");
    BOOST_TEST(bytes_of(at.store, tree.at("d/a").content) == "d/b");
    BOOST_TEST(tree.at("a").mode == 0600U);
    BOOST_TEST(tree.at("link").target == "b");
    MemoryStore store;
    const auto plain = save_tree(PosixTreeFs{}, at.path(), store, at.options);
    BOOST_REQUIRE(plain);
    BOOST_TEST((plain->root == saved.root));
}

// A file may change after it was read without another stamp, as long as the clock stands still.
BOOST_AUTO_TEST_CASE(stamps_of_the_time_of_the_save_are_not_believed) {
    SavedDirectory at;
    make_tree(at);
    (void)at.save(true);
    const auto bytes = read_file(at.cache_path());
    const auto* const header = as_bytes(bytes).data();
    const FileTime begin{static_cast<std::int64_t>(load_le<std::uint64_t>(header + 16)),
                         load_le<std::uint32_t>(header + 24)};
    BentFs fs{at.bends};
    const auto dir = fs.open_root(at.cache_directory().c_str(), RootMode::existing);
    BOOST_REQUIRE(dir);
    {
        const auto cache = FileCache<BentFs>::open(fs, *dir, "files");
        BOOST_REQUIRE(cache);
        const auto trusts = [&](FileTime modified, FileTime changed) {
            FileStamp stamp;
            stamp.modified = modified;
            stamp.changed = changed;
            return (*cache)->trusts(stamp, false);
        };
        const FileTime old{1, 999'999'999};
        // One that ends in a zero may be of a clock with coarser steps.
        auto before = begin;
        do {
            if (before.nanoseconds == 0) before = {before.seconds - 1, 1'000'000'000};
            --before.nanoseconds;
        } while (before.nanoseconds % 10 == 0);
        const FileTime after{begin.seconds + 1, 0};
        BOOST_TEST(trusts(before, before));
        for (const auto& time : {begin, after}) {
            BOOST_TEST(!trusts(time, old));
            BOOST_TEST(!trusts(old, time));
            BOOST_TEST(!trusts(time, time));
        }
        // Clocks whose steps are coarser than the begin tells: the next change may have the same.
        const std::int64_t second = begin.seconds;
        for (const auto& time : {FileTime{second, 0}, FileTime{second - 1, 0}}) {
            BOOST_TEST(!trusts(time, old));
            BOOST_TEST(!trusts(old, time));
        }
        BOOST_TEST(trusts({second - 2, 0}, {second - 2, 0}));
        for (const std::uint32_t step : {100U, 1000U, 10'000'000U, 100'000'000U}) {
            const auto now = begin.nanoseconds / step * step;
            if (now != 0) {
                BOOST_TEST(!trusts({second, now}, old), step);
                BOOST_TEST(!trusts(old, {second, now}), step);
            }
            BOOST_TEST(trusts({second - 1, 1'000'000'000 - step}, old), step);
        }
    }
    (void)fs.close(*dir);
    // So a file that is written between saves is read by each.
    put_file(at / "fresh", "1");
    std::uint64_t reads = 0;
    for (int i = 0; i < 50; ++i) {
        put_file(at / "fresh", std::to_string(i % 10));
        const auto saved = at.save(true);
        reads += at.bends->opened_files;
        BOOST_TEST(bytes_of(at.store, at.tree(saved).at("fresh").content) ==
                   std::to_string(i % 10));
    }
    BOOST_TEST(reads >= 50U);
    // And it is once the clock has gone on.
    at.wait_for_clock();
    (void)at.save(true);
    BOOST_TEST(at.save(true).counts.unchanged == files + 1);
}

// As on ext4 with inodes of 128 bytes, or on FAT: what is written in the second of the save has the
// stamp of what was there before.
BOOST_AUTO_TEST_CASE(a_clock_that_tells_no_fractions_is_not_believed_at_once) {
    SavedDirectory at;
    make_directory(at / "d");
    at.bends->status = [](NodeStatus& status) {
        // The draft of the cache is empty, and lies on a disk that tells them.
        if (status.kind == NodeKind::file && status.size == 0) return;
        for (auto* time : {&status.modified, &status.changed}) {
            time->seconds = time->seconds / 2 * 2;
            time->nanoseconds = 0;
        }
    };
    timespec now{};
    do {
        ::usleep(10'000);
        ::clock_gettime(CLOCK_REALTIME, &now);
    } while (now.tv_sec % 2 != 0 || now.tv_nsec < 100'000'000 || now.tv_nsec > 600'000'000);
    put_file(at / "d/f", "old");
    ::usleep(20'000);
    (void)at.save(true);
    put_file(at / "d/f", "new");
    put_file(at / "d/g", "g");
    for (int i = 0; i < 2; ++i) {
        const auto saved = at.save(true);
        const auto tree = at.tree(saved);
        BOOST_TEST(bytes_of(at.store, tree.at("d/f").content) == "new");
        BOOST_TEST(tree.contains("d/g"));
    }
    // Once it has gone on for long enough.
    ::sleep(3);
    (void)at.save(true);
    BOOST_TEST(at.save(true).counts.unchanged == 2U);
}

BOOST_AUTO_TEST_CASE(a_suspect_stamp_is_written_down_anew) {
    SavedDirectory at;
    make_tree(at);
    at.bends->status = [](NodeStatus& status) { status.changed = {4'000'000'000, 0}; };
    (void)at.save(true);
    const auto inode = inode_of(at.cache_path());
    const auto saved = at.save(true);
    BOOST_TEST(saved.counts.unchanged == 0U);
    BOOST_TEST(inode_of(at.cache_path()) != inode);
}

BOOST_AUTO_TEST_CASE(the_clock_of_a_server_may_be_behind) {
    SavedDirectory at;
    make_tree(at);
    (void)at.save(true);
    BentFs fs{at.bends};
    const auto dir = fs.open_root(at.cache_directory().c_str(), RootMode::existing);
    BOOST_REQUIRE(dir);
    {
        auto cache = FileCache<BentFs>::open(fs, *dir, "files");
        BOOST_REQUIRE(cache);
        struct stat s {};
        BOOST_REQUIRE(::stat((at / "a").c_str(), &s) == 0);
        FileStamp stamp;
        stamp.device = s.st_dev;
        stamp.modified =
            stamp.changed = {s.st_mtim.tv_sec, static_cast<std::uint32_t>(s.st_mtim.tv_nsec)};
        BOOST_TEST((*cache)->trusts(stamp, false));
        BOOST_TEST((*cache)->trusts(stamp, true));  // the same server told the time of the begin
        ++stamp.device;
        BOOST_TEST((*cache)->trusts(stamp, false));
        BOOST_TEST(!(*cache)->trusts(stamp, true));
        stamp.modified.seconds -= 100'000;
        BOOST_TEST(!(*cache)->trusts(stamp, true));
        stamp.changed.seconds -= 100'000;
        BOOST_TEST((*cache)->trusts(stamp, true));
    }
    (void)fs.close(*dir);
}

BOOST_AUTO_TEST_CASE(what_the_store_has_lost_is_read_again) {
    SavedDirectory at;
    make_tree(at);
    at.options.largest_whole = 100_B;
    // A long file has lists.
    put_file(at / "lists", text_of(3, 3'000'000));
    at.wait_for_clock();
    const auto small_chunks = [&](bool with_cache) {
        BentFs fs{at.bends};
        const auto dir = fs.open_root(at.cache_directory().c_str(), RootMode::existing);
        BOOST_REQUIRE(dir);
        auto cache = FileCache<BentFs>::open(fs, *dir, "files");
        BOOST_REQUIRE(cache);
        at.bends->opened_files = 0;
        const auto saved =
            save_tree(fs, at.path(), at.store, at.options, with_cache ? cache->get() : nullptr,
                      MakeCodec<Lz4>{}, FixedChunks{3000_B});
        cache->reset();
        (void)fs.close(*dir);
        BOOST_REQUIRE(saved);
        return *saved;
    };
    const auto first = small_chunks(true);
    BOOST_TEST(at.tree(first).at("lists").content.level == 1);
    BOOST_TEST(small_chunks(true).counts.unchanged == files + 1);
    const auto all = at.store.chunks();
    for (const auto& [address, bytes] : all) {
        at.store.drop(address);
        const auto saved = small_chunks(true);
        BOOST_TEST(saved.counts.bytes_new >= bytes.size());
        BOOST_TEST((saved.root == first.root));
        BOOST_REQUIRE(at.store.is_complete());
        BOOST_REQUIRE(at.store.chunks().contains(address));
    }
    BOOST_TEST(at.store.chunks().size() == all.size());
}

BOOST_AUTO_TEST_CASE(bytes_of_the_specification) {
    SavedDirectory at;
    make_directory(at / "d");
    put_file(at / "d/f", "x");
    at.wait_for_clock();
    at.options.user_name = at.options.group_name = [](std::uint32_t) { return std::string{"me"}; };
    (void)at.save(true);
    const auto text = read_file(at.cache_path());
    const auto bytes = as_bytes(text);
    const auto end = bytes.size() - 40;
    BOOST_TEST(as_text(bytes.first(8)) == "BOBBINfc");
    BOOST_TEST(as_text(bytes.last(8)) == "BOBBINfx");
    BOOST_TEST(load_le<std::uint32_t>(&bytes[8]) == 1U);
    const auto owners = load_le<std::uint64_t>(&bytes[end]);
    const auto size = load_le<std::uint64_t>(&bytes[end + 8]);
    BOOST_TEST(load_le<std::uint64_t>(&bytes[end + 16]) == 2U);
    BOOST_TEST(owners + size + 2 * 36 == end);
    BOOST_TEST(load_le<std::uint32_t>(&bytes[end + 28]) ==
               crc32c(bytes.subspan(end, 28),
                      crc32c(bytes.subspan(owners, end - owners), crc32c(bytes.first(32)))));
    const auto first = bytes.subspan(owners + size, 36);
    const auto second = bytes.subspan(owners + size + 36, 36);
    BOOST_TEST(as_text(first.first(20)) == std::string(20, '\0'));
    const auto key = Sha256::of(as_bytes(std::string(16, '\0') + "d"));
    BOOST_TEST((as_text(second.first(16)) == as_text(ByteView{key}.first(16))));
    for (const auto& place : {first, second}) {
        const auto part =
            bytes.subspan(load_le<std::uint64_t>(&place[24]), load_le<std::uint32_t>(&place[20]));
        BOOST_TEST(crc32c(part) == load_le<std::uint32_t>(&place[32]));
        BOOST_TEST(std::to_integer<int>(part[0]) == 1);
    }
}

BOOST_AUTO_TEST_CASE(a_damaged_cache_is_no_cache) {
    SavedDirectory at;
    make_tree(at);
    const auto root = at.save(true).root;
    const auto good = read_file(at.cache_path());
    BOOST_TEST(good.size() > 500U);
    const auto check = [&](const std::string& bytes) {
        put_file(at.cache_path(), bytes);
        const auto saved = at.try_save(true);
        BOOST_REQUIRE(saved);
        BOOST_REQUIRE(at.told().empty());
        BOOST_REQUIRE((saved->root == root));
        BOOST_REQUIRE(saved->counts.unchanged < files);
    };
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const int bit : {0, 7}) {
            auto bent = good;
            bent[i] = static_cast<char>(bent[i] ^ (1 << bit));
            check(bent);
        }
    }
    for (std::size_t size = 0; size < good.size(); size += 7) check(good.substr(0, size));
    check(good + '\0');
    check(good + good);
    // No cache of another kind is one either.
    ::unlink(at.cache_path().c_str());
    make_directory(at.cache_path());
    BOOST_TEST((at.save(true).root == root));
    ::rmdir(at.cache_path().c_str());
    (void)at.save(true);
    BOOST_TEST(at.save(true).counts.unchanged == files);
}

BOOST_AUTO_TEST_CASE(options_that_change_between_saves) {
    SavedDirectory at;
    make_tree(at);
    put_file(at / "d/e/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
    put_file(at / "d/x", "x");
    at.wait_for_clock();
    const auto store = [&] {
        struct stat s {};
        ::stat((at / "d/e").c_str(), &s);
        return SaveOptions::Node{s.st_dev, s.st_ino};
    }();
    const auto rules = std::make_shared<const IgnoreRules>(*IgnoreRules::parse("a\nx\n"));
    std::vector<SaveOptions> all(5, at.options);
    all[1].rules = {rules};
    all[2].excludes_caches = true;
    all[3].left_out = {store};
    all[4].rules = {rules};
    all[4].excludes_caches = true;
    // From each to each.
    for (const std::size_t next :
         std::initializer_list<std::size_t>{0, 1, 0, 2, 0, 3, 0, 4, 0, 1, 2, 1, 3, 1, 4, 1,
                                            0, 2, 3, 2, 4, 2, 1, 3, 4, 3, 0, 4, 1, 2, 0}) {
        at.options = all[next];
        const auto saved = at.save(true);
        MemoryStore other;
        const auto plain = save_tree(PosixTreeFs{}, at.path(), other, all[next]);
        BOOST_REQUIRE(plain);
        BOOST_TEST((plain->root == saved.root), next);
        BOOST_TEST((at.save(true).root == saved.root), next);
    }
}

BOOST_AUTO_TEST_CASE(a_directory_is_listed_when_it_has_changed) {
    SavedDirectory at;
    make_tree(at);
    (void)at.save(true);
    put_file(at / "d/e/new", "");
    auto saved = at.save(true);
    BOOST_TEST(at.bends->listed == 2U);
    BOOST_TEST(at.tree(saved).contains("d/e/new"));
    at.wait_for_clock();
    // Its own status and its names are not what is beneath it.
    put_file(at / "d/e/a", "X");
    BOOST_REQUIRE(::chmod((at / "d").c_str(), 0700) == 0);
    (void)at.save(true);
    at.wait_for_clock();
    saved = at.save(true);
    at.wait_for_clock();
    saved = at.save(true);
    BOOST_TEST(at.bends->listed == 1U);
    const auto tree = at.tree(saved);
    BOOST_TEST(bytes_of(at.store, tree.at("d/e/a").content) == "X");
    BOOST_TEST(tree.at("d").mode == 0700U);
    // What could not be read is looked for again, and told again.
    at.bends->before = [](Operation what, const std::string& name) -> std::optional<Error> {
        if (what != Operation::open || name != "new") return {};
        return Error::system(EACCES, what);
    };
    put_file(at / "d/e/new", "2");
    at.wait_for_clock();
    for (int i = 0; i < 2; ++i) {
        saved = at.save(true);
        BOOST_TEST((at.told() == std::vector<std::string>{"unreadable: d/e/new"}));
        BOOST_TEST(!at.tree(saved).contains("d/e/new"));
    }
    at.bends->before = nullptr;
    BOOST_TEST(at.tree(at.save(true)).contains("d/e/new"));
}

BOOST_AUTO_TEST_CASE(other_names_of_owners) {
    SavedDirectory at;
    make_tree(at);
    at.options.user_name = [](std::uint32_t) { return std::string{"alice"}; };
    (void)at.save(true);
    BOOST_TEST(at.save(true).counts.unchanged == files);
    at.options.user_name = [](std::uint32_t) { return std::string{"bob"}; };
    const auto saved = at.save(true);
    BOOST_TEST(saved.counts.unchanged == 0U);
    BOOST_TEST(at.tree(saved).at("d/e/a").user_name == "bob");
    BOOST_TEST(at.save(true).counts.unchanged == files);
    // What is no name is none.
    at.options.group_name = [](std::uint32_t) { return std::string(300, 'x'); };
    BOOST_TEST(at.tree(at.save(true)).at("a").group_name.empty());
}

BOOST_AUTO_TEST_CASE(a_cache_that_cannot_be_written) {
    SavedDirectory at;
    make_tree(at);
    const auto root = at.save(true).root;
    put_file(at / "more", "more");
    at.bends->before = [](Operation what, const std::string& name) -> std::optional<Error> {
        if (what != Operation::open || name != "files.new") return {};
        return Error::system(EROFS, what);
    };
    BOOST_TEST(at.save(true).counts.unchanged == files);
    BOOST_TEST(at.told().empty());
    at.bends->before = nullptr;
    BOOST_TEST(at.save(true).counts.unchanged == files);
}

BOOST_AUTO_TEST_CASE(directories_of_many_parts) {
    SavedDirectory at;
    const auto many = 5000;
    for (int i = 0; i < many; ++i) put_file(at / ("f" + std::to_string(i)), std::to_string(i));
    at.wait_for_clock();
    (void)at.save(true);
    BOOST_TEST(at.save(true).counts.unchanged == 5000U);
    // Each name moves the borders of all parts behind it.
    put_file(at / "a first one", "");
    at.wait_for_clock();
    BOOST_TEST(at.save(true).counts.unchanged == 5000U);
    BOOST_TEST(at.save(true).counts.unchanged == 5001U);
    for (int i = 0; i < many; i += 2) ::unlink((at / ("f" + std::to_string(i))).c_str());
    at.wait_for_clock();
    const auto saved = at.save(true);
    BOOST_TEST(saved.counts.unchanged == 2501U);
    BOOST_TEST(at.save(true).counts.unchanged == 2501U);
    BOOST_TEST(bytes_of(at.store, at.tree(saved).at("f4999").content) == "4999");
}

BOOST_AUTO_TEST_SUITE_END()
