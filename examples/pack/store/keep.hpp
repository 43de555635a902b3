#ifndef PACKS_STORE_KEEP_HPP
#define PACKS_STORE_KEEP_HPP

#include <bobbin/pack/snapshot.hpp>

#include <string>
#include <vector>

namespace packs {

/// Which snapshots stay. Of each period that has some, the last of it stays, for as many periods as said,
/// counted from the newest, in local time; weeks begin on Monday. Each path by itself.
struct KeepRules {
    unsigned last = 0;
    unsigned hourly = 0;
    unsigned daily = 0;
    unsigned weekly = 0;
    unsigned monthly = 0;
    unsigned yearly = 0;
    std::vector<std::string> tags;  ///< all that have one of them
};

/// Whether each of `snapshots`, which are in the order of saving, stays.
std::vector<bool> choose_kept(const std::vector<bobbin::pack::Snapshot>& snapshots,
                              const KeepRules& rules);

}  // namespace packs

#endif
