#include <bobbin/pack/save.hpp>

#include <boost/test/unit_test.hpp>

#include <thread>

#include "saves.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using namespace bobbin_tests;

namespace {

using Told = std::vector<std::string>;

void make_tree(SavedDirectory& at) {
    make_directory(at / "d");
    make_directory(at / "d/e");
    for (const auto* name : {"a", "d/b", "d/e/c", "z"}) put_file(at / name, name);
    put_file(at / "large", text_of(1, 2'000'000));
    BOOST_REQUIRE(::symlink("a", (at / "link").c_str()) == 0);
}

// Each call on `name` fails.
auto failing(Operation operation, std::string name, int number) {
    return [=](Operation what, const std::string& which) -> std::optional<Error> {
        if (what != operation || which != name) return {};
        return Error::system(number, what);
    };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_save_faults)

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_left_out) {
    struct Case {
        Operation operation;
        const char* name;
        int number;
        std::string told;
        std::vector<std::string> lost;
    };
    const Case cases[] = {
        {Operation::open, "b", EACCES, "unreadable: d/b", {"d/b"}},
        {Operation::open, "b", EMFILE, "unreadable: d/b", {"d/b"}},
        {Operation::stat, "b", EIO, "unreadable: d/b", {"d/b"}},
        {Operation::read, "b", EIO, "unreadable: d/b", {"d/b"}},
        {Operation::read, "large", EIO, "unreadable: large", {"large"}},
        {Operation::read, "link", EIO, "unreadable: link", {"link"}},
        {Operation::open, "d", EACCES, "unreadable: d", {"d", "d/b", "d/e", "d/e/c"}},
        {Operation::list, "e", EIO, "unreadable: d/e", {"d/e", "d/e/c"}},
        {Operation::stat, "e", EIO, "unreadable: d/e", {"d/e", "d/e/c"}},
        {Operation::open, "b", ENOENT, "vanished: d/b", {"d/b"}},
        {Operation::open, "e", ENOENT, "vanished: d/e", {"d/e", "d/e/c"}},
        {Operation::stat, "link", ENOENT, "vanished: link", {"link"}},
        {Operation::query, "b", EIO, "extended attributes unreadable: d/b", {}},
        {Operation::query, "e", EIO, "extended attributes unreadable: d/e", {}},
        {Operation::query, "", EIO, "extended attributes unreadable: ", {}},
    };
    SavedDirectory at;
    make_tree(at);
    const auto all = at.tree(at.save());
    for (const auto& one : cases) {
        for (const unsigned threads : {1U, 4U}) {
            BOOST_TEST_CONTEXT(one.told << ' ' << one.number) {
                at.options.threads = threads;
                at.bends->before = failing(one.operation, one.name, one.number);
                const auto saved = at.save();
                BOOST_TEST(at.told() == Told{one.told});
                BOOST_TEST(saved.counts.problems == 1U);
                BOOST_TEST(at.problems.at(0).error.is_errno(one.number));
                auto tree = at.tree(saved);
                BOOST_TEST(tree.size() == all.size() - one.lost.size());
                for (const auto& path : one.lost) BOOST_TEST(!tree.contains(path));
                BOOST_TEST(at.bends->open == 0);
            }
        }
    }
    at.bends->before = nullptr;
    BOOST_TEST((at.save().root == all.at("")));
}

BOOST_AUTO_TEST_CASE(interrupted_and_short_calls_go_on) {
    SavedDirectory at;
    make_tree(at);
    const auto root = at.save().root;
    at.options.threads = 1;
    at.bends->before = [calls = 0](Operation what, const std::string&) mutable {
        const bool is_interrupted =
            (what == Operation::open || what == Operation::read) && ++calls % 2 == 1;
        return is_interrupted ? std::optional{Error::system(EINTR, what)} : std::nullopt;
    };
    // A link's target is read by one call, which no signal interrupts.
    ::unlink((at / "link").c_str());
    const auto saved = at.save();
    BOOST_TEST(at.told().empty());
    BOOST_TEST(saved.counts.files == 5U);
    BOOST_TEST(!(saved.root == root));
}

BOOST_AUTO_TEST_CASE(the_directory_itself) {
    SavedDirectory at;
    make_tree(at);
    at.bends->before = failing(Operation::list, "", EIO);
    const auto saved = at.try_save(true);
    BOOST_REQUIRE(!saved);
    BOOST_TEST(saved.error().is_errno(EIO));
    BOOST_TEST(::access(at.cache_path().c_str(), F_OK) != 0);
    MemoryStore store;
    const auto missing = save_tree(PosixTreeFs{}, at / "nowhere", store, at.options);
    BOOST_REQUIRE(!missing);
    BOOST_TEST(missing.error().is_errno(ENOENT));
    const auto file = save_tree(PosixTreeFs{}, at / "a", store, at.options);
    BOOST_REQUIRE(!file);
    BOOST_TEST(file.error().is_errno(ENOTDIR));
}

BOOST_AUTO_TEST_CASE(files_that_change_while_they_are_read) {
    for (const char* name : {"small", "large"}) {
        for (const int changes : {1, 2, 3}) {
            SavedDirectory at;
            const auto path = at / name;
            const std::size_t size = name == std::string{"large"} ? 1'000'000 : 1000;
            put_file(path, text_of(0, size));
            set_modified(path, 1);
            at.options.threads = 1;
            std::uint64_t times = 0;
            // Before each first read of the file.
            at.bends->before = [&](Operation what,
                                   const std::string& which) -> std::optional<Error> {
                static thread_local bool is_first = false;
                if (which != name) return {};
                if (what == Operation::open) is_first = true;
                if (what != Operation::read || !std::exchange(is_first, false)) return {};
                if (times == static_cast<std::uint64_t>(changes)) return {};
                ++times;
                put_file(path, text_of(times, size + times));
                set_modified(path, static_cast<std::int64_t>(10 + times));
                return {};
            };
            const auto saved = at.save(true);
            const auto tree = at.tree(saved);
            if (changes == 1) {
                BOOST_TEST(at.told().empty());
                BOOST_TEST((bytes_of(at.store, tree.at(name).content) == text_of(1, size + 1)));
                BOOST_TEST(tree.at(name).modified.seconds == 11);
            } else {
                BOOST_TEST(at.told() == Told{"changed while it was read: " + std::string{name}});
                BOOST_TEST(times == 2U);
                // As much as it had when it was opened.
                BOOST_TEST(tree.at(name).content.size == size + 1);
            }
            // It is not believed by the next save.
            at.bends->before = nullptr;
            at.wait_for_clock();
            const auto again = at.tree(at.save(true));
            BOOST_TEST(
                (bytes_of(at.store, again.at(name).content) == text_of(times, size + times)));
        }
    }
}

BOOST_AUTO_TEST_CASE(files_that_are_cut_off_while_they_are_read) {
    for (const std::size_t size : {std::size_t{1000}, std::size_t{3'000'000}}) {
        SavedDirectory at;
        put_file(at / "file", text_of(1, size));
        at.bends->before = [&](Operation what, const std::string& which) -> std::optional<Error> {
            if (what == Operation::read && which == "file")
                BOOST_REQUIRE(::truncate((at / "file").c_str(), 500) == 0);
            return {};
        };
        const auto tree = at.tree(at.save());
        BOOST_TEST((bytes_of(at.store, tree.at("file").content) == text_of(1, 500)));
    }
}

BOOST_AUTO_TEST_CASE(names_that_become_something_else) {
    SavedDirectory at;
    make_tree(at);
    at.options.threads = 1;
    const auto swap = [&](const char* name, auto&& make) {
        at.bends->before =
            [&, name, done = false](Operation what,
                                    const std::string& which) mutable -> std::optional<Error> {
            if (what != Operation::open || which != name || std::exchange(done, true)) return {};
            make(at / (which == "e" ? "d/e" : which));
            return {};
        };
        return at.tree(at.save());
    };
    auto tree = swap("a", [](const std::string& path) {
        ::unlink(path.c_str());
        BOOST_REQUIRE(::symlink("z", path.c_str()) == 0);
    });
    BOOST_TEST(tree.at("a").target == "z");
    BOOST_TEST(at.told().empty());
    tree = swap("z", [](const std::string& path) {
        ::unlink(path.c_str());
        make_directory(path);
    });
    BOOST_TEST(!tree.contains("z"));
    BOOST_TEST(at.told() == Told{"vanished: z"});
    tree = swap("large", [](const std::string& path) {
        ::unlink(path.c_str());
        BOOST_REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    });
    BOOST_TEST(at.told() == Told{"special file: large"});
    // A symlink in the place of a directory is not followed.
    tree = swap("e", [&](const std::string& path) {
        ::unlink((path + "/c").c_str());
        ::rmdir(path.c_str());
        BOOST_REQUIRE(::symlink("/", path.c_str()) == 0);
    });
    BOOST_TEST(!tree.contains("d/e"));
    BOOST_TEST((at.told() == Told{"special file: large", "vanished: d/e"}));
}

BOOST_AUTO_TEST_CASE(an_error_of_the_sink_stops_the_save) {
    SavedDirectory at;
    make_tree(at);
    for (int i = 0; i < 200; ++i)
        put_file(at / ("f" + std::to_string(i)), text_of(static_cast<std::uint64_t>(i), 20'000));
    for (const unsigned threads : {1U, 4U}) {
        at.options.threads = threads;
        for (std::int64_t calls = 0;; calls += 23) {
            at.store.claims_left = calls;
            const auto saved = at.try_save(true);
            if (saved) break;
            BOOST_TEST(saved.error().is_errno(EIO));
            BOOST_TEST(at.bends->open == 0);
            BOOST_TEST(::access(at.cache_path().c_str(), F_OK) != 0);
            BOOST_REQUIRE(calls < 1000);
        }
        ::unlink(at.cache_path().c_str());
    }
    at.store.claims_left = -1;
    for (std::int64_t calls = 0;; ++calls) {
        MemoryStore store;
        store.records_left = calls;
        const auto saved = save_tree(BentFs{at.bends}, at.path(), store, at.options);
        if (saved) {
            BOOST_TEST(calls > 5);
            BOOST_TEST(store.is_complete());
            break;
        }
        BOOST_TEST(saved.error().is_errno(ENOSPC));
        BOOST_TEST(at.bends->open == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_save_may_be_stopped) {
    SavedDirectory at;
    make_tree(at);
    std::stop_source source;
    at.options.stop = source.get_token();
    at.bends->before = [&](Operation what, const std::string& which) -> std::optional<Error> {
        if (what == Operation::read && which == "large") source.request_stop();
        return {};
    };
    const auto saved = at.try_save();
    BOOST_REQUIRE(!saved);
    BOOST_TEST(saved.error().is(Errc::stop_requested));
    BOOST_TEST(at.bends->open == 0);
}

BOOST_AUTO_TEST_SUITE_END()
