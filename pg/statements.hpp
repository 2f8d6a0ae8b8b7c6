// The fixed statements of sql/*.sql, embedded at build time. A file `name.sql` serves every server; `name__pg16.sql`
// serves servers from major version 16 on, in place of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::pg {

struct EmbeddedStatement {
  std::string_view name;
  int major_version_min;  // 0 when the file's name has no version.
  std::string_view sql;
};

const std::vector<EmbeddedStatement>& embedded_statements();

// The text of the highest version of `name` that a server of this major version understands. An unknown name is a
// programmer's error and aborts.
std::string statement(std::string_view name, int server_major_version);

}  // namespace pgsluice::pg
