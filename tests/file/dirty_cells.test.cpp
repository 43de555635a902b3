#include <bobbin/file/detail/dirty_cells.hpp>

#include <boost/test/unit_test.hpp>

#include <random>
#include <set>
#include <vector>

using namespace bobbin;
using file::detail::DirtyCells;

namespace {
constexpr std::uint64_t page = 4096, mib = 1 << 20;

std::vector<ByteRange> started(DirtyCells& cells, std::uint64_t window, std::uint64_t tail = 0) {
    std::vector<ByteRange> ranges;
    cells.start(window, tail, [&](ByteRange r) { ranges.push_back(r); });
    return ranges;
}
std::vector<ByteRange> finished(DirtyCells& cells, std::uint64_t window) {
    std::vector<ByteRange> ranges;
    cells.finish(window, [&](ByteRange r) { ranges.push_back(r); });
    return ranges;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(file_dirty_cells)

BOOST_AUTO_TEST_CASE(a_page_counts_once) {
    DirtyCells cells{32 * mib};
    for (int i = 0; i < 100; ++i) cells.add({10, 20});
    BOOST_TEST(cells.dirty() == page);
    cells.add({page - 1, page + 1});
    BOOST_TEST(cells.dirty() == 2 * page);
    cells.add({5 * mib - 1, 7 * mib + 1});
    BOOST_TEST(cells.dirty() == 2 * page + 2 * mib + 2 * page);
    cells.add({9, 9});
    BOOST_TEST(cells.dirty() == 4 * page + 2 * mib);
}

BOOST_AUTO_TEST_CASE(neighbours_are_joined_and_the_tail_waits) {
    DirtyCells cells{32 * mib};
    cells.add({0, 3 * mib + 100});
    cells.add({10 * mib, 10 * mib + 1});
    BOOST_TEST((started(cells, 1, 3 * mib + 100) ==
                std::vector<ByteRange>{{0, 3 * mib}, {10 * mib, 10 * mib + page}}));
    BOOST_TEST(cells.dirty() == page);
    BOOST_TEST(cells.in_flight() == 3 * mib + page);
    BOOST_TEST((started(cells, 2) == std::vector<ByteRange>{{3 * mib, 3 * mib + page}}));
    BOOST_TEST(cells.dirty() == 0u);
}

BOOST_AUTO_TEST_CASE(windows_arrive_in_order) {
    DirtyCells cells{32 * mib};
    cells.add({0, mib});
    (void)started(cells, 1);
    cells.add({mib, 2 * mib});
    (void)started(cells, 2);
    BOOST_TEST(finished(cells, 0).empty());
    BOOST_TEST((finished(cells, 1) == std::vector<ByteRange>{{0, mib}}));
    BOOST_TEST((finished(cells, 2) == std::vector<ByteRange>{{mib, 2 * mib}}));
    BOOST_TEST(cells.outstanding() == 0u);
}

BOOST_AUTO_TEST_CASE(a_cell_started_again_arrives_with_the_later_window) {
    DirtyCells cells{32 * mib};
    cells.add({0, page});
    (void)started(cells, 1);
    cells.add({8 * page, 9 * page});
    (void)started(cells, 2);
    BOOST_TEST(finished(cells, 1).empty());
    BOOST_TEST((finished(cells, 2) == std::vector<ByteRange>{{0, 9 * page}}));
}

BOOST_AUTO_TEST_CASE(what_is_outstanding_before_is_told) {
    DirtyCells cells{32 * mib};
    cells.add({2 * page, 3 * page});
    BOOST_TEST(cells.busy_before(page) == 0u);
    BOOST_TEST(cells.busy_before(2 * page) == 0u);
    BOOST_TEST(cells.busy_before(3 * page) == 3 * page);
    BOOST_TEST(cells.busy_before(100 * mib) == 3 * page);
    (void)started(cells, 1);
    BOOST_TEST(cells.busy_before(100 * mib) == 3 * page);
    (void)finished(cells, 1);
    BOOST_TEST(cells.busy_before(100 * mib) == 0u);
}

BOOST_AUTO_TEST_CASE(there_is_an_end_of_room) {
    DirtyCells cells{32 * mib};
    std::uint64_t at = 0;
    while (cells.has_room_for({at, at + 1})) {
        cells.add({at, at + 1});
        at += 16 * mib;
    }
    BOOST_TEST(cells.dirty() == DirtyCells::capacity * page);
    (void)started(cells, 1);
    BOOST_TEST(finished(cells, 1).size() == DirtyCells::capacity);
    BOOST_TEST(cells.has_room_for({at, at + 1}));
}

BOOST_AUTO_TEST_CASE(large_caps_have_larger_units) {
    BOOST_TEST(DirtyCells{256 << 10}.unit() == page);
    BOOST_TEST(DirtyCells{32 * mib}.unit() == page);
    DirtyCells large{std::uint64_t{1} << 30};
    BOOST_TEST(large.unit() > page);
    BOOST_TEST(large.has_room_for({0, std::uint64_t{1} << 30}));
    BOOST_TEST(DirtyCells{UINT64_MAX}.unit() >= page);
}

BOOST_AUTO_TEST_CASE(a_cut_file_has_nothing_behind_its_end) {
    DirtyCells cells{32 * mib};
    cells.add({0, 4 * mib});
    (void)started(cells, 1);
    cells.add({4 * mib, 5 * mib});
    cells.cut(2 * mib);
    BOOST_TEST(cells.dirty() == 0u);
    BOOST_TEST(cells.in_flight() == 2 * mib);
}

BOOST_AUTO_TEST_CASE(counts_as_a_set_of_pages_does) {
    std::mt19937 random{1};
    for (int run = 0; run < 50; ++run) {
        DirtyCells cells{1 * mib};
        std::set<std::uint64_t> dirty;
        std::uint64_t window = 0;
        for (int step = 0; step < 200; ++step) {
            const std::uint64_t from = random() % (4 * mib), to = from + random() % (64 << 10);
            if (!cells.has_room_for({from, to}) || random() % 20 == 0) {
                std::set<std::uint64_t> told;
                for (const auto r : started(cells, ++window))
                    for (auto p = r.from / page; p * page < r.to; ++p) told.insert(p);
                for (const auto p : dirty) BOOST_TEST(told.contains(p));
                dirty.clear();
                (void)finished(cells, window);
                BOOST_TEST(cells.outstanding() == 0u);
            }
            cells.add({from, to});
            for (auto p = from / page; p * page < to; ++p) dirty.insert(p);
            BOOST_TEST(cells.dirty() == dirty.size() * page);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
