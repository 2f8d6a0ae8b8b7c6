#include "planner/foreign_key_sql.hpp"

namespace pgsluice::planner {

namespace {

constexpr const char* kAddLock = "SHARE ROW EXCLUSIVE";

// The lock of ADD FOREIGN KEY is felt on the referenced table, which the application uses.
Statement add_foreign_key_sql(const ForeignKey& key, const PartitionNode& node, const std::string& validity) {
  return {"ALTER TABLE " + pg::quoted(node.name) + " ADD CONSTRAINT " + pg::quoted(key.name) + " " + key.definition +
              validity,
          kAddLock, pg::display(node.name) + " and " + pg::display(key.referenced)};
}

}  // namespace

std::vector<const ForeignKey*> kept_foreign_keys(const TableFacts& facts) {
  std::vector<const ForeignKey*> kept;
  for (const ForeignKey& key : facts.foreign_keys) {
    if (!key.is_self() && key.is_enforced) {
      kept.push_back(&key);
    }
  }
  return kept;
}

Statement add_leaf_foreign_key_sql(const ForeignKey& key, const PartitionNode& leaf) {
  return add_foreign_key_sql(key, leaf, " NOT VALID");
}

Statement validate_foreign_key_sql(const ForeignKey& key, const PartitionNode& leaf) {
  return {"ALTER TABLE " + pg::quoted(leaf.name) + " VALIDATE CONSTRAINT " + pg::quoted(key.name),
          "SHARE UPDATE EXCLUSIVE", pg::display(leaf.name) + " (ROW SHARE on " + pg::display(key.referenced) + ")"};
}

Statements add_root_foreign_key_sql(const ForeignKey& key, const PartitionNode& root) {
  Statements statements = {add_foreign_key_sql(key, root, "")};
  if (!key.comment.empty()) {
    statements.push_back({"COMMENT ON CONSTRAINT " + pg::quoted(key.name) + " ON " + pg::quoted(root.name) + " IS " +
                              pg::literal(key.comment),
                          "SHARE UPDATE EXCLUSIVE", pg::display(root.name)});
  }
  return statements;
}

Statement lock_leaf_sql(const PartitionNode& leaf) {
  return {"LOCK TABLE " + pg::quoted(leaf.name) + " IN SHARE ROW EXCLUSIVE MODE", kAddLock, pg::display(leaf.name)};
}

}  // namespace pgsluice::planner
