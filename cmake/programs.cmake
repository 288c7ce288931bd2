# The programs: bin/tatara, and the runner that stands beside its libraries.

# Static and without the platform's libraries: it must start in a millisecond and run anywhere.
add_executable(tatara-runner src/runner/runner_main.cc src/runner/runner.cc)
target_include_directories(tatara-runner PRIVATE src)
# The sanitizers have no static form.
target_compile_options(tatara-runner PRIVATE -fno-sanitize=all)
target_link_options(tatara-runner PRIVATE -static -fno-sanitize=all)
set_target_properties(tatara-runner PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/tatara)

add_executable(tatara src/main.cc)
target_link_libraries(tatara PRIVATE cli)
add_dependencies(tatara tatara-runner tatara_duckdb)
set_target_properties(tatara PROPERTIES
  INSTALL_RPATH "$ORIGIN/../lib/tatara")
install(TARGETS tatara RUNTIME DESTINATION bin)
install(TARGETS tatara-runner RUNTIME DESTINATION lib/tatara)
install(TARGETS tatara_duckdb LIBRARY DESTINATION lib/tatara)
install(FILES ${TATARA_DEPS}/lib/tatara/libduckdb.so ${TATARA_DEPS}/lib/tatara/libonnxruntime.so.1
  ${TATARA_DEPS}/lib/tatara/httpfs.duckdb_extension DESTINATION lib/tatara)
install(DIRECTORY ${TATARA_DEPS}/share/licenses DESTINATION share/tatara)
