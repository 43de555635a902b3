#ifndef PACKS_COMMANDS_VERIFY_HPP
#define PACKS_COMMANDS_VERIFY_HPP

#include "commands/commands.hpp"

#include <bobbin/pack/verify.hpp>

namespace packs {

using Report = bobbin::pack::VerifyReport<bobbin::Sha256>;

/// A path of a snapshot that can't be restored whole.
struct Affected {
    Snapshot snapshot;
    bobbin::pack::TreeProblem problem;
};

Report verify_packs(Repository& repository, const Common& common, unsigned percent);

/// Looks where all that snapshots need is stored.
/// @param snapshots as they were before the packs were listed
std::vector<Affected> find_affected(Repository& repository, const Snapshots& snapshots,
                                    const Report& report);

/// What is wrong with packs, and what that means.
void print_damage(const Common& common, const Report& report, const std::vector<Affected>& affected);

}  // namespace packs

#endif
