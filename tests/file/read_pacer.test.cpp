#include <bobbin/file/detail/read_pacer.hpp>

#include <bobbin/fs/directory.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <boost/test/unit_test.hpp>

#include "skip.hpp"
#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using bobbin::file::detail::ReadPacer;

namespace {

using Fs = TracingFs<SimFs>;
constexpr std::uint64_t mib = ReadPacer::block;

struct Stage {
    explicit Stage(std::uint64_t bytes_in_it) : size{bytes_in_it} {
        const std::vector<std::byte> bytes(static_cast<std::size_t>(size), std::byte{7});
        BOOST_REQUIRE((file.append(bytes) && file.sync() && file.drop_cache(0, 0)));
        BOOST_REQUIRE(cached() == 0u);
    }
    std::uint64_t cached() const { return file.cache_status()->cached.value; }
    void read(ReadPacer& pacer, std::uint64_t from, std::uint64_t to) {
        std::vector<std::byte> bytes(static_cast<std::size_t>(to - from));
        pacer.before(file, from, to);
        BOOST_REQUIRE(file.read_at(bytes, from).has_value());
        pacer.after(file, from, to);
    }
    void read_all(ReadPacer& pacer, std::uint64_t step) {
        for (std::uint64_t at = 0; at < size; at += step)
            read(pacer, at, std::min(at + step, size));
    }
    auto calls(Call which) const {
        auto all = fs.trace().calls();
        std::erase_if(all, [&](const auto& call) { return call.call != which; });
        return all;
    }

    Fs fs;
    std::uint64_t size;
    File<Fs> file =
        *FsDirectory<Fs>::open("/sim/d", RootMode::create_if_missing, fs)->create(ObjectId{1});
};

}  // namespace

BOOST_AUTO_TEST_SUITE(file_read_pacer)

BOOST_AUTO_TEST_CASE(nothing_is_asked_for_by_default) {
    Stage stage{3 * mib};
    ReadPacer pacer{{}, stage.size};
    stage.read_all(pacer, mib);
    BOOST_TEST(stage.calls(Call::read_ahead).empty());
    BOOST_TEST(stage.calls(Call::drop_cache).size() == 1u);  // the stage's own
    BOOST_TEST(stage.cached() == 3 * mib);
}

BOOST_AUTO_TEST_CASE(each_page_is_asked_for_once_and_none_behind_the_end) {
    for (const std::uint64_t size : {std::uint64_t{1}, mib - 1, mib, 10 * mib + 4097})
        for (const auto step : {std::uint64_t{64} << 10, mib, 3 * mib}) {
            Stage stage{size};
            const Bytes ahead{step == mib ? UINT64_MAX : 4 * mib};
            ReadPacer pacer{{.read_ahead = ahead, .drops_behind = step == mib}, size};
            stage.read_all(pacer, step);
            auto end = std::min(step, size);
            for (const auto& call : stage.calls(Call::read_ahead)) {
                BOOST_TEST(call.offset == end);
                BOOST_TEST(call.size > 0u);
                end += call.size;
            }
            BOOST_TEST(end == size);
        }
}

BOOST_AUTO_TEST_CASE(who_jumps_is_not_read_ahead_for) {
    Stage stage{64 * mib};
    ReadPacer pacer{{.read_ahead = Bytes{4 * mib}}, stage.size};
    for (const std::uint64_t at : {40u, 3u, 20u, 0u, 63u}) stage.read(pacer, at * mib, (at + 1) * mib);
    BOOST_TEST(stage.calls(Call::read_ahead).empty());
    // Back at the start, in order.
    stage.read(pacer, 0, mib);
    stage.read(pacer, mib, 2 * mib);
    const auto asked = stage.calls(Call::read_ahead);
    BOOST_TEST_REQUIRE(asked.size() == 1u);
    BOOST_TEST(asked[0].offset == 2 * mib);
    BOOST_TEST(asked[0].size == 4 * mib);
}

BOOST_AUTO_TEST_CASE(what_was_read_leaves_the_cache_and_what_others_read_stays) {
    for (const auto ahead : {Bytes{0}, Bytes{4 * mib}}) {
        Stage stage{10 * mib + 4097};
        std::vector<std::byte> page(4096);
        for (const std::uint64_t hot : {2 * mib, 3 * mib + 4096, 10 * mib})
            BOOST_TEST(stage.file.read_at(page, hot).has_value());
        ReadPacer pacer{{.read_ahead = ahead, .drops_behind = true}, stage.size};
        stage.read_all(pacer, mib);
        BOOST_TEST(stage.cached() == 2 * mib + 2 * 4096);
        // Again, by somebody else, in another order.
        ReadPacer other{{.read_ahead = ahead, .drops_behind = true}, stage.size};
        for (const std::uint64_t at : {9u, 1u, 5u}) stage.read(other, at * mib, (at + 1) * mib);
        BOOST_TEST(stage.cached() == 2 * mib + 2 * 4096);
    }
}

BOOST_AUTO_TEST_CASE(a_real_cache_is_left_as_it_was) {
    const bobbin_tests::TemporaryDirectory place;
    auto directory = *PosixDirectory::open(place.path());
    auto file = *directory.create(ObjectId{1});
    const std::vector<std::byte> bytes(static_cast<std::size_t>(mib), std::byte{7});
    for (int i = 0; i < 64; ++i) BOOST_TEST_REQUIRE(file.append(bytes).has_value());
    BOOST_TEST_REQUIRE((file.sync() && file.drop_cache(0, 0)));
    const auto before = file.cache_status();
    if (!before) bobbin_tests::skip("the kernel does not count cached pages");
    std::vector<std::byte> to(static_cast<std::size_t>(mib));
    const auto read_all = [&](const ReadOptions& options) {
        ReadPacer pacer{options, 64 * mib};
        for (std::uint64_t at = 0; at < 64 * mib; at += mib) {
            pacer.before(file, at, at + mib);
            BOOST_TEST(file.read_at(to, at).has_value());
            pacer.after(file, at, at + mib);
        }
        return file.cache_status()->cached;
    };
    BOOST_TEST((read_all({.read_ahead = Bytes{8 * mib}, .drops_behind = true}) <= Bytes{mib}));
    BOOST_TEST(read_all({.drops_behind = true}).value <= mib);
    if (read_all({}) == Bytes{}) bobbin_tests::skip("this file system's pages are not counted");
    BOOST_TEST((read_all({.read_ahead = Bytes{8 * mib}, .drops_behind = true}) == Bytes{64 * mib}));
}

BOOST_AUTO_TEST_SUITE_END()
