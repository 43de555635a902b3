#include <bobbin/testing/sim_fs.hpp>

#include <bobbin/testing/crash_space.hpp>

#include <boost/test/unit_test.hpp>

#include <set>

using namespace bobbin;
using namespace bobbin::testing;

namespace {

std::string text_of(SimFs fs, const char* name) {
    auto dir = fs.open_root("/sim/d", RootMode::existing);
    auto file = fs.open_at(*dir, name, OpenMode::read);
    if (!file) return file.error().is_errno(ENOENT) ? "-" : "?";
    std::string text(100'000, '\0');
    const auto got = fs.read_at(*file, std::as_writable_bytes(std::span{text}), 0);
    text.resize(got ? *got : 0);
    return text;
}

// Each chunk as one letter: "aab" for two chunks of a and one of b; "e" is empty, "-" is missing.
std::string letters(const std::string& text, std::size_t chunk = 4096) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += chunk)
        out += text[i] == '\0'
                   ? '0'
                   : (std::isalpha(static_cast<unsigned char>(text[i])) ? text[i] : '?');
    if (text.empty()) return "e";
    return text == "-" ? text : out;
}

struct Fixture {
    explicit Fixture(SimOptions options = {}) : fs{options} {
        dir = *fs.open_root("/sim/d", RootMode::create_if_missing);
    }
    FileHandle create(const char* name) {
        return *fs.open_at(dir, name, OpenMode::create_or_write);
    }
    void write(FileHandle h, const std::string& chunks, std::uint64_t at = 0) {
        for (const char c : chunks) {
            BOOST_TEST(fs.write_at(h, as_bytes(std::string(4096, c)), at * 4096).has_value());
            ++at;
        }
    }
    FileHandle durable(const char* name, const std::string& chunks) {
        const auto h = create(name);
        write(h, chunks);
        BOOST_TEST(fs.sync(h).has_value());
        BOOST_TEST(fs.sync_directory(dir).has_value());
        return h;
    }
    std::set<std::string> states(std::initializer_list<const char*> names, bool garbage = false) {
        std::set<std::string> all;
        const CrashSpace space{fs.disk(), {.garbage = garbage}};
        const bool exhaustive = space.each(100'000, 0, 1, [&](const CrashChoice& choice) {
            std::string state;
            for (const auto* name : names)
                state +=
                    (state.empty() ? "" : " ") + letters(text_of(SimFs{space.state(choice)}, name));
            all.insert(state);
        });
        BOOST_TEST(exhaustive);
        return all;
    }

    SimFs fs;
    FileHandle dir = no_file;
};

using States = std::set<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(testing_sim_fs)

BOOST_AUTO_TEST_CASE(what_is_synced_survives) {
    Fixture f;
    f.durable("a", "xy");
    BOOST_TEST((f.states({"a"}) == States{"xy"}));
}

BOOST_AUTO_TEST_CASE(each_chunk_is_old_or_new_by_itself) {
    Fixture f;
    const auto h = f.durable("a", "xyz");
    f.write(h, "AB");
    f.write(h, "c", 1);
    BOOST_TEST((f.states({"a"}) == States{"xyz", "Ayz", "xBz", "ABz", "xcz", "Acz"}));
}

BOOST_AUTO_TEST_CASE(a_chunk_being_written_may_be_garbage) {
    Fixture f;
    const auto h = f.durable("a", "xy");
    f.write(h, "A");
    const auto states = f.states({"a"}, true);
    BOOST_TEST(states.size() == 3u);
    BOOST_TEST((states.contains("xy") && states.contains("Ay")));
}

BOOST_AUTO_TEST_CASE(size_and_data_are_reordered) {
    Fixture f;
    const auto h = f.durable("a", "x");
    f.write(h, "y", 1);
    BOOST_TEST((f.states({"a"}) == States{"x", "xy", "x0"}));
}

BOOST_AUTO_TEST_CASE(small_chunks_tear_pages) {
    Fixture f{{.chunk = 512}};
    const auto h = f.durable("a", "x");
    BOOST_TEST(f.fs.write_at(h, as_bytes(std::string(1024, 'y')), 0).has_value());
    std::set<std::string> heads;
    const CrashSpace space{f.fs.disk()};
    space.each(100, 0, 1, [&](const CrashChoice& choice) {
        const auto text = text_of(SimFs{space.state(choice)}, "a");
        heads.insert({text[0], text[512], text[1024]});
    });
    BOOST_TEST((heads == States{"xxx", "yxx", "xyx", "yyx"}));
}

BOOST_AUTO_TEST_CASE(a_truncation_takes_size_and_chunks_together) {
    Fixture f;
    const auto h = f.durable("a", "xyz");
    BOOST_TEST(f.fs.truncate(h, 4096).has_value());
    BOOST_TEST((f.states({"a"}) == States{"xyz", "x"}));
    f.write(h, "b", 1);
    BOOST_TEST((f.states({"a"}) == States{"xyz", "x", "xb", "x0"}));
}

BOOST_AUTO_TEST_CASE(a_truncation_inside_a_chunk_clears_the_rest) {
    Fixture f;
    const auto h = f.durable("a", "x");
    BOOST_TEST(f.fs.truncate(h, 100).has_value());
    BOOST_TEST(f.fs.truncate(h, 300).has_value());
    auto text = text_of(f.fs, "a");
    BOOST_TEST(text == std::string(100, 'x') + std::string(200, '\0'));
    const CrashSpace space{f.fs.disk()};
    space.each(1000, 0, 1, [&](const CrashChoice& choice) {
        text = text_of(SimFs{space.state(choice)}, "a");
        BOOST_TEST(text.substr(0, 100) == std::string(100, 'x'));
    });
}

BOOST_AUTO_TEST_CASE(a_name_needs_its_directory_synced) {
    Fixture f;
    const auto h = f.create("a");
    f.write(h, "x");
    BOOST_TEST(f.fs.sync(h).has_value());
    BOOST_TEST((f.states({"a"}) == States{"-", "x"}));
    BOOST_TEST(f.fs.sync_directory(f.dir).has_value());
    BOOST_TEST((f.states({"a"}) == States{"x"}));
}

BOOST_AUTO_TEST_CASE(names_come_in_any_order_in_the_weak_model) {
    Fixture f;
    f.create("a");
    f.create("b");
    BOOST_TEST((f.states({"a", "b"}) == States{"- -", "- e", "e -", "e e"}));
}

BOOST_AUTO_TEST_CASE(names_keep_their_order_in_the_ordered_model) {
    Fixture f{{.names = NameModel::ordered}};
    f.create("a");
    const auto h = f.create("b");
    BOOST_TEST((f.states({"a", "b"}) == States{"- -", "e -", "e e"}));
    BOOST_TEST(f.fs.sync(h).has_value());
    BOOST_TEST((f.states({"a", "b"}) == States{"e e"}));
}

BOOST_AUTO_TEST_CASE(a_directory_syncs_only_its_own_names) {
    Fixture f;
    const auto other = *f.fs.open_root("/sim/e", RootMode::create_if_missing);
    f.create("a");
    BOOST_TEST(f.fs.sync_directory(other).has_value());
    BOOST_TEST((f.states({"a"}) == States{"-", "e"}));
}

BOOST_AUTO_TEST_CASE(a_rename_is_atomic) {
    Fixture f;
    f.durable("new", "x");
    f.durable("old", "y");
    BOOST_TEST(f.fs.rename(f.dir, "new", "old").has_value());
    BOOST_TEST((f.states({"new", "old"}) == States{"x y", "- x"}));
    BOOST_TEST(f.fs.sync_directory(f.dir).has_value());
    BOOST_TEST((f.states({"new", "old"}) == States{"- x"}));
}

BOOST_AUTO_TEST_CASE(a_split_rename_leaves_any_pair) {
    Fixture f{{.split_rename = true}};
    f.durable("new", "x");
    f.durable("old", "y");
    BOOST_TEST(f.fs.rename(f.dir, "new", "old").has_value());
    BOOST_TEST((f.states({"new", "old"}) == States{"x y", "- x", "x x", "- y"}));
}

BOOST_AUTO_TEST_CASE(an_unlink_needs_its_directory_synced) {
    Fixture f;
    f.durable("a", "x");
    BOOST_TEST(f.fs.remove(f.dir, "a").has_value());
    BOOST_TEST((f.states({"a"}) == States{"x", "-"}));
    BOOST_TEST(f.fs.sync_directory(f.dir).has_value());
    BOOST_TEST((f.states({"a"}) == States{"-"}));
}

BOOST_AUTO_TEST_CASE(a_failed_sync_may_have_dropped_the_pages) {
    Fixture f;
    const auto h = f.durable("a", "x");
    f.write(h, "A");
    f.fs.sync_failed(h);
    BOOST_TEST(f.fs.sync(h).has_value());
    BOOST_TEST(letters(text_of(f.fs, "a")) == "A");
    BOOST_TEST((f.states({"a"}) == States{"x", "A"}));
    // Written again, it is dirty again, and the next sync counts.
    f.write(h, "A");
    BOOST_TEST(f.fs.sync(h).has_value());
    BOOST_TEST((f.states({"a"}) == States{"A"}));
}

BOOST_AUTO_TEST_CASE(a_kill_keeps_what_is_pending) {
    Fixture f;
    const auto h = f.durable("a", "x");
    f.write(h, "A");
    auto after = f.fs.after_kill();
    BOOST_TEST(after.open_handles() == 0u);
    BOOST_TEST(letters(text_of(after, "a")) == "A");
    const CrashSpace space{after.disk()};
    States states;
    space.each(100, 0, 1, [&](const CrashChoice& choice) {
        states.insert(letters(text_of(SimFs{space.state(choice)}, "a")));
    });
    BOOST_TEST((states == States{"x", "A"}));
}

BOOST_AUTO_TEST_CASE(an_unlinked_file_lives_until_it_is_closed) {
    Fixture f{{.quota = Bytes{2 * 4096}}};
    const auto h = f.create("a");
    f.write(h, "x");
    BOOST_TEST(f.fs.remove(f.dir, "a").has_value());
    BOOST_TEST(f.fs.status(h)->size.value == 4096u);
    BOOST_TEST(f.fs.space(h)->available.value == 4096u);
    BOOST_TEST(f.fs.close(h).has_value());
    BOOST_TEST(f.fs.space(f.dir)->available.value == 2 * 4096u);
}

BOOST_AUTO_TEST_CASE(a_full_disk_takes_what_fits) {
    Fixture f{{.quota = Bytes{2 * 4096}}};
    const auto h = f.create("a");
    const auto wrote = f.fs.write_at(h, as_bytes(std::string(10'000, 'x')), 0);
    BOOST_TEST(*wrote == 2 * 4096u);
    const auto more = f.fs.write_at(h, as_bytes("y"), *wrote);
    BOOST_TEST(more.error().is_errno(ENOSPC));
    BOOST_TEST((more.error().kind() == ErrorKind::no_space));
    BOOST_TEST(f.fs.write_at(h, as_bytes("y"), 0).has_value());
    f.fs.set_quota(Bytes{4 * 4096});
    BOOST_TEST(f.fs.write_at(h, as_bytes("y"), *wrote).has_value());
    BOOST_TEST(f.fs.space(h)->total.value == 4 * 4096u);
}

BOOST_AUTO_TEST_CASE(the_quota_holds_64_bits) {
    const Fixture f{{.quota = Bytes{std::uint64_t{1} << 62}}};
    auto fs = f.fs;
    BOOST_TEST(fs.space(f.dir)->available.value == std::uint64_t{1} << 62);
}

BOOST_AUTO_TEST_CASE(a_second_opener_is_locked_out) {
    const SimFs fs;
    auto first = SimDirectory::open("/sim/d", RootMode::create_if_missing, fs);
    BOOST_TEST(first->lock().has_value());
    {
        auto second = SimDirectory::open("/sim/d", RootMode::existing, fs);
        BOOST_TEST(second->lock().error().is(Errc::directory_in_use));
    }
    first = SimDirectory::open("/sim/d", RootMode::existing, fs);
    BOOST_TEST(first->lock().has_value());
    // The lock of a process that is gone is gone as well.
    auto restarted = SimDirectory::open("/sim/d", RootMode::existing, fs.after_kill());
    BOOST_TEST(restarted->lock().has_value());
}

BOOST_AUTO_TEST_CASE(barriers_come_before_each_sync_and_when_told) {
    Fixture f;
    unsigned barriers = 0;
    f.fs.on_barrier([&](const SimDisk&) { ++barriers; });
    const auto h = f.create("a");
    f.write(h, "x");
    BOOST_TEST(barriers == 0u);
    (void)f.fs.sync(h);
    (void)f.fs.sync_directory(f.dir);
    f.fs.barrier();
    BOOST_TEST(barriers == 3u);
}

BOOST_AUTO_TEST_CASE(handles_of_another_file_system_mean_nothing) {
    Fixture f, g;
    BOOST_TEST(g.fs.close(f.dir).error().is_errno(EBADF));
    BOOST_TEST(f.fs.device() != g.fs.device());
}

BOOST_AUTO_TEST_SUITE_END()
