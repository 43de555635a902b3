#ifndef NVR_CLI_SERVE_HPP
#define NVR_CLI_SERVE_HPP

#include "cli/service.hpp"

namespace nvr {

/// Runs a recorder until a signal comes: the first ends it orderly, the second at once.
/// @returns an exit code
int serve(ServiceOptions options);

}  // namespace nvr

#endif
