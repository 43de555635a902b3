#include "cli/program.hpp"

int main(int argc, char** argv) { return nvr::run_program(argc, argv); }
