# cmake -D BUILD=<build folder> -D STAGE=<folder> -P stage.cmake
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${STAGE}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --component bobbin --prefix "${STAGE}"
  COMMAND_ERROR_IS_FATAL ANY)
