#include "capacity/tables.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace pgsluice::capacity {

CsvTable table(std::string_view name) {
  for (const EmbeddedTable& candidate : embedded_tables()) {
    if (candidate.name == name) {
      return CsvTable("data/" + std::string(name) + ".csv", candidate.csv);
    }
  }
  std::fprintf(stderr, "pgsluice: there is no data/%.*s.csv\n", static_cast<int>(name.size()), name.data());
  std::abort();
}

}  // namespace pgsluice::capacity
