// The SQL that notes changes: a log table and the triggers that fill it. Each trigger function runs with its owner's
// rights and a fixed search_path, so that whoever may write the table can fire it; it does nothing but append a row to
// the log, so it cannot fail for a reason of the target's.
//
// The triggers are ENABLE ALWAYS: a session whose session_replication_role is `replica` (a subscription's worker) is
// noted, too.
#pragma once

#include "planner/feed.hpp"
#include "planner/statement.hpp"

namespace pgsluice::planner {

// Log and functions, which lock nothing that others use; then the triggers. Each for one transaction; the schema must
// be there. Ensures: log, functions and triggers carry the mark.
Statements create_capture_log_sql(const Feed& feed);
Statements create_capture_triggers_sql(const Feed& feed);

// What follows is for a feed whose `from` is partitioned (F3).

// Its partitions, as the catalogue and as the list have them: schema, name, kind, persistence, oid, is_leaf, is_there,
// is_listed, listed_name (null where a write listed it), was_away (since it was listed), row_trigger (its OID),
// has_another_file, notes_rows, notes_truncate.
std::string standing_partitions_sql(const Feed& feed);
// Nobody attaches or detaches a partition of the table itself until the transaction ends; nor writes, if
// `against_writers`, to any.
Statement lock_partitions_sql(const Feed& feed, bool against_writers);
struct ListedPartition {
  std::string oid;
  std::string trigger;  // The OID of its trigger for rows.
  QualifiedName name;
};
// Lists these, which were looked at, and no others; and forgets what is known of those of the OIDs `gone`.
// `feed.known_partitions` are the OIDs of these; they list themselves no more.
Statements list_partitions_sql(const Feed& feed, const std::vector<ListedPartition>& partitions,
                               const std::vector<std::string>& gone);
// As if one (regclass text) had never been listed.
Statement forget_partition_sql(const Feed& feed, const std::string& partition);
// Notes the rows of a partition that came, from one block to before another; all of them where they are equal.
Statement note_rows_sql(const Feed& feed, const QualifiedName& partition, std::int64_t block_begin,
                        std::int64_t block_end);
// Begins to note its TRUNCATE.
Statements note_truncate_sql(const Feed& feed, const QualifiedName& partition);
// Notes, as a TRUNCATE does, that rows are gone without a trace.
Statement note_loss_sql(const Feed& feed);

// For the transaction of a cutover, whose id is `xid`, on the table that took the name, and its partitions where the
// application knows them: `table_oids` are those of all. Its rows were written by us, so a REPEATABLE READ snapshot
// from before sees those that the application changed last as they were, or not at all, and an UPDATE by it would find
// nothing and say so to nobody: such a write fails with 40001 instead. In READ COMMITTED every statement has a snapshot
// of its own, and nothing is ever refused. Goes with the capture's triggers. Source: PostgreSQL manual, "Caveats" of
// concurrency control.
Statements create_snapshot_guard_sql(const Feed& feed, std::string_view xid,
                                     const std::vector<std::string>& table_oids);

Statements drop_capture_triggers_sql(const Feed& feed);
Statements drop_capture_log_sql(const Feed& feed);

// So many triggers are on the tables that note changes.
std::size_t capture_trigger_count(const Feed& feed);

// Lets the space of rows that were taken out of the log be used again; gives it back where `gives_back`, which takes an
// exclusive lock when nobody is in the way, and ends early for whoever comes. Not inside a transaction.
Statement vacuum_log_sql(const Feed& feed, bool gives_back);

}  // namespace pgsluice::planner
