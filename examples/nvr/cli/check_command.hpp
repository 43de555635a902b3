#ifndef NVR_CLI_CHECK_COMMAND_HPP
#define NVR_CLI_CHECK_COMMAND_HPP

#include <string>

namespace nvr {

/// Compares the catalog with the recordings, and prints what disagrees. Changes nothing.
/// @returns an exit code
int check_command(const std::string& directory, bool read_data);

}  // namespace nvr

#endif
