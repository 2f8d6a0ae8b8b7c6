// The estimate for a person: the answer first, then what it rests on.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "capacity/job.hpp"
#include "cli/estimate.hpp"
#include "cli/help.hpp"
#include "cli/quantity.hpp"

namespace pgsluice::cli {

namespace {

using capacity::Limit;

constexpr double kMicro = 1e6;

// A table whose columns are as wide as they must be; the first one is text, the others stand to the right.
std::string columns_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    std::string line = "  " + row.front() + std::string(widths.front() - row.front().size(), ' ');
    for (std::size_t i = 1; i < row.size(); ++i) {
      line += "  " + std::string(widths[i] - row[i].size(), ' ') + row[i];
    }
    text += line + "\n";
  }
  return text;
}

std::string digits(double value) {
  constexpr double kLarge = 100;
  char text[32];
  std::snprintf(text, sizeof text, value == 0 || value >= kLarge ? "%.0f" : "%.3g", value);
  return text;
}

std::string from_to(double lower, double upper) {
  return digits(lower) == digits(upper) ? digits(upper) : digits(lower) + " to " + digits(upper);
}

std::string rate_text(double rows_per_second) {
  return count_text(rows_per_second) + " rows/s";
}

std::string binding_text(const Estimate& estimate) {
  const Limit limit = estimate.chosen().prediction.limit;
  if (!estimate.server) {
    return "the sessions' own pace in the trial; no limit of a volume or instance was named";
  }
  if (limit == Limit::sessions) {
    return std::string(name_of(limit)) + ": each waits for its own statements, and more workers may go faster";
  }
  return std::string(name_of(limit)) + " (" + estimate.server_text + ")";
}

std::string range_text(const capacity::DurationRange& duration) {
  return span_text(duration.expected_seconds) + ", between " + span_text(duration.low_seconds) + " and " +
         span_text(duration.high_seconds);
}

// Credits that were saved in the first moments, and are gone after a few more, are not worth a word.
std::string burst_text(const capacity::Prediction& prediction) {
  constexpr double kShareWorthAWord = 0.01;
  std::string text;
  for (const capacity::BurstEnd& end : prediction.burst_ends) {
    if (end.seconds < kShareWorthAWord * prediction.duration.expected_seconds) {
      continue;
    }
    text += "  after " + span_text(end.seconds) + " the credits of " + std::string(name_of(end.limit)) +
            " are spent: " + rate_text(end.rows_per_second_before) + " before, " +
            rate_text(end.rows_per_second_after) + " after\n";
  }
  return text;
}

std::string answer_text(const Estimate& estimate) {
  const TriedCombination& chosen = estimate.chosen();
  const std::string what = estimate.only_read() ? "Reading all of " : "The whole job on ";
  std::string text = what + estimate.source + " (" + count_text(estimate.table_rows) + " rows, " +
                     bytes_text(estimate.table_bytes) + "; " + estimate.layout + ") " +
                     (estimate.only_read() ? "with " + workers_text(chosen.combination.workers)
                                           : "by " + display(chosen.combination)) +
                     " takes about\n  " + range_text(chosen.prediction.duration) + "\n";
  text += "what binds: " + binding_text(estimate) + "\n";
  if (!estimate.server) {
    return text + "This is the trial's latest pace, extrapolated: see below why it may lie.\n";
  }
  const std::string burst = burst_text(chosen.prediction);
  text += burst.empty() ? "" : "burst:\n" + burst;
  if (chosen.with_credits &&
      chosen.with_credits->duration.expected_seconds != chosen.prediction.duration.expected_seconds) {
    text += "with all burst credits, as a restored fork has them: " + range_text(chosen.with_credits->duration) + "\n" +
            burst_text(*chosen.with_credits);
  }
  return text + "the rule of three at the trial's pace would have said " + span_text(chosen.plain_seconds) + "\n";
}

std::string sweep_text(const Estimate& estimate) {
  std::vector<std::vector<std::string>> rows = {{"tried", "rows/s", "WAL a row", "expected", "binds", ""}};
  for (std::size_t i = 0; i < estimate.tried.size(); ++i) {
    const TriedCombination& one = estimate.tried[i];
    const capacity::JobTotals& totals = one.prediction.totals;
    rows.push_back({display(one.combination), count_text(one.analysis.rows_per_second),
                    bytes_text(totals.work.wal_bytes / std::max(1.0, estimate.table_rows)),
                    span_text(one.prediction.duration.expected_seconds), std::string(name_of(one.prediction.limit)),
                    i == estimate.best ? "best" : ""});
  }
  return "\n" + columns_text(rows);
}

std::string work_text(const Estimate& estimate) {
  const mover::Extrapolation& made = estimate.chosen().extrapolation;
  std::vector<std::vector<std::string>> rows = {
      {"work a row", "rows", "moved", "I/O operations", "bytes", "WAL", "CPU us", "session us"}};
  const auto add = [&](const capacity::Stratum& stratum) {
    const capacity::Work work = capacity::work_per_row(stratum);
    double moved = 0;
    for (const capacity::BatchSample& batch : stratum.batches) {
      moved += batch.rows;
    }
    rows.push_back({stratum.name, count_text(stratum.rows), count_text(moved), from_to(work.ops_lower, work.ops_upper),
                    digits(work.bytes), digits(work.wal_bytes),
                    work.cpu_seconds > 0 ? digits(work.cpu_seconds * kMicro) : "unknown",
                    digits(work.session_seconds * kMicro)});
  };
  for (std::size_t i = 0; i < made.kind_count; ++i) {
    add(made.job.strata[made.first_kind + i]);
  }
  if (made.indexes) {
    add(made.job.strata[*made.indexes]);
    rows.back()[2] = count_text(estimate.chosen().findings.rows_in_target);
  }
  std::string statistics;
  if (made.statistics) {
    const capacity::Work work = capacity::work_per_row(made.job.strata[*made.statistics]);
    statistics = "  gathering statistics, in all: " + count_text(work.ops_lower) + " to " + count_text(work.ops_upper) +
                 " I/O operations, " + bytes_text(work.bytes) + ", " +
                 span_text(work.session_seconds / estimate.chosen().combination.workers) + "\n";
  }
  return "\n" + columns_text(rows) + statistics +
         (made.not_reached.empty() ? ""
                                   : "  Kinds of which 0 rows were moved stand for the "
                                     "others' mean.\n");
}

std::string kind_text(capacity::ChangeKind kind) {
  switch (kind) {
    case capacity::ChangeKind::warm_up_end:
      return "a warm-up ended";
    case capacity::ChangeKind::burst_end:
      return "it became slower, as at the end of a burst";
    case capacity::ChangeKind::other:
      return "it became faster";
  }
  return "";
}

std::string series_text(capacity::TrialSeries series) {
  constexpr std::array<const char*, 4> kNames = {"rows/s", "I/O operations/s", "bytes/s", "seconds a page read"};
  return kNames.at(static_cast<std::size_t>(series));
}

std::string trial_text(const Estimate& estimate) {
  const TriedCombination& chosen = estimate.chosen();
  const capacity::TrialAnalysis& analysis = chosen.analysis;
  const mover::Findings& findings = chosen.findings;
  std::string text = "\nthe trial: " + count_text(mover::rows_of(findings)) + " rows of " +
                     exact_count_text(findings.ranges) + " ranges in " + span_text(findings.moving.seconds) +
                     (findings.moved_everything ? ", which is all" : "") + "\n";
  if (!findings.seconds.empty()) {
    text += "  steady for the last " + span_text(analysis.steady_seconds) + ": " + rate_text(analysis.rows_per_second) +
            ", " + digits(analysis.ops_per_second) + " I/O operations/s, " + bytes_text(analysis.bytes_per_second) +
            "/s\n";
  }
  for (const capacity::TrialChange& change : analysis.changes) {
    text += "  after " + span_text(change.seconds) + " " + kind_text(change.kind) + ": " + digits(change.before) +
            " before, " + digits(change.after) + " after (" + series_text(change.series) + ")\n";
  }
  for (const capacity::BurstSuspect& suspect : analysis.burst_suspects) {
    const std::string used = std::to_string(std::llround(suspect.share * 100)) + " % of what " +
                             std::string(name_of(suspect.limit)) + " sustain";
    text += suspect.can_burst ? "  it used " + used + ", so it lived on burst credits or soon would\n"
                              : "  it used " + used + ", so it was at that limit, which stays\n";
  }
  return text;
}

std::string alternatives_text(const Estimate& estimate) {
  if (estimate.alternatives.empty()) {
    return "";
  }
  std::vector<std::vector<std::string>> rows = {{"instead", "expected", "binds"}};
  for (const capacity::Alternative& other : estimate.alternatives) {
    rows.push_back({other.change, span_text(other.expected_seconds), std::string(name_of(other.limit))});
  }
  return "\n" + columns_text(rows);
}

std::string space_text(const Estimate& estimate) {
  if (estimate.only_read()) {
    return "";
  }
  const capacity::JobTotals& totals = estimate.chosen().prediction.totals;
  return "\nspace: " + bytes_text(totals.space_bytes) +
         " beside the source, for the target and the WAL that is kept\n" + "WAL: " + bytes_text(totals.work.wal_bytes) +
         " in all, to be archived or replicated\n" + "I/O: " + bytes_text(totals.work.bytes) + " in " +
         count_text(totals.work.ops_lower) + " to " + count_text(totals.work.ops_upper) + " operations\n";
}

std::string caveats_text(const Estimate& estimate) {
  constexpr std::size_t kIndent = 2;
  std::string text = "\nwhat this rests on, and what it leaves out\n";
  for (const std::string& caveat : caveats(estimate)) {
    text += "- " + wrapped(caveat, kHelpColumns - kIndent, kIndent) + "\n";
  }
  return text;
}

}  // namespace

std::string estimate_text(const Estimate& estimate) {
  return answer_text(estimate) + (estimate.tried.size() > 1 ? sweep_text(estimate) : "") + work_text(estimate) +
         trial_text(estimate) + alternatives_text(estimate) + space_text(estimate) + caveats_text(estimate);
}

}  // namespace pgsluice::cli
