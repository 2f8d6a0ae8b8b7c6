#include "mover/source_watch.hpp"

#include <string>

#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

constexpr const char* kSetting = "source_writes_before";

// "inserted updated", and " deleted" where deletes are not our own.
std::string read_counters(const planner::Plan& plan, pg::Connection& source) {
  const pg::Result row = source.query(pg::statement("source_write_counters", source.server_major_version()),
                                      {std::to_string(plan.source.oid)});
  std::string text = std::string(row.text(0, 0)) + " " + std::string(row.text(0, 1));
  if (!planner::empties_source(plan.method)) {
    text += " " + std::string(row.text(0, 2));
  }
  return text;
}

}  // namespace

void remember_source_writes(planner::Checkpoint& checkpoint, pg::Connection& source) {
  if (!checkpoint.setting(kSetting)) {
    checkpoint.record_setting(kSetting, read_counters(checkpoint.plan(), source));
  }
}

bool source_was_written(const planner::Checkpoint& checkpoint, pg::Connection& source) {
  const std::optional<std::string> before = checkpoint.setting(kSetting);
  return before && *before != read_counters(checkpoint.plan(), source);
}

}  // namespace pgsluice::mover
