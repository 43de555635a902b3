# cmake -D COMPILER=<c++> -D SOURCE=<x.fail.cpp> -D INCLUDE=<folders> -P check_fail.cmake
# The source must not compile, with a message that matches each of its "// expect: <regex>" lines; with BOBBIN_CONTROL defined it
# must compile.
cmake_minimum_required(VERSION 3.25)
list(REMOVE_DUPLICATES INCLUDE)
list(REMOVE_ITEM INCLUDE "")
list(TRANSFORM INCLUDE PREPEND -I)
set(compile "${COMPILER}" -std=c++20 -fsyntax-only -Wall -Wextra -Werror ${INCLUDE})

file(STRINGS "${SOURCE}" first LIMIT_COUNT 1)
file(STRINGS "${SOURCE}" expected REGEX "^// expect: ")
if(NOT first MATCHES "^// expect: [^ ]")
  message(FATAL_ERROR "the first line of ${SOURCE} is not '// expect: <regular expression>'")
endif()

execute_process(COMMAND ${compile} -DBOBBIN_CONTROL "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE err)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "the control does not compile:\n${err}")
endif()
execute_process(COMMAND ${compile} "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE err)
if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles, and must not")
endif()
foreach(line IN LISTS expected)
  string(REGEX REPLACE "^// expect: " "" pattern "${line}")
  if(NOT err MATCHES "${pattern}")
    message(FATAL_ERROR "the message does not match '${pattern}':\n${err}")
  endif()
endforeach()
