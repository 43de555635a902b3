# bobbin_test_area(<area> [INTERPOSE] [LINK <target>...] [SLOW <test>...] [NEEDS_ROOT <test>...] [THREADS <test>...])
#
# Makes tests of the files in tests/<area>: see CONTRIBUTING.md. They link to all components; LINK names what else they need.
# INTERPOSE compiles bobbin::testing_interpose into the test program, if it is there. SLOW and NEEDS_ROOT give the ctest labels `slow` and `needs-root` to tests, named as the file is without .test.cpp.
# THREADS names those that start threads: with BOBBIN_TEST_THREADS_ONLY there are no others, as ThreadSanitizer has nothing to find in them.

find_package(Boost 1.74 REQUIRED COMPONENTS unit_test_framework)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(BOBBIN_TEST_TIMEOUT 900 CACHE STRING "Seconds after which a test counts as hung")
option(BOBBIN_TEST_THREADS_ONLY "Only those tests that start threads")

# How tests are compiled: little optimisation, as compiling takes longer than running, and assert() works.
set(BOBBIN_TEST_OPTIMISATION -O1 CACHE STRING "How much tests are optimised")
add_library(bobbin_test_options INTERFACE)
target_link_libraries(bobbin_test_options INTERFACE ${BOBBIN_TARGETS} bobbin_warnings Boost::unit_test_framework)
target_compile_definitions(bobbin_test_options INTERFACE BOOST_TEST_DYN_LINK)
target_compile_options(bobbin_test_options INTERFACE ${BOBBIN_TEST_OPTIMISATION} -UNDEBUG)
target_include_directories(bobbin_test_options INTERFACE "${PROJECT_SOURCE_DIR}/tests/support")

# The precompiled header, made once and used by all areas.
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/tests/precompiled.cpp" CONTENT "")
add_library(bobbin_test_precompiled OBJECT "${PROJECT_BINARY_DIR}/tests/precompiled.cpp")
target_link_libraries(bobbin_test_precompiled PRIVATE bobbin_test_options)
target_precompile_headers(bobbin_test_precompiled PRIVATE <boost/test/unit_test.hpp>)

# All test programs.
add_custom_target(bobbin_tests)

# Boost.Test fails a run whose filter matches no test.
function(bobbin_test_area area)
  cmake_parse_arguments(PARSE_ARGV 1 arg "INTERPOSE" "" "LINK;SLOW;NEEDS_ROOT;THREADS")
  set(folder "${PROJECT_SOURCE_DIR}/tests/${area}")
  set(program bobbin_tests_${area})
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS "${folder}/*.test.cpp")
  file(GLOB_RECURSE statics CONFIGURE_DEPENDS "${folder}/*.static.cpp")
  file(GLOB_RECURSE fails CONFIGURE_DEPENDS "${folder}/*.fail.cpp")
  if(BOBBIN_TEST_THREADS_ONLY)
    list(TRANSFORM arg_THREADS REPLACE "(.+)" "${folder}/\\1.test.cpp" OUTPUT_VARIABLE tests)
    set(statics)
    set(fails)
  endif()

  if(tests)
    file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/tests/${area}/main.cpp" CONTENT
      "#define BOOST_TEST_MODULE ${area}\n#include <boost/test/unit_test.hpp>\n")
    set_source_files_properties("${PROJECT_BINARY_DIR}/tests/${area}/main.cpp" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    add_executable(${program} ${tests} "${PROJECT_BINARY_DIR}/tests/${area}/main.cpp")
    add_dependencies(bobbin_tests ${program})
    target_link_libraries(${program} PRIVATE bobbin_test_options ${arg_LINK})
    target_precompile_headers(${program} REUSE_FROM bobbin_test_precompiled)
    set_target_properties(${program} PROPERTIES
      PCH_WARN_INVALID OFF RUNTIME_OUTPUT_DIRECTORY "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/tests")
    if(arg_INTERPOSE AND TARGET bobbin_testing_interpose)
      target_link_libraries(${program} PRIVATE bobbin_testing_interpose)
      set_source_files_properties("${bobbin_include}/${bobbin_interpose}"
        TARGET_DIRECTORY ${program} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    endif()
    set(suites)
    foreach(source IN LISTS tests)
      cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${folder}" OUTPUT_VARIABLE name)
      string(REGEX REPLACE "\\.test\\.cpp$" "" name "${name}")
      string(REGEX REPLACE "[/.-]" "_" suite "${area}_${name}")
      list(APPEND suites ${suite})
      set(labels ${area})
      if(name IN_LIST arg_SLOW)
        list(APPEND labels slow)
      endif()
      if(name IN_LIST arg_NEEDS_ROOT)
        list(APPEND labels needs-root)
      endif()
      add_test(NAME ${area}/${name} COMMAND ${program} --run_test=${suite} --color_output=no)
      set_tests_properties(${area}/${name} PROPERTIES
        LABELS "${labels}" SKIP_RETURN_CODE 77 TIMEOUT ${BOBBIN_TEST_TIMEOUT})
    endforeach()
    # No test stands outside the suites that ctest runs.
    add_test(NAME ${area}/suites COMMAND "${CMAKE_COMMAND}" -D "PROGRAM=$<TARGET_FILE:${program}>" -D "SUITES=${suites}"
      -P "${PROJECT_SOURCE_DIR}/cmake/check_suites.cmake")
    set_tests_properties(${area}/suites PROPERTIES LABELS ${area})
  endif()

  if(statics)
    add_library(bobbin_static_tests_${area} OBJECT ${statics})
    target_link_libraries(bobbin_static_tests_${area} PRIVATE bobbin_test_options ${arg_LINK})
  endif()

  if(fails)
    # Only there to collect the flags of what is linked.
    add_library(bobbin_fail_tests_${area} INTERFACE)
    target_link_libraries(bobbin_fail_tests_${area} INTERFACE ${BOBBIN_TARGETS} ${arg_LINK})
  endif()
  foreach(source IN LISTS fails)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${folder}" OUTPUT_VARIABLE name)
    string(REGEX REPLACE "\\.fail\\.cpp$" "" name "${name}")
    add_test(NAME ${area}/${name}.fail COMMAND "${CMAKE_COMMAND}"
      -D "COMPILER=${CMAKE_CXX_COMPILER}" -D "SOURCE=${source}"
      -D "INCLUDE=${bobbin_include};$<TARGET_PROPERTY:bobbin_fail_tests_${area},INTERFACE_INCLUDE_DIRECTORIES>"
      -P "${PROJECT_SOURCE_DIR}/cmake/check_fail.cmake")
    set_tests_properties(${area}/${name}.fail PROPERTIES
      LABELS "${area};compile" TIMEOUT ${BOBBIN_TEST_TIMEOUT} ENVIRONMENT "LC_ALL=C")
  endforeach()
endfunction()

# bobbin_fuse_program(<name>): a file system in user space, of <name>.cpp. Sets <name> to its path, or to nothing without libfuse3, and then
# its tests are skipped.
function(bobbin_fuse_program name)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(fuse3 QUIET IMPORTED_TARGET fuse3)
  endif()
  set(path "")
  if(TARGET PkgConfig::fuse3)
    add_executable(${name} ${name}.cpp)
    target_link_libraries(${name} PRIVATE PkgConfig::fuse3 bobbin_warnings)
    target_compile_features(${name} PRIVATE cxx_std_20)
    set(path "$<TARGET_FILE:${name}>")
  endif()
  set(${name} "${path}" PARENT_SCOPE)
endfunction()
