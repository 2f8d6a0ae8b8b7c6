// The tables that the load of live_load.hpp writes to, one for each layout that behaves in a way of its own. Each has
// an untouched twin with the same columns and constraints: every transaction of the load changes both alike, so that in
// any snapshot the two hold the same rows, whatever a migration does to the one meanwhile.
//
// Beside its key and the partition key every table has the columns n, place, body and version. The twin keeps the
// constraints that the table had at first. That also keeps the load honest after a cutover, where a key that was
// widened by the partition key would let two rows of one id in: the twin refuses the second, and both are rolled back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"

namespace pgsluice::tests {

inline constexpr std::string_view kLiveTable = "live";
inline constexpr std::string_view kLiveTwin = "twin";

// How the load exchanges the unique column `place` of two rows.
enum class PlaceKind {
  deferrable,  // In one statement, or with the check deferred to the commit.
  immediate,   // By way of NULL, in three statements.
  not_unique,  // The same, where it cannot be unique.
};

struct LiveLayout {
  std::string name;
  std::string columns_sql;  // What stands in CREATE TABLE live (…), the common columns left out.
  // Of a table that is partitioned already: what stands behind PARTITION BY, and the bounds of its partitions, behind
  // FOR VALUES; an empty one is DEFAULT. Empty of a plain table.
  std::string partition_by_sql;
  std::vector<std::string> partitions_sql;
  std::vector<std::string> plan_arguments;  // For `pgsluice plan`, beside --table.
  std::vector<std::string> key;             // The primary key's columns.
  // One SQL expression for each column of the key, with %k for a bigint: the number of a row. Numbers are given by the
  // load; different ones give different keys.
  std::vector<std::string> key_sql;
  std::string partition_column;  // Empty where the key holds it: then only a change of the key moves a row.
  std::string partition_sql;     // Its value, with %p for a bigint below kPartitionsEnd.
  bool has_identity = false;     // The key is one column, `id`, that the server can fill: from kFirstIdentity on.
  PlaceKind place = PlaceKind::immediate;
  // A unique constraint of the source that stays as it is when the others are widened, and so can be the arbiter of
  // INSERT … ON CONFLICT before and after the cutover alike. Empty: ON CONFLICT without one.
  std::vector<std::string> arbiter;
};

inline constexpr std::int64_t kFirstIdentity = 1'000'000'000;
// Partition expressions take numbers from 0 on. What they make of these may lie where no partition was planned, or
// would have many planned in between.
inline constexpr std::int64_t kFirstPartitionLater = 5'000;
inline constexpr std::int64_t kPartitionsEnd = 10'000;

const std::vector<LiveLayout>& live_layouts();
// Fails: std::invalid_argument, naming the layouts that there are.
const LiveLayout& live_layout(std::string_view name);

// Whether the table is what the layout's plan makes of it, and not what it was at first.
bool live_table_is_exchanged(pg::Connection& connection, const LiveLayout& layout);

// Makes both tables, with the rows numbered 1 to `row_count` in each, as the connection's role.
void make_live_tables(pg::Connection& connection, const LiveLayout& layout, std::int64_t row_count);

enum class LiveFill {
  with_places,  // Every other row has the place of its own number.
  without_places,
};

// INSERT of the rows numbered `first` to `last` that `table` does not have.
std::string live_fill_sql(const LiveLayout& layout, std::string_view table, std::int64_t first, std::int64_t last,
                          LiveFill fill);

// A key expression or the partition expression with its %k or %p filled in.
std::string live_value_sql(std::string_view expression, std::string_view number_sql);

struct LiveDifference {
  std::int64_t only_in_table = 0;
  std::int64_t only_in_twin = 0;
  std::int64_t rows = 0;  // Of the twin, in the same snapshot.
  std::string example;    // The first few, as text.
  bool is_none() const { return only_in_table == 0 && only_in_twin == 0; }
};

// Compares the two as multisets of rows in one statement, and so in one snapshot: right beside a running load, too.
LiveDifference read_live_difference(pg::Connection& connection);

}  // namespace pgsluice::tests
