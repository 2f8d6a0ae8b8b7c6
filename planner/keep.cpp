#include "planner/keep.hpp"

#include <algorithm>
#include <utility>

#include "planner/finishing_sql.hpp"
#include "planner/foreign_key_sql.hpp"
#include "planner/keep_source.hpp"
#include "planner/target_index.hpp"

namespace pgsluice::planner {

namespace {

constexpr const char* kUseCopying = "Use a method that copies: --method insert, or --method stream.";

constexpr std::string_view kIncoming = "incoming-foreign-keys";
constexpr std::string_view kSelf = "self-foreign-keys";
constexpr std::string_view kRules = "rules";
constexpr std::string_view kExclusion = "exclusion-constraints";
constexpr std::string_view kTriggers = "triggers";

constexpr int kVersionWithCompression = 14;
constexpr int kVersionWithNullsNotDistinct = 15;
constexpr int kVersionWithPartitionedIdentity = 17;
constexpr int kVersionWithVirtualColumns = 18;

std::string shown(const std::string& name) {
  return pg::display(std::string_view(name));
}

std::string shown_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + (name.empty() ? "…" : shown(name));
  }
  return "(" + list + ")";
}

std::string flag_of(std::string_view kind) {
  return "--accept " + std::string(kind);
}

template <class T>
std::string names_of(const std::vector<T>& things) {
  std::string list;
  for (const T& thing : things) {
    list += (list.empty() ? "" : ", ") + shown(thing.name);
  }
  return list;
}

// One call of judge, handed from subject to subject.
struct Judging {
  const TableFacts& facts;
  const Layout& layout;
  const KeepOptions& options;
  Verdict verdict = {};

  void note(Notice::Kind kind, std::string what, std::string instead, std::string flag = "") {
    verdict.notices.push_back({kind, std::move(what), std::move(instead), std::move(flag)});
  }
  void kept(std::string what, std::string how = "") { note(Notice::Kind::kept, std::move(what), std::move(how)); }
  void changed(std::string what, std::string instead, std::string flag = "") {
    note(Notice::Kind::changed, std::move(what), std::move(instead), std::move(flag));
  }
  void lost(std::string what, std::string instead, std::string flag = "") {
    note(Notice::Kind::lost, std::move(what), std::move(instead), std::move(flag));
  }
  void warn(std::string what, std::string instead) { note(Notice::Kind::warning, std::move(what), std::move(instead)); }
  void refuse(const std::string& message, const std::string& detail, const std::string& hint) {
    verdict.refusals.push_back(
        pg::Failure(pg::FailureKind::refused, message).detail(detail).hint(hint).status("nothing was changed"));
  }
  // Something is lost for good: said where the operator accepts it, else a reason against the plan.
  void lose(std::string_view kind, const std::string& what, const std::string& why) {
    if (options.accepted.contains(std::string(kind))) {
      lost(what, why, flag_of(kind));
    } else {
      refuse("the target cannot have " + what, why, "Accept the loss with " + flag_of(kind) + ".");
    }
  }
};

void judge_accepted(Judging& judging) {
  const std::vector<std::string_view>& known = acceptable_losses();
  for (const std::string& kind : judging.options.accepted) {
    if (std::find(known.begin(), known.end(), kind) == known.end()) {
      std::string list;
      for (const std::string_view each : known) {
        list += (list.empty() ? "" : ", ") + std::string(each);
      }
      judging.refuse("--accept knows no \"" + kind + "\"", "", "Kinds are " + list + ".");
    }
  }
}

void judge_columns(Judging& judging) {
  const TableFacts& facts = judging.facts;
  judging.kept(std::to_string(facts.columns.size()) + " columns",
               "order, types, collations, NOT NULL, defaults, storage, statistics targets, comments");
  for (const Column& column : facts.columns) {
    const std::string name = "column " + shown(column.name);
    if (!column.generated.empty()) {
      judging.kept("generated " + name);
      if (column.generated == "v" && judging.options.target_major_version < kVersionWithVirtualColumns) {
        judging.refuse("the target's server knows no virtual generated columns", name,
                       "Use a server from PostgreSQL 18 on.");
      }
    }
    if (!column.compression.empty() && judging.options.target_major_version < kVersionWithCompression) {
      judging.lost("compression method of " + name, "the target's server has one method only");
    }
    if (column.not_null && !column.not_null_is_valid) {
      judging.lost("NOT NULL … NOT VALID of " + name,
                   "the target's column takes NULLs; validate the constraint first to keep it");
    }
  }
}

void judge_numbering(Judging& judging) {
  for (const Column& column : judging.facts.columns) {
    if (!column.owned_sequence) {
      continue;
    }
    const std::string name = shown(column.name);
    const std::string sequence = pg::display(*column.owned_sequence);
    if (!column.identity.empty()) {
      if (judging.options.target_major_version >= kVersionWithPartitionedIdentity) {
        judging.kept("identity column " + name, "with a sequence of its own that goes on where the source's stands");
      } else {
        judging.changed(
            "identity column " + name,
            "takes its default from a sequence of its own that goes on where the source's stands: partitioned tables "
            "have identity columns from PostgreSQL 17 on");
      }
    } else if (column.default_expression.starts_with("nextval(")) {
      if (judging.options.is_cut_over) {
        judging.kept("serial column " + name,
                     "its sequence " + sequence + " belongs to the new table from the cutover on");
      } else if (judging.options.one_database) {
        judging.warn(
            "column " + name + " goes on using the source's sequence " + sequence,
            "dropping the source drops it, unless the sequence is given to the target's column first (OWNED BY)");
      } else {
        judging.changed("serial column " + name,
                        "takes its default from a sequence of its own that goes on where " + sequence + " stands");
      }
    }
  }
}

void judge_checks(Judging& judging) {
  for (const CheckConstraint& check : judging.facts.checks) {
    const std::string what = "check " + shown(check.name);
    if (!check.is_enforced) {
      judging.lost(what, "it is not enforced on the source either");
    } else if (!check.is_valid) {
      if (judging.options.empties_source) {
        judging.refuse(what + " of the source is NOT VALID",
                       "A row that violates it could leave the source, but a rollback could not put it back.",
                       std::string(kUseCopying) + " Or validate it: ALTER TABLE … VALIDATE CONSTRAINT.");
      }
      judging.kept(what, "added NOT VALID after the rows, as it is on the source");
    } else if (check.no_inherit) {
      judging.changed(what,
                      "loses NO INHERIT, which a partitioned table cannot have; it holds for every row as before");
    } else {
      judging.kept(what);
    }
  }
}

std::string kind_of(const Index& index) {
  return index.is_primary      ? "primary key"
         : index.is_constraint ? "unique constraint"
         : index.is_unique     ? "unique index"
                               : "index";
}

void judge_widened(Judging& judging, const TargetIndex& target) {
  const Index& index = *target.source;
  const std::string what = kind_of(index) + " " + shown(index.name) + " " + shown_list(index.key_columns);
  std::vector<std::string> columns = index.key_columns;
  columns.insert(columns.end(), target.added_columns.begin(), target.added_columns.end());
  const std::string why =
      "a partitioned table's uniqueness must include the partition key, here " + shown_list(target.added_columns);
  if (judging.options.strict_unique) {
    judging.refuse(what + " cannot be kept as it is", why,
                   "Leave out --keep-unique strict to widen it, or partition by a column of it.");
  } else if (index.is_primary && !target.is_primary) {
    judging.changed(what, "becomes UNIQUE " + shown_list(columns) + ", no primary key: " + why + ", and it holds NULLs",
                    "--keep-unique widen");
  } else {
    judging.changed(what, "becomes " + shown_list(columns) + ": " + why, "--keep-unique widen");
  }
}

void judge_new_not_nulls(Judging& judging, const std::vector<TargetIndex>& targets) {
  for (const std::string& name : primary_key_columns(targets)) {
    const Column* column = judging.facts.column(name);
    if (column != nullptr && (!column->not_null || !column->not_null_is_valid)) {
      judging.changed("column " + shown(name), "becomes NOT NULL, since it becomes part of the primary key");
    }
  }
}

void judge_indexes(Judging& judging) {
  for (const Index& index : judging.facts.indexes) {
    const std::string what = kind_of(index) + " " + shown(index.name);
    if (index.is_exclusion) {
      judging.lose(kExclusion, "exclusion constraint " + shown(index.name),
                   "An exclusion constraint over partitions would hold in each of them alone.");
    } else if (!index.is_valid) {
      judging.lost("invalid " + what, "an earlier build of it failed; it is not made on the target");
    } else if (index.nulls_not_distinct && judging.options.target_major_version < kVersionWithNullsNotDistinct) {
      judging.refuse("the target's server knows no NULLS NOT DISTINCT", what, "Use a server from PostgreSQL 15 on.");
    }
    if (index.is_clustered && index.is_valid) {
      judging.kept("CLUSTER mark of " + what, "on every leaf; a partitioned table itself can have none");
    }
  }
  const std::vector<TargetIndex> targets =
      target_indexes(judging.facts, judging.layout, judging.options.columns_with_nulls);
  for (const TargetIndex& target : targets) {
    if (target.added_columns.empty()) {
      judging.kept(kind_of(*target.source) + " " + shown(target.source->name));
    } else {
      judge_widened(judging, target);
    }
  }
  judge_new_not_nulls(judging, targets);
}

void judge_foreign_keys(Judging& judging) {
  for (const ForeignKey& key : judging.facts.foreign_keys) {
    const std::string what = "foreign key " + shown(key.name) + " to " + pg::display(key.referenced);
    if (key.is_self()) {
      continue;
    }
    if (!key.is_enforced) {
      judging.lost(what, "it is not enforced on the source either");
    } else if (!judging.options.one_database) {
      judging.warn(what, "is made if the target's database has that table, else left out");
    } else if (!key.is_valid) {
      judging.changed(what, "stays NOT VALID and stands on each leaf, not on the partitioned table");
    } else if (judging.options.is_cut_over) {
      judging.kept(what,
                   "made NOT VALID on the leaves in the cutover, then validated and taken in by the partitioned table");
    } else {
      judging.kept(what,
                   "made NOT VALID on the leaves, validated leaf by leaf, then taken in by the partitioned table");
    }
  }
}

// Whether the key that a foreign key points to is still unique by itself on the target.
bool keeps_referenced_key(const Judging& judging, const ForeignKey& key) {
  const std::vector<TargetIndex> targets =
      target_indexes(judging.facts, judging.layout, judging.options.columns_with_nulls);
  return std::any_of(targets.begin(), targets.end(), [&](const TargetIndex& target) {
    return target.source->is_unique && !target.source->is_partial && target.added_columns.empty() &&
           std::is_permutation(target.key_columns.begin(), target.key_columns.end(), key.referenced_columns.begin(),
                               key.referenced_columns.end());
  });
}

std::string action_text(const std::string& on_delete) {
  return on_delete == "c"   ? "ON DELETE CASCADE"
         : on_delete == "n" ? "ON DELETE SET NULL"
         : on_delete == "d" ? "ON DELETE SET DEFAULT"
         : on_delete == "r" ? "ON DELETE RESTRICT"
                            : "ON DELETE NO ACTION";
}

// What deleting a moved row from the source would do to the rows that point to it.
std::string consequence_text(const std::string& on_delete) {
  if (on_delete == "c") {
    return "moving a row would delete the rows that point to it";
  }
  return on_delete == "n" || on_delete == "d" ? "moving a row would change the rows that point to it"
                                              : "a row that others point to could not be moved";
}

void judge_incoming_foreign_keys(Judging& judging) {
  for (const ForeignKey& key : judging.facts.incoming_foreign_keys) {
    const std::string from = key.is_self() ? "of the table to itself" : "from " + pg::display(key.table);
    const std::string what = "foreign key " + shown(key.name) + " " + from;
    if (judging.options.empties_source) {
      judging.refuse("the " + what + " forbids a method that empties the source",
                     "It has " + action_text(key.on_delete) + ": " + consequence_text(key.on_delete) + ".",
                     kUseCopying);
    } else if (key.is_self()) {
      judging.lose(kSelf, what,
                   "It would need a unique constraint on exactly " + shown_list(key.referenced_columns) +
                       " of the target, and rows of both tables at once.");
    } else if (!judging.options.one_database) {
      judging.warn(what, "goes on pointing to the source; the target's database has none of it");
    } else if (keeps_referenced_key(judging, key) && judging.options.is_cut_over) {
      judging.kept(what, "points to the new table from the cutover on; NOT VALID then, and validated at once");
    } else if (keeps_referenced_key(judging, key)) {
      judging.warn(
          what,
          "goes on pointing to the source; it can be made anew for the target when that takes the source's place");
    } else {
      judging.lose(kIncoming, what,
                   "It goes on pointing to the source, and the target has no unique constraint on exactly " +
                       shown_list(key.referenced_columns) + " to point to.");
    }
  }
}

bool fires_for_us(const Trigger& trigger) {
  return trigger.enabled == "O" || trigger.enabled == "A";
}

void judge_triggers(Judging& judging) {
  for (const Trigger& trigger : judging.facts.triggers) {
    const std::string what = "trigger " + shown(trigger.name);
    if (judging.options.empties_source && fires_for_us(trigger) && trigger.on_delete) {
      judging.refuse(what + " of the source would fire for every row that moves",
                     "It fires on DELETE, which takes a moved row away.",
                     std::string(kUseCopying) + " Or disable the trigger for the time of the migration.");
    }
    if (trigger.per_row && trigger.has_transition_table) {
      judging.lose(kTriggers, what, "A row-level trigger with transition tables cannot be on a partitioned table.");
    } else {
      judging.kept(what, judging.options.is_cut_over ? "made in the cutover, so it does not fire for our own writes"
                                                     : "made after the rows, so it does not fire for them");
    }
  }
}

void judge_rules(Judging& judging) {
  for (const Dependent& rule : judging.facts.rules) {
    const std::string what = "rule " + shown(rule.name);
    if (judging.options.empties_source) {
      judging.refuse(what + " of the source could rewrite the statements that move rows", rule.definition, kUseCopying);
    }
    judging.lose(kRules, what, "Rules are not carried over. A trigger or a view is what replaces one.");
  }
}

void judge_rights(Judging& judging) {
  const TableFacts& facts = judging.facts;
  const std::string if_known = judging.options.one_database ? "" : "if that role exists on the target's server";
  judging.kept("owner " + shown(facts.owner), if_known);
  if (!facts.grants.empty()) {
    judging.kept("privileges of " + std::to_string(grantees_of(facts).size()) + " roles",
                 judging.options.one_database ? "given when everything else is done"
                                              : "of roles that exist on the target's server");
  }
  if (!facts.policies.empty()) {
    judging.kept("policies " + names_of(facts.policies), "also on every leaf");
  }
  if (facts.row_security) {
    judging.kept("row level security", "also on every leaf, so that asking a leaf shows no more");
  }
}

void judge_publications(Judging& judging) {
  for (const Publication& publication : judging.facts.publications) {
    const std::string what = "publication " + shown(publication.name);
    if (!judging.options.one_database) {
      judging.lost(what, "a publication belongs to one database");
    } else if (!publication.owned) {
      judging.lost(what, "only its owner can add the target to it");
    } else {
      judging.kept(what, judging.options.is_cut_over
                             ? "the new table is in it from the cutover on, the old one no more"
                             : "the target is added after the rows; subscribers get its rows when they refresh the "
                               "subscription");
    }
  }
  if (judging.facts.published_with_all_tables && judging.options.one_database) {
    judging.warn("a publication takes in every table of the database or schema",
                 "so each row that arrives in the target is published, and subscribers need the target before");
  }
}

void judge_replication(Judging& judging) {
  const TableFacts& facts = judging.facts;
  if (falls_back_to_full_identity(facts, judging.layout, judging.options.columns_with_nulls)) {
    judging.changed("replica identity", "becomes FULL: its index is widened by a column that takes NULLs");
  } else if (facts.replica_identity == "i" || facts.replica_identity == "f" || facts.replica_identity == "n") {
    judging.kept("replica identity", "on every leaf");
  }
}

void judge_rest(Judging& judging) {
  const TableFacts& facts = judging.facts;
  if (!facts.statistics.empty()) {
    std::string names;
    for (const Statistics& object : facts.statistics) {
      names += (names.empty() ? "" : ", ") + pg::display(object.name);
    }
    judging.kept("extended statistics " + names, "on the partitioned table and on every leaf");
  }
  if (!facts.reloptions.empty()) {
    judging.kept("storage parameters", "on the leaves");
  }
  if (!facts.tablespace.empty()) {
    judging.options.one_database ? judging.kept("tablespace " + shown(facts.tablespace))
                                 : judging.lost("tablespace " + shown(facts.tablespace),
                                                "leaves are made in the default one of the target's database");
  }
  if (!facts.of_type.empty()) {
    judging.changed("typed table of " + facts.of_type, "becomes a table of its own with the same columns");
  }
  for (const Dependent& dependent : facts.dependents) {
    const std::string what = dependent.kind + " " + dependent.name;
    if (judging.options.is_cut_over && dependent.kind == "view") {
      judging.kept(what, "reads the new table from the cutover on");
    } else if (judging.options.is_cut_over && dependent.kind == "materialized view") {
      judging.kept(what, "is built anew from the new table right after the cutover");
    } else if (judging.options.is_cut_over && (dependent.kind == "rule" || dependent.kind == "policy")) {
      judging.kept(what, "goes over to the new table in the cutover");
    } else if (dependent.kind == "foreign key") {
      continue;  // judge_incoming_foreign_keys() says what becomes of it.
    } else {
      judging.warn(what, "goes on using the source");
    }
  }
  if (!judging.options.one_database) {
    judging.warn("types, functions, collations and extensions that the table's definition names",
                 "must be in the target's database before the run");
  }
}

void judge_existing(Judging& judging) {
  if (judging.options.existing_target != nullptr) {
    judge_existing_target(judging.facts, *judging.options.existing_target, judging.verdict);
  }
  judging.warn("the target exists already",
               "it is filled as it is: its columns, indexes, constraints, triggers and privileges are its maker's");
}

}  // namespace

const std::vector<std::string_view>& acceptable_losses() {
  static const std::vector<std::string_view> kinds = {kIncoming, kSelf, kRules, kExclusion, kTriggers};
  return kinds;
}

Verdict judge(const TableFacts& facts, const Layout& layout, const KeepOptions& options) {
  Judging judging{facts, layout, options};
  judge_accepted(judging);
  judge_source(facts, options.empties_source, options.is_cut_over, judging.verdict);
  judge_incoming_foreign_keys(judging);
  judge_triggers(judging);
  judge_rules(judging);
  if (layout.existing) {
    judge_existing(judging);
    return std::move(judging.verdict);
  }
  judge_columns(judging);
  judge_numbering(judging);
  judge_checks(judging);
  judge_indexes(judging);
  judge_foreign_keys(judging);
  judge_rights(judging);
  judge_publications(judging);
  judge_replication(judging);
  judge_rest(judging);
  return std::move(judging.verdict);
}

}  // namespace pgsluice::planner
