#include <bobbin/testing/explorer.hpp>

#include "append_program.hpp"

#include <boost/test/unit_test.hpp>

using namespace bobbin_tests;

BOOST_AUTO_TEST_SUITE(testing_explorer)

BOOST_AUTO_TEST_CASE(a_correct_program_passes) {
    const auto report = explore(AppendProgram{}, {.depth = 3});
    BOOST_TEST(report.violations == 0u, report);
    BOOST_TEST(report.exhaustive_barriers == report.barriers);
    BOOST_TEST(report.distinct_states > 50u, report);
}

BOOST_AUTO_TEST_CASE(each_step_left_out_is_caught) {
    const auto no_sync = explore(AppendProgram{.sync_file = false});
    BOOST_TEST(no_sync.found.contains("a promised file has other bytes"), no_sync);
    const auto no_directory_sync = explore(AppendProgram{.sync_directory = false});
    BOOST_TEST(no_directory_sync.found.contains("a promised file is gone"), no_directory_sync);
    const auto in_place = explore(AppendProgram{.in_place = true});
    BOOST_TEST(in_place.found.contains("a promised file has other bytes"), in_place);
}

BOOST_AUTO_TEST_CASE(ext4_hides_a_missing_directory_sync) {
    const auto report =
        explore(AppendProgram{.sync_directory = false}, {.disk = {.names = NameModel::ordered}});
    BOOST_TEST(report.violations == 0u, report);
}

BOOST_AUTO_TEST_CASE(a_kill_loses_nothing) {
    struct Killed : AppendProgram {
        void recover(SimFs fs, const Promise& promise, Failures& failures) const {
            if (failures.crash().power_cut) return;
            AppendProgram::recover(fs, promise, failures);
        }
    };
    Killed scenario;
    scenario.sync_file = scenario.sync_directory = false;
    const auto report = explore(scenario);
    BOOST_TEST(report.violations == 0u, report);
    BOOST_TEST(report.recoveries.front() > 3u, report);
}

BOOST_AUTO_TEST_CASE(a_replay_line_repeats_a_violation) {
    const AppendProgram scenario{.sync_file = false};
    const auto report = explore(scenario);
    BOOST_REQUIRE(!report.found.empty());
    for (const auto& [message, violation] : report.found) {
        const auto again = explore(scenario, {.replay = violation.replay});
        BOOST_TEST(again.all_recoveries() == 1u, again);
        BOOST_TEST(again.found.contains(message), again);
    }
    BOOST_CHECK_THROW(explore(scenario, {.replay = "7"}), std::invalid_argument);
    const auto foreign = explore(scenario, {.replay = "0:9*40"});
    BOOST_TEST(foreign.violations == 1u, foreign);
}

// Recovery that is right when it runs to its end, and loses data when it is cut off.
struct FragileRecovery : AppendProgram {
    void recover(SimFs fs, const Promise& promise, Failures& failures) const {
        AppendProgram::recover(fs, promise, failures);
        auto directory = SimDirectory::open("/sim/data", RootMode::existing, fs);
        if (!directory || promise.written.empty()) return;
        if (!directory->remove(id(1)) || !directory->sync()) return;
        auto file = directory->create(id(1));
        if (file && file->append(as_bytes(content(1))) && file->sync()) (void)directory->sync();
    }
};

BOOST_AUTO_TEST_CASE(a_crash_in_the_recovery_is_found_at_depth_two) {
    const auto shallow = explore(FragileRecovery{}, {.depth = 1});
    BOOST_TEST(shallow.violations == 0u, shallow);
    const auto deep = explore(FragileRecovery{}, {.depth = 2});
    BOOST_TEST(deep.found.contains("a promised file is gone"), deep);
    const auto line = deep.found.at("a promised file is gone").replay;
    BOOST_TEST(line.find('/') != std::string::npos, line);
    const auto again = explore(FragileRecovery{}, {.depth = 2, .replay = line});
    BOOST_TEST(again.violations == 1u, again);
}

BOOST_AUTO_TEST_CASE(samples_find_it_too_and_say_so) {
    AppendProgram scenario{.sync_file = false, .files = 6};
    const auto report = explore(scenario, {.exhaustive_limit = 10, .samples = 50});
    BOOST_TEST(report.violations != 0u, report);
    BOOST_TEST(report.exhaustive_barriers < report.barriers, report);
}

BOOST_AUTO_TEST_CASE(opaque_files_need_fewer_states) {
    struct Opaque : AppendProgram {
        bool is_opaque(const std::string& path) const { return path.starts_with("/sim/data/"); }
    };
    const auto all = explore(AppendProgram{.files = 4}), few = explore(Opaque{{.files = 4}});
    BOOST_TEST(few.violations == 0u, few);
    BOOST_TEST(few.distinct_states < all.distinct_states);
    BOOST_TEST(explore(Opaque{{.sync_file = false}}).violations != 0u);
}

BOOST_AUTO_TEST_CASE(garbage_and_small_chunks_are_states_of_their_own) {
    const AppendProgram scenario{.files = 1};
    const auto plain = explore(scenario);
    const auto garbage = explore(scenario, {.garbage = true});
    const auto torn = explore(scenario, {.disk = {.chunk = 512}});
    BOOST_TEST(garbage.distinct_states > plain.distinct_states);
    BOOST_TEST(torn.distinct_states > plain.distinct_states);
    BOOST_TEST(garbage.violations + torn.violations == 0u);
}

BOOST_AUTO_TEST_CASE(shards_share_the_states_and_add_up) {
    const AppendProgram scenario{.sync_file = false};
    const auto whole = explore(scenario, {.depth = 1});
    ExploreReport sum;
    for (unsigned shard = 0; shard < 3; ++shard)
        sum.merge(explore(scenario, {.depth = 1, .shard = shard, .shards = 3}));
    BOOST_TEST(sum.distinct_states == whole.distinct_states);
    BOOST_TEST(sum.violations == whole.violations);
}

BOOST_AUTO_TEST_CASE(stops_at_the_most_states) {
    const auto report = explore(AppendProgram{}, {.max_states = 20});
    BOOST_TEST(report.truncated);
    BOOST_TEST(report.distinct_states <= 20u);
}

BOOST_AUTO_TEST_CASE(exceptions_are_violations) {
    struct Throwing : AppendProgram {
        void recover(SimFs, const Promise&, Failures&) const { throw std::runtime_error{"oh"}; }
    };
    const auto report = explore(Throwing{}, {.depth = 1});
    BOOST_TEST(report.found.contains("the recovery threw: oh"), report);
}

BOOST_AUTO_TEST_SUITE_END()
