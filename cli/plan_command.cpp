// `pgsluice plan`: reads, decides, prints, and writes the checkpoint. The database's sessions are read-only.
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command_sessions.hpp"
#include "cli/commands.hpp"
#include "cli/log.hpp"
#include "cli/migration_state.hpp"
#include "cli/plan_text.hpp"
#include "cli/result.hpp"
#include "mover/clock_text.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"
#include "planner/planning.hpp"
#include "planner/target_sql.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

unsigned small_count(const Options& options, std::string_view name, unsigned fallback) {
  constexpr std::uint64_t kMax = 1'000'000;
  const std::uint64_t count = options.count(name, fallback);
  if (count > kMax) {
    throw Failure(FailureKind::refused, "--" + std::string(name) + " is at most " + std::to_string(kMax));
  }
  return static_cast<unsigned>(count);
}

void refuse_without(const Options& options, std::string_view needed, const std::vector<std::string_view>& names) {
  for (const std::string_view name : names) {
    if (options.has(name) && !options.has(needed)) {
      throw Failure(FailureKind::refused, "--" + std::string(name) + " says nothing without --" + std::string(needed));
    }
  }
}

std::vector<planner::LevelSpec> levels_of(const Options& options) {
  refuse_without(options, "by", {"partitions", "interval", "bucket-rows", "premake", "default", "then"});
  refuse_without(options, "then", {"then-partitions", "then-interval"});
  std::vector<planner::LevelSpec> levels;
  const auto add = [&](std::string_view key, std::string_view partitions, std::string_view interval) {
    if (!options.has(key)) {
      return;
    }
    planner::LevelSpec level = planner::parse_level(options.text(key));
    level.partitions = small_count(options, partitions, level.partitions);
    level.interval = options.text(interval);
    level.premake = small_count(options, "premake", level.premake);
    level.with_default = options.is_on("default") && level.method != planner::PartitionMethod::hash;
    levels.push_back(level);
  };
  add("by", "partitions", "interval");
  add("then", "then-partitions", "then-interval");
  if (!levels.empty()) {
    levels.front().bucket_rows = options.count("bucket-rows", 0);
  }
  return levels;
}

planner::PlanOptions plan_options(const Options& options) {
  if (!options.has("table")) {
    throw Failure(FailureKind::refused, "plan needs --table")
        .hint("For example: pgsluice plan --table public.sources --by \"HASH (uid)\" --partitions 16");
  }
  planner::PlanOptions wanted;
  wanted.table = pg::parse_qualified_name(options.text("table"));
  if (options.has("into")) {
    wanted.into = pg::parse_qualified_name(options.text("into"));
  }
  wanted.levels = levels_of(options);
  wanted.strategy = planner::strategy_named(options.text("strategy", name_of(wanted.strategy)));
  const std::string method = options.text("method", "auto");
  wanted.empty_source = method == "auto-move";
  if (method != "auto" && !wanted.empty_source) {
    wanted.method = planner::method_named(method);
  }
  wanted.guard = options.on_off("guard", wanted.guard);
  wanted.split = planner::split_choice_named(options.text("split", "auto"));
  wanted.range_limits.range_rows = options.count("range-rows", wanted.range_limits.range_rows);
  wanted.range_limits.range_bytes_max = options.bytes("range-bytes", wanted.range_limits.range_bytes_max);
  wanted.widen_unique = options.choice("keep-unique", {"widen", "strict"}) == "widen";
  for (const std::string& kind : options.list("accept")) {
    wanted.accepted.insert(kind);
  }
  wanted.only_looking = options.is_on("dry-run");
  wanted.created_at = mover::utc_now_text();
  wanted.tool_version = version();
  return wanted;
}

void refuse_existing_checkpoint(const std::string& path, const Options& options) {
  if (!std::filesystem::exists(path)) {
    return;
  }
  throw Failure(FailureKind::refused, "the checkpoint " + path + " exists already, and may hold a migration's state")
      .hint(
          "See what it is: pgsluice status" + options.whereabouts() +
          "\nUse another file with --checkpoint, or remove this one if its migration was never run or is rolled back.")
      .status("nothing was changed");
}

}  // namespace

int plan_command(const Options& options) {
  Terminal terminal(STDERR_FILENO);
  Log log(terminal, log_options(options));
  const std::string path = options.text("checkpoint", kDefaultCheckpoint);
  const bool is_dry_run = options.is_on("dry-run");
  if (!is_dry_run) {
    refuse_existing_checkpoint(path, options);
  }
  const planner::PlanOptions wanted = plan_options(options);
  mover::SessionsOptions access = sessions_options(options, log, "");
  access.read_only = true;
  const mover::Sessions sessions(access);
  reach_both(sessions, "plan");
  planner::Plan plan;
  PlanTextOptions shown;
  read_with_retries(sessions, options, terminal, log, wanted.table,
                    [&](pg::Connection& source, pg::Connection& target) {
                      plan = planner::make_plan(source, target, wanted);
                      shown.privileges = planner::read_privileges(plan, source, target);
                    });
  shown.statements = planner::all_statements_sql(plan);
  shown.in_full = is_dry_run;
  if (!is_dry_run) {
    planner::Checkpoint::create(path, plan);
    shown.next = next_command(planner::Phase::planned, options.whereabouts());
  } else {
    shown.next = "the same command without --dry-run writes the checkpoint " + path;
  }
  if (options.is_on("json")) {
    print_result(plan_document(plan, shown));
  } else {
    print_result(plan_text(plan, shown));
  }
  return 0;
}

}  // namespace pgsluice::cli
