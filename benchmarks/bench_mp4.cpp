// How long a virtual file takes to lay out, and a range of it to be found and generated: medians, with a limit that is
// measured in the same run.
#include <bobbin/media/mp4_builder.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

using namespace bobbin;
using namespace bobbin::media;

namespace {

constexpr std::size_t per_minute = 1800;  // 30 a second

IndexBytes a_minute(std::mt19937& random) {
    std::lognormal_distribution<double> inter{9.2, 0.6}, intra{11.4, 0.1};
    VideoIndex index;
    for (std::size_t n = 0; n < per_minute; ++n) {
        const bool sync = n % 60 == 0;
        const auto duration = 3000 + static_cast<std::int64_t>(random() % 181) - 90;
        const auto size = 1 + static_cast<std::uint64_t>(sync ? intra(random) : inter(random));
        if (!index.add({MediaDuration{duration}, sync}, Bytes{size})) std::abort();
    }
    const auto piece = index.take_piece();
    return std::make_shared<const std::vector<std::byte>>(piece.begin(), piece.end());
}

std::vector<Segment> minutes(std::size_t count) {
    SampleEntry entry;
    entry.box.resize(150);
    const auto shared = std::make_shared<const SampleEntry>(entry);
    std::mt19937 random{5};
    std::vector<Segment> segments(count);
    std::uint64_t number = 0;
    for (auto& s : segments) {
        s.object = ObjectId{++number};
        s.entry = shared;
        s.index = a_minute(random);
        VideoCursor cursor{*s.index};
        while (cursor.next()) s.to = cursor.sample().start + cursor.sample().duration;
    }
    return segments;
}

volatile std::uint64_t kept;

template <class F>
double microseconds_once(F&& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

template <class Ours, class Rival>
void compare(const char* name, int repetitions, const char* unit, double scale, const char* rival_name, Ours&& ours, Rival&& rival) {
    std::vector<double> a, b;
    for (int n = 0; n < repetitions; ++n) {
        a.push_back(microseconds_once(ours) / scale);
        b.push_back(microseconds_once(rival) / scale);
    }
    const auto median = [](std::vector<double>& v) {
        std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
        return v[v.size() / 2];
    };
    const double x = median(a), y = median(b);
    std::printf("%s %.3g %s (%s %.3g, ratio %.2f)\n", name, x, unit, rival_name, y, x / y);
}

Mp4File lay_out(const std::vector<Segment>& segments) {
    Mp4Builder builder;
    for (const auto& s : segments) builder.add(s);
    auto file = builder.build();
    if (!file) std::abort();
    return *std::move(file);
}

/// Generates what is in memory of a range, as a server would; the rest is a sendfile each.
std::uint64_t generate(const Mp4File& file, std::uint64_t begin, std::uint64_t end) {
    std::uint64_t sum = 0;
    auto slices = file.slices(begin, end);
    for (;;) {
        const auto slice = slices.next();
        if (!slice) std::abort();
        if (!*slice) return sum;
        sum += (*slice)->in_memory() ? std::to_integer<std::uint64_t>((*slice)->memory.back()) : (*slice)->offset;
    }
}

std::uint64_t decode_all(const std::vector<Segment>& segments) {
    std::uint64_t sum = 0;
    for (const auto& s : segments) {
        VideoCursor cursor{*s.index};
        while (cursor.next()) sum += cursor.sample().size;
    }
    return sum;
}

}  // namespace

int main() {
    for (const std::size_t hours : {std::size_t{1}, std::size_t{24}}) {
        const auto segments = minutes(hours * 60);
        const auto file = lay_out(segments);
        const auto tables = file.size() - [&] {
            std::uint64_t data = 0;
            for (const auto& s : segments) data += plan_segment(*s.index, s.from, s.to)->bytes;
            return data;
        }();
        const bool day = hours == 24;
        const int repetitions = day ? 15 : 200;
        compare(day ? "build 24 h" : "build 1 h", repetitions, "ms", 1000, "decoding its indexes once",
                [&] { kept = lay_out(segments).size(); }, [&] { kept = decode_all(segments); });

        const std::vector<char> from(tables, 'x');
        std::vector<char> to(tables);
        compare(day ? "all tables 24 h" : "all tables 1 h", repetitions, "ms", 1000, "memcpy of as many bytes",
                [&] { kept = generate(file, 0, tables); },
                [&] {
                    std::memcpy(to.data(), from.data(), tables);
                    kept = static_cast<std::uint64_t>(to[kept % tables]);
                });

        std::mt19937_64 random{6};
        compare(day ? "range in tables 24 h" : "range in tables 1 h", 2000, "us", 1, "memcpy of 64 KiB",
                [&] {
                    const auto begin = random() % (tables - 65536);
                    kept = generate(file, begin, begin + 65536);
                },
                [&] {
                    const auto begin = random() % (tables - 65536);
                    std::memcpy(to.data() + begin, from.data() + begin, 65536);
                    kept = static_cast<std::uint64_t>(to[begin]);
                });
        compare(day ? "range in data 24 h" : "range in data 1 h", 2000, "us", 1, "memcpy of 64 KiB",
                [&] {
                    const auto begin = tables + random() % (file.size() - tables - 65536);
                    kept = generate(file, begin, begin + 65536);
                },
                [&] {
                    const auto begin = random() % (tables - 65536);
                    std::memcpy(to.data() + begin, from.data() + begin, 65536);
                    kept = static_cast<std::uint64_t>(to[begin]);
                });
    }
}
