// What a batch costs, and what a row of the next one will. Pages that a batch dirties are charged to it at once,
// although a checkpoint writes them later: who waits to see the writes runs too fast between checkpoints and starves
// during them.
//
//   operations = (pages read + pages dirtied x written per dirtied) x operations per page + WAL bytes / 256 KiB
//   bytes      = (pages read + pages dirtied x written per dirtied) x 8192 + WAL bytes
//
// Operations per page is 1, the safe side (a volume merges neighbours), until a device meter shows it; written per
// dirtied is 1 until whole checkpoint cycles show it.
#pragma once

#include <string_view>

#include "gate/work.hpp"

namespace pgsluice::gate {

// How far a cost can be trusted, best first.
enum class Trust {
  measured,  // What each batch touched is known.
  learned,   // Only rows are; what one costs is learned from the server's totals.
  assumed,   // Nothing was seen yet.
};
// "measured", …
std::string_view name_of(Trust trust);

class CostModel {
 public:
  // `assumed_per_row`: before anything was seen; from a trial, say.
  explicit CostModel(Cost assumed_per_row = {2.0, 2.0 * kPageBytes});

  // Of a batch; from its rows, where it cannot tell what it touched.
  Cost cost(const Work& work) const;
  Cost cost(const Touched& touched) const;
  // Of a row to come.
  Cost per_row() const;
  Trust trust() const { return trust_; }

  // A batch ended. One that cost far more per row than those before it moves the mean little.
  void learn(const Work& work);
  // What the server's totals say of a row; only while batches cannot tell themselves.
  void learn_per_row(const Cost& seen);
  // Over one checkpoint cycle: pages written for each that was dirtied.
  void learn_written_per_dirtied(double seen);
  // From a device meter.
  void learn_operations_per_page(double seen);

  double written_per_dirtied() const { return written_per_dirtied_; }
  double operations_per_page() const { return operations_per_page_; }

 private:
  Trust trust_ = Trust::assumed;
  Cost per_row_;               // While trust is not `measured`.
  Touched touched_per_row_;    // While it is.
  double rows_per_batch_ = 0;  // Mean.
  double written_per_dirtied_ = 1;
  double operations_per_page_ = 1;
};

}  // namespace pgsluice::gate
