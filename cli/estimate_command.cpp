// `pgsluice estimate`: plans as `plan` would, rehearses on a sample of the ranges, removes what it made, and says how
// long the whole job takes.
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command_sessions.hpp"
#include "cli/commands.hpp"
#include "cli/estimate.hpp"
#include "cli/estimate_plot.hpp"
#include "cli/estimate_server.hpp"
#include "cli/log.hpp"
#include "cli/plan_options.hpp"
#include "cli/progress.hpp"
#include "cli/question.hpp"
#include "cli/result.hpp"
#include "cli/stop_signals.hpp"
#include "mover/reading_trial.hpp"
#include "mover/rehearsal.hpp"
#include "mover/rehearsal_ledger.hpp"
#include "mover/row_widths.hpp"
#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "planner/planning.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

constexpr std::chrono::minutes kDefaultTime{1};
constexpr std::uint64_t kRangeBytesMax = std::uint64_t{32}
                                         << 20U;  // So that a trial meets many places of a huge table.
constexpr std::size_t kLooksMax = 100;
constexpr std::uint64_t kSeed = 1;

void check_options(const Options& options) {
  check_server_options(options);
  if (options.has("plot")) {
    check_plot_name(options.text("plot"));
  }
  if (options.has("for") && options.duration("for", kDefaultTime) < std::chrono::seconds(1)) {
    throw Failure(FailureKind::refused, "--for is shorter than a second")
        .hint("A time without a unit is in milliseconds, as in PostgreSQL. Write 60s, or 10min.");
  }
  if (options.has("ranges") && options.count("ranges", 0) == 0) {
    throw Failure(FailureKind::refused, "--ranges must not be 0");
  }
  if (mover::parse_meter(options.text("meter", "auto")).kind == mover::MeterOptions::Kind::none) {
    throw Failure(FailureKind::refused, "a trial measures, so --meter must not be none");
  }
}

planner::PlanOptions wanted_plan(const Options& options) {
  planner::PlanOptions wanted = plan_options(options);
  const bool empties = wanted.empty_source || (wanted.method && planner::empties_source(*wanted.method));
  if (empties) {
    throw Failure(FailureKind::refused, "estimate does not rehearse the method " + options.text("method") +
                                            ", because it takes the rows out of the source")
        .hint(
            "Rehearse --method insert, which reads and writes the same rows. A method that empties the source deletes "
            "them as well: that writes each page of the source once more, and about as much WAL again.");
  }
  wanted.only_looking = options.is_on("read-only");
  return wanted;
}

// The rest of estimate works inside one database, where nobody else moves the table.
void check_databases(FirstSessions& reached, const Options& options, const pg::QualifiedName& table) {
  if (!planner::is_one_database(reached.source, reached.target)) {
    throw Failure(FailureKind::refused, "estimate works inside one database only")
        .detail("Source: " + reached.source.description() + "; target: " + reached.target.description() + ".")
        .hint(
            "Two servers have two volumes. Leave --target out, and rehearse in the source's database or a fork of it.");
  }
  if (!options.is_on("read-only")) {
    mover::refuse_beside_migration(reached.source, table);
  }
}

void check_scratch(pg::Connection& target, const planner::TableFacts& facts, const pg::QualifiedName& scratch) {
  if (planner::read_relation_kind(target, scratch)) {
    throw Failure(FailureKind::refused, "the scratch target's name " + pg::display(scratch) + " is taken")
        .detail("No trial that the ledger knows made that relation.")
        .hint("Rename or drop it.");
  }
  if (facts.published_with_all_tables && mover::read_trial_settings(target).has_logical_slot) {
    throw Failure(FailureKind::refused, "what the trial writes would be replicated to subscribers")
        .detail(
            "A publication covers all tables or the whole schema, and this database has a logical replication slot.")
        .hint("Rehearse on a fork, where nobody subscribes; or use --read-only.");
  }
}

void ask(const Options& options, const FirstSessions& reached, const pg::QualifiedName& table) {
  if (options.is_on("yes") || options.is_on("read-only") || !can_ask()) {
    return;
  }
  const std::string scratch = pg::display(mover::rehearsal_target_name(table));
  print_error_text("estimate makes " + scratch + " in " + reached.target.description() +
                   ",\nfills it with a sample of the rows of " + pg::display(table) +
                   " as fast as it can, measures, and drops it again.\n");
  if (!says_yes("Rehearse there now?")) {
    throw Failure(FailureKind::refused, "not confirmed").status("nothing was changed");
  }
}

// What all combinations share.
struct Trials {
  const Options& options;
  const planner::PlanOptions& wanted;
  FirstSessions& reached;
  Terminal& terminal;
  Log& log;
  NamedServer named;
  std::size_t count = 0;  // So far.
};

struct Rehearsable {
  planner::Plan plan;  // Its ranges as the trial moves them, huge ones shortened.
  std::vector<mover::TrialStratum> strata;
};

Rehearsable prepare(Trials& trials, const Combination& combination) {
  planner::PlanOptions wanted = trials.wanted;
  wanted.method = combination.methods.size() == 1 ? std::optional(combination.methods.front()) : std::nullopt;
  mover::SessionsOptions access = sessions_options(trials.options, trials.log, "");
  access.read_only = true;
  const mover::Sessions sessions(access);
  Rehearsable made;
  read_with_retries(sessions, trials.options, trials.terminal, trials.log, wanted.table,
                    [&](pg::Connection& source, pg::Connection& target) {
                      const planner::TableFacts facts = planner::read_table_facts(source, wanted.table);
                      wanted.into = mover::rehearsal_target_name(facts.name);
                      if (!trials.options.is_on("read-only")) {
                        check_scratch(target, facts, *wanted.into);
                      }
                      made.plan = planner::make_plan(source, target, wanted);
                      made.strata = mover::trial_strata(made.plan.ranges,
                                                        mover::read_row_widths(source, made.plan, kLooksMax), kSeed);
                    });
  for (planner::Range& range : made.plan.ranges) {
    range = mover::shortened(range, made.plan.key, kRangeBytesMax, made.plan.source.size.page_count);
  }
  return made;
}

mover::RehearsalOptions rehearsal_options(const Trials& trials, const Combination& combination,
                                          const std::vector<mover::TrialStratum>& strata) {
  const Options& options = trials.options;
  mover::RehearsalOptions wanted;
  wanted.workers = combination.workers;
  wanted.index_jobs = session_count(options, "index-jobs", combination.workers);
  if (options.has("index-memory")) {
    constexpr std::uint64_t kKibi = 1024;
    wanted.index_memory = std::to_string(options.bytes("index-memory", 0) / kKibi) + "kB";
  }
  wanted.batch_rows = combination.batch_rows;
  if (options.has("ranges")) {
    wanted.ranges_max = options.count("ranges", 0);
  }
  if (options.has("for") || !options.has("ranges")) {
    wanted.time_max = options.duration("for", kDefaultTime);
  }
  wanted.strata = strata;
  wanted.trials_before = trials.count;
  wanted.meter = mover::parse_meter(options.text("meter", "auto"));
  wanted.retry = retry_options(options);
  return wanted;
}

void predict(TriedCombination& tried, const Trials& trials, const mover::WholeTable& table) {
  const std::optional<capacity::Server>& server = trials.named.server;
  tried.analysis = mover::analyze(tried.findings, server ? &*server : nullptr);
  mover::Extrapolation plain = mover::extrapolate(tried.findings, table, tried.analysis, mover::Pace::latest);
  tried.plain_seconds = capacity::predict({}, plain.job).duration.expected_seconds;
  tried.extrapolation =
      server ? mover::extrapolate(tried.findings, table, tried.analysis, mover::Pace::unthrottled) : std::move(plain);
  capacity::Job& job = tried.extrapolation.job;
  limit_job(job, trials.options);
  tried.prediction = capacity::predict(server.value_or(capacity::Server{}), job);
  if (server) {
    tried.with_credits = capacity::predict(with_all_credits(*server), job);
  }
}

TriedCombination try_one(Trials& trials, const Combination& combination, const mover::StopRequest& stop,
                         Estimate& estimate) {
  const Rehearsable made = prepare(trials, combination);
  const planner::Plan& plan = made.plan;
  estimate.source = pg::display(plan.source.name);
  estimate.layout =
      plan.layout.root.key_definition + ", " + std::to_string(planner::leaves(plan.layout).size()) + " partitions";
  const mover::WholeTable table = mover::whole_table(plan);
  estimate.is_live = plan.strategy == planner::Strategy::capture;
  estimate.table_rows = table.rows;
  estimate.table_bytes = table.bytes;
  TriedCombination tried;
  tried.combination = combination;
  {
    const bool only_reads = trials.options.is_on("read-only");
    mover::SessionsOptions access = sessions_options(trials.options, trials.log, plan.migration_id);
    access.read_only = only_reads;
    const mover::Sessions sessions(access);
    ProgressDisplay progress(trials.terminal, trials.log, progress_mode(trials.options, trials.terminal));
    const mover::RehearsalOptions wanted = rehearsal_options(trials, combination, made.strata);
    tried.findings = only_reads ? mover::read_sample(plan, sessions, wanted, stop, progress)
                                : mover::rehearse(plan, sessions, wanted, stop, progress);
  }
  tried.combination.methods = {tried.findings.method};
  predict(tried, trials, table);
  ++trials.count;
  return tried;
}

std::size_t remove_leftovers(const Options& options, Terminal& terminal, Log& log, const pg::QualifiedName& table) {
  const mover::Sessions sessions(sessions_options(options, log, ""));
  const mover::StopRequest never;
  ProgressDisplay quiet(terminal, log, ProgressMode::none);
  const std::size_t count = mover::remove_dead_rehearsals(table, sessions, {retry_options(options), never, quiet});
  if (count > 0) {
    quiet.noted("removed what " + std::to_string(count) + (count == 1 ? " trial" : " trials") + " had left behind");
  }
  return count;
}

Combination first_combination(const Options& options, const FirstSessions& reached,
                              const planner::PlanOptions& wanted) {
  Combination first;
  first.methods = wanted.method ? std::vector{*wanted.method} : planner::eligible_methods(true, false);
  if (options.is_on("read-only")) {
    first.methods.resize(1);
  }
  first.workers = worker_count(options, reached);
  first.batch_rows = options.count("batch-rows", 0);
  return first;
}

std::vector<Combination> combinations_of(const Options& options, const FirstSessions& reached,
                                         const planner::PlanOptions& wanted) {
  const std::string swept = options.text("sweep");
  if (options.is_on("read-only") &&
      (swept.find("method=") != std::string::npos || swept.find("batch-rows=") != std::string::npos)) {
    throw Failure(FailureKind::refused, "--read-only tries workers alone: reading knows no method and no batches");
  }
  return parse_sweep(swept, first_combination(options, reached, wanted));
}

void add_alternatives(Estimate& estimate, const Trials& trials) {
  if (trials.named.server) {
    estimate.alternatives = capacity::alternatives(*trials.named.server, estimate.chosen().extrapolation.job);
  }
}

}  // namespace

int estimate_command(const Options& options) {
  Terminal terminal(STDERR_FILENO);
  Log log(terminal, log_options(options));
  check_options(options);
  planner::PlanOptions wanted = wanted_plan(options);
  const mover::Sessions sessions(sessions_options(options, log, ""));
  FirstSessions reached = reach_both(sessions, "estimate");
  wanted.table = planner::read_table_facts(reached.source, wanted.table).name;
  if (options.is_on("remove-leftovers")) {
    const std::size_t count = remove_leftovers(options, terminal, log, wanted.table);
    options.is_on("json") ? print_result(nlohmann::ordered_json{{"trials_removed", count}, {"exit_code", 0}})
                          : print_result("killed trials that had left something: " + std::to_string(count) + "\n");
    return 0;
  }
  check_databases(reached, options, wanted.table);
  const std::vector<Combination> combinations = combinations_of(options, reached, wanted);
  ask(options, reached, wanted.table);
  if (!options.is_on("read-only")) {
    remove_leftovers(options, terminal, log, wanted.table);
  }

  Estimate estimate;
  Trials trials{options, wanted, reached, terminal, log, named_server(options), 0};
  estimate.server = trials.named.server;
  estimate.server_text = trials.named.text;
  {
    mover::StopRequest stop;
    const StopSignals signals(stop);
    for (const Combination& combination : combinations) {
      if (combinations.size() > 1) {
        log.write(LogLevel::info, "trial " + std::to_string(trials.count + 1) + " of " +
                                      std::to_string(combinations.size()) + ": " + display(combination));
      }
      estimate.tried.push_back(try_one(trials, combination, stop, estimate));
    }
  }
  estimate.best = best_of(estimate.tried);
  add_alternatives(estimate, trials);
  options.is_on("json") ? print_result(estimate_document(estimate)) : print_result(estimate_text(estimate));
  if (options.has("plot")) {
    write_plot(options.text("plot"), estimate);
  }
  return 0;
}

}  // namespace pgsluice::cli
