#include "mover/live/preflight.hpp"

#include <algorithm>
#include <string>

#include "mover/live/following.hpp"
#include "mover/live/old_table.hpp"
#include "mover/live/target_partitions.hpp"
#include "mover/verify.hpp"
#include "pg/failure.hpp"
#include "planner/planning.hpp"

namespace pgsluice::mover {

namespace {

using pg::Failure;
using pg::FailureKind;
using planner::SwapDirection;

void add_sessions(std::vector<Finding>& findings, const pg::Result& rows) {
  for (int i = 0; i < rows.row_count(); ++i) {
    findings.push_back({"a transaction has been using the table for " + std::string(rows.text(i, 3)),
                        "pid " + std::string(rows.text(i, 0)) + ", role " + std::string(rows.text(i, 1)) + ", " +
                            std::string(rows.text(i, 2)) + ": " + std::string(rows.text(i, 4)),
                        "No attempt can succeed before it ends.", false});
  }
}

void look_at_sessions(Cutover& cutover, std::vector<Finding>& findings) {
  constexpr const char* kSeconds = "5";
  repeat_until_done(cutover.target, cutover.retry, "looking at sessions", [&](pg::Connection& connection) {
    const std::string table = pg::quoted(planner::table_in_use(cutover.plan()));
    add_sessions(findings, fixed_query(connection, "long_transactions", {table, kSeconds}));
    for (const std::string& each : {table, pg::quoted(cutover.feed().feed().to)}) {
      const pg::Result vacuums = fixed_query(connection, "wraparound_vacuums", {each});
      for (int i = 0; i < vacuums.row_count(); ++i) {
        findings.push_back({"autovacuum works on " + std::string(vacuums.text(i, 1)) + " against wraparound",
                            "pid " + std::string(vacuums.text(i, 0)) + "; it does not step aside.",
                            "Wait until it ends.", true});
      }
    }
  });
}

void look_at_verification(const Cutover& cutover, std::vector<Finding>& findings) {
  if (cutover.direction == SwapDirection::back) {
    return;
  }
  std::size_t unknown = 0;
  std::size_t differing = 0;
  for (const planner::RangeState& state : cutover.checkpoint.states()) {
    unknown += state.verification == planner::Verification::unknown ? 1 : 0;
    differing += state.verification == planner::Verification::differs ? 1 : 0;
  }
  if (differing > 0) {
    findings.push_back({std::to_string(differing) + " ranges differ between source and target", "",
                        "`pgsluice verify --find` names the rows; do not cut over before you know why.", true});
  }
  if (unknown > 0 && !is_equal_in_total(cutover.checkpoint)) {
    findings.push_back({std::to_string(unknown) + " of " + std::to_string(cutover.checkpoint.states().size()) +
                            " ranges are not verified",
                        "", "Run `pgsluice verify`, or say --accept unverified.", !cutover.options.accepts_unverified});
  }
}

void look_at_plan(Cutover& cutover, std::vector<Finding>& findings) {
  try {
    repeat_until_done(
        cutover.target, cutover.retry, "comparing the table with the plan",
        [&](pg::Connection& connection) { planner::check_plan_still_holds(cutover.plan(), connection, connection); });
  } catch (const Failure& failure) {
    if (failure.kind() != FailureKind::refused) {
      throw;
    }
    findings.push_back({failure.what(), failure.detail(), failure.hint(), true});
  }
}

std::string list_of(const std::vector<pg::QualifiedName>& names) {
  std::string list;
  for (const pg::QualifiedName& name : names) {
    list += (list.empty() ? "" : ", ") + pg::display(name);
  }
  return list;
}

// On the way back: what was done to the table since the cutover, and the other one does not have.
void look_at_changes_since(Cutover& cutover, std::vector<Finding>& findings) {
  repeat_until_done(cutover.target, cutover.retry, "comparing both tables", [&](pg::Connection& connection) {
    PartitionChanges changes =
        read_partition_changes(connection, cutover.plan(), planner::table_in_use(cutover.plan()));
    if (cutover.plan().parent) {
      changes.added.clear();  // The others of the parent, which were not migrated.
    }
    if (!changes.missing.empty()) {
      findings.push_back({"partitions are gone since the cutover", list_of(changes.missing),
                          "Their rows are still in the old table and would come back: `pgsluice finish` is the way on.",
                          true});
    }
    if (!changes.added.empty()) {
      findings.push_back(
          {"partitions were added since the cutover", list_of(changes.added),
           "Rows that one of them had when it was attached are not in the old table. Where none had any, "
           "say --accept partitions.",
           !cutover.options.accepts_partitions});
    }
  });
}

void look_at_columns(Cutover& cutover, std::vector<Finding>& findings) {
  const planner::Feed& feed = cutover.feed().feed();
  repeat_until_done(cutover.target, cutover.retry, "comparing both tables", [&](pg::Connection& connection) {
    const pg::Result rows = fixed_query(connection, "differing_columns", {pg::quoted(feed.from), pg::quoted(feed.to)});
    std::string names;
    for (int i = 0; i < rows.row_count(); ++i) {
      names += (names.empty() ? "" : ", ") + pg::display(rows.text(i, 0));
    }
    if (!names.empty()) {
      findings.push_back({"both tables differ in columns", names, "Make them equal again first.", true});
    }
  });
}

// Of a partitioned source: what came or went without a trigger. On the way back: what was done to the old table since
// it was put aside.
void look_at_source_partitions(Cutover& cutover, std::vector<Finding>& findings) {
  repeat_until_done(cutover.target, cutover.retry, "looking at partitions", [&](pg::Connection& connection) {
    if (cutover.direction == SwapDirection::forward) {
      if (const PartitionDrift drift = cutover.feed().read_drift(connection); !drift.is_none()) {
        findings.push_back({"partitions of " + cutover.table() + " came or went", drift_text(drift),
                            std::string("Run `pgsluice run`: it ") +
                                (drift.loses_rows() ? "copies the rows of now."
                                                    : "brings their rows over. Then verify, and cut over."),
                            true});
      }
      return;
    }
    const PartitionDrift drift = read_old_table_drift(connection, cutover.plan());
    if (!drift.gone.empty()) {
      findings.push_back({"partitions of the old table are gone since the cutover", drift_text(drift),
                          "Attach them again; without their rows there is no way back.", true});
    }
  });
}

void look_at_definition(Cutover& cutover, std::vector<Finding>& findings) {
  if (cutover.plan().source.is_partitioned()) {
    look_at_source_partitions(cutover, findings);
  }
  cutover.direction == SwapDirection::forward ? look_at_plan(cutover, findings)
                                              : look_at_changes_since(cutover, findings);
  look_at_columns(cutover, findings);
}

void look_at_backlog(Cutover& cutover, std::vector<Finding>& findings) {
  repeat_until_done(cutover.target, cutover.retry, "looking at the changes", [&](pg::Connection& connection) {
    refuse_broken_capture(cutover.feed(), connection);
    const Backlog backlog = cutover.feed().read_backlog(connection);
    if (backlog.holds_truncate && cutover.direction == SwapDirection::forward) {
      findings.push_back({cutover.table() + " was emptied by TRUNCATE, or part of it",
                          "What was copied before stands for nothing.",
                          "Run `pgsluice run`: it copies the rows of now.", true});
    } else if (backlog.rows > kNotesBeforeLock) {
      findings.push_back({std::to_string(backlog.rows) + " changes are still to be brought over", "",
                          "It is done before the first attempt.", false});
    }
  });
}

// Of tables that are no longer what they were nothing more can be said.
void look_at_surroundings(Cutover& cutover, std::vector<Finding>& findings) {
  if (std::any_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.blocks; })) {
    return;
  }
  cutover.swap->prepare(cutover.target, cutover.sessions, cutover.retry);
  for (const planner::Obstacle& obstacle : cutover.swap->obstacles()) {
    findings.push_back({obstacle.what, obstacle.instead, obstacle.hint, obstacle.blocks});
  }
}

std::string text_of(const Finding& finding) {
  return finding.what + (finding.detail.empty() ? "" : ": " + finding.detail) +
         (finding.hint.empty() ? "" : (finding.detail.ends_with('.') ? " " : ". ") + finding.hint);
}

}  // namespace

std::vector<Finding> look_at_tables(Cutover& cutover) {
  std::vector<Finding> findings;
  look_at_definition(cutover, findings);
  look_at_surroundings(cutover, findings);
  return findings;
}

std::vector<Finding> look_around(Cutover& cutover) {
  std::vector<Finding> findings = look_at_tables(cutover);
  look_at_verification(cutover, findings);
  look_at_backlog(cutover, findings);
  look_at_sessions(cutover, findings);
  return findings;
}

void refuse_if_blocked(const Cutover& cutover, const std::vector<Finding>& findings) {
  std::string reasons;
  for (const Finding& finding : findings) {
    if (finding.blocks) {
      reasons += (reasons.empty() ? "" : "\n") + text_of(finding);
    } else {
      cutover.retry.observer.noted(text_of(finding));
    }
  }
  if (!reasons.empty()) {
    throw Failure(FailureKind::refused, "the tables cannot be exchanged now")
        .detail(reasons)
        .status(state_text(cutover));
  }
}

}  // namespace pgsluice::mover
