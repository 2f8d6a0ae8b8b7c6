// The table whose partition the source is, where the source is to be split into other partitions of it: what a plan
// must know of it, read once and compared before an exchange. Values only; split_layout.hpp cuts the source up, and
// split_sql.hpp exchanges the partitions.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pg/identifier.hpp"

namespace pgsluice::planner {

struct PartitionParent {
  pg::QualifiedName name;
  std::uint32_t oid = 0;
  std::string bound;       // Of the source: `FOR VALUES FROM ('…') TO ('…')`, `DEFAULT`.
  std::string constraint;  // What every row of the source satisfies, over its columns; empty: nothing.
  std::optional<pg::QualifiedName> default_partition;  // Another one than the source.
  // Of a DEFAULT source: the identities of the parent's other partitions, which say what belongs into it.
  std::vector<std::uint32_t> others;
  // Of the source: what it has from the parent, and a partition that is attached gets by itself.
  std::vector<std::string> inherited_triggers;
  std::vector<std::string> inherited_foreign_keys;
  bool source_is_default() const { return bound == "DEFAULT"; }
  bool operator==(const PartitionParent&) const = default;
};

void to_json(nlohmann::json& json, const PartitionParent& parent);
void from_json(const nlohmann::json& json, PartitionParent& parent);

}  // namespace pgsluice::planner
