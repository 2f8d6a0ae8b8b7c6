// The part of a swap that is names: who is called what before and after it. The same list, read backwards, is the way
// back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::planner {

// A thing of a schema that gets another name, both in one schema; or the same, where it comes from another schema with
// it.
struct Renaming {
  enum class Kind { table, index, sequence, statistics };
  Kind kind = Kind::table;
  QualifiedName from;
  std::string to;
};

// What of the source steps aside. Names only: whether the things are there is not looked at.
std::vector<Renaming> renamings_aside(const Plan& plan);

// What of the target takes the source's names, in the source's schema (where set_schema_sql has brought it).
std::vector<Renaming> renamings_into_place(const Plan& plan);

// Both, in their order, and the target's change of schema between them.
Statements names_forward_sql(const Plan& plan);
Statements names_back_sql(const Plan& plan);

Statement rename_sql(const Renaming& renaming);

// The name of the source while the target has its own; a partition that others took the place of keeps its own.
QualifiedName name_after_swap(const Plan& plan);
// The name of a sequence of the source meanwhile.
QualifiedName sequence_after_swap(const Plan& plan, const Sequence& sequence);

// Sequences that stay what they are and belong to whichever table is in use: all that columns of the source own, but
// those that the target has of its own.
std::vector<const Sequence*> shared_sequences(const Plan& plan);
// `table` must be in the sequence's schema.
Statement own_sequence_sql(const Sequence& sequence, const QualifiedName& table);

// Puts one sequence where another stands, `gap` numbers further; not further where that is out of its bounds. The other
// one must be locked, so that nobody draws from it any more.
Statement continue_sequence_sql(const QualifiedName& sequence, const QualifiedName& from, const Sequence& bounds,
                                std::int64_t gap);

}  // namespace pgsluice::planner
