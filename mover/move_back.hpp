// The way back of methods that empty the source: takes the rows out of the target's leaves, block by block, and puts
// them into the source again, in parallel over leaves.
//
// Invariants:
//   B1  A batch deletes and inserts in one transaction, which also adds its rows and checksum to the ledger's count of
//   rows that are back. B2  A batch may be repeated after a COMMIT whose outcome is unknown without asking anybody: if
//   it was committed, its rows are no
//       longer in the leaf, and the repetition finds none.
//   B3  When it returns, every leaf is empty.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::mover {

struct MoveBackOptions {
  unsigned workers = 4;
  std::chrono::milliseconds batch_duration_target{500};
  std::uint64_t rows_expected = 0;  // For the progress only.
};

// Moves all rows of `leaves` (quoted names) into the source. Neither triggers of the target nor those of the source
// should fire meanwhile: see rollback_triggers.hpp. Fails: interrupted, when asked to stop (the same call goes on);
// server, when a row cannot go back (a constraint of the source) or is swallowed by a trigger or rule; connection.
void move_rows_back(const planner::Plan& plan, const std::vector<std::string>& leaves, const Sessions& sessions,
                    const MoveBackOptions& options, const RetryContext& context);

// One batch, the rows of blocks [lower, upper) of a leaf: columns `rows` and `checksum` of what is in the source now,
// and `gone`, how many rows left the leaf.
std::string move_back_sql(const planner::Plan& plan, const std::string& leaf, std::uint64_t lower, std::uint64_t upper,
                          int server_major_version);

}  // namespace pgsluice::mover
