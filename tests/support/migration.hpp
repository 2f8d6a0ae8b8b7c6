// One migration as an operator does it: the real pgsluice, with a checkpoint in a folder of its own, from one database
// to the same or another one. Knows the command line, not the tables.
//
//   Migration migration(database);
//   ASSERT_EQ(migration.plan({"--table", "public.t", "--by", "HASH (id)", "--partitions", "4"}).exit_code, 0);
//   EXPECT_EQ(migration.run().exit_code, 0);
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/database.hpp"
#include "tests/support/program.hpp"

namespace pgsluice::tests {

// The server version from which a table without a unique key can be cut into ranges, by ctid.
inline constexpr int kCtidRangesSince = 14;

class Migration {
 public:
  explicit Migration(const Database& database) : Migration(database.conninfo()) {}
  explicit Migration(std::string source_conninfo, std::string target_conninfo = "");
  Migration(const Migration&) = delete;
  Migration& operator=(const Migration&) = delete;
  ~Migration();  // Removes the folder.

  // The command with --source, --target, --checkpoint; none of them asks. A plan is of the strategy offline unless
  // the arguments say otherwise: most tests are about the moving itself.
  ProgramOptions command(const std::string& name, const std::vector<std::string>& arguments = {}) const;

  Outcome plan(const std::vector<std::string>& arguments) const { return tests::run(command("plan", arguments)); }
  Outcome run(const std::vector<std::string>& arguments = {}) const { return tests::run(command("run", arguments)); }
  Outcome status(const std::vector<std::string>& arguments = {}) const {
    return tests::run(command("status", arguments));
  }
  Outcome verify(const std::vector<std::string>& arguments = {}) const {
    return tests::run(command("verify", arguments));
  }
  Outcome rollback(const std::vector<std::string>& arguments = {}) const {
    return tests::run(command("rollback", arguments));
  }

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path checkpoint() const { return folder_ / "migration.checkpoint"; }

 private:
  std::string source_;
  std::string target_;
  std::filesystem::path folder_;
};

}  // namespace pgsluice::tests
