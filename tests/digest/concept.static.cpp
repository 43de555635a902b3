#include <bobbin/digest/concept.hpp>

#include <bobbin/digest/crc32c.hpp>
#include <bobbin/digest/no_digest.hpp>
#include <bobbin/digest/sha256.hpp>
#include <bobbin/digest/xxh3.hpp>

namespace {

using namespace bobbin;

static_assert(Digest<Crc32c> && Digest<NoDigest> && Digest<Sha256> && Digest<Xxh3>);
static_assert(Sha256::is_collision_resistant);
static_assert(!Crc32c::is_collision_resistant && !NoDigest::is_collision_resistant &&
              !Xxh3::is_collision_resistant);

// Near misses, with one defect each.
struct OtherRole : Crc32c {
    using policy_concept = index_encoder_tag;
};
struct NoFormat : Crc32c {
    static constexpr int format_id = 1;
};
struct SaysNothingOfCollisions : Crc32c {
    static constexpr int is_collision_resistant = 0;
};
struct UpdateMayThrow : Crc32c {
    void update(ByteView) {}
};
struct FinishIsNotConst : Crc32c {
    std::array<std::byte, size> finish() noexcept { return {}; }
};
struct FinishIsShort : Crc32c {
    std::array<std::byte, 3> finish() const noexcept { return {}; }
};
struct TooLong : Crc32c {
    static constexpr std::size_t size = 33;
    std::array<std::byte, size> finish() const noexcept { return {}; }
};
struct NotCopyable : Crc32c {
    NotCopyable() = default;
    NotCopyable(NotCopyable&&) = default;
};
static_assert(!Digest<int> && !Digest<OtherRole> && !Digest<NoFormat>);
static_assert(!Digest<SaysNothingOfCollisions> && !Digest<UpdateMayThrow>);
static_assert(!Digest<FinishIsNotConst> && !Digest<FinishIsShort> && !Digest<TooLong>);
static_assert(!Digest<NotCopyable>);

}  // namespace
