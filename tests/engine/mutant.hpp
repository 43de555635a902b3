#ifndef BOBBIN_TESTS_ENGINE_MUTANT_HPP
#define BOBBIN_TESTS_ENGINE_MUTANT_HPP

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engine_tests {

/// A step of the protocol: a call that the engine makes of its policies.
enum class Step {
    // of a file that grows
    append,
    flush,
    sync_file,
    close_file,
    // of a file that is cut back
    truncate,
    write_again,
    sync_cut,
    // of a directory
    remove_file,
    sync_directory,
    write_identity,
    probe,
    // of a transaction
    put_growing,
    put_committed,
    put_garbage,
    put_index,
    put_digests,
    put_tail,
    put_soft_mark,
    drop_tail,
    drop_soft_mark,
    make_garbage,
    forget,
    reserve,
    complete_open,
    commit,
    soft_commit,
    // Decisions, which can only be taken wrongly.
    trust_no_failed_sync,
    wait_for_garbage_row,
    keep_garbage_row,
    write_mark,
    commit_durably
};
inline constexpr std::size_t steps = static_cast<std::size_t>(Step::commit_durably) + 1;
inline constexpr std::size_t calls = static_cast<std::size_t>(Step::soft_commit) + 1;

constexpr std::string_view name_of(Step step) noexcept {
    constexpr std::string_view names[] = {"append",
                                          "flush",
                                          "sync of a file",
                                          "close",
                                          "truncation to a mark",
                                          "bytes written again",
                                          "sync of what was cut",
                                          "unlink",
                                          "sync of a directory",
                                          "identity file",
                                          "look for a file without a row",
                                          "row of a growing object",
                                          "row of a whole object",
                                          "row of an object given up",
                                          "index",
                                          "block digests",
                                          "tail",
                                          "soft mark",
                                          "removal of a tail",
                                          "removal of a soft mark",
                                          "garbage row",
                                          "forget",
                                          "reservation of numbers",
                                          "completion of an open",
                                          "commit",
                                          "soft commit",
                                          "failed sync is final",
                                          "unlink waits for the garbage row",
                                          "garbage row is kept",
                                          "mark is written",
                                          "commits are durable"};
    static_assert(std::size(names) == steps);
    return names[static_cast<std::size_t>(step)];
}

enum class Effect { skipped, doubled, late };

constexpr std::string_view name_of(Effect effect) noexcept {
    constexpr std::string_view names[] = {"skipped", "doubled", "after the next step"};
    return names[static_cast<std::size_t>(effect)];
}

/// One step done wrongly, wherever it occurs.
struct Mutant {
    Step step;
    Effect effect;

    std::string name() const {
        return std::string{name_of(step)} + ": " + std::string{name_of(effect)};
    }
};

inline std::vector<Mutant> all_mutants() {
    std::vector<Mutant> all;
    for (std::size_t step = 0; step < steps; ++step)
        for (const auto effect : {Effect::skipped, Effect::doubled, Effect::late})
            if (step < calls || effect == Effect::skipped)
                all.push_back({static_cast<Step>(step), effect});
    return all;
}

/// Why a mutant does no harm; nothing for all that must be found.
inline std::optional<std::string_view> excuse(const Mutant& mutant) noexcept {
    // A commit ends its transaction; the identity's calls are counted by a scenario.
    if (mutant.effect == Effect::doubled && mutant.step != Step::append &&
        mutant.step != Step::commit && mutant.step != Step::soft_commit &&
        mutant.step != Step::write_identity)
        return "what was done already is done again without harm";
    if (mutant.effect == Effect::late && mutant.step == Step::put_index)
        return "all steps of a transaction happen together, and another one follows before its end";
    if (mutant.step == Step::close_file) return "a file that goes is closed by itself";
    return {};
}

/// The one that lives in this thread now.
inline thread_local std::optional<Mutant> mutant;
/// How often its step came by.
inline thread_local std::size_t mutant_hits = 0;

struct Mutating {
    explicit Mutating(const Mutant& with) {
        mutant = with;
        mutant_hits = 0;
    }
    Mutating(const Mutating&) = delete;
    Mutating& operator=(const Mutating&) = delete;
    ~Mutating() { mutant.reset(); }
};

}  // namespace engine_tests

#endif
