#ifndef PACKS_CLI_PROGRAM_HPP
#define PACKS_CLI_PROGRAM_HPP

namespace packs {

/// The whole program. @returns its exit code
int run_program(int argc, char** argv);

}  // namespace packs

#endif
