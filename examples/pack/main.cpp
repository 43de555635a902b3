#include "cli/program.hpp"

int main(int argc, char** argv) { return packs::run_program(argc, argv); }
