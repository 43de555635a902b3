#ifndef PACKS_COMMANDS_SAVE_TREE_HPP
#define PACKS_COMMANDS_SAVE_TREE_HPP

#include "cli/output.hpp"
#include "commands/commands.hpp"

#include <bobbin/pack/save_options.hpp>

#include <string>

namespace packs {

struct TreeSaved {
    Snapshot snapshot;
    std::uint64_t unchanged = 0;
    std::uint64_t unreadable = 0;  ///< problems that leave something out
};

/// In words, `real` being what is saved.
std::string words_of(const bobbin::pack::SaveProblem& problem, const std::string& real);
/// For a line of progress.
std::string words_of(const bobbin::pack::SaveProgress& progress, const Rate& rate);

/// Saves a directory and makes it safe, with a snapshot of it.
TreeSaved save_tree(Repository& repository, const Common& common, const SaveRequest& request);

}  // namespace packs

#endif
