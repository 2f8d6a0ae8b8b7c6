// How far a set of units of very different size is, for the observer: what is done, and the part of those in hand that
// the server tells of. Which units there are and who does them is the business of others (ParallelUnits).
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

#include "mover/observer.hpp"

namespace pgsluice::mover {

// Thread: any, also at once.
class UnitProgress {
 public:
  // `weights`: of each unit, in any measure of work, each greater than 0.
  UnitProgress(Observer& observer, unsigned workers, std::vector<double> weights);

  // Tells the observer where things stand.
  void tell();
  // A session works on the unit from now on; said again when another session begins it anew.
  void began(std::size_t unit, int backend_pid);
  // Tells the observer.
  void done(std::size_t unit);
  // The session's unit is done to this part, 0 to 1. A part never shrinks, and a session that works on nothing is
  // passed over. The observer hears of it with the next tell().
  void reached(int backend_pid, double part);
  std::vector<int> busy_sessions() const;

  double total_weight() const { return total_weight_; }

 private:
  struct InHand {
    int backend_pid = 0;
    double part = 0;
  };
  Progress now() const;

  Observer& observer_;
  const std::vector<double> weights_;
  double total_weight_ = 0;
  mutable std::mutex mutex_;
  double done_weight_ = 0;
  Progress progress_;
  std::map<std::size_t, InHand> in_hand_;
};

}  // namespace pgsluice::mover
