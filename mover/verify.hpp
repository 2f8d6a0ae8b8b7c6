// Compares source and target by count and checksum over every column (checksum.hpp), and names what differs. It changes
// no row. The checksum is of the quick form unless the exact one is asked for; methods that empty the source took
// theirs in the quick form as the rows left.
//
// Where nothing differs one pass over both tables in the order of their heaps says so by two totals, and every range is
// recorded as equal. Only where the totals differ, units are compared to name what differs:
//   ranges   The plan's ranges, where the target has an index led by the key and sorts it as the source does: each
//   range is counted
//            and summed on both sides. Results are kept per range; a range once found equal is not compared again.
//   buckets  Else (ranges by ctid, such an index missing, text keys on two servers whose collations may sort
//   differently, more than
//            512 leaves): both tables are read whole, in parts, see verify_buckets.hpp. What is added up is kept, too.
// Methods that empty the source have nothing left to compare with: there the target is compared with the rows and
// checksums that the ledger took when the rows left, range by range or in total, and the source must be empty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mover/gate_keeper.hpp"
#include "mover/observer.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "mover/stop.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::mover {

struct VerifyOptions {
  unsigned workers = 4;
  bool find = false;   // Look for the keys of rows that differ.
  bool again = false;  // Forget what earlier calls found.
  bool exact = false;  // By the exact form; what was found by the quick one is compared again.
  // Take the ledger's word for what left the source, and for what was compared as it arrived, where it holds sums of
  // every row: of copying methods, when `run` was told to take them. Else the source is read.
  bool by_ledger = false;
  std::uint64_t differences_max = 1000;  // So many are looked for, no more.
  GateKeeper* gate = nullptr;            // Paces the reading; must outlive the call.
  RetryOptions retry;
};

struct Difference {
  enum class Kind { missing, extra, changed };  // Of the target, compared with the source.
  std::string where;                            // The range or bucket, as a person reads it.
  std::string key;                              // Of the row; its place in the heap when the table has no key.
  Kind kind = Kind::changed;
};
std::string_view name_of(Difference::Kind kind);

struct VerifySummary {
  std::string unit;  // "ranges", "buckets" or "tables" (where totals were enough): what the numbers below count.
  std::uint64_t units_total = 0;
  std::uint64_t units_equal = 0;
  std::uint64_t units_differing = 0;
  std::uint64_t rows_source = 0;  // For methods that empty the source: that the ledger says have left it.
  std::uint64_t rows_target = 0;
  std::vector<std::string> differing_units;  // As a person reads them; the first thousand.
  std::vector<Difference> differences;       // Of `find`.
  // There are more differences than that. Then a changed row may stand here as missing or as extra alone, because its
  // other side was not looked at.
  bool differences_truncated = false;
  bool is_equal() const { return units_differing == 0; }
};

// Whether the last comparison of everything found all equal, so that every range is.
bool is_equal_in_total(const planner::Checkpoint& checkpoint);

// Differences are no failure: they are in the result.
// Fails: refused, when the migration is not complete, this checkpoint is of another database, or the exact form is
// asked for and the source was emptied; interrupted, when asked to stop (the same call goes on); server, connection.
VerifySummary verify(planner::Checkpoint& checkpoint, const Sessions& sessions, const VerifyOptions& options,
                     const StopRequest& stop, Observer& observer);

// Forgets what was found of both tables as wholes, because rows have been moved since.
void forget_comparison(planner::Checkpoint& checkpoint);

}  // namespace pgsluice::mover
