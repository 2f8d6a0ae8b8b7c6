// Says what of the source a partitioned target keeps, what changes, what is lost, and what forbids the migration: all
// of it from facts, before anything is changed, and all at once. It decides nothing about how things are made (*_sql
// files) or where rows go.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pg/failure.hpp"
#include "planner/layout.hpp"
#include "planner/plan.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

struct KeepOptions {
  bool strict_unique = false;      // --keep-unique strict: refuse rather than widen.
  std::set<std::string> accepted;  // --accept: kinds of acceptable_losses().
  bool empties_source = false;     // The method deletes the rows that it has moved.
  bool is_cut_over = false;        // A cutover carries over what is tied to the table in use.
  int target_major_version = 0;
  bool one_database = true;
  std::vector<std::string> columns_with_nulls;  // As Plan::key_columns_with_nulls.
  const TableFacts* existing_target =
      nullptr;  // Of a target that is filled as it is; must be given when layout.existing.
};

struct Verdict {
  std::vector<Notice> notices;
  std::vector<pg::Failure> refusals;  // Each of kind refused, with detail and hint.
};

Verdict judge(const TableFacts& facts, const Layout& layout, const KeepOptions& options);

// What --accept takes.
const std::vector<std::string_view>& acceptable_losses();

}  // namespace pgsluice::planner
