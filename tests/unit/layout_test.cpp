#include "planner/layout.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pgsluice::planner {
namespace {

Layout two_levels() {
  Layout layout;
  layout.root.name = {"s", "t"};
  layout.root.method = PartitionMethod::range;
  layout.root.key_columns = {"at"};
  layout.root.key_definition = "RANGE (\"at\")";
  for (const char* const part : {"a", "b"}) {
    PartitionNode child;
    child.name = {"s", std::string("t_") + part};
    child.bound = "DEFAULT";
    child.method = PartitionMethod::hash;
    child.key_columns = {"id", "at"};
    child.key_definition = "HASH (\"id\", \"at\")";
    PartitionNode leaf;
    leaf.name = {"s", child.name.name + "_p00"};
    leaf.bound = "FOR VALUES WITH (MODULUS 1, REMAINDER 0)";
    child.children.push_back(leaf);
    layout.root.children.push_back(child);
  }
  return layout;
}

std::vector<std::string> names_of(const std::vector<const PartitionNode*>& nodes) {
  std::vector<std::string> names;
  for (const PartitionNode* node : nodes) {
    names.push_back(node->name.name);
  }
  return names;
}

TEST(Layout, NodesComeParentsFirst) {
  const Layout layout = two_levels();
  EXPECT_EQ(names_of(nodes(layout)), (std::vector<std::string>{"t", "t_a", "t_a_p00", "t_b", "t_b_p00"}));
}

TEST(Layout, LeavesAreWhatHoldsRows) {
  const Layout layout = two_levels();
  EXPECT_EQ(names_of(leaves(layout)), (std::vector<std::string>{"t_a_p00", "t_b_p00"}));
}

TEST(Layout, KeyColumnsOfAllLevelsAreNamedOnce) {
  EXPECT_EQ(partition_key_columns(two_levels()), (std::vector<std::string>{"at", "id"}));
}

TEST(Layout, AnExpressionIsAKeyWithoutAColumn) {
  Layout layout = two_levels();
  EXPECT_FALSE(has_expression_key(layout));
  layout.root.children[1].key_columns = {"", "id"};
  EXPECT_TRUE(has_expression_key(layout));
  EXPECT_EQ(partition_key_columns(layout), (std::vector<std::string>{"at", "id"}));
}

TEST(Layout, SurvivesJson) {
  Layout layout = two_levels();
  layout.existing = true;
  const nlohmann::json json = layout;
  const auto back = json.get<Layout>();
  EXPECT_EQ(nlohmann::json(back), json);
  EXPECT_TRUE(back.existing);
  ASSERT_EQ(nodes(back).size(), nodes(layout).size());
  for (std::size_t i = 0; i < nodes(back).size(); ++i) {
    EXPECT_EQ(nodes(back)[i]->name, nodes(layout)[i]->name);
    EXPECT_EQ(nodes(back)[i]->bound, nodes(layout)[i]->bound);
    EXPECT_EQ(nodes(back)[i]->method, nodes(layout)[i]->method);
    EXPECT_EQ(nodes(back)[i]->key_columns, nodes(layout)[i]->key_columns);
    EXPECT_EQ(nodes(back)[i]->key_definition, nodes(layout)[i]->key_definition);
  }
}

}  // namespace
}  // namespace pgsluice::planner
