// A small, complete job for crash tests: a table, its plan, and an untouched twin to compare with. Comparing never uses
// pgsluice's own checksum: EXCEPT ALL both ways, over the rows' text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/database.hpp"
#include "tests/support/program.hpp"

namespace pgsluice::tests {

struct SmallJobOptions {
  std::string method = "insert";
  std::uint64_t rows = 240;
  std::uint64_t range_rows = 60;
  std::string split = "key";
  bool in_order = false;  // RANGE leaves that the rows reach one after the other, instead of HASH leaves.
  std::string checkpoint_name = "job.checkpoint";
};

class SmallJob {
 public:
  // Makes table and twin in a fresh database on `server`, and plans. Fails the test where planning fails.
  SmallJob(const ServerAddress& server, const SmallJobOptions& options);
  SmallJob(const SmallJob&) = delete;
  SmallJob& operator=(const SmallJob&) = delete;
  ~SmallJob();

  // `pgsluice run` on this job's checkpoint with these further arguments and environment.
  ProgramOptions run_options(std::vector<std::string> arguments = {},
                             std::map<std::string, std::string> environment = {}) const;
  ProgramOptions command_options(const std::string& command, std::vector<std::string> arguments = {},
                                 std::map<std::string, std::string> environment = {}) const;

  // What differs between the twin and where the rows should be now; empty when nothing does. After a run the rows are
  // in the target, and, for copying methods, still in the source; after a rollback in the source only.
  std::string difference_after_run();
  std::string difference_after_rollback();
  // What differs between the twin and all rows of source and target together, for moving methods in the middle of a
  // job.
  std::string difference_in_the_middle();
  std::int64_t rows_in_ledger();  // 0 when there is no ledger.
  bool anything_of_ours_is_left();

  const Database& database() const { return database_; }
  const std::filesystem::path& checkpoint() const { return checkpoint_; }
  bool empties_source() const { return options_.method == "move" || options_.method == "stream-move"; }

 private:
  std::string difference(const std::string& rows_sql);
  SmallJobOptions options_;
  Database database_;
  std::filesystem::path folder_;
  std::filesystem::path checkpoint_;
};

}  // namespace pgsluice::tests
