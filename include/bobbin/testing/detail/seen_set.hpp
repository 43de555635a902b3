#ifndef BOBBIN_TESTING_DETAIL_SEEN_SET_HPP
#define BOBBIN_TESTING_DETAIL_SEEN_SET_HPP

#include <bobbin/testing/detail/hash.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace bobbin::testing::detail {

/// Which states were visited, and at what depth at best: 17 bytes a slot.
class SeenSet {
public:
    enum class Seen : std::uint8_t { never, deeper, already };

    /// Notes `hash` at `depth`; at a lower depth than before it counts again.
    Seen note(Hash128 hash, std::uint8_t depth) {
        if ((count_ + 1) * 4 > slots_.size() * 3) grow();
        const auto at = find(hash);
        if (depths_[at] == 0) {
            slots_[at] = hash;
            depths_[at] = depth;
            ++count_;
            return Seen::never;
        }
        if (depths_[at] <= depth) return Seen::already;
        depths_[at] = depth;
        return Seen::deeper;
    }
    std::uint64_t size() const noexcept { return count_; }

private:
    std::size_t find(Hash128 hash) const noexcept {
        auto at = static_cast<std::size_t>(hash.low) & (slots_.size() - 1);
        while (depths_[at] != 0 && slots_[at] != hash) at = (at + 1) & (slots_.size() - 1);
        return at;
    }
    void grow() {
        const auto size = slots_.empty() ? 1024 : slots_.size() * 2;
        const auto old = std::exchange(slots_, std::vector<Hash128>(size));
        const auto old_depths = std::exchange(depths_, std::vector<std::uint8_t>(size));
        for (std::size_t i = 0; i < old.size(); ++i)
            if (old_depths[i] != 0) {
                const auto at = find(old[i]);
                slots_[at] = old[i];
                depths_[at] = old_depths[i];
            }
    }
    std::vector<Hash128> slots_;
    std::vector<std::uint8_t> depths_;  ///< 0: free
    std::uint64_t count_ = 0;
};

}  // namespace bobbin::testing::detail

#endif
