#include "planner/split_layout.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "pg/failure.hpp"
#include "planner/layout_design.hpp"
#include "planner/partition_bound_text.hpp"
#include "planner/range_cutting.hpp"

namespace pgsluice::planner {

namespace {

using Value = BoundText::Value;

pg::Failure refused(const std::string& message) {
  return {pg::FailureKind::refused, message};
}

BoundText parsed(const std::string& bound) {
  std::optional<BoundText> text = parse_bound_text(bound);
  if (!text) {
    throw refused("the partition bound " + bound + " cannot be read").hint("Use --strategy offline.");
  }
  return *std::move(text);
}

// Our own bounds are read back from the text that was composed; a value with a backslash has another form there.
BoundText parsed_leaf(const PartitionNode& leaf) {
  std::optional<BoundText> text = parse_bound_text(leaf.bound);
  if (!text) {
    throw refused("partition " + pg::display(leaf.name) + " would have the bound " + leaf.bound +
                  ", which cannot be compared with the others")
        .hint("Cut by other bounds: --interval, or another --bucket-rows.");
  }
  return *std::move(text);
}

// ---- Ranks

std::string ranks_sql(const Column& column, const std::vector<std::string>& literals) {
  std::string rows;
  for (std::size_t i = 0; i < literals.size(); ++i) {
    rows += (rows.empty() ? "(" : ", (") + std::to_string(i) + ", (" + literals[i] + ")::" + column.type + ")";
  }
  return "SELECT pg_catalog.dense_rank() OVER (ORDER BY v.value" +
         (column.collation.empty() ? "" : " COLLATE " + column.collation) + ") FROM (VALUES " + rows +
         ") AS v (position, value) ORDER BY v.position";
}

// The server's order of the values that bounds name, and a text for each place in it.
class Ranks {
 public:
  void add(const std::vector<Value>& values) {
    for (const Value& value : values) {
      if (value.kind == Value::Kind::literal && known_.emplace(value.sql, 0).second) {
        literals_.push_back(value.sql);
      }
    }
  }

  void read(pg::Connection& source, const Column& column) {
    if (literals_.empty()) {
      return;
    }
    const pg::Result rows = source.query(ranks_sql(column, literals_));
    for (int i = 0; i < rows.row_count(); ++i) {
      const std::string& literal = literals_[static_cast<std::size_t>(i)];
      known_[literal] = rows.integer(i, 0);
      texts_.emplace(rows.integer(i, 0), literal);
    }
  }

  std::int64_t of(const Value& value) const {
    return value.kind == Value::Kind::minvalue   ? Stretch::kLowest
           : value.kind == Value::Kind::maxvalue ? Stretch::kHighest
                                                 : known_.at(value.sql);
  }

  std::string text_of(std::int64_t rank) const {
    return rank == Stretch::kLowest ? "MINVALUE" : rank == Stretch::kHighest ? "MAXVALUE" : texts_.at(rank);
  }

  Stretch stretch(const BoundText& bound, const std::string& name = "") const {
    return {of(bound.lower.at(0)), of(bound.upper.at(0)), name};
  }

 private:
  std::vector<std::string> literals_;
  std::map<std::string, std::int64_t> known_;
  std::map<std::int64_t, std::string> texts_;
};

// ---- What the three methods share

// One call of design_split, handed from step to step.
struct Splitting {
  const SplitDesign& design;
  NameAllocator& names;
  Layout layout;
  BoundText own;
  std::vector<BoundText> others;  // Neither DEFAULT nor the partition itself.
  Ranks ranks = {};

  std::vector<PartitionNode>& children() { return layout.root.children; }
  const std::string& prefix() const { return design.parent.name.name; }
  bool is_default() const { return own.kind == BoundText::Kind::is_default; }
  void add(const std::string& name, const std::string& bound) {
    PartitionNode& child = children().emplace_back();
    child.name = {layout.root.name.schema, name};
    child.bound = bound;
  }
};

void read_ranks(Splitting& splitting, pg::Connection& source, const std::vector<BoundText>& leaves) {
  const auto add = [&](const BoundText& bound) {
    splitting.ranks.add(bound.lower);
    splitting.ranks.add(bound.upper);
    splitting.ranks.add(bound.values);
  };
  add(splitting.own);
  std::for_each(splitting.others.begin(), splitting.others.end(), add);
  std::for_each(leaves.begin(), leaves.end(), add);
  splitting.ranks.read(source, *splitting.design.facts.column(splitting.layout.root.key_columns.front()));
}

// Takes the DEFAULT leaf away, which every design has; the name is given back only where the partition is DEFAULT.
std::string take_default(Splitting& splitting) {
  const std::string name = splitting.children().back().name.name;
  splitting.children().pop_back();
  return name;
}

// ---- RANGE

std::string between_text(const Splitting& splitting, const Stretch& stretch) {
  return "FOR VALUES FROM (" + splitting.ranks.text_of(stretch.lower) + ") TO (" +
         splitting.ranks.text_of(stretch.upper) + ")";
}

void cut_range(Splitting& splitting, pg::Connection& source) {
  std::vector<BoundText> leaves;
  for (const PartitionNode& child : splitting.children()) {
    leaves.push_back(parsed_leaf(child));
  }
  read_ranks(splitting, source, leaves);
  std::vector<Stretch> parts;
  std::vector<Stretch> others;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    parts.push_back(splitting.ranks.stretch(leaves[i], splitting.children()[i].name.name));
  }
  for (const BoundText& other : splitting.others) {
    others.push_back(splitting.ranks.stretch(other));
  }
  const Stretch own = splitting.is_default() ? Stretch{} : splitting.ranks.stretch(splitting.own);
  const std::vector<Stretch> pieces = cut_stretches(own, others, parts, !splitting.is_default());
  splitting.children().clear();
  std::set<std::string> used;
  for (const Stretch& piece : pieces) {
    std::string name = piece.name;
    if (name.empty()) {
      name = splitting.names.allocate(splitting.prefix() + (splitting.children().empty() ? "_pbefore" : "_pafter"));
    } else if (!used.insert(name).second) {
      name = splitting.names.allocate(name);
    }
    splitting.add(name, between_text(splitting, piece));
  }
}

// ---- LIST

std::string values_text(const std::vector<Value>& values) {
  std::string list;
  for (const Value& value : values) {
    list += (list.empty() ? "" : ", ") + (value.kind == Value::Kind::null ? "NULL" : value.sql);
  }
  return "FOR VALUES IN (" + list + ")";
}

void cut_list(Splitting& splitting, pg::Connection& source) {
  std::vector<BoundText> leaves;
  for (const PartitionNode& child : splitting.children()) {
    leaves.push_back(parsed_leaf(child));
  }
  read_ranks(splitting, source, leaves);
  // NULL has no rank; it is one of the values all the same.
  const auto place_of = [&](const Value& value) {
    return value.kind == Value::Kind::null ? std::optional<std::int64_t>() : splitting.ranks.of(value);
  };
  std::set<std::optional<std::int64_t>> taken;
  for (const BoundText& other : splitting.others) {
    for (const Value& value : other.values) {
      taken.insert(place_of(value));
    }
  }
  std::set<std::optional<std::int64_t>> own;
  for (const Value& value : splitting.own.values) {
    own.insert(place_of(value));
  }
  std::vector<PartitionNode> kept;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const auto place = place_of(leaves[i].values.at(0));
    if ((splitting.is_default() || own.contains(place)) && taken.insert(place).second) {
      kept.push_back(splitting.children()[i]);
    }
  }
  splitting.children() = std::move(kept);
  std::vector<Value> rest;
  for (const Value& value : splitting.own.values) {
    if (!taken.contains(place_of(value))) {
      rest.push_back(value);
    }
  }
  if (!rest.empty()) {
    splitting.add(splitting.names.allocate(splitting.prefix() + "_prest"), values_text(rest));
  }
}

// ---- HASH

// Into partitions of a multiple of its modulus. PostgreSQL wants each modulus of a table to divide the next larger one.
void cut_hash(Splitting& splitting) {
  const std::uint64_t count = splitting.children().size();
  const std::uint64_t modulus = splitting.own.modulus * count;
  for (const BoundText& other : splitting.others) {
    if (modulus % other.modulus != 0 && other.modulus % modulus != 0) {
      throw refused("partitions of modulus " + std::to_string(modulus) + " do not go with one of modulus " +
                    std::to_string(other.modulus) + " of " + pg::display(splitting.design.parent.name))
          .detail("Each modulus must divide the next larger one.")
          .hint("Use another number of --partitions.");
    }
  }
  std::uint64_t remainder = splitting.own.remainder;
  for (PartitionNode& child : splitting.children()) {
    child.bound =
        "FOR VALUES WITH (MODULUS " + std::to_string(modulus) + ", REMAINDER " + std::to_string(remainder) + ")";
    child.name.name =
        splitting.names.allocate(splitting.prefix() + "_p" + std::to_string(modulus) + "_" + std::to_string(remainder));
    remainder += splitting.own.modulus;
  }
}

void refuse_whole(const Splitting& splitting, bool is_default) {
  const std::size_t count = splitting.layout.root.children.size();
  if (count < 2) {
    throw refused(pg::display(splitting.design.facts.name) + " would not be divided: " +
                  (is_default ? "none of its rows would leave it"
                              : "one partition would have its whole bound, " + splitting.design.parent.bound))
        .hint("Use a shorter --interval, a smaller --bucket-rows, or more --partitions.");
  }
}

}  // namespace

Layout design_split(pg::Connection& source, const SplitDesign& design, LevelSpec level, NameAllocator& names) {
  Splitting splitting{design, names, {}, parsed(design.parent.bound), {}};
  for (const SiblingBound& sibling : design.siblings) {
    if (BoundText bound = parsed(sibling.bound); bound.kind != BoundText::Kind::is_default) {
      splitting.others.push_back(std::move(bound));
    }
  }
  const bool by_hash = level.method == PartitionMethod::hash;
  const bool is_default = splitting.is_default();
  if (!is_default && level.with_default) {
    throw refused("a DEFAULT partition would take rows of all of " + pg::display(design.parent.name) +
                  ", not only of " + pg::display(design.facts.name))
        .hint("Leave --default out: the new partitions cover the whole bound, " + design.parent.bound + ".");
  }
  level.with_default = !by_hash;  // So that no value is without a place; taken away again where it must not be.
  splitting.layout = design_layout(source, design.facts, design.root, {level}, names, splitting.prefix());
  if (by_hash) {
    cut_hash(splitting);
    refuse_whole(splitting, false);
    return std::move(splitting.layout);
  }
  const std::string default_name = take_default(splitting);
  level.method == PartitionMethod::range ? cut_range(splitting, source) : cut_list(splitting, source);
  if (is_default) {
    splitting.add(default_name, "DEFAULT");
  }
  refuse_whole(splitting, is_default);
  return std::move(splitting.layout);
}

}  // namespace pgsluice::planner
