#include "planner/refresh_sql.hpp"

#include <algorithm>
#include <numeric>

namespace pgsluice::planner {

namespace {

std::string log_sql(const Feed& feed) {
  return pg::quoted(feed.log());
}

// `c."a", c."b"`
std::string list_of(const std::vector<CapturedColumn>& columns, std::string_view alias) {
  std::string list;
  for (const CapturedColumn& column : columns) {
    list += (list.empty() ? "" : ", ") + std::string(alias) + "." + pg::quoted(column.name);
  }
  return list;
}

std::string key_and_lead(const Feed& feed, std::string_view alias) {
  return list_of(feed.key, alias) + (feed.lead.empty() ? "" : ", " + list_of(feed.lead, alias));
}

// `t."a" = c."a" AND …`; NULLs count as equal where there may be any.
std::string equal_sql(const std::vector<CapturedColumn>& columns, std::string_view left, std::string_view right,
                      bool with_nulls) {
  std::string condition;
  for (const CapturedColumn& column : columns) {
    const std::string name = "." + pg::quoted(column.name);
    condition += (condition.empty() ? "" : " AND ") + std::string(left) + name +
                 (with_nulls && !column.not_null ? " IS NOT DISTINCT FROM " : " = ") + std::string(right) + name;
  }
  return condition;
}

std::string same_row_sql(const Feed& feed, std::string_view left, std::string_view right) {
  const std::string key = equal_sql(feed.key, left, right, false);
  return feed.lead.empty() ? key : key + " AND " + equal_sql(feed.lead, left, right, true);
}

// A row of a TRUNCATE has no key and is not for a refresh.
std::string has_key_sql(const Feed& feed) {
  return "c." + pg::quoted(feed.key.front().name) + " IS NOT NULL";
}

std::string columns_of(const Feed& feed, std::string_view alias) {
  std::string list;
  for (const std::string& column : feed.columns) {
    list += (list.empty() ? "" : ", ") + (alias.empty() ? "" : std::string(alias) + ".") + pg::quoted(column);
  }
  return list;
}

// The CTE that every statement begins with. MATERIALIZED: what drives the joins is the log, never one of the tables.
std::string noted_sql(const Feed& feed, const Portion& portion, bool with_lead) {
  return "WITH noted AS MATERIALIZED (SELECT DISTINCT " +
         (with_lead ? key_and_lead(feed, "c") : list_of(feed.key, "c")) + " FROM " + log_sql(feed) + " AS c WHERE " +
         has_key_sql(feed) + " AND " + portion.sql + ")";
}

// The rows of `from` that are to be in `to`: of a plain table by the key, of a partitioned one by key and lead, both of
// which the log has for every row that came to be. A row under a noted key and lead cannot be in a partition that is
// none of the feed's: the lead says which one it is in.
std::string current_rows_sql(const Feed& feed) {
  const std::string condition =
      feed.direction == FeedDirection::back ? same_row_sql(feed, "f", "n") : equal_sql(feed.key, "f", "n", false);
  return " FROM noted AS n JOIN " + pg::quoted(feed.from) + " AS f ON " + condition;
}

std::string insert_sql(const Feed& feed, const Portion& portion) {
  return noted_sql(feed, portion, feed.direction == FeedDirection::back) + " INSERT INTO " + pg::quoted(feed.to) +
         " (" + columns_of(feed, "") + ") OVERRIDING SYSTEM VALUE SELECT " + columns_of(feed, "f") +
         current_rows_sql(feed);
}

std::string on_conflict_sql(const Feed& feed) {
  std::string updates;
  // Those of the key, too: what counts as equal need not be the same, 5 and 5.00 say.
  for (const std::string& column : feed.columns) {
    const auto& fixed = feed.fixed_columns;
    if (std::find(fixed.begin(), fixed.end(), column) == fixed.end()) {
      updates += (updates.empty() ? "" : ", ") + pg::quoted(column) + " = EXCLUDED." + pg::quoted(column);
    }
  }
  return " ON CONFLICT (" + pg::quoted_list(feed.conflict_columns) + ") DO " +
         (updates.empty() ? "NOTHING" : "UPDATE SET " + updates);
}

std::string forget_sql(const Feed& feed, const Portion& portion) {
  return "DELETE FROM " + log_sql(feed) + " AS c WHERE " + has_key_sql(feed) + " AND " + portion.sql;
}

}  // namespace

Portion whole_log_sql() {
  return {"true", {}};
}

Portion lanes_sql(const Feed& feed, std::int64_t block_begin, std::int64_t block_end,
                  const std::vector<unsigned>& lanes) {
  Portion portion{"c.ctid >= $1::tid AND c.ctid < $2::tid",
                  {"(" + std::to_string(block_begin) + ",0)", "(" + std::to_string(block_end) + ",0)"}};
  if (lanes.size() < kLaneCount) {
    portion.sql += " AND (pg_catalog.hashtext(ROW(" + list_of(feed.key, "c") + ")::pg_catalog.text) & 2147483647) % " +
                   std::to_string(kLaneCount) + " = ANY ($3::int4[])";
    portion.parameters.emplace_back(lanes_text(lanes));
  }
  return portion;
}

std::string lanes_text(const std::vector<unsigned>& lanes) {
  std::string text;
  for (const unsigned lane : lanes) {
    text += (text.empty() ? "{" : ",") + std::to_string(lane);
  }
  return text + "}";
}

std::vector<unsigned> all_lanes() {
  std::vector<unsigned> lanes(kLaneCount);
  std::iota(lanes.begin(), lanes.end(), 0U);
  return lanes;
}

Portion range_sql(const RangeKey& key, const Range& range) {
  Condition condition = between_sql(key, range.lower, range.upper);
  return {std::move(condition.sql), std::move(condition.parameters)};
}

RefreshSql refresh_sql(const Feed& feed, const Portion& portion) {
  if (feed.conflict_columns.empty()) {
    return exact_refresh_sql(feed, portion);
  }
  const std::string stale = noted_sql(feed, portion, true) +
                            ", stale AS MATERIALIZED (SELECT * FROM noted AS n WHERE NOT EXISTS (SELECT FROM " +
                            pg::quoted(feed.from) + " AS f WHERE " + same_row_sql(feed, "f", "n") + ")) DELETE FROM " +
                            pg::quoted(feed.to) + " AS t USING stale AS s WHERE " + same_row_sql(feed, "t", "s");
  return {stale, insert_sql(feed, portion) + on_conflict_sql(feed), forget_sql(feed, portion)};
}

RefreshSql exact_refresh_sql(const Feed& feed, const Portion& portion) {
  // A row of `to` under (key, lead) is noted with them, unless it is already what `from` has now.
  const std::string gone = noted_sql(feed, portion, true) +
                           ", touched AS MATERIALIZED (SELECT * FROM noted UNION SELECT " + key_and_lead(feed, "f") +
                           current_rows_sql(feed) + ") DELETE FROM " + pg::quoted(feed.to) +
                           " AS t USING touched AS s WHERE " + same_row_sql(feed, "t", "s");
  return {gone, insert_sql(feed, portion), forget_sql(feed, portion)};
}

std::string reduce_log_sql(const Feed& feed) {
  return "DELETE FROM " + log_sql(feed) +
         " AS c USING (SELECT c.ctid AS place, pg_catalog.row_number() OVER (PARTITION BY " + key_and_lead(feed, "c") +
         " ORDER BY c." + pg::quoted(feed.time_column()) + ") AS number FROM " + log_sql(feed) + " AS c WHERE " +
         has_key_sql(feed) + ") AS d WHERE c.ctid = d.place AND d.number > 1";
}

std::string backlog_sql(const Feed& feed) {
  return "SELECT pg_catalog.count(*) AS rows, COALESCE(EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() - "
         "pg_catalog.min(c." +
         pg::quoted(feed.time_column()) + ")), 0)::float8 AS seconds, COALESCE(pg_catalog.bool_or(NOT (" +
         has_key_sql(feed) + ")), false) AS truncated, pg_catalog.pg_relation_size(" + pg::literal(log_sql(feed)) +
         ") AS bytes FROM " + log_sql(feed) + " AS c";
}

std::string savepoint_sql() {
  return "SAVEPOINT pgsluice_refresh";
}

std::string rollback_to_savepoint_sql() {
  return "ROLLBACK TO SAVEPOINT pgsluice_refresh";
}

std::string empty_table_sql(const QualifiedName& table) {
  return "TRUNCATE " + pg::quoted(table);
}

std::string empty_log_sql(const Feed& feed) {
  return "DELETE FROM " + log_sql(feed);
}

std::string refill_sql(const Feed& feed) {
  std::string parts;
  for (const QualifiedName& part : feed.parts) {
    parts +=
        (parts.empty() ? " WHERE f.tableoid IN (" : ", ") + pg::literal(pg::quoted(part)) + "::pg_catalog.regclass";
  }
  return "INSERT INTO " + pg::quoted(feed.to) + " (" + columns_of(feed, "") + ") OVERRIDING SYSTEM VALUE SELECT " +
         columns_of(feed, "f") + " FROM " + pg::quoted(feed.from) + " AS f" + parts + (parts.empty() ? "" : ")");
}

}  // namespace pgsluice::planner
