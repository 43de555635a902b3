#ifndef BOBBIN_TESTING_DETAIL_RANDOM_HPP
#define BOBBIN_TESTING_DETAIL_RANDOM_HPP

#include <cstdint>

namespace bobbin::testing::detail {

/// Random numbers that are the same everywhere, without the weight of `<random>`.
/// @source Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (SplitMix64)
class Random {
public:
    explicit Random(std::uint64_t seed) noexcept : state_{seed} {}
    std::uint64_t operator()() noexcept {
        auto z = state_ += 0x9E3779B97F4A7C15ull;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return z ^ (z >> 31);
    }

private:
    std::uint64_t state_;
};

}  // namespace bobbin::testing::detail

#endif
