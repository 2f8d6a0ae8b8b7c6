// What `pgsluice estimate` found and what follows from it, as plain values: for its text, its document and its plot.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "capacity/alternatives.hpp"
#include "capacity/prediction.hpp"
#include "capacity/server.hpp"
#include "capacity/trial.hpp"
#include "cli/sweep.hpp"
#include "mover/extrapolation.hpp"
#include "mover/rehearsal_findings.hpp"

namespace pgsluice::cli {

// One combination of settings.
struct TriedCombination {
  Combination combination;
  mover::Findings findings;
  capacity::TrialAnalysis analysis;
  mover::Extrapolation extrapolation;
  capacity::Prediction prediction;                   // On the server that was named; else at the trial's latest pace.
  std::optional<capacity::Prediction> with_credits;  // The same server with all credits, as a fresh fork has them.
  double plain_seconds = 0;                          // The rule of three, at the latest pace.
};

struct Estimate {
  std::string source;    // "public.sources"
  std::string layout;    // "HASH (uid), 16 partitions"
  bool is_live = false;  // The application goes on writing, strategy capture.
  double table_rows = 0;
  double table_bytes = 0;
  std::optional<capacity::Server> server;           // Absent: nothing is known of where the job will run.
  std::string server_text;                          // "gp2:2000, db.r5.4xlarge"
  std::vector<TriedCombination> tried;              // Not empty.
  std::size_t best = 0;                             // Which of them; the shortest prediction.
  std::vector<capacity::Alternative> alternatives;  // Of the best.

  const TriedCombination& chosen() const { return tried[best]; }
  bool only_read() const { return chosen().findings.only_read; }
};

// The combination with the shortest expected duration. `tried` is not empty.
std::size_t best_of(const std::vector<TriedCombination>& tried);

// What the answer rests on and what it leaves out, a sentence each.
std::vector<std::string> caveats(const Estimate& estimate);

// "3 h 12 min", "never" when it is infinite.
std::string span_text(double seconds);

std::string estimate_text(const Estimate& estimate);
nlohmann::ordered_json estimate_document(const Estimate& estimate);

}  // namespace pgsluice::cli
