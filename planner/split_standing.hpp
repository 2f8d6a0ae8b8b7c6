// How a partition and those that it is split into stand, as of one moment: what an exchange of them depends on. Read
// anew for every attempt; equal readings mean that nothing came in between. What is done about it is split_sql.hpp's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "planner/plan.hpp"
#include "planner/surroundings.hpp"

namespace pgsluice::planner {

struct SplitLeaf {
  const PartitionNode* node = nullptr;  // Points into the plan.
  std::uint32_t oid = 0;
  std::uint32_t parent_oid = 0;  // What it is a partition of; 0: nothing.
  std::string constraint;        // What its bound means for a row.
  bool is_owned = false;
  bool is_default() const { return node->bound == "DEFAULT"; }
  bool operator==(const SplitLeaf&) const = default;
};

struct SplitStanding {
  // before_swap: the source is the partition; after_swap: the leaves are.
  Standing standing = Standing::before_swap;
  std::string source_comment;
  bool source_is_owned = false;
  std::uint32_t staging_oid = 0;                   // The layout's root; 0: it is not there.
  std::vector<SplitLeaf> leaves;                   // Those that are there, in the order of the layout.
  std::optional<PartitionParent> parent;           // As it is now; absent while the source is no partition.
  std::vector<std::uint32_t> others;               // The parent's partitions that are neither source nor leaf.
  std::optional<QualifiedName> default_partition;  // Among those.
  std::vector<StandingKey> keys;                   // Foreign keys on source and leaves.
  std::vector<TablePart> source_parts;             // Its triggers among them.
  std::vector<DependentView> views;                // Upon the source itself.
  bool operator==(const SplitStanding&) const = default;
};

// Absent when the source is neither a partition of the plan's parent, nor a table with our mark that is a partition of
// nothing. Fails: server, connection.
std::optional<Standing> read_split_place(pg::Connection& connection, const Plan& plan);

// Works inside the transaction that is open, whose settings it changes (see catalog_settings.sql). Takes no lock but
// ACCESS SHARE on catalogues. Fails: refused, when read_split_place() is absent; server, connection.
SplitStanding read_split_standing(pg::Connection& connection, const Plan& plan);

}  // namespace pgsluice::planner
