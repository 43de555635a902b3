# The targets of the library: bobbin::bobbin, one bobbin::<component> for each row of the table that has headers, and
# bobbin::testing_interpose. BOBBIN_TARGETS lists them without the namespace.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
include("${CMAKE_CURRENT_LIST_DIR}/bobbin-components.cmake")

set(bobbin_include "${PROJECT_SOURCE_DIR}/include")
set(bobbin_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/bobbin")
set(BOBBIN_TARGETS)

# bobbin_library(<target> <exported name> <headers> LINK <target>...)
function(bobbin_library target name headers)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "LINK")
  add_library(${target} INTERFACE)
  add_library(bobbin::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON)
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_link_libraries(${target} INTERFACE ${arg_LINK})
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS "${bobbin_include}" FILES ${headers})
  install(TARGETS ${target} EXPORT bobbin-${name}-targets
          FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT bobbin)
  set(file ${name})
  if(name STREQUAL bobbin)
    set(file core)
  endif()
  install(EXPORT bobbin-${name}-targets NAMESPACE bobbin:: FILE bobbin-${file}-targets.cmake
          DESTINATION "${bobbin_package_dir}" COMPONENT bobbin)
endfunction()

file(GLOB_RECURSE bobbin_headers CONFIGURE_DEPENDS "${bobbin_include}/bobbin/*.hpp")
set(bobbin_core_headers ${bobbin_headers})
foreach(name IN LISTS bobbin_components)
  list(TRANSFORM bobbin_${name}_HEADERS PREPEND "${bobbin_include}/bobbin/" OUTPUT_VARIABLE patterns)
  file(GLOB_RECURSE bobbin_headers_${name} CONFIGURE_DEPENDS ${patterns})
  list(REMOVE_ITEM bobbin_core_headers ${bobbin_headers_${name}})
endforeach()

find_package(Threads REQUIRED)
bobbin_library(bobbin bobbin "${bobbin_core_headers}" LINK Threads::Threads)
list(APPEND BOBBIN_TARGETS bobbin)

foreach(name IN LISTS bobbin_components)
  if(NOT bobbin_headers_${name})
    continue()
  endif()
  bobbin_find_dependency(${name})
  foreach(needed IN LISTS bobbin_${name}_TARGET)
    if(needed MATCHES "^bobbin::" AND NOT TARGET ${needed})
      list(REMOVE_ITEM bobbin_${name}_TARGET ${needed})
    endif()
  endforeach()
  if(NOT ${name}_FOUND_DEPENDENCY)
    set(message "bobbin::${name} needs ${bobbin_${name}_PACKAGE}${bobbin_${name}_PKG_CONFIG}, which was not found")
    if(BOBBIN_BUILD_TESTS)
      message(FATAL_ERROR "${message}; ./dev setup installs it")
    endif()
    message(STATUS "${message}: left out")
    continue()
  endif()
  bobbin_library(bobbin_${name} ${name} "${bobbin_headers_${name}}" LINK bobbin ${bobbin_${name}_TARGET})
  list(APPEND BOBBIN_TARGETS bobbin_${name})
endforeach()

# The one source file: what a test program must interpose, compiled once in each.
set(bobbin_interpose bobbin/testing/interpose.cpp)
if(TARGET bobbin_testing AND EXISTS "${bobbin_include}/${bobbin_interpose}")
  add_library(bobbin_testing_interpose INTERFACE)
  add_library(bobbin::testing_interpose ALIAS bobbin_testing_interpose)
  set_target_properties(bobbin_testing_interpose PROPERTIES EXPORT_NAME testing_interpose)
  target_link_libraries(bobbin_testing_interpose INTERFACE bobbin_testing ${CMAKE_DL_LIBS})
  target_sources(bobbin_testing_interpose INTERFACE
    "$<BUILD_INTERFACE:${bobbin_include}/${bobbin_interpose}>"
    "$<INSTALL_INTERFACE:$<INSTALL_PREFIX>/${CMAKE_INSTALL_INCLUDEDIR}/${bobbin_interpose}>")
  install(FILES "${bobbin_include}/${bobbin_interpose}"
          DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/bobbin/testing" COMPONENT bobbin)
  install(TARGETS bobbin_testing_interpose EXPORT bobbin-testing-targets COMPONENT bobbin)
endif()

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/bobbin-config.cmake.in"
  "${PROJECT_BINARY_DIR}/bobbin-config.cmake" INSTALL_DESTINATION "${bobbin_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/bobbin-config-version.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
    "${PROJECT_BINARY_DIR}/bobbin-config.cmake"
    "${PROJECT_BINARY_DIR}/bobbin-config-version.cmake"
    "${CMAKE_CURRENT_LIST_DIR}/bobbin-components.cmake"
  DESTINATION "${bobbin_package_dir}" COMPONENT bobbin)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT bobbin)
