#ifndef BOBBIN_PACK_DETAIL_SAVE_STATE_HPP
#define BOBBIN_PACK_DETAIL_SAVE_STATE_HPP

#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/file_cache.hpp>
#include <bobbin/pack/save_options.hpp>

#include <cerrno>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// What a failed call on a name that was listed means.
constexpr SaveProblemKind problem_of(const Error& error) noexcept {
    const bool has_vanished = error.is_errno(ENOENT) || error.is_errno(ESTALE) ||
                              error.is_errno(ENOTDIR) || error.is_errno(ELOOP) ||
                              error.is_errno(ENXIO);
    return has_vanished ? SaveProblemKind::vanished : SaveProblemKind::unreadable;
}

/// What the threads of a save share. Internally synchronised, but for what is set before they begin.
template <TreeFileSystem Fs>
class SaveState {
public:
    SaveState(Fs file_system, const SaveOptions& chosen, FileCache<Fs>* last)
        : fs{std::move(file_system)}
        , options{chosen}
        , cache{last} {}

    Fs fs;
    const SaveOptions& options;
    FileCache<Fs>* const cache;
    std::uint64_t root_device = 0;

    void tell(SaveProblem problem) {
        const std::lock_guard lock{mutex_};
        if (options.on_problem) options.on_problem(problem);
    }
    void add(const SaveCounts& counts) {
        if (options.progress) options.progress->add(counts);
        const std::lock_guard lock{mutex_};
        counts_.add(counts);
    }
    const SaveCounts& counts() const noexcept { return counts_; }

    std::string owner_name(bool is_group, std::uint32_t id) {
        const std::lock_guard lock{mutex_};
        auto [at, is_new] = owners_.try_emplace({is_group, id});
        if (is_new) {
            at->second = is_group ? options.group_name(id) : options.user_name(id);
            if (!is_text(at->second, 0, TreeLimits::owner_name)) at->second.clear();
        }
        return at->second;
    }

    /// What the cache says is worth nothing where users or groups are called otherwise now.
    void check_owners() {
        for (const auto& owner : cache->owners())
            if (owner_name(owner.is_group, owner.id) != owner.name) return cache->forget();
    }
    std::vector<CachedOwner> owners() const {
        std::vector<CachedOwner> all;
        for (const auto& [key, name] : owners_) all.push_back({key.second, key.first, name});
        return all;
    }

private:
    std::mutex mutex_;
    SaveCounts counts_;
    std::map<std::pair<bool, std::uint32_t>, std::string> owners_;
};

}  // namespace bobbin::pack::detail

#endif
