// Options as the catalogue stores them ("fillfactor=70", "toast.autovacuum_enabled=off", "n_distinct=-0.5") as SQL
// text.
#pragma once

#include <string>
#include <vector>

namespace pgsluice::planner {

// `"fillfactor"='70', "toast"."autovacuum_enabled"='off'`, without parentheses.
std::string reloptions_sql(const std::vector<std::string>& options);

}  // namespace pgsluice::planner
