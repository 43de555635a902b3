#include <bobbin/pack/chunker.hpp>
#include <bobbin/pack/fast_cdc.hpp>

namespace {

using namespace bobbin;
using namespace bobbin::pack;

static_assert(Chunker<WholeFile> && Chunker<FixedChunks> && Chunker<FastCdc>);
// Documented, and on which what is stored depends.
static_assert(pack::detail::gear[0] == 0xe220a8397b1dcdaf);
static_assert(pack::detail::gear[255] == 0x5a5832bb47bcf19e);

// Near misses, with one defect each.
struct OtherRole : WholeFile {
    using policy_concept = digest_tag;
};
struct CutMayThrow : WholeFile {
    std::optional<std::size_t> find_cut(ByteView) { return {}; }
};
struct CutIsNotOptional : WholeFile {
    std::size_t find_cut(ByteView) noexcept { return 0; }
};
struct ResetTells : WholeFile {
    bool reset() noexcept { return true; }
};
struct LargestIsNotConst : WholeFile {
    std::size_t largest() noexcept { return 1; }
};
struct NeedsASize : WholeFile {
    explicit NeedsASize(int) {}
};
static_assert(!Chunker<int> && !Chunker<OtherRole> && !Chunker<CutMayThrow>);
static_assert(!Chunker<CutIsNotOptional> && !Chunker<ResetTells> && !Chunker<LargestIsNotConst>);
static_assert(!Chunker<NeedsASize>);

}  // namespace
