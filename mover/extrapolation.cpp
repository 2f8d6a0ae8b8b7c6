#include "mover/extrapolation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "gate/work.hpp"
#include "pg/failure.hpp"
#include "planner/layout.hpp"
#include "planner/target_index.hpp"

namespace pgsluice::mover {

namespace {

using capacity::Work;

constexpr double kPagesReadAtOnce = 16;     // 128 KiB: the kernel's read-ahead, and PostgreSQL's own from 17 on.
constexpr double kPagesWrittenAtOnce = 32;  // 256 KiB: checkpoint_flush_after.
constexpr double kWalBytesAlone = 64.0 * 1024;
constexpr double kPage = gate::kPageBytes;
// Until version 15 a file that grows counts as read and as written, and its pages count again when they are written.
constexpr int kGrowthIsNotCountedFrom = 16;
// Shorter passes read more than the server has told by their end.
constexpr double kReadsAreCurrentAfterSeconds = 3;
// What is measured but once.
constexpr double kOnceTimesLow = 0.7;
constexpr double kOnceTimesHigh = 1.5;
// The volume's own count of operations, which depends on what its cache and queue merge.
constexpr double kOperationsDoubt = 0.15;

Work work_of(double pages_read, double pages_written, double wal_bytes) {
  Work work;
  work.ops_lower =
      pages_read / kPagesReadAtOnce + pages_written / kPagesWrittenAtOnce + wal_bytes / gate::kWalBytesPerOperation;
  work.ops_upper = pages_read + pages_written + wal_bytes / kWalBytesAlone;
  work.bytes = (pages_read + pages_written) * kPage + wal_bytes;
  work.wal_bytes = wal_bytes;
  return work;
}

// A moment of the trial from which on, and until which, the sessions' pace is taken.
struct Window {
  double begin = 0;
  double end = std::numeric_limits<double>::infinity();
  bool holds(const TrialPass& pass) const {
    const double middle = pass.begin_seconds + pass.seconds / 2;
    return middle >= begin && middle < end;
  }
};

Window window_of(const capacity::TrialAnalysis& analysis, Pace pace) {
  Window window;
  for (const capacity::TrialChange& change : analysis.changes) {
    if (pace == Pace::unthrottled && change.kind == capacity::ChangeKind::burst_end) {
      window.end = change.seconds;
      break;
    }
    window.begin = change.seconds;
  }
  return window;
}

struct Sum {
  double rows = 0;
  double busy_seconds = 0;
  std::optional<double> per_row() const {
    return rows > 0 && busy_seconds > 0 ? std::optional(busy_seconds / rows) : std::nullopt;
  }
};

// Session seconds of a row of each stratum, within the window; where a stratum was not moved in it, at the pace that
// the others had in it.
std::vector<double> session_seconds_per_row(const Findings& findings, const Window& window) {
  std::vector<Sum> all(findings.strata.size());
  std::vector<Sum> within(findings.strata.size());
  Sum total;
  for (const TrialPass& pass : findings.passes) {
    for (Sum* sum : {&all[pass.stratum], window.holds(pass) ? &within[pass.stratum] : nullptr, &total}) {
      if (sum != nullptr) {
        sum->rows += pass.rows;
        sum->busy_seconds += pass.busy_seconds;
      }
    }
  }
  double in_window = 0;
  double ever = 0;  // Of the same rows, at their stratum's mean.
  for (std::size_t i = 0; i < all.size(); ++i) {
    in_window += within[i].busy_seconds;
    ever += within[i].rows * all[i].per_row().value_or(0);
  }
  const double pace = in_window > 0 && ever > 0 ? in_window / ever : 1;
  std::vector<double> seconds;
  for (std::size_t i = 0; i < all.size(); ++i) {
    seconds.push_back(within[i].per_row().value_or(pace * all[i].per_row().value_or(total.per_row().value_or(0))));
  }
  return seconds;
}

// What is known of the trial in sums, and shared out to its passes.
struct Totals {
  double rows = 0;              // In the target.
  double pages_read = 0;        // For each row in it.
  double pages_written = 0;     // The same.
  double table_bytes = 0;       // The same; what the target's heap and TOAST occupy.
  double index_bytes = 0;       // The same.
  double index_pages_read = 0;  // In all.
};

Totals totals_of(const Findings& findings, const WholeTable& table) {
  Totals totals;
  totals.rows = std::max(1.0, findings.only_read ? rows_of(findings) : findings.rows_in_target);
  totals.index_pages_read = std::min(findings.pages_read, findings.indexing.work.blocks_read.value_or(0));
  const bool counts_growth = findings.settings.server_major_version < kGrowthIsNotCountedFrom;
  // What the target's heap grew by was no reading; indexes are built beside the cache, which counts nothing.
  const double growth = counts_growth && !findings.only_read ? findings.target_bytes / kPage : 0;
  totals.pages_read = std::max(0.0, findings.pages_read - totals.index_pages_read - growth) / totals.rows;
  // Each file has pages that do not grow with rows: half a page of a heap, an index's root and first page.
  const auto leaves = static_cast<double>(table.leaf_count);
  const auto grown = [](double bytes, double fixed) { return std::max(bytes - fixed, bytes / 10); };
  const double heap = grown(findings.target_bytes, leaves * kPage / 2);
  const double index = grown(findings.target_index_bytes, leaves * static_cast<double>(table.index_count) * 2 * kPage);
  totals.table_bytes = heap / totals.rows;
  totals.index_bytes = index / totals.rows;
  double counted = 0;
  if (findings.ended_with_checkpoint && findings.pages_written) {
    counted =
        *findings.pages_written - (counts_growth ? findings.target_bytes + findings.target_index_bytes : 0) / kPage;
  }
  totals.pages_written = std::max(heap / kPage, counted) / totals.rows;
  return totals;
}

// Which share of a total each pass has.
std::vector<double> reading_shares(const Findings& findings) {
  std::vector<double> weights;
  double seconds = 0;
  double sum = 0;
  for (const TrialPass& pass : findings.passes) {
    weights.push_back(pass.work.blocks_read.value_or(0));
    seconds += pass.seconds;
    sum += weights.back();
  }
  const bool is_told = sum > 0 && seconds > kReadsAreCurrentAfterSeconds * static_cast<double>(weights.size());
  if (!is_told) {
    sum = 0;
    for (std::size_t p = 0; p < weights.size(); ++p) {
      const TrialPass& pass = findings.passes[p];
      const double width = findings.strata[pass.stratum].row_bytes;
      weights[p] = pass.rows * (width > 0 ? width : 1);
      sum += weights[p];
    }
  }
  for (double& weight : weights) {
    weight /= std::max(sum, std::numeric_limits<double>::min());
  }
  return weights;
}

double wal_of(const Findings& findings) {
  double wal = 0;
  for (const TrialPass& pass : findings.passes) {
    wal += pass.work.wal_bytes.value_or(0);
  }
  return wal;
}

struct Making {
  const Findings& findings;
  const WholeTable& table;
  Totals totals;
  Extrapolation made;
};

void doubt(capacity::Stratum& stratum) {
  stratum.times_low = kOnceTimesLow;
  stratum.times_high = kOnceTimesHigh;
}

void add_fixed(Making& making) {
  const Findings& findings = making.findings;
  const auto leaves = static_cast<double>(making.table.leaf_count);
  const double wal =
      findings.preparing.work.wal_bytes.value_or(0) + leaves * findings.empty_leaf.work.wal_bytes.value_or(0);
  const double seconds = findings.preparing.seconds + leaves * findings.empty_leaf.seconds / findings.index_jobs;
  if (wal <= 0 && seconds <= 0) {
    return;
  }
  capacity::Stratum fixed;
  fixed.name = "tables and empty indexes";
  fixed.rows = 1;
  fixed.per_row = work_of(0, 0, wal);
  fixed.per_row.session_seconds = seconds * findings.workers;  // As long, however many work.
  doubt(fixed);
  making.made.fixed_bytes = wal;
  making.made.job.strata.push_back(fixed);
}

// The trial's own reading, or the whole table's where no cache holds it.
void settle_reading(Making& making) {
  const double whole = making.table.bytes / kPage / std::max(1.0, making.table.rows);
  if (making.table.bytes > making.findings.settings.cache_bytes && making.totals.pages_read < whole) {
    making.totals.pages_read = whole;
    making.made.reads_are_assumed = true;
  }
}

// A plan by heap blocks expects as many rows in each, so narrow rows are more than it says: what the trial found in
// whole ranges corrects that. Together they are as many as the table has.
std::vector<double> rows_of_kinds(const Findings& findings, double table_rows) {
  std::vector<double> found(findings.strata.size());
  std::vector<double> expected(findings.strata.size());
  for (const TrialPass& pass : findings.passes) {
    found[pass.stratum] += pass.rows_of_whole_ranges;
    expected[pass.stratum] += pass.rows_expected;
  }
  std::vector<double> rows;
  for (std::size_t i = 0; i < findings.strata.size(); ++i) {
    rows.push_back(findings.strata[i].rows * (expected[i] > 0 && found[i] > 0 ? found[i] / expected[i] : 1));
  }
  const double all = std::accumulate(rows.begin(), rows.end(), 0.0);
  for (double& kind : rows) {
    kind *= all > 0 ? table_rows / all : 0;
  }
  return rows;
}

void add_kinds(Making& making, const Window& window) {
  const Findings& findings = making.findings;
  const std::vector<double> shares = reading_shares(findings);
  const std::vector<double> seconds = session_seconds_per_row(findings, window);
  const double moved = std::max(1.0, rows_of(findings));
  const double wal_all = wal_of(findings);
  const std::vector<double> kind_rows = rows_of_kinds(findings, making.table.rows);
  making.made.first_kind = making.made.job.strata.size();
  making.made.kind_count = findings.strata.size();
  for (std::size_t i = 0; i < findings.strata.size(); ++i) {
    capacity::Stratum kind;
    kind.name = findings.strata[i].name;
    kind.rows = kind_rows[i];
    double rows = 0;
    double wal = 0;
    for (std::size_t p = 0; p < findings.passes.size(); ++p) {
      const TrialPass& pass = findings.passes[p];
      if (pass.stratum != i) {
        continue;
      }
      const double pass_wal = findings.only_read ? 0 : pass.work.wal_bytes.value_or(0);
      const double written_share = wal_all > 0 ? pass_wal / wal_all : pass.rows / moved;
      capacity::BatchSample batch;
      batch.rows = pass.rows;
      batch.work = work_of(shares[p] * making.totals.pages_read * moved,
                           written_share * making.totals.pages_written * moved, pass_wal);
      batch.work.cpu_seconds = pass.work.cpu_seconds.value_or(0);
      batch.work.session_seconds = window.holds(pass) ? pass.busy_seconds : pass.rows * seconds[i];
      kind.batches.push_back(batch);
      rows += pass.rows;
      wal += pass_wal;
    }
    const double width = wal_all > 0 && rows > 0 ? (wal / rows) / (wal_all / moved) : 1;
    kind.target_bytes_per_row = making.totals.table_bytes * width;
    if (kind.batches.empty()) {
      making.made.not_reached.push_back(kind.name);
    }
    making.made.job.strata.push_back(std::move(kind));
  }
}

// Kinds that the trial did not reach count as the mean of those that it did.
void fill_kinds_not_reached(Making& making) {
  std::vector<capacity::Stratum>& strata = making.made.job.strata;
  capacity::Stratum all;
  for (std::size_t i = making.made.first_kind; i < strata.size(); ++i) {
    all.batches.insert(all.batches.end(), strata[i].batches.begin(), strata[i].batches.end());
  }
  const Work mean = capacity::work_per_row(all);
  for (std::size_t i = making.made.first_kind; i < strata.size(); ++i) {
    if (strata[i].batches.empty()) {
      strata[i].per_row = mean;
    }
  }
}

void add_indexes(Making& making) {
  const Findings& findings = making.findings;
  if (!findings.has_indexes || findings.only_read) {
    return;
  }
  const double rows = making.totals.rows;
  const auto leaves = static_cast<double>(making.table.leaf_count);
  const auto without = [](double all, double fixed) { return std::max(all - fixed, all / 10); };
  const double wal =
      without(findings.indexing.work.wal_bytes.value_or(0), leaves * findings.empty_leaf.work.wal_bytes.value_or(0));
  const double seconds = without(findings.indexing.seconds, leaves * findings.empty_leaf.seconds / findings.index_jobs);
  const double whole_index_bytes = making.totals.index_bytes * making.table.rows;
  const double whole_target_bytes = making.totals.table_bytes * making.table.rows;
  double pages_read = making.totals.index_pages_read / rows;
  double pages_written = making.totals.index_bytes / kPage;
  if (whole_target_bytes > findings.settings.cache_bytes && pages_read < making.totals.table_bytes / kPage) {
    pages_read = making.totals.table_bytes / kPage;
    pages_written += making.totals.table_bytes / kPage;
    making.made.rereads_are_assumed = true;
  }
  if (whole_index_bytes / std::max(1.0, leaves) > findings.settings.sorting_bytes) {
    pages_read += making.totals.index_bytes / kPage;
    pages_written += making.totals.index_bytes / kPage;
    making.made.sorts_are_assumed = true;
  }
  capacity::Stratum indexes;
  indexes.name = "building indexes";
  indexes.rows = making.table.rows;
  indexes.target_bytes_per_row = making.totals.index_bytes;
  indexes.per_row = work_of(pages_read, pages_written, wal / rows);
  // Sorting n rows takes n log n: a leaf holds more of them than in the trial.
  const double log_times = std::log2(std::max(2.0, making.table.rows / std::max(1.0, leaves))) /
                           std::log2(std::max(2.0, rows / std::max(1.0, leaves)));
  indexes.per_row.session_seconds = seconds * findings.workers / rows;
  doubt(indexes);
  indexes.times_high *= std::max(1.0, log_times);
  making.made.indexes = making.made.job.strata.size();
  making.made.job.strata.push_back(indexes);
}

// Rows that ANALYZE samples of so many, evenly in their leaves.
double sampled_of(double rows, const WholeTable& table, double sampled_max) {
  const double leaves = std::max(1.0, static_cast<double>(table.leaf_count));
  return leaves * std::min(sampled_max, rows / leaves) +
         static_cast<double>(table.parent_count) * std::min(sampled_max, rows);
}

void add_statistics(Making& making) {
  const Findings& findings = making.findings;
  if (findings.only_read || findings.analyzing.seconds <= 0) {
    return;
  }
  const double fixed_seconds =
      static_cast<double>(making.table.leaf_count) * findings.empty_statistics.seconds / findings.index_jobs;
  const double grown_seconds = std::max(findings.analyzing.seconds - fixed_seconds, findings.analyzing.seconds / 10);
  const double sampled_max = findings.settings.sampled_rows;
  const double whole_rows = sampled_of(making.table.rows, making.table, sampled_max);
  const double times = whole_rows / std::max(1.0, sampled_of(making.totals.rows, making.table, sampled_max));
  double pages_read = findings.analyzing.work.blocks_read.value_or(0) * times;
  const double heap_bytes = making.totals.table_bytes * making.table.rows;
  if (heap_bytes > findings.settings.cache_bytes) {  // As many pages as rows, at most.
    pages_read = std::max(pages_read, sampled_of(heap_bytes / kPage, making.table, sampled_max));
  }
  capacity::Stratum statistics;
  statistics.name = "gathering statistics";
  statistics.rows = 1;
  statistics.per_row = work_of(pages_read, 0, findings.analyzing.work.wal_bytes.value_or(0) * std::max(1.0, times));
  statistics.per_row.session_seconds = (fixed_seconds + grown_seconds * times) * findings.workers;
  doubt(statistics);
  making.made.statistics = making.made.job.strata.size();
  making.made.job.strata.push_back(statistics);
}

// Where between all merged and none the volume's count lies.
double ops_position(double operations, const Work& seen) {
  const double width = seen.ops_upper - seen.ops_lower;
  return width > 0 ? std::clamp((operations - seen.ops_lower) / width, 0.0, 1.0) : 1;
}

void set_operations(Work& work, double position) {
  const double operations = work.ops_lower + position * (work.ops_upper - work.ops_lower);
  work.ops_lower = operations * (1 - kOperationsDoubt);
  work.ops_upper = operations * (1 + kOperationsDoubt);
}

// Where the volume counted its operations they are known, of moving and of what follows, but for a small doubt.
void settle_operations(Making& making) {
  const Findings& findings = making.findings;
  if (!findings.device_operations) {
    return;
  }
  const double moving_wal = findings.moving.work.wal_bytes.value_or(0);
  const double later_wal = findings.indexing.work.wal_bytes.value_or(0) + findings.analyzing.work.wal_bytes.value_or(0);
  const CountedIo all{findings.pages_read, findings.pages_written.value_or(0), findings.device_operations};
  double of_moving =
      ops_position(*all.device_operations, work_of(all.pages_read, all.pages_written, moving_wal + later_wal));
  double of_the_rest = of_moving;
  if (const std::optional<CountedIo>& moving = findings.counted_moving; moving && moving->device_operations) {
    of_moving =
        ops_position(*moving->device_operations, work_of(moving->pages_read, moving->pages_written, moving_wal));
    of_the_rest = ops_position(std::max(0.0, *all.device_operations - *moving->device_operations),
                               work_of(std::max(0.0, all.pages_read - moving->pages_read),
                                       std::max(0.0, all.pages_written - moving->pages_written), later_wal));
  }
  capacity::Job& job = making.made.job;
  for (std::size_t i = 0; i < job.strata.size(); ++i) {
    const bool is_kind = i >= making.made.first_kind && i < making.made.first_kind + making.made.kind_count;
    const double position = is_kind ? of_moving : of_the_rest;
    set_operations(job.strata[i].per_row, position);
    for (capacity::BatchSample& batch : job.strata[i].batches) {
      set_operations(batch.work, position);
    }
  }
  constexpr double kMiddle = 0.5;
  job.ops_position = kMiddle;
  making.made.operations_are_measured = true;
}

}  // namespace

double rows_of(const Findings& findings) {
  return std::accumulate(findings.passes.begin(), findings.passes.end(), 0.0,
                         [](double sum, const TrialPass& pass) { return sum + pass.rows; });
}

WholeTable whole_table(const planner::Plan& plan) {
  WholeTable table;
  table.rows = std::max(0.0, plan.source.size.rows_estimate);
  table.bytes = static_cast<double>(plan.source.bytes_total());
  table.leaf_count = planner::leaves(plan.layout).size();
  table.parent_count = planner::nodes(plan.layout).size() - table.leaf_count;
  table.index_count = planner::target_indexes(plan.source, plan.layout, plan.key_columns_with_nulls).size();
  return table;
}

capacity::TrialAnalysis analyze(const Findings& findings, const capacity::Server* server) {
  const std::vector<double> cost = session_seconds_per_row(findings, {});
  Sum all;
  for (const TrialPass& pass : findings.passes) {
    all.rows += pass.rows;
    all.busy_seconds += pass.busy_seconds;
  }
  const double mean_cost = all.per_row().value_or(1);
  const double written =
      findings.pages_written && findings.rows_in_target > 0 ? *findings.pages_written / findings.rows_in_target : 0;
  std::vector<capacity::TrialSample> samples;
  std::optional<double> latency;
  for (const TrialSecond& second : findings.seconds) {
    const double weight =
        second.stratum < cost.size() && cost[second.stratum] > 0 ? cost[second.stratum] / mean_cost : 1;
    const double wal = findings.only_read ? 0 : second.wal_bytes;
    // What is written comes late and in heaps: each row counts with its share of all.
    const Work work = work_of(second.pages_read, findings.only_read ? 0 : second.rows * written, wal);
    if (second.read_seconds && second.pages_read > 0) {
      latency = *second.read_seconds / second.pages_read;
    }
    samples.push_back({second.end_seconds, second.rows * weight, second.device_operations.value_or(work.ops_lower),
                       work.bytes, latency});
  }
  return capacity::analyze_trial(samples, server);
}

Extrapolation extrapolate(const Findings& findings, const WholeTable& table, const capacity::TrialAnalysis& analysis,
                          Pace pace) {
  if (rows_of(findings) <= 0) {
    throw pg::Failure(pg::FailureKind::refused, "the trial moved no row, so nothing can be told of the whole job")
        .hint("The table may be empty; else let the trial go on for longer (--for).");
  }
  Making making{findings, table, totals_of(findings, table), {}};
  settle_reading(making);
  if (!findings.only_read) {
    add_fixed(making);
  }
  add_kinds(making, window_of(analysis, pace));
  fill_kinds_not_reached(making);
  add_indexes(making);
  add_statistics(making);
  settle_operations(making);
  capacity::Job& job = making.made.job;
  job.workers = findings.workers;
  job.wal_kept_bytes = findings.settings.max_wal_bytes;
  return making.made;
}

}  // namespace pgsluice::mover
