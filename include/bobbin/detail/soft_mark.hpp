#ifndef BOBBIN_DETAIL_SOFT_MARK_HPP
#define BOBBIN_DETAIL_SOFT_MARK_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace bobbin::detail {

/// What a soft mark says beyond the last hard one, in a piece of its own: the row stays as it was, so
/// that recovery can fall back to it. The next mark replaces it.
/// @source docs/formats.md, "Soft marks"
struct SoftMark {
    std::uint64_t size = 0;   ///< of data that the kernel has
    std::uint32_t piece = 0;  ///< number of the two pieces, should they be kept
    ByteView index;
    ByteView block_digests;

    static constexpr std::size_t head_size = 8 + 4 + 4;

    /// @allocates the result
    std::vector<std::byte> encode() const {
        std::vector<std::byte> bytes(head_size + index.size() + block_digests.size());
        store_le(bytes.data(), size);
        store_le(bytes.data() + 8, piece);
        store_le(bytes.data() + 12, static_cast<std::uint32_t>(index.size()));
        const auto at = std::ranges::copy(index, bytes.begin() + head_size).out;
        std::ranges::copy(block_digests, at);
        return bytes;
    }

    /// Looks at `bytes`. @errors `store_invariant`
    static Result<SoftMark> decode(ByteView bytes) noexcept {
        const Error malformed{Errc::store_invariant, Operation::decode};
        if (bytes.size() < head_size) return malformed;
        SoftMark mark{
            load_le<std::uint64_t>(bytes.data()), load_le<std::uint32_t>(bytes.data() + 8), {}, {}};
        const std::size_t index_size = load_le<std::uint32_t>(bytes.data() + 12);
        const auto rest = bytes.subspan(head_size);
        if (index_size > rest.size()) return malformed;
        mark.index = rest.first(index_size);
        mark.block_digests = rest.subspan(index_size);
        return mark;
    }
};

}  // namespace bobbin::detail

#endif
