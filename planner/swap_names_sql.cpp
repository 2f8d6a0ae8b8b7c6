#include "planner/swap_names_sql.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "planner/index_sql.hpp"
#include "planner/names.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::planner {

namespace {

using Kind = Renaming::Kind;

std::string_view kind_sql(Kind kind) {
  switch (kind) {
    case Kind::table:
      return "TABLE";
    case Kind::index:
      return "INDEX";
    case Kind::sequence:
      return "SEQUENCE";
    case Kind::statistics:
      return "STATISTICS";
  }
  return "";
}

std::string_view lock_of(Kind kind) {
  return kind == Kind::index ? "SHARE UPDATE EXCLUSIVE" : kind == Kind::statistics ? "" : "ACCESS EXCLUSIVE";
}

void add(std::vector<Renaming>& renamings, Kind kind, const QualifiedName& from, const std::string& to) {
  renamings.push_back({kind, from, to});
}

// What the source's things are called while they are out of the way: NAME_old, and another one where a thing of the
// source has that name itself, since the target's twin of it will want it.
struct NamesAside {
  std::string table;
  std::map<std::string, std::string> indexes, sequences, statistics;
};

NamesAside names_aside(const Plan& plan) {
  const TableFacts& source = plan.source;
  std::set<std::string> wanted = {source.name.name};
  std::set<std::string> wanted_statistics;
  for (const Index& index : source.indexes) {
    wanted.insert(index.name);
  }
  for (const Sequence& sequence : source.sequences) {
    wanted.insert(sequence.name.name);
  }
  for (const Statistics& object : source.statistics) {
    wanted_statistics.insert(object.name.name);
  }
  NameAllocator free(wanted);
  NameAllocator free_for_statistics(wanted_statistics);
  NamesAside aside{.table = free.allocate(source.name.name + "_old"), .indexes = {}, .sequences = {}, .statistics = {}};
  for (const Index& index : source.indexes) {
    aside.indexes[index.name] = free.allocate(index.name + "_old");
  }
  for (const Sequence& sequence : source.sequences) {
    aside.sequences[sequence.name.name] = free.allocate(sequence.name.name + "_old");
  }
  for (const Statistics& object : source.statistics) {
    aside.statistics[object.name.name] = free_for_statistics.allocate(object.name.name + "_old");
  }
  return aside;
}

// A statistics object does not follow its table into another schema.
Statements statistics_schema_sql(const Plan& plan, bool forward) {
  Statements statements;
  for (const Statistics& object : plan.source.statistics) {
    const QualifiedName planned = statistics_name(plan.names, plan.source, plan.layout.root, object);
    const std::string& home = forward ? planned.schema : object.name.schema;
    const std::string& goal = forward ? object.name.schema : planned.schema;
    if (home != goal) {
      statements.push_back(
          {"ALTER STATISTICS " + pg::quoted(QualifiedName{home, planned.name}) + " SET SCHEMA " + pg::quoted(goal), "",
           pg::display(planned)});
    }
  }
  return statements;
}

Statements schema_sql(const Plan& plan, bool forward) {
  const QualifiedName& root = plan.layout.root.name;
  const std::string& home = forward ? root.schema : plan.source.name.schema;
  const std::string& goal = forward ? plan.source.name.schema : root.schema;
  Statements statements;
  if (home != goal) {
    statements.push_back(
        {"ALTER TABLE " + pg::quoted(QualifiedName{home, root.name}) + " SET SCHEMA " + pg::quoted(goal),
         "ACCESS EXCLUSIVE", pg::display(root)});
  }
  if (!plan.layout.existing) {
    append(statements, statistics_schema_sql(plan, forward));
  }
  return statements;
}

std::vector<Renaming> reversed(const std::vector<Renaming>& renamings) {
  std::vector<Renaming> back;
  for (auto renaming = renamings.rbegin(); renaming != renamings.rend(); ++renaming) {
    back.push_back({renaming->kind, {renaming->from.schema, renaming->to}, renaming->from.name});
  }
  return back;
}

void add_all(Statements& statements, const std::vector<Renaming>& renamings) {
  for (const Renaming& renaming : renamings) {
    if (renaming.from.name != renaming.to) {
      statements.push_back(rename_sql(renaming));
    }
  }
}

}  // namespace

QualifiedName name_after_swap(const Plan& plan) {
  return plan.parent ? plan.source.name : QualifiedName{plan.source.name.schema, names_aside(plan).table};
}

QualifiedName sequence_after_swap(const Plan& plan, const Sequence& sequence) {
  return {sequence.name.schema, names_aside(plan).sequences.at(sequence.name.name)};
}

Statement rename_sql(const Renaming& renaming) {
  return {"ALTER " + std::string(kind_sql(renaming.kind)) + " " + pg::quoted(renaming.from) + " RENAME TO " +
              pg::quoted(renaming.to),
          std::string(lock_of(renaming.kind)), pg::display(renaming.from)};
}

std::vector<Renaming> renamings_aside(const Plan& plan) {
  const QualifiedName& source = plan.source.name;
  const NamesAside aside = names_aside(plan);
  std::vector<Renaming> renamings;
  if (!plan.layout.existing) {
    for (const CarriedSequence& sequence : carried_sequences(plan)) {
      const QualifiedName& name = sequence.source->name;
      add(renamings, Kind::sequence, name, aside.sequences.at(name.name));
    }
    for (const TargetIndex& index : target_indexes(plan)) {
      add(renamings, Kind::index, {source.schema, index.source->name}, aside.indexes.at(index.source->name));
    }
    for (const Statistics& object : plan.source.statistics) {
      add(renamings, Kind::statistics, object.name, aside.statistics.at(object.name.name));
    }
  }
  add(renamings, Kind::table, source, aside.table);
  return renamings;
}

std::vector<Renaming> renamings_into_place(const Plan& plan) {
  const PartitionNode& root = plan.layout.root;
  const QualifiedName& source = plan.source.name;
  std::vector<Renaming> renamings;
  add(renamings, Kind::table, {source.schema, root.name.name}, source.name);
  if (plan.layout.existing) {
    return renamings;
  }
  for (const TargetIndex& index : target_indexes(plan)) {
    add(renamings, Kind::index, {source.schema, name_on(plan, index, root).name}, index.source->name);
  }
  for (const CarriedSequence& sequence : carried_sequences(plan)) {
    add(renamings, Kind::sequence, {source.schema, sequence.target.name}, sequence.source->name.name);
  }
  for (const Statistics& object : plan.source.statistics) {
    add(renamings, Kind::statistics, {object.name.schema, statistics_name(plan.names, plan.source, root, object).name},
        object.name.name);
  }
  return renamings;
}

Statements names_forward_sql(const Plan& plan) {
  Statements statements;
  add_all(statements, renamings_aside(plan));
  append(statements, schema_sql(plan, true));
  add_all(statements, renamings_into_place(plan));
  return statements;
}

Statements names_back_sql(const Plan& plan) {
  Statements statements;
  add_all(statements, reversed(renamings_into_place(plan)));
  append(statements, schema_sql(plan, false));
  add_all(statements, reversed(renamings_aside(plan)));
  return statements;
}

std::vector<const Sequence*> shared_sequences(const Plan& plan) {
  std::vector<const Sequence*> shared;
  if (plan.layout.existing) {
    return shared;
  }
  const std::vector<CarriedSequence> carried = carried_sequences(plan);
  for (const Sequence& sequence : plan.source.sequences) {
    const bool has_twin = std::any_of(carried.begin(), carried.end(),
                                      [&](const CarriedSequence& twin) { return twin.source == &sequence; });
    if (!has_twin) {
      shared.push_back(&sequence);
    }
  }
  return shared;
}

Statement own_sequence_sql(const Sequence& sequence, const QualifiedName& table) {
  return {"ALTER SEQUENCE " + pg::quoted(sequence.name) + " OWNED BY " + pg::quoted(table) + "." +
              pg::quoted(sequence.column),
          "SHARE ROW EXCLUSIVE", pg::display(sequence.name)};
}

Statement continue_sequence_sql(const QualifiedName& sequence, const QualifiedName& from, const Sequence& bounds,
                                std::int64_t gap) {
  std::string value = "last_value";
  if (gap != 0) {
    const std::string further = "last_value + " + std::to_string(gap) + "::numeric * " + bounds.increment;
    value = "(CASE WHEN " + further + " BETWEEN " + bounds.minimum + " AND " + bounds.maximum + " THEN " + further +
            " ELSE last_value END)::bigint";
  }
  return {"SELECT pg_catalog.setval(" + pg::literal(pg::quoted(sequence)) + ", " + value + ", is_called) FROM " +
              pg::quoted(from),
          "", pg::display(sequence)};
}

}  // namespace pgsluice::planner
