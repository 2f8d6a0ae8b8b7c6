#include "mover/leaf_routes.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "mover/batch_method.hpp"
#include "mover/target_session.hpp"
#include "pg/identifier.hpp"
#include "planner/partition_bound_text.hpp"
#include "planner/result_row.hpp"

namespace pgsluice::mover {

namespace {

using planner::BoundText;
using planner::PartitionMethod;
using planner::RangeBoundValue;
using planner::RoutedPartition;
using planner::RoutedTable;
using planner::RoutingType;

// The router keeps a place for every remainder of the greatest modulus.
constexpr std::uint64_t kModulusMax = 1U << 20U;

constexpr std::uint32_t kVarcharOid = 1043;

// Thrown and caught in this file: the tree is the server's to route, and why.
struct NotRouted {
  std::string why;
};

// One key column of one table, as the catalogue has it.
struct KeyFacts {
  std::string column;  // Empty for an expression.
  std::uint32_t type = 0, base = 0;
  std::string declared, type_name, column_collation, collation;
  bool class_is_default = false;
};

struct TreeRow {
  std::int64_t oid = 0, parent = 0;
  std::string kind, name, strategy;
  std::optional<std::string> bound;
  std::vector<KeyFacts> keys;
  bool may_insert = false, has_row_security = false, has_statement_trigger = false;
  std::vector<std::string> columns;
  std::string encoding;
};

std::uint32_t oid_of(const std::string& digits) {
  std::uint32_t oid = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), oid);
  return oid;
}

TreeRow make_tree_row(const planner::ResultRow& row) {
  TreeRow made;
  made.oid = row.integer("oid");
  made.parent = row.integer("parent");
  made.kind = row.text("kind");
  made.name = row.text("name");
  made.strategy = row.text("strategy");
  made.bound = row.optional_text("bound");
  made.may_insert = row.boolean("may_insert");
  made.has_row_security = row.boolean("has_row_security");
  made.has_statement_trigger = row.boolean("has_statement_trigger");
  made.columns = row.texts("columns");
  made.encoding = row.text("encoding");
  const std::vector<std::string> columns = row.texts("key_columns");
  const std::vector<std::string> types = row.texts("key_types");
  const std::vector<std::string> bases = row.texts("key_bases");
  const std::vector<std::string> declared = row.texts("key_declared");
  const std::vector<std::string> type_names = row.texts("key_type_names");
  const std::vector<std::string> column_collations = row.texts("key_column_collations");
  const std::vector<std::string> collations = row.texts("key_collations");
  const std::vector<std::string> defaults = row.texts("key_class_is_default");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    made.keys.push_back({columns[i], oid_of(types[i]), oid_of(bases[i]), declared[i], type_names[i],
                         column_collations[i], collations[i], defaults[i] == "true"});
  }
  return made;
}

std::string array_sql(const std::vector<std::string>& expressions, const std::string& type) {
  std::string list;
  for (const std::string& expression : expressions) {
    list += (list.empty() ? "" : ", ") + expression;
  }
  return "ARRAY[" + list + "]::" + type + "[]";
}

std::string literals_sql(const std::vector<std::string>& literals, const std::string& type) {
  return "COPY (SELECT value FROM unnest(" + array_sql(literals, type) +
         ") WITH ORDINALITY AS bound (value, position) ORDER BY position) TO STDOUT (FORMAT binary)";
}

// Puts the tree together: first what each table is, then the values of all bounds, type by type.
class Reader {
 public:
  Reader(pg::Connection& target, const planner::Plan& plan)
      : target_(target), columns_(plan.source.insertable_columns()), plan_(plan) {
    const pg::Result result = fixed_query(target, "routing_tree", {target_table_sql(plan)});
    for (int i = 0; i < result.row_count(); ++i) {
      rows_.push_back(make_tree_row(planner::ResultRow(result, i)));
    }
  }

  LeafRoutes read() {
    refuse_what_the_parent_does_otherwise();
    for (const TreeRow& row : rows_) {
      if (row.kind == "p") {
        table_index_by_oid_[row.oid] = tables_.size();
        tables_.push_back(made_table(row));
      }
    }
    for (const TreeRow& row : rows_) {
      if (row.parent != 0) {
        add_partition(row);
      }
    }
    evaluate_bounds();
    if (columns_by_position_.size() > planner::Router::kKeyColumnsMax) {
      throw NotRouted{"its levels have too many key columns"};
    }
    LeafRoutes routes{planner::Router(std::move(tables_)), std::move(leaves_), {}};
    for (auto& [position, column] : columns_by_position_) {
      routes.columns.push_back(std::move(column));
    }
    return routes;
  }

 private:
  // A value of a bound that the server has yet to evaluate, and where it goes.
  struct Pending {
    std::string type, literal;
    std::size_t table, partition, key;
    enum class Place { lower, upper, list } place;
    std::size_t list_index;
  };

  void refuse_what_the_parent_does_otherwise() const {
    for (const std::string& column : rows_.at(0).columns) {
      if (std::find(columns_.begin(), columns_.end(), column) == columns_.end()) {
        throw NotRouted{"column " + pg::display(column) +
                        " is not copied, and a leaf's default need not be its parent's"};
      }
    }
    for (const TreeRow& row : rows_) {
      if (row.kind != "p" && row.kind != "r") {
        throw NotRouted{row.name + " is no plain table"};
      }
      if (row.has_statement_trigger) {
        throw NotRouted{row.name + " has a trigger for each statement"};
      }
      if (row.has_row_security) {
        throw NotRouted{row.name + " has row security"};
      }
      if (!row.may_insert) {
        throw NotRouted{"this role may not insert into " + row.name};
      }
    }
  }

  RoutedTable made_table(const TreeRow& row) {
    RoutedTable table;
    table.method = row.strategy == "h"   ? PartitionMethod::hash
                   : row.strategy == "r" ? PartitionMethod::range
                                         : PartitionMethod::list;
    for (const KeyFacts& key : row.keys) {
      table.keys.push_back(made_key(row, table.method, key));
    }
    return table;
  }

  planner::RoutingKey made_key(const TreeRow& row, PartitionMethod method, const KeyFacts& key) {
    if (key.column.empty()) {
      throw NotRouted{"the key of " + row.name + " is an expression"};
    }
    const std::string column = "column " + pg::display(key.column);
    const auto place = std::find(columns_.begin(), columns_.end(), key.column);
    if (place == columns_.end()) {
      throw NotRouted{column + " is not copied"};
    }
    if (!key.class_is_default) {
      throw NotRouted{column + " has an operator class that is not its type's own"};
    }
    const std::optional<RoutingType> type = planner::routing_type(key.type);
    const bool is_text = type && planner::has_collation(*type);
    if (!type || (key.base != key.type && !(is_text && key.base == kVarcharOid))) {
      throw NotRouted{column + " is of type " + key.declared};
    }
    if (key.declared != plan_.source.column(key.column)->type) {
      throw NotRouted{column + " is of another type in the source"};
    }
    if (is_text && (key.collation == "other" || (method == PartitionMethod::range && key.collation != "bytes"))) {
      throw NotRouted{column + (method == PartitionMethod::range
                                    ? " is divided by ranges of a collation that is not \"C\""
                                    : " has a collation that is not deterministic")};
    }
    if (is_text && row.encoding != "UTF8" && row.encoding != "SQL_ASCII") {
      throw NotRouted{column + " is a text, and the target's encoding is " + row.encoding};
    }
    const auto position = static_cast<std::uint16_t>(place - columns_.begin());
    RoutedColumn& routed = columns_by_position_[position];
    routed.name = key.column;
    routed.type = key.type_name;
    routed.collation = key.column_collation;
    routed.routing_type = *type;
    routed.is_domain = !key.type_name.starts_with("pg_catalog.");
    return {position, *type};
  }

  void add_partition(const TreeRow& row) {
    const std::size_t table_index = table_index_by_oid_.at(row.parent);
    RoutedTable& table = tables_[table_index];
    const std::optional<BoundText> bound = row.bound ? planner::parse_bound_text(*row.bound) : std::nullopt;
    if (!bound) {
      throw NotRouted{"the bound of " + row.name + " is not understood"};
    }
    RoutedPartition partition;
    partition.is_default = bound->kind == BoundText::Kind::is_default;
    partition.is_leaf = row.kind == "r";
    partition.index = partition.is_leaf ? leaves_.size() : table_index_by_oid_.at(row.oid);
    partition.modulus = bound->modulus;
    partition.remainder = bound->remainder;
    if (bound->modulus > kModulusMax) {
      throw NotRouted{"the modulus of " + row.name + " is too large"};
    }
    const std::size_t index = table.partitions.size();
    for (std::size_t key = 0; key < bound->lower.size(); ++key) {
      partition.lower.push_back(range_value(bound->lower[key], table_index, index, key, Pending::Place::lower));
    }
    for (std::size_t key = 0; key < bound->upper.size(); ++key) {
      partition.upper.push_back(range_value(bound->upper[key], table_index, index, key, Pending::Place::upper));
    }
    for (const BoundText::Value& value : bound->values) {
      if (value.kind == BoundText::Value::Kind::null) {
        partition.takes_null = true;
        continue;
      }
      expect(value, table_index, index, 0, Pending::Place::list, partition.values.size());
      partition.values.emplace_back();
    }
    table.partitions.push_back(std::move(partition));
    if (row.kind == "r") {
      leaves_.push_back(row.name);
    }
  }

  RangeBoundValue range_value(const BoundText::Value& value, std::size_t table, std::size_t partition, std::size_t key,
                              Pending::Place place) {
    switch (value.kind) {
      case BoundText::Value::Kind::minvalue:
        return {RangeBoundValue::Kind::minvalue, {}};
      case BoundText::Value::Kind::maxvalue:
        return {RangeBoundValue::Kind::maxvalue, {}};
      default:
        expect(value, table, partition, key, place, 0);
        return {RangeBoundValue::Kind::value, {}};
    }
  }

  void expect(const BoundText::Value& value, std::size_t table, std::size_t partition, std::size_t key,
              Pending::Place place, std::size_t list_index) {
    RoutedColumn& column = columns_by_position_.at(tables_[table].keys.at(key).position);
    column.bounds.push_back(value.sql);
    pending_.push_back({column.type, value.sql, table, partition, key, place, list_index});
  }

  void evaluate_bounds() {
    std::map<std::string, std::vector<const Pending*>> by_type;
    for (const Pending& pending : pending_) {
      by_type[pending.type].push_back(&pending);
    }
    for (const auto& [type, all] : by_type) {
      std::vector<std::string> literals;
      for (const Pending* pending : all) {
        literals.push_back(pending->literal);
      }
      std::vector<std::string> values = read_binary_values(target_, literals_sql(literals, type));
      for (std::size_t i = 0; i < all.size(); ++i) {
        put(*all[i], std::move(values.at(i)));
      }
    }
  }

  void put(const Pending& pending, std::string value) {
    RoutedTable& table = tables_[pending.table];
    if (!planner::is_well_formed(table.keys[pending.key].type, value)) {
      throw NotRouted{"the bound " + pending.literal + " is not understood"};
    }
    RoutedPartition& partition = table.partitions[pending.partition];
    switch (pending.place) {
      case Pending::Place::lower:
        partition.lower[pending.key].bytes = std::move(value);
        break;
      case Pending::Place::upper:
        partition.upper[pending.key].bytes = std::move(value);
        break;
      case Pending::Place::list:
        partition.values[pending.list_index] = std::move(value);
        break;
    }
  }

  pg::Connection& target_;
  std::vector<std::string> columns_;  // In COPY's order.
  const planner::Plan& plan_;
  std::vector<TreeRow> rows_;
  std::map<std::int64_t, std::size_t> table_index_by_oid_;
  std::vector<RoutedTable> tables_;
  std::vector<std::string> leaves_;
  std::map<std::uint16_t, RoutedColumn> columns_by_position_;
  std::vector<Pending> pending_;
};

}  // namespace

LeafRoutesAnswer read_leaf_routes(pg::Connection& target, const planner::Plan& plan) {
  if (copy_format(plan) != pg::CopyFormat::binary) {
    return {std::nullopt, "the table travels as text"};
  }
  try {
    return {Reader(target, plan).read(), {}};
  } catch (const NotRouted& reason) {
    return {std::nullopt, reason.why};
  }
}

std::string leaf_copy_in_sql(const planner::Plan& plan, std::string_view leaf) {
  return "COPY " + std::string(leaf) + " (" + travelling_columns_sql(plan.source) + ") FROM STDIN (FORMAT binary)";
}

std::vector<std::string> read_binary_values(pg::Connection& connection, const std::string& sql) {
  std::vector<std::string> values;
  pg::CopyOut out = connection.copy_out(sql);
  pg::BinaryRows rows;
  while (const auto message = out.next()) {
    const std::span<const char> row = rows.row_of(*message);
    constexpr std::uint16_t kOnly[] = {0};
    pg::CopyField field;
    if (!row.empty() && pg::find_fields(row, kOnly, &field)) {
      values.emplace_back(field.view());
    }
  }
  return values;
}

std::string text_array(const std::vector<std::string>& elements) {
  std::string array = "{";
  for (const std::string& element : elements) {
    array += array.size() == 1 ? "\"" : ",\"";
    for (const char letter : element) {
      if (letter == '"' || letter == '\\') {
        array.push_back('\\');
      }
      array.push_back(letter);
    }
    array.push_back('"');
  }
  return array + "}";
}

}  // namespace pgsluice::mover
