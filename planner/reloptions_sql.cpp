#include "planner/reloptions_sql.hpp"

#include "pg/identifier.hpp"

namespace pgsluice::planner {

namespace {

std::string option_name_sql(const std::string& name) {
  const std::size_t dot = name.find('.');
  return dot == std::string::npos ? pg::quoted(name)
                                  : pg::quoted(name.substr(0, dot)) + "." + pg::quoted(name.substr(dot + 1));
}

}  // namespace

std::string reloptions_sql(const std::vector<std::string>& options) {
  std::string list;
  for (const std::string& option : options) {
    const std::size_t equals = option.find('=');
    list += list.empty() ? "" : ", ";
    list += option_name_sql(option.substr(0, equals));
    if (equals != std::string::npos) {
      list += "=" + pg::literal(option.substr(equals + 1));
    }
  }
  return list;
}

}  // namespace pgsluice::planner
