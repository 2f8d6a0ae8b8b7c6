// The form of files for psql.
#include <algorithm>

#include "cli/emit.hpp"
#include "cli/help.hpp"
#include "planner/script_sql.hpp"

namespace pgsluice::cli {

namespace {

using mover::Emission;
using mover::Script;
using mover::ScriptStep;
using mover::Stage;
using Frame = ScriptStep::Frame;

constexpr std::size_t kColumns = 110;

// Every line of it behind the two dashes.
std::string paragraph_text(std::string_view text) {
  std::string comment;
  const std::string lines = wrapped(on_one_line(text), kColumns, 0);
  for (std::size_t at = 0; at <= lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    comment += "-- " + lines.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return comment;
}

std::string statement_text(const planner::Statement& statement) {
  return "-- " + lock_line(statement) + "\n" + statement.sql + ";\n";
}

std::string statements_text(const planner::Statements& statements) {
  std::string text;
  for (const planner::Statement& statement : statements) {
    text += statement_text(statement);
  }
  return text;
}

std::string framed_text(const ScriptStep& step) {
  std::string inner = statements_text(step.statements);
  if (step.frame == Frame::alone) {
    return inner;
  }
  const std::string begin = step.frame == Frame::snapshot ? planner::begin_snapshot_sql() : planner::begin_sql();
  return statements_text(step.before) + begin + ";\n" + inner + planner::commit_sql() + ";\n" +
         statements_text(step.after);
}

std::string step_text(const ScriptStep& step, const std::string& name, std::size_t number, std::size_t count) {
  const std::string position = "step " + std::to_string(number) + " of " + std::to_string(count);
  std::string text = "\n" +
                     paragraph_text("---- " + position + ": " + step.what +
                                    (step.frame == Frame::alone ? ". Not in a transaction of several statements."
                                                                : ". One transaction.")) +
                     "\\echo " + name + ": " + position + "\n";
  if (step.is_open_sql.empty()) {
    return text + framed_text(step);
  }
  // \gset makes a variable of the answer's column.
  return text + step.is_open_sql + " \\gset pgsluice_\n\\if :pgsluice_is_open\n" + framed_text(step) + "\\endif\n";
}

struct NamedScript {
  std::string file;  // "03-copy.up.sql"
  const Stage* stage;
  const Script* script;
  bool is_up;
};

std::string number_text(std::size_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

std::vector<NamedScript> scripts_of(const Emission& emission) {
  std::vector<NamedScript> scripts;
  std::size_t number = 0;
  for (const Stage& stage : emission.stages) {
    const std::string name = number_text(++number) + "-" + stage.name;
    scripts.push_back({name + ".up.sql", &stage, &stage.up, true});
    if (stage.down) {
      scripts.push_back({name + ".down.sql", &stage, &*stage.down, false});
    }
  }
  return scripts;
}

std::string back_text(const NamedScript& named) {
  if (!named.is_up) {
    return "This is the way back of " + named.stage->name + ".";
  }
  return named.stage->down ? "The way back is the file of the same name with .down."
                           : "There is no way back by itself: " + named.stage->no_down;
}

std::string head_text(const planner::Plan& plan, const Emission& emission, const NamedScript& named) {
  std::string text = paragraph_text(named.file + ": migration " + plan.migration_id + ", " +
                                    pg::display(plan.source.name) + " to " + pg::display(plan.layout.root.name));
  text += "--\n" + paragraph_text(named.script->what);
  text += "--\n" + paragraph_text(back_text(named));
  text += "--\n" + paragraph_text("Written by pgsluice " + plan.tool_version + ". " + catalogue_sentence(plan) +
                                  " Each statement stands behind the lock that it takes. A step that is done is left "
                                  "out when the file is run again. Run it by:");
  text += "--   psql -X -d DATABASE -f " + named.file + "\n";
  text += "\n\\set ON_ERROR_STOP on\n\\set AUTOCOMMIT on\n";
  for (const auto& [name, value] : emission.settings) {
    text += planner::set_sql(name, value).sql + ";\n";
  }
  return text;
}

std::string script_text(const planner::Plan& plan, const Emission& emission, const NamedScript& named) {
  std::string text = head_text(plan, emission, named);
  const std::string name = named.file.substr(0, named.file.size() - std::string_view(".sql").size());
  std::size_t number = 0;
  for (const ScriptStep& step : named.script->steps) {
    text += step_text(step, name, ++number, named.script->steps.size());
  }
  return text;
}

std::string files_table(const std::vector<NamedScript>& scripts) {
  std::string text;
  for (const NamedScript& named : scripts) {
    if (named.is_up) {
      text += "- `" + named.file + "`" + (named.stage->down ? "" : ", no way back") + ": " +
              on_one_line(named.script->what) + "\n";
    }
  }
  return text;
}

std::string name_of_first(const std::vector<NamedScript>& scripts, mover::Part part) {
  for (const NamedScript& named : scripts) {
    if (named.is_up && named.stage->part == part) {
      return named.file;
    }
  }
  return "";
}

std::string repeated_before_cutover(const std::vector<NamedScript>& scripts) {
  for (const NamedScript& named : scripts) {
    if (named.stage->is_for_cutover) {
      return "Right before `" + name_of_first(scripts, mover::Part::cutover) + "` run `" + named.file +
             "` once more: what it leaves is brought over while the tables are locked.\n";
    }
  }
  return "";
}

// Those of the preparation, from the last to the first.
std::string back_to_start(const std::vector<NamedScript>& scripts) {
  std::string text;
  for (auto named = scripts.rbegin(); named != scripts.rend(); ++named) {
    if (!named->is_up && named->stage->part == mover::Part::preparation) {
      text += (text.empty() ? "" : ", ") + ("`" + named->file + "`");
    }
  }
  return text;
}

std::string back_from_cutover(const std::vector<NamedScript>& scripts) {
  for (const NamedScript& named : scripts) {
    if (!named.is_up && named.stage->part == mover::Part::cutover) {
      return "After the cutover `" + named.file +
             "` comes first (all files of the cutover must have been run before it): it loses no write made since.\n";
    }
  }
  return "After the cutover there is no way back: nothing notes what is written from then on.\n";
}

std::string readme_text(const planner::Plan& plan, const Emission& emission, const std::vector<NamedScript>& scripts) {
  return "# " + on_one_line(pg::display(plan.source.name)) + " into partitions\n\n" + "Migration " + plan.migration_id +
         ", strategy " + std::string(name_of(plan.strategy)) + ", written by pgsluice " + plan.tool_version + ". " +
         catalogue_sentence(plan) +
         "\nWhen the table or what is tied to it has changed since, write the files anew.\n\n"
         "## Order\n\nRun them one after another, as the table's owner or a role that may act as it:\n\n"
         "    psql -X -d DATABASE -f FILE\n\n" +
         files_table(scripts) + "\n" + repeated_before_cutover(scripts) +
         "\nA file ends at its first error and may be run again: each step is one transaction that records itself as\n"
         "done, and is left out then. Where a table of the application must be locked, the step waits for 200 ms and\n"
         "gives up; nothing has happened, so try again, at a quieter moment if need be.\n"
         "A file refuses to begin while one before it is not done to its end.\n\n"
         "## The way back\n\nBefore the cutover: " +
         back_to_start(scripts) + ".\n" + back_from_cutover(scripts) + not_carried_text(emission) +
         only_the_tool_text(plan);
}

}  // namespace

std::vector<planner::NamedContent> sql_files(const planner::Plan& plan, const Emission& emission) {
  const std::vector<NamedScript> scripts = scripts_of(emission);
  std::vector<planner::NamedContent> files = {{"README.md", readme_text(plan, emission, scripts)}};
  for (const NamedScript& named : scripts) {
    files.push_back({named.file, script_text(plan, emission, named)});
  }
  return files;
}

}  // namespace pgsluice::cli
