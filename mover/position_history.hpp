// Where the end of the WAL was at which moment, to tell by how many seconds a replica lags from where it has got to. A
// replica whose replay stands still goes on reporting the lag that it measured last; this notices. Pure.
#pragma once

#include <cstdint>
#include <deque>

namespace pgsluice::mover {

class PositionHistory {
 public:
  // A position lower than the last one is another server's: what came before is forgotten.
  void add(double now, std::int64_t position);

  // At least so long ago the WAL grew beyond `applied`, as far as the history reaches; 0: it has not.
  double seconds_behind(double now, std::int64_t applied) const;

 private:
  struct Entry {
    double seconds;
    std::int64_t position;
  };
  std::deque<Entry> entries_;
};

}  // namespace pgsluice::mover
