# One static library per folder of src/, one test program beside it, linked by tools/layers.txt.

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

# The row of a module in layers.txt, as a list.
function(tatara_layer name out)
  file(STRINGS ${PROJECT_SOURCE_DIR}/tools/layers.txt rows REGEX "^${name}:")
  string(REGEX REPLACE "^${name}: *" "" row "${rows}")
  string(REPLACE " " ";" row "${row}")
  set(${out} ${row} PARENT_SCOPE)
endfunction()

# tatara_module(NAME [LIBRARIES third-party...] [EXCLUDE regex])
function(tatara_module name)
  cmake_parse_arguments(ARG "" "EXCLUDE" "LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${ARG_EXCLUDE}")
    list(FILTER tests EXCLUDE REGEX "${ARG_EXCLUDE}")
  endif()
  tatara_layer(${name} layer)
  if(NOT sources)  # headers only
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${layer})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PUBLIC ${layer} PRIVATE ${ARG_LIBRARIES})
  if(tests AND BUILD_TESTING)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} GTest::gmock GTest::gtest_main
                          ${ARG_LIBRARIES})
    target_compile_definitions(${name}_test PRIVATE
                               TATARA_TEST_DATA="${PROJECT_SOURCE_DIR}/test/data")
    target_compile_options(${name}_test PRIVATE -O0)  # compiled far more often than they run
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
