#include "mover/leaf_index.hpp"

#include <algorithm>
#include <string>

#include "mover/target_objects.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "planner/index_sql.hpp"

namespace pgsluice::mover {

namespace {

constexpr std::string_view kUniqueViolation = "23505";

// Whether a comes before b on one leaf.
bool is_first_of_leaf(const planner::TargetIndex& a, const planner::TargetIndex& b) {
  return a.is_primary != b.is_primary ? a.is_primary : a.source->is_unique && !b.source->is_unique;
}

pg::Failure explained(const pg::Failure& failure, const pg::QualifiedName& index, const planner::PartitionNode& leaf) {
  pg::Failure better(failure.kind(), "index " + pg::display(std::string_view(index.name)) + " on " +
                                         pg::display(leaf.name) + " cannot be built: " + failure.what());
  const bool is_duplicate = failure.sqlstate() == kUniqueViolation;
  better.detail(failure.detail())
      .sqlstate(failure.sqlstate())
      .hint(is_duplicate ? "Two rows are equal where the source promised that none are: its own index may be damaged "
                           "(amcheck tells). "
                           "Mend the rows of the target, then run the same command again."
                         : failure.hint())
      .status("every row is moved; indexes that were built stay; the same command goes on with the rest");
  return better;
}

// An index is written once as it is made, past the buffers, and once into the log.
gate::Touched read_work(pg::Connection& target, const pg::QualifiedName& index, const planner::PartitionNode& leaf) {
  const pg::Result row = fixed_query(target, "index_build_work", {pg::quoted(leaf.name), pg::quoted(index)});
  const auto index_pages = static_cast<double>(row.integer(0, 1));
  return {std::max(0.0, static_cast<double>(row.integer(0, 0))), index_pages, index_pages * gate::kPageBytes};
}

}  // namespace

std::vector<planner::TargetIndex> leaf_indexes(const planner::Plan& plan) {
  std::vector<planner::TargetIndex> indexes = planner::target_indexes(plan);
  std::stable_sort(indexes.begin(), indexes.end(), is_first_of_leaf);
  return indexes;
}

std::optional<gate::Touched> build_leaf_index(pg::Connection& target, const planner::Plan& plan,
                                              const planner::TargetIndex& index, const planner::PartitionNode& leaf) {
  const pg::QualifiedName name = planner::name_on(plan, index, leaf);
  try {
    if (!fixed_query(target, "try_claim_index", {plan.migration_id, pg::quoted(name)}).boolean(0, 0)) {
      return std::nullopt;
    }
    const auto present = TargetObjects::read(target, {&leaf}).find(leaf, TargetObjects::Kind::index, name.name);
    if (present && present->is_valid) {
      return gate::Touched{};
    }
    if (present) {
      target.query(planner::drop_index_sql(name, leaf).sql);
    }
    for (const planner::Statement& statement : planner::create_leaf_index_sql(plan, index, leaf)) {
      target.query(statement.sql);
    }
    return read_work(target, name, leaf);
  } catch (const pg::Failure& failure) {
    if (failure.kind() == pg::FailureKind::server && !failure.is_transient()) {
      throw explained(failure, name, leaf);
    }
    throw;
  }
}

}  // namespace pgsluice::mover
