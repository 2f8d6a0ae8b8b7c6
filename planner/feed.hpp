// A feed keeps one table in step with another: changes of `from` are noted in a log, by key, and each noted key is
// brought over again ("refreshed") into `to`. Here is what a feed consists of, and how its parts are called; the SQL
// that notes is capture_sql.hpp, the SQL that refreshes is refresh_sql.hpp.
//
// The log holds the key of each changed row and the columns of the partition key beside it (the lead), as they were
// before the change and, where they differ, as they are after it.
//
// Invariants:
//   F1  A change and its log rows are one transaction's: what is not in the log did not change since it was last
//       refreshed (or copied).
//   F2  A row of the partitioned side under (key, lead) that the other side no longer has under them has a log row with
//       this key and lead: so stale rows are found without looking into every leaf.
//   F3  No trigger fires when a partition of a partitioned source comes with rows or goes with them. So its partitions
//       are listed, from the transaction on that begins the capture; one that is written to before it is listed, lists
//       itself; and who brings rows over for good compares the list with the catalogue.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/plan.hpp"

namespace pgsluice::planner {

enum class FeedDirection {
  forward,  // From the source to the target, until the cutover.
  back,     // From the table that took the source's place to the old one, after it.
};

struct Feed {
  std::string migration_id;
  FeedDirection direction = FeedDirection::forward;
  CaptureForm form = CaptureForm::row;
  QualifiedName from;
  QualifiedName to;
  std::vector<CapturedColumn> key;
  std::vector<CapturedColumn> lead;           // Columns of the partition key that are not in the key.
  std::vector<std::string> columns;           // All that a row is made of, generated ones left out.
  std::vector<std::string> conflict_columns;  // Of the unique index of `to` by which a row is found again; empty where
                                              // rows are replaced by deleting and inserting.
  std::vector<std::string> fixed_columns;     // That no UPDATE may set: GENERATED ALWAYS AS IDENTITY.
  std::vector<QualifiedName> truncatable;     // Tables beside `from` whose TRUNCATE empties part of it.
  // Where `from` has other partitions, too, that are none of the feed's business: those that are.
  std::vector<QualifiedName> parts;
  // The table that the application names, where `from` or its parts are only partitions of it.
  std::optional<QualifiedName> parent;

  // The tables whose triggers note changes.
  std::vector<QualifiedName> noting() const { return parts.empty() ? std::vector{from} : parts; }
  // The table whose writers must have a snapshot that is new enough.
  const QualifiedName& addressed() const { return parent ? *parent : from; }
  // The source itself is partitioned, by whoever owns it: what it consists of may change while it is captured (F3).
  bool from_is_partitioned = false;
  std::vector<std::string> known_partitions;  // The OIDs of its partitions that are known, where it is.

  // Whether equal keys have equal texts, so that a hash of the text divides them into lanes: 5 and 5.00 are one key.
  bool keys_can_be_divided() const;

  // `pgsluice.changes_<…>`, the log.
  QualifiedName log() const;
  // The log's own column: when the change was noted.
  std::string time_column() const;
  // The list of F3: `partition` and `trigger`, the OIDs of a partition and of the row trigger that it has as long as it
  // is one, and `name`, which is null where a write listed it.
  QualifiedName partitions() const;
  // What the triggers call. `event`: "row", "insert", "update", "delete", "truncate".
  QualifiedName function(std::string_view event) const;
  std::string trigger(std::string_view event) const;
  // Of the trigger that refuses writes by snapshots older than a cutover; both have this name.
  QualifiedName snapshot_function() const;
};

// The source and the target as they are called before the cutover.
Feed forward_feed(const Plan& plan);
// The same two as they are called after it.
Feed reverse_feed(const Plan& plan);

// True when the unique index of the target that the key becomes can tell, alone, whether a row is there: no part of it
// may be NULL.
bool target_key_has_no_nulls(const Plan& plan);

}  // namespace pgsluice::planner
