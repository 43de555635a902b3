#ifndef BOBBIN_CODEC_NONE_HPP
#define BOBBIN_CODEC_NONE_HPP

#include <bobbin/codec/concept.hpp>

#include <algorithm>

namespace bobbin {

/// Bytes as they are. Thread safety: immutable.
struct NoCodec {
    using policy_concept = codec_tag;
    static constexpr FormatId format_id{"none"};
    static constexpr std::uint8_t number = 0;

    static constexpr std::size_t bound(std::size_t size) noexcept { return size; }

    Result<std::size_t> compress(ByteView from, MutableByteView to) noexcept {
        if (from.empty() || from.size() > codec_limit)
            return Error{Errc::invalid_argument, Operation::encode};
        if (to.size() < from.size()) return std::size_t{0};
        std::ranges::copy(from, to.begin());
        return from.size();
    }
    Result<void> decompress(ByteView from, MutableByteView to) noexcept {
        if (from.size() != to.size()) return Error{Errc::compressed_malformed, Operation::decode};
        std::ranges::copy(from, to.begin());
        return {};
    }
};

static_assert(Codec<NoCodec>);

}  // namespace bobbin

#endif
