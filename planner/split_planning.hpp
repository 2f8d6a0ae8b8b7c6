// What planning decides where the source is one partition that is to be split into others of the same table: whether it
// can be, by which key, and what becomes of what it has from that table and of its own.
#pragma once

#include <optional>
#include <vector>

#include "pg/connection.hpp"
#include "planner/layout.hpp"
#include "planner/level_spec.hpp"
#include "planner/plan.hpp"
#include "planner/refusals.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

// True when `into` names the table whose partition the source is. The session must have no transaction open.
bool is_split(pg::Connection& source, const TableFacts& facts, const QualifiedName& into);

struct SplitPlan {
  PartitionParent parent;
  Layout layout;                // Its root is called `root`.
  std::vector<Notice> notices;  // Of the parent, for the operator to read.
};

// `levels` is what the operator wishes: none, or one, whose columns may be left out. Fails: refused, with all reasons
// that are of the parent's, or with the one that is of the layout's; server, connection.
SplitPlan plan_split(pg::Connection& source, const TableFacts& facts, const std::vector<LevelSpec>& levels,
                     const QualifiedName& root);

// The facts without what the partition has from its parent: a partition that is attached has that by itself.
TableFacts own_facts(const TableFacts& facts, const PartitionParent& parent);

// What is special in the split of this partition, for the operator to read; and what of the partition's own forbids it.
std::vector<Notice> split_notices(const TableFacts& facts, const PartitionParent& parent, const Layout& layout);
void refuse_unsplittable(const Plan& plan, Refusals& refusals);

}  // namespace pgsluice::planner
