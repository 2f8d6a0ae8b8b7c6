// What stands around source and target at the moment of a swap: where the two tables are, what is on them, and what
// others have made that names the one which the application uses: views, rules, policies, foreign keys, publications.
// Read anew for every attempt, because a plan may be weeks old; equal readings mean that nothing came in between. What
// is done about it is swap_sql.hpp's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pg/failure.hpp"
#include "planner/plan.hpp"

namespace pgsluice::planner {

// Which of the two tables answers to the source's name.
enum class Standing { before_swap, after_swap };

struct TablePart {
  enum class Kind { index, trigger, rule, statistics, sequence };
  Kind kind = Kind::index;
  QualifiedName name;   // Triggers and rules have no schema.
  std::string state;    // Of triggers and rules, as in the catalogue: "O", "D", "R", "A".
  std::string comment;  // Of rules.
  bool operator==(const TablePart&) const = default;
};

struct SwapTable {
  std::uint32_t oid = 0;
  QualifiedName name;  // What it is called now.
  std::string comment;
  bool is_owned = false;  // This role may alter it.
  std::vector<TablePart> parts;
  bool operator==(const SwapTable&) const = default;
};

// One partition of a partitioned source, of any level.
struct StandingPartition {
  std::uint32_t oid = 0;
  QualifiedName name;
  bool is_leaf = false;
  std::vector<TablePart> triggers;  // Its own, not those that come with the table's.
  bool operator==(const StandingPartition&) const = default;
};

// A view or materialized view whose query names the table itself.
struct DependentView {
  std::uint32_t oid = 0;
  QualifiedName name;
  bool is_materialized = false;
  std::string definition;            // The query, every name in full.
  std::vector<std::string> options;  // "security_barrier=true"
  std::string owner;
  std::string access_method, tablespace;  // Of a materialized one; an empty tablespace is the default.
  bool is_populated = true;               // False: WITH NO DATA, so nobody can read it.
  std::string comment;
  bool is_owned = false;        // This role may replace it.
  bool is_updatable = false;    // It takes writes, which reach the table.
  bool shows_row_type = false;  // A column of it has the table's own row type, which it cannot exchange.
  bool can_be_replaced() const { return !is_materialized && is_owned && !shows_row_type; }
  bool operator==(const DependentView&) const = default;
};

// A rule of another table or view.
struct DependentRule {
  std::string name;
  QualifiedName table;
  std::string definition;  // CREATE RULE …
  bool is_owned = false;
  bool operator==(const DependentRule&) const = default;
};

// A policy of another table, or of the target, that looks into the table.
struct DependentPolicy {
  std::string name;
  QualifiedName table;
  std::uint32_t table_oid = 0;
  std::string using_expression, check_expression;
  bool is_owned = false;
  bool operator==(const DependentPolicy&) const = default;
};

// A foreign key of another table to the one in use.
struct IncomingKey {
  ForeignKey key;
  bool is_partitioned = false;         // The referencing table is.
  std::vector<QualifiedName> holders;  // The tables that hold its rows: itself, or its leaves.
  std::uint32_t table_oid = 0;
  bool is_owned = false;
  bool operator==(const IncomingKey&) const = default;
};

// A foreign key that stands on source or target, or on a partition of the target.
struct StandingKey {
  std::string name;
  QualifiedName table;
  std::uint32_t table_oid = 0;
  QualifiedName referenced;
  std::uint32_t referenced_oid = 0;
  bool owns_referenced = false;  // This role may alter the referenced table.
  bool operator==(const StandingKey&) const = default;
};

struct StandingPublication {
  Publication publication;
  bool through_root = false;  // It publishes partitions as their root.
  bool operator==(const StandingPublication&) const = default;
};

// One table of the target's tree in one publication.
struct PublishedNode {
  std::string publication;
  QualifiedName table;
  std::uint32_t table_oid = 0;
  bool operator==(const PublishedNode&) const = default;
};

struct Surroundings {
  Standing standing = Standing::before_swap;
  SwapTable source;
  SwapTable target;  // Its root.
  std::vector<StandingPartition> source_partitions;
  // Of the table that answers to the source's name.
  std::vector<DependentView> views;
  std::vector<DependentRule> rules;
  std::vector<DependentPolicy> policies;
  std::vector<IncomingKey> incoming_keys;  // Of other tables.
  // After the swap: those of the plan that the target could not have, and that the source can.
  std::vector<IncomingKey> lost_keys;
  std::vector<StandingPublication> publications;
  // Of both.
  std::vector<StandingKey> keys;
  std::vector<PublishedNode> published_nodes;
  // Of the table that is to take the name: the columns of each key that a foreign key may point to.
  std::vector<std::vector<std::string>> unique_keys;

  const SwapTable& in_use() const { return standing == Standing::before_swap ? source : target; }
  const SwapTable& waiting() const { return standing == Standing::before_swap ? target : source; }
  bool operator==(const Surroundings&) const = default;
};

// Where the tables stand; absent when neither fits: one of them was dropped, renamed or exchanged by somebody else.
// Fails: server, connection.
std::optional<Standing> read_standing(pg::Connection& connection, const Plan& plan);

// What to throw then.
pg::Failure tables_stand_elsewhere(const Plan& plan);

// Works inside the transaction that is open, whose settings it changes so that the server writes names in full (see
// catalog_settings.sql). Takes no lock but ACCESS SHARE on catalogues. Fails: refused, when the tables are neither
// before nor after the swap; server, connection.
Surroundings read_surroundings(pg::Connection& connection, const Plan& plan);

// The same of the source alone, for whoever must know it before there is a target: what is said of the target is empty,
// and so are the keys that a foreign key may point to. Fails: refused, when the source is not there; server,
// connection.
Surroundings read_source_surroundings(pg::Connection& connection, const Plan& plan);
// What is on a table. The transaction's settings should be as read_surroundings leaves them.
std::vector<TablePart> read_table_parts(pg::Connection& connection, std::uint32_t oid);

// The views whose query names the relation itself. The transaction's settings must be as read_surroundings leaves them.
std::vector<DependentView> read_views_upon(pg::Connection& connection, std::uint32_t oid);

// What the swap cannot carry and nobody can without making it anew: functions, columns and types that use the row type
// of the table in use. As a person reads them. The transaction's settings should be as read_surroundings leaves them.
std::vector<Dependent> read_row_type_users(pg::Connection& connection, const Surroundings& surroundings);

}  // namespace pgsluice::planner
