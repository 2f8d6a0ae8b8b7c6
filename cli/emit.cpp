#include "cli/emit.hpp"

#include <algorithm>

#include "cli/plan_text.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

void refuse_lonely(const Options& options, std::string_view name, bool is_fit, std::string_view needed) {
  if (options.has(name) && !is_fit) {
    throw Failure(FailureKind::refused, "--" + std::string(name) + " says nothing without " + std::string(needed));
  }
}

}  // namespace

std::optional<EmitOptions> emit_options(const Options& options) {
  const bool emits = options.has("emit-sql");
  refuse_lonely(options, "emit", emits, "--emit-sql DIR");
  const bool is_alembic = options.choice("emit", {"sql", "alembic"}) == "alembic";
  refuse_lonely(options, "alembic-down-revision", emits && is_alembic, "--emit alembic");
  if (!emits) {
    return std::nullopt;
  }
  EmitOptions wanted{options.text("emit-sql"), is_alembic ? EmitForm::alembic : EmitForm::sql,
                     options.text("alembic-down-revision")};
  if (wanted.folder.empty()) {
    throw Failure(FailureKind::refused, "--emit-sql needs the name of a folder");
  }
  planner::refuse_used_folder(wanted.folder);
  return wanted;
}

std::string on_one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\f' || c == '\v'; }, ' ');
  return line;
}

std::string lock_line(const planner::Statement& statement) {
  return statement.lock.empty() ? "no lock that others feel" : on_one_line(statement.lock + " on " + statement.on);
}

std::string catalogue_sentence(const planner::Plan& plan) {
  return on_one_line("It reflects the catalogue of database " +
                     pg::display(std::string_view(plan.source_database.database)) + ", PostgreSQL " +
                     server_version_text(plan.source_database.server_version) + ", as it was at " + plan.created_at +
                     ".");
}

std::string not_carried_text(const mover::Emission& emission) {
  if (emission.not_carried.empty()) {
    return "";
  }
  std::string text = "\n## Mind at the cutover\n\n";
  for (const std::string& line : emission.not_carried) {
    text += "- " + on_one_line(line) + "\n";
  }
  return text;
}

std::string only_the_tool_text(const planner::Plan& plan) {
  const std::string bound =
      plan.strategy == planner::Strategy::capture
          ? "- Its cutover bounds the whole time of its locks (`--max-lock`). The file's bounds each statement, by\n"
            "  statement_timeout, and not their sum.\n"
          : "";
  std::string text =
      "\n## What `pgsluice run` does and files cannot\n\n"
      "- It moves rows with several sessions, in batches of half a second, by the method that is fastest for this "
      "table,\n"
      "  within an I/O budget and behind brakes. A file copies one range after another, as fast as the server goes.\n"
      "- It asks again when a lock is not to be had, a transaction must be repeated or the connection is lost. A file\n"
      "  ends there; run it again.\n"
      "- It records every batch in its ledger and compares both tables range by range. A file only remembers which of\n"
      "  its steps are done (table `" +
      std::string("pgsluice.steps_") + plan.migration_id.substr(0, 8) +
      "`), and compares nothing.\n"
      "- It looks at the table anew before every attempt of a cutover. The files are as old as they are.\n" +
      bound +
      "\n"
      "So it is one or the other: `pgsluice run` with the checkpoint of this plan knows nothing of what the files "
      "did.\n";
  return text;
}

void write_emission(const planner::Plan& plan, const mover::EmitFacts& facts, const EmitOptions& options) {
  const mover::Emission emission = mover::emit(plan, facts);
  planner::create_folder(options.folder, options.form == EmitForm::sql
                                             ? sql_files(plan, emission)
                                             : alembic_files(plan, emission, options.down_revision));
}

}  // namespace pgsluice::cli
