#ifndef BOBBIN_PACK_FAST_CDC_HPP
#define BOBBIN_PACK_FAST_CDC_HPP

#include <bobbin/pack/chunker.hpp>

#include <array>
#include <bit>

namespace bobbin::pack {

namespace detail {

/// The gear table: the first 256 numbers of SplitMix64 from the state 0. Where files are cut depends
/// on it, and so does what is found to be stored already: it never changes.
/// @source Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (SplitMix64)
consteval std::array<std::uint64_t, 256> make_gear() {
    std::array<std::uint64_t, 256> gear{};
    std::uint64_t state = 0;
    for (auto& number : gear) {
        auto z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        number = z ^ (z >> 31);
    }
    return gear;
}
inline constexpr auto gear = make_gear();

}  // namespace detail

/// Bytes of a chunk.
struct ChunkSizes {
    std::uint32_t least = 16 << 10;
    std::uint32_t usual = 64 << 10;  ///< a power of two
    std::uint32_t most = 256 << 10;
};

/// Content-defined chunks: what is inserted into a file or taken out of it changes the chunks beside
/// it and no others.
///
/// With each byte the hash becomes twice itself plus the byte's number in the gear table, from 0 behind
/// the least size, so that it depends on the last 64 bytes. A chunk ends behind the byte that leaves
/// zero in the top bits: two more than the usual size has before it is reached, and two fewer from
/// then on, so that sizes gather around it; at the latest at the most.
/// @source Xia et al.: FastCDC, USENIX ATC 2016 (gear hash, skipping, normalised chunking of level 2)
class FastCdc {
public:
    using policy_concept = chunker_tag;

    FastCdc() = default;

    /// @errors `invalid_argument`: sizes that do not rise, `usual` is no power of two from 256 on, or
    ///   more than `largest_record`
    static Result<FastCdc> create(const ChunkSizes& sizes) noexcept {
        const bool is_right = sizes.least >= 1 && sizes.least < sizes.usual &&
                              sizes.usual < sizes.most && sizes.most <= largest_record &&
                              std::has_single_bit(sizes.usual) && sizes.usual >= 256;
        if (!is_right) return Error{Errc::invalid_argument, Operation::nothing};
        FastCdc chunker;
        chunker.sizes_ = sizes;
        return chunker;
    }

    std::optional<std::size_t> find_cut(ByteView bytes) noexcept {
        const auto skipped = filled_ < sizes_.least ? sizes_.least - filled_ : 0;
        if (bytes.size() <= skipped) {
            filled_ += bytes.size();
            return {};
        }
        const auto bits = static_cast<unsigned>(std::countr_zero(sizes_.usual));
        auto at = skipped;
        // In a register: for all that the compiler knows, a byte may lie where the member does.
        auto hash = hash_;
        for (const auto [end, mask] : {Stretch{sizes_.usual, top_bits(bits + 2)},
                                       Stretch{sizes_.most, top_bits(bits - 2)}}) {
            // In this call, as far as the stretch reaches.
            const auto stop = end > filled_ ? std::min(bytes.size(), end - filled_) : at;
            for (; at < stop; ++at) {
                hash = (hash << 1) + detail::gear[std::to_integer<std::size_t>(bytes[at])];
                if ((hash & mask) == 0) return cut(at + 1);
            }
        }
        hash_ = hash;
        if (at == sizes_.most - filled_) return cut(at);
        filled_ += at;
        return {};
    }
    void reset() noexcept { filled_ = hash_ = 0; }
    std::size_t largest() const noexcept { return sizes_.most; }

private:
    struct Stretch {
        std::size_t end;
        std::uint64_t mask;
    };
    static constexpr std::uint64_t top_bits(unsigned count) noexcept {
        return ~std::uint64_t{0} << (64 - count);
    }
    std::size_t cut(std::size_t at) noexcept {
        reset();
        return at;
    }

    ChunkSizes sizes_{};
    std::size_t filled_ = 0;  ///< bytes of the open chunk
    std::uint64_t hash_ = 0;
};

static_assert(Chunker<FastCdc>);

}  // namespace bobbin::pack

#endif
