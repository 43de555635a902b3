#ifndef BOBBIN_TESTING_CRASH_SPACE_HPP
#define BOBBIN_TESTING_CRASH_SPACE_HPP

#include <bobbin/testing/detail/random.hpp>
#include <bobbin/testing/sim_disk.hpp>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing {

/// One version for each thing that a crash decides about, in the order of a `CrashSpace`.
using CrashChoice = std::vector<std::uint16_t>;

struct CrashSpaceOptions {
    using IsOpaque = std::function<bool(const std::string& path)>;
    bool garbage = false;  ///< a chunk that was being written may be neither old nor new
    IsOpaque is_opaque{};  ///< files that no row refers to yet: a few states stand for all
};

/// Everything that a power cut at one moment may leave of a disk. Immutable.
class CrashSpace {
public:
    explicit CrashSpace(SimDisk disk, const CrashSpaceOptions& options = {})
        : disk_{std::move(disk)}
        , garbage_{options.garbage} {
        add_names();
        for (const auto inode : possible_inodes()) add_file(inode, options.is_opaque);
    }
    CrashSpace(const CrashSpace&) = delete;
    CrashSpace& operator=(const CrashSpace&) = delete;

    const SimDisk& disk() const noexcept { return disk_; }
    std::size_t axes() const noexcept { return axes_.size(); }

    /// How many choices there are; several may come to the same state.
    double size() const noexcept {
        double product = 1;
        for (const auto& axis : axes_) product *= static_cast<double>(axis.versions);
        return product;
    }
    bool contains(const CrashChoice& choice) const noexcept {
        return std::ranges::equal(
            choice, axes_, [](auto version, const Axis& axis) { return version < axis.versions; });
    }
    CrashChoice oldest() const { return CrashChoice(axes_.size(), 0); }
    CrashChoice newest() const { return at_step(std::numeric_limits<std::uint64_t>::max()); }

    /// The disk as it is found after the crash; all that is on it is durable.
    SimDisk state(const CrashChoice& choice) const {
        auto names = disk_.durable_names();
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            const auto& group = *groups_[i].group;
            for (std::size_t n = 0; n < groups_[i].prefixes[choice[i]]; ++n) {
                const auto& change = group.changes[n];
                if (change.inode == detail::no_inode)
                    names.erase(change.path);
                else
                    names[change.path] = change.inode;
            }
        }
        auto disk = disk_.bare();
        for (const auto& [path, inode] : names) {
            const auto file = files_.find(inode);
            disk.place(path, inode,
                       file == files_.end() ? disk_.node(inode).durable
                                            : content(file->second, choice));
        }
        return disk;
    }

    /// Calls `f(choice)` for every choice if they are at most `limit`, and answers true. Else for
    /// all old, all new, every moment in between, every single and double deviation (of many
    /// doubles a sample) and `samples` random ones.
    template <class F>
    bool each(std::uint64_t limit, std::uint64_t samples, std::uint64_t seed, F&& f) const {
        if (size() <= static_cast<double>(limit)) {
            each_of_all(f);
            return true;
        }
        const auto old = oldest(), fresh = newest();
        for (const auto step : steps()) f(at_step(step));
        for (const auto* base : {&fresh, &old}) {
            f(*base);
            for (std::size_t i = 0; i < axes_.size(); ++i)
                for (std::uint16_t v = 0; v < axes_[i].versions; ++v) f(with(*base, i, v));
        }
        detail::Random random{seed};
        const auto pair = [&](std::size_t i, std::size_t j) {
            f(with(with(fresh, i, 0), j, 0));
            f(with(with(old, i, fresh[i]), j, fresh[j]));
        };
        if (const auto most = pairs_for_each_sample * samples;
            axes_.size() * (axes_.size() - 1) / 2 <= most) {
            for (std::size_t i = 0; i < axes_.size(); ++i)
                for (std::size_t j = i + 1; j < axes_.size(); ++j) pair(i, j);
        } else {
            for (std::uint64_t n = 0; n < most; ++n)
                pair(random() % axes_.size(), random() % axes_.size());
        }
        for (std::uint64_t n = 0; n < samples; ++n) {
            CrashChoice choice;
            for (const auto& axis : axes_)
                choice.push_back(static_cast<std::uint16_t>(random() % axis.versions));
            f(choice);
        }
        return false;
    }

private:
    static constexpr std::uint64_t pairs_for_each_sample = 10;

    struct Axis {
        std::uint16_t versions = 1;
        std::vector<std::uint64_t> steps;  ///< from which on each version is there; ascending
    };
    struct Names {
        const detail::NameGroup* group = nullptr;
        std::vector<std::size_t> prefixes;
    };
    struct File {
        const SimDisk::Node* node = nullptr;
        detail::Inode inode = detail::no_inode;
        bool opaque = false;
        bool has_size = false;
        std::size_t first_axis = 0;
        std::size_t axes = 0;
    };
    enum Representative : std::uint16_t {
        nothing,
        all,
        prefix,
        hole,
        size_only,
        garbage_head,
        garbage_tail,
        representatives
    };

    void add_names() {
        for (const auto& group : disk_.pending_names().groups()) {
            Names names{&group, group.prefixes()};
            Axis axis{static_cast<std::uint16_t>(names.prefixes.size()), {0}};
            for (std::size_t i = 1; i < names.prefixes.size(); ++i)
                axis.steps.push_back(group.changes[names.prefixes[i] - 1].step);
            groups_.push_back(std::move(names));
            axes_.push_back(std::move(axis));
        }
    }

    std::set<detail::Inode> possible_inodes() const {
        std::set<detail::Inode> inodes;
        for (const auto& [path, inode] : disk_.durable_names()) inodes.insert(inode);
        for (const auto& group : disk_.pending_names().groups())
            for (const auto& change : group.changes)
                if (change.inode != detail::no_inode) inodes.insert(change.inode);
        return inodes;
    }

    void add_file(detail::Inode inode, const CrashSpaceOptions::IsOpaque& is_opaque) {
        const auto& node = disk_.node(inode);
        const auto& pending = node.pending;
        if (pending.empty()) return;
        File file{&node,        inode, is_opaque && is_opaque(node.origin), !pending.sizes.empty(),
                  axes_.size(), 0};
        if (file.opaque) {
            const std::uint16_t versions =
                pending.chunks.empty() ? 2 : std::uint16_t{representatives};
            axes_.push_back({versions, {0, last_step(pending)}});
        } else {
            if (file.has_size) axes_.push_back(axis_of(pending.sizes, false));
            for (const auto& [index, chunk] : pending.chunks)
                axes_.push_back(axis_of(chunk.versions, garbage_));
        }
        file.axes = axes_.size() - file.first_axis;
        files_.emplace(inode, file);
    }

    template <class Versions>
    static Axis axis_of(const Versions& versions, bool garbage) {
        Axis axis{static_cast<std::uint16_t>(versions.size() + (garbage ? 1 : 0)), {}};
        for (const auto& version : versions) axis.steps.push_back(version.step);
        return axis;
    }

    static std::uint64_t last_step(const detail::PendingFile& pending) {
        auto last = pending.sizes.empty() ? 0 : pending.sizes.back().step;
        for (const auto& [index, chunk] : pending.chunks)
            last = std::max(last, chunk.versions.back().step);
        return last;
    }

    CrashChoice at_step(std::uint64_t step) const {
        CrashChoice choice;
        for (const auto& axis : axes_) {
            const auto after = std::ranges::upper_bound(axis.steps, step);
            choice.push_back(static_cast<std::uint16_t>(after - axis.steps.begin() - 1));
        }
        return choice;
    }
    std::set<std::uint64_t> steps() const {
        std::set<std::uint64_t> all_steps;
        for (const auto& axis : axes_) all_steps.insert(axis.steps.begin(), axis.steps.end());
        return all_steps;
    }
    static CrashChoice with(CrashChoice choice, std::size_t axis, std::uint16_t version) {
        choice[axis] = version;
        return choice;
    }
    template <class F>
    void each_of_all(F&& f) const {
        auto choice = oldest();
        for (;;) {
            f(std::as_const(choice));
            std::size_t i = 0;
            while (i < axes_.size() && ++choice[i] == axes_[i].versions) choice[i++] = 0;
            if (i == axes_.size()) return;
        }
    }

    detail::ContentRef content(const File& file, const CrashChoice& choice) const {
        const auto* versions = choice.data() + file.first_axis;
        if (std::all_of(versions, versions + file.axes, [](auto v) { return v == 0; }))
            return file.node->durable;
        auto made = std::make_shared<detail::SimContent>(*file.node->durable);
        if (file.opaque)
            represent(*made, file, static_cast<Representative>(*versions));
        else
            choose(*made, file, versions);
        made->trim(disk_.options().chunk);
        return made;
    }

    void choose(detail::SimContent& made, const File& file, const std::uint16_t* versions) const {
        const auto& pending = file.node->pending;
        std::uint64_t size_step = 0;
        if (file.has_size) {
            const auto& size = pending.sizes[*versions++];
            made.set_size(size.value);
            size_step = size.step;
        }
        for (const auto& [index, chunk] : pending.chunks) {
            const auto version = *versions++;
            made.set_chunk(index, version == chunk.versions.size()
                                      ? garbage(file.inode, index)
                                      : consistent(pending, chunk, index, version, size_step));
        }
    }

    /// Size and what a truncation cut off change together: the nearest version for which they do.
    static const detail::ChunkRef& consistent(const detail::PendingFile& pending,
                                              const detail::PendingChunk& chunk,
                                              std::uint64_t index, std::size_t version,
                                              std::uint64_t size_step) {
        std::uint64_t from = 0, until = std::numeric_limits<std::uint64_t>::max();
        for (const auto& cut : pending.cuts) {
            if (index < cut.first_chunk) continue;
            if (cut.step <= size_step)
                from = cut.step;
            else
                until = std::min(until, cut.step);
        }
        const auto& versions = chunk.versions;
        while (version > 0 && versions[version].step >= until) --version;
        while (version + 1 < versions.size() && versions[version + 1].step <= from) ++version;
        return versions[version].value;
    }

    void represent(detail::SimContent& made, const File& file, Representative which) const {
        const auto& pending = file.node->pending;
        auto step = std::numeric_limits<std::uint64_t>::max();
        if (which == prefix) step = middle_step(pending);
        const auto latest = [&](const auto& versions) -> const auto& {
            const auto after =
                std::ranges::upper_bound(versions, step, {}, [](const auto& v) { return v.step; });
            return std::prev(after)->value;
        };
        if (file.has_size) made.set_size(latest(pending.sizes));
        if (which == size_only) return;
        for (const auto& [index, chunk] : pending.chunks)
            made.set_chunk(index, latest(chunk.versions));
        if (which == hole) {
            const auto middle = std::next(pending.chunks.begin(),
                                          static_cast<std::ptrdiff_t>(pending.chunks.size() / 2));
            made.set_chunk(middle->first, middle->second.versions.front().value);
        }
        if (which == garbage_head || which == garbage_tail) {
            const auto index =
                which == garbage_head ? pending.chunks.begin()->first : pending.chunks.rbegin()->first;
            made.set_chunk(index, garbage(file.inode, index));
        }
    }

    static std::uint64_t middle_step(const detail::PendingFile& pending) {
        std::vector<std::uint64_t> all_steps;
        for (const auto& size : pending.sizes) all_steps.push_back(size.step);
        for (const auto& [index, chunk] : pending.chunks)
            for (const auto& version : chunk.versions) all_steps.push_back(version.step);
        std::ranges::sort(all_steps);
        return all_steps[all_steps.size() / 2];
    }

    detail::ChunkRef garbage(detail::Inode inode, std::uint64_t index) const {
        auto chunk = std::make_shared<detail::SimChunk>(disk_.options().chunk);
        detail::Random random{(std::uint64_t{inode} << 32) ^ index};
        for (auto& byte : chunk->bytes()) byte = static_cast<std::byte>(random());
        return chunk;
    }

    SimDisk disk_;
    bool garbage_;
    std::vector<Axis> axes_;
    std::vector<Names> groups_;  ///< of the first axes
    std::map<detail::Inode, File> files_;
};

}  // namespace bobbin::testing

#endif
