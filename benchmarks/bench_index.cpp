// How fast the index of a recording is decoded and encoded: the median over many repetitions, in ns a sample.
// Warm: an hour again and again, minute by minute, so that no branch predictor knows it by heart.
// Cold: all caches are evicted before each minute.
// The rival is the plain way, a byte at a time, on the same bytes in the same run.
#include <bobbin/index/video.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

using namespace bobbin;

namespace {

constexpr std::size_t minutes = 60;
constexpr std::size_t samples_each = 1800;  // 30 a second

struct Given {
    VideoIndex::Record record;
    std::uint32_t size;
};

// Shaped like a camera's: a group of 60, durations that jitter, sizes that follow no rule.
std::vector<Given> a_minute(unsigned seed) {
    std::mt19937 random{seed};
    std::lognormal_distribution<double> inter{9.2, 0.6}, intra{11.4, 0.1};
    std::vector<Given> samples;
    for (std::size_t n = 0; n < samples_each; ++n) {
        const bool sync = n % 60 == 0;
        const auto duration = 3000 + static_cast<std::int64_t>(random() % 181) - 90;
        samples.push_back({{MediaDuration{duration}, sync},
                           1 + static_cast<std::uint32_t>(sync ? intra(random) : inter(random))});
    }
    return samples;
}

struct Sums {
    std::uint64_t offset = 0, start = 0, sync = 0;
};

Sums decode(const std::vector<std::byte>& index) noexcept {
    Sums sums;
    VideoCursor cursor{index};
    while (cursor.next()) {
        sums.offset += cursor.sample().offset;
        sums.start += static_cast<std::uint64_t>(cursor.sample().start.count);
        sums.sync += cursor.sample().sync;
    }
    return sums;
}

std::uint64_t plain_varint(const std::byte*& at, const std::byte* end) noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; at != end && shift < 64; shift += 7) {
        const auto byte = std::to_integer<std::uint64_t>(*at++);
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    return value;
}

// Does what the decoder does, checks included, but reads its integers the plain way.
Sums decode_plainly(const std::vector<std::byte>& index) noexcept {
    Sums sums;
    std::int64_t previous[2] = {0, 0}, duration = 0, start = 0;
    std::uint64_t offset = 0;
    const auto* at = index.data();
    const auto* end = at + index.size();
    while (at != end) {
        const auto first = plain_varint(at, end);
        const auto second = plain_varint(at, end);
        const bool sync = first & 1;
        duration += index::detail::unzigzag(first >> 1);
        auto& size = previous[sync];
        size += index::detail::unzigzag(second);
        if (duration < 0 || size <= 0) break;
        sums.offset += offset;
        sums.start += static_cast<std::uint64_t>(start);
        sums.sync += sync;
        offset += static_cast<std::uint64_t>(size);
        start += duration;
    }
    return sums;
}

void encode(VideoIndex& encoder, const std::vector<Given>& samples) noexcept {
    for (const auto& s : samples)
        if (!encoder.add(s.record, Bytes{s.size})) std::abort();
}

void put_plainly(std::vector<std::byte>& to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) to.push_back(static_cast<std::byte>(value | 0x80));
    to.push_back(static_cast<std::byte>(value));
}

void encode_plainly(std::vector<std::byte>& to, const std::vector<Given>& samples) {
    std::int64_t previous[2] = {0, 0}, duration = 0;
    for (const auto& s : samples) {
        const auto delta = s.record.duration.count - duration;
        duration = s.record.duration.count;
        put_plainly(to, index::detail::zigzag(delta) << 1 | s.record.sync);
        put_plainly(to, index::detail::zigzag(s.size - previous[s.record.sync]));
        previous[s.record.sync] = s.size;
    }
}

volatile std::uint64_t kept;
std::vector<std::uint64_t> evictor(std::size_t{96}
                                   << 17);  // 96 MiB: more than any last-level cache here

void evict() {
    for (std::size_t i = 0; i < evictor.size(); i += 8) evictor[i] += i;
    kept = evictor[kept % evictor.size()];
}

template <class F>
double nanoseconds_once(F&& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start)
        .count();
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(),
                     values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

// Both in turn, so that a change of the machine's speed hits both. The functions get a number of a minute.
template <class Ours, class Rival>
void compare(const char* name, bool cold, Ours&& ours, Rival&& rival) {
    std::vector<double> a, b;
    for (std::size_t n = 0; n < (cold ? 1 : 50) * minutes; ++n) {
        const auto which = n % minutes;
        if (cold) evict();
        a.push_back(nanoseconds_once([&] { ours(which); }));
        if (cold) evict();
        b.push_back(nanoseconds_once([&] { rival(which); }));
    }
    const double x = median(a) / samples_each, y = median(b) / samples_each;
    std::printf("%s %.2f ns/sample (byte at a time %.2f, ratio %.2f)\n", name, x, y, x / y);
}

}  // namespace

int main() {
    std::vector<std::vector<Given>> samples;
    std::vector<std::vector<std::byte>> indexes;
    std::vector<std::byte> plain;
    double bytes = 0;
    for (unsigned n = 0; n < minutes; ++n) {
        samples.push_back(a_minute(n));
        VideoIndex once;
        encode(once, samples.back());
        const auto piece = once.take_piece();
        indexes.emplace_back(piece.begin(), piece.end());
        bytes += static_cast<double>(piece.size());

        plain.clear();
        encode_plainly(plain, samples.back());
        const auto sums = decode(indexes.back()), others = decode_plainly(indexes.back());
        if (plain != indexes.back() || sums.offset != others.offset || sums.start != others.start ||
            sums.sync != others.sync) {
            std::fputs("the two ways disagree\n", stderr);
            return 1;
        }
    }

    VideoIndex encoder;
    for (const bool cold : {false, true}) {
        compare(cold ? "decode cold" : "decode warm", cold,
                [&](std::size_t n) { kept = decode(indexes[n]).offset; },
                [&](std::size_t n) { kept = decode_plainly(indexes[n]).offset; });
        compare(cold ? "encode cold" : "encode warm", cold,
                [&](std::size_t n) {
                    static_cast<void>(encoder.take_piece());
                    encode(encoder, samples[n]);
                },
                [&](std::size_t n) {
                    plain.clear();
                    encode_plainly(plain, samples[n]);
                });
    }
    const auto size = bytes / (minutes * samples_each);
    std::printf("size %.2f bytes/sample (two integers of one byte 2.00, ratio %.2f)\n", size, size / 2);
}
