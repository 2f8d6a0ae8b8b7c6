// One level of partitioning as the operator asks for it, and how it is written on the command line. Whether a table can
// have it is layout_design's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "planner/layout.hpp"

namespace pgsluice::planner {

struct LevelSpec {
  PartitionMethod method = PartitionMethod::hash;
  std::vector<std::string> columns;  // Unquoted. Several for HASH only.
  unsigned partitions = 0;           // HASH: how many.
  std::string interval;              // RANGE: '1 month' over a date or timestamp, '1000000' over a number.
  std::uint64_t bucket_rows = 0;     // RANGE: a bound about every so many rows, instead of an interval.
  unsigned premake = 3;              // RANGE by interval: so many further ones after the data found.
  bool with_default = false;         // RANGE, LIST: a leaf for all other rows.
};

// Reads `HASH (uid)`, `range(created_at)`, `LIST ("Re gion")`: method and columns only. Fails: refused, with an
// example.
LevelSpec parse_level(std::string_view text);

// `HASH`, `RANGE`, `LIST`.
std::string_view keyword_of(PartitionMethod method);

// `RANGE (created_at)`, for messages.
std::string described(const LevelSpec& level);

}  // namespace pgsluice::planner
