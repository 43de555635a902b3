// How a store finds its packs when it is opened.
#include "store_life.hpp"

#include <boost/test/unit_test.hpp>

using namespace pack_tests;

namespace {

struct Bench : StoreBench {
    /// @returns how often packs were read meanwhile
    std::size_t reopen() {
        life.reset();
        reads = 0;
        life.emplace(Fs{ground}, &promise, false, 6_KiB, [this](const testing::TracedCall& call) {
            if (call.call == testing::Call::read &&
                testing::OrderingOracle::is_data_file(call.path))
                ++reads;
        });
        return reads;
    }
    template <class F>
    void with_pack_of(std::uint64_t chunk, F&& f) {
        const auto key = digest_of<Sha256>(chunk_bytes(chunk));
        const auto name = ObjectName{life->packs->view().chunks().find(key).value().pack};
        const auto place = ground.open_root(pack_place, RootMode::existing);
        f(*place, name.c_str());
        (void)ground.close(*place);
    }
    bool has(std::uint64_t chunk) {
        return life->packs->view().chunks().contains(digest_of<Sha256>(chunk_bytes(chunk)));
    }

    std::size_t reads = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_pack_view)

BOOST_AUTO_TEST_CASE(what_is_cached_is_not_read) {
    Bench bench;
    bench.life->save(1, {0, 16});
    BOOST_TEST(bench.life->packs->view().packs().size() > 2U);
    BOOST_TEST(bench.reopen() == 0U);
    for (std::uint64_t n = 0; n < 16; ++n) BOOST_TEST(bench.has(n));

    // It is nothing but a copy.
    const auto place = bench.ground.open_root(pack_place, RootMode::existing);
    BOOST_REQUIRE(bench.ground.remove(*place, "bobbin-pack-cache").has_value());
    (void)bench.ground.close(*place);
    BOOST_TEST(bench.reopen() > 0U);
    for (std::uint64_t n = 0; n < 16; ++n) BOOST_TEST(bench.has(n));
    BOOST_TEST(bench.reopen() == 0U);
}

BOOST_AUTO_TEST_CASE(a_pack_that_is_cached_and_gone_or_cut_is_missing) {
    Bench bench;
    bench.life->save(1, {0, 4});
    bench.life->save(2, {4, 8});
    bench.life->save(3, {8, 12});
    bench.with_pack_of(0, [&](FileHandle place, const char* name) {
        BOOST_REQUIRE(bench.ground.remove(place, name).has_value());
    });
    bench.with_pack_of(4, [&](FileHandle place, const char* name) {
        const auto file = bench.ground.open_at(place, name, OpenMode::write);
        BOOST_REQUIRE(bench.ground.truncate(*file, 100).has_value());
        (void)bench.ground.close(*file);
    });
    (void)bench.reopen();
    BOOST_TEST(bench.life->packs->view().problems().size() == 2U);
    BOOST_TEST(!bench.has(0));
    BOOST_TEST(!bench.has(4));
    BOOST_TEST(bench.has(11));
    bench.life->save(4, {0, 12});
    auto source = bench.life->packs->source();
    for (std::uint64_t n = 0; n < 12; ++n)
        BOOST_TEST(source.read(digest_of<Sha256>(chunk_bytes(n))).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
