#include <bobbin/check.hpp>

#include "fixture.hpp"

using namespace engine_tests;

// What reading leaves in the cache.
namespace {

struct Fixture {
    Fixture() {
        auto writer = bench.writer();
        for (std::size_t n = 0; n < 100; ++n)
            BOOST_TEST(bench.append(writer, n, 50'000).has_value());
        id = *writer.end();
        BOOST_TEST(bench.syncer->wait(id, 10s).has_value());
        file.emplace(*place().open(id));
        BOOST_TEST(file->drop_cache(0, 0).has_value());
        BOOST_TEST(cached() == 0u);
    }
    FsDirectory<Fs> place() {
        return *FsDirectory<Fs>::open("/sim/footage", RootMode::existing, bench.fs);
    }
    std::uint64_t cached() { return file->cache_status()->cached.value; }
    auto open(const ReadOptions& options) {
        auto object = bench.syncer->reader().open(id, options);
        BOOST_TEST_REQUIRE(object.has_value(), Bench::message(object));
        return std::move(*object);
    }

    static constexpr std::uint64_t mib = 1 << 20, size = 5'000'000;
    static constexpr ReadOptions leaves_nothing{.read_ahead = 2_MiB, .drops_behind = true};
    Bench bench;
    ObjectId id;
    std::optional<File<Fs>> file;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(engine_reading, Fixture)

BOOST_AUTO_TEST_CASE(it_stays_in_the_cache_unless_asked) {
    auto object = open({});
    std::vector<std::byte> all(size);
    BOOST_TEST(object.read(all, 0).has_value());
    BOOST_TEST(cached() >= size);
}

BOOST_AUTO_TEST_CASE(an_export_leaves_nothing_and_reads_the_same) {
    // In odd steps, across the blocks of the digest.
    for (const std::size_t step : {77'777u, 1'048'576u, 5'000'000u}) {
        auto object = open(leaves_nothing);
        std::vector<std::byte> all(size);
        for (std::size_t at = 0; at < size; at += step) {
            const auto part =
                MutableByteView{all}.subspan(at).first(std::min<std::size_t>(step, size - at));
            BOOST_TEST(object.read(part, at).has_value());
            BOOST_TEST(cached() <= 4 * mib);
        }
        BOOST_TEST(cached() == 0u);
        BOOST_TEST((all == Bench::joined(0, 100, 50'000)));
    }
}

BOOST_AUTO_TEST_CASE(what_is_sent_from_the_file_stays_until_it_is_sent) {
    auto object = open(leaves_nothing);
    for (std::uint64_t at = 0; at < size; at += mib) {
        const auto length = std::min(mib, size - at);
        BOOST_TEST(object.check(at, length).has_value());
        BOOST_TEST(file->cache_status(at, length)->cached.value >= length);
        object.sent(at, length);
        BOOST_TEST(file->cache_status(0, at + length)->cached.value == 0u);
    }
}

BOOST_AUTO_TEST_CASE(what_others_read_stays) {
    std::vector<std::byte> to(mib);
    BOOST_TEST(file->read_at(to, mib).has_value());
    auto object = open(leaves_nothing);
    std::vector<std::byte> all(size);
    BOOST_TEST(object.read(all, 0).has_value());
    BOOST_TEST(cached() == mib);
}

BOOST_AUTO_TEST_CASE(hints_that_fail_change_nothing) {
    for (const auto call : {Call::read_ahead, Call::drop_cache, Call::cache_status}) {
        bench.fail(call, EIO, true);
        auto object = open(leaves_nothing);
        std::vector<std::byte> all(size);
        BOOST_TEST(object.read(all, 0).has_value());
        BOOST_TEST((all == Bench::joined(0, 100, 50'000)));
    }
}

BOOST_AUTO_TEST_CASE(a_check_leaves_nothing) {
    auto directory = place();
    const auto summary = check<Bench::Archive>(directory, *bench.store, {.read_data = true},
                                               [](const Finding&) { BOOST_ERROR("found"); });
    BOOST_TEST_REQUIRE(summary.has_value());
    BOOST_TEST(summary->read.value == size);
    BOOST_TEST(cached() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
