#include "commands/save_tree.hpp"
#include "commands/tree.hpp"
#include "store/keep.hpp"

#include <bobbin/fs/posix_tree.hpp>
#include <bobbin/pack/restore.hpp>

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>

namespace packs {

using namespace bobbin;

namespace {

std::string_view word_of(pack::RestoreAction action) {
    switch (action) {
        case pack::RestoreAction::create: return "create";
        case pack::RestoreAction::content: return "content";
        case pack::RestoreAction::metadata: return "metadata";
        case pack::RestoreAction::replace: return "replace";
        case pack::RestoreAction::remove: return "remove";
        case pack::RestoreAction::lost: return "lost";
        case pack::RestoreAction::skip: return "skip";
    }
    return "unknown";
}

/// Whether there is a tree that this store knows, which a restore may change and has to save first.
bool is_own_tree(Repository& repository, const std::string& target) {
    struct stat status {};
    std::error_code unread;
    return ::stat(target.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
           repository.knows_tree(target) && !std::filesystem::is_empty(target, unread);
}

pack::RestoreOptions options_of(const RestoreRequest& request) {
    pack::RestoreOptions options;
    options.dry_run = request.is_dry;
    options.delete_extra = request.deletes;
    options.force = request.is_forced;
    options.compare_content = request.compares;
    options.skip_lost = request.skips_lost;
    options.sync = !request.no_sync;
    options.threads = request.threads;
    return options;
}

/// Of a part of a snapshot that there is, its path.
std::string part_of(Repository& repository, const Snapshot& snapshot, const std::string& path) {
    auto part = path_inside(snapshot, path);
    if (part.empty())
        throw Failure{exit_usage,
                      "--path " + printable(path) + " is no part of the snapshot: leave it out"};
    auto source = repository.source();
    (void)entry_at(repository, source, snapshot, path);
    return part;
}

/// So that nothing is lost that only the tree has, ignored or not.
void save_first(Repository& repository, const Common& common, const std::string& target,
                const Snapshot& snapshot) {
    SaveRequest first;
    first.path = target;
    first.takes_ignored = true;
    first.message = "before restoring " + short_id(snapshot.id);
    first.tags = {std::string{automatic_tag}};
    const auto saved = save_tree(repository, common, first);
    if (saved.unreadable != 0)
        throw Failure{exit_incomplete,
                      "not all of " + printable(target) +
                          " could be saved before it changes; --no-save restores all the same"};
    if (!common.is_quiet && !common.is_json)
        print_line("saved what is there as snapshot " + short_id(saved.snapshot.id));
}

/// A store inside of the tree that is restored stays as it is, and what holds it stays there.
/// @throws Failure where the tree lies in the store
std::function<pack::Keep(std::string_view)> paths_of_store(const std::string& store,
                                                           const std::string& target) {
    const auto place = canonical(store), tree = canonical(target);
    const auto is_in = [](const std::filesystem::path& path) {
        return !path.empty() && *path.begin() != "..";
    };
    if (is_in(tree.lexically_relative(place)))
        throw Failure{exit_usage,
                      printable(target) + " lies in the store: restore to another place"};
    const auto inside = place.lexically_relative(tree);
    if (!is_in(inside)) return {};
    const auto is_below = [](std::string_view path, std::string_view above) {
        return path.starts_with(above) &&
               (path.size() == above.size() || path[above.size()] == '/');
    };
    return [=, name = inside.string()](std::string_view path) {
        return is_below(path, name)   ? pack::Keep::all
               : is_below(name, path) ? pack::Keep::something
                                      : pack::Keep::nothing;
    };
}

Failure no_staging_directory(const std::string& path) {
    return Failure{exit_failed, printable(path) +
                                    " is no directory, so no restore has left it, and a "
                                    "restore needs its name: move it away"};
}

/// What a restore before this one has left is ended first, so that no half of it is saved.
void recover_first(const Common& common, const std::string& target) {
    std::string failed_path;
    const auto recovered = pack::recover_restore(PosixTreeFs{}, target, &failed_path);
    if (!recovered) {
        const auto& error = recovered.error();
        if (pack::is_no_restore(error)) throw no_staging_directory(failed_path);
        if (error.kind() == ErrorKind::locked)
            throw Failure{exit_locked, "another restore runs in " + printable(target)};
        if (error.is(Errc::target_foreign))
            throw Failure{exit_failed,
                          "in " + printable(target) +
                              " is what a restore of another user has left, or seems to: what it "
                              "says is not done; where it may go, remove .bobbin-restore"};
        throw Failure{exit_failed,
                      describe(error, printable(target)) +
                          ": an earlier restore stopped between two states, which can't be ended"};
    }
    const auto say = [&](const std::string& text) {
        if (!common.is_quiet && !common.is_json) print_line(text);
    };
    switch (recovered->what) {
        case pack::RestoreRecovery::nothing:
        case pack::RestoreRecovery::cleaned: break;
        case pack::RestoreRecovery::finished: say("finished a restore that was stopped"); break;
        case pack::RestoreRecovery::undone: say("took back a restore that was stopped"); break;
        case pack::RestoreRecovery::unreadable:
            print_error("the journal of a restore that was stopped is damaged: the tree may be "
                        "between two states");
            break;
    }
    if (recovered->skipped != 0)
        print_error(fmt::format("{} of its names were changed since, and stay as they are",
                                recovered->skipped));
    if (!recovered->kept.empty())
        print_error("what it had replaced is kept in " + printable(recovered->kept));
}

/// So that the next restore there needs no --force. This one is done.
void remember(std::optional<Repository>& repository, const Common& common,
              const std::string& target) {
    try {
        if (repository->knows_tree(target)) return;
        repository.reset();
        Repository writing{common.store, Repository::For::writing, common.wait};
        writing.remember_tree(target);
    } catch (const Failure& failure) {
        print_error(
            "the restore is done, but the store could not note that " + printable(target) +
            " is its own, so that the next restore there asks for --force: " + failure.what());
    }
}

/// The directory on the way to `path` where another file system is mounted. Empty: there is none.
std::string mount_point(const std::string& target, const std::string& path) {
    struct stat top {};
    struct stat there {};
    if (::stat(target.c_str(), &top) != 0) return {};
    for (std::size_t end = 0; end < path.size(); ++end) {
        end = std::min(path.find('/', end), path.size());
        auto part = path.substr(0, end);
        if (::lstat((target + '/' + part).c_str(), &there) != 0) break;
        if (there.st_dev != top.st_dev) return part;
    }
    return {};
}

/// Why nothing changes there, and what to do.
std::string text_of_mount(const std::string& mounted, const Error& error, const std::string& target,
                          const RestoreRequest& request) {
    if (error.operation == Operation::remove)
        return ": this would go, and another file system is mounted there: unmount it";
    return fmt::format(
        ": no name changes there, as another file system than that of {} is mounted: "
        "unmount it, or write {} by itself over what is there, by `bobbin-pack "
        "export {} --path {} | tar --xattrs -xpf - -C {}`",
        printable(target), printable(mounted), printable(request.snapshot), printable(mounted),
        printable(target + '/' + mounted));
}

Failure restore_failure(Repository& repository, const Error& error, const std::string& target,
                        const pack::RestoreReport& report, const RestoreRequest& request) {
    const auto where = printable(report.failed_path.empty() ? target : report.failed_path);
    if (error.is(Errc::directory_in_use))
        return Failure{exit_locked, "another restore runs in " + printable(target)};
    if (pack::is_no_restore(error)) return no_staging_directory(report.failed_path);
    if (error.is(Errc::path_protected))
        return Failure{exit_failed, where + ": the store itself lies there; restore to another "
                                            "place, or a part with --path"};
    if (error.is(Errc::target_foreign))
        return Failure{exit_failed, where +
                                        ": this tree was neither saved to this store nor restored "
                                        "from it; --force restores into it all the same"};
    std::string state = report.is_unfinished ? "; the tree is between two states: the next "
                                               "restore, of whatever, finishes or undoes it"
                                             : "; the tree is as it was";
    if (!report.kept.empty()) state += ", but for what is kept in " + printable(report.kept);
    if (error.is_errno(EXDEV))
        if (const auto mounted = mount_point(target, report.failed_path); !mounted.empty())
            return Failure{exit_failed,
                           where + text_of_mount(mounted, error, target, request) + state};
    if (error.domain == Domain::system && error.subject == Subject{})
        return Failure{exit_failed, describe(error, where) + state};
    const auto failure = repository.failure(error, "restoring " + where);
    return Failure{failure.code,
                   failure.what() + state + advice_on_lost(error, request.skips_lost)};
}

}  // namespace

int restore(const Common& common, const RestoreRequest& request) {
    std::optional<Repository> repository;
    repository.emplace(common.store, Repository::For::reading, common.wait);
    const auto snapshot = repository->snapshot(request.snapshot);
    const auto target = request.to.empty() ? snapshot.path : request.to;
    (void)repository->view();  // what can't be read changes nothing
    auto options = options_of(request);
    if (!request.path.empty()) options.path = part_of(*repository, snapshot, request.path);
    options.keeps = paths_of_store(common.store, target);
    if (request.skips_lost) refuse_damaged_packs(*repository);

    // A restore is for as long as it takes, and others may save meanwhile: only what comes first and
    // last writes to the store.
    if (!request.is_dry) recover_first(common, target);
    if (request.saves_first && !request.is_dry && is_own_tree(*repository, target)) {
        repository.reset();
        {
            Repository writing{common.store, Repository::For::writing, common.wait};
            save_first(writing, common, target, snapshot);
        }
        repository.emplace(common.store, Repository::For::reading, common.wait);
    }

    options.is_own = [&](const NodeStatus&) {
        try {
            return repository->knows_tree(target);
        } catch (const Failure&) {
            return false;
        }
    };
    auto lost = Json::array();
    options.tell = [&](std::string_view path, pack::RestoreAction action) {
        if (path.empty()) path = ".";
        if (action == pack::RestoreAction::lost) lost.push_back(json_text(path));
        if (!request.is_dry) {
            if (action == pack::RestoreAction::lost) print_error("lost " + printable(path));
            if (action == pack::RestoreAction::skip)
                print_error("left out " + printable(path) +
                            ", as a restore needs this name for itself: `bobbin-pack cat` and "
                            "`export --path` give it");
        } else if (common.is_json) {
            print_json({{"action", word_of(action)}, {"path", json_text(path)}});
        } else {
            print_line(fmt::format("{:9} {}", word_of(action), printable(path)));
        }
    };
    pack::RestoreProgress progress;
    options.progress = &progress;
    pack::RestoreReport report;
    const Rate rate;
    {
        const Progress line{
            common, [&] {
                return fmt::format("{} files, {} of {}, {}", progress.files.load(),
                                   readable(Bytes{progress.bytes.load()}), readable(snapshot.bytes),
                                   rate.of(progress.bytes.load(), snapshot.bytes.value));
            }};
        auto done = pack::restore(
            PosixTreeFs{}, [&]() -> Result<Source> { return repository->source(); }, snapshot.root,
            target, options, report);
        if (!done) throw restore_failure(*repository, done.error(), target, report, request);
    }
    if (!request.is_dry) remember(repository, common, target);
    const auto refused = report.owners_refused + report.modes_refused + report.times_refused +
                         report.attributes_refused;
    if (common.is_json)
        print_json({{"snapshot", long_id(snapshot.id)},
                    {"target", json_text(target)},
                    {"dry_run", request.is_dry},
                    {"created", report.created},
                    {"content", report.content},
                    {"metadata", report.metadata},
                    {"replaced", report.replaced},
                    {"removed", report.removed},
                    {"lost", std::move(lost)},
                    {"unchanged", report.unchanged},
                    {"bytes", report.bytes},
                    {"owners_refused", report.owners_refused},
                    {"modes_refused", report.modes_refused},
                    {"times_refused", report.times_refused},
                    {"attributes_refused", report.attributes_refused},
                    {"names_refused", report.skipped},
                    {"kept", json_text(report.kept)},
                    {"durable", !request.no_sync}});
    else if (!common.is_quiet)
        print_line(fmt::format(
            "{}{}: {} created, {} changed, {} metadata only, {} replaced, {} removed, {} "
            "unchanged{}",
            request.is_dry ? "would restore " : "restored ", printable(target), report.created,
            report.content, report.metadata, report.replaced, report.removed, report.unchanged,
            request.is_dry ? "" : "; " + readable(Bytes{report.bytes}) + " written"));
    if (refused != 0 && !common.is_json)
        print_error(
            fmt::format("the system refused {} owners, {} modes, {} times and {} attributes",
                        report.owners_refused, report.modes_refused, report.times_refused,
                        report.attributes_refused));
    if (report.lost != 0) print_lost(report.lost);
    if (report.kept.empty()) return report.lost == 0 ? exit_ok : exit_damaged;
    print_error("what it has replaced could not be removed, and lies in " + printable(report.kept));
    return exit_failed;
}

}  // namespace packs
