#ifndef BOBBIN_PACK_RESTORE_HPP
#define BOBBIN_PACK_RESTORE_HPP

#include <bobbin/pack/detail/restorer.hpp>

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

namespace bobbin::pack {

/// Makes a directory what it was in a snapshot, or a part of it.
///
/// What differs is made anew in a staging directory (`restore_staging_name`), each byte checked, and
/// made durable; then a journal says what is going to happen; then each name changes from what it
/// was to what it will be at once. A restore that fails leaves the tree as it was: it takes back
/// what it did, and where even that fails, the journal stays. After a crash the next restore, or
/// `recover_restore`, goes on or takes back, and leaves alone what somebody has changed since. A
/// target that does not exist is made beside its place and gets its name last.
///
/// No symlink in the target is followed, and no file that is there is written: one that differs is
/// replaced. Only what must not be wrong for other names of it is set in place: mode, owner, time
/// and attributes of directories, and of files without names outside of the snapshot.
///
/// @param open_source opens a `ChunkSource`: called for each thread, by this one
/// @param root the directory as it was saved; its name means nothing
/// @param target a path; the directory that holds it must exist
/// @param report filled in where it fails as well
/// @errors `target_foreign`: there is a tree that is not the caller's own; `directory_in_use`:
///   another restore runs there; one of `is_no_restore`; `EXDEV`: another file system is mounted
///   within; `ENOENT`: the snapshot has not the path asked for; `ESTALE`: somebody changed the tree
///   meanwhile; `path_protected`: it would change what `keeps` names; those of the source
///   (`chunk_missing`, with `skip_lost` only of what all of it is in; corruption) and of the file
///   system; `tree_malformed`, `format_unknown`; `not_supported`: deeper than 4096 directories;
///   `out_of_memory`
/// @allocates for each directory, each file with several names and each name that changes, and up
///   to 32 MiB for files not made yet; nothing that depends on the size of a file
/// @thread starts some and ends them; one restore of a target at a time
template <TreeFileSystem Fs, class OpenSource>
    requires ChunkSource<typename std::invoke_result_t<OpenSource&>::value_type>
Result<void> restore(Fs fs, OpenSource&& open_source, const TreeEntry& root,
                     const std::string& target, const RestoreOptions& options,
                     RestoreReport& report) noexcept {
    using Source = typename std::invoke_result_t<OpenSource&>::value_type;
    report = {};
    return bobbin::detail::without_throwing(Operation::write, [&]() -> Result<void> {
        if (!options.dry_run) {
            auto recovered =
                detail::recover_restore(fs, target, report.recovered, report.failed_path);
            if (!recovered) {
                report.is_unfinished = !is_no_restore(recovered.error());
                return recovered;
            }
        }
        auto walking = open_source();
        if (!walking) return walking.error();
        std::vector<Source> sources;
        const auto threads = options.dry_run ? 1 : detail::thread_count(options.threads);
        for (unsigned n = 0; n < (threads == 1 ? 1 : threads + 1); ++n) {
            auto source = open_source();
            if (!source) return source.error();
            sources.push_back(std::move(*source));
        }
        return detail::Restorer<Fs, Source>{fs, *walking, sources, options, report}.run(root,
                                                                                        target);
    });
}

/// Goes on with what a restore into `target` has left undone when it was stopped, or takes it back,
/// and removes its staging directory.
/// @errors `directory_in_use`: it still runs; `target_foreign`: somebody else may have put the
///   staging directory there; one of `is_no_restore`: it is to be moved away; of the file system:
///   the journal stays
/// @param failed_path where it failed
/// @allocates the journal
template <TreeFileSystem Fs>
Result<RestoreRecovered> recover_restore(Fs fs, const std::string& target,
                                         std::string* failed_path = nullptr) noexcept {
    return bobbin::detail::without_throwing(Operation::recover, [&]() -> Result<RestoreRecovered> {
        RestoreRecovered recovered;
        std::string failed;
        auto done = detail::recover_restore(fs, target, recovered, failed);
        if (failed_path) *failed_path = std::move(failed);
        if (!done) return done.error();
        return recovered;
    });
}

}  // namespace bobbin::pack

#endif
