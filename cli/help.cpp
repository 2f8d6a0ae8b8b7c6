#include "cli/help.hpp"

#include <array>
#include <vector>

#include "cli/options.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

struct CommandHelp {
  std::string_view name;
  std::string_view summary;  // One line of the overview.
  std::string_view usage;
  std::string_view story;  // What it does, what it changes.
  std::string_view examples;
  std::string_view next;
};

constexpr std::array<CommandHelp, 9> kCommands = {{
    {"plan", "inspects the table, designs the target, cuts the ranges; changes nothing in the database",
     "pgsluice plan --table S.T --by KEY [options]",
     R"~(Reads everything that a migration of the table must keep, designs the partitioned target, cuts the
source into ranges and writes all of it into the checkpoint file. The plan is printed for you to read
before anything happens: what is kept, what changes, what is lost, which statements `run` will send
and which locks they take, how much disk they need.

Changes: one local file, and one folder with --emit-sql. The database is opened read-only. What cannot
work is refused here, all reasons at once, not half-way through a run.)~",
     R"~(  Sixteen hash partitions, the target beside the source:
    pgsluice plan --table public.sources --by "HASH (uid)" --partitions 16

  A partition a month, three months ahead, and one for everything else:
    pgsluice plan --table app.events --by "RANGE (created_at)" --interval "1 month" \
      --premake 3 --default

  A DEFAULT partition that is in use, split into new partitions of the same table by its own key:
    pgsluice plan --table app.events_default --into app.events --interval "1 month"

  Two levels, into another server, only looking:
    pgsluice plan --table app.events --by "LIST (region)" --then "HASH (id)" --then-partitions 8 \
      --source "host=old dbname=app" --target "host=new dbname=app" --dry-run

  As SQL to review and run by psql, or as Alembic revisions; no checkpoint:
    pgsluice plan --table app.events --by "RANGE (created_at)" --interval "1 month" \
      --dry-run --emit-sql migration
    pgsluice plan --table app.events --by "RANGE (created_at)" --interval "1 month" \
      --dry-run --emit-sql revisions --emit alembic)~",
     "pgsluice run"},
    {"estimate", "rehearses on a sample of the rows, on a fork, and says how long the whole job takes",
     "pgsluice estimate --table S.T --by KEY [options]",
     R"~(Plans as `plan` would, makes a scratch target beside the source (its name + _estimate), moves ranges
drawn from every kind of rows (old and new, plain, wide, with TOAST) into it, builds its indexes,
measures the work that a row causes, and drops everything again: also after Ctrl-C and after a
failure. What a killed one left is removed by the next.

From the work, not from the rate of the trial, follows how long the job takes on the volume and
instance that you name: which limit binds, how long burst credits last and how slow it is after
them, what a larger instance or volume would bring, and the space and WAL needed. Methods that empty
the source are not rehearsed. For an answer that can be trusted let it run for many minutes, on a
fork of the same class and size.

Changes: the scratch target, and schema pgsluice where it is missing; both are gone at the end. The
source is only read. With --read-only nothing is changed at all. It asks once on a terminal.)~",
     R"~(  On a fork, for ten minutes, for a production server that is named:
    pgsluice estimate --table public.sources --by "HASH (uid)" --partitions 16 --for 10min \
      --volume gp2:2000 --instance db.r5.4xlarge --foreground-iops 800 --plot estimate.html

  Which settings are best, half a minute each:
    pgsluice estimate --table public.sources --by "HASH (uid)" --partitions 16 --for 30s \
      --sweep workers=1,2,4,8 method=insert,stream

  On production itself, only reading:
    pgsluice estimate --table public.sources --by "HASH (uid)" --partitions 16 --read-only)~",
     "pgsluice plan, with the settings that were best"},
    {"run", "prepares the target and moves every range that is not done; goes on after any stop",
     "pgsluice run [options]",
     R"~(Does what the plan says: enters the migration in the ledger (schema pgsluice of the target's
database), makes the target, moves the ranges in small transactions, then builds indexes and
constraints per partition, attaches them, and analyzes.

Changes: with the strategy capture (see `pgsluice help plan`) triggers on the source note the keys of
changed rows, which are brought over at the end; given again, the same command brings the target up to
date, and after the cutover the old table. With the strategy offline the source is guarded: writes by
others are rejected until `pgsluice rollback`, or until you have swapped the tables (unless the plan
says --guard off). With the methods insert and stream the source keeps all of its rows; with move and
stream-move the rows leave it as they arrive.

It may be stopped or killed at any moment. Ctrl-C finishes the batches in flight and leaves (exit 4);
a second Ctrl-C cancels them. The same command goes on where it stopped: a batch counts as done if
and only if its ledger row is committed, and that row is committed with the batch's rows.

Beside customers, give it an I/O budget and brakes. Whatever makes it wait is told with its figures in
the progress, in `pgsluice status` and in the summary, and no lock, transaction or snapshot is held
meanwhile. `pgsluice control` pauses it and changes the limits while it runs.)~",
     R"~(  Eight sessions at once, without asking first:
    pgsluice run --workers 8 --yes

  At night, within 2,000 I/O operations a second, and never while a replica lags:
    pgsluice run --yes --max-iops 2000 --max-lag 10s --window "22:00-06:00 Europe/Berlin"

  From a script, with a log for machines:
    pgsluice run --yes --progress none --json --log-file run.log --log-format json)~",
     "pgsluice verify"},
    {"status", "shows how far a migration is, also beside a running mover", "pgsluice status [options]",
     R"~(Reads the checkpoint, without its lock, and asks the ledger when the target's server can be reached:
phase, ranges, rows, remaining ranges, the last errors, and what to type next.

Changes: nothing.)~",
     R"~(  Every two seconds, in another terminal:
    watch -n 2 pgsluice status

  For a script:
    pgsluice status --json)~",
     "what it says in its last line"},
    {"control", "steers a mover that runs in another terminal: pause, resume, stop, set",
     "pgsluice control [FILE] ACTION [options]\n"
     "       pgsluice control [FILE] set NAME=VALUE ...\n"
     "       pgsluice control [FILE] get [NAME ...]",
     R"~(Talks to the `pgsluice run` that holds the checkpoint FILE (default: as --checkpoint), through the
socket FILE.sock beside it, which only you and root may use. The actions:

  status        its figures: phase, rows, rate, workers, what it waits for and for how long, limits
  pause         begins no more batches; those in flight are finished
  resume        goes on after a pause
  stop          as Ctrl-C there: finishes the batches in flight and ends with exit code 4; a second stop
                cancels them; the same `run` goes on later
  set           changes settings, all of those named or none
  get           shows settings and where their values come from

The settings:

  max-iops      I/O operations a second that pgsluice may use, or none
  max-mbps      MB a second that pgsluice may use, or none
  server-iops   I/O operations a second of the whole server, the application first, or none
  workers       sessions that work at once, 1 to 64
  batch-rows    rows in one transaction, or auto: sized by time

Changes: what the running mover does, within a second. What is set is recorded in the checkpoint, and a
later run keeps it unless its own options say otherwise; a pause ends with its run. When no mover is at
work nothing happens (exit 2).)~",
     R"~(  How is it, and what does it wait for:
    pgsluice control status

  Less during the day, more at night:
    pgsluice control set max-iops=2000 workers=2
    pgsluice control set max-iops=none workers=8

  Another checkpoint, for a script:
    pgsluice control /var/lib/app/sources.checkpoint get max-iops --json)~",
     "pgsluice status"},
    {"verify", "compares source and target by count and checksum, range by range", "pgsluice verify [options]",
     R"~(Compares source and target by their number of rows and by a checksum over every column of every row,
in parallel, inside the databases: first in total, in one pass over both; where that differs, range by
range (or, without ranges of a key, by buckets of the checksum). Where the method emptied the source,
the target is compared with the checksums that were taken as the rows left. It may be stopped and
continued: what was found equal is remembered in the checkpoint.

Changes: nothing in the tables. Exit 0: all equal. Exit 3: data differ, the ranges are named.)~",
     R"~(  Compare everything, also what was compared before:
    pgsluice verify --again

  Which rows differ:
    pgsluice verify --find

  By every value's own form, not by hashes of its type:
    pgsluice verify --exact)~",
     "pgsluice status"},
    {"cutover", "puts the target into the source's place, in one short transaction", "pgsluice cutover [options]",
     R"~(Only for a plan of the strategy capture, when `run` is complete. First everything that is slow: a look
at all that stands in the way, ANALYZE, catching up with the changes. Then attempts, each one
transaction that waits for its locks no longer than --lock-timeout: lock, bring over the last changes,
exchange names, sequences, foreign keys, triggers, views and publications, capture changes the other
way round, COMMIT. An attempt that fails leaves everything as it was, in use and captured, tells who
was in the way, and is repeated after a pause until --cutover-timeout. At last foreign keys are
validated, which hinders nobody.

Changes: the source's name means the partitioned table from then on. The old table stays beside it,
called NAME_old, and every change is noted for it, so that `rollback` loses none. It asks once.)~",
     R"~(  What stands in the way, and nothing else:
    pgsluice cutover --check

  At night, with a word to others:
    pgsluice cutover --yes --at "03:00 Europe/Berlin" --hook after-cutover='mail -s done team'

  Hold ready until somebody says go:
    pgsluice cutover --yes --wait          # and elsewhere: pgsluice control cutover)~",
     "pgsluice finish, or pgsluice rollback"},
    {"finish", "ends a migration: drops the old table and all that was ours", "pgsluice finish [options]",
     R"~(After a cutover: ends the capture, drops the old table and everything else that carries this
migration's mark and is no longer needed, and takes the mark off what stays. What others have made
upon the old table is never dropped: it is named, and nothing happens.

Changes: the old table is gone, and there is no way back. It asks once; --yes skips that. It may be
repeated after it was killed.)~",
     R"~(  Without asking:
    pgsluice finish --yes)~",
     "nothing: the checkpoint may be removed"},
    {"rollback", "drops what was made and gives the source back as it was", "pgsluice rollback [options]",
     R"~(Undoes a migration at any point of it: moves the rows back first where the method took them out of
the source, then drops the target that `run` made, the guard and the ledger's rows. Only what carries
this migration's id is dropped; a target that was there before is kept, and only our rows leave it.

After a cutover it puts the old table back into its place, under the same short locks, with every write
made since; the target follows it again then. `pgsluice cutover` may be tried again, and a second
rollback removes everything.

Changes: the target is dropped, the source becomes writable again. It asks once; --yes skips that. It
may be stopped and continued like `run`.)~",
     R"~(  Without asking:
    pgsluice rollback --yes)~",
     "pgsluice plan, with another checkpoint, when you want to try again"},
}};

constexpr std::string_view kExitCodes =
    R"~(Exit codes: 0 done; 1 failed; 2 refused, nothing was changed; 3 data differ; 4 stopped before the
end, the same command goes on; 5 a file of ours is damaged.
)~";

const CommandHelp* find_command(std::string_view name) {
  for (const CommandHelp& command : kCommands) {
    if (command.name == name) {
      return &command;
    }
  }
  return nullptr;
}

std::string option_lines(std::string_view command) {
  constexpr std::size_t kTextColumn = 28;
  std::string text;
  std::string_view group;
  for (const OptionSpec& spec : option_specs()) {
    if (!spec.belongs_to(command)) {
      continue;
    }
    if (spec.group != group) {
      group = spec.group;
      text += "\n" + std::string(group) + "\n";
    }
    std::string head = "  --" + std::string(spec.name) + (spec.is_switch() ? "" : " " + std::string(spec.value));
    head += head.size() + 1 < kTextColumn ? std::string(kTextColumn - head.size(), ' ')
                                          : "\n" + std::string(kTextColumn, ' ');
    text += head + wrapped(spec.text, kHelpColumns - kTextColumn, kTextColumn) + "\n";
  }
  return text;
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent) {
  std::string lines;
  std::size_t used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (used > 0 && used + 1 + word.size() > columns) {
      lines += "\n" + std::string(indent, ' ');
      used = 0;
    } else if (used > 0) {
      lines += " ";
      ++used;
    }
    lines += word;
    used += word.size();
    at = end + 1;
  }
  return lines;
}

std::string overview_help() {
  std::string text =
      R"~(pgsluice rewrites one huge PostgreSQL table into partitions: in parallel, in small transactions,
and resumable at any moment.

Usage: pgsluice COMMAND [options]

Commands, in the order in which a migration goes:
)~";
  constexpr std::size_t kSummaryColumn = 12;
  for (const CommandHelp& command : kCommands) {
    std::string head = "  " + std::string(command.name);
    head.resize(kSummaryColumn, ' ');
    text += head + wrapped(command.summary, kHelpColumns - kSummaryColumn, kSummaryColumn) + "\n";
  }
  text += R"~(
  help [COMMAND], --help, --version

A first migration:
    pgsluice plan --table public.sources --by "HASH (uid)" --partitions 16 --dry-run
    pgsluice plan --table public.sources --by "HASH (uid)" --partitions 16
    pgsluice run
    pgsluice verify

Connections are libpq's: PGHOST, PGDATABASE, ~/.pgpass and so on, or --source and --target. Progress and
log go to standard error, results to standard output.

)~";
  text += kExitCodes;
  return text + "\nNext: pgsluice help plan\n";
}

std::string command_help(std::string_view name) {
  const CommandHelp* command = find_command(name);
  if (command == nullptr) {
    refuse_unknown_command(name);
  }
  std::string text = "pgsluice " + std::string(name) + ": " + std::string(command->summary) + "\n\nUsage: ";
  text += std::string(command->usage) + "\n\n" + std::string(command->story) + "\n";
  text += option_lines(name);
  text += "\nExamples\n" + std::string(command->examples) + "\n\n";
  text += std::string(kExitCodes) + "\nNext: " + std::string(command->next) + "\n";
  return text;
}

void refuse_unknown_command(std::string_view name) {
  std::vector<std::string_view> names;
  for (const CommandHelp& command : kCommands) {
    names.push_back(command.name);
  }
  pg::Failure failure(pg::FailureKind::refused, "there is no command \"" + std::string(name) + "\"");
  const std::optional<std::string_view> guess = nearest(name, names);
  failure.hint(guess ? "Did you mean \"pgsluice " + std::string(*guess) + "\"?"
                     : "Commands are plan, estimate, run, status, control, verify, cutover, finish and rollback; "
                       "\"pgsluice help\" explains "
                       "them.");
  throw failure;
}

}  // namespace pgsluice::cli
