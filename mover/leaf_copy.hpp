// One batch into the leaves. A batch's rows and its ledger row are one transaction, so they share one session, which
// does one COPY at a time: rows of the leaf whose COPY is open pass straight through, rows of others wait, each leaf's
// in a buffer of its own, and follow leaf after leaf. Rows that wait for a leaf in too small a number to be worth a
// COPY of its own go through the parent together, and so do rows that have no leaf.
//
// COPY FREEZE is not used: it asks for a leaf that was made or emptied in the same transaction, and batches are many
// small ones so that they can be resumed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mover/leaf_routes.hpp"
#include "pg/connection.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// Fails: server, when the target took another number of rows than the source gave.
void check_rows_taken(std::uint64_t taken, std::uint64_t given);

// Rows that wait, by leaf; one more place holds those for the parent. Kept from batch to batch, because memory that was
// used before is faster than new. Bounded whatever the number of leaves: its owner empties the fullest above kBytesMax,
// and an emptied buffer gives its memory back where all of them hold more than kCapacityMax.
class LeafBuffers {
 public:
  static constexpr std::size_t kBytesMax = 8 * 1024 * 1024;
  static constexpr std::size_t kCapacityMax = 2 * kBytesMax;

  explicit LeafBuffers(std::size_t leaf_count) : buffers_(leaf_count + 1) {}

  std::size_t parent() const { return buffers_.size() - 1; }
  static std::size_t place_of(std::int32_t leaf, std::size_t parent) {
    return leaf < 0 ? parent : static_cast<std::size_t>(leaf);
  }
  void append(std::size_t place, std::span<const char> row) {
    room(place).append(row.data(), row.size());
    appended(place, row.size());
  }
  // The buffer itself, for a caller that appends one row and then says how many bytes it had.
  std::string& room(std::size_t place) { return buffers_[place].bytes; }
  void appended(std::size_t place, std::size_t bytes);

  const std::string& bytes(std::size_t place) const { return buffers_[place].bytes; }
  std::uint64_t rows(std::size_t place) const { return buffers_[place].rows; }
  std::size_t bytes_total() const { return bytes_total_; }
  std::size_t capacity_total() const { return capacity_total_; }
  // Places that hold rows, in the order in which they began to.
  const std::vector<std::size_t>& filled() const { return filled_; }
  std::size_t fullest() const;

  void clear(std::size_t place);
  void clear();

 private:
  struct Buffer {
    std::string bytes;
    std::uint64_t rows = 0;
    std::size_t capacity = 0;  // As counted in capacity_total_.
  };
  void empty(Buffer& buffer);
  std::vector<Buffer> buffers_;
  std::vector<std::size_t> filled_;
  std::size_t bytes_total_ = 0;
  std::size_t capacity_total_ = 0;
};

// The number of rows from which a leaf deserves a COPY of its own: what begins and ends one, two round trips of the
// session among it, is weighed against what the parent's routing costs each row.
std::uint64_t rows_worth_own_copy(std::chrono::nanoseconds round_trip);

// Unfinished when destroyed: the COPY fails, the transaction with it. `plan`, `routes`, `buffers` and `start_up`
// outlive it.
class LeafCopy {
 public:
  LeafCopy(const planner::Plan& plan, const LeafRoutes& routes, LeafBuffers& buffers, std::uint64_t rows_worth_it,
           pg::Connection& target);
  // A row in binary form, without header. A row wider than a send buffer is passed on as it is.
  void add(std::span<const char> row);
  // Sends what waits. Returns the number of rows that the target took.
  std::uint64_t finish();
  // Leaves that rows were sent to directly, by their numbers, some perhaps more than once.
  const std::vector<std::size_t>& leaves_used() const { return leaves_used_; }

 private:
  void open(std::size_t place);
  void close();
  void send(std::span<const char> bytes);
  void send_waiting(std::size_t place);
  void pass(std::span<const char> row);
  void make_room();

  const planner::Plan& plan_;
  const LeafRoutes& routes_;
  LeafBuffers& buffers_;
  const std::uint64_t rows_worth_it_;
  pg::Connection& target_;
  std::optional<pg::CopyIn> copy_;
  std::size_t current_ = 0;           // Whose COPY is open, while one is.
  std::size_t bytes_for_others_ = 0;  // Appended since the open COPY last had a row.
  std::string sending_;
  std::uint64_t rows_taken_ = 0;
  std::vector<std::size_t> leaves_used_;
};

}  // namespace pgsluice::mover
