// Tests of making the target start here: a database, a plan made of facts that were really read, and sessions whose
// n-th statement can be the last thing that a mover did, or the last thing that a session did.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mover/finishing.hpp"
#include "mover/guard.hpp"
#include "mover/indexes.hpp"
#include "mover/prepare.hpp"
#include "planner/catalog.hpp"
#include "planner/layout_design.hpp"
#include "planner/plan.hpp"
#include "planner/planning.hpp"
#include "tests/support/database.hpp"
#include "tests/support/noting_observer.hpp"

namespace pgsluice::tests {

// Thrown where a mover dies: no code of ours expects it.
struct Death {};

class TargetFixture : public testing::Test {
 protected:
  // The plan for the table as it is now.
  planner::Plan plan_for(const std::string& table, const std::vector<planner::LevelSpec>& levels,
                         planner::Method method = planner::Method::insert) {
    pg::Connection connection = database_.connect();
    planner::Plan plan;
    plan.migration_id = planner::make_migration_id();
    plan.method = method;
    plan.methods = {method};
    plan.source = planner::read_table_facts(connection, pg::parse_qualified_name(table));
    plan.source_database = planner::read_database_identity(connection);
    plan.target_database = plan.source_database;
    const pg::QualifiedName target = planner::default_target_name(plan.source.name);
    planner::NameAllocator names(planner::read_relation_names(connection, target.schema));
    plan.layout = planner::design_layout(connection, plan.source, target, levels, names);
    planner::TakenNames taken;
    taken.relations[target.schema] = planner::read_relation_names(connection, target.schema);
    taken.statistics[target.schema] = planner::read_statistics_names(connection, target.schema);
    plan.names = planner::choose_target_names(plan.source, plan.layout, taken);
    return plan;
  }

  static planner::LevelSpec hash(const std::string& column, unsigned partitions) {
    planner::LevelSpec level = planner::parse_level("HASH (" + pg::quoted(column) + ")");
    level.partitions = partitions;
    return level;
  }
  static planner::LevelSpec range(const std::string& column, const std::string& interval) {
    planner::LevelSpec level = planner::parse_level("RANGE (" + pg::quoted(column) + ")");
    level.interval = interval;
    level.premake = 1;
    return level;
  }

  mover::Sessions sessions(const planner::Plan& plan, std::function<void(const pg::StatementEvent&)> watch = {}) const {
    mover::SessionsOptions options;
    options.source_conninfo = database_.conninfo();
    options.migration_id = plan.migration_id;
    options.lock_timeout = std::chrono::milliseconds(100);
    options.statement_observer = std::move(watch);
    return mover::Sessions(options);
  }

  mover::RetryContext context() {
    mover::RetryOptions options;
    options.pause_min = std::chrono::milliseconds(1);
    options.pause_max = std::chrono::milliseconds(50);
    return {options, stop_, observer_};
  }

  // Rows arrive as the mover would bring them.
  void move_rows(const planner::Plan& plan) {
    pg::Connection connection = database_.connect();
    const std::string columns = pg::quoted_list(plan.source.insertable_columns());
    connection.query("INSERT INTO " + pg::quoted(plan.layout.root.name) + " (" + columns +
                     ") OVERRIDING SYSTEM VALUE SELECT " + columns + " FROM ONLY " + pg::quoted(plan.source.name));
  }

  void prepare(const planner::Plan& plan) { mover::prepare_target(plan, sessions(plan), context()); }
  void build(const planner::Plan& plan) { build_with(plan, sessions(plan)); }
  void build_with(const planner::Plan& plan, const mover::Sessions& with) {
    mover::build_indexes(plan, with, context(), {2, "", nullptr, ""});
    mover::add_constraints(plan, with, context(), 2);
  }
  void finish(const planner::Plan& plan) { mover::finish_target(plan, sessions(plan), context()); }
  void remove(const planner::Plan& plan) {
    mover::remove_target(plan, sessions(plan), context());
    mover::remove_guard(plan, sessions(plan), context());
  }

  // Calls `step` again and again: the first time its mover dies after its first statement, then after its second, …
  // until one lives. Returns how many died.
  int die_at_every_statement(const planner::Plan& plan, const std::function<void(const mover::Sessions&)>& step) {
    for (int last = 1;; ++last) {
      int count = 0;
      std::mutex mutex;
      const mover::Sessions mortal = sessions(plan, [&](const pg::StatementEvent&) {
        const std::lock_guard lock(mutex);
        if (++count == last) {
          throw Death();
        }
      });
      try {
        step(mortal);
        return last - 1;
      } catch (const Death&) {
      }
    }
  }

  // Calls `step` once; from time to time, ever more rarely so that it gets further, the server ends the session that
  // just ran a statement. Returns how many were ended.
  int end_sessions_at_times(const planner::Plan& plan, const std::function<void(const mover::Sessions&)>& step) {
    constexpr int kFirst = 25;  // A session needs about 20 statements to set itself up.
    constexpr int kMore = 9;
    pg::Connection admin = database_.connect_as_superuser();
    int left = kFirst;
    int ended = 0;
    std::mutex mutex;
    const mover::Sessions mortal = sessions(plan, [&](const pg::StatementEvent& event) {
      const std::lock_guard lock(mutex);
      if (--left == 0) {
        admin.query("SELECT pg_terminate_backend($1)", {std::to_string(event.backend_pid)});
        left = kFirst + kMore * ++ended;
      }
    });
    step(mortal);
    return ended;
  }

  std::vector<std::string> texts(const std::string& sql) {
    pg::Connection connection = database_.connect();
    const pg::Result rows = connection.query(sql);
    std::vector<std::string> found;
    for (int i = 0; i < rows.row_count(); ++i) {
      found.emplace_back(rows.text(i, 0));
    }
    return found;
  }
  void run(const std::string& sql) { database_.connect().run_script(sql); }

  Database database_;
  mover::StopRequest stop_;
  NotingObserver observer_;
};

}  // namespace pgsluice::tests
