// A composed SQL statement beside the lock it takes, so that a plan can print both. Composing is the business of the
// *_sql files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::planner {

struct Statement {
  std::string sql;  // Without a semicolon.
  std::string
      lock;  // PostgreSQL's name of the strongest lock that others may feel: "SHARE ROW EXCLUSIVE"; empty for none.
  std::string on;  // The table that is locked, as a person reads it.
};

using Statements = std::vector<Statement>;

// All of them in one text for pg::Connection::run_script.
std::string script_of(const Statements& statements);

void append(Statements& statements, Statements more);

}  // namespace pgsluice::planner
