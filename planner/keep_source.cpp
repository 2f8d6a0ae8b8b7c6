#include "planner/keep_source.hpp"

#include <string>
#include <string_view>

namespace pgsluice::planner {

namespace {

std::string shown(const std::string& name) {
  return pg::display(std::string_view(name));
}

void refuse(Verdict& verdict, const std::string& message, const std::string& detail, const std::string& hint) {
  verdict.refusals.push_back(
      pg::Failure(pg::FailureKind::refused, message).detail(detail).hint(hint).status("nothing was changed"));
}

bool is_system_schema(const std::string& schema) {
  return schema == "pg_catalog" || schema == "information_schema" || schema.starts_with("pg_toast");
}

// Why a relation of this kind has no rows of its own to move; empty for a plain table.
std::string_view kind_text(const std::string& kind) {
  return kind == "v"                  ? "a view"
         : kind == "m"                ? "a materialized view"
         : kind == "f"                ? "a foreign table"
         : kind == "S"                ? "a sequence"
         : kind == "c"                ? "a composite type"
         : kind == "i" || kind == "I" ? "an index"
         : kind == "t"                ? "a TOAST table"
                                      : "";
}

void judge_kind(const TableFacts& source, Verdict& verdict) {
  const std::string name = pg::display(source.name);
  if (const std::string_view what = kind_text(source.kind); !what.empty()) {
    refuse(verdict, name + " is " + std::string(what), "Only a table can be migrated.", "Name a table with --table.");
  }
  if (is_system_schema(source.name.schema)) {
    refuse(verdict, name + " belongs to PostgreSQL itself",
           "Schema " + shown(source.name.schema) + " holds system tables.", "Name a table of your own with --table.");
  }
}

void judge_persistence(const TableFacts& source, Verdict& verdict) {
  const std::string name = pg::display(source.name);
  if (source.persistence == "u") {
    refuse(verdict, name + " is unlogged", "A crash of the server would empty it, and with it what was not moved yet.",
           "Make it logged first: ALTER TABLE " + name + " SET LOGGED.");
  } else if (source.persistence == "t") {
    refuse(verdict, name + " is temporary", "No other session can see it.", "Name a permanent table with --table.");
  }
}

void judge_inheritance(const TableFacts& source, Verdict& verdict) {
  const std::string name = pg::display(source.name);
  if (source.has_children && source.kind != "p") {
    refuse(verdict, name + " has inheritance children", "Their rows belong to it, but are stored elsewhere.",
           "Take them off first: ALTER TABLE child NO INHERIT " + name + ".");
  }
  if (source.has_parents) {
    refuse(verdict, name + " inherits from another table",
           "A partitioned table cannot, so the parent would lose its rows.",
           "Take it off first: ALTER TABLE " + name + " NO INHERIT parent.");
  }
}

// Empty when the values of `from` can go into `into` as they are.
std::string why_not_into(const Column& from, const Column* into) {
  if (into == nullptr) {
    return "is missing";
  }
  if (!into->generated.empty() && from.generated.empty()) {
    return "is generated, so it takes no values";
  }
  if (into->generated.empty() && !from.generated.empty()) {
    return "is not generated, so it would stay empty";
  }
  return into->type == from.type ? "" : "is " + into->type + ", not " + from.type;
}

std::string list_of(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) {
    list += (list.empty() ? "" : ", ") + text;
  }
  return list;
}

void judge_partition(const SourcePartition& partition, bool is_cut_over, Verdict& verdict) {
  const std::string name = "partition " + pg::display(partition.name);
  if (partition.persistence != "p") {
    refuse(verdict, name + " is unlogged", "A crash of the server would empty it, without a trace.",
           "Make it logged first: ALTER TABLE " + pg::display(partition.name) + " SET LOGGED.");
  }
  if (!partition.keys.empty()) {
    refuse(verdict, name + " has foreign keys of its own", list_of(partition.keys) + ".",
           "Drop them, or make them on the table itself.");
  }
  if (!partition.own.empty()) {
    verdict.notices.push_back({Notice::Kind::lost, list_of(partition.own) + " of " + name,
                               "the table itself has none of it, so the target's partitions do not get it", ""});
  }
  if (!partition.users.empty()) {
    verdict.notices.push_back(
        {Notice::Kind::warning, list_of(partition.users),
         "goes on using the old " + name + (is_cut_over ? ", which is kept up to date until `finish`" : ""), ""});
  }
}

void judge_partitions(const TableFacts& source, bool empties_source, bool is_cut_over, Verdict& verdict) {
  if (!source.is_partitioned()) {
    return;
  }
  const std::string name = pg::display(source.name);
  if (empties_source) {
    refuse(verdict, name + " is partitioned, so a method that empties it cannot be used",
           "Rows are found again by their key, in any of its partitions.",
           "Use a method that copies: --method insert, or --method stream.");
  }
  bool has_default = false;
  for (const SourcePartition& partition : source.partitions) {
    judge_partition(partition, is_cut_over, verdict);
    has_default = has_default || partition.is_default;
  }
  const auto warn = [&](std::string what, std::string instead) {
    verdict.notices.push_back({Notice::Kind::warning, std::move(what), std::move(instead), ""});
  };
  if (!is_cut_over) {
    return;
  }
  warn("statements that name one of the " + std::to_string(source.partitions.size()) + " partitions of " + name,
       "read the old partition after the cutover, and their writes are rejected");
  if (!has_default) {
    warn("the old table has no DEFAULT partition",
         "a row written after the cutover that none of its partitions takes has to get one before a rollback");
  }
  if (!source.publications.empty()) {
    warn("publications that do not publish by the root (publish_via_partition_root)",
         "name the new partitions from the cutover on, which subscribers must have");
  }
}

}  // namespace

void judge_source(const TableFacts& source, bool empties_source, bool is_cut_over, Verdict& verdict) {
  judge_kind(source, verdict);
  judge_partitions(source, empties_source, is_cut_over, verdict);
  judge_persistence(source, verdict);
  judge_inheritance(source, verdict);
  const std::string name = pg::display(source.name);
  if ((source.kind == "r" || source.is_partitioned()) && source.columns.empty()) {
    refuse(verdict, name + " has no columns", "There is nothing to partition it by.",
           "Name another table with --table.");
  }
  if (source.row_security_active) {
    refuse(verdict, "row level security of " + name + " hides rows from this role",
           "Rows that are not seen would not be moved.",
           "Connect as the table's owner (without FORCE ROW LEVEL SECURITY) or as a role with BYPASSRLS.");
  }
}

void judge_existing_target(const TableFacts& source, const TableFacts& target, Verdict& verdict) {
  const std::string name = pg::display(target.name);
  std::string misfits;
  const auto add = [&](const std::string& column, const std::string& why) {
    misfits += (misfits.empty() ? "Column " : "; column ") + shown(column) + " " + why;
  };
  for (const Column& column : source.columns) {
    if (const std::string why = why_not_into(column, target.column(column.name)); !why.empty()) {
      add(column.name, why);
    }
  }
  for (const Column& column : target.columns) {
    const bool fills_itself =
        !column.default_expression.empty() || !column.identity.empty() || !column.generated.empty();
    if (source.column(column.name) == nullptr && column.not_null && !fills_itself) {
      add(column.name, "is NOT NULL without a default, and the source has none");
    }
  }
  if (!misfits.empty()) {
    refuse(verdict, "the rows do not fit into " + name, misfits + ".",
           "Change the target's columns, or name another table with --into.");
  }
  if (target.row_security_active) {
    refuse(verdict, "row level security of " + name + " is in force for this role",
           "Rows that it hides could not be verified.",
           "Connect as the table's owner (without FORCE ROW LEVEL SECURITY) or as a role with BYPASSRLS.");
  }
  for (const Trigger& trigger : target.triggers) {
    if (trigger.on_insert && (trigger.enabled == "O" || trigger.enabled == "A")) {
      verdict.notices.push_back({Notice::Kind::warning, "trigger " + shown(trigger.name) + " of the target",
                                 "fires for the rows that arrive; verification will find rows that it changes", ""});
    }
  }
}

}  // namespace pgsluice::planner
