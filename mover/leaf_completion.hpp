// Which leaves have got all their rows while others are still filled: where the source lies in the order of the
// partition key, a leaf's rows come from neighbouring ranges. Pure. It is an estimate, good enough for what may as well
// be done later: a row that comes to a leaf after all is late, never lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pgsluice::mover {

// Where the rows of a batch or of a range went.
struct Landing {
  bool is_known = false;
  std::string leaf;  // The one leaf's quoted name; empty when there were several.
  bool operator==(const Landing&) const = default;
};

// Of two batches.
Landing together(const Landing& a, const Landing& b);

// Thread: one at a time.
class LeafCompletion {
 public:
  // `range_count`: of the plan; ranges are numbered in the order of the source.
  explicit LeafCompletion(std::size_t range_count) : ranges_(range_count) {}

  // The range is done. Returns the leaves that are complete since: every range between a leaf's first and last is done,
  // and so are their neighbours on both sides, of which it is known that the leaf is not theirs alone.
  std::vector<std::string> range_done(std::uint32_t range, const Landing& landing);

 private:
  enum class State : std::uint8_t { pending, unknown, several, one_leaf };
  struct Range {
    State state = State::pending;
    const std::string* leaf = nullptr;  // A key of leaves_, for one_leaf.
  };
  struct Leaf {
    std::size_t first = 0;
    std::size_t last = 0;
    bool is_complete = false;
  };
  bool is_complete(const Leaf& leaf) const;
  // The nearest range on that side whose landing is known, or the first that is not done; range_count beyond the ends.
  std::size_t neighbour(std::size_t range, std::ptrdiff_t step) const;

  std::vector<Range> ranges_;
  std::map<std::string, Leaf> leaves_;
};

}  // namespace pgsluice::mover
