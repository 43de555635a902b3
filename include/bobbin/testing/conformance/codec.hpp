#ifndef BOBBIN_TESTING_CONFORMANCE_CODEC_HPP
#define BOBBIN_TESTING_CONFORMANCE_CODEC_HPP

#include <bobbin/codec/concept.hpp>
#include <bobbin/testing/detail/random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace bobbin::testing::conformance {

namespace detail {

/// Room with a margin on either side that nobody may write to.
class GuardedRoom {
public:
    explicit GuardedRoom(std::size_t size) : bytes_(size + 2 * margin, pattern) {}
    MutableByteView room() noexcept {
        return MutableByteView{bytes_}.subspan(margin, bytes_.size() - 2 * margin);
    }
    bool is_intact() const noexcept {
        const auto is_pattern = [](std::byte byte) { return byte == pattern; };
        return std::all_of(bytes_.begin(), bytes_.begin() + margin, is_pattern) &&
               std::all_of(bytes_.end() - margin, bytes_.end(), is_pattern);
    }

private:
    static constexpr std::ptrdiff_t margin = 64;
    static constexpr std::byte pattern{0xA5};
    std::vector<std::byte> bytes_;
};

/// Bytes as files have them: of `kind` 0 noise, 1 words, 2 all the same.
inline std::vector<std::byte> make_input(std::size_t size, unsigned kind,
                                         testing::detail::Random& random) {
    std::vector<std::byte> bytes(size);
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) {
        if (kind == 0 || (kind == 1 && i % 8 == 0)) word = random() % (kind == 0 ? 256 : 50);
        bytes[i] = static_cast<std::byte>(word + (kind == 1 ? i % 8 : 0));
    }
    return bytes;
}

}  // namespace detail

/// Checks what `Codec` promises and a compiler can't see, for a codec `C`. Returns one line for
/// each broken promise: none is a pass. Run it under AddressSanitizer, too.
/// @allocates the report and the bytes
template <Codec C>
std::vector<std::string> codec(C codec = C{}) {
    std::vector<std::string> broken;
    const auto expect = [&](bool held, const char* promise) {
        if (!held) broken.emplace_back(std::string{C::format_id.name()} + ": " + promise);
    };
    const auto is_malformed = [](const Result<void>& answer) {
        return !answer && answer.error().is(Errc::compressed_malformed);
    };
    testing::detail::Random random{5};

    for (const auto size :
         std::initializer_list<std::size_t>{1, 2, 13, 64, 1000, 4096, 65536, 300'000})
        for (const unsigned kind : {0U, 1U, 2U}) {
            const auto raw = detail::make_input(size, kind, random);
            expect(C::bound(size) >= 1, "the bound is room for something");
            detail::GuardedRoom room{C::bound(size)};
            const auto written = codec.compress(raw, room.room());
            const bool fits = written && *written != 0 && *written <= C::bound(size);
            expect(fits, "what has the bound as its room is compressed");
            if (!fits) return broken;
            expect(room.is_intact(), "compress() writes to its room only");
            const ByteView packed = room.room().first(*written);

            detail::GuardedRoom back{size};
            expect(codec.decompress(packed, back.room()).has_value() &&
                       std::ranges::equal(back.room(), raw),
                   "what was compressed comes back");
            expect(back.is_intact(), "decompress() writes to its room only");
            C other;
            detail::GuardedRoom again{size};
            expect(other.decompress(packed, again.room()).has_value() &&
                       std::ranges::equal(again.room(), raw),
                   "what was compressed comes back by another codec of the type");

            // Whatever the room: it fits, or it is said that it does not.
            for (const std::size_t less : {*written - 1, *written / 2, std::size_t{0}}) {
                detail::GuardedRoom tight{less};
                const auto got = codec.compress(raw, tight.room());
                expect(got && *got <= less, "what does not fit is 0 bytes, and no error");
                expect(tight.is_intact(), "compress() writes to a small room only");
                if (!got || *got == 0) continue;
                detail::GuardedRoom tight_back{size};
                expect(codec.decompress(tight.room().first(*got), tight_back.room()).has_value() &&
                           std::ranges::equal(tight_back.room(), raw),
                       "what fits in a small room comes back");
            }

            for (const std::size_t wrong : {size - 1, size + 1, size + 1000}) {
                detail::GuardedRoom to{wrong};
                expect(is_malformed(codec.decompress(packed, to.room())),
                       "another length than that of what was compressed is refused");
                expect(to.is_intact(), "decompress() to another length writes to its room only");
            }
            for (int n = 0; n < 60; ++n) {
                // A copy of its own length, so that reading past its end is seen.
                std::vector<std::byte> bent{packed.begin(), packed.end()};
                bent.resize(static_cast<std::size_t>(random() % (bent.size() + 1)));
                const bool is_cut = bent.size() < packed.size();
                const auto flips = is_cut ? random() % 3 : 1 + random() % 3;
                for (auto left = bent.empty() ? 0 : flips; left > 0; --left)
                    bent[static_cast<std::size_t>(random() % bent.size())] =
                        static_cast<std::byte>(random());
                detail::GuardedRoom to{size};
                const auto answer = codec.decompress(bent, to.room());
                expect(answer.has_value() || is_malformed(answer),
                       "hostile bytes are malformed, or happen to be right");
                if (is_cut && flips == 0)
                    expect(is_malformed(answer), "what is cut off is malformed");
                expect(to.is_intact(), "hostile bytes are written to the room only");
            }
            std::vector<std::byte> longer{packed.begin(), packed.end()};
            longer.push_back(std::byte{0});
            detail::GuardedRoom to{size};
            expect(is_malformed(codec.decompress(longer, to.room())),
                   "bytes behind the end are malformed");
        }
    detail::GuardedRoom none{0};
    expect(is_malformed(codec.decompress({}, detail::GuardedRoom{1}.room())),
           "no bytes are malformed");
    const auto nothing = codec.compress({}, none.room());
    expect(!nothing && nothing.error().is(Errc::invalid_argument), "nothing is not compressed");
    return broken;
}

}  // namespace bobbin::testing::conformance

#endif
