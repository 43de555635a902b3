#include <bobbin/testing/sim_fs.hpp>

#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <boost/test/unit_test.hpp>

using namespace bobbin;
using namespace bobbin::testing;

namespace {
constexpr std::uint64_t page = 4096;

struct Fixture {
    Fixture() {
        dir = *fs.open_root("/sim/d", RootMode::create_if_missing);
        file = *fs.open_at(dir, "a", OpenMode::create);
    }
    void write(char letter, std::uint64_t first_page, std::uint64_t pages) {
        const std::string text(pages * page, letter);
        BOOST_TEST(fs.write_at(file, as_bytes(text), first_page * page).has_value());
    }
    char letter_at(std::uint64_t at) {
        char letter = '?';
        BOOST_TEST(
            fs.read_at(file, std::as_writable_bytes(std::span{&letter, 1}), at * page).has_value());
        return letter;
    }
    CacheStatus status() { return *fs.cache_status(file, 0, 0); }
    void check_status(std::uint64_t cached, std::uint64_t dirty, std::uint64_t writeback) {
        BOOST_TEST(status().cached.value == cached * page);
        BOOST_TEST(status().dirty.value == dirty * page);
        BOOST_TEST(status().writeback.value == writeback * page);
    }
    FaultyFs<SimFs> fs;
    FileHandle dir = no_file, file = no_file;
};
}  // namespace

BOOST_FIXTURE_TEST_SUITE(testing_sim_pages, Fixture)

BOOST_AUTO_TEST_CASE(pages_are_dirty_then_on_their_way_then_clean_then_gone) {
    write('a', 0, 4);
    check_status(4, 4, 0);
    BOOST_TEST(fs.start_writeback(file, page, 2 * page).has_value());
    check_status(4, 2, 2);
    BOOST_TEST(fs.drop_cache(file, 0, 0).has_value());
    check_status(4, 2, 2);
    BOOST_TEST(fs.wait_writeback(file, 0, 0).has_value());
    check_status(4, 2, 0);
    BOOST_TEST(fs.drop_cache(file, page + 1, 2 * page - 1).has_value());
    check_status(3, 2, 0);
    BOOST_TEST(letter_at(2) == 'a');
    check_status(4, 2, 0);
    BOOST_TEST(fs.sync(file).has_value());
    BOOST_TEST(fs.drop_cache(file, 0, 0).has_value());
    check_status(0, 0, 0);
}

BOOST_AUTO_TEST_CASE(a_page_written_again_is_dirty_again) {
    write('a', 0, 1);
    BOOST_TEST(fs.start_writeback(file, 0, 0).has_value());
    write('b', 0, 1);
    BOOST_TEST(fs.wait_writeback(file, 0, 0).has_value());
    check_status(1, 1, 0);
}

BOOST_AUTO_TEST_CASE(what_was_written_back_is_not_durable) {
    write('a', 0, 1);
    BOOST_TEST((fs.start_writeback(file, 0, 0) && fs.wait_writeback(file, 0, 0)));
    const auto& node = ground_of(fs).disk().nodes().begin()->second;
    BOOST_TEST(node.pending.chunks.size() == 1u);
    BOOST_TEST(fs.sync(file).has_value());
    BOOST_TEST(ground_of(fs).disk().nodes().begin()->second.pending.empty());
}

BOOST_AUTO_TEST_CASE(a_lost_page_is_told_once_to_each_description) {
    const auto before = *fs.reopen(file);
    write('a', 0, 2);
    fs.plan().add({Call::start_writeback, 1, false, EIO, Fault::Effect::lose_pages});
    BOOST_TEST(fs.start_writeback(file, 0, page).has_value());
    const auto after = *fs.reopen(file);
    BOOST_TEST(fs.wait_writeback(file, 0, page).error().is_errno(EIO));
    BOOST_TEST((fs.wait_writeback(file, 0, page) && fs.sync(file)));
    const auto late = *fs.reopen(file);
    BOOST_TEST((fs.sync(late) && !fs.sync(before) && fs.sync(before)));
    BOOST_TEST(!fs.wait_writeback(after, 0, 1).has_value());
    check_status(2, 0, 0);
    for (const auto h : {before, after, late}) BOOST_TEST(fs.close(h).has_value());
}

BOOST_AUTO_TEST_CASE(dropping_a_lost_page_drops_the_last_good_copy) {
    write('a', 0, 2);
    BOOST_TEST((fs.start_writeback(file, 0, 0) && fs.wait_writeback(file, 0, 0)));
    write('b', 0, 2);
    BOOST_TEST(fs.start_writeback(file, 0, 0).has_value());
    fs.plan().add({Call::wait_writeback});
    BOOST_TEST((fs.wait_writeback(file, 0, page).error().kind() == ErrorKind::lost_write));
    BOOST_TEST(letter_at(0) == 'b');
    BOOST_TEST(fs.drop_cache(file, 0, page).has_value());
    BOOST_TEST(letter_at(0) == 'a');
    BOOST_TEST(letter_at(1) == 'b');
}

BOOST_AUTO_TEST_CASE(a_refused_allocation_keeps_what_it_found) {
    auto& ground = ground_of(fs);
    ground.set_quota(Bytes{8 * page});
    write('a', 0, 1);
    BOOST_TEST(fs.preallocate(file, 100 * page).error().is_errno(ENOSPC));
    BOOST_TEST(ground.preallocated(file).value == 99 * page);
    BOOST_TEST((fs.truncate(file, page) && ground.preallocated(file) == Bytes{}));
    BOOST_TEST(fs.status(file)->size.value == page);
}

BOOST_AUTO_TEST_CASE(the_trace_shows_ranges) {
    TracingFs<SimFs> traced;
    const auto root = *traced.open_root("/sim/d", RootMode::create_if_missing);
    const auto h = *traced.open_at(root, "a", OpenMode::create);
    BOOST_TEST((traced.start_writeback(h, 1, 2) && traced.preallocate(h, 5) && traced.type(h)));
    BOOST_TEST(to_string(traced.trace().calls()[2]) == "start_writeback /sim/d/a at 1 size 2");
    BOOST_TEST(to_string(traced.trace().calls()[3]) == "preallocate /sim/d/a to 5");
}

BOOST_AUTO_TEST_SUITE_END()
