// Steps of saving, pruning and repairing that are left out or done too late are found.
#include "store_scenarios.hpp"

#include <bobbin/testing/explorer.hpp>

#include <boost/test/unit_test.hpp>

using namespace pack_tests;

namespace {

/// Of the scenario of that name.
testing::ExploreReport report_of(std::string_view name, Mutant with) {
    const auto all = pack_scenarios();
    auto scenario = *std::ranges::find(all, name, &PackScenario::name);
    // What is prepared, and who comes back, are as they should be.
    const auto body = scenario.body;
    scenario.body = [body, with](Life& life) {
        mutant = with;
        struct Mended {
            ~Mended() { mutant = Mutant::none; }
        } const mended;
        body(life);
    };
    auto report = testing::explore(
        scenario, {.depth = 1, .exhaustive_limit = 100, .samples = 20, .max_states = 600});
    BOOST_TEST_MESSAGE(name << ": " << report);
    return report;
}
std::uint64_t violations(std::string_view name, Mutant with) {
    return report_of(name, with).violations;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_store_mutants)

BOOST_AUTO_TEST_CASE(of_saving) {
    BOOST_TEST(violations("a save that adds nothing", Mutant::none) == 0U);
    BOOST_TEST(violations("a save that adds nothing", Mutant::forgets_snapshot) > 0U);
}

BOOST_AUTO_TEST_CASE(of_the_order_of_calls) {
    const auto is_of_order = [](const auto& violation) {
        return violation.first.find("order: ") != std::string::npos;
    };
    for (const auto* name : {"a save of several packs", "delete and prune", "repair"})
        BOOST_TEST(std::ranges::any_of(report_of(name, Mutant::no_sync).found, is_of_order), name);
}

BOOST_AUTO_TEST_CASE(of_pruning) {
    for (const auto which : {Mutant::no_copies, Mutant::no_commit, Mutant::late_commit,
                             Mutant::sees_no_first, Mutant::sees_no_nodes})
        BOOST_TEST(violations("delete and prune", which) > 0U, static_cast<int>(which));
    for (const auto which :
         {Mutant::no_copies, Mutant::no_commit, Mutant::late_commit, Mutant::sees_no_nodes})
        BOOST_TEST(violations("put small packs together", which) > 0U, static_cast<int>(which));
}

BOOST_AUTO_TEST_CASE(of_repairing) {
    for (const auto which : {Mutant::no_copies, Mutant::no_commit, Mutant::late_commit})
        BOOST_TEST(violations("repair", which) > 0U, static_cast<int>(which));
}

BOOST_AUTO_TEST_SUITE_END()
