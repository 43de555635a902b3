#ifndef BOBBIN_CODEC_LZ4_HPP
#define BOBBIN_CODEC_LZ4_HPP

#include <bobbin/codec/concept.hpp>

#include <lz4.h>

namespace bobbin {

/// LZ4 blocks: made and read for speed. A block says neither its length nor that of
/// what is in it. Thread safety: immutable.
/// @source LZ4 block format, in lz4 1.9
struct Lz4 {
    using policy_concept = codec_tag;
    static constexpr FormatId format_id{"lz4.v1"};
    static constexpr std::uint8_t number = 1;

    static constexpr std::size_t bound(std::size_t size) noexcept { return size + size / 255 + 16; }

    Result<std::size_t> compress(ByteView from, MutableByteView to) noexcept {
        // Not `to`: there the bound of the longest is longer.
        if (from.empty() || from.size() > codec_limit || to.size() > bound(codec_limit))
            return Error{Errc::invalid_argument, Operation::encode};
        return static_cast<std::size_t>(LZ4_compress_default(
            chars(from), chars(to), static_cast<int>(from.size()), static_cast<int>(to.size())));
    }
    Result<void> decompress(ByteView from, MutableByteView to) noexcept {
        if (from.size() > bound(codec_limit) || to.size() > codec_limit)
            return Error{Errc::invalid_argument, Operation::decode};
        if (from.empty() || to.empty() ||
            LZ4_decompress_safe(chars(from), chars(to), static_cast<int>(from.size()),
                                static_cast<int>(to.size())) != static_cast<int>(to.size()))
            return Error{Errc::compressed_malformed, Operation::decode};
        return {};
    }

private:
    static const char* chars(ByteView bytes) noexcept {
        return reinterpret_cast<const char*>(bytes.data());
    }
    static char* chars(MutableByteView bytes) noexcept {
        return reinterpret_cast<char*>(bytes.data());
    }
};

static_assert(Codec<Lz4>);

}  // namespace bobbin

#endif
