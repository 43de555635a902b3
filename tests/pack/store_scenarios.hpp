// What a program does with a store of packs, for the explorer.
#ifndef BOBBIN_TESTS_PACK_STORE_SCENARIOS_HPP
#define BOBBIN_TESTS_PACK_STORE_SCENARIOS_HPP

#include "store_life.hpp"

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace pack_tests {

/// What a program does once it is open.
struct PackScenario {
    using Promise = pack_tests::Promise;

    const char* name = "";
    std::function<void(Life&)> body;
    bool is_created = true;               ///< store and directory exist before
    std::function<void(Life&)> before{};  ///< done before the run

    static bool is_opaque(const std::string& path) {
        return path.ends_with(FsDirectory<Fs>::lock_name);
    }
    void prepare(SimFs fs) {
        (void)fs.close(*fs.open_root("/sim/store", RootMode::create_if_missing));
        (void)fs.close(*fs.open_root(pack_place, RootMode::create_if_missing));
        if (!is_created) return;
        Promise promise;
        Life life{Fs{fs}, &promise, true};
        if (before) before(life);
        promised_before = promise;
    }
    void run(SimFs fs, Promise& promise) { run(Fs{fs}, promise); }
    void run(Fs fs, Promise& promise) {
        promise = promised_before;
        try {
            Life life{fs, &promise, !is_created};
            std::string why;
            try {
                body(life);
            } catch (const Life::Stop& stop) {
                why = stop.why;
            }
            if (auto broken = life.oracle.text(); !broken.empty())
                throw std::runtime_error{"order: " + broken};
            if (!why.empty()) throw Life::Stop{why};
        } catch (const Life::Stop& stop) {
            // An injected fault may end the program; without one that is a defect.
            if (fs.plan().hits() == 0) throw std::runtime_error{stop.why};
        }
    }
    void recover(SimFs fs, const Promise& promise, Failures& failures) {
        try {
            Life life{Fs{fs}, nullptr, !promise.is_open && !is_created};
            if (is_damaged) life.mend();
            check_all(life, promise, failures);
        } catch (const Life::Stop& stop) {
            failures.add("recovery failed: " + stop.why);
        }
    }
    bool is_damaged = false;  ///< by `before`: who comes back mends it
    Promise promised_before{};
};

inline std::vector<PackScenario> pack_scenarios() {
    std::vector<PackScenario> all;
    all.push_back({"create", [](Life&) {}, false});
    all.push_back({"create and save", [](Life& life) { life.save(1, {0, 3}); }, false});
    all.push_back({"first save", [](Life& life) { life.save(1, {0, 4}); }});
    all.push_back({"saves that share chunks", [](Life& life) {
                       life.save(1, {0, 4});
                       life.save(2, {2, 6});
                   }});
    all.push_back({"a save of several packs", [](Life& life) { life.save(1, {0, 16}); }});
    all.push_back({"a save that adds nothing", [](Life& life) {
                       life.save(1, {0, 3});
                       life.save(2, {0, 3});
                       life.save(3, {1, 2});
                   }});
    // Of pack 1 nothing is needed, of pack 2 a part.
    all.push_back({"delete and prune",
                   [](Life& life) {
                       life.forget(1);
                       life.prune({.dead_percent = 20, .pack_size = 6_KiB});
                   },
                   true,
                   [](Life& life) {
                       life.save(1, {0, 8});
                       life.save(2, {7, 12});
                   }});
    all.push_back({"put small packs together",
                   [](Life& life) {
                       life.prune({.small_packs = 2, .pack_size = 16_KiB});
                       life.save(9, {3, 21});
                   },
                   true,
                   [](Life& life) {
                       life.save(1, {10, 16});
                       for (std::uint64_t n = 2; n < 6; ++n) life.save(n, {n, n + 1});
                   }});
    all.push_back({"repair", [](Life& life) { life.mend(); }, true,
                   [](Life& life) {
                       life.save(1, {0, 4});
                       life.save(2, {4, 6});
                       life.damage();
                   },
                   true});
    return all;
}

}  // namespace pack_tests

#endif
