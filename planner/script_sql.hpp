// The SQL that scripts need beside what the mover sends, because nobody stands between their statements: which steps
// are done, refusals that the mover decides in its own code, and values that are known only when the script runs.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "planner/feed.hpp"
#include "planner/plan.hpp"
#include "planner/statement.hpp"
#include "planner/surroundings.hpp"

namespace pgsluice::planner {

// One step of one script; `number` counts from 1.
struct StepId {
  std::string script;
  unsigned number = 0;
};

// `pgsluice.steps_<…>`: a step is done if and only if its row is committed, with the step's own work.
QualifiedName steps_table(const Plan& plan);

// Schema and table, where they are missing. Ensures: the table carries the mark.
Statements create_steps_sql(const Plan& plan);
// One row, one column: whether the step is still to be done.
std::string step_is_open_sql(const Plan& plan, const StepId& step);
Statement record_step_sql(const Plan& plan, const StepId& step);
struct StepCount {
  std::string script;
  std::size_t count = 0;
};
// Refuses unless each script has so many steps recorded.
Statements refuse_unless_done_sql(const Plan& plan, const std::vector<StepCount>& scripts, std::string_view message);
// Condition: whether one of its steps is recorded.
std::string script_is_begun_sql(const Plan& plan, const std::string& script);
Statement forget_scripts_sql(const Plan& plan, const std::vector<std::string>& scripts);
// The table, and the schema when nothing else is in it.
Statements drop_steps_sql(const Plan& plan);

// A range's rows, once: `insert_head` is the INSERT … SELECT … up to its condition. The step is recorded by the same
// statement.
Statement copy_range_sql(const Plan& plan, const std::string& insert_head, const Range& range, const StepId& step);

// Ends in an error when the condition holds.
Statement refuse_sql(const std::string& condition, std::string_view message, std::string_view hint);
// Runs the statements when the condition holds.
Statement run_if_sql(const std::string& condition, const Statements& statements);

// Conditions.
std::string is_there_sql(const QualifiedName& relation);
std::string truncate_is_noted_sql(const Feed& feed);
std::string capture_is_broken_sql(const Feed& feed, int server_major_version);
std::string columns_differ_sql(const QualifiedName& one, const QualifiedName& other, int server_major_version);
std::string partitions_differ_sql(const QualifiedName& root, std::size_t count);

// One row, one column: a hash of the source's definition, rights and comments, and of the names of everything that a
// swap has to do with and that stands around it. The same in every database that has the same. Settings must be as
// catalog_settings.sql leaves them.
std::string surroundings_digest_sql(const Plan& plan, int server_major_version);
std::string surroundings_differ_sql(const Plan& plan, std::string_view digest, int server_major_version);

// create_snapshot_guard_sql with the id of the transaction that runs it, and the table's own identity by then.
Statements create_snapshot_guard_here_sql(const Feed& feed);

// Lanes of the log of a migration, for the session that runs it.
Statement hold_lanes_sql(const Plan& plan, int server_major_version);
Statement release_lanes_sql(const Plan& plan, int server_major_version);

// `name = value` for the session, or for the transaction.
Statement set_sql(std::string_view name, std::string_view value);
Statement set_local_sql(std::string_view name, std::string_view value);
// What catalog_settings.sql says, one by one.
Statements catalog_settings_sql(int server_major_version);

std::string begin_sql();
std::string begin_snapshot_sql();
std::string commit_sql();

}  // namespace pgsluice::planner
