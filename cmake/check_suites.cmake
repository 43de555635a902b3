# cmake -D PROGRAM=<test program> -D SUITES=<names> -P check_suites.cmake
# Fails if the program has a test outside these suites, which ctest would never run.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND "${PROGRAM}" --list_content=HRF --color_output=no
  OUTPUT_VARIABLE out ERROR_VARIABLE err RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} --list_content answered ${result}: ${err}")
endif()
string(REGEX MATCHALL "(^|\n)[A-Za-z0-9_]+" names "\n${out}\n${err}")
list(TRANSFORM names STRIP)
list(REMOVE_ITEM names ${SUITES})
if(names)
  list(JOIN names ", " names)
  list(JOIN SUITES ", " suites)
  message(FATAL_ERROR "not in a suite named after its file, so never run: ${names}\nexpected only: ${suites}")
endif()
