#ifndef PACKS_COMMANDS_SAVE_TREE_HPP
#define PACKS_COMMANDS_SAVE_TREE_HPP

#include "commands/commands.hpp"

namespace packs {

struct TreeSaved {
    Snapshot snapshot;
    std::uint64_t unchanged = 0;
    std::uint64_t unreadable = 0;  ///< problems that leave something out
};

/// Saves a directory and makes it safe, with a snapshot of it.
TreeSaved save_tree(Repository& repository, const Common& common, const SaveRequest& request);

}  // namespace packs

#endif
