#include "tests/live/live_journey.hpp"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <sstream>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "tests/support/shared_server.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::tests {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

constexpr auto kBetweenComparisons = milliseconds(300);
constexpr auto kCommandTimeMax = seconds(150);
// A command that is hurt dies at a random moment of this long; the others' moments are shorter than a run's.
constexpr auto kRunMoment = milliseconds(2500);
constexpr auto kOtherMoment = milliseconds(900);
constexpr int kAttemptsMax = 20;
constexpr int kRefused = 2;
constexpr int kResumable = 4;

bool says_that_it_was_emptied(const Outcome& outcome) {
  return outcome.exit_code == kRefused && outcome.errors.find("emptied by TRUNCATE") != std::string::npos;
}

std::string text_of(const std::string& what, const Outcome& outcome) {
  std::ostringstream text;
  text << what << ": " << outcome;
  return text.str();
}

ClusterOptions cluster_options() {
  ClusterOptions options;
  options.durable = true;
  // A deadlock of the load's own is told before it looks like a lock of somebody else's.
  options.settings = {"deadlock_timeout = 200ms"};
  return options;
}

}  // namespace

LiveJourney::LiveJourney(LiveJourneyOptions options)
    : options_(std::move(options)), layout_(live_layout(options_.layout)), random_(options_.seed) {
  if (options_.restarts > 0) cluster_ = std::make_unique<Cluster>(cluster_options());
  const ServerAddress& server = cluster_ ? cluster_->address() : shared_server();
  application_.emplace("application", "LOGIN", server);
  database_.emplace(server);
  migration_.emplace(*database_);
  make_live_tables(connection(), layout_, options_.row_count);
  const std::string role = pg::quoted(application_->name());
  for (const std::string_view table : {kLiveTable, kLiveTwin}) {
    connection().query("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON " + std::string(table) + " TO " + role);
  }
  definition_ = read_definition(connection(), std::string(kLiveTable));
  begun_ = steady_clock::now();
  LiveLoadOptions load{.conninfo = database_->conninfo(application_->name()), .layout = &layout_};
  load.seed = options_.seed;
  load.sessions = options_.sessions;
  load.key_count = 2 * options_.row_count;
  load.statement_max = options_.statement_max;
  load_.emplace(load);
}

LiveJourney::~LiveJourney() {
  load_.reset();
  connection_.reset();
  database_.reset();
  application_.reset();
}

void LiveJourney::go_the_whole_way() {
  plan();
  run_and_verify();
  write_until(0.3);
  if (options_.sabotage && !has_failed()) options_.sabotage(*database_);
  cut_over();
  write_until(0.4);
  load_->truncate_soon();
  write_until(0.5);
  roll_back_the_cutover();
  write_until(0.7);
  cut_over();
  write_until(0.9);
  finish();
  write_until(1);
  end_load();
  expect(has_failed() || table_is_exchanged(), "the table is not the new one at the end");
}

void LiveJourney::turn_back_before_the_cutover() {
  plan();
  run_and_verify();
  write_until(0.5);
  remove_everything();
  write_until(1);
  end_load();
  expect_untouched();
}

void LiveJourney::turn_back_after_the_cutover() {
  plan();
  run_and_verify();
  write_until(0.3);
  cut_over();
  write_until(0.6);
  roll_back_the_cutover();
  write_until(0.8);
  remove_everything();
  write_until(1);
  end_load();
  expect_untouched();
}

void LiveJourney::plan() {
  write_until(0.02);
  std::vector<std::string> arguments = {
      "--table", "public." + std::string(kLiveTable), "--strategy", "capture", "--range-rows", "400"};
  arguments.insert(arguments.end(), layout_.plan_arguments.begin(), layout_.plan_arguments.end());
  arguments.insert(arguments.end(), options_.plan_arguments.begin(), options_.plan_arguments.end());
  Program program(migration_->command("plan", arguments));
  const Outcome planned = watched(program, std::nullopt);
  expect(planned.exit_code == 0, text_of("plan", planned));
  load_->go_beyond_the_plan();
}

void LiveJourney::run_and_verify() {
  if (has_failed()) return;
  do_command("run", {"--workers", "2", "--batch-rows", "100", "--progress", "none"}, nullptr);
  if (has_failed()) return;
  Program program(migration_->command("verify"));
  const Outcome verified = watched(program, std::nullopt);
  expect(verified.exit_code == 0 || says_that_it_was_emptied(verified), text_of("verify", verified));
}

// A TRUNCATE that comes in between makes what was copied worth nothing: the cutover says so, and run is given again.
void LiveJourney::cut_over() {
  for (int attempt = 1; attempt <= kAttemptsMax && !has_failed() && !table_is_exchanged(); ++attempt) {
    do_command("cutover", {}, [this] { return table_is_exchanged(); });
    if (was_emptied_) run_and_verify();
  }
  expect(has_failed() || table_is_exchanged(), "the table is not the new one after the cutover");
}

void LiveJourney::roll_back_the_cutover() {
  do_command("rollback", {}, [this] { return !table_is_exchanged(); });
  expect(has_failed() || !table_is_exchanged(), "the table is not the old one after a rollback");
}

void LiveJourney::remove_everything() {
  do_command("rollback", {}, nullptr);
}

void LiveJourney::finish() {
  do_command("finish", {}, nullptr);
  if (has_failed()) return;
  const pg::Result left = connection().query(
      "SELECT coalesce(string_agg(what, ', '), '') FROM (SELECT 'schema ' || nspname AS what FROM pg_namespace WHERE "
      "nspname = 'pgsluice' UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = 'live'::regclass AND "
      "NOT tgisinternal UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
      "AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT IN ('live', 'twin') UNION ALL SELECT 'comment "
      "' "
      "|| description FROM pg_description WHERE description LIKE '%pgsluice%') ours");
  expect(left.text(0, 0).empty(), "after finish there is left: " + std::string(left.text(0, 0)));
}

void LiveJourney::do_command(const std::string& name, const std::vector<std::string>& arguments,
                             const std::function<bool()>& is_done) {
  if (has_failed()) return;
  was_emptied_ = false;
  const auto command = [&] {
    ProgramOptions program = migration_->command(name, arguments);
    program.time_max = kCommandTimeMax;
    return program;
  };
  const milliseconds moment_max = name == "run" ? kRunMoment : kOtherMoment;
  std::vector<bool> hurts;  // True: the server's; false: the mover's.
  hurts.insert(hurts.end(), static_cast<std::size_t>(options_.kills), false);
  hurts.insert(hurts.end(), static_cast<std::size_t>(options_.restarts), true);
  std::shuffle(hurts.begin(), hurts.end(), random_);
  for (const bool hurts_server : hurts) {
    if (is_done && is_done()) return;
    Program program(command());
    if (program.ends_within(moment(moment_max))) {
      const Outcome ended = program.wait();
      was_emptied_ = says_that_it_was_emptied(ended);
      expect(ended.exit_code == 0 || was_emptied_, text_of(name + ", not hurt", ended));
      compare("after " + name);
      return;
    }
    if (hurts_server) {
      cluster_->stop_immediate();
      cluster_->start();
      ++restarts_done_;
      const Outcome ended = watched(program, std::nullopt);
      expect(
          ended.exit_code == 0 || ended.exit_code == kRefused || ended.exit_code == kResumable || ended.exit_code == 1,
          text_of(name + ", its server crashed", ended));
      compare("after " + name + " whose server crashed");
      if (ended.exit_code == 0) return;
    } else {
      program.send(SIGKILL);
      program.wait();
      ++kills_done_;
      compare("after " + name + " that was killed");
    }
    if (has_failed()) return;
  }
  // A command that met one each time would never come to its end.
  constexpr int kTimesMax = 3;
  int& truncates_done = truncates_done_[name];
  for (int truncate = 0; truncate < options_.truncates && truncates_done < kTimesMax * options_.truncates; ++truncate) {
    if (is_done && is_done()) return;
    ++truncates_done;
    Program program(command());
    if (!program.ends_within(moment(moment_max))) load_->truncate_soon();
    const Outcome ended = watched(program, std::nullopt);
    was_emptied_ = says_that_it_was_emptied(ended);
    expect(ended.exit_code == 0 || was_emptied_, text_of(name + ", beside a TRUNCATE", ended));
    compare("after " + name + " beside a TRUNCATE");
    if (has_failed() || was_emptied_ || name != "run") return;
  }
  // Given again until it is done: a cutover that finds no moment without a long transaction may give up, too.
  for (int attempt = 1; !(is_done && is_done()); ++attempt) {
    Program program(command());
    const Outcome ended = watched(program, std::nullopt);
    if (ended.exit_code == kResumable && attempt < kAttemptsMax) continue;
    was_emptied_ = says_that_it_was_emptied(ended);
    expect(ended.exit_code == 0 || was_emptied_, text_of(name, ended));
    break;
  }
  compare("after " + name);
}

Outcome LiveJourney::watched(Program& program, std::optional<milliseconds> time) {
  const auto begun = steady_clock::now();
  while (!program.ends_within(kBetweenComparisons)) {
    compare("beside a command");
    if (steady_clock::now() - begun > time.value_or(kCommandTimeMax)) break;
  }
  return program.wait();
}

void LiveJourney::write_until(double share) {
  if (has_failed()) return;
  const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(options_.writes));
  while (!load_->writes_reach(wanted, kBetweenComparisons)) {
    compare("between two commands");
    if (has_failed() || steady_clock::now() - begun_ > options_.time_max) return;
  }
}

void LiveJourney::compare(const std::string& when) {
  try {
    const LiveDifference difference = read_live_difference(connection());
    ++comparisons_;
    differences_ += static_cast<std::uint64_t>(difference.only_in_table + difference.only_in_twin);
    expect(difference.is_none(), when + ": " + std::to_string(difference.only_in_table) + " rows only in the table, " +
                                     std::to_string(difference.only_in_twin) + " only in the twin, of " +
                                     std::to_string(difference.rows) + "\n" + difference.example);
  } catch (const pg::Failure& failure) {
    connection_.reset();  // The server was restarted.
    expect(options_.restarts > 0, when + ": " + to_text(failure));
  }
}

void LiveJourney::end_load() {
  load_->stop();
  compare("at the end");
  const LiveTally tally = load_->tally();
  std::cout << "layout " << layout_.name << ", seed " << options_.seed << ", "
            << std::chrono::duration_cast<seconds>(steady_clock::now() - begun_).count() << " s\n"
            << tally << "movers killed: " << kills_done_ << ", server crashes: " << restarts_done_
            << "\ncomparisons of table and twin: " << comparisons_ << ", differences: " << differences_ << '\n';
  if (tally.failure_count > 0) expect(false, "the application: " + tally.failures.front());
}

void LiveJourney::expect_untouched() {
  if (has_failed()) return;
  expect(!table_is_exchanged(), "the table is not the old one after all was undone");
  const std::string changed = difference(definition_, read_definition(connection(), std::string(kLiveTable)));
  expect(changed.empty(), "the table is not what it was:\n" + changed);
  expect(!connection().query("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'pgsluice')").boolean(0, 0),
         "schema pgsluice is left");
}

bool LiveJourney::table_is_exchanged() {
  constexpr int kTries = 50;
  for (int attempt = 0;; ++attempt) {
    try {
      return live_table_is_exchanged(connection(), layout_);
    } catch (const pg::Failure&) {
      connection_.reset();
      if (attempt >= kTries) throw;
    }
  }
}

pg::Connection& LiveJourney::connection() {
  if (!connection_) connection_.emplace(database_->connect());
  return *connection_;
}

void LiveJourney::expect(bool holds, const std::string& otherwise) {
  if (!holds) problems_.push_back(otherwise);
}

milliseconds LiveJourney::moment(milliseconds max) {
  return milliseconds(std::uniform_int_distribution<std::int64_t>(0, max.count())(random_));
}

}  // namespace pgsluice::tests
