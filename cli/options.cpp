#include "cli/options.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <numeric>

#include "cli/quantity.hpp"
#include "pg/conninfo.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

namespace po = boost::program_options;
using pg::Failure;
using pg::FailureKind;

constexpr std::string_view kWhere = "Where";
constexpr std::string_view kLayout = "Layout of the target";
constexpr std::string_view kWay = "How rows travel";
constexpr std::string_view kRanges = "Ranges";
constexpr std::string_view kAccept = "What cannot be kept";
constexpr std::string_view kSpeed = "Speed";
constexpr std::string_view kBudget = "I/O budget and brakes";
constexpr std::string_view kTrial = "The trial";
constexpr std::string_view kServer = "Where the job will run";
constexpr std::string_view kConduct = "Conduct";
constexpr std::string_view kOutput = "Output";

// The command whose arguments are not all options.
constexpr std::string_view kTakesWords = "control";

Failure refused(const std::string& message) {
  return Failure(FailureKind::refused, message);
}

std::string dashed(std::string_view name) {
  return "--" + std::string(name);
}

std::string help_hint(std::string_view command) {
  return "\"pgsluice help " + std::string(command) + "\" lists the options of this command.";
}

const OptionSpec* find_spec(std::string_view name) {
  for (const OptionSpec& spec : option_specs()) {
    if (spec.name == name) {
      return &spec;
    }
  }
  return nullptr;
}

// Answers an option that this command does not have. `where` says where it stands.
Failure unknown_option(std::string_view command, std::string name, const std::string& where) {
  while (name.starts_with('-')) {
    name.erase(0, 1);
  }
  const OptionSpec* elsewhere = find_spec(name);
  if (elsewhere != nullptr) {
    return refused(std::string(command) + " has no option " + dashed(name) + where)
        .hint(dashed(name) + " belongs to: " + std::string(elsewhere->commands) + ". " + help_hint(command));
  }
  std::vector<std::string_view> known;
  for (const OptionSpec& spec : option_specs()) {
    if (spec.belongs_to(command)) {
      known.push_back(spec.name);
    }
  }
  Failure failure = refused("unknown option " + dashed(name) + where);
  const std::optional<std::string_view> guess = nearest(name, known);
  failure.hint(guess ? "Did you mean " + dashed(*guess) + "? " + help_hint(command) : help_hint(command));
  return failure;
}

void add_option(po::options_description& description, const OptionSpec& spec) {
  const std::string name(spec.name);
  if (spec.is_switch()) {
    description.add_options()(name.c_str(), po::bool_switch());
  } else if (spec.takes_words) {
    description.add_options()(name.c_str(), po::value<std::vector<std::string>>()->multitoken());
  } else {
    description.add_options()(name.c_str(), po::value<std::string>());
  }
}

using Values = std::map<std::string, std::vector<std::string>, std::less<>>;

void add_value(Values& values, const std::string& name, const std::vector<std::string>& tokens,
               const std::string& where) {
  const OptionSpec& spec = *find_spec(name);
  std::vector<std::string>& collected = values[name];
  if (!spec.repeatable && !collected.empty()) {
    throw refused(dashed(name) + " is given twice" + where);
  }
  std::string value;
  for (const std::string& token : tokens) {
    value += (value.empty() ? "" : " ") + token;
  }
  collected.push_back(value);
}

struct CommandLine {
  Values values;
  std::vector<std::string> words;
};

CommandLine parse_command_line(std::string_view command, const std::vector<std::string>& arguments) {
  po::options_description description;
  for (const OptionSpec& spec : option_specs()) {
    if (spec.belongs_to(command)) {
      add_option(description, spec);
    }
  }
  const int style = po::command_line_style::allow_long | po::command_line_style::long_allow_next |
                    po::command_line_style::long_allow_adjacent;
  CommandLine line;
  try {
    const auto parsed = po::command_line_parser(arguments).options(description).style(style).run();
    for (const po::option& option : parsed.options) {
      if (option.string_key.empty() && command == kTakesWords) {
        line.words.push_back(option.value.front());
        continue;
      }
      if (option.string_key.empty()) {
        throw refused("\"" + option.value.front() + "\" is not an option")
            .hint("Options begin with two dashes, and a value with spaces stands in quotes. " + help_hint(command));
      }
      add_value(line.values, option.string_key, option.value, "");
    }
  } catch (const po::unknown_option& error) {
    throw unknown_option(command, error.get_option_name(), "");
  } catch (const po::error_with_option_name& error) {
    const std::string name = error.get_option_name();
    const OptionSpec* spec = find_spec(std::string_view(name).substr(std::min<std::size_t>(2, name.size())));
    const bool is_switch = spec != nullptr && spec->is_switch();
    throw refused(name + (is_switch ? " takes no value" : " needs a value")).hint(help_hint(command));
  }
  return line;
}

bool is_true(const std::string& name, const std::string& text, const std::string& where) {
  for (const std::string_view yes : {"", "on", "yes", "true", "1"}) {
    if (text == yes) {
      return true;
    }
  }
  for (const std::string_view no : {"off", "no", "false", "0"}) {
    if (text == no) {
      return false;
    }
  }
  throw refused(name + " is on or off, not \"" + text + "\"" + where);
}

bool others_may_read(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

// A file may hold options of every command, so that one file serves a whole migration; those of other commands are
// passed over.
Values parse_config_file(std::string_view command, const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    throw refused("the configuration file " + path + " cannot be read").hint("It is the value of --config.");
  }
  po::options_description description;
  for (const OptionSpec& spec : option_specs()) {
    if (!spec.on_command_line_only) {
      description.add_options()(std::string(spec.name).c_str(), po::value<std::string>());
    }
  }
  const std::string where = " in " + path;
  Values values;
  try {
    const auto parsed = po::parse_config_file(file, description);
    for (const po::option& option : parsed.options) {
      const OptionSpec& spec = *find_spec(option.string_key);
      if (!spec.belongs_to(command)) {
        continue;
      }
      const std::string text = option.value.empty() ? "" : option.value.front();
      if (spec.is_switch() && !is_true(option.string_key, text, where)) {
        continue;
      }
      add_value(values, option.string_key, option.value, where);
    }
  } catch (const po::unknown_option& error) {
    throw unknown_option(command, error.get_option_name(), where);
  } catch (const po::error&) {
    // Boost's message repeats the line, which may hold a password.
    throw refused("the configuration file " + path + " has a line that is no \"option = value\"")
        .hint("Write for example: workers = 8. A line may be a comment that begins with #.");
  }
  return values;
}

void refuse_password(const Values& values, const std::string& why, const std::string& instead) {
  for (const std::string_view name : {"source", "target"}) {
    const auto found = values.find(name);
    if (found != values.end() && pg::holds_password(found->second.front())) {
      throw refused("the value of " + dashed(name) + " holds a password, " + why).hint(instead);
    }
  }
}

std::string shell_quoted(const std::string& text) {
  const auto is_plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-./:=@,+%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) {
    return text;
  }
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return quoted + "'";
}

}  // namespace

bool OptionSpec::belongs_to(std::string_view command) const {
  return commands.empty() ||
         (" " + std::string(commands) + " ").find(" " + std::string(command) + " ") != std::string::npos;
}

const std::vector<OptionSpec>& option_specs() {
  static const std::vector<OptionSpec> specs = {
      {"table", "S.T", "plan estimate", kWhere,
       "The table whose rows leave: a table, partitioned or not, or one partition. Needed."},
      {"into", "S.T2", "plan", kWhere,
       "The table that rows reach. Default: the source's name + _partitioned. An existing, empty partitioned table is "
       "taken as it is. Where it is the table whose partition --table is, that one is split into others."},
      {"source", "CONNINFO", "", kWhere,
       "The source's database: a libpq connection string or URI, without a password. Default: libpq's environment "
       "(PGHOST, PGDATABASE …)."},
      {"target", "CONNINFO", "", kWhere, "The target's database. Default: the source's."},
      {"checkpoint", "FILE", "plan run status control verify cutover rollback finish", kWhere,
       "The file that holds the plan and the state of every range. Default: pgsluice.checkpoint in the current "
       "folder."},
      {"config", "FILE", "", kWhere,
       "A file of \"option = value\" lines, for any option of any command. The command line goes before it.", false,
       true},

      {"by", "KEY", "plan estimate", kLayout,
       "The first level: \"HASH (uid)\", \"RANGE (created_at)\" or \"LIST (region)\"."},
      {"partitions", "N", "plan estimate", kLayout, "HASH: the number of partitions."},
      {"interval", "STEP", "plan estimate", kLayout,
       "RANGE: the width of a partition: '1 month', '1 day', any interval (bounds in UTC); a number for an integer "
       "key."},
      {"bucket-rows", "N", "plan estimate", kLayout, "RANGE: a partition every N rows instead of a fixed width."},
      {"premake", "N", "plan estimate", kLayout,
       "RANGE with --interval: partitions ahead of the newest row. Default: 3."},
      {"default", "", "plan estimate", kLayout, "Adds a DEFAULT partition to each RANGE or LIST level."},
      {"then", "KEY", "plan estimate", kLayout, "A second level below the first, written as for --by."},
      {"then-partitions", "N", "plan estimate", kLayout, "As --partitions, for the second level."},
      {"then-interval", "STEP", "plan estimate", kLayout, "As --interval, for the second level."},

      {"strategy", "NAME", "plan estimate", kWay,
       "How concurrent writes are survived. capture: everybody writes; triggers note the keys of changed rows, which "
       "are brought over again until `cutover`. offline: nobody writes, and a guard sees to it. Default: capture where "
       "the table has a unique key of NOT NULL columns and rows are copied inside one database, else offline; the plan "
       "says why."},
      {"capture", "row|statement", "plan", kWay,
       "With --strategy capture: a trigger for each row, or for each statement, which costs the application less where "
       "its statements change many rows each. Default: as the table's statistics suggest."},
      {"method", "NAME", "plan estimate", kWay,
       "auto: copies by insert or stream, whichever the run finds better on its first ranges. auto-move: the same for "
       "the methods that empty the source, move or stream-move. Or one of the four by name. Default: auto."},
      {"guard", "on|off", "plan", kWay,
       "on: writes to the source are rejected while rows travel. off: nobody is stopped, and the run checks at its end "
       "that nobody wrote. "
       "Default: on."},

      {"split", "HOW", "plan estimate", kRanges,
       "key (by a unique key), ctid (by heap blocks, in the heap's order) or auto: ctid where no row can move "
       "meanwhile, "
       "which is when the method copies and the guard is on. Default: auto."},
      {"range-rows", "N", "plan estimate", kRanges,
       "At most about N rows in a range. Default: chosen from the table's size."},
      {"range-bytes", "SIZE", "plan estimate", kRanges,
       "At most about SIZE in a range, TOAST included. Default: chosen from the table's size."},

      {"keep-unique", "widen|strict", "plan estimate", kAccept,
       "A unique constraint without the partition key: widen it by that key, or refuse the plan. Default: widen."},
      {"accept", "KIND[,KIND]", "plan estimate cutover rollback", kAccept,
       "Goes on although something is lost: incoming-foreign-keys, self-foreign-keys, rules, exclusion-constraints, "
       "triggers; with cutover: unverified; with rollback: partitions (that were added since the cutover). May be "
       "repeated.",
       true},

      {"workers", "N|auto", "run verify cutover rollback estimate", kSpeed,
       "Sessions that work at once. auto: this machine's cores when the server runs on it, else 4; run tries more and "
       "keeps what pays. Default: auto."},
      {"optimize", "WHAT", "run", kSpeed,
       "What the best method is best for: time, wal (bytes of WAL a row) or io (WAL and blocks read). Default: time."},
      {"batch-rows", "N", "run estimate", kSpeed,
       "Rows in one transaction. Default: sized by time, towards half a second."},
      {"index-jobs", "N", "run estimate", kSpeed, "Indexes built at once. Default: as --workers."},
      {"index-memory", "SIZE", "run estimate", kSpeed,
       "maintenance_work_mem of each session that builds indexes: more saves temporary files, seldom processor time. "
       "Default: the server's setting."},
      {"vacuum-freeze", "", "run", kSpeed,
       "Freezes the rows at the end, leaf by leaf in as many sessions as --index-jobs, so that no later vacuum must "
       "write every page again. Writes up to about as much WAL as the table, far less for pages filled since the last "
       "checkpoint."},

      {"max-iops", "N", "run verify cutover estimate", kBudget,
       "I/O operations a second that pgsluice's own work may cause on the server: pages read, pages dirtied (when they "
       "are dirtied, not when a checkpoint writes them) and WAL. Index builds and comparisons are paced between one "
       "and the next. Default: no limit."},
      {"max-mbps", "N", "run verify cutover", kBudget, "The same in megabytes a second."},
      {"server-iops", "N", "run verify cutover estimate", kBudget,
       "I/O operations a second of the whole server: pgsluice takes what the application leaves."},
      {"meter", "HOW", "run verify cutover estimate", kBudget,
       "auto: the best counters that this role can read on this server; server: its own counters alone; "
       "diskstats:DEVICE: also what the volume of this machine does, where the server runs on it; none. Default: "
       "auto."},
      {"max-lag", "TIME", "run verify cutover", kBudget, "Pauses while a replica lags by more."},
      {"max-wal-lag", "SIZE", "run verify cutover", kBudget, "Pauses while a replication slot holds back more WAL."},
      {"max-lock-waits", "N", "run verify cutover", kBudget, "Pauses while so many sessions wait for locks."},
      {"min-free", "SIZE", "run verify cutover", kBudget,
       "Pauses while less is free where the server keeps its data; only where it runs on this machine."},
      {"pause-query", "SQL", "run verify cutover", kBudget,
       "Pauses while this query answers true or a number other than 0, or fails. Asked every two seconds."},
      {"pause-file", "FILE", "run verify cutover", kBudget, "Pauses while this file exists."},
      {"window", "HOURS", "run verify cutover", kBudget,
       "Works only then: \"22:00-06:00 Europe/Berlin\", \"Mon-Fri 20:00-06:00, Sat-Sun 00:00-24:00\" (UTC where no "
       "zone stands)."},

      {"for", "TIME", "estimate", kTrial,
       "How long rows are moved in a trial, of each combination with --sweep. Default: 1min, without --ranges."},
      {"ranges", "N", "estimate", kTrial, "At most so many ranges a trial."},
      {"sweep", "NAME=A,B …", "estimate", kTrial,
       "Tries combinations one after another and names the best: workers=1,2,4 method=insert,stream "
       "batch-rows=1k,10k, any of them.",
       true, false, true},
      {"read-only", "", "estimate", kTrial,
       "Changes nothing: the sampled ranges are read through COPY and thrown away. Tells how fast rows can be read, "
       "and "
       "nothing of writing them."},
      {"remove-leftovers", "", "estimate", kTrial,
       "Does nothing but remove what killed trials left in this database; every trial does so first."},

      {"volume", "SPEC", "estimate", kServer,
       "The volume that the job will run on: gp2:2000, gp3:2000:12000iops:500mbps, io1:2000:20000iops, each as RDS "
       "sells "
       "it (GiB, MiB/s); gp2:750:ebs for one of your own; custom:5000iops:250mbps for any other disk."},
      {"instance", "CLASS", "estimate", kServer, "The instance: db.r5.4xlarge, say."},
      {"instance-base-iops", "N", "estimate", kServer,
       "What the instance sustains, where you know better than the tables: I/O operations a second."},
      {"instance-base-mbps", "N", "estimate", kServer, "The same in MB/s, of 10^6 bytes."},
      {"credits", "SHARE", "estimate", kServer,
       "Burst credits of volume and instance when the job begins: full, empty, unknown, or 40%. unknown counts as "
       "empty, but in the least duration. Default: unknown."},
      {"foreground-iops", "N", "estimate", kServer, "What the application uses meanwhile: I/O operations a second."},
      {"foreground-mbps", "N", "estimate", kServer, "The same in MiB/s."},
      {"cores", "N", "estimate", kServer, "The server's cores. Default: those of --instance."},

      {"dry-run", "", "plan", kConduct,
       "Prints the plan with every statement and the lock it takes; writes no checkpoint."},
      {"emit-sql", "DIR", "plan", kConduct,
       "Writes the whole migration into the new folder DIR, for people who review SQL and run it themselves: what run, "
       "cutover, rollback and finish would execute, in order, each statement with its lock, up and down, as the "
       "catalogue is now. DIR/README.md tells the order and what files cannot do. With --dry-run no checkpoint is "
       "written."},
      {"emit", "FORM", "plan", kConduct,
       "The form of --emit-sql. sql: files for psql. alembic: revisions for Alembic that execute the same statements "
       "(partition, cutover, and a last one that drops the old table). Default: sql."},
      {"alembic-down-revision", "REV", "plan", kConduct,
       "The revision upon which the first one of --emit alembic stands. Default: none."},
      {"verify", "WHEN", "run", kConduct,
       "off; after: source and target are compared as verify does when all rows have arrived; during: checksums are "
       "taken as rows travel. Then insert compares every batch before it is committed, and nothing is read afterwards: "
       "for a table larger than memory this saves reading source and target once more; it sees what was inserted, not "
       "what a trigger changes later. The other methods read the target once at the end. A difference ends the run "
       "with exit code 3. Default: off."},
      {"find", "", "verify", kConduct, "Names the keys that differ in each range that differs."},
      {"again", "", "verify", kConduct, "Compares ranges again that an earlier verify found equal."},
      {"exact", "", "verify", kConduct,
       "Compares the binary or text form of every value, at two to five times the cost. Without it jsonb is compared "
       "by its own hash, which is blind to the sign and scale of a number in it, to where an inner array or object "
       "ends, and to values 32 places apart that change alike or change places. Always on where the plan says --guard "
       "off. Not for move and stream-move."},
      {"yes", "", "run cutover rollback finish estimate", kConduct, "Does not ask."},
      {"check", "", "cutover", kConduct, "Only prints what stands in the way: exit 2 when something blocks, else 0."},
      {"at", "MOMENT", "cutover", kConduct,
       "Brings everything near, then waits: \"03:00 Europe/Berlin\" (the next one), \"2026-12-01 03:00 UTC\"."},
      {"wait", "", "cutover", kConduct,
       "Brings everything near and holds ready, until `pgsluice control cutover` says go."},
      {"hook", "MOMENT=COMMAND", "cutover", kConduct,
       "Runs COMMAND by /bin/sh at before-cutover or after-cutover, with PGSLUICE_SOURCE, PGSLUICE_TARGET, "
       "PGSLUICE_MIGRATION, PGSLUICE_CHECKPOINT and PGSLUICE_MOMENT in its environment. An exit code other than 0 ends "
       "the cutover. May be repeated.",
       true},
      {"sequence-gap", "N", "cutover", kConduct,
       "Leaves out N numbers of each sequence that is carried over. Default: 0, none."},
      {"max-lock", "TIME", "cutover rollback", kConduct,
       "An attempt that would hold its lock for longer is given up. Default: 1s."},
      {"cutover-timeout", "TIME", "cutover rollback", kConduct,
       "How long attempts are repeated, each bounded by --lock-timeout. Default: 10min."},
      {"lock-timeout", "TIME", "", kConduct,
       "How long any statement of ours may wait for a lock before it steps back. Default: 200ms."},
      {"reconnect-limit", "TIME", "plan run verify cutover rollback finish estimate", kConduct,
       "How long a server may be away before the command stops, to be continued later. Default: 5min."},

      {"progress", "HOW", "run verify cutover rollback finish estimate", kOutput,
       "auto, plain (a line every few seconds) or none. auto is one live block on a terminal, else plain. Default: "
       "auto."},
      {"plot", "FILE", "estimate", kOutput,
       "Draws the trial and the predicted progress into FILE: .svg for the picture, .html for picture and text."},
      {"json", "", "", kOutput, "The result on standard output is one JSON document."},
      {"log-level", "LEVEL", "", kOutput,
       "error, warn, info, debug (every statement that changes something, with its duration) or trace. Default: info."},
      {"log-file", "FILE", "", kOutput,
       "Appends the log to FILE (mode 0600); only warnings go to standard error then."},
      {"log-format", "text|json", "", kOutput, "Lines of text or of JSON. Default: text."},
  };
  return specs;
}

Options Options::parse(std::string_view command, const std::vector<std::string>& arguments) {
  Options options;
  options.command_ = command;
  CommandLine line = parse_command_line(command, arguments);
  options.words_ = std::move(line.words);
  options.typed_ = std::move(line.values);
  refuse_password(options.typed_, "which every user of this machine can read in the process list",
                  "Put the password into ~/.pgpass (mode 0600), or into the variable PGPASSWORD.");
  options.values_ = options.typed_;
  if (options.has("config")) {
    const std::string path = options.text("config");
    Values configured = parse_config_file(command, path);
    if (others_may_read(path)) {
      refuse_password(
          configured, "and others may read " + path,
          "Put the password into ~/.pgpass, or take the others' right away: chmod 600 " + shell_quoted(path));
    }
    options.values_.merge(configured);
  }
  return options;
}

const std::vector<std::string>* Options::values(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

bool Options::has(std::string_view name) const {
  return values(name) != nullptr;
}

std::string Options::text(std::string_view name, std::string_view fallback) const {
  const std::vector<std::string>* found = values(name);
  return found == nullptr ? std::string(fallback) : found->front();
}

std::uint64_t Options::count(std::string_view name, std::uint64_t fallback) const {
  return has(name) ? parse_count(name, text(name)) : fallback;
}

std::uint64_t Options::bytes(std::string_view name, std::uint64_t fallback) const {
  return has(name) ? parse_bytes(name, text(name)) : fallback;
}

std::chrono::milliseconds Options::duration(std::string_view name, std::chrono::milliseconds fallback) const {
  return has(name) ? parse_duration(name, text(name)) : fallback;
}

std::string Options::choice(std::string_view name, const std::vector<std::string>& choices) const {
  const std::string value = text(name, choices.front());
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) {
    return value;
  }
  std::string listed;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    listed += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i];
  }
  throw refused(dashed(name) + " does not take \"" + value + "\"").hint("It takes " + listed + ".");
}

bool Options::on_off(std::string_view name, bool fallback) const {
  return has(name) ? is_true(dashed(name), text(name), "") : fallback;
}

std::vector<std::string> Options::list(std::string_view name) const {
  std::vector<std::string> elements;
  const std::vector<std::string>* found = values(name);
  if (found == nullptr) {
    return elements;
  }
  for (const std::string& text : *found) {
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      std::string element = text.substr(at, comma - at);
      element.erase(0, std::min(element.find_first_not_of(' '), element.size()));
      element.erase(element.find_last_not_of(' ') + 1);
      if (!element.empty()) {
        elements.push_back(element);
      }
      at = comma + 1;
    }
  }
  return elements;
}

std::vector<std::string> Options::texts(std::string_view name) const {
  const std::vector<std::string>* found = values(name);
  return found == nullptr ? std::vector<std::string>{} : *found;
}

std::string Options::whereabouts() const {
  std::string words;
  for (const std::string_view name : {"source", "target", "checkpoint", "config"}) {
    const auto found = typed_.find(name);
    if (found != typed_.end()) {
      words += " " + dashed(name) + " " + shell_quoted(found->second.front());
    }
  }
  return words;
}

std::optional<std::string_view> nearest(std::string_view text, const std::vector<std::string_view>& candidates) {
  // Levenshtein's distance, one row at a time.
  const auto distance = [&](std::string_view other) {
    std::vector<std::size_t> row(other.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= text.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= other.size(); ++j) {
        const std::size_t replaced = diagonal + (text[i - 1] == other[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    return row.back();
  };
  std::optional<std::string_view> best;
  std::size_t best_distance = std::max<std::size_t>(2, text.size() / 2);  // Farther ones do not resemble it.
  for (const std::string_view candidate : candidates) {
    if (distance(candidate) < best_distance) {
      best_distance = distance(candidate);
      best = candidate;
    }
  }
  return best;
}

}  // namespace pgsluice::cli
