// One transaction of the load: a few changes, chosen by a seed, each made to the table by its name, as an application
// makes it, and then to the twin. Whether it is tried again, and what its errors mean, is decided in live_load.hpp.
//
// Why both get the same. A statement's rows in the table are locked until the transaction ends, and every transaction
// changes the table before the twin: so nobody changes these rows in the twin meanwhile. In READ COMMITTED the
// statement on the twin has a later snapshot, and may find further rows, that others have committed in between; it then
// changes more rows than the first did. That is a race of the load's own making: Mismatch is thrown and the transaction
// rolled back. In REPEATABLE READ and SERIALIZABLE both have one snapshot, and a mismatch is a fault of the table.
// Statements that pick some of the rows that fit (LIMIT) would break this, and are not used.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "tests/support/live_layout.hpp"

namespace pgsluice::tests {

enum class ChangeKind {
  insert,
  insert_next,  // The server chooses the identity.
  insert_many,
  update,
  update_many,
  update_by_column,  // All rows of one n.
  update_partition,  // Of one row, or of many.
  set_null,
  lock_and_update,  // SELECT … FOR UPDATE, and a value computed from what was read.
  upsert,
  change_key,
  swap_keys,  // By way of a third one.
  swap_places,
  erase,
  erase_many,
  erase_and_insert,  // One key, in one transaction.
  erase_for_later,   // The key is inserted again by a later transaction.
  insert_again,
  truncate,
};
inline constexpr std::size_t kChangeKindCount = static_cast<std::size_t>(ChangeKind::truncate) + 1;
std::string_view to_text(ChangeKind kind);

enum class Isolation { read_committed, repeatable_read, serializable };
std::string_view to_text(Isolation isolation);

// How a client sends its statements.
enum class StatementStyle { simple, parameters, prepared };

// What the transactions of one load share.
// Thread: any.
struct LiveKeys {
  std::int64_t count = 0;  // Rows are numbered from 1 to this.
  std::atomic<std::int64_t> last_identity = kFirstIdentity;
  std::atomic<std::int64_t> next_temporary = -1;                      // Falling: numbers that no row keeps.
  std::atomic<std::int64_t> partition_values = kFirstPartitionLater;  // %p is below this.
  // The next transaction that sees it empties the table; when it is not committed, another one does.
  std::atomic<bool> truncate_is_due = false;
};

struct LiveTransactionOptions {
  StatementStyle style = StatementStyle::simple;
  double long_share = 0.004;  // Of the transactions: they stay open for some hundred milliseconds.
  int rows_max = 12;          // Of a statement that changes many.
};

// The twin got something else than the table.
class Mismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Rows changed in the table.
using ChangeCounts = std::array<std::uint64_t, kChangeKindCount>;

class LiveTransaction {
 public:
  // `erased`: the numbers that this client has erased and will insert again.
  LiveTransaction(pg::Connection& connection, const LiveLayout& layout, LiveKeys& keys,
                  const LiveTransactionOptions& options, std::vector<std::int64_t>& erased, std::uint64_t seed);
  LiveTransaction(const LiveTransaction&) = delete;
  LiveTransaction& operator=(const LiveTransaction&) = delete;
  ~LiveTransaction();

  // From BEGIN to its end. Returns whether it was committed; some are rolled back on purpose. One that throws has
  // to be rolled back by the caller. Fails: server, connection, in_doubt; Mismatch.
  bool run();

  Isolation isolation() const { return isolation_; }
  const ChangeCounts& changes() const { return changes_; }  // Of run(), what savepoints took back left out.

 private:
  // A statement that is being put together.
  class Text;

  std::int64_t below(std::int64_t count);  // 0 <= it < count
  bool chance(double share);
  std::int64_t any_key();
  ChangeKind any_kind();
  void sleep_for_a_while();

  pg::Result execute(const std::string& sql, const pg::Parameters& parameters);
  // The statement on the table and on the twin, whose names replace %t. Returns the rows changed. Fails: Mismatch.
  std::uint64_t change_both(ChangeKind kind, const Text& text);

  void change(ChangeKind kind);
  void insert(ChangeKind kind, std::int64_t number);
  void insert_next();
  void insert_many();
  void update(std::int64_t number);
  void update_many();
  void update_by_column();
  void update_partition();
  void set_null(std::int64_t number);
  void lock_and_update(std::int64_t number);
  void upsert(std::int64_t number);
  void change_key(ChangeKind kind, std::int64_t from, std::int64_t to, bool only_if_free);
  void swap_places();
  void swap_two_places();
  void erase(ChangeKind kind, std::int64_t number);
  void erase_many();
  void truncate();

  void add_key_is(Text& text, std::int64_t number) const;
  void add_key_is_one_of(Text& text);
  void add_new_row(Text& text, std::int64_t number, bool with_place);
  std::string columns_of_new_row() const;

  pg::Connection& connection_;
  const LiveLayout& layout_;
  LiveKeys& keys_;
  const LiveTransactionOptions& options_;
  std::vector<std::int64_t>& erased_;
  std::mt19937_64 random_;
  Isolation isolation_ = Isolation::read_committed;
  std::vector<std::int64_t> erased_here_;
  bool truncates_ = false;
  bool is_committed_ = false;
  ChangeCounts changes_{};
};

}  // namespace pgsluice::tests
