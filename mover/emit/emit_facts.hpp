// What the scripts of a migration must know besides the plan: what a run and a cutover would look up when they come to
// it. Read on the day on which the scripts are written; it changes nothing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "planner/plan.hpp"
#include "planner/surroundings.hpp"
#include "planner/swap_obstacles.hpp"

namespace pgsluice::mover {

// A materialized view upon the source, for which a swap makes a twin.
struct EmitMaterializedView {
  planner::TableFacts facts;
  std::vector<planner::DependentView> upon;  // What reads it.
};

struct EmitFacts {
  int server_major_version = 0;
  bool gives_to_owner = false;                // The target's tables are given to the source's owner.
  std::vector<std::string> default_grantees;  // Who gets privileges on new tables; quoted SQL text.
  std::vector<std::string> grantees;          // Those of the source's that exist; quoted SQL text.
  // Of the strategy `offline`.
  bool guards_rows = false;
  std::map<std::string, bool> publications_through_root;  // Those that are there; whether partitions go as their root.
  // Of the strategy `capture`.
  planner::Surroundings before_swap;
  planner::Surroundings after_swap;
  std::vector<EmitMaterializedView> materialized_views;
  std::string surroundings_digest;
  std::vector<planner::Obstacle> obstacles;
};

// The connection must have no transaction open. Fails: server, connection.
EmitFacts read_emit_facts(pg::Connection& connection, const planner::Plan& plan);

}  // namespace pgsluice::mover
