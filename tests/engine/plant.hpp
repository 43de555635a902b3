#ifndef BOBBIN_TESTS_ENGINE_PLANT_HPP
#define BOBBIN_TESTS_ENGINE_PLANT_HPP

#include <array>
#include <cstddef>
#include <string_view>

namespace engine_tests {

/// A step of the protocol that is left out or done at the wrong time.
enum class Plant {
    none,
    no_file_sync,
    no_directory_sync,
    unlink_before_commit,
    row_before_sync,
    sync_retried,
    garbage_row_dropped,
    tail_not_kept,
    mark_not_written,
};
inline constexpr std::array all_plants{
    Plant::no_file_sync, Plant::no_directory_sync,   Plant::unlink_before_commit, Plant::row_before_sync,
    Plant::sync_retried, Plant::garbage_row_dropped, Plant::tail_not_kept,        Plant::mark_not_written};

constexpr std::string_view name_of(Plant plant) {
    constexpr std::string_view names[] = {
        "none",           "no file sync",          "no directory sync", "unlink before the commit",
        "row before the sync", "sync retried after a failure", "garbage row dropped",
        "tail of a mark not kept", "mark acknowledged and not written"};
    return names[static_cast<std::size_t>(plant)];
}

inline thread_local Plant planted = Plant::none;

}  // namespace engine_tests

#endif
