#include "mover/checksum.hpp"

#include "pg/identifier.hpp"

namespace pgsluice::mover {

namespace {

constexpr std::uint32_t kFirstUserOid = 16384;  // FirstNormalObjectId: what initdb made is below it.

void append(std::string& list, const std::string& item) {
  list += (list.empty() ? "" : ", ") + item;
}

}  // namespace

std::string row_hash_sql(const planner::TableFacts& source, std::string_view alias, const CastColumns& cast) {
  std::string binary;
  std::string as_text;
  for (const planner::Column& column : source.columns) {
    std::string value = pg::quoted(alias) + "." + pg::quoted(column.name);
    if (cast.contains(column.name)) {
      value = "(" + value + ")::" + column.type;
    }
    const bool has_stable_binary_form =
        column.has_binary_form && column.binary_form_is_portable && column.type_oid < kFirstUserOid;
    append(has_stable_binary_form ? binary : as_text, value);
  }
  if (!as_text.empty()) {
    append(binary, "ROW(" + as_text + ")::pg_catalog.text");
  }
  return "pg_catalog.hash_array_extended(ARRAY[pg_catalog.record_send(ROW(" + binary + "))], 0)";
}

std::string count_and_sum_sql(const planner::TableFacts& source, std::string_view alias, const CastColumns& cast) {
  return "pg_catalog.count(*) AS rows, COALESCE(pg_catalog.sum(" + row_hash_sql(source, alias, cast) +
         "), 0) AS checksum";
}

}  // namespace pgsluice::mover
