// What a trial's samples are worth: which part of it was steady, and whether it lived on credits that a whole job will
// not have.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "capacity/change_points.hpp"
#include "capacity/simulation.hpp"

namespace pgsluice::capacity {

// A stretch of the trial; all stretches about equally long, and each longer than a batch. Long beside a checkpoint, if
// `ops` and `bytes` are the server's and not the trial's own.
struct TrialSample {
  double end_seconds = 0;  // From the start of the trial; it begins where the sample before ends.
  double rows = 0;         // In it, as the others.
  double ops = 0;
  double bytes = 0;
  std::optional<double> latency_seconds = std::nullopt;  // Mean of a read or a commit; absent where it cannot be seen.
};

enum class ChangeKind {
  warm_up_end,  // Everything before was slower.
  burst_end,    // It became slower: fewer rows, operations or bytes, or a longer latency.
  other,        // It became faster again.
};

enum class TrialSeries { rows, ops, bytes, latency };

struct TrialChange {
  std::size_t index = 0;  // Of the first sample after it.
  double seconds = 0;     // Where that sample begins.
  ChangeKind kind = ChangeKind::other;
  TrialSeries series = TrialSeries::rows;  // Where it was seen first, in the order of the enum.
  double before = 0;                       // A second; seconds with latency.
  double after = 0;
};

// A limit that the trial came so close to that it may have lived on credits, or met the limit itself.
struct BurstSuspect {
  Limit limit = Limit::nothing;
  double share = 0;        // Of what is sustained: 1.2 is a fifth above.
  bool can_burst = false;  // Without, the trial was at a limit that stays.
};

struct TrialAnalysis {
  std::vector<TrialChange> changes;
  // Samples [steady_begin, steady_end) are the ones to use: all after the last change.
  std::size_t steady_begin = 0;
  std::size_t steady_end = 0;
  double steady_seconds = 0;
  double rows_per_second = 0;  // Of the steady part, as are all below.
  double ops_per_second = 0;
  double bytes_per_second = 0;
  std::vector<BurstSuspect> burst_suspects;
};

// The limits of which a demand uses more than 95 % of what is sustained, in the order of kServerLimits.
inline constexpr double kSuspectShare = 0.95;
std::vector<BurstSuspect> burst_suspects(const Server& server, const Load& demand);

// Changes seen in several series within a few samples are one. Without a server nothing is suspected.
// Fails: refused, when a figure is negative or not finite, or time does not go on.
TrialAnalysis analyze_trial(std::span<const TrialSample> samples, const Server* server,
                            const ChangeOptions& options = {});

}  // namespace pgsluice::capacity
