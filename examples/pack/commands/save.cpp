#include "commands/save_tree.hpp"

#include <bobbin/core/clock.hpp>
#include <bobbin/fs/posix_tree.hpp>
#include <bobbin/pack/save.hpp>

#include <fmt/core.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace packs {

using namespace bobbin;

namespace {

std::string real_path(const std::string& path) {
    std::unique_ptr<char, void (*)(void*)> real{::realpath(path.c_str(), nullptr), &std::free};
    if (!real) throw Failure{exit_failed, describe(Error::system(errno, Operation::open), path)};
    return real.get();
}

struct stat status_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        throw Failure{exit_failed, describe(Error::system(errno, Operation::stat), path)};
    return status;
}

std::string host_name() {
    char name[HOST_NAME_MAX + 1] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

/// Where the cache of a tree is: by what it is called, so that two trees have two.
std::string cache_name(const std::string& real) {
    return "files-" + hex(Sha256::of(as_bytes(real))).substr(0, 16);
}

/// Whether something is missing that was there and is no device or the like.
bool is_incomplete(pack::SaveProblemKind kind) {
    return kind == pack::SaveProblemKind::unreadable ||
           kind == pack::SaveProblemKind::attributes_unreadable ||
           kind == pack::SaveProblemKind::rules_unreadable ||
           kind == pack::SaveProblemKind::unfinished_restore ||
           kind == pack::SaveProblemKind::reserved_name;
}

/// A directory for caches, or none where it can't be made: that costs time and nothing else.
class CacheDirectory {
public:
    explicit CacheDirectory(const std::string& path) {
        auto opened = fs_.open_root(path.c_str(), RootMode::existing);
        if (!opened) opened = fs_.open_root(path.c_str(), RootMode::create_if_missing);
        if (opened) handle_ = *opened;
    }
    ~CacheDirectory() {
        if (handle_ != no_file) (void)fs_.close(handle_);
    }
    CacheDirectory(const CacheDirectory&) = delete;
    CacheDirectory& operator=(const CacheDirectory&) = delete;

    std::unique_ptr<pack::FileCache<PosixTreeFs>> open(const std::string& name) {
        if (handle_ == no_file) return {};
        auto cache = pack::FileCache<PosixTreeFs>::open(fs_, handle_, name);
        return cache ? std::move(*cache) : nullptr;
    }

private:
    PosixTreeFs fs_;
    FileHandle handle_ = no_file;
};

struct Work {
    pack::SavedTree tree;
    std::uint64_t unreadable = 0;
};

Work add(Repository& repository, const Common& common, const SaveRequest& request,
         const std::string& real) {
    pack::SaveOptions options;
    Work work;
    options.reads_ignore_files = !request.takes_ignored;
    options.excludes_caches = request.exclude_caches;
    options.one_file_system = request.one_file_system;
    options.threads = request.threads;
    if (!request.exclude.empty()) {
        std::string lines;
        for (const auto& pattern : request.exclude) lines += pattern + '\n';
        auto rules = pack::IgnoreRules::parse(std::move(lines));
        if (!rules) throw Failure{exit_usage, "--exclude: " + describe(rules.error())};
        options.rules.push_back(std::make_shared<const pack::IgnoreRules>(std::move(*rules)));
    }
    const auto store = status_of(repository.path());
    options.left_out.push_back({store.st_dev, store.st_ino});
    options.on_problem = [&](const pack::SaveProblem& problem) {
        work.unreadable += is_incomplete(problem.kind) ? 1 : 0;
        print_error(words_of(problem, real));
    };
    pack::SaveProgress progress;
    options.progress = &progress;
    const Rate rate;
    const Progress line{common, [&] { return words_of(progress, rate); }};
    CacheDirectory caches{repository.cache_path()};
    const auto cache = request.reads_all ? nullptr : caches.open(cache_name(real));
    auto saved = [&]() -> Result<pack::SavedTree> {
        auto& to = repository.packs();
        if (request.zstd == 0)
            return pack::save_tree(PosixTreeFs{}, real, to, options, cache.get(),
                                   pack::MakeCodec<Lz4>{});
        options.group = 1_MiB;
        const auto make = [&] { return Zstd{request.zstd}; };
        return pack::save_tree(PosixTreeFs{}, real, to, options, cache.get(), make);
    }();
    if (!saved) {
        if (saved.error().domain == Domain::system && saved.error().operation != Operation::commit)
            throw Failure{exit_failed, describe(saved.error(), printable(real))};
        throw repository.failure(saved.error(), "saving " + printable(real));
    }
    work.tree = std::move(*saved);
    return work;
}

}  // namespace

std::string words_of(const pack::SaveProblem& problem, const std::string& real) {
    const auto why = problem.error.code == 0 ? std::string{} : ": " + describe(problem.error);
    return fmt::format("{}: {}{}", printable(problem.path.empty() ? real : problem.path),
                       name_of(problem.kind), why);
}
std::string words_of(const pack::SaveProgress& progress, const Rate& rate) {
    return fmt::format("{} files, {}, {}", progress.files.load(),
                       readable(Bytes{progress.bytes.load()}), rate.of(progress.bytes.load()));
}

TreeSaved save_tree(Repository& repository, const Common& common, const SaveRequest& request) {
    const auto real = real_path(request.path);
    if (!S_ISDIR(status_of(real).st_mode))
        throw Failure{exit_usage,
                      printable(request.path) + " is no directory; save the one that it is in"};
    Snapshot snapshot;
    snapshot.time = SystemClock{}.realtime().time_since_epoch().count();
    snapshot.host = host_name();
    snapshot.path = real;
    snapshot.message = request.message;
    snapshot.tags = request.tags;

    auto work = add(repository, common, request, real);
    const auto& counts = work.tree.counts;
    snapshot.root = std::move(work.tree.root);
    snapshot.files = counts.files + counts.symlinks;
    snapshot.directories = counts.directories;
    snapshot.bytes = Bytes{counts.bytes};
    snapshot.added = Bytes{counts.bytes_stored};
    snapshot.problems = counts.problems;
    const auto id = pack::SnapshotRows::id_of(snapshot);
    if (!id) throw repository.failure(id.error(), "saving " + printable(real));
    snapshot.id = *id;
    if (auto safe = repository.packs().commit({snapshot}); !safe)
        throw repository.failure(safe.error(), "saving " + printable(real));
    try {
        repository.remember_tree(real);
    } catch (const Failure& failure) {
        print_error("the snapshot is saved, but the store could not note where it came from, so "
                    "that a restore there asks "
                    "for --force: " +
                    std::string{failure.what()});
    }
    return {std::move(snapshot), counts.unchanged, work.unreadable};
}

int save(const Common& common, const SaveRequest& request) {
    SyncedOnRequest<NoOp<PosixFile>>::syncs = !request.no_sync;
    Repository repository{common.store, Repository::For::writing, common.wait};
    const auto saved = save_tree(repository, common, request);
    const auto& snapshot = saved.snapshot;
    if (common.is_json)
        print_json({{"snapshot", long_id(snapshot.id)},
                    {"files", snapshot.files},
                    {"directories", snapshot.directories},
                    {"unchanged", saved.unchanged},
                    {"bytes", snapshot.bytes.value},
                    {"added", snapshot.added.value},
                    {"problems", snapshot.problems},
                    {"durable", !request.no_sync}});
    else if (!common.is_quiet)
        print_line(
            fmt::format("snapshot {}: {} files and {} directories, {}; {} unchanged, {} added{}",
                        bold(short_id(snapshot.id)), snapshot.files, snapshot.directories,
                        readable(snapshot.bytes), saved.unchanged, readable(snapshot.added),
                        request.no_sync ? "; NOT synced: a loss of power may take it" : ""));
    if (saved.unreadable == 0) return exit_ok;
    print_error(
        fmt::format("{} of the above could not be read, or not all of it", saved.unreadable));
    return exit_incomplete;
}

}  // namespace packs
