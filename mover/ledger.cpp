#include "mover/ledger.hpp"

#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

std::string fixed(const pg::Connection& connection, std::string_view name) {
  return pg::statement(name, connection.server_major_version());
}

std::string source_text(const planner::Plan& plan) {
  return pg::display(std::string_view(plan.source_database.database)) + ":" + pg::display(plan.source.name);
}

LedgerEntry entry_at(const pg::Result& rows, int row) {
  LedgerEntry entry;
  entry.range = static_cast<std::uint32_t>(rows.integer(row, 0));
  if (!rows.is_null(row, 1)) {
    entry.up_to = rows.text_array(row, 1);
  }
  entry.complete = rows.boolean(row, 2);
  entry.rows = static_cast<std::uint64_t>(rows.integer(row, 3));
  entry.bytes = static_cast<std::uint64_t>(rows.integer(row, 4));
  entry.checksum = rows.text(row, 5);
  entry.rows_summed = static_cast<std::uint64_t>(rows.integer(row, 6));
  entry.rows_checked = static_cast<std::uint64_t>(rows.integer(row, 7));
  return entry;
}

// Advisory locks have two 32-bit keys: a hash of the migration, and the range (or -1 for everything that is no range).
// hashtext() is computed by the server, so that movers of different builds agree.
constexpr std::int64_t kWholeMigration = -1;

pg::Parameters lock_keys(const std::string& migration_id, std::int64_t range) {
  return {migration_id, std::to_string(range)};
}

pg::Step try_lock_step(const pg::Connection& target, const std::string& migration_id, std::int64_t range) {
  return pg::prepared_step(fixed(target, "try_claim"), lock_keys(migration_id, range));
}

pg::Step unlock_step(const pg::Connection& target, const std::string& migration_id, std::int64_t range) {
  return pg::prepared_step(fixed(target, "release_claim"), lock_keys(migration_id, range));
}

bool try_lock(pg::Connection& target, const std::string& migration_id, std::int64_t range) {
  const pg::Step step = try_lock_step(target, migration_id, range);
  return target.run_together({&step, 1}).front().boolean(0, 0);
}

void unlock(pg::Connection& target, const std::string& migration_id, std::int64_t range) {
  const pg::Step step = unlock_step(target, migration_id, range);
  target.run_together({&step, 1});
}

pg::Step entry_step(const pg::Connection& target, const std::string& migration_id, std::uint32_t range) {
  return pg::prepared_step(fixed(target, "ledger_entries"), {migration_id, std::to_string(range)});
}

std::optional<LedgerEntry> entry_in(const pg::Result& rows) {
  return rows.row_count() == 0 ? std::nullopt : std::optional<LedgerEntry>(entry_at(rows, 0));
}

pg::Step batch_step(const pg::Connection& target, const std::string& migration_id,
                    const std::optional<planner::Key>& before, const LedgerEntry& batch) {
  pg::Parameters parameters = {migration_id,
                               std::to_string(batch.range),
                               batch.up_to ? pg::Parameter(planner::to_array_text(*batch.up_to)) : std::nullopt,
                               batch.complete ? "true" : "false",
                               std::to_string(batch.rows),
                               std::to_string(batch.bytes),
                               batch.checksum,
                               std::to_string(batch.rows_summed),
                               std::to_string(batch.rows_checked)};
  if (!before) {
    return pg::prepared_step(fixed(target, "ledger_start"), std::move(parameters));
  }
  parameters.emplace_back(planner::to_array_text(*before));
  return pg::prepared_step(fixed(target, "ledger_advance"), std::move(parameters));
}

}  // namespace

bool ledger_exists(pg::Connection& target) {
  return target.query(fixed(target, "ledger_exists")).boolean(0, 0);
}

void create_ledger(pg::Connection& target) {
  if (ledger_exists(target)) {
    return;  // A role that may use the ledger need not be allowed to create schemas.
  }
  target.begin();
  target.run_script(fixed(target, "create_ledger"));
  target.commit();
}

void register_migration(pg::Connection& target, const planner::Plan& plan) {
  const pg::Result others = target.query(fixed(target, "migrations_with_target"),
                                         {plan.migration_id, pg::display(plan.layout.root.name), source_text(plan)});
  if (others.row_count() > 0) {
    throw pg::Failure(pg::FailureKind::refused, "another migration of " + pg::display(plan.source.name) + " or into " +
                                                    pg::display(plan.layout.root.name) + " is not finished")
        .detail("Migration " + std::string(others.text(0, 0)) + " is in phase " + std::string(others.text(0, 1)) + ".")
        .hint("Go on with its checkpoint, or undo it with `pgsluice rollback` and that checkpoint.");
  }
  const std::string plan_digest = planner::digest(plan);
  target.query(fixed(target, "register_migration"),
               {plan.migration_id, source_text(plan), pg::display(plan.layout.root.name), plan_digest,
                std::string(name_of(plan.strategy)), methods_text(plan.methods),
                std::string(name_of(planner::Phase::preparing))});
  const pg::Result known = target.query(fixed(target, "migration_digest"), {plan.migration_id});
  if (known.text(0, 0) != plan_digest) {
    throw pg::Failure(pg::FailureKind::refused, "the ledger knows this migration with another plan")
        .detail("Migration " + plan.migration_id + ".")
        .hint("The checkpoint was changed or mixed up. Use the checkpoint that began this migration.");
  }
}

planner::Phase read_phase(pg::Connection& target, const std::string& migration_id) {
  if (!ledger_exists(target)) {
    return planner::Phase::planned;
  }
  const pg::Result row = target.query(fixed(target, "migration_phase"), {migration_id});
  if (row.row_count() == 0) {
    return planner::Phase::planned;
  }
  const std::optional<planner::Phase> phase = planner::phase_named(row.text(0, 0));
  if (!phase) {
    throw pg::Failure(pg::FailureKind::refused,
                      "the ledger has a phase that this version does not know: " + std::string(row.text(0, 0)))
        .hint("A newer pgsluice worked on this migration; use that version.");
  }
  return *phase;
}

void write_phase(pg::Connection& target, const std::string& migration_id, planner::Phase phase) {
  if (target.query(fixed(target, "write_phase"), {migration_id, std::string(name_of(phase))}).affected_rows() != 1) {
    throw pg::Failure(pg::FailureKind::refused, "this migration is being rolled back, or the ledger no longer knows it")
        .hint("Finish with `pgsluice rollback`, then plan again with a new checkpoint.")
        .status("the phase is not entered; `pgsluice rollback` decides what is left");
  }
}

std::map<std::uint32_t, LedgerEntry> read_ledger(pg::Connection& target, const std::string& migration_id) {
  std::map<std::uint32_t, LedgerEntry> entries;
  if (!ledger_exists(target)) {
    return entries;
  }
  const pg::Result rows = target.query(fixed(target, "ledger_entries"), {migration_id, std::nullopt});
  for (int i = 0; i < rows.row_count(); ++i) {
    LedgerEntry entry = entry_at(rows, i);
    entries.emplace(entry.range, std::move(entry));
  }
  return entries;
}

std::optional<LedgerEntry> read_ledger_entry(pg::Connection& target, const std::string& migration_id,
                                             std::uint32_t range) {
  const pg::Step step = entry_step(target, migration_id, range);
  return entry_in(target.run_together({&step, 1}).front());
}

bool commit_batch(pg::Connection& target, const std::string& migration_id, const std::optional<planner::Key>& before,
                  const LedgerEntry& batch) {
  constexpr std::string_view kDivisionByZero = "22012";  // How the server refuses the row; see the statements.
  constexpr std::size_t kLedgerStep = 0;
  std::vector<pg::Step> steps = {batch_step(target, migration_id, before, batch), pg::commit_step()};
  if (batch.complete) {
    steps.push_back(unlock_step(target, migration_id, batch.range));
  }
  try {
    target.run_together(steps);
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::server || failure.step() != kLedgerStep ||
        failure.sqlstate() != kDivisionByZero) {
      throw;
    }
    target.rollback();
    return false;
  }
  return true;
}

void remove_from_ledger(pg::Connection& target, const std::string& migration_id) {
  if (!ledger_exists(target)) {
    return;
  }
  target.begin();
  target.query(fixed(target, "forget_batches"), {migration_id});
  target.query(fixed(target, "forget_migration"), {migration_id});
  target.commit();
  if (target.query(fixed(target, "ledger_is_unused")).boolean(0, 0)) {
    target.begin();
    target.run_script(fixed(target, "drop_ledger"));
    target.commit();
  }
}

RangeClaim claim_range(pg::Connection& target, const std::string& migration_id, std::uint32_t range,
                       const std::vector<pg::Step>& questions) {
  // The entry is read by a statement of its own behind the claim: it has a newer snapshot, which sees whatever the last
  // holder of the claim committed.
  std::vector<pg::Step> steps = {try_lock_step(target, migration_id, range), entry_step(target, migration_id, range)};
  const auto own_count = static_cast<std::ptrdiff_t>(steps.size());
  steps.insert(steps.end(), questions.begin(), questions.end());
  std::vector<pg::Result> answers = target.run_together(steps);
  RangeClaim claim{answers[0].boolean(0, 0), entry_in(answers[1]), {}};
  answers.erase(answers.begin(), answers.begin() + own_count);
  claim.answers = std::move(answers);
  return claim;
}

void release_range(pg::Connection& target, const std::string& migration_id, std::uint32_t range) {
  unlock(target, migration_id, range);
}

bool try_claim_migration(pg::Connection& target, const std::string& migration_id) {
  return try_lock(target, migration_id, kWholeMigration);
}

void release_migration(pg::Connection& target, const std::string& migration_id) {
  unlock(target, migration_id, kWholeMigration);
}

}  // namespace pgsluice::mover
