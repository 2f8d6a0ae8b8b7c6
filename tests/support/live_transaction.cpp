// Makes the changes of one transaction, in the table and in its twin.
#include "tests/support/live_transaction.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "pg/identifier.hpp"

namespace pgsluice::tests {

namespace {

struct KindFacts {
  std::string_view name;
  int weight;
};

// In the order of ChangeKind. TRUNCATE comes when it is asked for.
constexpr std::array<KindFacts, kChangeKindCount> kKinds = {{
    {"insert", 10},
    {"insert with the next identity", 6},
    {"insert many", 5},
    {"update", 14},
    {"update many", 6},
    {"update by a column", 3},
    {"update of the partition key", 8},
    {"update to null", 4},
    {"select for update, update", 6},
    {"upsert", 7},
    {"update of the key", 8},
    {"swap of two keys", 4},
    {"swap of two places", 5},
    {"delete", 8},
    {"delete many", 3},
    {"delete and insert", 4},
    {"delete, for later", 3},
    {"insert of what was deleted", 3},
    {"truncate", 0},
}};

constexpr int kChangesMax = 5;
constexpr std::int64_t kColumnValues = 1000;
// Identities this far behind the last one given are deleted; nearer ones may not be committed yet.
constexpr std::int64_t kIdentityLag = 200;
constexpr std::int64_t kIdentityReach = 20'000;
constexpr std::int64_t kIdentitiesErased = 24;

int weight_sum() {
  int sum = 0;
  for (const KindFacts& kind : kKinds) sum += kind.weight;
  return sum;
}

std::string replaced_table(const std::string& sql, std::string_view table) {
  std::string replaced;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] == '%' && i + 1 < sql.size() && sql[i + 1] == 't') {
      replaced += table;
      ++i;
    } else {
      replaced += sql[i];
    }
  }
  return replaced;
}

std::string shown(const std::string& sql) {
  constexpr std::size_t kShown = 300;
  return sql.size() > kShown ? sql.substr(0, kShown) + "…" : sql;
}

}  // namespace

std::string_view to_text(ChangeKind kind) {
  return kKinds.at(static_cast<std::size_t>(kind)).name;
}

std::string_view to_text(Isolation isolation) {
  return isolation == Isolation::read_committed    ? "READ COMMITTED"
         : isolation == Isolation::repeatable_read ? "REPEATABLE READ"
                                                   : "SERIALIZABLE";
}

class LiveTransaction::Text {
 public:
  explicit Text(StatementStyle style) : style_(style) {}
  Text& operator+=(std::string_view sql) {
    sql_ += sql;
    return *this;
  }
  // A number as SQL, and text as SQL: a literal or a parameter, as the client's style has it.
  std::string number(std::int64_t value) {
    if (style_ == StatementStyle::simple) return "(" + std::to_string(value) + ")::bigint";
    parameters_.emplace_back(std::to_string(value));
    return "$" + std::to_string(parameters_.size()) + "::bigint";
  }
  std::string text(const pg::Parameter& value, const std::string& type) {
    if (style_ == StatementStyle::simple) return (value ? pg::literal(*value) : "NULL") + "::" + type;
    parameters_.push_back(value);
    return "$" + std::to_string(parameters_.size()) + "::" + type;
  }
  const std::string& sql() const { return sql_; }
  const pg::Parameters& parameters() const { return parameters_; }

 private:
  StatementStyle style_;
  std::string sql_;
  pg::Parameters parameters_;
};

LiveTransaction::LiveTransaction(pg::Connection& connection, const LiveLayout& layout, LiveKeys& keys,
                                 const LiveTransactionOptions& options, std::vector<std::int64_t>& erased,
                                 std::uint64_t seed)
    : connection_(connection), layout_(layout), keys_(keys), options_(options), erased_(erased), random_(seed) {}

LiveTransaction::~LiveTransaction() {
  if (truncates_ && !is_committed_) keys_.truncate_is_due = true;
}

std::int64_t LiveTransaction::below(std::int64_t count) {
  return std::uniform_int_distribution<std::int64_t>(0, count - 1)(random_);
}

bool LiveTransaction::chance(double share) {
  return std::uniform_real_distribution<double>(0, 1)(random_) < share;
}

std::int64_t LiveTransaction::any_key() {
  return 1 + below(keys_.count);
}

ChangeKind LiveTransaction::any_kind() {
  static const int sum = weight_sum();
  for (;;) {
    std::int64_t left = below(sum);
    std::size_t index = 0;
    while (left >= kKinds.at(index).weight) left -= kKinds.at(index++).weight;
    const auto kind = static_cast<ChangeKind>(index);
    if (kind == ChangeKind::insert_next && !layout_.has_identity) continue;
    if (kind == ChangeKind::update_partition && layout_.partition_column.empty()) continue;
    return kind;
  }
}

void LiveTransaction::sleep_for_a_while() {
  std::this_thread::sleep_for(std::chrono::milliseconds(50 + below(350)));
}

bool LiveTransaction::run() {
  const std::int64_t any = below(10);
  isolation_ = any == 0 ? Isolation::serializable : any <= 2 ? Isolation::repeatable_read : Isolation::read_committed;
  const bool is_long = chance(options_.long_share);
  const bool is_undone = chance(0.03);
  if (isolation_ == Isolation::read_committed) {
    connection_.begin();
  } else {
    connection_.begin("ISOLATION LEVEL " + std::string(to_text(isolation_)));
  }
  truncates_ = keys_.truncate_is_due.exchange(false);
  if (truncates_) change(ChangeKind::truncate);
  const std::int64_t count = 1 + std::min(below(kChangesMax), below(kChangesMax));
  const std::int64_t rest_after = is_long ? below(count) : -1;
  for (std::int64_t i = 0; i < count; ++i) {
    if (chance(0.05)) {
      const ChangeCounts before = changes_;
      const std::vector<std::int64_t> erased_before = erased_here_;
      connection_.query("SAVEPOINT a");
      change(any_kind());
      connection_.query("ROLLBACK TO SAVEPOINT a");
      changes_ = before;
      erased_here_ = erased_before;
    } else {
      change(any_kind());
    }
    if (i == rest_after) sleep_for_a_while();
  }
  if (is_undone) {
    connection_.query("ROLLBACK");
    return false;
  }
  connection_.commit();
  is_committed_ = true;
  erased_.insert(erased_.end(), erased_here_.begin(), erased_here_.end());
  return true;
}

pg::Result LiveTransaction::execute(const std::string& sql, const pg::Parameters& parameters) {
  return options_.style == StatementStyle::prepared ? connection_.query_prepared(sql, parameters)
                                                    : connection_.query(sql, parameters);
}

std::uint64_t LiveTransaction::change_both(ChangeKind kind, const Text& text) {
  const std::uint64_t count = execute(replaced_table(text.sql(), kLiveTable), text.parameters()).affected_rows();
  const std::uint64_t of_twin = execute(replaced_table(text.sql(), kLiveTwin), text.parameters()).affected_rows();
  if (count != of_twin) {
    throw Mismatch(std::string(to_text(isolation_)) + ": " + std::to_string(count) + " rows of the table, " +
                   std::to_string(of_twin) + " of its twin, by " + shown(text.sql()));
  }
  changes_.at(static_cast<std::size_t>(kind)) += count;
  return count;
}

void LiveTransaction::add_key_is(Text& text, std::int64_t number) const {
  for (std::size_t i = 0; i < layout_.key.size(); ++i) {
    text += (i == 0 ? "" : " AND ") + pg::quoted(layout_.key[i]) + " = " +
            live_value_sql(layout_.key_sql[i], text.number(number));
  }
}

// Any two to rows_max keys. Few texts, so that a client's prepared statements stay few.
void LiveTransaction::add_key_is_one_of(Text& text) {
  const std::int64_t count = chance(0.5) ? options_.rows_max : 2;
  text += "(" + pg::quoted_list(layout_.key) + ") IN (";
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t number = any_key();
    text += i == 0 ? "(" : ", (";
    for (std::size_t column = 0; column < layout_.key.size(); ++column) {
      text += (column == 0 ? "" : ", ") + live_value_sql(layout_.key_sql[column], text.number(number));
    }
    text += ")";
  }
  text += ")";
}

std::string LiveTransaction::columns_of_new_row() const {
  return pg::quoted_list(layout_.key) + ", " +
         (layout_.partition_column.empty() ? "" : pg::quoted(layout_.partition_column) + ", ") + "n, body, place";
}

void LiveTransaction::add_new_row(Text& text, std::int64_t number, bool with_place) {
  for (const std::string& value : layout_.key_sql) text += live_value_sql(value, text.number(number)) + ", ";
  if (!layout_.partition_column.empty()) {
    text += live_value_sql(layout_.partition_sql, text.number(below(keys_.partition_values))) + ", ";
  }
  text += text.number(below(kColumnValues)) + "::integer, " + text.text("row " + std::to_string(number), "text") +
          ", " + (with_place ? text.number(number) : "NULL::bigint");
}

void LiveTransaction::change(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::insert:
      insert(kind, any_key());
      break;
    case ChangeKind::insert_next:
      insert_next();
      break;
    case ChangeKind::insert_many:
      insert_many();
      break;
    case ChangeKind::update:
      update(any_key());
      break;
    case ChangeKind::update_many:
      update_many();
      break;
    case ChangeKind::update_by_column:
      update_by_column();
      break;
    case ChangeKind::update_partition:
      update_partition();
      break;
    case ChangeKind::set_null:
      set_null(any_key());
      break;
    case ChangeKind::lock_and_update:
      lock_and_update(any_key());
      break;
    case ChangeKind::upsert:
      upsert(any_key());
      break;
    case ChangeKind::change_key: {
      const std::int64_t from = any_key();
      change_key(kind, from, any_key(), chance(0.9));
      break;
    }
    case ChangeKind::swap_keys: {
      const std::int64_t one = any_key();
      const std::int64_t other = any_key();
      if (one == other) break;
      const std::int64_t temporary = keys_.next_temporary--;
      change_key(kind, one, temporary, false);
      change_key(kind, other, one, false);
      change_key(kind, temporary, other, false);
      break;
    }
    case ChangeKind::swap_places:
      swap_places();
      break;
    case ChangeKind::erase:
      erase(kind, any_key());
      break;
    case ChangeKind::erase_many:
      erase_many();
      break;
    case ChangeKind::erase_and_insert: {
      const std::int64_t number = any_key();
      erase(kind, number);
      insert(kind, number);
      break;
    }
    case ChangeKind::erase_for_later: {
      const std::int64_t number = any_key();
      erase(kind, number);
      erased_here_.push_back(number);
      break;
    }
    case ChangeKind::insert_again:
      if (erased_.empty()) break;
      insert(kind, erased_.back());
      erased_.pop_back();
      break;
    case ChangeKind::truncate:
      truncate();
      break;
  }
}

// One in ten meets the row that may be there already, with 23505; the others look first.
void LiveTransaction::insert(ChangeKind kind, std::int64_t number) {
  Text text(options_.style);
  text += "INSERT INTO %t (" + columns_of_new_row() + ") SELECT ";
  add_new_row(text, number, chance(0.2));
  if (!chance(0.1)) {
    text += " WHERE NOT EXISTS (SELECT FROM %t WHERE ";
    add_key_is(text, number);
    text += ")";
  }
  change_both(kind, text);
}

void LiveTransaction::insert_next() {
  const std::int64_t partition = below(keys_.partition_values);
  const std::int64_t n = below(kColumnValues);
  const auto compose = [&](Text& text, const std::string& id) {
    text +=
        std::string("(") + (id.empty() ? "" : "id, ") +
        (layout_.partition_column.empty() ? "" : pg::quoted(layout_.partition_column) + ", ") + "n) VALUES (" +
        (id.empty() ? "" : id + ", ") +
        (layout_.partition_column.empty() ? "" : live_value_sql(layout_.partition_sql, text.number(partition)) + ", ") +
        text.number(n) + "::integer)";
  };
  Text of_table(options_.style);
  of_table += "INSERT INTO live ";
  compose(of_table, "");
  of_table += " RETURNING id";
  const std::int64_t id = execute(of_table.sql(), of_table.parameters()).integer(0, 0);
  Text of_twin(options_.style);
  of_twin += "INSERT INTO twin ";
  compose(of_twin, of_twin.number(id));
  execute(of_twin.sql(), of_twin.parameters());
  ++changes_.at(static_cast<std::size_t>(ChangeKind::insert_next));
  std::int64_t last = keys_.last_identity;
  while (last < id && !keys_.last_identity.compare_exchange_weak(last, id)) {
  }
}

void LiveTransaction::insert_many() {
  const std::int64_t first = any_key();
  const std::int64_t last = std::min(keys_.count, first + options_.rows_max - 1);
  Text text(StatementStyle::simple);
  text += live_fill_sql(layout_, "%t", first, last, LiveFill::without_places);
  change_both(ChangeKind::insert_many, text);
}

void LiveTransaction::update(std::int64_t number) {
  Text text(options_.style);
  text += "UPDATE %t SET version = version + 1, n = " + text.number(below(kColumnValues)) +
          "::integer, body = " + text.text("changed " + std::to_string(below(kColumnValues)), "text") + " WHERE ";
  add_key_is(text, number);
  change_both(ChangeKind::update, text);
}

void LiveTransaction::update_many() {
  Text text(options_.style);
  text += "UPDATE %t SET version = version + 1, n = " + text.number(below(kColumnValues)) + "::integer WHERE ";
  add_key_is_one_of(text);
  change_both(ChangeKind::update_many, text);
}

void LiveTransaction::update_by_column() {
  Text text(options_.style);
  text += "UPDATE %t SET version = version + 1 WHERE n = " + text.number(below(kColumnValues)) + "::integer";
  change_both(ChangeKind::update_by_column, text);
}

void LiveTransaction::update_partition() {
  Text text(options_.style);
  text += "UPDATE %t SET version = version + 1, " + pg::quoted(layout_.partition_column) + " = " +
          live_value_sql(layout_.partition_sql, text.number(below(keys_.partition_values))) + " WHERE ";
  if (chance(0.2)) {
    add_key_is_one_of(text);
  } else {
    add_key_is(text, any_key());
  }
  change_both(ChangeKind::update_partition, text);
}

void LiveTransaction::set_null(std::int64_t number) {
  Text text(options_.style);
  text += "UPDATE %t SET n = NULL, body = NULL, place = NULL WHERE ";
  add_key_is(text, number);
  change_both(ChangeKind::set_null, text);
}

void LiveTransaction::lock_and_update(std::int64_t number) {
  Text select(options_.style);
  select += "SELECT version FROM live WHERE ";
  add_key_is(select, number);
  select += " FOR UPDATE";
  const pg::Result found = execute(select.sql(), select.parameters());
  if (found.row_count() == 0) return;
  Text text(options_.style);
  text += "UPDATE %t SET version = " + text.number(found.integer(0, 0) + 1) + "::integer WHERE ";
  add_key_is(text, number);
  change_both(ChangeKind::lock_and_update, text);
}

// Where the key holds the partition key, it is the arbiter. Elsewhere the key will be widened by the partition key, and
// a row of the same key and another partition key is no conflict any more: so the row is looked for and locked first,
// and what is inserted has its partition key. Then either the arbiter that the layout names, or none.
void LiveTransaction::upsert(std::int64_t number) {
  pg::Parameter partition;
  bool is_there = false;
  if (!layout_.partition_column.empty()) {
    Text select(options_.style);
    select += "SELECT " + pg::quoted(layout_.partition_column) + "::text FROM live WHERE ";
    add_key_is(select, number);
    select += " FOR UPDATE";
    const pg::Result found = execute(select.sql(), select.parameters());
    is_there = found.row_count() > 0;
    if (is_there) partition = found.optional_text(0, 0);
    if (is_there && layout_.arbiter.empty()) {
      update(number);
      return;
    }
  }
  Text text(options_.style);
  text += "INSERT INTO %t AS t (" + columns_of_new_row() + ") VALUES (";
  if (is_there) {
    for (const std::string& value : layout_.key_sql) text += live_value_sql(value, text.number(number)) + ", ";
    text += text.text(partition, "timestamptz") + ", NULL, " + text.text("put", "text") + ", NULL";
  } else {
    add_new_row(text, number, false);
  }
  text += ") ON CONFLICT ";
  if (!layout_.arbiter.empty()) {
    text += "(" + pg::quoted_list(layout_.arbiter) +
            ") DO UPDATE SET version = t.version + 1, n = excluded.n, body = excluded.body";
  } else {
    text += "DO NOTHING";
  }
  change_both(ChangeKind::upsert, text);
}

void LiveTransaction::change_key(ChangeKind kind, std::int64_t from, std::int64_t to, bool only_if_free) {
  Text text(options_.style);
  text += "UPDATE %t SET version = version + 1";
  for (std::size_t i = 0; i < layout_.key.size(); ++i) {
    text += ", " + pg::quoted(layout_.key[i]) + " = " + live_value_sql(layout_.key_sql[i], text.number(to));
  }
  text += " WHERE ";
  add_key_is(text, from);
  if (only_if_free) {
    text += " AND NOT EXISTS (SELECT FROM %t WHERE ";
    add_key_is(text, to);
    text += ")";
  }
  change_both(kind, text);
}

void LiveTransaction::swap_places() {
  if (layout_.place == PlaceKind::deferrable && chance(0.5)) {
    const std::int64_t one = any_key();
    const std::int64_t other = any_key();
    Text text(options_.style);
    text += "UPDATE %t SET place = CASE WHEN place = " + text.number(one) + " THEN " + text.number(other) + " ELSE " +
            text.number(one) + " END WHERE place IN (" + text.number(one) + ", " + text.number(other) + ")";
    change_both(ChangeKind::swap_places, text);
  } else {
    swap_two_places();
  }
}

void LiveTransaction::swap_two_places() {
  const std::int64_t one = any_key();
  const std::int64_t other = any_key();
  if (one == other) return;
  const auto lock_place = [&](std::int64_t number) {
    Text select(options_.style);
    select += "SELECT place FROM live WHERE ";
    add_key_is(select, number);
    select += " FOR UPDATE";
    return execute(select.sql(), select.parameters());
  };
  const auto set_place = [&](std::int64_t number, const pg::Parameter& place) {
    Text text(options_.style);
    text += "UPDATE %t SET place = " + text.text(place, "bigint") + " WHERE ";
    add_key_is(text, number);
    change_both(ChangeKind::swap_places, text);
  };
  const pg::Result of_one = lock_place(one);
  const pg::Result of_other = lock_place(other);
  if (of_one.row_count() == 0 || of_other.row_count() == 0) return;
  if (layout_.place == PlaceKind::deferrable) {
    connection_.query("SET CONSTRAINTS ALL DEFERRED");
  } else {
    set_place(one, std::nullopt);
  }
  set_place(other, of_one.optional_text(0, 0));
  set_place(one, of_other.optional_text(0, 0));
}

void LiveTransaction::erase(ChangeKind kind, std::int64_t number) {
  Text text(options_.style);
  text += "DELETE FROM %t WHERE ";
  add_key_is(text, number);
  change_both(kind, text);
}

void LiveTransaction::erase_many() {
  Text text(options_.style);
  text += "DELETE FROM %t WHERE ";
  if (layout_.has_identity && chance(0.7)) {
    const std::int64_t last = std::max(kFirstIdentity + 1, keys_.last_identity - kIdentityLag);
    const std::int64_t first = last - std::min(last - kFirstIdentity, kIdentityReach);
    const std::int64_t from = first + below(last - first + 1);
    text += "id BETWEEN " + text.number(from) + " AND " + text.number(std::min(last, from + kIdentitiesErased));
  } else {
    add_key_is_one_of(text);
  }
  change_both(ChangeKind::erase_many, text);
}

void LiveTransaction::truncate() {
  Text text(StatementStyle::simple);
  text += "TRUNCATE %t";
  connection_.query(replaced_table(text.sql(), kLiveTable));
  connection_.query(replaced_table(text.sql(), kLiveTwin));
  ++changes_.at(static_cast<std::size_t>(ChangeKind::truncate));
  if (chance(0.8)) {
    Text fill(StatementStyle::simple);
    fill += live_fill_sql(layout_, "%t", 1, std::max<std::int64_t>(1, keys_.count / 2), LiveFill::without_places);
    change_both(ChangeKind::insert_many, fill);
  }
}

}  // namespace pgsluice::tests
