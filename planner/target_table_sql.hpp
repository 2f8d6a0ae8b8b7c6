// The SQL that makes the tables of a new target: definitions are written out column by column, since the target may be
// in another database than the source, and nothing is left to LIKE. Indexes, foreign keys, triggers and privileges come
// later and elsewhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::planner {

// Where the target's column takes its numbers from.
enum class Numbering {
  none,             // No sequence: a plain default, or none.
  source_sequence,  // A serial column's default goes on naming the source's sequence.
  own_sequence,     // A sequence of the target's own as a plain default: a serial column in another database, or an
                    // identity column before PostgreSQL 17, where a partitioned table can have none.
  identity,         // GENERATED … AS IDENTITY, with a sequence of its own.
};
Numbering numbering_of(const Plan& plan, const Column& column);

int target_major_version(const Plan& plan);

// Own sequences and the partitioned table with columns, checks, comments; in this order, for one transaction.
// Ensures: root and own sequences carry the mark.
Statements create_root_sql(const Plan& plan);

// One partition, of any level below the root. Ensures: it carries the mark. A leaf is left alone by autovacuum: to
// analyze it again and again while it grows is worth nothing, and reads a sample of each leaf at once, in no budget.
Statements create_partition_sql(const Plan& plan, const PartitionNode& node, const PartitionNode& parent);

// When a leaf is filled and analyzed: autovacuum may have it, as far as the source's own storage parameters let it.
Statements allow_autovacuum_sql(const Plan& plan, const PartitionNode& leaf);

// Gives a table of the target (and the sequences that it owns) to the source's owner.
Statement owner_sql(const Plan& plan, const PartitionNode& node);

// Takes away what default privileges gave. `grantee` is quoted SQL text.
Statement revoke_default_sql(const PartitionNode& node, const std::string& grantee);

// Each table by itself, in the order given: for a transaction that drops some of them.
Statement lock_for_drop_sql(const std::vector<const PartitionNode*>& nodes);

// Drops the tables in one statement, without CASCADE.
Statement drop_tables_sql(const std::vector<const PartitionNode*>& nodes);

// Puts the target's own sequence where the source's stands.
std::string read_sequence_sql(const QualifiedName& sequence);
Statement set_sequence_sql(const QualifiedName& sequence, std::string_view last_value, bool is_called);

// The sequences that create_root_sql makes or an identity column brings, each with the source's.
struct CarriedSequence {
  const Sequence* source = nullptr;  // Points into plan.source.
  QualifiedName target;
};
std::vector<CarriedSequence> carried_sequences(const Plan& plan);

// A node of the layout beside its parent; the root, which has none, is left out. Parents before children.
struct Partition {
  const PartitionNode* node = nullptr;
  const PartitionNode* parent = nullptr;
};
std::vector<Partition> partitions(const Layout& layout);

}  // namespace pgsluice::planner
