#ifndef PACKS_STORE_KEEP_HPP
#define PACKS_STORE_KEEP_HPP

#include <bobbin/pack/snapshot.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace packs {

/// Which snapshots stay. Of each period that has some, the last of it stays, for as many periods as said,
/// counted from the newest, in local time; weeks begin on Monday. Each path by itself, and automatic
/// ones by themselves. The last that was saved stays with any of these rules.
struct KeepRules {
    unsigned last = 0;  ///< in the order of saving
    unsigned hourly = 0;
    unsigned daily = 0;
    unsigned weekly = 0;
    unsigned monthly = 0;
    unsigned yearly = 0;
    std::vector<std::string> tags;  ///< all that have one of them
};

/// Taken by a restore of what it was about to change: nobody's latest save.
bool is_automatic(const bobbin::pack::Snapshot& snapshot);
inline constexpr std::string_view automatic_tag = "before-restore";

/// Whether each of `snapshots`, which are in the order of saving, stays.
std::vector<bool> choose_kept(const std::vector<bobbin::pack::Snapshot>& snapshots,
                              const KeepRules& rules);

}  // namespace packs

#endif
