#include "planner/split_planning.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "planner/catalog_parent.hpp"
#include "planner/catalog_snapshot.hpp"
#include "planner/split_layout.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::planner {

namespace {

pg::Failure refused(const std::string& message) {
  return pg::Failure(pg::FailureKind::refused, message);
}

std::string shown(const std::string& name) {
  return pg::display(std::string_view(name));
}

bool is_in(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string key_text(const ParentFacts& facts) {
  LevelSpec level;
  level.method = facts.method;
  level.columns = facts.key_columns;
  return described(level);
}

void refuse_unfit_parent(const ParentFacts& parent, const TableFacts& facts, Refusals& refusals) {
  const std::string name = pg::display(parent.parent.name);
  const std::string source = pg::display(facts.name);
  const auto refuse = [&](const std::string& message, const std::string& detail, const std::string& hint) {
    refusals.add(refused(message).detail(detail).hint(hint));
  };
  if (parent.is_pending) {
    refuse(source + " is being detached from " + name, "",
           "End it: ALTER TABLE " + name + " DETACH PARTITION " + source + " FINALIZE.");
  }
  if (parent.is_partition) {
    refuse(name + " is a partition of another table itself",
           "Only partitions of the first level can be split in this version.",
           "With --strategy offline " + source + " can be filled into a table of its own.");
  }
  if (!parent.key_is_plain || (parent.method != PartitionMethod::hash && parent.key_columns.size() != 1)) {
    refuse(
        "the key of " + name + " is none that can be cut further",
        "It must be of plain columns with their own collations and default operator classes; one, unless it is HASH.",
        "With --strategy offline " + source + " can be filled into a table of its own.");
  }
  // The server's own expression calls the hash without a collation, and none that is written out can.
  if (parent.method == PartitionMethod::hash && parent.key_is_collated) {
    refuse(name + " is partitioned by the hash of a column that has a collation",
           "No CHECK proves to PostgreSQL what belongs into such a partition, so it would read every row of the new "
           "ones while the application waits.",
           "With --strategy offline " + source + " can be filled into a table of its own.");
  }
  if (!parent.is_owned) {
    refuse("only the owner of " + name + " can exchange its partitions", "",
           "Connect as the owner, or as a member of the owner's role.");
  }
  if (!parent.default_is_owned) {
    refuse("this role does not own " + pg::display(*parent.parent.default_partition) + ", the DEFAULT partition",
           "It must be proved to hold none of the new partitions' rows.", "Connect as a role that owns both.");
  }
  if (parent.default_is_partitioned) {
    refuse(
        pg::display(*parent.parent.default_partition) + ", the DEFAULT partition, is no plain table",
        "It must be proved to hold none of the new partitions' rows, for which its own partitions are not looked at.",
        "Split it first, or detach it meanwhile.");
  }
  if (!parent.incoming_keys.empty()) {
    refuse("foreign keys point to " + name + ": " + pg::quoted_list(parent.incoming_keys),
           "PostgreSQL detaches no partition whose rows others point to.",
           "Drop them, and make them anew when the partition is split.");
  }
  if (!parent.lacks_index.empty()) {
    refuse("index " + shown(parent.lacks_index) + " of " + name + " has no part in " + source,
           "PostgreSQL would build it on every new partition at the cutover, while the application waits.",
           "Make it on " + source + " and attach it: ALTER INDEX … ATTACH PARTITION.");
  }
}

LevelSpec level_of(const ParentFacts& parent, const std::vector<LevelSpec>& levels) {
  if (levels.size() > 1) {
    throw refused("a partition is split into one level")
        .hint("Leave --then out; a second level would have to be in every partition of " +
              pg::display(parent.parent.name) + ".");
  }
  LevelSpec level = levels.empty() ? LevelSpec() : levels.front();
  const bool is_same = level.method == parent.method && level.columns == parent.key_columns;
  if (!level.columns.empty() && !is_same) {
    throw refused(pg::display(parent.parent.name) + " is partitioned by " + key_text(parent) + ", not by " +
                  described(level))
        .hint("Leave --by out: a partition is split by its parent's key.");
  }
  level.method = parent.method;
  level.columns = parent.key_columns;
  return level;
}

std::vector<Notice> parent_notices(const ParentFacts& parent) {
  std::vector<Notice> notices;
  for (const std::string& publication : parent.leafwise_publications) {
    notices.push_back({Notice::Kind::warning, "publication " + shown(publication),
                       "publishes partitions of " + pg::display(parent.parent.name) +
                           " by their own names: subscribers need the new ones before the cutover",
                       ""});
  }
  return notices;
}

std::string validation_text(const PartitionParent& parent) {
  return "the server checks every row of the new partitions against it inside the cutover, and the old one's inside a "
         "rollback, while the application waits for " +
         pg::display(parent.name) + ": allow for it with --max-lock";
}

}  // namespace

bool is_split(pg::Connection& source, const TableFacts& facts, const QualifiedName& into) {
  CatalogSnapshot snapshot(source);
  snapshot.write_definitions_in_full();
  const std::optional<ParentFacts> parent = read_parent(source, facts.oid);
  return parent && parent->parent.name == into;
}

SplitPlan plan_split(pg::Connection& source, const TableFacts& facts, const std::vector<LevelSpec>& levels,
                     const QualifiedName& root) {
  std::optional<ParentFacts> parent;
  std::vector<SiblingBound> siblings;
  {
    CatalogSnapshot snapshot(source);
    snapshot.write_definitions_in_full();
    parent = read_parent(source, facts.oid);
    if (!parent) {
      throw refused(pg::display(facts.name) + " is no partition any more").hint("Run the same command again.");
    }
    siblings = read_sibling_bounds(source, parent->parent, facts.oid);
  }
  Refusals refusals;
  refuse_unfit_parent(*parent, facts, refusals);
  refusals.throw_if_any();
  const LevelSpec level = level_of(*parent, levels);
  NameAllocator names(read_relation_names(source, root.schema));
  Layout layout = design_split(source, {facts, parent->parent, siblings, root}, level, names);
  std::vector<Notice> notices = parent_notices(*parent);
  return {std::move(parent->parent), std::move(layout), std::move(notices)};
}

TableFacts own_facts(const TableFacts& facts, const PartitionParent& parent) {
  TableFacts own = facts;
  std::erase_if(own.triggers, [&](const Trigger& one) { return is_in(parent.inherited_triggers, one.name); });
  std::erase_if(own.foreign_keys,
                [&](const ForeignKey& one) { return is_in(parent.inherited_foreign_keys, one.name); });
  own.dependents.clear();
  return own;
}

std::vector<Notice> split_notices(const TableFacts& facts, const PartitionParent& parent, const Layout& layout) {
  std::vector<Notice> notices;
  const auto add = [&](Notice::Kind kind, std::string what, std::string instead) {
    notices.push_back({kind, std::move(what), std::move(instead), ""});
  };
  const std::string name = pg::display(parent.name);
  add(Notice::Kind::changed, "partition " + pg::display(facts.name) + " of " + name,
      std::to_string(layout.root.children.size()) + " partitions take its place at the cutover; it stays beside " +
          name + " under its name until `finish`");
  add(Notice::Kind::warning, "statements that name " + pg::display(facts.name) + " instead of " + name,
      "read the old partition from the cutover on, and fail where they write");
  if (parent.source_is_default()) {
    add(Notice::Kind::kept, "a DEFAULT partition of " + name,
        pg::display(layout.root.children.back().name) + " takes what belongs to no other one");
  }
  if (parent.default_partition) {
    add(Notice::Kind::warning, "DEFAULT partition " + pg::display(*parent.default_partition),
        "is read once before the cutover, and before a rollback, to prove that no row of it belongs elsewhere");
  }
  for (const ForeignKey& key : facts.foreign_keys) {
    if (is_in(parent.inherited_foreign_keys, key.name)) {
      add(Notice::Kind::warning, "foreign key " + shown(key.name) + " of " + name, validation_text(parent));
    }
  }
  if (!facts.comment.empty()) {
    add(Notice::Kind::lost, "the comment of " + pg::display(facts.name), "the new partitions have none");
  }
  for (const Dependent& dependent : facts.dependents) {
    add(Notice::Kind::warning, dependent.kind + " " + dependent.name,
        "uses this partition by its name: it goes on using the old one, which is kept up to date until `finish`");
  }
  return notices;
}

void refuse_unsplittable(const Plan& plan, Refusals& refusals) {
  const TableFacts own = own_facts(plan.source, *plan.parent);
  const std::string source = pg::display(own.name);
  const std::string parent = pg::display(plan.parent->name);
  const auto refuse = [&](const std::string& message, const std::string& detail, const std::string& hint) {
    refusals.add(refused(message).detail(detail).hint(hint));
  };
  for (const ForeignKey& key : own.foreign_keys) {
    refuse("foreign key " + shown(key.name) + " is " + source + "'s own, not one of " + parent,
           "A partition that is split keeps the foreign keys of the whole table alone.",
           "Make it on " + parent + ", or drop it.");
  }
  for (const ForeignKey& key : own.incoming_foreign_keys) {
    refuse("foreign key " + shown(key.name) + " of " + pg::display(key.table) + " points to " + source + " itself",
           "It would go on pointing to the old partition.", "Drop it.");
  }
  for (const Publication& publication : own.publications) {
    refuse("publication " + shown(publication.name) + " publishes " + source + " by itself",
           "The new partitions would not be in it.", "Publish " + parent + " instead.");
  }
  for (const Sequence& sequence : own.sequences) {
    const Column* column = own.column(sequence.column);
    const bool is_shared = column != nullptr && numbering_of(plan, *column) == Numbering::source_sequence;
    if (!is_shared || sequence.name.schema != plan.parent->name.schema) {
      refuse("column " + shown(sequence.column) + " of " + source + " has a sequence of its own, " +
                 pg::display(sequence.name),
             "The new partitions could not go on with it.",
             "Give it to " + parent + " first, or take it from the column.");
    }
  }
}

}  // namespace pgsluice::planner
