#include "commands/save_tree.hpp"
#include "commands/verify.hpp"

#include <bobbin/pack/repair.hpp>

#include <fmt/core.h>

namespace packs {

using namespace bobbin;

int repair(const Common& common, const RepairRequest& request) {
    Repository repository{common.store, request.is_dry ? Repository::For::reading : Repository::For::writing,
                          common.wait};
    const auto found = verify_packs(repository, common, 100);
    if (request.is_dry) {
        const auto affected = find_affected(repository, found);
        print_damage(common, found, affected);
        if (!common.is_json && found.is_sound() && affected.empty())
            print_line("there is nothing to repair");
        return found.is_sound() && affected.empty() ? exit_ok : exit_damaged;
    }
    auto repaired =
        pack::repair(repository.packs(), found, [&] { return repository.exclude_readers(); });
    if (!repaired) throw repository.failure(repaired.error(), "repairing");
    Bytes added;
    if (!request.from.empty()) added = add_tree(repository, common, request.from);

    const auto left = verify_packs(repository, common, 0);
    const auto affected = find_affected(repository, left);
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
        print_line(fmt::format("{} damaged packs: {} chunks saved, {} lost; {} packs removed, {} set aside",
                               repaired->removed.size() + repaired->set_aside.size(),
                               repaired->salvaged, repaired->lost, repaired->removed.size(),
                               repaired->set_aside.size()));
        for (const auto& [pack, error] : repaired->left)
            print_line(fmt::format("pack {} is left as it is: {}",
                                   std::string_view{ObjectName{pack}}, describe(error)));
        if (!request.from.empty())
            print_line(fmt::format("{} added from {}", readable(added), printable(request.from)));
        for (const auto& [snapshot, problem] : affected)
            print_line(fmt::format("LOST: snapshot {}: {}", short_id(snapshot.id),
                                   problem.path.empty() ? "its root" : printable(problem.path)));
        print_line(affected.empty() ? "all snapshots are whole"
                                    : "what is lost comes back by `repair --from` a directory that has it");
    }
    return affected.empty() && repaired->left.empty() ? exit_ok : exit_damaged;
}

}  // namespace packs
