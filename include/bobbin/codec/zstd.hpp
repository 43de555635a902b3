#ifndef BOBBIN_CODEC_ZSTD_HPP
#define BOBBIN_CODEC_ZSTD_HPP

#include <bobbin/codec/concept.hpp>

#include <zstd.h>
#include <zstd_errors.h>

#include <memory>

namespace bobbin {

/// Zstandard frames: smaller than LZ4 blocks, and slower to make; the level says how much of either.
/// Each side keeps its context between calls. External sync.
/// @source RFC 8878
class Zstd {
public:
    using policy_concept = codec_tag;
    static constexpr FormatId format_id{"zstd.v1"};
    static constexpr std::uint8_t number = 2;
    static constexpr int default_level = 3;

    /// @param level as zstd counts: higher is smaller and slower; what it does not know becomes the
    ///   nearest that it does
    explicit Zstd(int level = default_level) noexcept : level_{level} {}

    static constexpr std::size_t bound(std::size_t size) noexcept {
        return size + (size >> 8) + (size < small ? (small - size) >> 11 : 0);
    }

    /// @allocates the context, the first time and at a larger size
    Result<std::size_t> compress(ByteView from, MutableByteView to) noexcept {
        if (from.empty() || from.size() > codec_limit)
            return Error{Errc::invalid_argument, Operation::encode};
        if (!compressor_) compressor_.reset(ZSTD_createCCtx());
        if (!compressor_) return Error{Errc::out_of_memory, Operation::encode};
        const auto written = ZSTD_compressCCtx(compressor_.get(), to.data(), to.size(), from.data(),
                                               from.size(), level_);
        switch (ZSTD_getErrorCode(written)) {
            case ZSTD_error_no_error: return written;
            case ZSTD_error_dstSize_tooSmall: return std::size_t{0};
            default: return Error{Errc::out_of_memory, Operation::encode};
        }
    }

    /// In one pass and straight to `to`: no window is allocated, whatever the frame asks for.
    /// @allocates the context, the first time
    Result<void> decompress(ByteView from, MutableByteView to) noexcept {
        if (from.size() > bound(codec_limit) || to.size() > codec_limit)
            return Error{Errc::invalid_argument, Operation::decode};
        if (!decompressor_) decompressor_.reset(ZSTD_createDCtx());
        if (!decompressor_) return Error{Errc::out_of_memory, Operation::decode};
        const auto got = ZSTD_decompressDCtx(decompressor_.get(), to.data(), to.size(), from.data(),
                                             from.size());
        if (ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
            return Error{Errc::out_of_memory, Operation::decode};
        // One frame and nothing else: any number of empty ones would also give the right size.
        if (ZSTD_isError(got) != 0 || to.empty() || got != to.size() ||
            ZSTD_findFrameCompressedSize(from.data(), from.size()) != from.size())
            return Error{Errc::compressed_malformed, Operation::decode};
        return {};
    }

private:
    struct Free {
        void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
        void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
    };
    // As the macro ZSTD_COMPRESSBOUND has it: below 128 KiB there is a margin for small blocks.
    static constexpr std::size_t small = std::size_t{128} << 10;

    int level_;
    std::unique_ptr<ZSTD_CCtx, Free> compressor_;
    std::unique_ptr<ZSTD_DCtx, Free> decompressor_;
};

static_assert(Codec<Zstd>);

}  // namespace bobbin

#endif
