# Writes OUTPUT, a C++ file that holds every data/*.csv of DATA_FOLDER, for capacity/tables.hpp.
# Run at build time: cmake -D DATA_FOLDER=... -D OUTPUT=... -P embed_data.cmake
file(GLOB files "${DATA_FOLDER}/*.csv")
list(SORT files)
set(text "// Made from data/*.csv by cmake/embed_data.cmake.\n#include \"capacity/tables.hpp\"\n\nnamespace pgsluice::capacity {\n\n")
string(APPEND text "const std::vector<EmbeddedTable>& embedded_tables() {\n")
string(APPEND text "  static const std::vector<EmbeddedTable> all = {\n")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" csv)
  string(APPEND text "      {\"${name}\", R\"--csv--(${csv})--csv--\"},\n")
endforeach()
string(APPEND text "  };\n  return all;\n}\n\n}  // namespace pgsluice::capacity\n")
file(WRITE "${OUTPUT}" "${text}")
