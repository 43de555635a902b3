#include <bobbin/fs/concept.hpp>

#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/sim_fs.hpp>

namespace {

using namespace bobbin;

static_assert(FileSystem<PosixFs> && FileSystem<testing::SimFs>);
static_assert(Directory<PosixDirectory> && Directory<testing::SimDirectory>);
static_assert(std::is_empty_v<PosixFs>);

// Near misses, one defect each.
struct SyncThrows : PosixFs {
    Result<void> sync(FileHandle);
};
struct CountsAsInt : PosixFs {
    Result<int> read_at(FileHandle, MutableByteView, std::uint64_t) noexcept;
};
struct NoLock : PosixFs {
    void lock(FileHandle) = delete;
};
struct OnlyMoves : PosixFs {
    OnlyMoves(const OnlyMoves&) = delete;
    OnlyMoves(OnlyMoves&&) = default;
};
static_assert(!FileSystem<SyncThrows> && !FileSystem<CountsAsInt> && !FileSystem<NoLock> &&
              !FileSystem<OnlyMoves>);

struct NoTag : testing::SimDirectory {
    using policy_concept = file_policy_tag;
};
struct CannotRemove : testing::SimDirectory {
    void remove(ObjectId) = delete;
};
static_assert(!Directory<NoTag> && !Directory<CannotRemove> && !Directory<int>);

// What holds a handle is moved and never copied.
static_assert(!std::copyable<PosixDirectory> && !std::copyable<PosixFile>);
static_assert(std::is_nothrow_move_constructible_v<PosixFile> &&
              std::is_nothrow_move_assignable_v<PosixFile>);

}  // namespace
