#include "planner/swap_obstacles.hpp"

#include <algorithm>
#include <utility>

#include "planner/mark.hpp"
#include "planner/materialized_view_sql.hpp"
#include "planner/swap_names_sql.hpp"

namespace pgsluice::planner {

namespace {

using Kind = TablePart::Kind;

constexpr const char* kOldIsKept = "it goes on using the old table, which is kept up to date until `finish`";

struct Looking {
  const Plan& plan;
  const Surroundings& around;
  SwapDirection direction;
  std::vector<Obstacle> found = {};

  bool forward() const { return direction == SwapDirection::forward; }
  void say(std::string what, std::string instead, std::string hint = "") {
    found.push_back({std::move(what), std::move(instead), std::move(hint), false});
  }
  void block(std::string what, std::string instead, std::string hint) {
    found.push_back({std::move(what), std::move(instead), std::move(hint), true});
  }
};

std::string shown(const std::string& name) {
  return pg::display(std::string_view(name));
}

void look_at_tables(Looking& looking) {
  for (const SwapTable* table : {&looking.around.source, &looking.around.target}) {
    if (!table->is_owned) {
      looking.block("table " + pg::display(table->name), "only its owner can rename it",
                    "Connect as the owner, or as a member of the owner's role.");
    }
  }
  if (looking.plan.source.is_partition) {
    looking.block("table " + pg::display(looking.around.source.name),
                  "it is a partition of another table, in which nothing can take its place without a scan",
                  "Detach it, and swap by hand.");
  }
}

// ---- Names

void take_name(Looking& looking, std::set<std::string>& taken, const std::string& name) {
  if (!taken.insert(name).second) {
    looking.block("name " + shown(name), "it is taken in schema " + shown(looking.plan.source.name.schema),
                  "Rename or drop what has it.");
  }
}

// Plays the renamings through on the names that are there.
void play(Looking& looking, const std::vector<Renaming>& renamings, TakenInSchema& taken, bool backwards) {
  for (const Renaming& renaming : renamings) {
    std::set<std::string>& names = renaming.kind == Renaming::Kind::statistics ? taken.statistics : taken.relations;
    const std::string& from = backwards ? renaming.to : renaming.from.name;
    if (names.erase(from) == 0) {
      looking.block("name " + shown(from),
                    "nothing in schema " + shown(looking.plan.source.name.schema) + " has it any more",
                    "Put back what was renamed or dropped.");
    }
    take_name(looking, names, backwards ? renaming.from.name : renaming.to);
  }
}

// The target comes into the source's schema with the names that it has.
void bring_names(Looking& looking, TakenInSchema& taken) {
  if (looking.plan.layout.root.name.schema == looking.plan.source.name.schema) {
    return;
  }
  for (const Renaming& renaming : renamings_into_place(looking.plan)) {
    take_name(looking, renaming.kind == Renaming::Kind::statistics ? taken.statistics : taken.relations,
              renaming.from.name);
  }
}

void look_at_names(Looking& looking, TakenInSchema taken) {
  std::vector<Renaming> aside = renamings_aside(looking.plan);
  std::vector<Renaming> into_place = renamings_into_place(looking.plan);
  // A statistics object may be in a third schema, whose names are not known here.
  const auto is_elsewhere = [&](const Renaming& renaming) {
    return renaming.from.schema != looking.plan.source.name.schema;
  };
  std::erase_if(aside, is_elsewhere);
  std::erase_if(into_place, is_elsewhere);
  if (looking.forward()) {
    play(looking, aside, taken, false);
    bring_names(looking, taken);
    play(looking, into_place, taken, false);
  } else {
    std::reverse(aside.begin(), aside.end());
    std::reverse(into_place.begin(), into_place.end());
    play(looking, into_place, taken, true);
    if (looking.plan.layout.root.name.schema != looking.plan.source.name.schema) {
      for (const Renaming& renaming : into_place) {
        (renaming.kind == Renaming::Kind::statistics ? taken.statistics : taken.relations).erase(renaming.from.name);
      }
    }
    play(looking, aside, taken, true);
  }
}

// ---- What is on the tables

template <class T>
bool knows(const std::vector<T>& all, const std::string& name) {
  return std::any_of(all.begin(), all.end(), [&](const T& one) { return one.name == name; });
}

// A trigger that the plan does not know would be switched off and never on again.
void look_at_partition_triggers(Looking& looking) {
  const std::vector<SourcePartition>& planned = looking.plan.source.partitions;
  for (const StandingPartition& partition : looking.around.source_partitions) {
    const auto known = std::find_if(planned.begin(), planned.end(),
                                    [&](const SourcePartition& one) { return one.name == partition.name; });
    for (const TablePart& trigger : partition.triggers) {
      const bool is_known = known != planned.end() &&
                            std::count(known->trigger_names.begin(), known->trigger_names.end(), trigger.name.name) > 0;
      if (looking.forward() && !is_known) {
        looking.block("trigger " + shown(trigger.name.name) + " of partition " + pg::display(partition.name),
                      "it was made after the plan, and the target has none", "Drop it.");
      }
    }
  }
}

void look_at_parts(Looking& looking) {
  const TableFacts& facts = looking.plan.source;
  for (const TablePart& part : looking.around.in_use().parts) {
    const bool is_index = part.kind == Kind::index && !knows(facts.indexes, part.name.name);
    const bool is_trigger = part.kind == Kind::trigger && !knows(facts.triggers, part.name.name);
    const std::string what = std::string(is_index ? "index " : "trigger ") + shown(part.name.name);
    if (!is_index && !is_trigger) {
      continue;
    }
    if (looking.forward()) {
      looking.block(what, "it was made after the plan, and the target has none", "Drop it, or make it on the target.");
    } else if (!looking.plan.layout.existing) {
      looking.say(what, "it was made after the cutover, and the old table has none");
    }
  }
  for (const TablePart& rule : looking.around.source.parts) {
    if (looking.forward() && rule.kind == Kind::rule && rule.state == "A") {
      looking.block("rule " + shown(rule.name.name),
                    "it is ENABLE ALWAYS, so the old table could not be kept up to date",
                    "Make it a plain one: ALTER TABLE … ENABLE RULE …");
    }
  }
}

// ---- What others made

std::string why_not_carried(const Looking& looking, const DependentView& view) {
  if (!view.is_owned) {
    return "this role may not replace it: ";
  }
  if (view.is_materialized) {
    return !looking.forward()    ? "it was made after the cutover: "
           : !view.is_populated  ? "it holds nothing yet: "
           : view.shows_row_type ? "a column of it has the table's own row type: "
                                 : "";
  }
  return view.shows_row_type ? "a column of it has the table's own row type: " : "";
}

void look_at_views(Looking& looking) {
  for (const DependentView& view : looking.around.views) {
    const std::string what = (view.is_materialized ? "materialized view " : "view ") + pg::display(view.name);
    const std::string why = why_not_carried(looking, view);
    if (why.empty() || is_marked(view.comment, looking.plan.migration_id)) {
      continue;
    }
    if (view.is_updatable && !view.is_materialized) {
      looking.block(what, why + "what is written through it would end in the table that is not used any more",
                    "Drop it, or have its owner revoke writing through it, and make it anew after the cutover.");
    } else {
      looking.say(what, why + kOldIsKept, "Make it anew before `finish`.");
    }
  }
  for (const DependentRule& rule : looking.around.rules) {
    if (!rule.is_owned) {
      looking.block("rule " + shown(rule.name) + " on " + pg::display(rule.table),
                    "this role may not replace it, and it would go on acting on the old table",
                    "Connect as a role that owns both tables.");
    }
  }
  for (const DependentPolicy& policy : looking.around.policies) {
    if (!policy.is_owned) {
      looking.say("policy " + shown(policy.name) + " on " + pg::display(policy.table),
                  std::string("this role may not change it: ") + kOldIsKept);
    }
  }
}

void look_at_view_names(Looking& looking, const std::set<QualifiedName>& taken) {
  for (const QualifiedName& name : taken) {
    looking.block("name " + pg::display(name), "it is taken, and a materialized view needs it",
                  "Rename or drop what has it; what an earlier attempt left is removed by `pgsluice rollback`.");
  }
}

void look_at_row_type_users(Looking& looking, const std::vector<Dependent>& users) {
  for (const Dependent& user : users) {
    looking.say(user.kind + " " + user.name,
                std::string("it names the table or its row type by identity: ") + kOldIsKept,
                "Make it anew before `finish`.");
  }
}

void look_at_incoming_keys(Looking& looking) {
  for (const IncomingKey& incoming : looking.around.incoming_keys) {
    const std::string what = "foreign key " + shown(incoming.key.name) + " of " + pg::display(incoming.key.table);
    if (!incoming.is_owned) {
      looking.block(what, "only the owner of that table can point it to another one",
                    "Connect as a role that owns both tables.");
      continue;
    }
    if (can_be_re_aimed(looking.around, incoming)) {
      continue;
    }
    const auto& planned = looking.plan.source.incoming_foreign_keys;
    const bool is_accepted = std::any_of(planned.begin(), planned.end(), [&](const ForeignKey& key) {
      return key.name == incoming.key.name && key.table == incoming.key.table;
    });
    if (is_accepted) {
      looking.say(what, "it is dropped, as was accepted: no key of the target is unique by these columns alone");
    } else {
      looking.block(what, "it was made after the plan, and no key of the other table is unique by these columns alone",
                    "Drop it.");
    }
  }
}

// Each key on each partition costs more than the one before (measured: 256 take 0.2 s, 1,024 take 3 s).
void look_at_long_work(Looking& looking) {
  constexpr std::size_t kUnnoticed = 256;
  if (!looking.forward()) {
    return;
  }
  const std::size_t leaf_count = leaves(looking.plan.layout).size();
  for (const IncomingKey& incoming : looking.around.incoming_keys) {
    const std::size_t count = incoming.holders.size() * leaf_count;
    if (can_be_re_aimed(looking.around, incoming) && count > kUnnoticed) {
      looking.say("foreign key " + shown(incoming.key.name) + " of " + pg::display(incoming.key.table),
                  "the server keeps it for each of " + std::to_string(leaf_count) +
                      " partitions; making it takes seconds, for which the application waits",
                  "Drop it before the cutover and make it anew at a quiet moment, or allow a longer --max-lock.");
    }
  }
}

// Triggers go from each, and others come (measured: 1 ms a partition).
void look_at_many_partitions(Looking& looking) {
  constexpr std::size_t kUnnoticed = 256;
  const std::size_t count = looking.around.source_partitions.size();
  if (count > kUnnoticed) {
    looking.say("the " + std::string(looking.forward() ? "table" : "old table") + " has " + std::to_string(count) +
                    " partitions",
                "their triggers are exchanged under the lock, which takes about " + std::to_string(count) + " ms",
                "Allow a longer --max-lock if attempts fail for it.");
  }
}

void look_at_lost_keys(Looking& looking) {
  for (const IncomingKey& lost : looking.around.lost_keys) {
    if (!lost.is_owned) {
      looking.block("foreign key " + shown(lost.key.name) + " of " + pg::display(lost.key.table),
                    "only the owner of that table can make it again", "Connect as a role that owns both tables.");
    }
  }
}

void look_at_publications(Looking& looking) {
  for (const StandingPublication& standing : looking.around.publications) {
    if (!standing.publication.owned) {
      looking.say("publication " + shown(standing.publication.name),
                  "only its owner can exchange the table in it; it goes on publishing the old one",
                  "Have its owner add " + pg::display(looking.plan.source.name) + " after the cutover.");
    }
  }
}

}  // namespace

std::vector<QualifiedName> names_for_views(const Surroundings& around, SwapDirection direction) {
  std::vector<QualifiedName> names;
  for (const DependentView& view : around.views) {
    if (direction == SwapDirection::forward && gets_twin(view)) {
      names.push_back({view.name.schema, twin_name(view.name.name)});
      names.push_back({view.name.schema, old_view_name(view.name.name)});
    }
  }
  return names;
}

std::vector<Obstacle> swap_obstacles(const Plan& plan, const Surroundings& around, SwapDirection direction,
                                     TakenInSchema taken, const std::vector<Dependent>& row_type_users) {
  const std::set<QualifiedName> taken_for_views = taken.for_views;
  Looking looking{plan, around, direction};
  look_at_tables(looking);
  look_at_names(looking, std::move(taken));
  look_at_parts(looking);
  look_at_partition_triggers(looking);
  look_at_incoming_keys(looking);
  look_at_long_work(looking);
  look_at_many_partitions(looking);
  look_at_lost_keys(looking);
  look_at_views(looking);
  look_at_view_names(looking, taken_for_views);
  look_at_row_type_users(looking, row_type_users);
  look_at_publications(looking);
  return std::move(looking.found);
}

}  // namespace pgsluice::planner
