// The oracle: one table through all that can happen to it in a live migration (plan, run, verify, cutover, rollback,
// cutover again, finish) while an application writes to it, compared with its twin after every step and beside every
// command. Optionally the mover is killed and the server crashed at random moments, and every command is given again as
// an operator would.
//
// It knows the command line and the application's view of the table, and nothing else of pgsluice: what it compares is
// the table by its name.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/cluster.hpp"
#include "tests/support/database.hpp"
#include "tests/support/live_layout.hpp"
#include "tests/support/live_load.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/role.hpp"

namespace pgsluice::tests {

struct LiveJourneyOptions {
  std::string layout = "hash";
  std::uint64_t seed = 0;
  std::uint64_t writes = 8'000;       // At least so many rows are written from plan to finish.
  std::chrono::minutes time_max{10};  // After which each step follows the one before at once.
  int kills = 0;                      // Of the mover, in each command that changes the database.
  int restarts = 0;                   // Of the server, in each of them. Not 0: the journey has a server of its own.
  int truncates = 0;                  // By the application, while each command runs.
  int sessions = 4;
  std::int64_t row_count = 3'000;
  std::chrono::milliseconds statement_max{5'000};
  std::vector<std::string> plan_arguments;        // Beside those of the layout.
  std::function<void(const Database&)> sabotage;  // Called once, before the first cutover.
};

class LiveJourney {
 public:
  // Makes the tables.
  explicit LiveJourney(LiveJourneyOptions options);
  LiveJourney(const LiveJourney&) = delete;
  LiveJourney& operator=(const LiveJourney&) = delete;
  ~LiveJourney();

  // All that was wrong so far. After the first problem, further steps are left out.
  const std::vector<std::string>& problems() const { return problems_; }

  // plan, run, verify, cutover, rollback, cutover, finish.
  void go_the_whole_way();
  // plan, run, and rollback before any cutover: the table is what it was.
  void turn_back_before_the_cutover();
  // plan, run, cutover, rollback, rollback: the same.
  void turn_back_after_the_cutover();

 private:
  // The share of all writes that have been made when it returns.
  void write_until(double share);
  // Runs a command, with the violence that the options ask for, until it has done its work.
  void do_command(const std::string& name, const std::vector<std::string>& arguments,
                  const std::function<bool()>& is_done);
  void plan();
  void run_and_verify();
  void cut_over();
  void roll_back_the_cutover();
  void remove_everything();
  void finish();
  void end_load();
  void expect_untouched();

  Outcome watched(Program& program, std::optional<std::chrono::milliseconds> time);
  void compare(const std::string& when);
  bool table_is_exchanged();
  pg::Connection& connection();
  void expect(bool holds, const std::string& otherwise);
  bool has_failed() const { return !problems_.empty(); }
  std::chrono::milliseconds moment(std::chrono::milliseconds max);

  LiveJourneyOptions options_;
  const LiveLayout& layout_;
  std::mt19937_64 random_;
  std::unique_ptr<Cluster> cluster_;
  std::optional<Role> application_;
  std::optional<Database> database_;
  std::optional<Migration> migration_;
  std::optional<LiveLoad> load_;
  std::optional<pg::Connection> connection_;
  std::set<std::string> definition_;
  std::chrono::steady_clock::time_point begun_;
  std::vector<std::string> problems_;
  std::uint64_t comparisons_ = 0;
  std::uint64_t differences_ = 0;
  bool was_emptied_ = false;  // The last command was refused, because the application had emptied the table.
  std::map<std::string, int> truncates_done_;  // By command.
  int kills_done_ = 0;
  int restarts_done_ = 0;
};

}  // namespace pgsluice::tests
