#ifndef BOBBIN_PACK_RESTORE_OPTIONS_HPP
#define BOBBIN_PACK_RESTORE_OPTIONS_HPP

#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/detail/restore_files.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace bobbin::pack {

enum class RestoreAction : std::uint8_t {
    create,    ///< it is missing
    content,   ///< a file or symlink differs and is made anew
    metadata,  ///< only mode, owner, time or attributes differ
    replace,   ///< what has the name is of another kind; all that is in it goes
    remove,    ///< the snapshot has it not
    lost,      ///< the source has lost its content, or a part of it: it is left as it is
    skip,      ///< it has a name of staging directories, and is left out
};

/// What of a path must stay.
enum class Keep : std::uint8_t {
    nothing,
    something,  ///< that lies in it
    all,        ///< with whatever is in it, each of which is to be kept as well
};

struct RestoreOptions {
    std::string path{};            ///< of the part that is restored, in the snapshot; empty: all
    bool dry_run = false;          ///< says what would happen and changes nothing
    bool delete_extra = false;     ///< removes what the snapshot has not
    bool force = false;            ///< also into a tree that is not its own
    bool compare_content = false;  ///< reads files whose size and time are right
    /// Leaves what the source has lost as it is in the target, with all in a directory that is lost,
    /// and restores the rest. Without, the first of them fails the restore.
    bool skip_lost = false;
    bool sync = true;      ///< without, a power cut may leave files without their bytes
    unsigned threads = 0;  ///< 0: as many as there are processors, up to 8
    /// Whether a directory that is not empty is the snapshot's own: the caller has kept device and
    /// inode of where it was saved from or restored to. Without, none is.
    std::function<bool(const NodeStatus&)> is_own{};
    /// Paths that must stay: `delete_extra` leaves them, with all in them, and a restore that would
    /// change or replace one fails before it changes anything. Of a directory that is kept whole mode,
    /// owner, time and attributes stay, too.
    std::function<Keep(std::string_view path)> keeps{};
    /// Called for each path that changes, before any does, and for each that is lost or skipped, by
    /// the calling thread.
    std::function<void(std::string_view path, RestoreAction)> tell{};
    RestoreProgress* progress = nullptr;
};

enum class RestoreRecovery : std::uint8_t {
    nothing,     ///< there was nothing to do
    cleaned,     ///< nothing had been changed yet, or all; what was left of it is removed
    finished,    ///< the tree is as the snapshot has it
    undone,      ///< the tree is as it was before
    unreadable,  ///< its journal says nothing; what it had made and replaced is kept
};

/// What became of a restore that was stopped.
struct RestoreRecovered {
    RestoreRecovery what = RestoreRecovery::nothing;
    std::uint64_t skipped = 0;  ///< names that somebody has changed since, which stay as they are
    std::string kept{};         ///< a directory with what had no place any more; empty: nothing
};

struct RestoreReport {
    std::uint64_t created = 0;  ///< names of each action
    std::uint64_t content = 0;
    std::uint64_t metadata = 0;
    std::uint64_t replaced = 0;
    std::uint64_t removed = 0;
    std::uint64_t lost = 0;
    std::uint64_t unchanged = 0;
    std::uint64_t files = 0;  ///< written
    std::uint64_t bytes = 0;
    std::uint64_t owners_refused = 0;  ///< that the system did not let this user set
    std::uint64_t modes_refused = 0;
    std::uint64_t times_refused = 0;
    std::uint64_t attributes_refused = 0;
    std::uint64_t skipped = 0;   ///< names of the snapshot that a tree can't have
    RestoreRecovered recovered;  ///< of a restore before this one
    /// The restore failed, and taking it back did too, or recovering one before it: the next one, or
    /// `recover_restore`, must.
    bool is_unfinished = false;
    /// A directory with what is left of it: what could not be removed, or had no place any more in a
    /// tree that somebody had changed meanwhile. Empty: nothing.
    std::string kept;
    std::string failed_path;  ///< where it failed, as far as that is known
    NodeStatus root;          ///< of the target, for `is_own`
};

}  // namespace bobbin::pack

#endif
