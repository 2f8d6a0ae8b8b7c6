#include "mover/rollback.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "mover/batch_method.hpp"
#include "mover/guard.hpp"
#include "mover/ledger.hpp"
#include "mover/live/exchange.hpp"
#include "mover/live/following.hpp"
#include "mover/live/partition_swap.hpp"
#include "mover/live/trigger_log.hpp"
#include "mover/move_back.hpp"
#include "mover/prepare.hpp"
#include "mover/rollback_triggers.hpp"
#include "mover/row_tally.hpp"
#include "mover/target_objects.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "planner/catalog.hpp"
#include "planner/mark.hpp"
#include "planner/planning.hpp"

namespace pgsluice::mover {

namespace {

using planner::Phase;

// The state of one call of roll_back, handed from step to step.
struct Rollback {
  planner::Checkpoint& checkpoint;
  const Sessions& sessions;
  const RollbackOptions& options;
  RetryContext retry;
  Session lead;    // On the target: the ledger, and the claim on everything that is not a range.
  Session source;  // On the source.
  RowTally moved;  // What the ledger says was moved to the target.
  const planner::Plan& plan() const { return checkpoint.plan(); }
  const std::string& id() const { return checkpoint.plan().migration_id; }
  std::string target_name() const { return pg::display(plan().layout.root.name); }
};

Phase phase_in_ledger(Rollback& rollback) {
  Phase phase = Phase::planned;
  repeat_until_done(rollback.lead, rollback.retry, "reading the ledger",
                    [&](pg::Connection& target) { phase = read_phase(target, rollback.id()); });
  return phase;
}

void refuse_other_database(Rollback& rollback) {
  repeat_until_done(rollback.lead, rollback.retry, "looking at the databases", [&](pg::Connection& target) {
    planner::check_databases(rollback.plan(), rollback.source.connection(), target);
  });
}

// A ledger that has forgotten the migration is right only before anything was made or after everything was removed.
void refuse_lost_ledger(const Rollback& rollback, Phase in_ledger) {
  const Phase remembered = rollback.checkpoint.phase();
  const bool may_be_absent = remembered <= Phase::preparing || remembered >= Phase::rolling_back;
  if (in_ledger == Phase::planned && !may_be_absent) {
    throw pg::Failure(pg::FailureKind::refused,
                      "the ledger of this database does not know the migration of this checkpoint")
        .detail("Migration " + rollback.id() + " is in phase " + std::string(name_of(remembered)) + " here.")
        .hint(
            "The database was restored to an earlier time, or somebody removed the ledger. What this migration made "
            "has \"" +
            planner::mark(rollback.id()) + "\" in its comment.")
        .status("nothing was changed");
  }
}

// A cutover is taken back by another swap (live/cutover.hpp), before anything is removed.
void refuse_cut_over(const Rollback& rollback, Phase in_ledger) {
  if (rollback.checkpoint.phase() == Phase::finished || in_ledger == Phase::finished) {
    throw pg::Failure(pg::FailureKind::refused, "this migration is finished: the old table is gone")
        .status("nothing was changed");
  }
  if (in_ledger == Phase::cut_over) {
    throw pg::Failure(pg::FailureKind::refused, "the cutover has to be taken back before anything is removed")
        .status("nothing was changed");
  }
}

// What a crash behind a cutover that was taken back may have left: foreign keys that are not validated yet.
void settle_swap_back(Rollback& rollback) {
  if (rollback.plan().strategy == planner::Strategy::capture) {
    Session session([&] { return open_patient_target(rollback.sessions, "rolling back"); });
    make_exchange(rollback.plan(), planner::SwapDirection::back)
        ->settle(session, rollback.sessions, rollback.retry, rollback.options.workers);
  }
}

// After the target was put into the source's place by hand there is nothing that could be undone in one piece: the
// source's name means another table, which may have rows that the old one never had.
void refuse_swapped_source(Rollback& rollback) {
  const pg::QualifiedName& name = rollback.plan().source.name;
  repeat_until_done(rollback.source, rollback.retry, "looking at the source", [&](pg::Connection& source) {
    const pg::Result row = fixed_query(source, "relation_oid", {name.schema, name.name, pg::quoted(name)});
    if (row.row_count() == 1 && row.text(0, 0) == std::to_string(rollback.plan().source.oid)) {
      return;
    }
    throw pg::Failure(pg::FailureKind::refused, pg::display(name) + " is not the table that was planned")
        .detail("It was renamed, dropped, or exchanged: the plan knows OID " +
                std::to_string(rollback.plan().source.oid) +
                (row.row_count() == 0 ? "; no table has this name now."
                                      : "; now it is OID " + std::string(row.text(0, 0)) + "."))
        .hint(
            "If the target was put into its place by hand, rename both tables back first, then run the same command "
            "again: rows "
            "written since then are in the target alone and would be lost with it.")
        .status("nothing was changed");
  });
}

// Somebody who attached a partition to our target would lose it with the target, or have its rows moved to the source.
void refuse_foreign_partitions(Rollback& rollback) {
  const planner::PartitionNode& root = rollback.plan().layout.root;
  if (rollback.plan().layout.existing) {
    return;
  }
  repeat_until_done(rollback.lead, rollback.retry, "looking at the target", [&](pg::Connection& target) {
    if (!planner::read_relation_kind(target, root.name)) {
      return;
    }
    const pg::Result rows =
        fixed_query(target, "unmarked_partitions", {pg::quoted(root.name), planner::mark(rollback.id())});
    if (rows.row_count() > 0) {
      throw pg::Failure(pg::FailureKind::refused,
                        rollback.target_name() + " has partitions that this migration did not make")
          .detail("The first is " + pg::display({std::string(rows.text(0, 0)), std::string(rows.text(0, 1))}) + ".")
          .hint("Detach or drop them, then run the same command again.")
          .status("nothing was changed");
    }
  });
}

bool try_claim(Rollback& rollback) {
  bool is_mine = false;
  repeat_until_done(rollback.lead, rollback.retry, "claiming the migration", [&](pg::Connection& target) {
    is_mine = try_claim_migration(target, rollback.id());
    if (is_mine && fixed_query(target, "claims_held", {rollback.id()}).integer(0, 0) > 0) {
      release_migration(target, rollback.id());
      is_mine = false;
    }
  });
  return is_mine;
}

// A mover that was killed a moment ago may have left a session that is still busy with its last batch: it is given time
// to end.
void claim(Rollback& rollback) {
  constexpr std::chrono::seconds kPatience{5};
  constexpr std::chrono::milliseconds kPeriod{200};
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!try_claim(rollback)) {
    if (std::chrono::steady_clock::now() > deadline || !pause(kPeriod, rollback.retry.stop)) {
      throw pg::Failure(pg::FailureKind::refused, "a mover works on this migration")
          .hint("Stop it (it finishes its batches and leaves), then run the same command again.")
          .status("nothing was changed");
    }
  }
}

// From here on `run` refuses, and a mover that still runs somewhere finds its ranges closed (L2).
void enter_rolling_back(Rollback& rollback) {
  repeat_until_done(rollback.lead, rollback.retry, "entering the phase rolling-back", [&](pg::Connection& target) {
    in_transaction(target, [&] {
      fixed_query(target, "close_started_ranges", {rollback.id()});
      fixed_query(target, "close_other_ranges", {rollback.id(), std::to_string(rollback.plan().ranges.size())});
      write_phase(target, rollback.id(), Phase::rolling_back);
    });
  });
  rollback.checkpoint.record_phase(Phase::rolling_back);
}

RowTally read_moved(Rollback& rollback) {
  RowTally moved;
  repeat_until_done(rollback.lead, rollback.retry, "reading the ledger", [&](pg::Connection& target) {
    moved = {};
    for (const auto& [range, entry] : read_ledger(target, rollback.id())) {
      moved.rows += entry.rows;
      moved.checksum.add(entry.checksum);
    }
  });
  return moved;
}

RowTally read_back(Rollback& rollback) {
  RowTally back;
  repeat_until_done(rollback.lead, rollback.retry, "reading the ledger", [&](pg::Connection& target) {
    back = row_tally_at(fixed_query(target, "rows_back", {rollback.id()}), 0);
  });
  return back;
}

std::string count_sql(const planner::Plan& plan) {
  return "SELECT pg_catalog.count(*) FROM " + target_table_sql(plan);
}

std::string lock_target_sql(const planner::Plan& plan) {
  return "LOCK TABLE " + target_table_sql(plan) + " IN ACCESS EXCLUSIVE MODE";
}

std::string truncate_target_sql(const planner::Plan& plan) {
  return "TRUNCATE " + target_table_sql(plan);
}

pg::Failure rows_of_others(const Rollback& rollback, std::uint64_t found, std::uint64_t expected) {
  return pg::Failure(pg::FailureKind::refused, rollback.target_name() + " holds other rows than this migration brought")
      .detail("It was there before, and is not dropped. It holds " + std::to_string(found) +
              " rows; this migration brought " + std::to_string(expected) + ".")
      .hint(
          "Make sure that nobody writes to it, and remove what is not of this migration, or empty it yourself; then "
          "run the "
          "same command again.")
      .status("the target is as it was; the migration is being rolled back");
}

// ---- Copies in an existing target

// Empties it in the transaction that counted its rows, and notes in the ledger that it did.
void empty_existing_target(Rollback& rollback) {
  const planner::Plan& plan = rollback.plan();
  repeat_naming_holders(rollback.lead, rollback.retry, "emptying " + rollback.target_name(), plan.layout.root.name,
                        [&](pg::Connection& target) {
                          in_transaction(target, [&] {
                            target.query(lock_target_sql(plan));
                            const auto found = static_cast<std::uint64_t>(target.query(count_sql(plan)).integer(0, 0));
                            if (found == 0) {
                              return;
                            }
                            if (found != rollback.moved.rows) {
                              throw rows_of_others(rollback, found, rollback.moved.rows);
                            }
                            target.query(truncate_target_sql(plan));
                            fixed_query(target, "add_rows_back", {rollback.id(), std::to_string(found), "0"});
                          });
                        });
}

// ---- Rows that have left the source

// More rows than we brought are somebody else's, and must not go to the source.
void refuse_rows_of_others(Rollback& rollback) {
  const RowTally back = read_back(rollback);
  std::uint64_t found = 0;
  repeat_until_done(rollback.lead, rollback.retry, "counting the target's rows", [&](pg::Connection& target) {
    found = static_cast<std::uint64_t>(target.query(count_sql(rollback.plan())).integer(0, 0));
  });
  if (found + back.rows > rollback.moved.rows) {
    throw rows_of_others(rollback, found, rollback.moved.rows - back.rows);
  }
}

// Quoted. Of a target of our own: its leaves as planned, as far as they are there; one that somebody detached may hold
// rows, too.
std::vector<std::string> read_filled_leaves(Rollback& rollback) {
  const planner::Plan& plan = rollback.plan();
  std::vector<std::string> names;
  repeat_until_done(rollback.lead, rollback.retry, "looking at the target", [&](pg::Connection& target) {
    names.clear();
    if (plan.layout.existing) {
      const pg::Result heaps = fixed_query(target, "heaps", {pg::quoted(plan.layout.root.name)});
      for (int i = 0; i < heaps.row_count(); ++i) {
        names.emplace_back(heaps.text(i, heaps.column("heap")));
      }
      return;
    }
    const std::vector<const planner::PartitionNode*> leaves = planner::leaves(plan.layout);
    const TargetObjects objects = TargetObjects::read(target, leaves);
    for (const planner::PartitionNode* leaf : leaves) {
      const auto relation = objects.relation(*leaf);
      if (relation && planner::is_marked(relation->comment, plan.migration_id)) {
        names.push_back(pg::quoted(leaf->name));
      }
    }
  });
  return names;
}

bool target_is_there(Rollback& rollback) {
  bool is_there = false;
  repeat_until_done(rollback.lead, rollback.retry, "looking at the target", [&](pg::Connection& target) {
    is_there = planner::read_relation_kind(target, rollback.plan().layout.root.name).has_value();
  });
  return is_there;
}

void bring_rows_back(Rollback& rollback) {
  const planner::Plan& plan = rollback.plan();
  if (target_is_there(rollback)) {
    if (plan.layout.existing) {
      refuse_rows_of_others(rollback);
    }
    drop_target_triggers(plan, rollback.sessions, rollback.retry);
  }
  const std::vector<std::string> leaves = read_filled_leaves(rollback);
  disable_insert_triggers(plan, rollback.sessions, rollback.retry);
  MoveBackOptions options;
  options.workers = rollback.options.workers;
  options.rows_expected = rollback.moved.rows - std::min(rollback.moved.rows, read_back(rollback).rows);
  move_rows_back(plan, leaves, rollback.sessions, options, rollback.retry);
}

// ---- What is the same for all

void remove_everything(Rollback& rollback) {
  const planner::Plan& plan = rollback.plan();
  if (planner::empties_source(plan.method)) {
    restore_insert_triggers(plan, rollback.sessions, rollback.retry);
  }
  if (plan.strategy == planner::Strategy::capture) {
    end_following(TriggerLog(planner::forward_feed(plan)), rollback.sessions, rollback.retry);
    forget_feed(TriggerLog(planner::reverse_feed(plan)), rollback.sessions, rollback.retry);
  }
  remove_target(plan, rollback.sessions, rollback.retry);
  if (plan.parent) {
    drop_bound_checks(plan, rollback.sessions, rollback.retry);
  }
  remove_guard(plan, rollback.sessions, rollback.retry);
  repeat_until_done(rollback.lead, rollback.retry, "removing the migration from the ledger",
                    [&](pg::Connection& target) { remove_from_ledger(target, rollback.id()); });
  rollback.checkpoint.record_phase(Phase::rolled_back);
}

pg::Failure other_rows_came_back(const Rollback& rollback, const RowTally& back) {
  const std::string left =
      std::to_string(rollback.moved.rows) + " rows left " + pg::display(rollback.plan().source.name);
  return pg::Failure(pg::FailureKind::mismatch, "the rows that came back are not those that had left")
      .detail(back.rows == rollback.moved.rows ? left + " and as many came back, but their content is another one."
                                               : left + ", and " + std::to_string(back.rows) + " came back.")
      .hint("Somebody changed rows in the target before the rollback; the source now has what the target had.")
      .status("everything is undone; nothing of this migration is left in the database");
}

}  // namespace

RollbackSummary roll_back(planner::Checkpoint& checkpoint, const Sessions& sessions, const RollbackOptions& options,
                          const StopRequest& stop, Observer& observer) {
  Rollback rollback{checkpoint,
                    sessions,
                    options,
                    {options.retry, stop, observer},
                    Session([&sessions] { return sessions.open_target("rolling back"); }),
                    Session([&sessions] { return sessions.open_source("rolling back, source"); }),
                    {}};
  RollbackSummary summary;
  refuse_other_database(rollback);
  const Phase in_ledger = phase_in_ledger(rollback);
  if (in_ledger == Phase::planned && checkpoint.phase() == Phase::rolled_back) {
    observer.noted("this migration was rolled back before; there is nothing to do");
    summary.nothing_to_do = true;
    return summary;
  }
  refuse_cut_over(rollback, in_ledger);
  refuse_lost_ledger(rollback, in_ledger);
  refuse_swapped_source(rollback);
  refuse_foreign_partitions(rollback);
  claim(rollback);
  if (in_ledger == Phase::planned) {  // Nothing was made, or all of it is removed.
    remove_everything(rollback);
    return summary;
  }
  if (in_ledger == Phase::complete) {
    settle_swap_back(rollback);
  }
  const bool was_emptied = planner::empties_source(rollback.plan().method);
  enter_rolling_back(rollback);
  rollback.moved = read_moved(rollback);
  if (was_emptied) {
    bring_rows_back(rollback);
  } else if (rollback.plan().layout.existing) {
    empty_existing_target(rollback);
  }
  const RowTally back = read_back(rollback);
  remove_everything(rollback);
  if (!was_emptied) {
    summary.rows_dropped = rollback.moved.rows;
    return summary;
  }
  summary.rows_moved_back = back.rows;
  if (back != rollback.moved) {
    throw other_rows_came_back(rollback, back);
  }
  if (back.rows > 0) {
    observer.noted(pg::display(rollback.plan().source.name) +
                   " has its rows back, in other places than before; VACUUM (ANALYZE) it when there is time");
  }
  return summary;
}

}  // namespace pgsluice::mover
