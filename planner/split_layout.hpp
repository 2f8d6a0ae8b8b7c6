// Designs what one partition is split into: leaves of the same key as its parent, none of which reaches beyond the
// partition's own bound, or into another partition. They stand below a partitioned table of their own until they take
// the partition's place.
//
// Invariants:
//   P1  Not DEFAULT: the leaves cover the whole bound of the partition, so that no write that had a place loses it.
//   P2  DEFAULT: what belongs to no other leaf belongs to a new DEFAULT leaf; it stands last.
//   P3  No leaf overlaps another partition of the parent.
#pragma once

#include <vector>

#include "pg/connection.hpp"
#include "planner/catalog_parent.hpp"
#include "planner/layout.hpp"
#include "planner/level_spec.hpp"
#include "planner/names.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

struct SplitDesign {
  const TableFacts& facts;  // Of the partition.
  const PartitionParent& parent;
  const std::vector<SiblingBound>& siblings;
  pg::QualifiedName root;  // What holds the leaves together.
};

// `level` is by the parent's key. The session must have no transaction open. Fails: refused, when the partition cannot
// be divided so, or would stay whole; server, connection.
Layout design_split(pg::Connection& source, const SplitDesign& design, LevelSpec level, NameAllocator& names);

}  // namespace pgsluice::planner
