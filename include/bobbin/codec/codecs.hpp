#ifndef BOBBIN_CODEC_CODECS_HPP
#define BOBBIN_CODEC_CODECS_HPP

#include <bobbin/codec/concept.hpp>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

namespace bobbin {

/// The codecs that a program can decompress: a typed list over which readers dispatch by the number
/// in a record. A record of any other is unreadable with `format_unknown`, and nothing else is.
/// Named in a composition, the first of them compresses. Keeps one of each. External sync.
template <Codec... Cs>
class Codecs {
public:
    using policy_concept = codec_tag;

    static constexpr bool contain(std::uint8_t number) noexcept {
        return ((number == Cs::number) || ...);
    }

    /// @errors `format_unknown`; those of the codec
    Result<std::size_t> compress(std::uint8_t number, ByteView from, MutableByteView to) noexcept {
        Result<std::size_t> answer = Error{Errc::format_unknown, Operation::encode};
        static_cast<void>(
            ((number == Cs::number && (answer = std::get<Cs>(codecs_).compress(from, to), true)) ||
             ...));
        return answer;
    }

    /// @errors `format_unknown`; those of the codec
    Result<void> decompress(std::uint8_t number, ByteView from, MutableByteView to) noexcept {
        Result<void> answer = Error{Errc::format_unknown, Operation::decode};
        static_cast<void>((
            (number == Cs::number && (answer = std::get<Cs>(codecs_).decompress(from, to), true)) ||
            ...));
        return answer;
    }

private:
    static constexpr bool numbers_differ() noexcept {
        const std::uint8_t numbers[] = {Cs::number...};
        for (std::size_t i = 0; i < sizeof...(Cs); ++i)
            for (std::size_t j = 0; j < i; ++j)
                if (numbers[i] == numbers[j]) return false;
        return true;
    }
    static_assert(sizeof...(Cs) != 0 && numbers_differ(),
                  "bobbin::Codecs: two codecs with one number");

    std::tuple<Cs...> codecs_;
};

}  // namespace bobbin

#endif
