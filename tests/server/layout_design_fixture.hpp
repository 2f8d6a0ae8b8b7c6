// Designs a layout of a table t by a session that can only read, builds it by hand from its tree, and fills it with
// every row of t.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "planner/layout_design.hpp"
#include "tests/support/database.hpp"

namespace pgsluice::planner {

inline const pg::QualifiedName kTarget{"public", "t_new"};

inline LevelSpec level(std::string_view by) {
  return parse_level(by);
}

inline LevelSpec hash_level(std::string_view by, unsigned partitions) {
  LevelSpec spec = parse_level(by);
  spec.partitions = partitions;
  return spec;
}

inline LevelSpec interval_level(std::string_view by, std::string interval, bool with_default = false) {
  LevelSpec spec = parse_level(by);
  spec.interval = std::move(interval);
  spec.with_default = with_default;
  return spec;
}

inline LevelSpec bucket_level(std::string_view by, std::uint64_t rows) {
  LevelSpec spec = parse_level(by);
  spec.bucket_rows = rows;
  return spec;
}

inline LevelSpec with_default(LevelSpec spec) {
  spec.with_default = true;
  return spec;
}

// The bounds and names of a layout's leaves, in tree order.
inline std::vector<std::string> leaf_bounds(const Layout& layout) {
  std::vector<std::string> bounds;
  for (const PartitionNode* leaf : leaves(layout)) {
    bounds.push_back(leaf->bound);
  }
  return bounds;
}

inline std::vector<std::string> leaf_names(const Layout& layout) {
  std::vector<std::string> names;
  for (const PartitionNode* leaf : leaves(layout)) {
    names.push_back(leaf->name.name);
  }
  return names;
}

class LayoutDesign : public testing::Test {
 protected:
  // A table t; `sql` makes and fills it.
  void make(std::string_view sql) { connection_.run_script(sql); }

  Layout design(const std::vector<LevelSpec>& levels, const std::string& time_zone = "UTC",
                std::set<std::string> taken = {}) {
    pg::Connection reader(
        {database_.conninfo(), "test", {{"default_transaction_read_only", "on"}, {"TimeZone", time_zone}}, {}});
    const TableFacts facts = read_table_facts(reader, {"public", "t"});
    NameAllocator names(std::move(taken));
    return design_layout(reader, facts, kTarget, levels, names);
  }

  // Builds the tree, moves every row of t into it, counts, and drops it again.
  void expect_all_rows_have_a_leaf(const Layout& layout, const std::string& time_zone = "UTC") {
    connection_.query("SELECT set_config('TimeZone', $1, false)", {time_zone});
    connection_.begin();
    const PartitionNode& root = layout.root;
    connection_.query("CREATE TABLE " + pg::quoted(root.name) + " (LIKE t) PARTITION BY " + root.key_definition);
    build_children(root);
    connection_.query("INSERT INTO " + pg::quoted(root.name) + " SELECT * FROM t");
    EXPECT_EQ(count(pg::quoted(root.name)), count("t"));
    leaf_counts_.clear();
    for (const PartitionNode* leaf : leaves(layout)) {
      leaf_counts_.push_back(count(pg::quoted(leaf->name)));
    }
    connection_.rollback();
    connection_.query("SELECT set_config('TimeZone', 'UTC', false)");
  }

  pg::Failure refusal_of(const std::vector<LevelSpec>& levels) {
    try {
      design(levels);
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.kind(), pg::FailureKind::refused) << pg::to_text(failure);
      EXPECT_FALSE(failure.hint().empty()) << pg::to_text(failure);
      return failure;
    }
    ADD_FAILURE() << "the design was not refused";
    return {pg::FailureKind::local, ""};
  }

  std::int64_t count(const std::string& table) {
    return connection_.query("SELECT count(*) FROM " + table).integer(0, 0);
  }

  tests::Database database_;
  pg::Connection connection_ = database_.connect();
  std::vector<std::int64_t> leaf_counts_;  // Of the tree that was built last.

 private:
  void build_children(const PartitionNode& parent) {
    for (const PartitionNode& child : parent.children) {
      connection_.query("CREATE TABLE " + pg::quoted(child.name) + " PARTITION OF " + pg::quoted(parent.name) + " " +
                        child.bound + (child.is_leaf() ? "" : " PARTITION BY " + child.key_definition));
      build_children(child);
    }
  }
};

}  // namespace pgsluice::planner
