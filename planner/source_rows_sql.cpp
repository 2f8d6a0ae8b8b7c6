#include "planner/source_rows_sql.hpp"

namespace pgsluice::planner {

std::string source_rows_sql(const TableFacts& facts) {
  return (facts.is_partitioned() ? "" : "ONLY ") + pg::quoted(facts.name);
}

}  // namespace pgsluice::planner
