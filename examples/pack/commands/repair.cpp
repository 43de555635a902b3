#include "commands/save_tree.hpp"
#include "commands/verify.hpp"

#include <bobbin/fs/posix_tree.hpp>
#include <bobbin/pack/repair.hpp>
#include <bobbin/pack/save.hpp>

#include <fmt/core.h>
#include <sys/stat.h>

namespace packs {

using namespace bobbin;

namespace {

/// Adds what a directory has and the store has not, or can't serve.
/// @returns the bytes that were added
Bytes add_missing(Repository& repository, const Common& common, const Report& found,
                  const std::string& path) {
    pack::SaveOptions options;
    options.reads_ignore_files = false;
    struct stat store {};
    if (::stat(repository.path().c_str(), &store) == 0)
        options.left_out.push_back({store.st_dev, store.st_ino});
    options.on_problem = [&](const pack::SaveProblem& problem) {
        print_error(words_of(problem, path));
    };
    pack::SaveProgress progress;
    options.progress = &progress;
    const Rate rate;
    const Progress line{common, [&] { return words_of(progress, rate); }};
    pack::RepairSink sink{repository.packs(), found};
    pack::FileCache<PosixTreeFs>* const none = nullptr;
    auto added = pack::save_tree(PosixTreeFs{}, path, sink, options, none, pack::MakeCodec<Lz4>{});
    if (!added) {
        if (added.error().domain == Domain::system && added.error().operation == Operation::open)
            throw Failure{exit_failed, describe(added.error(), printable(path))};
        throw repository.failure(added.error(), "adding what " + printable(path) + " has");
    }
    if (auto safe = repository.packs().commit(); !safe)
        throw repository.failure(safe.error(), "adding what " + printable(path) + " has");
    return Bytes{added->counts.bytes_stored};
}

/// What catalog and packs make of each other.
void adopt(const Common& common, bool is_dry) {
    const auto plan = Repository::adopt(common.store, is_dry, common.wait);
    if (common.is_json && is_dry) print_json({{"would_adopt", plan.adopts}});
    if (common.is_json) return;
    for (const auto& step : plan.steps)
        if (step.remedy != Remedy::none)
            print_line(fmt::format("pack {}: {}: {}",
                                   std::string_view{ObjectName{step.finding.object}},
                                   name_of(step.finding.kind), name_of(step.remedy)));
    print_line(!plan.adopts ? "the packs are the catalog's own: nothing is adopted"
               : is_dry     ? "the packs would be adopted"
                            : "the packs are adopted");
}

}  // namespace

int repair(const Common& common, const RepairRequest& request) {
    if (request.adopts) {
        adopt(common, request.is_dry);
        if (request.is_dry) return exit_ok;
    }
    Repository repository{common.store,
                          request.is_dry ? Repository::For::reading : Repository::For::writing,
                          common.wait};
    const auto snapshots = repository.snapshots();
    const auto found = verify_packs(repository, common, 100);
    if (request.is_dry) {
        const auto affected = find_affected(repository, snapshots, found);
        print_damage(common, found, affected);
        if (!common.is_json && found.is_sound() && affected.empty())
            print_line("there is nothing to repair");
        return found.is_sound() && affected.empty() ? exit_ok : exit_damaged;
    }
    // First, so that a pack goes of which the disk gives nothing and the directory has all.
    Bytes added;
    if (!request.from.empty()) added = add_missing(repository, common, found, request.from);
    auto repaired =
        pack::repair(repository.packs(), found, [&] { return repository.exclude_readers(); });
    if (!repaired) throw repository.failure(repaired.error(), "repairing");

    const auto affected = find_affected(repository, snapshots, found);
    if (common.is_json) {
        auto lost = Json::array();
        for (const auto& [snapshot, problem] : affected)
            lost.push_back({{"snapshot", long_id(snapshot.id)}, {"path", json_text(problem.path)}});
        print_json({{"salvaged_chunks", repaired->salvaged},
                    {"lost_chunks", repaired->lost},
                    {"packs_removed", repaired->removed.size()},
                    {"packs_set_aside", repaired->set_aside.size()},
                    {"packs_unreadable", repaired->left.size()},
                    {"added_bytes", added.value},
                    {"lost", std::move(lost)}});
    } else {
        print_line(fmt::format(
            "{} damaged packs: {} chunks saved, {} lost; {} packs removed, {} set aside",
            repaired->removed.size() + repaired->set_aside.size(), repaired->salvaged,
            repaired->lost, repaired->removed.size(), repaired->set_aside.size()));
        for (const auto& [pack, error] : repaired->left)
            print_line(fmt::format("pack {} is left as it is, the disk gives nothing of it: {}",
                                   std::string_view{ObjectName{pack}}, describe(error)));
        if (!request.from.empty())
            print_line(fmt::format("{} added from {}", readable(added), printable(request.from)));
        for (const auto& [snapshot, problem] : affected)
            print_line(fmt::format("{}: snapshot {}: {}",
                                   problem.error.domain == Domain::system ? "NOT READ" : "LOST",
                                   short_id(snapshot.id),
                                   problem.path.empty() ? "its root" : printable(problem.path)));
        print_line(affected.empty()
                       ? "all snapshots are whole"
                       : "what is lost comes back by `repair --from` a directory that has it");
    }
    return affected.empty() && repaired->left.empty() ? exit_ok : exit_damaged;
}

}  // namespace packs
