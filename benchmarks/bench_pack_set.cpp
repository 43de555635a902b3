// How fast it is known whether a chunk is stored, and where: a million chunks in 1, 50 and 500 packs, one
// thread, in million look-ups a second, the best of many runs of 25,000. Keys are asked for in no order.
// `hit` and `miss` ask for one key after the other, `hits` and `misses` for all in one call. The rival asks
// the index of one pack after the other.
#include <bobbin/digest/sha256.hpp>
#include <bobbin/pack/pack_set.hpp>
#include <bobbin/testing/detail/random.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

using namespace bobbin;

namespace {

using Key = pack::Key<Sha256>;
constexpr std::size_t chunks = 1'000'000;

struct Chunk {
    Key key;
    std::uint32_t length;
};

/// As good as digests, and made faster.
Key a_key(testing::detail::Random& random) {
    Key key;
    for (std::size_t n = 0; n < key.size(); n += 8) store_le(key.data() + n, random());
    return key;
}

pack::ChunkIndex index_of(const std::vector<Key>& keys, std::size_t from, std::size_t to) {
    pack::ChunkIndexBuilder builder{Sha256::size};
    for (auto n = from; n < to; ++n) {
        const Chunk chunk[] = {{keys[n], 4096}};
        builder.add({128 + 4156 * (n - from), {4096, 4096, 1, false, 0}}, chunk);
    }
    return builder.build();
}

/// `look(keys)` tells how many it found, which are all or none.
template <class Look>
double million_a_second(const std::vector<Key>& keys, bool are_there, Look&& look) {
    constexpr std::size_t in_run = 25'000;
    double best = 0;
    for (int turn = 0; turn < 3; ++turn) {
        for (std::size_t from = 0; from < keys.size(); from += in_run) {
            const auto start = std::chrono::steady_clock::now();
            const std::size_t found = look(std::span{keys}.subspan(from, in_run));
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
            if (found != (are_there ? in_run : 0)) std::abort();
            best = std::max(best, static_cast<double>(in_run) / took.count() / 1e6);
        }
    }
    return best;
}
auto one_by_one(auto look) {
    return [look](std::span<const Key> keys) {
        return static_cast<std::size_t>(std::ranges::count_if(keys, look));
    };
}

}  // namespace

int main() {
    testing::detail::Random random{1};
    std::vector<Key> keys(chunks), absent(chunks);
    for (auto& key : keys) key = a_key(random);
    for (auto& key : absent) key = a_key(random);
    auto asked = keys;
    for (std::size_t n = asked.size(); n > 1; --n)
        std::swap(asked[n - 1], asked[static_cast<std::size_t>(random() % n)]);
    // Fewer for the rival, as it takes so long.
    const std::vector<Key> few(asked.begin(), asked.begin() + 100'000);
    const std::vector<Key> few_absent(absent.begin(), absent.begin() + 100'000);

    std::printf("%6s %8s %10s %10s %10s %10s %11s %11s\n", "packs", "load ms", "hit", "miss",
                "hits", "misses", "rival hit", "rival miss");
    for (const std::size_t packs : {std::size_t{1}, std::size_t{50}, std::size_t{500}}) {
        std::vector<pack::ChunkIndex> indexes;
        for (std::size_t n = 0; n < packs; ++n)
            indexes.push_back(index_of(keys, n * chunks / packs, (n + 1) * chunks / packs));
        const auto start = std::chrono::steady_clock::now();
        pack::PackSet<Sha256> set;
        for (std::size_t n = 0; n < packs; ++n)
            if (!set.add(ObjectId{n + 1}, indexes[n])) return 1;
        if (!set.merge()) return 1;
        const std::chrono::duration<double, std::milli> load =
            std::chrono::steady_clock::now() - start;

        const auto find = one_by_one([&](const Key& key) { return set.find(key).has_value(); });
        const auto find_each = [&](std::span<const Key> all) {
            std::size_t found = 0;
            set.find_each(all, [&](std::size_t, const auto& place) { found += place ? 1 : 0; });
            return found;
        };
        const auto rival = one_by_one([&](const Key& key) {
            return std::ranges::any_of(
                indexes, [&](const auto& index) { return index.find(key).has_value(); });
        });
        std::printf(
            "%6zu %8.0f %10.1f %10.1f %10.1f %10.1f %11.2f %11.2f\n", packs, load.count(),
            million_a_second(asked, true, find), million_a_second(absent, false, find),
            million_a_second(asked, true, find_each), million_a_second(absent, false, find_each),
            million_a_second(few, true, rival), million_a_second(few_absent, false, rival));
    }
    return 0;
}
