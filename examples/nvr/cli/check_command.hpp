#ifndef NVR_CLI_CHECK_COMMAND_HPP
#define NVR_CLI_CHECK_COMMAND_HPP

#include <string>

namespace nvr {

struct CheckRequest {
    std::string directory;
    bool read_data = false;
    bool repair = false;  ///< says what would be done
    bool adopt = false;   ///< likewise, also for recordings that are refused at the start
    bool apply = false;   ///< does it; else nothing is changed
};

/// Compares the catalog with the recordings, and prints what disagrees.
/// @returns an exit code
int check_command(const CheckRequest& request);

}  // namespace nvr

#endif
