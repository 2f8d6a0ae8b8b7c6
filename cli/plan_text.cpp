#include "cli/plan_text.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/help.hpp"
#include "cli/log.hpp"
#include "cli/quantity.hpp"
#include "cli/terminal.hpp"
#include "planner/disk_need.hpp"

namespace pgsluice::cli {

namespace {

using planner::Notice;
using planner::PartitionNode;
using planner::Plan;
using planner::Range;

constexpr std::size_t kColumns = 100;
constexpr std::size_t kLabelWidth = 12;

// Paragraphs with a label on the left, everything else in one column.
class Page {
 public:
  void paragraph(std::string_view label, std::string_view text) {
    std::string head(label);
    head.resize(kLabelWidth, ' ');
    text_ += head + wrapped(text, kColumns - kLabelWidth, kLabelWidth) + "\n";
  }
  void more(std::string_view text) { paragraph("", text); }
  // A line that is not broken: SQL in full, a command to type.
  void verbatim(std::string_view text, std::string_view label = "") {
    std::string head(label);
    head.resize(kLabelWidth, ' ');
    text_ += head + std::string(text) + "\n";
  }
  // Text of several lines, to be copied.
  void as_it_is(std::string_view text) { text_ += std::string(text) + "\n"; }
  void cut(std::string_view text) { verbatim(fitted_to_columns(text, kColumns - kLabelWidth)); }
  void blank() { text_ += "\n"; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string capture_text(const Plan& plan) {
  const std::string start = "Everybody goes on reading and writing " + pg::display(table_in_use(plan)) +
                            ". From `run` on triggers note the keys of changed rows (by " +
                            std::string(name_of(plan.capture_form)) +
                            "), and these rows are brought over again until `pgsluice cutover` exchanges the ";
  if (plan.parent) {
    return start + "partitions in one short transaction: " + pg::display(plan.source.name) +
           " is detached, and the new ones are attached.";
  }
  return start +
         "tables in one short transaction. Foreign keys, triggers and publications of the target are made in "
         "that transaction.";
}

std::string offline_text(const Plan& plan) {
  const std::string table = pg::display(plan.source.name);
  if (!plan.guard) {
    return "Nobody may write to " + table +
           " from `run` on, and --guard off means that nobody is stopped: a write "
           "during the run may be missing in the target. The run says at its end whether somebody wrote.";
  }
  return "Writes to " + table +
         " are rejected from `run` on, with an error that says why, until you put the target "
         "into its place or `pgsluice rollback` undoes everything. Reading goes on.";
}

std::string database_text(const planner::DatabaseIdentity& identity) {
  return "database " + pg::display(std::string_view(identity.database)) + ", PostgreSQL " +
         server_version_text(identity.server_version);
}

std::string bytes_of(std::int64_t bytes) {
  return bytes_text(static_cast<double>(bytes));
}

void add_source(Page& page, const Plan& plan) {
  const planner::TableSize& size = plan.source.size;
  page.paragraph("source", pg::display(plan.source.name) + " in " + database_text(plan.source_database));
  page.more("about " + count_text(size.rows_estimate) + " rows; heap " + bytes_of(size.heap_bytes) + ", TOAST " +
            bytes_of(size.toast_bytes) + ", indexes " + bytes_of(size.index_bytes) + ", together " +
            bytes_of(plan.source.bytes_total() + size.index_bytes));
}

// Leaves in tree order, each with the bounds of the levels above it.
struct BoundedLeaf {
  const PartitionNode* leaf = nullptr;
  std::string bounds;
};

void collect_leaves(const PartitionNode& node, const std::string& bounds_above, std::vector<BoundedLeaf>& collected) {
  const std::string bounds = bounds_above + (bounds_above.empty() || node.bound.empty() ? "" : ", then ") + node.bound;
  if (node.is_leaf()) {
    collected.push_back({&node, bounds});
  }
  for (const PartitionNode& child : node.children) {
    collect_leaves(child, bounds, collected);
  }
}

std::string keys_text(const PartitionNode& root) {
  std::string text;
  for (const PartitionNode* node = &root; !node->is_leaf(); node = &node->children.front()) {
    text += (text.empty() ? "" : ", then ") + node->key_definition;
    if (node->children.empty()) {
      break;
    }
  }
  return text;
}

void add_target(Page& page, const Plan& plan, bool in_full) {
  page.paragraph("target", pg::display(plan.layout.root.name) + " in " +
                               (plan.one_database ? "the same database" : database_text(plan.target_database)) +
                               (plan.layout.existing ? ", there already: filled as it is, never altered or dropped"
                                                     : ", made by `run`"));
  std::vector<BoundedLeaf> all;
  collect_leaves(plan.layout.root, "", all);
  page.paragraph("layout", keys_text(plan.layout.root) + ": " + exact_count_text(all.size()) +
                               (all.size() == 1 ? " leaf" : " leaves"));
  constexpr std::size_t kFirst = 3;
  constexpr std::size_t kLast = 2;
  const bool is_cut = !in_full && all.size() > kFirst + kLast + 1;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (is_cut && i == kFirst) {
      page.verbatim("  … " + exact_count_text(all.size() - kFirst - kLast) + " more …");
    }
    if (is_cut && i >= kFirst && i < all.size() - kLast) {
      continue;
    }
    const std::string line = "  " + pg::display(all[i].leaf->name) + "  " + all[i].bounds;
    in_full ? page.verbatim(line) : page.cut(line);
  }
}

std::string method_text(const Plan& plan) {
  std::string text = methods_text(plan.methods);
  text += plan.method_reason.empty() ? ", as asked" : ": " + plan.method_reason;
  return text + (empties_source(plan.method) ? ". Rows leave the source as they arrive in the target."
                                             : ". The source keeps all of its rows.");
}

std::string ranges_text(const Plan& plan) {
  std::uint64_t rows_max = 0;
  std::uint64_t bytes_max = 0;
  for (const Range& range : plan.ranges) {
    rows_max = std::max(rows_max, range.rows_estimate);
    bytes_max = std::max(bytes_max, range.bytes_estimate);
  }
  std::string key = "heap blocks (ctid)";
  if (!plan.key.is_ctid()) {
    key.clear();
    for (const planner::KeyColumn& column : plan.key.columns) {
      key += (key.empty() ? "" : ", ") + pg::display(std::string_view(column.name));
    }
    key = "(" + key + "), index " + pg::display(std::string_view(plan.key.index));
  }
  return exact_count_text(plan.ranges.size()) + " by " + key + "; the largest about " +
         count_text(static_cast<double>(rows_max)) + " rows, " + bytes_text(static_cast<double>(bytes_max));
}

void add_bounds(Page& page, const Plan& plan) {
  if (plan.ranges.size() < 2) {
    return;
  }
  const Range& first = plan.ranges.front();
  const Range& last = plan.ranges.back();
  page.cut("  first: " + planner::display_lower(first.lower) + " to " + planner::display_upper(first.upper));
  page.cut("  last:  " + planner::display_lower(last.lower) + " to " + planner::display_upper(last.upper));
}

void add_notices(Page& page, const Plan& plan, Notice::Kind kind, std::string_view label) {
  bool is_first = true;
  for (const Notice& notice : plan.notices) {
    if (notice.kind != kind) {
      continue;
    }
    std::string text = notice.what;
    text += notice.instead.empty() ? "" : ": " + notice.instead;
    text += notice.flag.empty() ? "" : " (accepted by " + notice.flag + ")";
    page.paragraph(is_first ? label : "", text);
    is_first = false;
  }
}

void add_privileges(Page& page, const std::vector<planner::Privilege>& privileges) {
  if (privileges.empty()) {
    return;
  }
  std::string held;
  for (const planner::Privilege& privilege : privileges) {
    if (privilege.held) {
      held += (held.empty() ? "" : "; ") + privilege.what;
    }
  }
  page.paragraph("privileges", held.empty() ? "none of those needed is held" : "held: " + held);
  for (const planner::Privilege& privilege : privileges) {
    if (!privilege.held) {
      page.more("MISSING: " + privilege.what + (privilege.grant_sql.empty() ? "" : ":"));
      if (!privilege.grant_sql.empty()) {
        page.verbatim("  " + privilege.grant_sql + ";");
      }
    }
  }
}

std::string disk_text(const Plan& plan) {
  const planner::DiskNeed need = planner::disk_need(plan.source, plan.method);
  return "about " + bytes_of(need.standing_bytes()) + " on the target's server (rows " + bytes_of(need.rows_bytes) +
         ", indexes " + bytes_of(need.indexes_bytes) + "), up to " + bytes_of(need.sorting_bytes) +
         " for a time per index that is sorted, and about " + bytes_of(need.wal_bytes) +
         " of WAL on its way. The source's space comes back when the old table is dropped. A later VACUUM FREEZE "
         "writes about as much WAL as the table: " +
         bytes_of(need.freeze_wal_bytes) + "; run --vacuum-freeze does it at the end of the run, leaf by leaf.";
}

std::string lock_text(const planner::Statement& statement) {
  return statement.lock.empty() ? "no lock" : statement.lock + " on " + statement.on;
}

void add_statements(Page& page, const planner::Statements& statements, bool in_full) {
  if (in_full) {
    page.paragraph("statements", exact_count_text(statements.size()) + ", each after the lock that others may feel:");
    for (const planner::Statement& statement : statements) {
      page.as_it_is("-- " + lock_text(statement) + "\n" + statement.sql + ";");
    }
    return;
  }
  page.paragraph("statements", exact_count_text(statements.size()) +
                                   ", each with the lock that others may feel (all in full with plan --dry-run):");
  for (const StatementGroup& group : folded(statements)) {
    const std::string more = group.count == 1 ? "" : ", and " + exact_count_text(group.count - 1) + " more like it";
    page.cut(one_line(group.first.sql));
    page.cut("    " + lock_text(group.first) + more);
  }
}

// A statement with its names, values and numbers blotted out, lists of them as one.
std::string shape_of(std::string_view sql) {
  std::string shape;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (c == '"' || c == '\'') {
      for (++i; i < sql.size() && (sql[i] != c || (i + 1 < sql.size() && sql[i + 1] == c)); ++i) {
        i += sql[i] == c ? 1U : 0U;
      }
      shape += "?";
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      while (i + 1 < sql.size() && (std::isalnum(static_cast<unsigned char>(sql[i + 1])) != 0 || sql[i + 1] == '.')) {
        ++i;
      }
      shape += "?";
    } else {
      shape += c;
    }
  }
  for (const std::string_view pair : {"?.?", "?, ?", "?,?"}) {
    for (std::size_t at = shape.find(pair); at != std::string::npos; at = shape.find(pair)) {
      shape.replace(at, pair.size(), "?");
    }
  }
  return shape;
}

nlohmann::ordered_json node_document(const PartitionNode& node) {
  nlohmann::ordered_json document = {{"name", pg::display(node.name)}};
  if (!node.bound.empty()) {
    document["bound"] = node.bound;
  }
  if (!node.is_leaf()) {
    document["key"] = node.key_definition;
    document["partitions"] = nlohmann::ordered_json::array();
    for (const PartitionNode& child : node.children) {
      document["partitions"].push_back(node_document(child));
    }
  }
  return document;
}

nlohmann::ordered_json key_document(const std::optional<planner::Key>& key) {
  return key ? nlohmann::ordered_json(*key) : nlohmann::ordered_json(nullptr);
}

}  // namespace

std::vector<StatementGroup> folded(const planner::Statements& statements) {
  std::vector<StatementGroup> groups;
  std::map<std::string, std::size_t> positions;
  for (const planner::Statement& statement : statements) {
    const auto [found, is_new] = positions.emplace(shape_of(statement.sql) + "\n" + statement.lock, groups.size());
    if (is_new) {
      groups.push_back({statement, 0});
    }
    ++groups[found->second].count;
  }
  return groups;
}

std::string server_version_text(int version) {
  constexpr int kMajor = 10'000;
  return std::to_string(version / kMajor) + "." + std::to_string(version % kMajor);
}

std::string plan_text(const Plan& plan, const PlanTextOptions& options) {
  Page page;
  plan.strategy == planner::Strategy::capture ? page.paragraph("LIVE", capture_text(plan))
                                              : page.paragraph("OFFLINE", offline_text(plan));
  page.blank();
  add_source(page, plan);
  add_target(page, plan, options.in_full);
  page.paragraph("method", method_text(plan));
  page.paragraph("ranges", ranges_text(plan));
  if (plan.rows_come_leaf_by_leaf) {
    page.paragraph("order", "rows lie in the order of " + plan.layout.root.key_definition +
                                ": a batch of one leaf's rows is inserted into that leaf itself");
  }
  add_bounds(page, plan);
  if (!plan.notices.empty()) {
    page.blank();
  }
  add_notices(page, plan, Notice::Kind::lost, "LOST");
  add_notices(page, plan, Notice::Kind::changed, "changed");
  add_notices(page, plan, Notice::Kind::warning, "mind");
  add_notices(page, plan, Notice::Kind::kept, "kept");
  page.blank();
  add_privileges(page, options.privileges);
  page.paragraph("disk", disk_text(plan));
  if (!options.statements.empty()) {
    page.blank();
    add_statements(page, options.statements, options.in_full);
  }
  if (!options.written.empty()) {
    page.blank();
    page.verbatim("the whole migration as files: read " + options.written + "/README.md", "written");
  }
  if (!options.next.empty()) {
    page.blank();
    page.verbatim(options.next, "next");
  }
  return page.text();
}

nlohmann::ordered_json plan_document(const Plan& plan, const PlanTextOptions& options) {
  const planner::TableSize& size = plan.source.size;
  const planner::DiskNeed need = planner::disk_need(plan.source, plan.method);
  const auto database = [](const planner::DatabaseIdentity& identity) {
    return nlohmann::ordered_json{{"database", identity.database}, {"server_version", identity.server_version}};
  };
  nlohmann::ordered_json document;
  document["migration"] = plan.migration_id;
  document["strategy"] = name_of(plan.strategy);
  document["guard"] = plan.guard;
  document["source"] = {{"table", pg::display(plan.source.name)}, {"server", database(plan.source_database)},
                        {"rows_estimate", size.rows_estimate},    {"heap_bytes", size.heap_bytes},
                        {"toast_bytes", size.toast_bytes},        {"index_bytes", size.index_bytes}};
  document["target"] = {{"existing", plan.layout.existing},
                        {"one_database", plan.one_database},
                        {"server", database(plan.target_database)},
                        {"leaf_count", leaves(plan.layout).size()},
                        {"layout", node_document(plan.layout.root)}};
  nlohmann::ordered_json names = nlohmann::ordered_json::array();
  for (const planner::Method method : plan.methods) {
    names.push_back(name_of(method));
  }
  document["method"] = {{"names", names}, {"reason", plan.method_reason}};
  std::vector<std::string> key_columns;
  for (const planner::KeyColumn& column : plan.key.columns) {
    key_columns.push_back(column.name);
  }
  document["ranges"] = {{"count", plan.ranges.size()},
                        {"by", plan.key.is_ctid() ? "ctid" : "key"},
                        {"columns", key_columns},
                        {"list", nlohmann::ordered_json::array()}};
  for (const Range& range : plan.ranges) {
    document["ranges"]["list"].push_back({{"lower", key_document(range.lower)},
                                          {"upper", key_document(range.upper)},
                                          {"rows_estimate", range.rows_estimate},
                                          {"bytes_estimate", range.bytes_estimate}});
  }
  document["notices"] = nlohmann::ordered_json::array();
  for (const Notice& notice : plan.notices) {
    document["notices"].push_back(
        {{"kind", name_of(notice.kind)}, {"what", notice.what}, {"instead", notice.instead}, {"flag", notice.flag}});
  }
  document["privileges"] = nlohmann::ordered_json::array();
  for (const planner::Privilege& privilege : options.privileges) {
    document["privileges"].push_back(
        {{"what", privilege.what}, {"held", privilege.held}, {"grant", privilege.grant_sql}});
  }
  document["disk"] = {{"rows_bytes", need.rows_bytes},
                      {"indexes_bytes", need.indexes_bytes},
                      {"sorting_bytes", need.sorting_bytes},
                      {"wal_bytes", need.wal_bytes},
                      {"freeze_wal_bytes", need.freeze_wal_bytes}};
  document["statements"] = nlohmann::ordered_json::array();
  for (const planner::Statement& statement : options.statements) {
    document["statements"].push_back({{"sql", statement.sql}, {"lock", statement.lock}, {"on", statement.on}});
  }
  if (!options.written.empty()) {
    document["written"] = options.written;
  }
  document["next"] = options.next;
  return document;
}

}  // namespace pgsluice::cli
