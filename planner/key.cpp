#include "planner/key.hpp"

#include <nlohmann/json.hpp>

#include "pg/identifier.hpp"

namespace pgsluice::planner {

namespace {

// `"a"`, or `ROW("a", "b")`.
std::string row_sql(const RangeKey& key) {
  return key.columns.size() == 1 ? pg::quoted(key.columns[0].name) : "ROW(" + columns_sql(key) + ")";
}

// How a bound's values enter the text: as numbered parameters, or as literals where a statement takes none (COPY).
class Values {
 public:
  static Values as_parameters(int first) { return Values(first); }
  static Values as_literals() { return Values(std::nullopt); }
  std::string add(const std::string& value) {
    if (!first_) {
      return pg::literal(value);
    }
    parameters.emplace_back(value);
    return "$" + std::to_string(*first_ + static_cast<int>(parameters.size()) - 1);
  }
  pg::Parameters parameters;

 private:
  explicit Values(std::optional<int> first) : first_(first) {}
  std::optional<int> first_;
};

// `$1::type`, or `ROW($1::type, $2::type)`. A ctid is always a literal: its text is digits, and a constant lets the
// server use a Tid Range Scan at once.
std::string bound_sql(const RangeKey& key, const Key& bound, Values& values) {
  if (key.is_ctid()) {
    const std::string& at = bound.at(0);
    return pg::literal("(" + at + (at.find(',') == std::string::npos ? ",0)" : ")")) + "::pg_catalog.tid";
  }
  std::string list;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    list += (i == 0 ? "" : ", ") + values.add(bound.at(i)) + "::" + key.columns[i].type;
  }
  return key.columns.size() == 1 ? list : "ROW(" + list + ")";
}

Condition condition_sql(const RangeKey& key, const std::optional<Key>& lower, const std::optional<Key>& upper,
                        Values values) {
  Condition condition;
  const std::string position = key.is_ctid() ? "ctid" : row_sql(key);
  if (lower) {
    condition.sql = position + " >= " + bound_sql(key, *lower, values);
  }
  if (upper) {
    condition.sql += (condition.sql.empty() ? "" : " AND ") + position + " < " + bound_sql(key, *upper, values);
  }
  if (condition.sql.empty()) {
    condition.sql = "true";
  }
  condition.parameters = std::move(values.parameters);
  return condition;
}

std::string display_key(const Key& key) {
  std::string text;
  for (const std::string& value : key) {
    text += (text.empty() ? "" : ", ") + value;
  }
  return "(" + text + ")";
}

}  // namespace

Condition between_sql(const RangeKey& key, const std::optional<Key>& lower, const std::optional<Key>& upper,
                      int first_parameter) {
  return condition_sql(key, lower, upper, Values::as_parameters(first_parameter));
}

std::string between_literals_sql(const RangeKey& key, const std::optional<Key>& lower,
                                 const std::optional<Key>& upper) {
  return condition_sql(key, lower, upper, Values::as_literals()).sql;
}

std::string columns_sql(const RangeKey& key) {
  std::string list;
  for (const KeyColumn& column : key.columns) {
    list += (list.empty() ? "" : ", ") + pg::quoted(column.name);
  }
  return list;
}

std::string columns_text_sql(const RangeKey& key) {
  std::string list;
  for (const KeyColumn& column : key.columns) {
    list += (list.empty() ? "" : ", ") + pg::quoted(column.name) + "::pg_catalog.text";
  }
  return list;
}

Condition step_sql(const RangeKey& key, const std::string& rows, const std::optional<Key>& lower,
                   const std::optional<Key>& upper, std::uint64_t offset) {
  Condition step = between_sql(key, lower, upper);
  // Qualified: a bare name in ORDER BY would mean the output column of that name, which is text.
  std::string order;
  for (const KeyColumn& column : key.columns) {
    order += (order.empty() ? "" : ", ") + ("source." + pg::quoted(column.name));
  }
  step.sql = "SELECT " + columns_text_sql(key) + " FROM " + rows + " AS source WHERE " + step.sql + " ORDER BY " +
             order + " OFFSET " + std::to_string(offset) + " LIMIT 1";
  return step;
}

std::string to_array_text(const Key& key) {
  std::string text = "{";
  for (const std::string& value : key) {
    text += text.size() == 1 ? "\"" : ",\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') {
        text.push_back('\\');
      }
      text.push_back(c);
    }
    text += "\"";
  }
  return text + "}";
}

std::string display_lower(const std::optional<Key>& lower) {
  return lower ? display_key(*lower) : "the beginning";
}

std::string display_upper(const std::optional<Key>& upper) {
  return upper ? display_key(*upper) : "the end";
}

void to_json(nlohmann::json& json, const RangeKey& key) {
  json = {{"index", key.index}, {"columns", nlohmann::json::array()}};
  for (const KeyColumn& column : key.columns) {
    json["columns"].push_back({{"name", column.name}, {"type", column.type}});
  }
}

void from_json(const nlohmann::json& json, RangeKey& key) {
  json.at("index").get_to(key.index);
  key.columns.clear();
  for (const nlohmann::json& column : json.at("columns")) {
    key.columns.push_back({column.at("name"), column.at("type")});
  }
}

void to_json(nlohmann::json& json, const Range& range) {
  json = {{"rows", range.rows_estimate}, {"bytes", range.bytes_estimate}};
  if (range.lower) {
    json["lower"] = *range.lower;
  }
  if (range.upper) {
    json["upper"] = *range.upper;
  }
}

// The index is the position in the plan's list and is set there.
void from_json(const nlohmann::json& json, Range& range) {
  json.at("rows").get_to(range.rows_estimate);
  json.at("bytes").get_to(range.bytes_estimate);
  range.lower = json.contains("lower") ? std::optional<Key>(json["lower"].get<Key>()) : std::nullopt;
  range.upper = json.contains("upper") ? std::optional<Key>(json["upper"].get<Key>()) : std::nullopt;
}

}  // namespace pgsluice::planner
