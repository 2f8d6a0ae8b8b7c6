// What a batch costs, and what a row of the next one will. Pages that a batch dirties are charged to it at once,
// although a checkpoint writes them later: who waits to see the writes runs too fast between checkpoints and starves
// during them.
//
//   operations = (pages read + pages dirtied x written per dirtied) x operations per page + WAL bytes / 256 KiB
//   bytes      = (pages read + pages dirtied x written per dirtied) x 8192 + WAL bytes
//
// Operations per page is 1, the safe side (a volume merges neighbours), until a device meter shows it: the mean over
// our pages read and written, which also holds what no page explains (commits, the file system). The pages of others
// have a figure of their own: we may read in order while they read at random. Written per dirtied is 1 until whole
// checkpoint cycles show it.
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
  // What a device meter shows of some time: operations that pages explain, our pages and those of others. What is ours
  // is told from the rest while others do next to nothing, and kept while they do more.
  void learn_operations_per_page(double operations, double own_pages, double others_pages);

  double written_per_dirtied() const { return written_per_dirtied_; }
  double operations_per_page() const { return operations_per_page_; }
  double operations_per_others_page() const { return operations_per_others_page_; }

 private:
  Trust trust_ = Trust::assumed;
  Cost per_row_;               // While trust is not `measured`.
  Touched touched_per_row_;    // While it is.
  double rows_per_batch_ = 0;  // Mean.
  double written_per_dirtied_ = 1;
  double operations_per_page_ = 1;
  double operations_per_others_page_ = 1;
  bool knows_own_operations_ = false;
};

}  // namespace pgsluice::gate
