# The migrations of schema/ become one source file of db: the binary carries its own schema.
file(GLOB migrations CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schema/*.sql)
set(embedded ${CMAKE_BINARY_DIR}/generated/schema.cc)
add_custom_command(
  OUTPUT ${embedded}
  COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/embed_schema.py ${embedded} ${migrations}
  DEPENDS ${migrations} ${PROJECT_SOURCE_DIR}/tools/embed_schema.py
  VERBATIM)
add_library(schema STATIC ${embedded})
target_include_directories(schema PUBLIC ${PROJECT_SOURCE_DIR}/src)
