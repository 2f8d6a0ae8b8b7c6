// The SQL that exchanges one partition for those that it was split into, and back: partitions are detached and
// attached, nothing else moves. No statement reads a row, but for foreign keys (see S3).
//
// Letters cited by tests:
//   S1  Each partition is attached with a CHECK that says what its bound says, made NOT VALID and validated before, so
//       that PostgreSQL need not look at its rows; and so has each DEFAULT partition that stands beside it, which must
//       be known to hold none of them.
//   S2  A CHECK on a DEFAULT partition that the application writes to ends with the exchange: another partition that
//       is dropped gives its rows to DEFAULT, where a CHECK of ours must not refuse them. The others say no more than
//       the partition's own bound, and stay until `finish` or the last rollback, so that the way back need not wait.
//   S3  Foreign keys stand on the partitions in use alone. PostgreSQL makes them when it attaches a partition, and
//   looks
//       at each of its rows then: it knows no partitioned table whose foreign key is not valid. One that was made and
//       validated before would forbid the application to delete what a row points to that is behind.
//   S4  The partition that was put aside keeps its name and carries the mark.
#pragma once

#include <string>
#include <vector>

#include "planner/plan.hpp"
#include "planner/split_standing.hpp"
#include "planner/statement.hpp"
#include "planner/swap_obstacles.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::planner {

struct BoundCheck {
  QualifiedName table;
  std::string expression;
  bool operator==(const BoundCheck&) const = default;
};

// The CHECKs that must be valid before the exchange in that direction.
std::vector<BoundCheck> bound_checks(const Plan& plan, const SplitStanding& standing, SwapDirection direction);

// The one that the way back will need, which can be made only when the partition is aside: of a DEFAULT one, see S2.
std::vector<BoundCheck> bound_checks_behind(const Plan& plan);

// What a bound check is called, on whatever table.
std::string bound_check_name(const Plan& plan);
// For one transaction. Ensures: it carries the mark.
Statements add_bound_check_sql(const Plan& plan, const BoundCheck& check);
Statement validate_bound_check_sql(const Plan& plan, const QualifiedName& table);
Statement drop_bound_check_sql(const Plan& plan, const QualifiedName& table);

// Every lock that the exchange will take and that can be asked for beforehand: the parent, the partition or those that
// took its place, the parent's DEFAULT partition, what stands aside, tables that foreign keys point to.
Statements split_locks_sql(const Plan& plan, const SplitStanding& standing, SwapDirection direction);

// The exchange itself, for the same transaction. search_path must be pg_catalog alone.
Statements split_exchange_sql(const Plan& plan, const SplitStanding& standing, SwapDirection direction);

// Below the layout's root again, after the way back; others do not wait for it, so rows may be read. Foreign keys,
// which it got as a partition in use, went inside the exchange.
Statement gather_leaf_sql(const Plan& plan, const PartitionNode& leaf);

// What cannot be, and what should be known before.
std::vector<Obstacle> split_obstacles(const Plan& plan, const SplitStanding& standing, SwapDirection direction);

}  // namespace pgsluice::planner
