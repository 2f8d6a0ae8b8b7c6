#include "mover/routing_check.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <random>

#include "mover/batch_method.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::mover {

namespace {

using planner::RoutingType;

constexpr std::size_t kSampleRows = 300;
constexpr std::size_t kSampleBytesMax = 4000;  // Of one value.
constexpr std::size_t kBoundsMax = 200;        // Of one column; evenly spread where there are more.
constexpr std::size_t kLongTextBytes = 3000;
constexpr int kInfinityInNumericsSince = 14;

// SQL expressions, one for each column.
using Row = std::vector<std::string>;

std::string type_of_sql(const RoutedColumn& column, std::string_view expression) {
  return std::string(expression) + "::" + column.type;
}

// Values that are easily got wrong, as the text that the type takes.
std::vector<std::string> edges_of(RoutingType type, int server_version) {
  switch (type) {
    case RoutingType::boolean:
      return {"true", "false"};
    case RoutingType::character:
      return {"", "a", "Z", "~"};
    case RoutingType::int2:
      return {"-32768", "-1", "0", "1", "32767"};
    case RoutingType::int4:
      return {"-2147483648", "-65536", "-1", "0", "1", "65536", "2147483647"};
    case RoutingType::int8:
      return {"-9223372036854775808", "-4294967296", "-2147483649",        "-1", "0", "1",
              "2147483648",           "4294967296",  "9223372036854775807"};
    case RoutingType::oid:
      return {"0", "1", "2147483648", "4294967295"};
    case RoutingType::date:
      return {"-infinity", "4713-11-24 BC", "1999-12-31", "2000-01-01", "2024-02-29", "5874897-12-31", "infinity"};
    case RoutingType::time:
      return {"00:00", "00:00:00.000001", "12:00", "23:59:59.999999", "24:00"};
    case RoutingType::timestamp:
      return {"-infinity",        "4713-11-24 00:00 BC",     "1999-12-31 23:59:59.999999",
              "2000-01-01 00:00", "2024-02-29 12:34:56.789", "294276-12-31 23:59:59.999999",
              "infinity"};
    case RoutingType::float4:
      return {"-Infinity", "-3e38", "-1.5", "-0", "0", "1e-40", "0.1", "1.5", "3e38", "Infinity", "NaN"};
    case RoutingType::float8:
      return {"-Infinity", "-1e308", "-1.5", "-0", "0", "1e-320", "0.1", "1.5", "1e308", "Infinity", "NaN"};
    case RoutingType::numeric: {
      std::vector<std::string> edges = {"0",      "0.000", "1",     "1.000", "-1",         "10000",    "100000000",
                                        "0.0001", "-0.5",  "1e-30", "1e130", "12345.6789", "-1.00010", "NaN"};
      if (server_version >= kInfinityInNumericsSince) {
        edges.insert(edges.end(), {"Infinity", "-Infinity"});
      }
      return edges;
    }
    case RoutingType::text:
    case RoutingType::bpchar:
      return {"",
              " ",
              "a",
              "a  ",
              "A",
              "ab",
              "abc",
              "abcd",
              "01234567",
              "12345678",
              "123456789",
              "1234567890a",
              "123456789012",
              "\xc3\xbc",
              std::string(kLongTextBytes, 'x')};
    case RoutingType::bytea:
      return {"", "\\x00", "\\x0000", "\\x01", "\\x7f80ff", "\\xffffffffffffffffffffffffff"};
    case RoutingType::uuid:
      return {"00000000-0000-0000-0000-000000000000", "01234567-89ab-cdef-0123-456789abcdef",
              "ffffffff-ffff-ffff-ffff-ffffffffffff"};
  }
  return {};
}

// The values next to a bound that its type still holds: nothing where it has no next one, or lies near its limits.
std::vector<std::string> neighbours_sql(const RoutedColumn& column, const std::string& bound) {
  const std::string typed = "(" + type_of_sql(column, bound) + ")";
  switch (column.routing_type) {
    case RoutingType::int2:
    case RoutingType::int4:
    case RoutingType::int8:
    case RoutingType::oid: {
      // Computed as numeric, then held within the type by taking the bound itself where the neighbour is out of it.
      const auto [low, high] = column.routing_type == RoutingType::int2   ? std::pair{"-32768", "32767"}
                               : column.routing_type == RoutingType::int4 ? std::pair{"-2147483648", "2147483647"}
                               : column.routing_type == RoutingType::oid
                                   ? std::pair{"0", "4294967295"}
                                   : std::pair{"-9223372036854775808", "9223372036854775807"};
      const auto held = [&](const char* step) {
        return "greatest(least(" + typed + "::text::numeric " + step + ", " + high + "), " + low +
               ")::text::" + column.type;
      };
      return {held("- 1"), held("+ 1")};
    }
    case RoutingType::date:
    case RoutingType::timestamp: {
      const std::string step = column.routing_type == RoutingType::date ? "1" : "interval '1 microsecond'";
      const auto near = [&](const char* sign) {
        return "(CASE WHEN isfinite" + typed + " AND " + typed + " > '4000-01-01 BC' AND " + typed +
               " < '200000-01-01' THEN " + typed + " " + sign + " " + step + " ELSE " + typed + " END)::" + column.type;
      };
      return {near("-"), near("+")};
    }
    case RoutingType::numeric:
      return {"(" + typed + " - 0.00001)::" + column.type, "(" + typed + " + 0.00001)::" + column.type};
    case RoutingType::text:
    case RoutingType::bpchar:
      return {"(" + typed + " || '!')::" + column.type, "left(" + typed + ", -1)::" + column.type};
    case RoutingType::bytea:
      return {"(" + typed + " || '\\x00'::bytea)::" + column.type};
    default:
      return {};
  }
}

// What one column may hold: expressions of its type.
std::string savepoint_sql() {
  return "SAVEPOINT pgsluice_routing_check";
}

std::string back_to_savepoint_sql() {
  return "ROLLBACK TO SAVEPOINT pgsluice_routing_check";
}

std::string release_savepoint_sql() {
  return "RELEASE SAVEPOINT pgsluice_routing_check";
}

std::vector<std::string> candidates_sql(const RoutedColumn& column, int server_version) {
  std::vector<std::string> candidates = {type_of_sql(column, "NULL")};
  const std::size_t step = column.bounds.size() / kBoundsMax + 1;
  for (std::size_t i = 0; i < column.bounds.size(); i += step) {
    candidates.push_back(type_of_sql(column, column.bounds[i]));
    if (!column.is_domain) {
      const std::vector<std::string> neighbours = neighbours_sql(column, column.bounds[i]);
      candidates.insert(candidates.end(), neighbours.begin(), neighbours.end());
    }
  }
  if (!column.is_domain) {
    for (const std::string& edge : edges_of(column.routing_type, server_version)) {
      candidates.push_back(type_of_sql(column, pg::literal(edge)));
    }
  }
  return candidates;
}

// Every candidate of every column at least once, and as many combinations by chance.
std::vector<Row> generated_rows(const std::vector<RoutedColumn>& columns, int server_version) {
  std::vector<std::vector<std::string>> candidates;
  std::size_t count = 0;
  for (const RoutedColumn& column : columns) {
    candidates.push_back(candidates_sql(column, server_version));
    count = std::max(count, candidates.back().size());
  }
  std::minstd_rand random(1);  // The same rows each time: a disagreement can be looked at again.
  const std::size_t row_count = columns.size() == 1 ? count : 2 * count;
  std::vector<Row> rows(row_count);
  for (std::size_t i = 0; i < row_count; ++i) {
    for (const std::vector<std::string>& of_column : candidates) {
      rows[i].push_back(i < of_column.size() ? of_column[i] : of_column[random() % of_column.size()]);
    }
  }
  return rows;
}

std::string sample_sql(const planner::Plan& plan, const std::vector<RoutedColumn>& columns, bool of_blocks) {
  std::string list;
  for (const RoutedColumn& column : columns) {
    // A wide value is left out, as NULL: some hundred of them would be much to send to and fro.
    const std::string text = pg::quoted(column.name) + "::text";
    list += (list.empty() ? "" : ", ") +
            ("CASE WHEN octet_length(" + text + ") <= " + std::to_string(kSampleBytesMax)) + " THEN " + text + " END";
  }
  // A block holds some dozens of rows; a few hundred blocks' worth, at most the whole table.
  constexpr double kBlockBytes = 8192;
  constexpr double kBlocks = 100;
  const double blocks = std::max(1.0, static_cast<double>(plan.source.size.heap_bytes) / kBlockBytes);
  const double percent = std::min(100.0, 100 * kBlocks / blocks);
  return "SELECT " + list + " FROM " + source_rows_sql(plan) +
         (of_blocks ? " TABLESAMPLE SYSTEM (" + std::to_string(percent) + ")" : "") + " LIMIT " +
         std::to_string(kSampleRows);
}

void add_sample(std::vector<Row>& rows, pg::Connection& source, const planner::Plan& plan,
                const std::vector<RoutedColumn>& columns, bool of_blocks) {
  const pg::Result result = source.query(sample_sql(plan, columns, of_blocks));
  for (int i = 0; i < result.row_count(); ++i) {
    Row row;
    for (std::size_t column = 0; column < columns.size(); ++column) {
      const std::optional<std::string> value = result.optional_text(i, static_cast<int>(column));
      row.push_back(type_of_sql(columns[column], value ? pg::literal(*value) : "NULL"));
    }
    rows.push_back(std::move(row));
  }
}

// `unnest(ARRAY[…]), unnest(ARRAY[…])`: the rows, column by column.
std::string arrays_sql(const std::vector<Row>& rows, const std::vector<RoutedColumn>& columns) {
  std::string sql;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    sql += column == 0 ? "unnest(ARRAY[" : ", unnest(ARRAY[";
    for (std::size_t row = 0; row < rows.size(); ++row) {
      sql += (row == 0 ? "" : ", ") + rows[row][column];
    }
    sql += "]::" + columns[column].type + "[])";
  }
  return sql;
}

// The rows in their binary form, each as COPY would send it.
std::string binary_rows_sql(const std::vector<Row>& rows, const std::vector<RoutedColumn>& columns) {
  std::string names;
  for (const RoutedColumn& column : columns) {
    names += pg::quoted(column.name) + ", ";
  }
  return "COPY (SELECT " + names.substr(0, names.size() - 2) + " FROM ROWS FROM (" + arrays_sql(rows, columns) +
         ") WITH ORDINALITY AS row (" + names +
         "\"row's number\") ORDER BY \"row's number\") TO STDOUT (FORMAT binary)";
}

// The first row that does not satisfy the constraint of the leaf that is claimed for it: its number, the leaf, and the
// values that it has.
std::string wrong_row_sql(const std::vector<Row>& rows, const std::vector<RoutedColumn>& columns,
                          const std::vector<std::int32_t>& claims,
                          const std::map<std::int32_t, std::string>& constraints) {
  std::string names, values, text;
  for (const RoutedColumn& column : columns) {
    const std::string name = pg::quoted(column.name);
    names += name + ", ";
    values += name + (column.collation.empty() ? "" : " COLLATE " + column.collation) + " AS " + name + ", ";
    text += (text.empty() ? "" : ", ") + name;
  }
  std::string leaves;
  for (const std::int32_t claim : claims) {
    leaves += (leaves.empty() ? "" : ", ") + std::to_string(claim);
  }
  std::string cases;
  for (const auto& [leaf, constraint] : constraints) {
    cases += " WHEN " + std::to_string(leaf) + " THEN (" + constraint + ")";
  }
  return "SELECT \"leaf's number\", (" + (columns.size() == 1 ? text : "ROW(" + text + ")") + ")::text FROM (SELECT " +
         values + "\"leaf's number\" FROM ROWS FROM (" + arrays_sql(rows, columns) + ", unnest(ARRAY[" + leaves +
         "]::int4[])) AS row (" + names + "\"leaf's number\")) AS row WHERE (CASE \"leaf's number\"" + cases +
         " END) IS NOT TRUE LIMIT 1";
}

// Our answers. The rows hold the key columns and nothing else, so the router is asked for fields.
std::vector<std::int32_t> claims_for(pg::Connection& target, const std::vector<Row>& rows, const LeafRoutes& routes) {
  std::vector<std::uint16_t> positions;
  for (std::size_t i = 0; i < routes.columns.size(); ++i) {
    positions.push_back(static_cast<std::uint16_t>(i));
  }
  std::vector<std::int32_t> claims;
  pg::CopyOut out = target.copy_out(binary_rows_sql(rows, routes.columns));
  pg::BinaryRows binary;
  pg::CopyField fields[planner::Router::kKeyColumnsMax];
  while (const auto message = out.next()) {
    const std::span<const char> row = binary.row_of(*message);
    if (!row.empty()) {
      claims.push_back(pg::find_fields(row, positions, fields) ? routes.router.leaf_of(fields)
                                                               : planner::Router::kNoLeaf);
    }
  }
  return claims;
}

std::map<std::int32_t, std::string> read_constraints(pg::Connection& target, const LeafRoutes& routes,
                                                     const std::vector<std::int32_t>& claims) {
  std::map<std::int32_t, std::string> constraints;
  for (const std::int32_t claim : claims) {
    constraints[claim];
  }
  std::vector<std::string> names;
  for (const auto& [leaf, constraint] : constraints) {
    names.push_back(routes.leaves[static_cast<std::size_t>(leaf)]);
  }
  const pg::Result result = fixed_query(target, "partition_constraints", {text_array(names)});
  int row = 0;
  for (auto& [leaf, constraint] : constraints) {
    constraint = result.optional_text(row++, 0).value_or("true");
  }
  return constraints;
}

}  // namespace

std::optional<std::string> find_wrong_route(pg::Connection& target, pg::Connection& source, const planner::Plan& plan,
                                            const LeafRoutes& routes) {
  std::vector<Row> rows = generated_rows(routes.columns, target.server_major_version());
  add_sample(rows, source, plan, routes.columns, true);
  add_sample(rows, source, plan, routes.columns, false);
  const std::vector<std::int32_t> claims = claims_for(target, rows, routes);
  if (claims.size() != rows.size()) {
    return "the server sent " + std::to_string(claims.size()) + " of " + std::to_string(rows.size()) + " rows to try";
  }
  // Rows that have no leaf go through the parent, whatever they are.
  std::vector<Row> routed;
  std::vector<std::int32_t> leaves;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (claims[i] != planner::Router::kNoLeaf) {
      routed.push_back(std::move(rows[i]));
      leaves.push_back(claims[i]);
    }
  }
  if (routed.empty()) {
    return std::nullopt;
  }
  const pg::Result wrong =
      target.query(wrong_row_sql(routed, routes.columns, leaves, read_constraints(target, routes, leaves)));
  if (wrong.row_count() == 0) {
    return std::nullopt;
  }
  return "the server would not put " + std::string(wrong.text(0, 1)) + " into " +
         routes.leaves[static_cast<std::size_t>(wrong.integer(0, 0))];
}

LeafRoutesAnswer read_checked_routes(pg::Connection& target, pg::Connection& source, const planner::Plan& plan) {
  target.query(savepoint_sql());
  try {
    LeafRoutesAnswer answer = read_leaf_routes(target, plan);
    if (answer.routes) {
      if (std::optional<std::string> wrong = find_wrong_route(target, source, plan, *answer.routes)) {
        answer = {std::nullopt, std::move(*wrong)};
      }
    }
    target.query(release_savepoint_sql());
    return answer;
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::server || failure.is_transient()) {
      throw;
    }
    target.query(back_to_savepoint_sql());
    return {std::nullopt, "the server could not check the routing: " + std::string(failure.what())};
  }
}

}  // namespace pgsluice::mover
