// How large the target's leaves are now that they are filled: what comes after the rows begins with the largest.
#pragma once

#include <cstdint>
#include <vector>

#include "pg/connection.hpp"
#include "planner/layout.hpp"

namespace pgsluice::mover {

struct LeafSize {
  const planner::PartitionNode* leaf = nullptr;
  std::int64_t heap_bytes = 0;   // What an index build reads.
  std::int64_t table_bytes = 0;  // With TOAST.
};

// In the layout's order. Fails: server, connection.
std::vector<LeafSize> read_leaf_sizes(pg::Connection& target, const planner::Layout& layout);

}  // namespace pgsluice::mover
