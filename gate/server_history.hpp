// The server's counters of the last minutes beside the own work, and what can be read from the two: who did how much.
//
// Pages are written long after they were dirtied, in storms. So everybody's writes are counted when their WAL is
// written, at the rate of pages written per byte of WAL that whole checkpoint cycles showed: a storm is then neither
// taken for the application's load nor counted twice.
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
  };
  // What a checkpoint cycle like the one before it showed.
  struct Cycle {
    double pages_written_per_wal_byte = 0;
    std::optional<double> written_per_dirtied;  // Of the own pages; absent where most of the WAL was not ours.
  };

  // `operations_max`: a second; what is beyond thrice as much between two samples is the late news of a long query.
  void add(const MeterSample& sample, const OwnTotals& own, double operations_max);
  // The counters began anew.
  void begin_anew();

  // The last `seconds`, or the nearest longer time that the samples allow.
  std::optional<Window> window(double seconds) const;
  // As long a time, ending where that window begins.
  std::optional<Window> window_before(double seconds) const;

  // The cycle that the last sample completed; absent when it did not, or when the cycle is unlike the one before it, so
  // that its writes are not those of its WAL.
  const std::optional<Cycle>& cycle() const { return cycle_; }
  double pages_written_per_wal_byte() const { return written_per_wal_byte_; }
  bool knows_writes() const { return knows_writes_; }

  // A window's operations and bytes by everybody; and by the application alone, which is what is not ours.
  Cost everybody(const Window& window, const CostModel& model) const;
  Cost application(const Window& window, const CostModel& model) const;
  // What own work was worth, its writes by its WAL.
  Cost measured(const Touched& own, const CostModel& model) const;

 private:
  struct Snapshot {
    MeterSample sample;
    double hidden_reads;  // So many pages of the counter are a spike.
    OwnTotals own;
  };
  static Window between(const Snapshot& from, const Snapshot& to);
  // The newest snapshot at least `seconds` older than snapshots_[newest].
  std::optional<std::size_t> older(std::size_t newest, double seconds) const;
  void note_cycle(const Snapshot& end);
  Cost cost(double pages_read, double wal_bytes, const CostModel& model) const;

  std::deque<Snapshot> snapshots_;
  std::deque<Snapshot> cycle_ends_;  // Three at most.
  std::optional<Cycle> cycle_;
  double written_per_wal_byte_;
  bool knows_writes_ = false;
};

}  // namespace pgsluice::gate
