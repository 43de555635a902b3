#include "commands/commands.hpp"
#include "store/keep.hpp"

#include <bobbin/pack/prune.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <functional>

namespace packs {

using namespace bobbin;

namespace {

pack::LiveChunks live_chunks(Repository& repository, const std::vector<Snapshot>& snapshots) {
    pack::LiveChunks live;
    auto source = repository.source();
    for (const auto& snapshot : snapshots)
        if (auto added = live.add(source, snapshot.root); !added) {
            if (added.error().domain == Domain::system) {
                const auto why =
                    repository.failure(added.error(), "reading snapshot " + short_id(snapshot.id));
                throw Failure{why.code, why.what() + std::string{"; nothing was removed"}};
            }
            throw Failure{
                exit_damaged,
                fmt::format("snapshot {} can't be read: {}; what it needs is not known, so nothing "
                            "was removed: `bobbin-pack repair` it, or delete it",
                            short_id(snapshot.id), describe(added.error()))};
        }
    return live;
}

}  // namespace

int delete_snapshots(const Common& common, const std::vector<std::string>& references) {
    Repository repository{common.store, Repository::For::writing, common.wait};
    std::vector<Uuid> ids;
    for (const auto& reference : references) {
        if (reference == "latest")
            throw Failure{exit_usage,
                          "delete takes ids, not 'latest', which is another one afterwards"};
        const auto id = repository.find_id(reference);
        if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
    }
    repository.forget(ids);
    if (common.is_json) {
        auto json = Json::array();
        for (const auto& id : ids) json.push_back(long_id(id));
        print_json({{"deleted", std::move(json)}});
    } else if (!common.is_quiet) {
        for (const auto& id : ids) print_line("deleted snapshot " + short_id(id));
        print_line("`bobbin-pack prune` gives its room back");
    }
    return exit_ok;
}

int prune(const Common& common, const PruneRequest& request) {
    Repository repository{common.store,
                          request.is_dry ? Repository::For::reading : Repository::For::writing,
                          common.wait};
    auto [snapshots, damaged] = repository.snapshots();
    // What they need is not known.
    if (!damaged.empty())
        throw Failure{exit_damaged, words_of_damaged(damaged.front()) + "; nothing was removed"};
    std::vector<Snapshot> kept, gone;
    if (request.has_rules()) {
        const auto stays =
            choose_kept(snapshots, {request.last, request.hourly, request.daily, request.weekly,
                                    request.monthly, request.yearly, request.tags});
        if (!snapshots.empty() && std::ranges::none_of(stays, std::identity{}))
            throw Failure{exit_usage, "these rules keep no snapshot at all: nothing was deleted"};
        for (std::size_t n = 0; n < snapshots.size(); ++n)
            (stays[n] ? kept : gone).push_back(std::move(snapshots[n]));
    } else {
        kept = std::move(snapshots);
    }
    // Asked first: where a snapshot that stays is damaged, none goes.
    const auto live = live_chunks(repository, kept);
    if (!request.is_dry && !gone.empty()) {
        std::vector<Uuid> ids;
        for (const auto& snapshot : gone) ids.push_back(snapshot.id);
        repository.forget(ids);
    }

    pack::PruneOptions options;
    options.dead_percent = request.dead_percent;
    const Progress line{common, [] { return std::string{"removing what nothing needs"}; }};
    auto report = request.is_dry ? pack::plan_prune(repository.view(), live, options)
                                 : pack::prune(repository.packs(), live, options,
                                               [&] { return repository.exclude_readers(); });
    if (!report) throw repository.failure(report.error(), "pruning");
    if (common.is_json) {
        auto ids = Json::array();
        for (const auto& snapshot : gone) ids.push_back(long_id(snapshot.id));
        print_json({{"dry_run", request.is_dry},
                    {"snapshots_deleted", std::move(ids)},
                    {"snapshots_kept", kept.size()},
                    {"packs", report->packs},
                    {"packs_removed", report->removed},
                    {"packs_rewritten", report->rewritten},
                    {"bytes", report->before.value},
                    {"dead_bytes", report->dead.value},
                    {"freed_bytes", report->freed.value},
                    {"packs_unreadable", report->problems.size()}});
    } else {
        for (const auto& snapshot : gone)
            print_line(fmt::format(
                "{} snapshot {}  {}  {}", request.is_dry ? "would delete" : "deleted",
                short_id(snapshot.id), local_time(snapshot.time), printable(snapshot.path)));
        print_line(fmt::format(
            "{} snapshots stay; of {} in {} packs, {} {} dead: {} packs {}, {} {} anew",
            kept.size(), readable(report->before), report->packs, readable(report->dead),
            request.is_dry ? "is" : "was", report->removed, request.is_dry ? "would go" : "removed",
            report->rewritten, request.is_dry ? "would be written" : "written"));
        for (const auto& [pack, error] : report->problems)
            print_error(fmt::format("pack {} is left as it is: {}",
                                    std::string_view{ObjectName{pack}}, describe(error)));
    }
    if (report->problems.empty()) return exit_ok;
    return std::ranges::all_of(report->problems, &pack::PackProblem::is_refused) ? exit_failed
                                                                                 : exit_damaged;
}

}  // namespace packs
