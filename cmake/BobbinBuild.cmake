# How our own targets are compiled; nothing of this is exported.
add_library(bobbin_warnings INTERFACE)
target_compile_options(bobbin_warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror)

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

# ccache, told that neither precompiled headers nor the place of the tree are an obstacle.
find_program(BOBBIN_CCACHE ccache)
mark_as_advanced(BOBBIN_CCACHE)
if(BOBBIN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${BOBBIN_CCACHE}")
endif()

# What a program that uses Asio links to.
add_library(bobbin_asio INTERFACE)
target_link_libraries(bobbin_asio INTERFACE Threads::Threads)
target_compile_definitions(bobbin_asio INTERFACE
  BOOST_ASIO_NO_DEPRECATED "$<$<CXX_COMPILER_ID:Clang>:BOOST_ASIO_HAS_CO_AWAIT;BOOST_ASIO_HAS_STD_COROUTINE>")
