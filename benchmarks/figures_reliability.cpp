// Prints what the reliability claims rest on: crash states explored, errors injected, mutants of the protocol.
//   figures_reliability [--states N] [--depth N] [--faults N] [--seed N] [--only-crashes 1]
// --states is the most distinct states of one scenario; --faults explores every N-th failing call.

#include "../tests/engine/judge.hpp"

#include <bobbin/testing/explorer.hpp>
#include <bobbin/testing/inject_faults.hpp>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace engine_tests;
using testing::ExploreReport;

namespace {

struct Options {
    std::uint64_t states = 2780;
    std::uint64_t depth = 2;
    std::uint64_t faults = 1;
    std::uint64_t seed = 1;
    std::uint64_t only_crashes = 0;
};

/// One piece of work for a process.
struct Task {
    enum class Sort { crashes, faults, mutant } sort;
    std::size_t number;
};

struct Figures {
    ExploreReport crashes;
    ExploreReport faults;
    std::uint64_t found = 0;    ///< mutants
    std::uint64_t excused = 0;  ///< they do no harm, for a reason
    std::uint64_t alive = 0;
    std::vector<std::string> findings;
};

/// Reports cross the process boundary as lines of numbers.
std::string to_line(const char* sort, const ExploreReport& r) {
    std::ostringstream out;
    out << sort << ' ' << r.runs << ' ' << r.faults << ' ' << r.operations << ' ' << r.barriers << ' '
        << r.exhaustive_barriers << ' ' << r.raw_states << ' ' << r.distinct_states << ' '
        << r.violations << ' ' << r.recoveries.size();
    for (const auto n : r.recoveries) out << ' ' << n;
    out << '\n';
    return out.str();
}

ExploreReport from_line(std::istringstream& in) {
    ExploreReport r;
    std::size_t depths = 0;
    in >> r.runs >> r.faults >> r.operations >> r.barriers >> r.exhaustive_barriers >> r.raw_states >>
        r.distinct_states >> r.violations >> depths;
    r.recoveries.resize(depths);
    for (auto& n : r.recoveries) in >> n;
    return r;
}

std::string findings(const char* name, const ExploreReport& report) {
    std::string lines;
    for (const auto& [message, violation] : report.found) {
        auto text = std::string{name} + ": " + message + " (replay " + violation.replay + ")";
        for (auto& c : text)
            if (c == '\n') c = ' ';
        lines += "found " + text + '\n';
    }
    return lines;
}

std::string perform(Task task, const Options& options) {
    if (task.sort == Task::Sort::mutant) {
        const auto living = all_mutants()[task.number];
        const auto verdict = judge(living);
        const bool is_excused = excuse(living).has_value();
        const bool is_right = verdict.hits != 0 && verdict.is_found != is_excused;
        return std::string{"mutant "} + (!is_right ? "alive" : is_excused ? "excused" : "found") + '\n' +
               (is_right ? "" : "found mutant not as expected: " + living.name() + ": " + verdict.why + '\n');
    }
    auto scenario = std::move(engine_scenarios()[task.number]);
    if (task.sort == Task::Sort::crashes) {
        const auto report = testing::explore(
            scenario, {.depth = static_cast<unsigned>(options.depth),
                       .disk = scenario.disk,
                       .exhaustive_limit = 4000,
                       .samples = 400,
                       .seed = options.seed,
                       .max_states = options.states});
        return to_line("crashes", report) + findings(scenario.name, report);
    }
    scenario.expects_soft_marks = false;
    // On a disk that is full by itself one refusal more takes what the next open needs.
    const auto errors = scenario.reserve.value != 0 ? std::vector{EIO, EINTR, EMFILE} : std::vector{EIO, ENOSPC, EINTR, EMFILE};
    const auto report = testing::inject_faults(
        scenario, {.errors = errors,
                   .first = 1 + options.seed % options.faults,
                   .stride = options.faults,
                   .explore = {.depth = 1, .disk = scenario.disk, .exhaustive_limit = 2, .samples = 1, .seed = options.seed}});
    return to_line("faults", report) + findings(scenario.name, report);
}

void write_all(int fd, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto n = ::write(fd, text.data() + at, text.size() - at);
        if (n <= 0) std::_Exit(3);
        at += static_cast<std::size_t>(n);
    }
}

/// Each process takes the next task until there is none; a task's states are counted once.
Figures run(const std::vector<Task>& tasks, const Options& options) {
    auto* next = static_cast<std::atomic<std::size_t>*>(
        ::mmap(nullptr, sizeof(std::atomic<std::size_t>), PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (next == MAP_FAILED) throw std::runtime_error{"no shared memory"};
    new (next) std::atomic<std::size_t>{0};
    std::vector<std::pair<pid_t, int>> children;
    const auto processes = std::max(1u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < processes; ++i) {
        int ends[2];
        if (::pipe(ends) != 0) throw std::runtime_error{"no pipe"};
        const auto child = ::fork();
        if (child < 0) throw std::runtime_error{"no process"};
        if (child == 0) {
            ::close(ends[0]);
            for (auto at = next->fetch_add(1); at < tasks.size(); at = next->fetch_add(1))
                write_all(ends[1], perform(tasks[at], options));
            std::_Exit(0);
        }
        ::close(ends[1]);
        children.emplace_back(child, ends[0]);
    }
    Figures figures;
    for (const auto& [child, end] : children) {
        std::string text;
        char buffer[65536];
        for (;;) {
            const auto n = ::read(end, buffer, sizeof buffer);
            if (n <= 0) break;
            text.append(buffer, static_cast<std::size_t>(n));
        }
        ::close(end);
        int status = 0;
        ::waitpid(child, &status, 0);
        if (status != 0) throw std::runtime_error{"a process of the exploration died"};
        std::istringstream lines{text};
        for (std::string line; std::getline(lines, line);) {
            std::istringstream in{line};
            std::string sort;
            in >> sort;
            if (sort == "crashes") figures.crashes.merge(from_line(in));
            if (sort == "faults") figures.faults.merge(from_line(in));
            if (sort == "mutant") {
                std::string verdict;
                in >> verdict;
                ++(verdict == "found" ? figures.found : verdict == "excused" ? figures.excused : figures.alive);
            }
            if (sort == "found") figures.findings.push_back(line.substr(6));
        }
    }
    ::munmap(next, sizeof *next);
    return figures;
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name{argv[i]};
        auto* const value = name == "--states"   ? &options.states
                            : name == "--depth"  ? &options.depth
                            : name == "--faults" ? &options.faults
                            : name == "--seed"   ? &options.seed
                            : name == "--only-crashes" ? &options.only_crashes
                                                 : nullptr;
        const std::string_view text{i + 1 < argc ? argv[++i] : ""};
        if (!value ||
            std::from_chars(text.data(), text.data() + text.size(), *value).ptr != text.data() + text.size() ||
            text.empty() || *value == 0) {
            std::cerr << "usage: figures_reliability [--states N] [--depth N] [--faults N] [--seed N] [--only-crashes 1]\n";
            std::exit(2);
        }
    }
    return options;
}

void print(const char* name, std::uint64_t value, const std::string& note = {}) {
    std::cout << name << ' ' << value << note << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
    const auto options = parse(argc, argv);
    const auto count = engine_scenarios().size();
    const auto timed = [&](Task::Sort sort, std::size_t tasks, double& seconds) {
        std::vector<Task> all;
        for (std::size_t i = 0; i < tasks; ++i) all.push_back({sort, i});
        const auto begun = std::chrono::steady_clock::now();
        auto figures = run(all, options);
        seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
        return figures;
    };
    double crash_time = 0, fault_time = 0, mutant_time = 0;
    const auto crashes = timed(Task::Sort::crashes, count, crash_time);
    const auto is_whole = options.only_crashes == 0;
    const auto faults = timed(Task::Sort::faults, is_whole ? count : 0, fault_time);
    const auto mutants = timed(Task::Sort::mutant, is_whole ? all_mutants().size() : 0, mutant_time);

    const auto in = [](double seconds) {
        char text[64];
        std::snprintf(text, sizeof text, " in %.1f s", seconds);
        return std::string{text};
    };
    print("scenarios", count);
    print("barriers", crashes.crashes.barriers,
          " (" + std::to_string(crashes.crashes.exhaustive_barriers) + " of the runs exhaustive)");
    const bool is_deep_enough = !is_whole || (crashes.crashes.distinct_states >= 100'000 && crash_time <= 60);
    print("distinct states", crashes.crashes.distinct_states,
          in(crash_time) + (is_deep_enough ? "" : " missed: 100000 in 60 s"));
    std::string recoveries = "recoveries";
    for (const auto count_at_depth : crashes.crashes.recoveries) {
        print(recoveries.c_str(), count_at_depth);
        recoveries += " of recoveries";
    }
    if (!is_whole) {
        print("violations", crashes.crashes.violations);
        for (const auto& finding : crashes.findings) std::cout << "  " << finding << '\n';
        return crashes.crashes.violations == 0 ? 0 : 1;
    }
    print("injected errors", faults.faults.faults, in(fault_time));
    print("states after errors", faults.faults.distinct_states);
    print("mutants", all_mutants().size(), in(mutant_time));
    print("mutants found", mutants.found);
    print("mutants excused", mutants.excused);
    print("mutants alive", mutants.alive);
    const auto violations = crashes.crashes.violations + faults.faults.violations;
    for (const auto* part : {&crashes, &faults, &mutants})
        for (const auto& finding : part->findings) std::cout << "  " << finding << '\n';
    print("violations", violations);
    return violations == 0 && mutants.alive == 0 ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << "figures_reliability: " << error.what() << '\n';
    return 1;
}
