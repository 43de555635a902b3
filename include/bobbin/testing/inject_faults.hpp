#ifndef BOBBIN_TESTING_INJECT_FAULTS_HPP
#define BOBBIN_TESTING_INJECT_FAULTS_HPP

#include <bobbin/testing/explorer.hpp>
#include <bobbin/testing/faulty_fs.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::testing {

struct InjectOptions {
    std::vector<int> errors{EIO, ENOSPC, EINTR, EMFILE};
    CallSet calls = CallSet::all().without({Call::status, Call::space});
    bool once = true;
    bool for_ever = true;         ///< but for EINTR, which is repeated until it succeeds
    bool short_transfers = true;  ///< reads and writes that handle half
    std::uint64_t first = 1;  ///< of the N-th calls that fail; with `stride`, for several processes
    std::uint64_t stride = 1;
    std::uint64_t max_nth = 100'000;
    /// What is explored after each fault; crashes before it are those of `explore`.
    ExploreOptions explore = {.depth = 1, .exhaustive_limit = 64, .samples = 20};
};

namespace detail {

/// `5@17`, `5@17+` for ever, `short@17`; then the crashes follow after a blank.
inline std::string to_string(const Fault& fault) {
    auto text =
        fault.effect == Fault::Effect::short_transfer ? "short" : std::to_string(fault.error);
    return text + '@' + std::to_string(fault.nth) + (fault.for_ever ? "+ " : " ");
}

/// Takes a fault off the front of a replay line. Throws std::invalid_argument.
inline Fault take_fault(std::string_view& text, CallSet calls) {
    Fault fault{calls};
    if (take(text, "short"))
        fault = {{Call::read, Call::write}, 1, false, 0, Fault::Effect::short_transfer};
    else
        fault.error = static_cast<int>(parse_number(text));
    if (!take(text, "@")) throw std::invalid_argument{"a replay line lacks its '@'"};
    fault.nth = parse_number(text);
    fault.for_ever = take(text, "+");
    (void)take(text, " ");
    return fault;
}

template <class S>
class Injector {
public:
    Injector(S& scenario, InjectOptions options)
        : scenario_{scenario}
        , options_{std::move(options)} {}

    ExploreReport run() {
        if (options_.explore.replay) return replay();
        Explorer<S> explorer{scenario_, options_.explore};
        for (const int error : options_.errors) {
            if (options_.once) sweep(explorer, {options_.calls, 1, false, error});
            if (options_.for_ever && error != EINTR)
                sweep(explorer, {options_.calls, 1, true, error});
        }
        if (options_.short_transfers)
            sweep(explorer,
                  {{Call::read, Call::write}, 1, false, 0, Fault::Effect::short_transfer});
        return finished(explorer);
    }

private:
    ExploreReport replay() {
        std::string_view line = *options_.explore.replay;
        const auto fault = take_fault(line, options_.calls);
        auto explore = options_.explore;
        explore.replay = std::string{line};
        Explorer<S> explorer{scenario_, explore};
        (void)meets(explorer, fault);
        return finished(explorer);
    }

    ExploreReport finished(const Explorer<S>& explorer) const {
        auto report = explorer.report();
        report.faults = faults_;
        return report;
    }

    /// The N-th call fails, for all N until the scenario passes untouched.
    void sweep(Explorer<S>& explorer, Fault fault) {
        for (fault.nth = options_.first; fault.nth <= options_.max_nth;
             fault.nth += options_.stride)
            if (!meets(explorer, fault)) return;
    }

    bool meets(Explorer<S>& explorer, const Fault& fault) {
        const auto ground = explorer.prepared();
        FaultyFs<SimFs> fs{ground};
        fs.plan().add(fault);
        bool met = false;
        explorer.explore(
            ground,
            [&](typename S::Promise& promise) {
                scenario_.run(fs, promise);
                met = fs.plan().hits() != 0;
            },
            [&] { return fs.plan().hits() != 0; }, to_string(fault));
        met = met || fs.plan().hits() != 0;
        faults_ += met ? 1 : 0;
        return met;
    }

    S& scenario_;
    InjectOptions options_;
    std::uint64_t faults_ = 0;
};

}  // namespace detail

/// Lets each call of `scenario.run(fs, promise)` fail in turn, where `fs` is a `FaultyFs<SimFs>`,
/// and explores what crashes after the fault leave; a kill at the end is the plain restart.
/// The run meets errors as a program does: what failed is not promised, and it comes to an end.
template <Scenario S>
    requires requires(S& s, FaultyFs<SimFs> fs, typename S::Promise& promise) {
        s.run(fs, promise);
    }
ExploreReport inject_faults(S scenario, InjectOptions options = {}) {
    return detail::Injector<S>{scenario, std::move(options)}.run();
}

}  // namespace bobbin::testing

#endif
