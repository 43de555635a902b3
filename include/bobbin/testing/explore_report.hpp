#ifndef BOBBIN_TESTING_EXPLORE_REPORT_HPP
#define BOBBIN_TESTING_EXPLORE_REPORT_HPP

#include <algorithm>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing {

/// What an exploration did and found. Reports of several scenarios or processes add up.
struct ExploreReport {
    struct Violation {
        std::uint64_t count = 0;
        std::string replay;  ///< of the first one: the option `replay` repeats it
    };
    std::uint64_t runs = 0;
    std::uint64_t faults = 0;  ///< runs in which an injected fault was met
    std::uint64_t operations = 0;
    std::uint64_t barriers = 0;
    std::uint64_t exhaustive_barriers = 0;  ///< at which every state was taken
    std::uint64_t raw_states = 0;
    std::uint64_t distinct_states = 0;
    std::vector<std::uint64_t> recoveries;  ///< by depth; the first are crashes of the run
    std::uint64_t violations = 0;
    std::map<std::string, Violation> found;  ///< by message
    bool truncated = false;                  ///< `max_states` was reached
    double seconds = 0;

    std::uint64_t all_recoveries() const noexcept {
        std::uint64_t sum = 0;
        for (const auto count : recoveries) sum += count;
        return sum;
    }
    double states_per_second() const noexcept {
        return seconds > 0 ? static_cast<double>(all_recoveries()) / seconds : 0;
    }
    void add(const std::string& message, std::string replay) {
        ++violations;
        auto& violation = found[message];
        if (violation.count++ == 0) violation.replay = std::move(replay);
    }
    /// States that several reports met are counted by each.
    ExploreReport& merge(const ExploreReport& other) {
        runs += other.runs;
        faults += other.faults;
        operations += other.operations;
        barriers += other.barriers;
        exhaustive_barriers += other.exhaustive_barriers;
        raw_states += other.raw_states;
        distinct_states += other.distinct_states;
        recoveries.resize(std::max(recoveries.size(), other.recoveries.size()));
        for (std::size_t i = 0; i < other.recoveries.size(); ++i)
            recoveries[i] += other.recoveries[i];
        violations += other.violations;
        for (const auto& [message, violation] : other.found) {
            auto& mine = found[message];
            if (mine.count == 0) mine.replay = violation.replay;
            mine.count += violation.count;
        }
        truncated = truncated || other.truncated;
        seconds += other.seconds;
        return *this;
    }

    friend std::ostream& operator<<(std::ostream& out, const ExploreReport& report) {
        out << report.runs << " runs, " << report.faults << " with faults, " << report.operations
            << " operations, " << report.barriers << " barriers (" << report.exhaustive_barriers
            << " exhaustive), " << report.raw_states << " raw and " << report.distinct_states
            << " distinct states, recoveries by depth:";
        for (const auto count : report.recoveries) out << ' ' << count;
        out << ", " << static_cast<std::uint64_t>(report.states_per_second()) << " states/s, "
            << report.violations << " violations";
        if (report.truncated) out << ", stopped at the most states";
        for (const auto& [message, violation] : report.found)
            out << "\n  " << violation.count << " x " << message << "\n    replay "
                << violation.replay;
        return out;
    }
};

}  // namespace bobbin::testing

#endif
