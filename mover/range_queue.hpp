// Which range a worker takes next. Each worker has a part of the table of its own and goes through it in order, so that
// neighbouring pages are read one after the other, and so that in a target whose leaves follow the source's order (by
// time, say) two workers write to different leaves instead of waiting for each other at one leaf's end. A worker whose
// part is used up takes over the second half of the longest part that is left.
//
// Thread: any, also at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace pgsluice::mover {

class RangeQueue {
 public:
  // `ranges` in the table's order, cut into `parts` parts of equal length; at least one part.
  RangeQueue(std::vector<std::uint32_t> ranges, unsigned parts);

  // The next range for this worker, absent when none is left. Any worker number will do: one beyond the number of parts
  // lives on what it takes over.
  std::optional<std::uint32_t> take(unsigned worker);

  // How many are not taken yet.
  std::size_t left() const;

 private:
  struct Part {
    std::size_t next = 0;
    std::size_t end = 0;
    std::size_t size() const { return end - next; }
  };
  std::vector<std::uint32_t> ranges_;
  mutable std::mutex mutex_;
  std::vector<Part> parts_;
};

}  // namespace pgsluice::mover
