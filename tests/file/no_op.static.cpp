#include <bobbin/file/no_op.hpp>

#include <bobbin/file/auto.hpp>
#include <bobbin/file/nfs_skip.hpp>
#include <bobbin/file/uncached.hpp>
#include <bobbin/file/writeback.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/sim_fs.hpp>

namespace {

using namespace bobbin;

// The null wrapper adds no byte, however often it is put on.
static_assert(sizeof(NoOp<PosixFile>) == sizeof(PosixFile));
static_assert(sizeof(NoOp<NoOp<PosixFile>>) == sizeof(PosixFile));
static_assert(alignof(NoOp<PosixFile>) == alignof(PosixFile));

template <template <class...> class W>
constexpr bool is_policy =
    FilePolicy<W<PosixFile>> && FilePolicy<W<testing::SimFile>> && FilePolicy<W<NoOp<PosixFile>>> &&
    !std::copyable<W<PosixFile>> && std::is_nothrow_move_constructible_v<W<PosixFile>> &&
    std::is_same_v<lowest_layer_t<W<NoOp<PosixFile>>>, PosixFile> &&
    // One pointer more than what it wraps.
    sizeof(W<PosixFile>) == sizeof(PosixFile) + sizeof(void*);
template <class F>
using Wb = Writeback<F>;
template <class F>
using Un = Uncached<F>;
template <class F>
using Nf = NfsSkip<F>;
template <class F>
using Au = Auto<F>;
static_assert(is_policy<Wb> && is_policy<Un> && is_policy<Nf> && is_policy<Au>);

// The same by the type of the file system, as 32 bits without sign.
static_assert(traits_of(0x6969).is_network && traits_of(0xFE534D42).is_network &&
              traits_of(0xFF534D42).is_network && traits_of(0x01021997).is_network &&
              traits_of(0x00C36400).is_network && traits_of(0x65735546).is_network);
static_assert(traits_of(static_cast<std::uint32_t>(static_cast<long>(
                  static_cast<std::int32_t>(0xFF534D42)))) == traits_of(0xFF534D42));
static_assert(traits_of(0xEF53) == FileSystemTraits{} &&
              traits_of(0x58465342) == FileSystemTraits{} && traits_of(0) == FileSystemTraits{});
static_assert(traits_of(0x01021994).is_memory && traits_of(0x9123683E).is_copy_on_write &&
              !traits_of(0x2FC12FC1).writes_ranges && !traits_of(0x794C7630).writes_ranges);

constexpr ModeChoice chosen(WrapperKind kind, std::uint32_t type, bool ranges = true,
                            bool uncached = true) {
    return choose_mode(kind, traits_of(type), ranges, uncached);
}
using enum WriteMode;
using R = WriteModeReason;
using K = WrapperKind;
constexpr std::uint32_t ext4 = 0xEF53, nfs = 0x6969, tmpfs = 0x01021994, zfs = 0x2FC12FC1;
static_assert(chosen(K::writeback, ext4) == ModeChoice{write_back, R::asked});
static_assert(chosen(K::writeback, nfs) == ModeChoice{write_back, R::network});
static_assert(chosen(K::nfs_skip, ext4) == ModeChoice{write_back, R::asked});
static_assert(chosen(K::nfs_skip, nfs) == ModeChoice{kick_only, R::network});
static_assert(chosen(K::uncached, nfs) == ModeChoice{uncached, R::uncached_supported});
static_assert(chosen(K::uncached, ext4, true, false) ==
              ModeChoice{write_back, R::uncached_unsupported});
static_assert(chosen(K::automatic, ext4) == ModeChoice{uncached, R::uncached_supported});
static_assert(chosen(K::automatic, nfs) == ModeChoice{write_back, R::network});
static_assert(chosen(K::automatic, tmpfs) == ModeChoice{plain, R::in_memory});
static_assert(chosen(K::automatic, zfs) == ModeChoice{paced_sync, R::no_range_writeback});
static_assert(chosen(K::nfs_skip, nfs, false) == ModeChoice{paced_sync, R::no_range_writeback});

// Near misses, one defect each.
struct NoSync : NoOp<PosixFile> {
    void sync() = delete;
};
struct SyncsToBool : NoOp<PosixFile> {
    bool sync() noexcept;
};
struct MayThrow : NoOp<PosixFile> {
    Result<std::size_t> append(ByteView);
};
struct OtherRole : NoOp<PosixFile> {
    using policy_concept = digest_tag;
};
static_assert(!FilePolicy<NoSync> && !FilePolicy<SyncsToBool> && !FilePolicy<MayThrow> &&
              !FilePolicy<OtherRole> && !FilePolicy<int>);

}  // namespace
