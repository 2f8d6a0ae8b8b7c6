#include "pg/statements.hpp"

#include <cstdio>
#include <cstdlib>

namespace pgsluice::pg {

std::string statement(std::string_view name, int server_major_version) {
  const EmbeddedStatement* best = nullptr;
  for (const EmbeddedStatement& candidate : embedded_statements()) {
    if (candidate.name == name && candidate.major_version_min <= server_major_version &&
        (best == nullptr || candidate.major_version_min > best->major_version_min)) {
      best = &candidate;
    }
  }
  if (best == nullptr) {
    std::fprintf(stderr, "pgsluice: there is no sql/%.*s.sql\n", static_cast<int>(name.size()), name.data());
    std::abort();
  }
  return std::string(best->sql);
}

}  // namespace pgsluice::pg
