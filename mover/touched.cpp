#include "mover/touched.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

using nlohmann::json;

double number_in(const json& node, const char* name) {
  const auto found = node.find(name);
  return found != node.end() && found->is_number() ? found->get<double>() : 0;
}

double number_below(const json& node, const char* name) {
  double sum = 0;
  if (const auto below = node.find("Plans"); below != node.end() && below->is_array()) {
    for (const json& child : *below) {
      sum += number_in(child, name);
    }
  }
  return sum;
}

// What an INSERT by itself wrote, and dirtied: PostgreSQL 15 and older count a file's growth as writing, besides the
// pages that had to leave the cache.
double pages_grown_by(const json& node) {
  double grown = 0;
  if (node.value("Operation", "") == "Insert") {
    const auto own = [&](const char* name) { return std::max(0.0, number_in(node, name) - number_below(node, name)); };
    grown = std::min(own("Shared Written Blocks"), own("Shared Dirtied Blocks"));
  }
  if (const auto below = node.find("Plans"); below != node.end() && below->is_array()) {
    for (const json& child : *below) {
      grown += pages_grown_by(child);
    }
  }
  return grown;
}

// Temporary files are read and written, too; that they may never leave the kernel's cache is true of pages as well.
gate::Touched touched_by(const json& node) {
  return {number_in(node, "Shared Read Blocks") + number_in(node, "Local Read Blocks") +
              number_in(node, "Temp Read Blocks"),
          number_in(node, "Shared Dirtied Blocks") + number_in(node, "Local Dirtied Blocks") +
              number_in(node, "Temp Written Blocks"),
          number_in(node, "WAL Bytes"), pages_grown_by(node)};
}

std::optional<double> rows_of_topmost(const json& node) {
  if (node.value("Node Type", "") == "ModifyTable") {
    return number_in(node, "Actual Rows") * number_in(node, "Actual Loops");
  }
  if (const auto below = node.find("Plans"); below != node.end() && below->is_array()) {
    for (const json& child : *below) {
      if (const auto rows = rows_of_topmost(child)) {
        return rows;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

// RETURNING makes the server count the rows that were changed, not those that were offered: a trigger may take some
// away. What is returned goes nowhere.
// Lock: the statement's own.
std::string measured_sql(const std::string& sql) {
  return "EXPLAIN (ANALYZE, BUFFERS, WAL, TIMING OFF, FORMAT JSON) " + sql + " RETURNING 1";
}

TouchedRows parse_explained(std::string_view text) {
  // Names and conditions may hold bytes of any encoding; they are of no interest here, and JSON takes UTF-8 only.
  std::string ascii(text);
  std::replace_if(
      ascii.begin(), ascii.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  const json explained = json::parse(ascii, nullptr, false);
  TouchedRows result;
  std::optional<double> rows;
  if (explained.is_array()) {
    for (const json& query : explained) {  // A rule makes several of one.
      const auto plan = query.find("Plan");
      if (!query.is_object() || plan == query.end()) {
        continue;
      }
      rows = rows ? rows : rows_of_topmost(*plan);
      result.touched += touched_by(*plan);
      if (const auto planning = query.find("Planning"); planning != query.end()) {
        result.touched += touched_by(*planning);
      }
    }
  }
  if (!rows) {
    throw pg::Failure(pg::FailureKind::refused, "a statement that changes no rows was to be measured");
  }
  result.rows = static_cast<std::uint64_t>(std::llround(*rows));
  return result;
}

TouchedRows run_and_measure(pg::Connection& connection, const std::string& sql, const pg::Parameters& parameters) {
  const pg::Result result = connection.query(measured_sql(sql), parameters);
  return parse_explained(result.text(0, 0));
}

}  // namespace pgsluice::mover
