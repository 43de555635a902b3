#include "plant.hpp"
#include "scenario.hpp"

#include <bobbin/testing/explorer.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace engine_tests;

namespace {

struct Planting {
    explicit Planting(Plant plant) { planted = plant; }
    Planting(const Planting&) = delete;
    Planting& operator=(const Planting&) = delete;
    ~Planting() { planted = Plant::none; }
};

/// Violations of the first scenario that has any, with its name.
std::pair<std::uint64_t, std::string> violations(Plant plant, bool use_oracle) {
    for (auto& scenario : engine_scenarios()) {
        scenario.use_oracle = use_oracle;
        auto run = scenario;
        if (use_oracle) {
            // The oracle needs no crash.
            SimFs fs{scenario.disk};
            scenario.prepare(fs);
            fs.settle();
            const Planting planting{plant};
            Promise promise;
            try {
                scenario.run(fs, promise);
            } catch (const std::exception& error) {
                if (std::string{error.what()}.starts_with("order")) return {1, error.what()};
            }
            continue;
        }
        const Planting planting{plant};
        const auto report = testing::explore(
            run, {.depth = 1, .disk = scenario.disk, .exhaustive_limit = 200, .samples = 20, .max_states = 2000});
        if (report.violations != 0) return {report.violations, scenario.name};
    }
    return {0, "no scenario"};
}

}  // namespace

// Each step that is left out is missed by somebody. The other direction, nothing planted and nothing
// found, is what the other tests are.
BOOST_AUTO_TEST_SUITE(engine_planted)

BOOST_DATA_TEST_CASE(the_explorer_finds_it, boost::unit_test::data::xrange(all_plants.size())) {
    const auto plant = all_plants[sample];
    const auto [count, where] = violations(plant, false);
    BOOST_TEST_MESSAGE(name_of(plant) << ": " << count << " in " << where);
    BOOST_TEST(count > 0u, name_of(plant) << " goes unnoticed");
}

BOOST_AUTO_TEST_CASE(the_oracle_finds_it_without_a_crash) {
    for (const auto plant : {Plant::no_file_sync, Plant::no_directory_sync, Plant::unlink_before_commit,
                             Plant::row_before_sync, Plant::sync_retried}) {
        const auto [count, where] = violations(plant, true);
        BOOST_TEST_MESSAGE(name_of(plant) << ": " << where);
        BOOST_TEST(count > 0u, name_of(plant) << " goes unnoticed");
    }
    BOOST_TEST(violations(Plant::none, true).first == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
