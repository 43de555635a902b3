#ifndef BOBBIN_TESTING_DETAIL_SIM_VERSIONS_HPP
#define BOBBIN_TESTING_DETAIL_SIM_VERSIONS_HPP

#include <bobbin/testing/detail/sim_content.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bobbin::testing::detail {

using Inode = std::uint32_t;
inline constexpr Inode no_inode = 0;

/// A value that a crash may leave behind, and the step in which it came to be; step 0 is the
/// durable one.
template <class T>
struct Version {
    std::uint64_t step = 0;
    T value{};
};

/// What became of a page's newest version.
enum class PageState : std::uint8_t {
    dirty,
    in_flight,  ///< write-back was started
    clean,      ///< written back; a sync has yet to make it durable
    lost,       ///< its write failed, yet it counts as clean: no later sync decides for it
};

struct PendingChunk {
    std::vector<Version<ChunkRef>> versions;
    PageState state = PageState::dirty;
    std::uint32_t written = 0;  ///< the version that was written back last; 0: the durable one
};

/// What a truncation removed comes back with the old size or not at all.
struct SimCut {
    std::uint64_t step = 0;
    std::uint64_t first_chunk = 0;
};

/// What happened to one file since its last sync.
struct PendingFile {
    std::map<std::uint64_t, PendingChunk> chunks;
    std::vector<Version<std::uint64_t>> sizes;
    std::vector<SimCut> cuts;

    bool empty() const noexcept { return chunks.empty() && sizes.empty(); }
};

struct NameChange {
    std::uint64_t step = 0;
    std::string path;
    Inode inode = no_inode;  ///< none: the name is gone
};

/// Names whose changes reach the disk in order: a prefix of `changes` is durable after a crash.
struct NameGroup {
    std::vector<NameChange> changes;

    /// The ends of the prefixes, cutting no step in two; the first is 0.
    std::vector<std::size_t> prefixes() const {
        std::vector<std::size_t> ends{0};
        for (std::size_t i = 0; i < changes.size(); ++i)
            if (i + 1 == changes.size() || changes[i + 1].step != changes[i].step)
                ends.push_back(i + 1);
        return ends;
    }
};

/// The changes to names since the last syncs of their directories.
class PendingNames {
public:
    bool empty() const noexcept { return groups_.empty(); }
    const std::vector<NameGroup>& groups() const noexcept { return groups_; }

    void add(NameChange change, bool ordered) {
        const auto at = ordered ? single_group() : group_of(change.path);
        groups_[at].changes.push_back(std::move(change));
    }
    /// Both names change together from here on.
    void tie(const std::string& first, const std::string& second) {
        const auto a = group_of(first), b = group_of(second);
        if (a == b) return;
        auto moved = std::exchange(groups_[b].changes, {});
        auto& into = groups_[a].changes;
        into.insert(into.end(), moved.begin(), moved.end());
        std::ranges::stable_sort(into, {}, &NameChange::step);
        for (const auto& change : into) index_[change.path] = a;
        index_[second] = a;
    }
    /// Takes out the groups for which `is_durable(path)` and tells `apply` of their changes.
    template <class IsDurable, class Apply>
    void settle(IsDurable&& is_durable, Apply&& apply) {
        std::vector<NameGroup> kept;
        for (auto& group : groups_) {
            if (group.changes.empty()) continue;
            if (is_durable(group.changes.front().path))
                for (const auto& change : group.changes) apply(change);
            else
                kept.push_back(std::move(group));
        }
        groups_ = std::move(kept);
        index_.clear();
        for (std::size_t i = 0; i < groups_.size(); ++i)
            for (const auto& change : groups_[i].changes) index_[change.path] = i;
    }

private:
    std::size_t single_group() {
        if (groups_.empty()) groups_.emplace_back();
        return 0;
    }
    std::size_t group_of(const std::string& path) {
        const auto [at, is_new] = index_.try_emplace(path, groups_.size());
        if (is_new) groups_.emplace_back();
        return at->second;
    }
    std::vector<NameGroup> groups_;
    std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace bobbin::testing::detail

#endif
