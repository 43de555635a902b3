#ifndef NVR_CLI_PROGRAM_HPP
#define NVR_CLI_PROGRAM_HPP

namespace nvr {

/// What the program answers to the shell.
enum ExitCode : int {
    exit_ok = 0,
    exit_failed = 1,
    exit_usage = 2,
    exit_hurried = 3,  ///< a second signal did not wait for the orderly end
    exit_damage = 4,   ///< `check` found some
};

int run_program(int argc, char** argv);

}  // namespace nvr

#endif
