# Which component a header belongs to, and the one package each component needs.
#
#   bobbin_component(<name> [PACKAGE <find_package name> | PKG_CONFIG <module>] [TARGET <target>...] HEADERS <pattern>...)
#
# A pattern is relative to include/bobbin and also matches in the folders below it. A header that no row claims belongs to the
# core, bobbin::bobbin, which needs threads and nothing else. A component exists as soon as it has a header.
# The build and the installed package both read this table.

set(bobbin_components)

macro(bobbin_component name)
  cmake_parse_arguments(bobbin_${name} "" "PACKAGE;PKG_CONFIG" "TARGET;HEADERS" ${ARGN})
  list(APPEND bobbin_components ${name})
endmacro()

bobbin_component(sqlite  PACKAGE SQLite3       TARGET SQLite::SQLite3        HEADERS store/sqlite*.hpp pack/snapshot.hpp)
bobbin_component(fmt     PACKAGE fmt           TARGET fmt::fmt               HEADERS core/fmt*.hpp)
bobbin_component(ranges  PACKAGE range-v3      TARGET range-v3::range-v3     HEADERS media/ranges*.hpp pack/ranges*.hpp)
bobbin_component(openssl PACKAGE OpenSSL       TARGET OpenSSL::Crypto        HEADERS digest/sha256*.hpp
  pack.hpp pack/concept.hpp pack/file_cache.hpp pack/live_chunks.hpp pack/prune.hpp pack/repair.hpp pack/restore*.hpp pack/save.hpp
  pack/tree_reader.hpp pack/verify.hpp pack/detail/chunk_group.hpp pack/detail/content_reader.hpp pack/detail/entry_saver.hpp
  pack/detail/node_writer.hpp pack/detail/restore*.hpp pack/detail/save_*.hpp pack/detail/tree_saver.hpp)
bobbin_component(xxhash  PKG_CONFIG libxxhash  TARGET PkgConfig::libxxhash   HEADERS digest/xxh3*.hpp)
bobbin_component(lz4     PKG_CONFIG liblz4     TARGET PkgConfig::liblz4      HEADERS codec/lz4*.hpp)
bobbin_component(zstd    PKG_CONFIG libzstd    TARGET PkgConfig::libzstd     HEADERS codec/zstd*.hpp)
bobbin_component(testing PACKAGE SQLite3       TARGET bobbin::sqlite SQLite::SQLite3 HEADERS testing.hpp testing/*.hpp)

# Sets <name>_FOUND_DEPENDENCY in the caller: TRUE if what the component links to is there.
macro(bobbin_find_dependency name)
  set(${name}_FOUND_DEPENDENCY TRUE)
  if(bobbin_${name}_PACKAGE)
    find_package(${bobbin_${name}_PACKAGE} QUIET)
    set(${name}_FOUND_DEPENDENCY ${${bobbin_${name}_PACKAGE}_FOUND})
  elseif(bobbin_${name}_PKG_CONFIG)
    find_package(PkgConfig QUIET)
    set(${name}_FOUND_DEPENDENCY FALSE)
    if(PkgConfig_FOUND)
      pkg_check_modules(${bobbin_${name}_PKG_CONFIG} QUIET IMPORTED_TARGET ${bobbin_${name}_PKG_CONFIG})
      if(TARGET PkgConfig::${bobbin_${name}_PKG_CONFIG})
        set(${name}_FOUND_DEPENDENCY TRUE)
      endif()
    endif()
  endif()
endmacro()
