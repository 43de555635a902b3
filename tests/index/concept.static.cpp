#include <bobbin/index/concept.hpp>
#include <bobbin/index/null.hpp>
#include <bobbin/index/video.hpp>

namespace {

using namespace bobbin;

static_assert(IndexEncoder<NullIndex> && IndexEncoder<VideoIndex>);
static_assert(std::is_empty_v<NullIndex>);

// Near misses, with one defect each.
struct NoTag : NullIndex {
    using policy_concept = void;
};
struct OtherRole : NullIndex {
    using policy_concept = digest_tag;
};
struct NoFormat : NullIndex {
    static constexpr int format_id = 1;
};
struct AddMayThrow : NullIndex {
    Result<void> add(Record, Bytes) { return {}; }
};
struct AddGivesBool : NullIndex {
    bool add(Record, Bytes) noexcept { return true; }
};
struct GroupIsNotConst : NullIndex {
    bool starts_group(Record) noexcept { return true; }
};
struct PieceIsMutable : NullIndex {
    MutableByteView take_piece() noexcept { return {}; }
};
struct CountMayThrow : NullIndex {
    static Result<Counts> count(ByteView, Bytes) { return Counts{}; }
};
struct CountsNotRegular : NullIndex {
    struct Counts {};
    Counts counts() const noexcept { return {}; }
    static void tally(Counts&, Record, Bytes) noexcept {}
    static Result<Counts> count(ByteView, Bytes) noexcept { return Counts{}; }
};
static_assert(!IndexEncoder<int>);
static_assert(!IndexEncoder<NoTag> && !IndexEncoder<OtherRole> && !IndexEncoder<NoFormat>);
static_assert(!IndexEncoder<AddMayThrow> && !IndexEncoder<AddGivesBool>);
static_assert(!IndexEncoder<GroupIsNotConst> && !IndexEncoder<PieceIsMutable>);
static_assert(!IndexEncoder<CountMayThrow> && !IndexEncoder<CountsNotRegular>);

}  // namespace
