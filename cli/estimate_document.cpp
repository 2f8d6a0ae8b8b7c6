// The estimate for a program. Seconds that are infinite stand as null.
#include <cmath>
#include <nlohmann/json.hpp>

#include "capacity/job.hpp"
#include "cli/estimate.hpp"

namespace pgsluice::cli {

namespace {

using nlohmann::ordered_json;

ordered_json finite(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json();
}

template <typename T>
ordered_json known(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

ordered_json document_of(const capacity::Work& work) {
  return {{"operations_least", work.ops_lower},
          {"operations_most", work.ops_upper},
          {"bytes", work.bytes},
          {"wal_bytes", work.wal_bytes},
          {"cpu_seconds", work.cpu_seconds},
          {"session_seconds", work.session_seconds}};
}

ordered_json document_of(const capacity::Prediction& prediction) {
  ordered_json document = {{"seconds_expected", finite(prediction.duration.expected_seconds)},
                           {"seconds_low", finite(prediction.duration.low_seconds)},
                           {"seconds_high", finite(prediction.duration.high_seconds)},
                           {"limit", name_of(prediction.limit)},
                           {"burst_ends", ordered_json::array()},
                           {"phases", ordered_json::array()},
                           {"space_bytes", prediction.totals.space_bytes},
                           {"work", document_of(prediction.totals.work)}};
  for (const capacity::BurstEnd& end : prediction.burst_ends) {
    document["burst_ends"].push_back({{"seconds", end.seconds},
                                      {"limit", name_of(end.limit)},
                                      {"rows_per_second_before", end.rows_per_second_before},
                                      {"rows_per_second_after", end.rows_per_second_after}});
  }
  for (const capacity::JobPhase& each : prediction.phases) {
    document["phases"].push_back({{"kind", each.stratum},
                                  {"begin_seconds", each.phase.begin_seconds},
                                  {"seconds", finite(each.phase.seconds)},
                                  {"rows", each.phase.units},
                                  {"rows_per_second", finite(each.phase.units_per_second)},
                                  {"limit", name_of(each.phase.limit)}});
  }
  return document;
}

ordered_json kinds_of(const capacity::Job& job) {
  ordered_json kinds = ordered_json::array();
  for (const capacity::Stratum& stratum : job.strata) {
    double moved = 0;
    for (const capacity::BatchSample& batch : stratum.batches) {
      moved += batch.rows;
    }
    kinds.push_back({{"name", stratum.name},
                     {"rows", stratum.rows},
                     {"rows_moved", moved},
                     {"target_bytes_per_row", stratum.target_bytes_per_row},
                     {"work_per_row", document_of(capacity::work_per_row(stratum))}});
  }
  return kinds;
}

ordered_json document_of(const capacity::TrialAnalysis& analysis) {
  constexpr const char* kKinds[] = {"warm_up_end", "burst_end", "other"};
  constexpr const char* kSeries[] = {"rows", "operations", "bytes", "latency"};
  ordered_json document = {{"steady_seconds", analysis.steady_seconds},
                           {"rows_per_second", analysis.rows_per_second},
                           {"operations_per_second", analysis.ops_per_second},
                           {"bytes_per_second", analysis.bytes_per_second},
                           {"changes", ordered_json::array()},
                           {"burst_suspects", ordered_json::array()}};
  for (const capacity::TrialChange& change : analysis.changes) {
    document["changes"].push_back({{"seconds", change.seconds},
                                   {"kind", kKinds[static_cast<int>(change.kind)]},
                                   {"series", kSeries[static_cast<int>(change.series)]},
                                   {"before", change.before},
                                   {"after", change.after}});
  }
  for (const capacity::BurstSuspect& suspect : analysis.burst_suspects) {
    document["burst_suspects"].push_back(
        {{"limit", name_of(suspect.limit)}, {"share", suspect.share}, {"can_burst", suspect.can_burst}});
  }
  return document;
}

ordered_json trial_of(const TriedCombination& tried) {
  const mover::Findings& findings = tried.findings;
  ordered_json document = {{"only_read", findings.only_read},
                           {"rows", mover::rows_of(findings)},
                           {"ranges", findings.ranges},
                           {"moved_everything", findings.moved_everything},
                           {"seconds_moving", findings.moving.seconds},
                           {"seconds_indexing", findings.indexing.seconds},
                           {"seconds_analyzing", findings.analyzing.seconds},
                           {"seconds_preparing", findings.preparing.seconds},
                           {"pages_read", findings.pages_read},
                           {"pages_written", known(findings.pages_written)},
                           {"device_operations", known(findings.device_operations)},
                           {"ended_with_checkpoint", findings.ended_with_checkpoint},
                           {"target_bytes", findings.target_bytes},
                           {"target_index_bytes", findings.target_index_bytes},
                           {"meter", findings.meter_text},
                           {"seconds", ordered_json::array()}};
  for (const mover::TrialSecond& second : findings.seconds) {
    document["seconds"].push_back({{"end_seconds", second.end_seconds},
                                   {"kind", findings.strata[second.stratum].name},
                                   {"rows", second.rows},
                                   {"wal_bytes", second.wal_bytes},
                                   {"pages_read", second.pages_read},
                                   {"pages_written", second.pages_written}});
  }
  document.update(document_of(tried.analysis));
  return document;
}

ordered_json document_of(const TriedCombination& tried, bool in_full) {
  ordered_json document = {{"name", display(tried.combination)},
                           {"method", name_of(tried.findings.method)},
                           {"workers", tried.combination.workers},
                           {"batch_rows", tried.combination.batch_rows},
                           {"rows_per_second", tried.analysis.rows_per_second},
                           {"seconds_by_rule_of_three", finite(tried.plain_seconds)},
                           {"prediction", document_of(tried.prediction)}};
  if (tried.with_credits) {
    document["prediction_with_all_credits"] = document_of(*tried.with_credits);
  }
  if (in_full) {
    document["kinds"] = kinds_of(tried.extrapolation.job);
    document["kinds_not_reached"] = tried.extrapolation.not_reached;
    document["trial"] = trial_of(tried);
  }
  return document;
}

}  // namespace

nlohmann::ordered_json estimate_document(const Estimate& estimate) {
  ordered_json document = {
      {"source", estimate.source},
      {"layout", estimate.layout},
      {"strategy", name_of(estimate.is_live ? planner::Strategy::capture : planner::Strategy::offline)},
      {"rows", estimate.table_rows},
      {"bytes", estimate.table_bytes},
      {"server", estimate.server ? ordered_json(estimate.server_text) : ordered_json()},
      {"best", document_of(estimate.chosen(), true)},
      {"tried", ordered_json::array()},
      {"alternatives", ordered_json::array()}};
  for (const TriedCombination& tried : estimate.tried) {
    document["tried"].push_back(document_of(tried, false));
  }
  for (const capacity::Alternative& other : estimate.alternatives) {
    document["alternatives"].push_back({{"change", other.change},
                                        {"seconds_expected", finite(other.expected_seconds)},
                                        {"limit", name_of(other.limit)}});
  }
  document["caveats"] = caveats(estimate);
  document["exit_code"] = 0;
  return document;
}

}  // namespace pgsluice::cli
