#ifndef BOBBIN_TESTS_ENGINE_SCENARIO_HPP
#define BOBBIN_TESTS_ENGINE_SCENARIO_HPP

#include <bobbin/core/ids.hpp>
#include <bobbin/testing/failures.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace engine_tests {

using namespace bobbin;
using testing::Failures;
using testing::SimFs;
using Fs = testing::FaultyFs<SimFs>;

/// What the caller was told.
struct Promise {
    std::map<ObjectId, std::uint64_t> whole;   ///< committed, with this size
    std::map<ObjectId, std::uint64_t> marked;  ///< at least so much of it
    std::map<ObjectId, std::uint64_t> soft;    ///< likewise, unless power fails
    std::set<ObjectId> deleted;                ///< must never come back
    std::set<ObjectId> may_go;                 ///< deleted at any moment from now on
    std::set<ObjectId> may_be_aside;           ///< the program's rows refuse them
    bool is_open = false;                      ///< store and directory were opened

    /// From now on, all but the `keep` newest may be deleted.
    void let_go(std::size_t keep = 0) {
        auto left = whole.size();
        for (const auto& [id, size] : whole)
            if (left-- > keep) may_go.insert(id);
    }

    bool operator==(const Promise&) const = default;
    std::uint64_t hash() const noexcept {
        std::uint64_t h = is_open ? 17 : 19;
        const auto add = [&h](std::uint64_t value) { h = (h ^ value) * 0x9E3779B97F4A7C15u; };
        for (const auto& [id, size] : whole) add(id.value), add(size);
        add(1);
        for (const auto& [id, size] : marked) add(id.value), add(size);
        add(2);
        for (const auto& [id, size] : soft) add(id.value), add(size);
        add(5);
        for (const auto id : deleted) add(id.value);
        add(3);
        for (const auto id : may_go) add(id.value);
        add(4);
        for (const auto id : may_be_aside) add(id.value);
        return h;
    }
};

struct Life;

/// What a program does once it is open, for the explorer.
struct EngineScenario {
    using Promise = engine_tests::Promise;

    const char* name = "";
    std::function<void(Life&, Promise&)> body;
    bool is_created = true;  ///< store, directory and stream exist before
    std::function<void(Life&)> before{};  ///< done, and left without an orderly end, before the run
    std::function<void(Life&, Promise&)> second{};  ///< what the next process does, if there is one
    bool has_attic = false;  ///< a second directory
    /// Makes the data disk refuse things while a process recovers; the next one then finds it well.
    std::function<void(testing::FaultPlan&)> hurt{};
    Bytes reserve{};  ///< of the store
    bool expects_soft_marks = true;  ///< after faults they may be gone: see docs/reliability.md
    bool use_oracle = true;
    /// By its type the file wrapper does nothing at all, unless a scenario is about what it does.
    testing::SimOptions disk{.type = tmpfs};

    static constexpr std::uint32_t tmpfs = 0x01021994;
    static bool is_opaque(const std::string& path);
    void prepare(SimFs fs);
    void run(SimFs fs, Promise& promise) { run(Fs{fs}, promise); }
    void run(Fs fs, Promise& promise);
    void recover(SimFs fs, const Promise& promise, Failures& failures);
};

/// What the engine is explored with; each is short, and together they take every step that it has.
std::vector<EngineScenario> engine_scenarios();

}  // namespace engine_tests

#endif
