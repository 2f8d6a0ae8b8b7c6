#include "mover/verify_find.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "mover/heap_parts.hpp"
#include "mover/row_tally.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::mover {

namespace {

using Key = planner::Key;

void fail_if_stopped(const VerifyWorkers& workers) {
  if (workers.context().stop.is_requested()) {
    throw pg::Failure(pg::FailureKind::interrupted, "stopped while looking for the rows that differ, as asked")
        .hint("Run the same command again.")
        .status("nothing was changed");
  }
}

// Collects differences up to a limit.
class Collector {
 public:
  Collector(VerifySummary& summary, std::uint64_t differences_max) : summary_(summary), max_(differences_max) {}
  bool is_full() const { return summary_.differences.size() >= max_; }
  void truncate() { summary_.differences_truncated = true; }
  void add(const std::string& where, const std::string& key, Difference::Kind kind) {
    if (is_full()) {
      truncate();
    } else {
      summary_.differences.push_back({where, key, kind});
    }
  }

 private:
  VerifySummary& summary_;
  std::uint64_t max_;
};

// ---- In a range

constexpr std::uint64_t kListedKeysMax = 1000;

std::string display(const Key& key) {
  std::string text;
  for (const std::string& value : key) {
    text += (text.empty() ? "" : ", ") + value;
  }
  return "(" + text + ")";
}

// `k1, k2`: the key's columns under names that no column of the table can shadow; and what they stand for.
struct KeyAliases {
  std::string list;         // `k1, k2`
  std::string definitions;  // `compared."a" AS k1, compared."b" AS k2`
  std::string text_array;   // `ARRAY[k1::text, k2::text] AS key`
};

KeyAliases key_aliases(const planner::RangeKey& key) {
  KeyAliases aliases;
  std::string texts;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const std::string comma = i == 0 ? "" : ", ";
    const std::string alias = "k" + std::to_string(i + 1);
    aliases.list += comma + alias;
    aliases.definitions += comma + "compared." + pg::quoted(key.columns[i].name) + " AS " + alias;
    texts += comma + alias + "::pg_catalog.text";
  }
  aliases.text_array = "ARRAY[" + texts + "] AS key";
  return aliases;
}

struct Piece {
  std::optional<Key> lower;
  std::optional<Key> upper;
};

// Every key of a piece with count and checksum of its rows. A target's key may stand for several rows.
planner::Condition keys_sql(const Comparison& comparison, const Side& side, const Piece& piece) {
  const KeyAliases aliases = key_aliases(comparison.plan->key);
  planner::Condition keys = planner::between_sql(comparison.plan->key, piece.lower, piece.upper);
  keys.sql = "SELECT " + aliases.text_array +
             ", pg_catalog.count(*) AS rows, pg_catalog.sum(hash) AS checksum FROM (SELECT " + aliases.definitions +
             ", " + row_hash_sql(comparison.plan->source, "compared", side.cast, comparison.form) + " AS hash FROM " +
             side.from_sql + " AS compared WHERE " + keys.sql + " OFFSET 0) AS hashed GROUP BY " + aliases.list +
             " ORDER BY " + aliases.list + " LIMIT " + std::to_string(kListedKeysMax + 1);
  return keys;
}

planner::Condition distinct_keys_sql(const Comparison& comparison, const Side& side, const Piece& piece) {
  planner::Condition keys = planner::between_sql(comparison.plan->key, piece.lower, piece.upper);
  keys.sql = "(SELECT DISTINCT " + key_aliases(comparison.plan->key).definitions + " FROM " + side.from_sql +
             " AS compared WHERE " + keys.sql + ") AS keys";
  return keys;
}

planner::Condition key_count_sql(const Comparison& comparison, const Side& side, const Piece& piece) {
  planner::Condition count = distinct_keys_sql(comparison, side, piece);
  count.sql = "SELECT pg_catalog.count(*) FROM " + count.sql;
  return count;
}

planner::Condition nth_key_sql(const Comparison& comparison, const Side& side, const Piece& piece,
                               std::uint64_t offset) {
  const KeyAliases aliases = key_aliases(comparison.plan->key);
  planner::Condition nth = distinct_keys_sql(comparison, side, piece);
  nth.sql = "SELECT " + aliases.text_array + " FROM " + nth.sql + " ORDER BY " + aliases.list + " OFFSET " +
            std::to_string(offset) + " LIMIT 1";
  return nth;
}

// Looks at one range from one worker.
class RangeFinder {
 public:
  RangeFinder(const Comparison& comparison, std::string where, VerifyWorkers& workers, Collector& collector)
      : comparison_(comparison), where_(std::move(where)), workers_(workers), collector_(collector) {}

  void find(const planner::Range& range) {
    std::deque<Piece> pieces = {{range.lower, range.upper}};
    while (!pieces.empty()) {
      fail_if_stopped(workers_);
      if (collector_.is_full()) {
        collector_.truncate();
        return;
      }
      const Piece piece = pieces.front();
      pieces.pop_front();
      const RowTally source = read_tally(comparison_.source, piece);
      const RowTally target = read_tally(comparison_.target, piece);
      if (source == target) {
        continue;
      }
      const std::optional<Key> middle = middle_of(piece, source, target);
      if (middle) {
        pieces.push_front({middle, piece.upper});
        pieces.push_front({piece.lower, middle});
      } else {
        compare_keys(piece);
      }
    }
  }

 private:
  using KeyTallies = std::map<Key, RowTally>;

  pg::Result ask(const Side& side, const planner::Condition& statement) {
    std::optional<pg::Result> result;
    const auto read = [&](pg::Connection& connection) {
      result = connection.query(statement.sql, statement.parameters);
    };
    if (&side == &comparison_.source) {
      workers_.on_source(0, "looking into " + where_, read);
    } else {
      workers_.on_target(0, "looking into " + where_, read);
    }
    return std::move(*result);
  }

  RowTally read_tally(const Side& side, const Piece& piece) {
    return row_tally_at(ask(side, range_tally_sql(comparison_, side, piece.lower, piece.upper)), 0);
  }

  // Where to divide a piece; absent when it is small enough to be listed. The source's keys are unique, so that its
  // middle is above the piece's lower bound; the target's may not be, so there distinct keys are counted.
  std::optional<Key> middle_of(const Piece& piece, const RowTally& source, const RowTally& target) {
    if (source.rows > kListedKeysMax) {
      return nth_key(comparison_.source, piece, source.rows / 2);
    }
    if (target.rows <= kListedKeysMax) {
      return std::nullopt;
    }
    const pg::Result count = ask(comparison_.target, key_count_sql(comparison_, comparison_.target, piece));
    const auto key_count = static_cast<std::uint64_t>(count.integer(0, 0));
    return key_count > kListedKeysMax ? nth_key(comparison_.target, piece, key_count / 2) : std::nullopt;
  }

  std::optional<Key> nth_key(const Side& side, const Piece& piece, std::uint64_t offset) {
    const pg::Result row = ask(side, nth_key_sql(comparison_, side, piece, offset));
    return row.row_count() == 0 ? std::nullopt : std::optional<Key>(row.text_array(0, 0));
  }

  KeyTallies read_keys(const Side& side, const Piece& piece) {
    const pg::Result rows = ask(side, keys_sql(comparison_, side, piece));
    if (static_cast<std::uint64_t>(rows.row_count()) > kListedKeysMax) {
      collector_.truncate();  // The rows became more since they were counted.
    }
    KeyTallies keys;
    for (int i = 0; i < rows.row_count(); ++i) {
      keys.emplace(rows.text_array(i, 0), row_tally_at(rows, i));
    }
    return keys;
  }

  void compare_keys(const Piece& piece) {
    const KeyTallies source = read_keys(comparison_.source, piece);
    const KeyTallies target = read_keys(comparison_.target, piece);
    for (const auto& [key, here] : source) {
      const auto there = target.find(key);
      if (there == target.end()) {
        collector_.add(where_, display(key), Difference::Kind::missing);
      } else if (there->second != here) {
        collector_.add(where_, display(key),
                       there->second.rows == here.rows ? Difference::Kind::changed : Difference::Kind::extra);
      }
    }
    for (const auto& [key, there] : target) {
      if (!source.contains(key)) {
        collector_.add(where_, display(key), Difference::Kind::extra);
      }
    }
  }

  const Comparison& comparison_;
  std::string where_;
  VerifyWorkers& workers_;
  Collector& collector_;
};

// ---- In buckets

constexpr std::uint64_t kListedRowsMax = 100'000;  // Hashes held in memory, about 200 bytes each.
constexpr std::size_t kClassesMax = 256;           // Divided at a time: 65,536 sums.
constexpr unsigned kBitsPerPass = 8;               // Buckets are classes of the first eight.
constexpr unsigned kBitsMax = 32;

// The rows of both sides that share the lowest bits of their hash.
struct ClassTally {
  RowTally source;
  RowTally target;
  std::uint64_t rows() const { return std::max(source.rows, target.rows); }
};
using Classes = std::map<std::int64_t, ClassTally>;

// The rows of one side that share a hash.
struct Rows {
  std::uint64_t count = 0;
  std::string place;
  std::optional<std::string> key;
};

std::uint64_t mask_of(unsigned bits) {
  return (std::uint64_t{1} << bits) - 1;
}

std::string array_text(const Classes& classes) {
  std::string text;
  for (const auto& [value, tally] : classes) {
    text += (text.empty() ? "" : ",") + std::to_string(value);
  }
  return "{" + text + "}";
}

// The columns of a unique index without NULLs, by which a person knows a row; empty when there is none.
std::vector<std::string> naming_columns(const planner::TableFacts& source) {
  for (const planner::Index& index : source.indexes) {
    const bool names_each_row =
        index.is_unique && index.is_valid && !index.is_partial && !index.has_expressions &&
        std::all_of(index.key_columns.begin(), index.key_columns.end(), [&](const std::string& name) {
          const planner::Column* column = source.column(name);
          return column != nullptr && column->not_null;
        });
    if (names_each_row) {
      return index.key_columns;
    }
  }
  return {};
}

class BucketFinder {
 public:
  BucketFinder(const Comparison& comparison, VerifyWorkers& workers, Collector& collector)
      : comparison_(comparison), workers_(workers), collector_(collector) {
    append_parts(comparison.source, comparison.plan->source.name);
    append_parts(comparison.target, comparison.plan->layout.root.name);
  }

  void find(const BucketSums& sums) {
    static_assert(kBucketCount == 1U << kBitsPerPass);
    Classes classes;
    for (std::uint32_t bucket = 0; bucket < kBucketCount; ++bucket) {
      if (sums.source[bucket] != sums.target[bucket]) {
        classes[bucket] = {sums.source[bucket], sums.target[bucket]};
      }
    }
    unsigned bits = kBitsPerPass;
    while (row_count(classes) > kListedRowsMax && bits < kBitsMax) {
      keep_first(classes, kClassesMax);
      classes = divide(bits, classes);
      bits += kBitsPerPass;
    }
    keep_listable(classes);
    compare_rows(bits, classes);
  }

 private:
  void append_parts(const Side& side, const pg::QualifiedName& table) {
    HeapParts heaps;
    on_side(0, side, [&](pg::Connection& connection) {
      heaps = read_heap_parts(connection, table, side, workers_.pages_per_unit());
    });
    parts_.insert(parts_.end(), heaps.parts.begin(), heaps.parts.end());
  }

  void on_side(unsigned worker, const Side& side, const VerifyWorkers::Body& body) {
    const std::string what = "looking into " + side.name;
    if (&side == &comparison_.source) {
      workers_.on_source(worker, what, body);
    } else {
      workers_.on_target(worker, what, body);
    }
  }

  // Asks every part of both sides; `take` is called with the answers, one at a time.
  void ask_all(const std::function<std::string(const HeapPart&)>& sql, const pg::Parameters& parameters,
               const std::function<void(const HeapPart&, const pg::Result&)>& take) {
    std::mutex mutex;
    const auto ask = [&](unsigned worker, std::size_t unit) {
      const HeapPart& part = parts_[unit];
      std::optional<pg::Result> answer;
      on_side(worker, *part.side,
              [&](pg::Connection& connection) { answer = connection.query(sql(part), parameters); });
      const std::lock_guard lock(mutex);
      take(part, *answer);
    };
    workers_.run(parts_.size(), ask, [&](std::size_t unit) { return static_cast<double>(parts_[unit].page_count); });
    fail_if_stopped(workers_);
  }

  bool is_source(const HeapPart& part) const { return part.side == &comparison_.source; }

  // Divides classes of `bits` bits by some more; those that differ.
  Classes divide(unsigned bits, const Classes& classes) {
    Classes sums;
    ask_all(
        [&](const HeapPart& part) {
          return hash_classes_sql(comparison_, part, mask_of(bits + kBitsPerPass), mask_of(bits));
        },
        {array_text(classes)},
        [&](const HeapPart& part, const pg::Result& answer) {
          const int class_column = answer.column("class");
          for (int i = 0; i < answer.row_count(); ++i) {
            ClassTally& sum = sums[answer.integer(i, class_column)];
            (is_source(part) ? sum.source : sum.target).add(row_tally_at(answer, i));
          }
        });
    std::erase_if(sums, [](const auto& entry) { return entry.second.source == entry.second.target; });
    return sums;
  }

  static std::uint64_t row_count(const Classes& classes) {
    std::uint64_t rows = 0;
    for (const auto& [value, tally] : classes) {
      rows += tally.rows();
    }
    return rows;
  }

  void keep_first(Classes& classes, std::size_t count) {
    while (classes.size() > count) {
      classes.erase(std::prev(classes.end()));
      collector_.truncate();
    }
  }

  // As many classes as can be listed, and at least one.
  void keep_listable(Classes& classes) {
    std::uint64_t rows = 0;
    std::size_t count = 0;
    for (const auto& [value, tally] : classes) {
      rows += tally.rows();
      if (rows > kListedRowsMax && count > 0) {
        break;
      }
      ++count;
    }
    keep_first(classes, count);
  }

  void compare_rows(unsigned bits, const Classes& classes) {
    const std::vector<std::string> key_columns = naming_columns(comparison_.plan->source);
    std::map<std::int64_t, Rows> source;
    std::map<std::int64_t, Rows> target;
    ask_all(
        [&](const HeapPart& part) { return hashes_sql(comparison_, part, mask_of(bits), key_columns, kListedRowsMax); },
        {array_text(classes)},
        [&](const HeapPart& part, const pg::Result& answer) {
          std::map<std::int64_t, Rows>& rows = is_source(part) ? source : target;
          for (int i = 0; i < answer.row_count(); ++i) {
            if (rows.size() >= kListedRowsMax) {
              collector_.truncate();
              break;
            }
            Rows& of_hash = rows[answer.integer(i, answer.column("hash"))];
            of_hash.count += static_cast<std::uint64_t>(answer.integer(i, answer.column("rows")));
            of_hash.place = part.heap_sql + " ctid " + std::string(answer.text(i, answer.column("place")));
            of_hash.key = answer.optional_text(i, answer.column("key"));
          }
        });
    report(source, target);
  }

  void report(const std::map<std::int64_t, Rows>& source, const std::map<std::int64_t, Rows>& target) {
    const auto missing = rows_beyond(source, target);
    const auto extra = rows_beyond(target, source);
    std::set<std::string> missing_keys;
    std::set<std::string> extra_keys;
    for (const auto& [hash, rows] : missing) {
      missing_keys.insert(rows.key.value_or(""));
    }
    for (const auto& [hash, rows] : extra) {
      extra_keys.insert(rows.key.value_or(""));
    }
    for (const auto& [hash, rows] : missing) {
      const bool is_changed = rows.key && extra_keys.contains(*rows.key);
      add(hash, rows, is_changed ? Difference::Kind::changed : Difference::Kind::missing);
    }
    for (const auto& [hash, rows] : extra) {
      if (!rows.key || !missing_keys.contains(*rows.key)) {
        add(hash, rows, Difference::Kind::extra);
      }
    }
  }

  // The rows of `here` that `there` has not, or has fewer of.
  static std::vector<std::pair<std::int64_t, Rows>> rows_beyond(const std::map<std::int64_t, Rows>& here,
                                                                const std::map<std::int64_t, Rows>& there) {
    std::vector<std::pair<std::int64_t, Rows>> beyond;
    for (const auto& [hash, rows] : here) {
      const auto same = there.find(hash);
      const std::uint64_t matched = same == there.end() ? 0 : same->second.count;
      if (rows.count > matched) {
        beyond.emplace_back(hash, rows);
        beyond.back().second.count -= matched;
      }
    }
    return beyond;
  }

  void add(std::int64_t hash, const Rows& rows, Difference::Kind kind) {
    const auto bucket = static_cast<std::uint32_t>(static_cast<std::uint64_t>(hash) % kBucketCount);
    for (std::uint64_t i = 0; i < rows.count; ++i) {
      collector_.add(display_bucket(bucket), rows.key.value_or(rows.place), kind);
      if (collector_.is_full() && i + 1 < rows.count) {
        collector_.truncate();
        return;
      }
    }
  }

  const Comparison& comparison_;
  VerifyWorkers& workers_;
  Collector& collector_;
  std::vector<HeapPart> parts_;
};

}  // namespace

void find_in_range(const Comparison& comparison, const planner::Range& range, VerifyWorkers& workers,
                   std::uint64_t differences_max, VerifySummary& summary) {
  Collector collector(summary, differences_max);
  RangeFinder(comparison, "range " + std::to_string(range.index), workers, collector).find(range);
}

void find_in_buckets(const Comparison& comparison, const BucketSums& sums, VerifyWorkers& workers,
                     std::uint64_t differences_max, VerifySummary& summary) {
  Collector collector(summary, differences_max);
  BucketFinder(comparison, workers, collector).find(sums);
}

std::string display(const planner::Range& range) {
  return "range " + std::to_string(range.index) + ", " + planner::display_lower(range.lower) + " to " +
         planner::display_upper(range.upper);
}

std::string display_bucket(std::uint32_t bucket) {
  return "bucket " + std::to_string(bucket) + " of " + std::to_string(kBucketCount);
}

}  // namespace pgsluice::mover
