// Cuts the next batch off a range: a keyset step over the key's index, or blocks (parts of a block, if it must be) of
// the heap.
#pragma once

#include <cstdint>
#include <optional>

#include "mover/batch_method.hpp"
#include "planner/key.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

struct Cut {
  Slice slice;
  bool is_last = false;      // The slice ends where the range ends.
  bool is_smallest = false;  // It cannot be made smaller.
};

class Slicer {
 public:
  // `plan` must outlive it.
  explicit Slicer(const planner::Plan& plan);

  // The slice of about `rows` rows that begins at `position` (absent: where the range begins).
  // Ensures: S1  slices of one range follow each other without gap or overlap and end with the range.
  //          S2  every slice moves the position on, also over deleted rows, so a range ends.
  // Fails: server, connection.
  Cut next(pg::Connection& source, const planner::Range& range, const std::optional<planner::Key>& position,
           std::uint64_t rows) const;

  // The same for who wants to send the question with other statements: what must be asked of the source, if anything,
  // and what follows from the answer (null: nothing had to be asked).
  std::optional<pg::Step> question(const planner::Range& range, const std::optional<planner::Key>& position,
                                   std::uint64_t rows, int server_major_version) const;
  Cut cut(const planner::Range& range, const std::optional<planner::Key>& position, std::uint64_t rows,
          const pg::Result* answer) const;

 private:
  static Cut cut_by_key(const planner::Range& range, const std::optional<planner::Key>& from, std::uint64_t rows,
                        const pg::Result& step);
  Cut cut_by_ctid(const planner::Range& range, const std::optional<planner::Key>& from, std::uint64_t rows,
                  std::uint64_t end_block) const;
  const planner::Plan& plan_;
  double rows_per_block_;
  std::uint64_t offsets_max_;
};

}  // namespace pgsluice::mover
