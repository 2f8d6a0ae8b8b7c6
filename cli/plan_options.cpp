#include "cli/plan_options.hpp"

#include <vector>

#include "cli/commands.hpp"
#include "mover/clock_text.hpp"
#include "pg/failure.hpp"

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
  // A partition that goes into its own parent is split by that one's key.
  refuse_without(options, options.has("into") ? "into" : "by",
                 {"partitions", "interval", "bucket-rows", "premake", "default"});
  refuse_without(options, "by", {"then"});
  refuse_without(options, "then", {"then-partitions", "then-interval"});
  std::vector<planner::LevelSpec> levels;
  const auto add = [&](std::string_view key, std::string_view partitions, std::string_view interval) {
    const bool is_wished = options.has(partitions) || options.has(interval) || options.has("bucket-rows") ||
                           options.has("premake") || options.is_on("default");
    if (!options.has(key) && (key != "by" || !is_wished)) {
      return;
    }
    planner::LevelSpec level = options.has(key) ? planner::parse_level(options.text(key)) : planner::LevelSpec();
    level.partitions = small_count(options, partitions, level.partitions);
    level.interval = options.text(interval);
    level.premake = small_count(options, "premake", level.premake);
    level.with_default =
        options.is_on("default") && (level.columns.empty() || level.method != planner::PartitionMethod::hash);
    levels.push_back(level);
  };
  add("by", "partitions", "interval");
  add("then", "then-partitions", "then-interval");
  if (!levels.empty()) {
    levels.front().bucket_rows = options.count("bucket-rows", 0);
  }
  return levels;
}

}  // namespace

planner::PlanOptions plan_options(const Options& options) {
  if (!options.has("table")) {
    throw Failure(FailureKind::refused, options.command() + " needs --table")
        .hint("For example: pgsluice " + options.command() +
              " --table public.sources --by \"HASH (uid)\" --partitions 16");
  }
  planner::PlanOptions wanted;
  wanted.table = pg::parse_qualified_name(options.text("table"));
  if (options.has("into")) {
    wanted.into = pg::parse_qualified_name(options.text("into"));
  }
  wanted.levels = levels_of(options);
  if (options.has("strategy")) {
    wanted.strategy = planner::strategy_named(options.text("strategy"));
  }
  if (options.has("capture")) {
    if (wanted.strategy == planner::Strategy::offline) {
      throw Failure(FailureKind::refused, "--capture says nothing with --strategy offline");
    }
    wanted.capture_form = planner::capture_form_named(options.text("capture"));
  }
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

}  // namespace pgsluice::cli
