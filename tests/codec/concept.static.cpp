#include <bobbin/codec/concept.hpp>

#include <bobbin/codec/codecs.hpp>
#include <bobbin/codec/lz4.hpp>
#include <bobbin/codec/none.hpp>
#include <bobbin/codec/zstd.hpp>

namespace {

using namespace bobbin;

static_assert(Codec<NoCodec> && Codec<Lz4> && Codec<Zstd>);
static_assert(std::is_empty_v<NoCodec> && std::is_empty_v<Lz4>);
static_assert(Codecs<NoCodec, Lz4>::contain(1) && !Codecs<NoCodec, Lz4>::contain(2));
static_assert(Zstd::bound(0) == ZSTD_COMPRESSBOUND(0) &&
              Zstd::bound(1000) == ZSTD_COMPRESSBOUND(1000) &&
              Zstd::bound(1 << 20) == ZSTD_COMPRESSBOUND(1 << 20));
static_assert(Lz4::bound(1000) == LZ4_COMPRESSBOUND(1000) && codec_limit <= LZ4_MAX_INPUT_SIZE);

// Near misses, with one defect each.
struct OtherRole : NoCodec {
    using policy_concept = digest_tag;
};
struct NoFormat : NoCodec {
    static constexpr int format_id = 1;
};
struct NumberIsWide : NoCodec {
    static constexpr int number = 0;
};
struct BoundMayThrow : NoCodec {
    static std::size_t bound(std::size_t size) { return size; }
};
struct CompressMayThrow : NoCodec {
    Result<std::size_t> compress(ByteView, MutableByteView) { return std::size_t{0}; }
};
struct CompressGivesBytes : NoCodec {
    Result<Bytes> compress(ByteView, MutableByteView) noexcept { return Bytes{}; }
};
struct DecompressGivesBool : NoCodec {
    bool decompress(ByteView, MutableByteView) noexcept { return true; }
};
struct NeedsALevel : NoCodec {
    explicit NeedsALevel(int) {}
};
static_assert(!Codec<int> && !Codec<OtherRole> && !Codec<NoFormat> && !Codec<NumberIsWide>);
static_assert(!Codec<BoundMayThrow> && !Codec<CompressMayThrow> && !Codec<CompressGivesBytes>);
static_assert(!Codec<DecompressGivesBool> && !Codec<NeedsALevel>);

}  // namespace
