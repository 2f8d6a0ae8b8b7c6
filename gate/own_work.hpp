// The own work so far, and what it was at a moment not long ago: the server's counters show it late.
#pragma once

#include <deque>

#include "gate/work.hpp"

namespace pgsluice::gate {

// Sums since the start.
struct OwnTotals {
  double rows = 0;
  Touched touched;  // Of the batches that could tell.
  Cost charged;     // What the buckets were charged.
};

class OwnWork {
 public:
  // `more` since the last call. A moment before the last one counts as that one.
  void add(double now, const OwnTotals& more);

  const OwnTotals& total() const { return total_; }
  // At a moment; what is older than two minutes is forgotten and counts as the oldest that is known.
  const OwnTotals& at(double seconds) const;

 private:
  struct Entry {
    double seconds;
    OwnTotals total;
  };
  OwnTotals before_;  // Before the first entry.
  OwnTotals total_;
  std::deque<Entry> entries_;
};

}  // namespace pgsluice::gate
