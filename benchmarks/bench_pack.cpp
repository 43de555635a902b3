// What packs cost at the lowest level, on one thread. Each line is a figure, what a rival takes for the same in
// the same run, and `missed` where a gate is not met. The best of many short runs, so that what else the machine
// does counts little.
//   add        chunks of 4 KiB of text into packs of 64 MiB in a file, without a sync, in MB/s.
//              The rival is their digest and their compression alone. Gate: 525 MB/s, or nine tenths of the rival.
//   hit, miss  whether a chunk is stored, and where: a million chunks in 1, 50 and 500 packs, asked for in no order,
//              in million look-ups a second; `hits` and `misses` ask for all in one call. The rival asks one sorted
//              index after the other. Gates: 10 and 20 million, or 2.5 and 5 times what the rival does with one index.
//   open       from a cache file to a set of 500 and 5,000 packs, in ms. The rival decodes the index of each, which
//              it has in memory.
#include <bobbin/codec/lz4.hpp>
#include <bobbin/digest/sha256.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/pack/pack_set_cache.hpp>
#include <bobbin/pack/pack_writer.hpp>
#include <bobbin/testing/detail/random.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

using namespace bobbin;

namespace {

using Key = pack::Key<Sha256>;
using Random = testing::detail::Random;
constexpr std::size_t chunks = 1'000'000;

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "bench_pack: %s\n", what);
    std::exit(1);
}

void figure(const std::string& name, double value, const char* unit, const char* rival,
            double other, std::optional<bool> gate = {}) {
    std::printf("%s %.4g %s (%s %.4g, ratio %.3g)%s\n", name.c_str(), value, unit, rival, other,
                other != 0 ? value / other : 0, gate && !*gate ? " missed" : "");
    std::fflush(stdout);
}

template <class F>
double seconds(F&& f) {
    const auto start = std::chrono::steady_clock::now();
    f();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A directory of our own, which is removed at the end.
class Place {
public:
    Place() {
        auto name = (std::filesystem::temp_directory_path() / "bobbin-bench-XXXXXX").string();
        require(::mkdtemp(name.data()) != nullptr, "there is no room for files");
        path_ = name;
        auto opened = PosixDirectory::open(name, RootMode::existing);
        require(opened.has_value(), "the directory can't be opened");
        directory_.emplace(*std::move(opened));
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { std::filesystem::remove_all(path_); }

    FileHandle handle() const { return directory_->handle(); }
    File<PosixFs> file() const {
        PosixFs fs;
        auto opened = fs.open_at(handle(), "pack", OpenMode::create_or_write);
        require(opened.has_value(), "a file can't be made");
        return {fs, *opened};
    }

private:
    std::filesystem::path path_;
    std::optional<PosixDirectory> directory_;
};

// Identifiers and punctuation, few of them often, as in source code.
std::vector<std::byte> some_text(std::size_t size, Random& random) {
    std::vector<std::string> words;
    for (int n = 0; n < 3000; ++n) {
        std::string word;
        for (auto left = 2 + random() % 9; left > 0; --left)
            word += static_cast<char>('a' + random() % 26);
        constexpr const char* ends[] = {" ", " ", "_", "(", ");\n\t", " = ", "->", ", "};
        words.push_back(word + ends[random() % 8]);
    }
    std::string text;
    while (text.size() < size) {
        const auto one = random() % words.size(), two = random() % words.size();
        text += words[static_cast<std::size_t>(one * two / words.size())];
    }
    const auto bytes = as_bytes(text).first(size);
    return {bytes.begin(), bytes.end()};
}

// What the engine does for a pack, in short: it gathers, and writes large pieces.
struct FileSink {
    File<PosixFs>* file;
    std::vector<std::byte>* pending;

    Result<void> operator()(ByteView bytes, pack::PackIndex::Record) {
        pending->insert(pending->end(), bytes.begin(), bytes.end());
        return pending->size() < (std::size_t{1} << 20) ? Result<void>{} : flush();
    }
    Result<void> flush() {
        auto wrote = file->write_at(*pending, file->size().value);
        pending->clear();
        return wrote;
    }
};

void measure_add() {
    constexpr std::size_t size = 4096;
    Random random{7};
    const auto text = some_text(std::size_t{48} << 20, random);
    double best = 1e9, best_alone = 1e9;
    for (int run = 0; run < 7; ++run) {
        Place place;
        auto file = place.file();
        std::vector<std::byte> pending;
        const auto took = seconds([&] {
            pack::PackWriter<Sha256, Lz4, FileSink> writer{FileSink{&file, &pending}, {}};
            for (auto rest = ByteView{text}; !rest.empty(); rest = rest.subspan(size))
                require(writer.add(rest.first(size)).has_value(), "a chunk can't be added");
            require(writer.finish().has_value() && writer.sink().flush().has_value(),
                    "a pack can't be finished");
        });
        best = std::min(best, took);
        Lz4 codec;
        std::vector<std::byte> to(size);
        unsigned sum = 0;
        best_alone = std::min(
            best_alone, seconds([&] {
                for (auto rest = ByteView{text}; !rest.empty(); rest = rest.subspan(size)) {
                    sum += std::to_integer<unsigned>(digest_of<Sha256>(rest.first(size))[0]);
                    const auto packed = codec.compress(rest.first(size), to);
                    sum += packed ? static_cast<unsigned>(*packed) : 0;
                }
            }));
        require(sum != 0, "nothing was compressed");
    }
    const auto rate = [&](double took) { return static_cast<double>(text.size()) / took / 1e6; };
    figure("add", rate(best), "MB/s", "digest and codec", rate(best_alone), best <= best_alone / 0.9 || rate(best) >= 525);
}

struct Chunk {
    Key key;
    std::uint32_t length;
};

/// As good as digests, and made faster.
Key a_key(Random& random) {
    Key key;
    for (std::size_t n = 0; n < key.size(); n += 8) store_le(key.data() + n, random());
    return key;
}

pack::ChunkIndexBuilder builder_of(std::span<const Key> keys) {
    pack::ChunkIndexBuilder builder{Sha256::size};
    std::uint64_t offset = pack::PackHeader::encoded_size;
    for (const auto& key : keys) {
        const Chunk chunk[] = {{key, 4096}};
        const pack::RecordPlace record{offset, {4096, 4096, 1, 0, 0}};
        builder.add(record, chunk);
        offset += record.shape.size(Sha256::size);
    }
    return builder;
}
std::span<const Key> part_of(const std::vector<Key>& keys, std::size_t n, std::size_t parts) {
    const auto from = n * keys.size() / parts;
    return std::span{keys}.subspan(from, (n + 1) * keys.size() / parts - from);
}

/// `look(keys)` tells how many it found, which are all or none. In millions a second.
template <class Look>
double look_ups(const std::vector<Key>& keys, bool are_there, Look&& look) {
    constexpr std::size_t in_run = 25'000;
    double best = 1e9;
    for (int turn = 0; turn < 3; ++turn) {
        for (std::size_t from = 0; from < keys.size(); from += in_run) {
            std::size_t found = 0;
            best = std::min(best,
                            seconds([&] { found = look(std::span{keys}.subspan(from, in_run)); }));
            require(found == (are_there ? in_run : 0), "a look-up is wrong");
        }
    }
    return static_cast<double>(in_run) / best / 1e6;
}
auto one_by_one(auto look) {
    return [look](std::span<const Key> keys) {
        return static_cast<std::size_t>(std::ranges::count_if(keys, look));
    };
}

void measure_look_ups() {
    Random random{1};
    std::vector<Key> keys(chunks), absent(chunks);
    for (auto& key : keys) key = a_key(random);
    for (auto& key : absent) key = a_key(random);
    auto asked = keys;
    for (std::size_t n = asked.size(); n > 1; --n)
        std::swap(asked[n - 1], asked[static_cast<std::size_t>(random() % n)]);
    // Fewer for the rival, as it takes so long.
    const std::vector<Key> few(asked.begin(), asked.begin() + 50'000);
    const std::vector<Key> few_absent(absent.begin(), absent.begin() + 50'000);
    double single_hit = 0, single_miss = 0;

    for (const std::size_t packs : {std::size_t{1}, std::size_t{50}, std::size_t{500}}) {
        std::vector<pack::ChunkIndex> indexes;
        for (std::size_t n = 0; n < packs; ++n)
            indexes.push_back(builder_of(part_of(keys, n, packs)).build());
        pack::PackSet<Sha256> set;
        for (std::size_t n = 0; n < packs; ++n)
            require(set.add(ObjectId{n + 1}, indexes[n]).has_value(), "a pack can't be added");

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
        const auto rival_hit = look_ups(few, true, rival);
        const auto rival_miss = look_ups(few_absent, false, rival);
        if (packs == 1) {
            single_hit = rival_hit;
            single_miss = rival_miss;
        }
        const auto line = [&](const char* what, double rate, double other,
                              std::optional<bool> gate = {}) {
            figure(std::string{what} + "_" + std::to_string(packs), rate, "M/s", "sorted indexes",
                   other, gate);
        };
        const auto hit = look_ups(asked, true, find), miss = look_ups(absent, false, find);
        line("hit", hit, rival_hit, hit >= std::min(10.0, 2.5 * single_hit));
        line("miss", miss, rival_miss, miss >= std::min(20.0, 5 * single_miss));
        line("hits", look_ups(asked, true, find_each), rival_hit);
        line("misses", look_ups(absent, false, find_each), rival_miss);
    }
}

void measure_open() {
    Random random{2};
    std::vector<Key> keys(chunks);
    for (auto& key : keys) key = a_key(random);
    for (const std::size_t packs : {std::size_t{500}, std::size_t{5000}}) {
        Place place;
        std::vector<pack::CachedPack> living;
        std::vector<std::pair<std::vector<std::byte>, pack::PackTrailer>> footers;
        pack::PackSetCache<PosixFs, Sha256> cache{PosixFs{}, place.handle(), Uuid{}};
        for (std::size_t n = 0; n < packs; ++n) {
            const auto builder = builder_of(part_of(keys, n, packs));
            const pack::RecordShape shape{4096, 4096, 1, 0, 0};
            const auto end =
                pack::PackHeader::encoded_size + builder.chunks() * shape.size(Sha256::size);
            footers.emplace_back(
                builder.encode(end),
                pack::PackTrailer{end, builder.records(), builder.chunks(), builder.raw_bytes()});
            living.push_back({ObjectId{n + 1}, n});
            require(cache.add(living.back(), builder.build()).has_value(),
                    "a pack can't be cached");
        }
        double best = 1e9, best_rival = 1e9;
        for (int run = 0; run < 5; ++run) {
            best =
                std::min(best, seconds([&] {
                             const auto loaded = cache.load(living);
                             require(loaded && loaded->missing.empty(), "the cache lacks a pack");
                         }));
            best_rival = std::min(best_rival, seconds([&] {
                                      pack::PackSet<Sha256> set;
                                      for (std::size_t n = 0; n < packs; ++n) {
                                          auto index = pack::ChunkIndex::decode(
                                              footers[n].first, footers[n].second, Sha256::size);
                                          require(index && set.add(living[n].id, *index),
                                                  "an index is wrong");
                                      }
                                  }));
        }
        figure("open_" + std::to_string(packs), 1000 * best, "ms", "indexes", 1000 * best_rival);
    }
}

}  // namespace

int main() {
    measure_add();
    measure_look_ups();
    measure_open();
    return 0;
}
