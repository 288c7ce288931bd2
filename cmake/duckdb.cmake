# The module that holds DuckDB: loaded by sql when the first engine opens. The build tree gets
# lib/tatara beside bin/, as an installed one has it.

set(TATARA_LIBRARY_FOLDER ${CMAKE_BINARY_DIR}/lib/tatara)
file(MAKE_DIRECTORY ${TATARA_LIBRARY_FOLDER})
foreach(part libduckdb.so libonnxruntime.so.1 httpfs.duckdb_extension)
  if(EXISTS ${TATARA_DEPS}/lib/tatara/${part})
    file(CREATE_LINK ${TATARA_DEPS}/lib/tatara/${part} ${TATARA_LIBRARY_FOLDER}/${part} SYMBOLIC)
  endif()
endforeach()

file(GLOB duckdb_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/sql/duckdb/*.cc)
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION ${TATARA_DEPS}/lib/tatara/libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${TATARA_DEPS}/include/duckdb)

# Own position-independent objects of the few things that the module takes from below.
add_library(tatara_duckdb MODULE ${duckdb_sources}
  ${PROJECT_SOURCE_DIR}/src/sql/quote.cc
  ${PROJECT_SOURCE_DIR}/src/base/result.cc
  ${PROJECT_SOURCE_DIR}/src/base/json.cc src/base/strings.cc)
target_include_directories(tatara_duckdb PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(tatara_duckdb PRIVATE duckdb simdjson::simdjson)
set_target_properties(tatara_duckdb PROPERTIES
  PREFIX ""
  LIBRARY_OUTPUT_DIRECTORY ${TATARA_LIBRARY_FOLDER}
  BUILD_WITH_INSTALL_RPATH ON
  INSTALL_RPATH "$ORIGIN")

# Who opens an engine needs the module beside it.
foreach(test sql_test features_test serving_test)
  if(TARGET ${test})
    add_dependencies(${test} tatara_duckdb)
  endif()
endforeach()
