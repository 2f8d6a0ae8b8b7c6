#include "mover/verify.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "mover/comparison.hpp"
#include "mover/ledger.hpp"
#include "mover/live/exchange.hpp"
#include "mover/live/trigger_log.hpp"
#include "mover/live/verify_live.hpp"
#include "mover/row_tally.hpp"
#include "mover/verify_buckets.hpp"
#include "mover/verify_find.hpp"
#include "mover/verify_workers.hpp"
#include "pg/failure.hpp"
#include "planner/planning.hpp"

namespace pgsluice::mover {

namespace {

using planner::Phase;
using planner::Verification;

constexpr std::size_t kUnitsNamedMax = 1000;

using Ledger = std::map<std::uint32_t, LedgerEntry>;

// The state of one call of verify, handed from step to step.
struct Comparing {
  planner::Checkpoint& checkpoint;
  const VerifyOptions& options;
  Observer& observer;
  VerifyWorkers workers;       // For ranges or buckets.
  VerifyWorkers heap_workers;  // For totals.
  Comparison comparison;
  Ledger ledger;
  VerifySummary summary;
  const planner::Plan& plan() const { return checkpoint.plan(); }
  bool ledger_knows_source = false;  // It holds the sums of all rows, and they are to be believed.
  bool source_is_gone() const { return planner::empties_source(plan().method); }
};

RowTally tally_of(const LedgerEntry& entry) {
  RowTally tally;
  tally.rows = entry.rows;
  tally.checksum.add(entry.checksum);
  return tally;
}

std::string counted(std::uint64_t rows) {
  return std::to_string(rows) + (rows == 1 ? " row" : " rows");
}

// Why a unit differs, for a person.
std::string reason(std::string_view expected_name, const RowTally& expected, const RowTally& found) {
  if (expected.rows == found.rows) {
    return "both have " + counted(found.rows) + ", with different content";
  }
  return std::string(expected_name) + " has " + counted(expected.rows) + ", the target " + std::to_string(found.rows);
}

void add_differing_unit(VerifySummary& summary, std::string text) {
  ++summary.units_differing;
  if (summary.differing_units.size() < kUnitsNamedMax) {
    summary.differing_units.push_back(std::move(text));
  }
}

[[noreturn]] void fail_as_stopped() {
  throw pg::Failure(pg::FailureKind::interrupted, "stopped while comparing, as asked")
      .hint("Run the same command again: what was compared is not compared again.")
      .status("nothing was changed");
}

void refuse_unless_complete(Phase in_ledger, Phase in_checkpoint) {
  if (in_ledger == Phase::complete) {
    return;
  }
  pg::Failure failure(pg::FailureKind::refused, "there is no complete target to compare yet");
  const bool is_undone =
      in_ledger == Phase::rolling_back || in_ledger == Phase::rolled_back || in_checkpoint == Phase::rolled_back;
  failure.detail("The migration is in phase " + std::string(name_of(is_undone ? in_checkpoint : in_ledger)) + ".");
  failure.hint(is_undone ? "It was rolled back; plan again." : "Let `pgsluice run` come to its end first.");
  throw failure.status("nothing was changed");
}

Ledger read_complete_ledger(const planner::Checkpoint& checkpoint, Session& target, const RetryContext& retry) {
  const planner::Plan& plan = checkpoint.plan();
  Ledger ledger;
  repeat_until_done(target, retry, "reading the ledger", [&](pg::Connection& connection) {
    refuse_unless_complete(read_phase(connection, plan.migration_id), checkpoint.phase());
    ledger = read_ledger(connection, plan.migration_id);
  });
  for (const planner::Range& range : plan.ranges) {
    const auto entry = ledger.find(range.index);
    if (entry == ledger.end() || !entry->second.complete) {
      throw pg::Failure(pg::FailureKind::refused, "the ledger does not hold " + display(range) + " as complete")
          .hint("Let `pgsluice run` come to its end first.")
          .status("nothing was changed");
    }
  }
  return ledger;
}

constexpr const char* kTotalSetting = "verify.total";
constexpr const char* kEqualInTotal = "equal";

void forget_results(planner::Checkpoint& checkpoint) {
  forget_comparison(checkpoint);
  for (const planner::Range& range : checkpoint.plan().ranges) {
    if (checkpoint.state(range.index).verification != Verification::unknown) {
      checkpoint.record_verification(range.index, Verification::unknown);
    }
  }
}

// Results are kept in the checkpoint; those of the quick form say nothing of the exact one.
constexpr const char* kFormSetting = "verify.form";
constexpr const char* kExactForm = "exact";

void keep_what_holds(planner::Checkpoint& checkpoint, const VerifyOptions& options) {
  const bool kept_is_exact = checkpoint.setting(kFormSetting) == kExactForm;
  if (options.again || (options.exact && !kept_is_exact)) {
    forget_results(checkpoint);
  } else if (kept_is_exact && !options.exact) {
    forget_sums(checkpoint);
  }
  if (options.exact != kept_is_exact) {
    checkpoint.record_setting(kFormSetting, options.exact ? kExactForm : "");
  }
}

void refuse_exact_sums_of_rows_that_are_gone(const planner::Plan& plan, const VerifyOptions& options) {
  if (options.exact && planner::empties_source(plan.method)) {
    throw pg::Failure(pg::FailureKind::refused,
                      "method " + std::string(name_of(plan.method)) +
                          " has emptied the source, so an exact comparison has nothing to compare with")
        .detail("The checksums that were taken as the rows left are of the quick form.")
        .hint("Leave out --exact.")
        .status("nothing was changed");
  }
}

void note_loose_columns(const Comparing& comparing) {
  std::string names;
  for (const std::string& name : loosely_hashed_columns(comparing.plan().source, comparing.comparison.form)) {
    names += (names.empty() ? "" : ", ") + pg::display(std::string_view(name));
  }
  if (!names.empty()) {
    comparing.observer.noted("jsonb is compared by its hash (" + names + ")" +
                             (comparing.source_is_gone() ? "" : "; --exact compares its text"));
  }
}

// ---- By range

struct RangeResult {
  RowTally expected;
  RowTally found;
  std::uint64_t left_in_source = 0;  // Rows that should have left.
  bool is_equal() const { return expected == found && left_in_source == 0; }
};

RangeResult compare_range(Comparing& comparing, unsigned worker, const planner::Range& range) {
  const std::string what = "comparing " + display(range);
  const auto read = [&](const Side& side, pg::Connection& connection) {
    const planner::Condition tally = range_tally_sql(comparing.comparison, side, range.lower, range.upper);
    return row_tally_at(connection.query(tally.sql, tally.parameters), 0);
  };
  RangeResult result;
  comparing.workers.on_source(worker, what, [&](pg::Connection& connection) {
    result.expected = read(comparing.comparison.source, connection);
  });
  comparing.workers.on_target(
      worker, what, [&](pg::Connection& connection) { result.found = read(comparing.comparison.target, connection); });
  if (comparing.source_is_gone()) {
    result.left_in_source = result.expected.rows;
    result.expected = tally_of(comparing.ledger.at(range.index));
  }
  return result;
}

std::string describe(const Comparing& comparing, const planner::Range& range, const RangeResult& result) {
  if (result.left_in_source > 0) {
    return display(range) + ": the source still has " + counted(result.left_in_source);
  }
  return display(range) + ": " +
         reason(comparing.source_is_gone() ? "the ledger" : "the source", result.expected, result.found);
}

void compare_ranges(Comparing& comparing) {
  VerifySummary& summary = comparing.summary;
  std::vector<planner::Range> ranges;
  summary.unit = "ranges";
  summary.units_total = comparing.plan().ranges.size();
  for (const planner::Range& range : comparing.plan().ranges) {
    if (is_equal_in_total(comparing.checkpoint) ||
        comparing.checkpoint.state(range.index).verification == Verification::equal) {
      ++summary.units_equal;
      summary.rows_source += comparing.ledger.at(range.index).rows;
      summary.rows_target += comparing.ledger.at(range.index).rows;
    } else {
      ranges.push_back(range);
    }
  }
  if (summary.units_equal > 0) {
    comparing.observer.noted(std::to_string(summary.units_equal) +
                             " ranges were compared before and found equal; --again compares them again");
  }
  Progress progress;
  progress.workers = comparing.workers.count();
  progress.units_total = summary.units_total;
  progress.units_done = summary.units_equal;
  progress.rows_done = summary.rows_target;
  comparing.observer.phase_began("comparing", "ranges");

  std::mutex mutex;  // Guards the checkpoint, the summary, the progress and what differs.
  std::map<std::uint32_t, std::string> differing;
  const auto compare = [&](unsigned worker, std::size_t unit) {
    const planner::Range& range = ranges[unit];
    const RangeResult result = compare_range(comparing, worker, range);
    const std::lock_guard lock(mutex);
    comparing.checkpoint.record_verification(range.index,
                                             result.is_equal() ? Verification::equal : Verification::differs);
    if (result.is_equal()) {
      ++summary.units_equal;
    } else {
      differing[range.index] = describe(comparing, range, result);
    }
    summary.rows_source += result.expected.rows;
    summary.rows_target += result.found.rows;
    progress.rows_done += result.found.rows;
    progress.rows_this_run += result.found.rows;
    ++progress.units_done;
    progress.fraction = static_cast<double>(progress.units_done) / static_cast<double>(progress.units_total);
    comparing.observer.progressed(progress);
  };
  const double pages_of_both = 2 * static_cast<double>(comparing.plan().source.bytes_total()) / gate::kPageBytes;
  const double pages_per_range = pages_of_both / static_cast<double>(comparing.plan().ranges.size());
  const bool is_whole = comparing.workers.run(ranges.size(), compare, [&](std::size_t) { return pages_per_range; });
  if (!is_whole) {
    fail_as_stopped();
  }
  for (auto& [index, text] : differing) {
    add_differing_unit(summary, std::move(text));
  }
  if (comparing.options.find && !comparing.source_is_gone()) {
    for (const auto& [index, text] : differing) {
      find_in_range(comparing.comparison, comparing.plan().ranges.at(index), comparing.workers,
                    comparing.options.differences_max, summary);
    }
  }
}

// Rows of an existing target that are in no range, because its key may be NULL there.
void count_rows_without_key(Comparing& comparing) {
  if (comparing.comparison.nullable_key_columns.empty()) {
    return;
  }
  std::int64_t rows = 0;
  comparing.workers.on_target(0, "looking for rows without a key", [&](pg::Connection& target) {
    rows = target.query(rows_without_key_sql(comparing.comparison)).integer(0, 0);
  });
  ++comparing.summary.units_total;
  comparing.summary.rows_target += static_cast<std::uint64_t>(rows);
  if (rows == 0) {
    ++comparing.summary.units_equal;
  } else {
    add_differing_unit(comparing.summary,
                       "rows without a key: the target has " + counted(static_cast<std::uint64_t>(rows)));
  }
}

// ---- In total

RowTally ledger_total(const Comparing& comparing) {
  RowTally total;
  for (const auto& [range, entry] : comparing.ledger) {
    total.add(tally_of(entry));
  }
  return total;
}

// Nothing is known of any unit yet, so that one pass may settle all.
bool may_begin_with_totals(const Comparing& comparing) {
  if (!comparing.comparison.by_range) {
    return comparing.source_is_gone() || !has_bucket_sums(comparing.checkpoint);
  }
  const auto& states = comparing.checkpoint.states();
  return !is_equal_in_total(comparing.checkpoint) && std::all_of(states.begin(), states.end(), [](const auto& state) {
    return state.verification == Verification::unknown;
  });
}

void report_all_equal(Comparing& comparing, std::uint64_t rows) {
  VerifySummary& summary = comparing.summary;
  summary.unit = comparing.comparison.by_range ? "ranges" : "tables";
  summary.units_total = comparing.comparison.by_range ? comparing.plan().ranges.size() : 2;
  summary.units_equal = summary.units_total;
  summary.rows_source = rows;
  summary.rows_target = rows;
  if (!is_equal_in_total(comparing.checkpoint)) {
    comparing.checkpoint.record_setting(kTotalSetting, kEqualInTotal);
  }
}

void compare_with_ledger_total(Comparing& comparing, const RowTally& source, const RowTally& target) {
  const RowTally expected = ledger_total(comparing);
  VerifySummary& summary = comparing.summary;
  summary.unit = "tables";
  summary.units_total = 2;
  summary.rows_source = expected.rows;
  summary.rows_target = target.rows;
  if (source.rows > 0) {
    add_differing_unit(summary, comparing.comparison.source.name + ": must be empty and has " + counted(source.rows));
  }
  if (target != expected) {
    add_differing_unit(summary, comparing.comparison.target.name + ": " + reason("the ledger", expected, target));
  }
  summary.units_equal = summary.units_total - summary.units_differing;
}

// Whether the ledger can stand for the source.
bool look_for_sums_in_ledger(const Comparing& comparing) {
  if (!comparing.options.by_ledger || comparing.source_is_gone()) {
    return false;
  }
  const auto without_sums = std::count_if(comparing.ledger.begin(), comparing.ledger.end(), [](const auto& entry) {
    return entry.second.rows_summed != entry.second.rows;
  });
  if (without_sums > 0) {
    comparing.observer.noted(std::to_string(without_sums) +
                             " ranges were moved, at least in part, without checksums; the source is read again");
  }
  return without_sums == 0;
}

// Every row was compared as it arrived.
bool was_checked_on_arrival(const Comparing& comparing) {
  return comparing.ledger_knows_source &&
         std::all_of(comparing.ledger.begin(), comparing.ledger.end(),
                     [](const auto& entry) { return entry.second.rows_checked == entry.second.rows; });
}

// One pass over both heaps, or less. True when that was enough.
bool compare_totals(Comparing& comparing) {
  if (was_checked_on_arrival(comparing)) {
    report_all_equal(comparing, ledger_total(comparing).rows);
    return true;
  }
  const bool leaves_out_source = comparing.ledger_knows_source && !comparing.source_is_gone();
  const std::optional<TotalSums> sums =
      sum_totals(comparing.comparison, comparing.checkpoint, comparing.heap_workers, comparing.observer,
                 leaves_out_source ? SidesSummed::target : SidesSummed::both);
  if (!sums) {
    fail_as_stopped();
  }
  const bool expects_ledger = comparing.source_is_gone() || leaves_out_source;
  const bool is_gone = !comparing.source_is_gone() || sums->source.rows == 0;
  if (is_gone && sums->target == (expects_ledger ? ledger_total(comparing) : sums->source)) {
    report_all_equal(comparing, sums->target.rows);
    return true;
  }
  forget_results(comparing.checkpoint);
  if (comparing.source_is_gone() && !comparing.comparison.by_range) {
    compare_with_ledger_total(comparing, sums->source, sums->target);
    return true;
  }
  return false;
}

// ---- By bucket

void compare_buckets(Comparing& comparing) {
  const std::optional<BucketSums> sums =
      sum_buckets(comparing.comparison, comparing.checkpoint, comparing.workers, comparing.observer);
  if (!sums) {
    fail_as_stopped();
  }
  VerifySummary& summary = comparing.summary;
  std::set<std::uint32_t> differing;
  for (std::uint32_t bucket = 0; bucket < kBucketCount; ++bucket) {
    summary.rows_source += sums->source[bucket].rows;
    summary.rows_target += sums->target[bucket].rows;
    if (sums->source[bucket] != sums->target[bucket]) {
      differing.insert(bucket);
    }
  }
  summary.unit = "buckets";
  summary.units_total = kBucketCount;
  for (const std::uint32_t bucket : differing) {
    add_differing_unit(
        summary, display_bucket(bucket) + ": " + reason("the source", sums->source[bucket], sums->target[bucket]));
  }
  summary.units_equal = summary.units_total - summary.units_differing;
  if (comparing.options.find && !differing.empty()) {
    find_in_buckets(comparing.comparison, *sums, comparing.workers, comparing.options.differences_max, summary);
  }
  if (!summary.is_equal()) {
    forget_results(comparing.checkpoint);  // So that the next call looks again, as it does for ranges.
  }
}

}  // namespace

std::string_view name_of(Difference::Kind kind) {
  switch (kind) {
    case Difference::Kind::missing:
      return "missing";
    case Difference::Kind::extra:
      return "extra";
    case Difference::Kind::changed:
      return "changed";
  }
  return "";
}

bool is_equal_in_total(const planner::Checkpoint& checkpoint) {
  return checkpoint.setting(kTotalSetting) == kEqualInTotal;
}

VerifySummary verify(planner::Checkpoint& checkpoint, const Sessions& sessions, const VerifyOptions& options,
                     const StopRequest& stop, Observer& observer) {
  const RetryContext retry{options.retry, stop, observer};
  const planner::Plan& plan = checkpoint.plan();
  refuse_exact_sums_of_rows_that_are_gone(plan, options);
  Session target([&sessions] { return sessions.open_target("verify"); });
  Session source([&sessions] { return sessions.open_source("verify"); });
  repeat_until_done(target, retry, "looking at the databases", [&](pg::Connection& connection) {
    planner::check_databases(plan, source.connection(), connection);
  });
  Ledger ledger = read_complete_ledger(checkpoint, target, retry);
  Comparison comparison;
  repeat_until_done(target, retry, "reading the target's columns", [&](pg::Connection& connection) {
    comparison = read_comparison(plan, source.connection(), connection, options.exact);
  });
  source.drop();
  target.drop();
  keep_what_holds(checkpoint, options);
  if (plan.parent) {  // What a crash behind a cutover's way back may have left.
    make_exchange(plan, planner::SwapDirection::back)->settle(target, sessions, retry, 1);
    target.drop();
  }
  if (plan.strategy == planner::Strategy::capture) {
    return verify_live(checkpoint, comparison, TriggerLog(planner::forward_feed(plan)), sessions, options, retry);
  }
  Comparing comparing{checkpoint,
                      options,
                      observer,
                      VerifyWorkers(sessions, retry, {options.workers, comparison.by_range, options.gate}),
                      VerifyWorkers(sessions, retry, {options.workers, false, options.gate}),
                      std::move(comparison),
                      std::move(ledger),
                      {}};
  note_loose_columns(comparing);
  comparing.ledger_knows_source = look_for_sums_in_ledger(comparing);
  const bool is_settled = may_begin_with_totals(comparing) && compare_totals(comparing);
  if (!is_settled && comparing.comparison.by_range) {
    compare_ranges(comparing);
    count_rows_without_key(comparing);
  } else if (!is_settled) {
    compare_buckets(comparing);
  }
  if (options.find && !comparing.summary.is_equal() && comparing.source_is_gone()) {
    observer.noted(
        "the keys of rows that differ cannot be found: the rows have left the source, and the ledger kept their number "
        "and checksum only");
  }
  return comparing.summary;
}

void forget_comparison(planner::Checkpoint& checkpoint) {
  if (is_equal_in_total(checkpoint)) {
    checkpoint.record_setting(kTotalSetting, "");
  }
  forget_sums(checkpoint);
}

}  // namespace pgsluice::mover
