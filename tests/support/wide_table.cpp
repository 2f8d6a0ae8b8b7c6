// Makes the wide table.
#include "tests/support/wide_table.hpp"

namespace pgsluice::tests {

namespace {

constexpr int kLabels = kWideTableRows;

std::string table() {
  return pg::quoted(wide_table_name());
}

std::string schema() {
  return pg::quoted(wide_table_name().schema);
}

// Labels whose order in the type is neither that of their text nor that of their making.
std::string label(int position) {
  return "label " + std::to_string(position * 37 % kLabels) + " ´'`";
}

std::string label_type_sql() {
  std::string labels;
  for (int i = 1; i <= kLabels; ++i) labels += (i == 1 ? "" : ", ") + pg::literal(label(i));
  return "CREATE TYPE " + schema() + ".\"Key Label\" AS ENUM (" + labels + ")";
}

// Definitions and values, row by row number i, of the columns for keys.
std::string key_definitions_sql() {
  return "k_big bigint, k_extreme int8 NOT NULL, k_uuid uuid NOT NULL, \"k ICU\" text COLLATE \"de-x-icu\" NOT NULL, "
         "k_numeric numeric NOT NULL, k_time timestamptz NOT NULL, k_a text COLLATE \"C\" NOT NULL, k_b int NOT NULL, "
         "k_label " +
         schema() + ".\"Key Label\" NOT NULL";
}

constexpr const char* kKeyNames = "k_big, k_extreme, k_uuid, \"k ICU\", k_numeric, k_time, k_a, k_b, k_label";

std::string key_values_sql() {
  return "i, "
         "CASE i WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 WHEN 3 THEN 0 WHEN 4 THEN -1 "
         "ELSE (i * 7919 % 1000003) * 1000000000000 * (CASE i % 3 WHEN 0 THEN -1 ELSE 1 END) END, "
         "md5(i::text)::uuid, "
         "(ARRAY['a', 'ä', 'A', 'Z', 'ß', 'z', chr(92), ''''])[1 + i % 8] || CASE WHEN i > 8 THEN i::text ELSE '' END, "
         "CASE i % 5 WHEN 0 THEN i * 0.5 WHEN 1 THEN 1e30 + i WHEN 2 THEN -i / 3.0 WHEN 3 THEN i * 1e-20 "
         "ELSE CASE i WHEN 4 THEN 'NaN' ELSE i * -1e25 END END, "
         "CASE i WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 3 THEN '4713-01-02 00:00:00+00 BC' "
         "ELSE timestamptz '2024-03-31 00:00:00+00' + i * i * interval '13 minutes 0.000001 second' END::timestamptz, "
         "chr(97 + i::int % 5), i / 5, "
         "(enum_range(NULL::" +
         schema() + ".\"Key Label\"))[1 + i * 53 % " + std::to_string(kLabels) + "]";
}

std::string partition_definitions_sql() {
  return pg::quoted(kHashColumn) + " text NOT NULL, " + pg::quoted(kTimeColumn) + " timestamptz NOT NULL, " +
         pg::quoted(kIntegerColumn) + " integer NOT NULL, " + pg::quoted(kListColumn) + " text NOT NULL, " +
         pg::quoted(kNullableColumn) + " integer";
}

std::string partition_names_sql() {
  return pg::quoted_list({std::string(kHashColumn), std::string(kTimeColumn), std::string(kIntegerColumn),
                          std::string(kListColumn), std::string(kNullableColumn)});
}

constexpr const char* kPartitionValues =
    "'u-' || i * 31 % 17, "
    "CASE i WHEN 7 THEN '2024-01-01 00:00:00+00' WHEN 8 THEN '2023-12-31 23:59:59.999999+00' "
    "WHEN 9 THEN '2024-03-01 00:00:00+00' ELSE timestamptz '2023-12-01 00:00:00+00' + (i - 1) * interval '27 hours' "
    "END, "
    "(i - 59) * 7, "
    "(ARRAY['Süd', 'it''s \"so\"', 'a, b', ''])[1 + i % 4], "
    "CASE WHEN i % 5 > 0 THEN i END";

std::string key_sql(KeyKind key) {
  const std::string add = "ALTER TABLE " + table() + " ADD PRIMARY KEY ";
  switch (key) {
    case KeyKind::bigint_key:
      return add + "(k_big)";
    case KeyKind::extreme_int8:
      return add + "(k_extreme)";
    case KeyKind::uuid:
      return add + "(k_uuid)";
    case KeyKind::icu_text:
      return add + "(\"k ICU\")";
    case KeyKind::numeric:
      return add + "(k_numeric)";
    case KeyKind::timestamptz:
      return add + "(k_time)";
    case KeyKind::composite:
      return add + "(k_a, k_b)";
    case KeyKind::enumeration:
      return add + "(k_label)";
    case KeyKind::late_columns:
      return add + "(\"Last Column\", k_uuid)";
    case KeyKind::unique_index:
      return "CREATE UNIQUE INDEX ON " + table() + " (k_b, k_a)";
    case KeyKind::none:
      return "";
  }
  return "";
}

std::string create_table_sql(const std::vector<TypedColumn>& first, const std::vector<TypedColumn>& second) {
  return "CREATE TABLE " + table() + " (\"dropped first\" int, " + definitions_sql(first) + ", " +
         key_definitions_sql() +
         ", \"dropped middle\" text DEFAULT 'gone', \"i d\" bigint GENERATED ALWAYS AS IDENTITY (START 1000 INCREMENT "
         "7), serial_column serial, " +
         partition_definitions_sql() + ", doubled bigint GENERATED ALWAYS AS (p_int::bigint * 2) STORED, " +
         "shouted text COLLATE \"de-x-icu\" GENERATED ALWAYS AS (upper(p_hash)) STORED, " + definitions_sql(second) +
         ", \"Last Column\" int NOT NULL, \"dropped last\" numeric(10,2))";
}

std::string insert_sql(const std::vector<TypedColumn>& columns, int from, int to) {
  return "INSERT INTO " + table() + " (" + std::string(kKeyNames) + ", " + partition_names_sql() +
         ", \"Last Column\", " + names_sql(columns) + ") SELECT " + key_values_sql() + ", " + kPartitionValues +
         ", i / 2, " + values_sql(columns) + " FROM generate_series(" + std::to_string(from) + "::bigint, " +
         std::to_string(to) + ") AS i";
}

}  // namespace

std::string_view name_of(KeyKind kind) {
  switch (kind) {
    case KeyKind::bigint_key:
      return "bigint_key";
    case KeyKind::extreme_int8:
      return "extreme_int8";
    case KeyKind::uuid:
      return "uuid";
    case KeyKind::icu_text:
      return "icu_text";
    case KeyKind::numeric:
      return "numeric";
    case KeyKind::timestamptz:
      return "timestamptz";
    case KeyKind::composite:
      return "composite";
    case KeyKind::enumeration:
      return "enumeration";
    case KeyKind::late_columns:
      return "late_columns";
    case KeyKind::unique_index:
      return "unique_index";
    case KeyKind::none:
      return "none";
  }
  return "";
}

const pg::QualifiedName& wide_table_name() {
  // 63 bytes each.
  static const pg::QualifiedName name = {"Sché.ma \"q\" 'x' with a name that is as long as names may be!!!",
                                         "Tabl e.1 \"testing\" 'quotes', žluťoučký kůň — to its end"};
  return name;
}

std::string hostile_settings_sql(const std::string& database) {
  const std::string alter = "ALTER DATABASE " + pg::quoted(database) + " SET ";
  std::string sql;
  for (const char* setting :
       {"TimeZone = 'America/New_York'", "DateStyle = 'SQL, DMY'", "IntervalStyle = 'sql_standard'",
        "bytea_output = 'escape'", "extra_float_digits = -3", "standard_conforming_strings = off", "search_path = ''",
        "default_transaction_isolation = 'repeatable read'", "xmloption = 'document'", "quote_all_identifiers = on",
        "array_nulls = off", "transform_null_equals = on", "enable_partition_pruning = off",
        "client_min_messages = 'debug1'", "check_function_bodies = off"}) {
    sql += alter + setting + ";";
  }
  return sql;
}

void make_wide_table_types(pg::Connection& connection) {
  connection.run_script("CREATE SCHEMA " + schema());
  connection.run_script(user_types_sql(wide_table_name().schema));
  connection.run_script(label_type_sql());
}

void make_wide_table(pg::Connection& connection, KeyKind key, BinaryForms forms) {
  const std::vector<TypedColumn> columns = columns_of_every_type(connection, wide_table_name().schema, forms);
  const auto middle = columns.begin() + static_cast<std::ptrdiff_t>(columns.size() / 2);
  connection.run_script(create_table_sql({columns.begin(), middle}, {middle, columns.end()}));
  // Some rows are older than the drops, some are younger: they lie differently in the heap.
  connection.query(insert_sql(columns, 1, kWideTableRows / 2));
  connection.run_script("ALTER TABLE " + table() +
                        " DROP \"dropped first\", DROP \"dropped middle\", DROP \"dropped last\"");
  connection.query(insert_sql(columns, kWideTableRows / 2 + 1, kWideTableRows));
  connection.run_script(key_sql(key));
  connection.run_script("CREATE INDEX ON " + table() + " (" + pg::quoted(kTimeColumn) + " DESC, lower(" +
                        pg::quoted(kHashColumn) + ")); ANALYZE " + table());
}

}  // namespace pgsluice::tests
