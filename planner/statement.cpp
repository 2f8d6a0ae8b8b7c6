#include "planner/statement.hpp"

#include <iterator>
#include <utility>

namespace pgsluice::planner {

std::string script_of(const Statements& statements) {
  std::string script;
  for (const Statement& statement : statements) {
    script += (script.empty() ? "" : ";\n") + statement.sql;
  }
  return script;
}

void append(Statements& statements, Statements more) {
  statements.insert(statements.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace pgsluice::planner
