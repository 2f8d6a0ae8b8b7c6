// `plan --emit-sql DIR`: a migration as files that people review and run themselves, in one of two forms. What stands
// in them is composed by the mover (see mover/emit/emission.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.hpp"
#include "mover/emit/emission.hpp"
#include "planner/durable_file.hpp"

namespace pgsluice::cli {

enum class EmitForm { sql, alembic };

struct EmitOptions {
  std::string folder;
  EmitForm form = EmitForm::sql;
  std::string down_revision;  // Of the first Alembic revision; empty for none.
};

// Absent, where nothing is to be written. Fails: refused, when options do not fit together, or when the folder cannot
// be made or is not empty.
std::optional<EmitOptions> emit_options(const Options& options);

// emit_sql.cpp, emit_alembic.cpp: the files, README.md among them.
std::vector<planner::NamedContent> sql_files(const planner::Plan& plan, const mover::Emission& emission);
std::vector<planner::NamedContent> alembic_files(const planner::Plan& plan, const mover::Emission& emission,
                                                 const std::string& down_revision);

// Both forms say it of each statement: "ACCESS EXCLUSIVE on app.events", on one line.
std::string lock_line(const planner::Statement& statement);
// Line breaks as blanks: for comments, which end with their line.
std::string on_one_line(std::string_view text);
// "database "app", PostgreSQL 15.8, on 2026-…" and what it means.
std::string catalogue_sentence(const planner::Plan& plan);
// What the tool does and files cannot, as Markdown.
std::string only_the_tool_text(const planner::Plan& plan);
// What the cutover leaves behind, as Markdown; empty when nothing.
std::string not_carried_text(const mover::Emission& emission);

// Writes them. Fails: refused, local; see planner::create_folder().
void write_emission(const planner::Plan& plan, const mover::EmitFacts& facts, const EmitOptions& options);

}  // namespace pgsluice::cli
