// The server's counters of the last minutes beside the own work, and what can be read from the two: who did how much.
//
// Pages are written long after they were dirtied, in storms. So everybody's writes are counted when their WAL is
// written, at the rate of pages written per byte of WAL that whole checkpoint cycles showed: a storm is then neither
// taken for the application's load nor counted twice. The application has a rate of its own, since its WAL may touch
// more pages than ours, or fewer.
#pragma once

#include <deque>
#include <optional>

#include "gate/cost_model.hpp"
#include "gate/meter_sample.hpp"
#include "gate/own_work.hpp"

namespace pgsluice::gate {

class ServerHistory {
 public:
  ServerHistory();

  // Everybody's and the own work between two samples.
  struct Window {
    double seconds = 0;
    double pages_read = 0;
    double pages_written = 0;
    double wal_bytes = 0;
    std::optional<double> device_operations;
    double read_seconds = 0;
    OwnTotals own;
    double own_reads_shown = 0;  // As the counter of pages read shows them.
  };
  // `operations_max`: a second; what is beyond thrice as much since the reads last moved is the late news of a long
  // query.
  // `written_per_dirtied`: of our pages, as far as it is known.
  // Returns the pages written for each page that we dirtied, if this sample completed a checkpoint cycle that tells:
  // most of its WAL was ours, and as much as in the cycle before it, whose pages it wrote.
  std::optional<double> add(const MeterSample& sample, const OwnTotals& own, double operations_max,
                            double written_per_dirtied);
  // The counters began anew.
  void begin_anew();

  // The last `seconds`, or the nearest longer time that the samples allow.
  std::optional<Window> window(double seconds) const;
  // Since the sample before the last one.
  std::optional<Window> latest() const;

  // A window's pages as the cost model counts them: ours as our batches tell, when they are dirtied; where they cannot
  // tell, all are ours.
  struct Pages {
    double own = 0;
    double others = 0;
  };
  Pages pages(const Window& window, const CostModel& model) const;

  // A window's operations and bytes by everybody; and by the application alone, which is what is not ours: negative for
  // a short while, when the own work shows later than supposed.
  Cost everybody(const Window& window, const CostModel& model) const;
  Cost application(const Window& window, const CostModel& model) const;

 private:
  struct Snapshot {
    MeterSample sample;
    double hidden_reads;    // So many pages of the counter are a spike.
    double reads_moved_at;  // When that counter rose last.
    OwnTotals own;
  };
  static Window between(const Snapshot& from, const Snapshot& to);
  std::optional<double> end_cycle(const Snapshot& end, double written_per_dirtied);

  std::deque<Snapshot> snapshots_;
  std::deque<Snapshot> cycle_ends_;          // Three at most.
  double written_per_wal_byte_;              // By everybody.
  double application_written_per_wal_byte_;  // By the application.
};

}  // namespace pgsluice::gate
