// A whole migration written down as scripts: what a run, a cutover, a rollback and a finish execute, in order, each
// statement with its lock, for people who review SQL before it runs and run it themselves. What a script is; what it
// looks like in a file is the business of cli/.
//
//   E1  The statements are composed by the functions that the mover uses.
//   E2  A step is one transaction, whose last statement records it: a script that failed may be run again, and goes on
//       where it stopped.
//   E3  No script forward begins before all recorded steps of those before it are done.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mover/emit/emit_facts.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::mover {

struct ScriptStep {
  enum class Frame {
    transaction,  // READ COMMITTED.
    snapshot,     // REPEATABLE READ.
    alone,        // Each statement by itself.
  };
  std::string what;
  Frame frame = Frame::transaction;
  bool waits_briefly = false;           // For tables that the application uses: its statements would queue behind ours.
  bool is_recorded = true;              // False: it may be done at any time, and does no harm.
  bool until_next = false;              // Where it is not recorded: it is for the next step, and left out with that.
  planner::Statements before = {};      // Of the session, ahead of the transaction.
  planner::Statements statements = {};  // With the settings of the transaction and, at last, the record.
  planner::Statements after = {};       // Of the session, whether the transaction succeeded or not.
  std::string is_open_sql = {};         // Asks whether it is still to be done; empty: always.
};

struct Script {
  std::string what;  // One paragraph.
  std::vector<ScriptStep> steps;
};

enum class Part { preparation, cutover, finish };

// One thing that is done, and its way back where there is one.
struct Stage {
  std::string name;  // "copy"
  Part part = Part::preparation;
  Script up;
  std::optional<Script> down;
  std::string no_down;          // Why there is none.
  bool is_for_cutover = false;  // To be repeated right before the cutover.
};

struct Emission {
  Sessions::Settings settings;  // Of the session, for every script.
  std::vector<Stage> stages;
  std::vector<std::string> not_carried;  // What the cutover leaves behind, as a person reads it.
};

// Fails: refused, when this migration cannot be written down: source and target in two databases, a target that was
// there before, a method that empties the source.
void refuse_unwritable(const planner::Plan& plan);

Emission emit(const planner::Plan& plan, const EmitFacts& facts);

}  // namespace pgsluice::mover
