# bin/fuzz_NAME for each test/fuzz/fuzz_NAME.cc; made to run in the asan preset (tools/deep.py).
function(tatara_fuzz name)
  add_executable(fuzz_${name} test/fuzz/fuzz_${name}.cc test/fuzz/driver.cc)
  target_include_directories(fuzz_${name} PRIVATE test)
  target_link_libraries(fuzz_${name} PRIVATE ${ARGN})
endfunction()

tatara_fuzz(http net)
tatara_fuzz(json base)
tatara_fuzz(yaml pipelines)
tatara_fuzz(pattern events)
