# Programs of bench/ that measure one part. Built on demand: `ninja rules_bench`.
add_executable(rules_bench EXCLUDE_FROM_ALL bench/rules_bench.cc)
target_link_libraries(rules_bench PRIVATE events)
