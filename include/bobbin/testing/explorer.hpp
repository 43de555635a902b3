#ifndef BOBBIN_TESTING_EXPLORER_HPP
#define BOBBIN_TESTING_EXPLORER_HPP

#include <bobbin/testing/crash_space.hpp>
#include <bobbin/testing/detail/replay.hpp>
#include <bobbin/testing/detail/seen_set.hpp>
#include <bobbin/testing/explore_report.hpp>
#include <bobbin/testing/failures.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing {

struct ExploreOptions {
    unsigned depth = 2;  ///< 1: crashes of the run; 2: also of the recoveries; …
    SimOptions disk{};
    bool garbage = false;                   ///< chunks being written may tear into garbage
    bool kills = true;                      ///< also the end of the process alone
    std::uint64_t exhaustive_limit = 2000;  ///< states of a barrier up to which all are taken
    std::uint64_t samples = 200;            ///< random ones of a larger barrier
    std::uint64_t seed = 1;
    /// At most; those of the run get one part in `depth` of it, shared out over all its barriers.
    std::uint64_t max_states = std::numeric_limits<std::uint64_t>::max();
    unsigned shard = 0;  ///< of `shards` parts, to explore in several processes
    unsigned shards = 1;
    std::optional<std::string> replay{};  ///< only this one, of a report
};

/// What a scenario is:
///
/// | expression | meaning |
/// |---|---|
/// | `S::Promise` | what the caller was told so far: regular; `p.hash()` gives `std::uint64_t` |
/// | `s.run(fs, promise)` | does the work and keeps `promise` up to date; calls `fs.barrier()` when something was acknowledged |
/// | `s.recover(fs, promise, failures)` | opens what a crash left, recovers, checks `promise` and its own invariants |
/// | `s.prepare(fs)` | optional: set-up that is durable before the run and not explored |
/// | `s.is_opaque(path)` | optional: pages of such a file are equivalent until synced |
///
/// All are deterministic: called twice they make the same calls. Exceptions count as failures.
template <class S>
concept Scenario = std::regular<typename S::Promise> &&
                   requires(S& s, SimFs fs, typename S::Promise& promise,
                            const typename S::Promise& promised, Failures& failures) {
                       s.run(fs, promise);
                       s.recover(fs, promised, failures);
                       { promised.hash() } -> std::convertible_to<std::uint64_t>;
                   };

/// Runs a scenario on a simulated disk, takes all states a crash may leave before each barrier, and
/// recovers from each; crashes in the recovery nest. A state is visited once. External sync.
template <Scenario S>
class Explorer {
public:
    using Promise = typename S::Promise;

    /// Throws std::invalid_argument where `options.replay` is no replay line.
    Explorer(S& scenario, ExploreOptions options)
        : scenario_{scenario}
        , options_{std::move(options)} {
        if (options_.replay) replayed_ = detail::parse_crashes(*options_.replay);
        if constexpr (requires(const std::string& path) {
                          { scenario.is_opaque(path) } -> std::convertible_to<bool>;
                      })
            is_opaque_ = [&scenario](const std::string& path) { return scenario.is_opaque(path); };
    }

    /// A disk on which the scenario is prepared.
    SimFs prepared() {
        if (!prepared_) {
            SimFs fs{options_.disk};
            if constexpr (requires { scenario_.prepare(fs); }) {
                scenario_.prepare(fs);
                fs.settle();
            }
            prepared_ = fs.disk();
        }
        return SimFs{*prepared_};
    }

    /// Explores `run(promise)`, which works on `fs`; barriers at which `counts()` is false are not
    /// looked at. `label` comes before the replay lines.
    template <class Run, class Counts>
    void explore(SimFs fs, Run&& run, Counts&& counts, std::string label = {}) {
        const auto begun = std::chrono::steady_clock::now();
        label_ = std::move(label);
        ++report_.runs;
        Promise promise{};
        Barriers barriers{.life = {0, false, {}}};
        fs.on_barrier([&](const SimDisk& disk) {
            ++report_.barriers;
            if (counts()) look(disk, promise, barriers);
        });
        guarded([&] { run(promise); }, "the run threw: ");
        fs.barrier();
        fs.on_barrier({});
        report_.operations += fs.disk().step();
        visit_all(barriers);
        report_.seconds +=
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    }

    const ExploreReport& report() const noexcept { return report_; }

private:
    std::optional<SimDisk> prepared_;
    /// Of one process: how deep it is in crashes and what led there.
    struct Life {
        unsigned depth = 0;
        bool power_cut = false;
        std::string path;
    };
    /// A barrier, and the new states that it offers.
    struct Point {
        std::uint64_t barrier = 0;
        std::shared_ptr<const CrashSpace> space;
        Promise promise;
        std::vector<std::optional<CrashChoice>> choices;  ///< empty: a kill
    };
    struct Barriers {
        Life life;
        std::uint64_t count = 0;
        std::vector<Point> points{};
    };

    void look(const SimDisk& disk, const Promise& promise, Barriers& barriers) {
        const auto number = barriers.count++;
        const auto depth = barriers.life.depth;
        if (options_.replay ? replayed_.at(depth).barrier != number : depth != 0 && is_full()) return;
        barriers.points.push_back({number,
                                   std::make_shared<const CrashSpace>(
                                       disk, CrashSpaceOptions{options_.garbage, is_opaque_}),
                                   promise,
                                   {}});
    }

    bool is_full() const noexcept { return seen_.size() >= options_.max_states; }

    void collect_all(Barriers& barriers) {
        const auto& life = barriers.life;
        auto left = barriers.points.size();
        for (auto& point : barriers.points) {
            if (options_.replay)
                point.choices.push_back(replayed_.at(life.depth).choice);
            else
                collect(point, life, life.depth == 0 ? share(left--) : options_.max_states);
        }
    }

    /// Of the states that are left, for one of `barriers`: the last are as good as the first.
    std::uint64_t share(std::size_t barriers) const noexcept {
        const auto most = options_.max_states / std::max(options_.depth, 1u);
        return most > seen_.size() ? (most - seen_.size()) / barriers + 1 : 1;
    }

    void collect(Point& point, const Life& life, std::uint64_t most) {
        const auto depth = static_cast<std::uint8_t>(life.depth + 1);
        if (options_.kills) {
            if (is_new(killed(*point.space), point.promise, life.power_cut, true, depth))
                point.choices.push_back({});
        }
        bool is_cut = false;
        const bool all = point.space->each(
            options_.exhaustive_limit, options_.samples, options_.seed ^ (point.barrier << 8),
            [&](const CrashChoice& choice) {
                is_cut = is_cut || is_full() || point.choices.size() >= most;
                if (is_cut) return;
                ++report_.raw_states;
                if (is_new(point.space->state(choice), point.promise, true, false, depth))
                    point.choices.push_back(choice);
            });
        if (is_cut) report_.truncated = true;
        if (all && !is_cut && life.depth == 0) ++report_.exhaustive_barriers;
    }

    bool is_new(const SimDisk& state, const Promise& promise, bool power_cut, bool kill,
                std::uint8_t depth) {
        detail::Hasher hasher;
        hasher.add(state.hash(kill));
        hasher.add(static_cast<std::uint64_t>(promise.hash()));
        hasher.add((power_cut ? 1u : 0u) + std::uint64_t{kill ? 2u : 0u});
        const auto hash = hasher.result();
        if (depth == 1 && options_.shards > 1 && hash.high % options_.shards != options_.shard)
            return false;
        const auto seen = seen_.note(hash, depth);
        if (seen == detail::SeenSet::Seen::never) ++report_.distinct_states;
        return seen != detail::SeenSet::Seen::already;
    }

    static SimDisk killed(const CrashSpace& space) {
        auto disk = space.disk();
        disk.collect([](detail::Inode) { return false; });
        disk.count_crash();
        return disk;
    }

    void visit_all(Barriers& barriers) {
        collect_all(barriers);
        for (auto& point : barriers.points) {
            for (const auto& choice : point.choices) visit(point, choice, barriers.life);
            point = {};
        }
    }

    void visit(const Point& point, const std::optional<CrashChoice>& choice, const Life& before) {
        if (choice && !point.space->contains(*choice)) {
            report_.add("the replay line is of another scenario", label_);
            return;
        }
        auto crash = detail::to_string(detail::CrashPoint{point.barrier, choice});
        const Life life{before.depth + 1, before.power_cut || choice,
                        before.path.empty() ? crash : before.path + '/' + crash};
        if (report_.recoveries.size() < life.depth) report_.recoveries.resize(life.depth);
        ++report_.recoveries[life.depth - 1];

        Barriers nested{.life = life};
        auto failures = recover(point, choice, life, &nested);
        for (const auto& message : failures.messages())
            if (!report_.found.contains(message))
                report_.add(message, label_ + shrunk(point, choice, before, message));
            else
                report_.add(message, {});
        visit_all(nested);
    }

    Failures recover(const Point& point, const std::optional<CrashChoice>& choice, const Life& life,
                     Barriers* nested) {
        SimFs fs{choice ? point.space->state(*choice) : killed(*point.space)};
        Failures failures{{life.power_cut, life.depth, label_ + life.path}};
        const bool deeper =
            options_.replay ? life.depth < replayed_.size() : life.depth < options_.depth;
        if (nested && deeper)
            fs.on_barrier([&](const SimDisk& disk) { look(disk, point.promise, *nested); });
        try {
            scenario_.recover(fs, point.promise, failures);
        } catch (const std::exception& e) {
            failures.add(std::string{"the recovery threw: "} + e.what());
        }
        if (nested && deeper) fs.barrier();
        fs.on_barrier({});
        return failures;
    }

    /// The replay line of a violation, with as much of the crash as can be left out: new versions
    /// in place of old ones as long as the same message comes.
    std::string shrunk(const Point& point, const std::optional<CrashChoice>& choice,
                       const Life& before, const std::string& message) {
        auto best = choice;
        const auto life = [&](const std::optional<CrashChoice>& of) {
            auto crash = detail::to_string(detail::CrashPoint{point.barrier, of});
            return Life{before.depth + 1, before.power_cut || of,
                        before.path.empty() ? crash : before.path + '/' + crash};
        };
        if (best && !options_.replay) {
            const auto newest = point.space->newest();
            for (std::size_t i = 0; i < std::min(newest.size(), most_shrinks); ++i) {
                if ((*best)[i] == newest[i]) continue;
                auto less = best;
                (*less)[i] = newest[i];
                const auto failures = recover(point, less, life(less), nullptr);
                if (std::ranges::find(failures.messages(), message) != failures.messages().end())
                    best = less;
            }
        }
        return life(best).path;
    }

    template <class F>
    void guarded(F&& f, const char* message) {
        try {
            f();
        } catch (const std::exception& e) {
            report_.add(message + std::string{e.what()}, label_);
        }
    }

    static constexpr std::size_t most_shrinks = 200;

    S& scenario_;
    ExploreOptions options_;
    CrashSpaceOptions::IsOpaque is_opaque_;
    std::string label_;
    std::vector<detail::CrashPoint> replayed_;
    detail::SeenSet seen_;
    ExploreReport report_;
};

/// Explores the crashes of one scenario.
template <Scenario S>
ExploreReport explore(S scenario, ExploreOptions options = {}) {
    Explorer<S> explorer{scenario, std::move(options)};
    auto fs = explorer.prepared();
    explorer.explore(
        fs, [&](typename S::Promise& promise) { scenario.run(fs, promise); }, [] { return true; });
    return explorer.report();
}

}  // namespace bobbin::testing

#endif
