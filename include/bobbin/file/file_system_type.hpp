#ifndef BOBBIN_FILE_FILE_SYSTEM_TYPE_HPP
#define BOBBIN_FILE_FILE_SYSTEM_TYPE_HPP

#include <bobbin/core/write_mode.hpp>

#include <cstdint>

namespace bobbin {

/// What the file wrappers have to know of a file system.
struct FileSystemTraits {
    bool is_network = false;        ///< or in user space: it may hang, and errors may come late
    bool is_memory = false;         ///< there is no disk below
    bool is_copy_on_write = false;  ///< blocks allocated ahead are not those written to
    bool writes_ranges = true;      ///< sync_file_range does what it says, without waiting

    friend constexpr bool operator==(FileSystemTraits, FileSystemTraits) = default;
};

/// By `f_type` of fstatfs(2), compared as 32 bits without sign: some systems sign-extend it.
/// An unknown type is a local disk.
/// @source statfs(2); linux/magic.h
constexpr FileSystemTraits traits_of(std::uint32_t type) noexcept {
    switch (type) {
        case 0x00006969:  // NFS
        case 0x0000517B:  // SMB
        case 0xFE534D42:  // SMB2
        case 0xFF534D42:  // CIFS
        case 0x01021997:  // 9p
        case 0x00C36400:  // Ceph
        case 0x5346414F:  // AFS
        case 0x73757245:  // Coda
        case 0x0BD00BD0:  // Lustre
        case 0x65735546:  // FUSE
            return {.is_network = true};
        case 0x01021994:  // tmpfs
        case 0x858458F6:  // ramfs
        case 0x958458F6:  // hugetlbfs
            return {.is_memory = true};
        case 0x9123683E:  // btrfs
        case 0xCA451A4E:  // bcachefs
        case 0x00003434:  // NILFS
            return {.is_copy_on_write = true};
        case 0x2FC12FC1:  // ZFS: writes ranges at once, in the call
            return {.is_copy_on_write = true, .writes_ranges = false};
        case 0x794C7630:  // overlayfs: answers success and does nothing, its pages are those below
            return {.writes_ranges = false};
        default: return {};
    }
}

/// Which file policy asks.
enum class WrapperKind : std::uint8_t { writeback, uncached, nfs_skip, automatic };

struct ModeChoice {
    WriteMode mode = WriteMode::write_back;
    WriteModeReason reason = WriteModeReason::asked;

    friend constexpr bool operator==(ModeChoice, ModeChoice) = default;
};

/// How a wrapper begins to write on such a file system.
/// @param has_ranges whether the file has the calls for write-back at all
/// @param has_uncached whether the file has uncached writes; a first one may yet be refused
constexpr ModeChoice choose_mode(WrapperKind kind, FileSystemTraits traits, bool has_ranges,
                                 bool has_uncached) noexcept {
    using enum WriteModeReason;
    if (traits.is_memory) return {WriteMode::plain, in_memory};
    const bool tries_uncached =
        kind == WrapperKind::uncached || (kind == WrapperKind::automatic && !traits.is_network);
    if (!has_ranges || !traits.writes_ranges) return {WriteMode::paced_sync, no_range_writeback};
    if (tries_uncached && has_uncached) return {WriteMode::uncached, uncached_supported};
    if (tries_uncached) return {WriteMode::write_back, uncached_unsupported};
    if (kind == WrapperKind::nfs_skip && traits.is_network) return {WriteMode::kick_only, network};
    return {WriteMode::write_back, traits.is_network ? network : asked};
}

}  // namespace bobbin

#endif
