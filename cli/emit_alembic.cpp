// The form of Alembic revisions. Each holds the same statements as the files for psql, and commits its steps one by one
// as they do: one transaction for a whole migration would hold its locks and its snapshot until the last row is copied.
#include <algorithm>
#include <cctype>

#include "cli/emit.hpp"
#include "planner/script_sql.hpp"

namespace pgsluice::cli {

namespace {

using mover::Emission;
using mover::Part;
using mover::Script;
using mover::ScriptStep;
using mover::Stage;
using Frame = ScriptStep::Frame;

// What runs the steps. It is in every revision, so that each can be moved and kept by itself.
constexpr std::string_view kRunner = R"~(

def run(sql):
    """Sends one statement as it is: neither '%' nor ':' means anything in it."""
    context = op.get_context()
    if context.as_sql:
        context.impl.static_output(sql + ";\n")
        return None
    return op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})


@contextlib.contextmanager
def session():
    """Outside Alembic's transaction, with the settings that the statements were written for."""
    context = op.get_context()
    with context.autocommit_block():
        if context.as_sql:
            for name, value in SETTINGS:
                run("SET " + name + " = '" + value.replace("'", "''") + "'")
            yield
            return
        bind = op.get_bind()

        def write(name, value):
            bind.execute(sa.select(sa.func.pg_catalog.set_config(name, value, False)))

        before = [(name, bind.execute(sa.select(sa.func.pg_catalog.current_setting(name, True))).scalar())
                  for name, _ in SETTINGS]
        for name, value in SETTINGS:
            write(name, value)
        try:
            yield
        finally:
            if not bind.invalidated:
                for name, value in before:
                    write(name, value or "")


def may_be_repeated(error):
    code = getattr(error.orig, "pgcode", None) or getattr(error.orig, "sqlstate", None)
    return code in ("55P03", "40001", "40P01", "57014")


def step(statements, begin=None, is_open=None, before=(), after=()):
    """One step: a transaction, unless `begin` is None; left out where `is_open` says that it is done."""
    if is_open is not None and not op.get_context().as_sql and not run(is_open).scalar():
        return
    for attempt in range(1, ATTEMPTS_MAX + 1):
        for sql in before:
            run(sql)
        try:
            if begin is None:
                for sql in statements:
                    run(sql)
                return
            run(begin)
            try:
                for sql in statements:
                    run(sql)
                run(COMMIT)
                return
            except sa.exc.DBAPIError as error:
                if error.connection_invalidated:
                    raise
                run("ROLLBACK")
                if attempt == ATTEMPTS_MAX or not may_be_repeated(error):
                    raise
        finally:
            if op.get_context().as_sql or not op.get_bind().invalidated:
                for sql in after:
                    run(sql)
        time.sleep(random.uniform(0.25, 3))
)~";

// `"…"`: a literal of Python that means these bytes, whatever they are.
std::string python_literal(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string literal = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      literal += '\\';
      literal += c;
    } else if (c == '\n') {
      literal += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      literal += "\\x";
      literal += kDigits[byte >> 4U];
      literal += kDigits[byte & 0xfU];
    } else {
      literal += c;
    }
  }
  return literal + "\"";
}

// Line by line, so that a person can read it.
std::string python_lines(std::string_view text, const std::string& indent) {
  std::string lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    lines += (lines.empty() ? "" : "\n" + indent) + python_literal(text.substr(at, end - at));
    at = end;
  }
  return lines.empty() ? "\"\"" : lines;
}

std::string statements_text(const planner::Statements& statements, const std::string& indent) {
  std::string text = "[\n";
  for (const planner::Statement& statement : statements) {
    text += indent + "    # " + lock_line(statement) + "\n";
    text += indent + "    " + python_lines(statement.sql, indent + "    ") + ",\n";
  }
  return text + indent + "]";
}

std::string step_text(const ScriptStep& step) {
  const std::string indent = "            ";
  std::string text = "        # " + on_one_line(step.what) + ".\n        step(\n";
  text += indent + "statements=" + statements_text(step.statements, indent) + ",\n";
  if (step.frame != Frame::alone) {
    text += indent + "begin=" + (step.frame == Frame::snapshot ? "BEGIN_SNAPSHOT" : "BEGIN") + ",\n";
  }
  if (!step.is_open_sql.empty()) {
    text += indent + "is_open=" + python_literal(step.is_open_sql) + ",\n";
  }
  if (!step.before.empty()) {
    text += indent + "before=" + statements_text(step.before, indent) + ",\n";
  }
  if (!step.after.empty()) {
    text += indent + "after=" + statements_text(step.after, indent) + ",\n";
  }
  return text + "        )\n";
}

std::string script_text(const Script& script) {
  std::string text;
  for (const ScriptStep& step : script.steps) {
    text += step_text(step);
  }
  return text;
}

struct Revision {
  std::string id;
  std::string below;  // The id of the one upon which it stands; empty for none.
  std::string title;
  std::vector<const Stage*> up;
  std::vector<const Stage*> down;
  std::string no_down;  // Where `down` is empty.
};

std::string function_text(const std::string& name, const std::string& body) {
  return "\n\ndef " + name + "():\n" + body;
}

std::string upgrade_text(const Revision& revision) {
  std::string body = "    with session():\n";
  for (const Stage* stage : revision.up) {
    body += "        # ---- " + stage->name + ": " + on_one_line(stage->up.what) + "\n" + script_text(stage->up);
  }
  return function_text("upgrade", body);
}

std::string downgrade_text(const Revision& revision) {
  if (revision.down.empty()) {
    return function_text("downgrade", "    raise RuntimeError(" + python_literal(revision.no_down) + ")\n");
  }
  std::string body = "    with session():\n";
  for (const Stage* stage : revision.down) {
    body += "        # ---- " + stage->name + ": " + on_one_line(stage->down->what) + "\n" + script_text(*stage->down);
  }
  return function_text("downgrade", body);
}

// Within a docstring: what ends it or is special in it becomes harmless.
std::string in_docstring(std::string_view text) {
  std::string safe = on_one_line(text);
  std::replace_if(
      safe.begin(), safe.end(), [](char c) { return c == '"' || c == '\\'; }, '\'');
  return safe;
}

std::string settings_text(const Emission& emission) {
  std::string text = "SETTINGS = [\n";
  for (const auto& [name, value] : emission.settings) {
    if (name != "client_encoding") {  // The driver's own business.
      text += "    (" + python_literal(name) + ", " + python_literal(value) + "),\n";
    }
  }
  return text + "]\n";
}

std::string revision_text(const planner::Plan& plan, const Emission& emission, const Revision& revision) {
  std::string text = "\"\"\"" + in_docstring(revision.title) + "\n\nMigration " + plan.migration_id +
                     ", written by pgsluice " + in_docstring(plan.tool_version) + ".\n" +
                     in_docstring(catalogue_sentence(plan)) + "\n\nRevision ID: " + revision.id +
                     "\nRevises: " + in_docstring(revision.below) + "\nCreate Date: " + in_docstring(plan.created_at) +
                     "\n\"\"\"\n";
  text += "import contextlib\nimport random\nimport time\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n";
  text += "revision = " + python_literal(revision.id) +
          "\ndown_revision = " + (revision.below.empty() ? "None" : python_literal(revision.below)) +
          "\nbranch_labels = None\ndepends_on = None\n\n";
  text += "ATTEMPTS_MAX = 200\nBEGIN = " + python_literal(planner::begin_sql()) +
          "\nBEGIN_SNAPSHOT = " + python_literal(planner::begin_snapshot_sql()) +
          "\nCOMMIT = " + python_literal(planner::commit_sql()) + "\n" + settings_text(emission);
  return text + std::string(kRunner) + upgrade_text(revision) + downgrade_text(revision);
}

// For a file's name.
std::string plain_word(const std::string& name) {
  constexpr std::size_t kBytesMax = 40;
  std::string word;
  for (const char c : name) {
    const bool is_plain = std::isalnum(static_cast<unsigned char>(c)) != 0 && static_cast<unsigned char>(c) < 0x80;
    if (is_plain) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty() && word.back() != '_') {
      word += '_';
    }
  }
  word = word.substr(0, kBytesMax);
  while (!word.empty() && word.back() == '_') {
    word.pop_back();
  }
  return word.empty() ? "table" : word;
}

// The migration's id without its dashes, cut, and the revision's number: no two plans have the same.
std::string revision_id(const planner::Plan& plan, unsigned number) {
  constexpr std::size_t kDigits = 11;
  std::string hex = plan.migration_id;
  std::erase(hex, '-');
  return hex.substr(0, kDigits) + std::to_string(number);
}

Revision revision_of(const Emission& emission, Part part) {
  Revision revision;
  for (const Stage& stage : emission.stages) {
    const bool is_repeated = part == Part::cutover && stage.is_for_cutover;
    if (stage.part != part && !is_repeated) {
      continue;
    }
    revision.up.push_back(&stage);
    // What a stage copied or built goes with the target, which goes last.
    if (stage.down && stage.part == part) {
      revision.down.insert(revision.down.begin(), &stage);
    }
    revision.no_down = stage.no_down.empty() ? revision.no_down : stage.no_down;
  }
  return revision;
}

struct NamedRevision {
  std::string file;
  Revision revision;
};

std::vector<NamedRevision> revisions_of(const planner::Plan& plan, const Emission& emission,
                                        const std::string& down_revision) {
  const std::string word = plain_word(plan.source.name.name);
  const std::string table = pg::display(plan.source.name);
  std::vector<NamedRevision> revisions;
  std::string below = down_revision;
  unsigned number = 0;
  const auto add = [&](Part part, const std::string& verb, const std::string& title, const std::string& ending) {
    Revision revision = revision_of(emission, part);
    revision.id = revision_id(plan, ++number);
    revision.below = below;
    revision.title = title;
    below = revision.id;
    const std::string file = revision.id + "_" + verb + "_" + word + ending;
    revisions.push_back({file, std::move(revision)});
  };
  add(Part::preparation, "partition", "Make and fill the partitioned twin of " + table, ".py");
  add(Part::cutover, "cutover", "Put the partitioned twin into the place of " + table, ".py");
  add(Part::finish, "finish", "Drop the old table behind " + table, ".py.later");
  return revisions;
}

std::string readme_text(const planner::Plan& plan, const Emission& emission,
                        const std::vector<NamedRevision>& revisions) {
  std::string text = "# " + on_one_line(pg::display(plan.source.name)) + " into partitions, by Alembic\n\nMigration " +
                     plan.migration_id + ", strategy " + std::string(name_of(plan.strategy)) +
                     ", written by pgsluice " + plan.tool_version + ". " + catalogue_sentence(plan) +
                     "\nWhen the table or what is tied to it has changed since, write the files anew.\n\n"
                     "Put them into the folder `versions` of your Alembic environment:\n\n";
  for (const NamedRevision& named : revisions) {
    text += "- `" + named.file + "`: " + on_one_line(named.revision.title) + "." +
            (named.revision.down.empty() ? " No downgrade: " + named.revision.no_down : "") + "\n";
  }
  text +=
      "\nThe last one ends in `.later`, so that `alembic upgrade head` does not drop the old table in one breath with\n"
      "the cutover: take that ending off when you are sure.\n\n"
      "Revisions commit step by step, outside Alembic's transaction, with locks that are waited for 200 ms and asked\n"
      "for again. A revision that failed may be run again; it goes on behind the last step that was done. No\n"
      "stage begins while one before it is not done to its end. Connect as\n"
      "the table's owner or a role that may act as it, by psycopg2 or another driver that sends statements as they\n"
      "are, not through a pool that gives each transaction another session.\n";
  return text + not_carried_text(emission) + only_the_tool_text(plan);
}

}  // namespace

std::vector<planner::NamedContent> alembic_files(const planner::Plan& plan, const Emission& emission,
                                                 const std::string& down_revision) {
  const std::vector<NamedRevision> revisions = revisions_of(plan, emission, down_revision);
  std::vector<planner::NamedContent> files = {{"README.md", readme_text(plan, emission, revisions)}};
  for (const NamedRevision& named : revisions) {
    files.push_back({named.file, revision_text(plan, emission, named.revision)});
  }
  return files;
}

}  // namespace pgsluice::cli
