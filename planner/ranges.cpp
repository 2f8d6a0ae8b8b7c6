#include "planner/ranges.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "pg/statements.hpp"
#include "planner/source_rows_sql.hpp"

namespace pgsluice::planner {

namespace {

constexpr double kRangesMin = 256;   // Where the table is large enough for them.
constexpr double kRangesMax = 2048;  // Where rows are many: trials of many sessions need many ranges.
constexpr double kRangeRowsWanted = 50'000;
constexpr double kRangeRowsMin = 10'000;
constexpr double kRangeBytesEnough = 4.0 * 1024 * 1024;  // So much is worth a range, however few rows it is.
constexpr double kRangeRowsMax = 1'000'000;

struct Limits {
  double rows;
  double bytes;
};

double pieces_of(double rows_total, double bytes_total, const Limits& limits) {
  return std::max(1.0, std::ceil(rows_total / limits.rows) + std::floor(bytes_total / limits.bytes));
}

Limits limits_for(double rows_total, double bytes_total, const SplitOptions& options) {
  const double row_bytes = std::max(1.0, bytes_total / std::max(1.0, rows_total));
  const double wanted = std::clamp(rows_total / kRangeRowsWanted, kRangesMin, kRangesMax);
  const double rows_min = std::clamp(kRangeBytesEnough / row_bytes, 1.0, kRangeRowsMin);
  Limits limits{options.range_rows != 0 ? static_cast<double>(options.range_rows)
                                        : std::clamp(rows_total / wanted, rows_min, kRangeRowsMax),
                std::max(1.0, static_cast<double>(options.range_bytes_max))};
  const double too_many =
      (rows_total / limits.rows + bytes_total / limits.bytes + 2) / std::max(1U, options.ranges_max);
  if (too_many > 1) {
    limits.rows *= too_many;
    limits.bytes *= too_many;
  }
  return limits;
}

std::uint64_t rounded(double value) {
  return value <= 0 ? 0 : static_cast<std::uint64_t>(std::llround(value));
}

// Bounds in order, each with the rows and bytes that lie before it, to ranges.
class RangeList {
 public:
  void end_at(std::optional<Key> upper, double rows_before, double bytes_before) {
    Range& range = ranges_.emplace_back();
    range.index = static_cast<std::uint32_t>(ranges_.size() - 1);
    range.lower = std::move(lower_);
    range.upper = upper;
    range.rows_estimate = rounded(rows_before) - rounded(rows_);
    range.bytes_estimate = rounded(bytes_before) - rounded(bytes_);
    lower_ = std::move(upper);
    rows_ = rows_before;
    bytes_ = bytes_before;
  }
  std::vector<Range> take() { return std::move(ranges_); }

 private:
  std::vector<Range> ranges_;
  std::optional<Key> lower_;
  double rows_ = 0;
  double bytes_ = 0;
};

std::string why_not_a_range_key(const TableFacts& facts, const Index& index) {
  if (!index.is_unique) {
    return "not unique";
  }
  if (index.is_exclusion) {
    return "an exclusion constraint";
  }
  if (!index.is_valid) {
    return "invalid";
  }
  if (index.is_partial) {
    return "does not cover all rows (it has a WHERE)";
  }
  if (index.has_expressions) {
    return "has an expression";
  }
  if (index.deferrable) {
    return "deferrable";
  }
  if (index.access_method != "btree" || !index.default_order) {
    return "not a btree in the columns' default order";
  }
  for (const std::string& name : index.key_columns) {
    const Column* column = facts.column(name);
    if (column == nullptr) {
      return "has a column that this role cannot see";
    }
    if (!column->not_null) {
      return "column " + pg::display(name) + " may be NULL";
    }
    if (column->generated == "v") {
      return "column " + pg::display(name) + " is a virtual generated column";
    }
  }
  return "";
}

const Index* best_range_index(const TableFacts& facts) {
  const Index* best = nullptr;
  for (const Index& index : facts.indexes) {
    if (!why_not_a_range_key(facts, index).empty()) {
      continue;
    }
    if (index.is_primary) {
      return &index;
    }
    if (best == nullptr || index.key_columns.size() < best->key_columns.size()) {
      best = &index;
    }
  }
  return best;
}

std::string reasons_against_indexes(const TableFacts& facts) {
  std::string text;
  for (const Index& index : facts.indexes) {
    text += (text.empty() ? "" : "; ") + pg::display(index.name) + ": " + why_not_a_range_key(facts, index);
  }
  return text.empty() ? "The table has no index." : text + ".";
}

constexpr int kTidRangeScanVersion = 14;

// ---- By statistics

// The interior of pg_stats' histogram, when it is fresh and fine enough that ranges of whole steps come out even.
std::vector<KeySample> read_histogram(pg::Connection& source, const TableFacts& facts, const RangeKey& key,
                                      double pieces) {
  constexpr double kStepsPerPiece = 4;
  const pg::Result result =
      source.query(pg::statement("key_histogram", source.server_major_version()),
                   {std::to_string(facts.oid), facts.name.schema, facts.name.name, key.columns.at(0).name});
  std::vector<KeySample> samples;
  if (result.row_count() == 0) {
    return samples;
  }
  std::vector<std::string> bounds = result.text_array(0, 0);
  if (static_cast<double>(bounds.size()) < pieces * kStepsPerPiece) {
    return samples;
  }
  bounds.pop_back();  // Each bound begins a step of as many rows; the last one ends the table.
  for (std::string& bound : bounds) {
    samples.push_back({{std::move(bound)}, 1});
  }
  return samples;
}

bool rows_are_small(const TableFacts& facts, const Limits& limits) {
  constexpr double kSafety = 4;
  const double row_bytes = static_cast<double>(facts.bytes_total()) / std::max(1.0, facts.size.rows_estimate);
  return row_bytes * limits.rows * kSafety < limits.bytes && facts.size.toast_bytes <= facts.size.heap_bytes;
}

// ---- By steps through the index

// For a table whose few rows stand in few of its many blocks, where samples would tell little: exact, one index entry a
// row.
constexpr double kWalkedRowsMax = 2'000'000;

std::vector<Range> walk_index(pg::Connection& source, const TableFacts& facts, const RangeKey& key,
                              const Limits& limits, double rows_estimate, std::uint32_t ranges_max) {
  const double row_bytes = static_cast<double>(facts.bytes_total()) / std::max(1.0, rows_estimate);
  const double step = std::max(1.0, std::floor(std::min(limits.rows, limits.bytes / std::max(1.0, row_bytes))));
  RangeList list;
  std::optional<Key> lower;
  double rows = 0;
  for (std::uint32_t ranges = 1; ranges < ranges_max && rows < kWalkedRowsMax; ++ranges) {
    const Condition ahead =
        step_sql(key, source_rows_sql(facts), lower, std::nullopt, static_cast<std::uint64_t>(step));
    const pg::Result result = source.query(ahead.sql, ahead.parameters);
    if (result.row_count() == 0) {
      break;
    }
    Key upper;
    for (int column = 0; column < result.column_count(); ++column) {
      upper.emplace_back(result.text(0, column));
    }
    rows += step;
    list.end_at(upper, rows, rows * row_bytes);
    lower = std::move(upper);
  }
  const double rows_total = std::max(rows, rows_estimate);
  list.end_at(std::nullopt, rows_total, rows_total * row_bytes);
  return list.take();
}

// ---- By samples

std::vector<SampledColumn> sampled_columns(const RangeKey& key) {
  if (key.is_ctid()) {
    return {{"(source.ctid::pg_catalog.text::pg_catalog.point)[0]::pg_catalog.int8", "k1::pg_catalog.text"}};
  }
  std::vector<SampledColumn> columns;
  for (const KeyColumn& column : key.columns) {
    columns.push_back(
        {"source." + pg::quoted(column.name), "k" + std::to_string(columns.size() + 1) + "::pg_catalog.text"});
  }
  return columns;
}

bool has_uneven_blocks(const TableFacts& facts) {
  return facts.size.toast_bytes > facts.size.heap_bytes;
}

}  // namespace

SplitChoice split_choice_named(std::string_view name) {
  if (name == "auto") {
    return SplitChoice::automatic;
  }
  if (name == "key") {
    return SplitChoice::key;
  }
  if (name == "ctid") {
    return SplitChoice::ctid;
  }
  throw pg::Failure(pg::FailureKind::refused, "\"" + std::string(name) + "\" is no way to split a table")
      .hint("Use --split auto, key or ctid.");
}

RangeKey choose_range_key(const TableFacts& facts, SplitChoice choice, int server_major_version, bool rows_stay) {
  if (facts.is_partitioned()) {
    if (choice == SplitChoice::ctid) {
      throw pg::Failure(pg::FailureKind::refused, pg::display(facts.name) + " cannot be split by ctid")
          .detail("It is partitioned: each partition has a heap of its own.")
          .hint("Leave out --split.");
    }
    choice = SplitChoice::key;
  }
  const bool heap_order = choice == SplitChoice::ctid || (choice == SplitChoice::automatic && rows_stay &&
                                                          server_major_version >= kTidRangeScanVersion);
  const Index* index = heap_order ? nullptr : best_range_index(facts);
  if (index != nullptr) {
    RangeKey key;
    key.index = index->name;
    for (const std::string& name : index->key_columns) {
      key.columns.push_back({name, facts.column(name)->type});
    }
    return key;
  }
  if (choice == SplitChoice::key) {
    throw pg::Failure(pg::FailureKind::refused, pg::display(facts.name) + " has no key to split it by")
        .detail(reasons_against_indexes(facts))
        .hint(
            facts.is_partitioned()
                ? "Create a unique index on NOT NULL columns that contain the partition key."
                : "Use --split ctid, or create a unique index on NOT NULL columns: CREATE UNIQUE INDEX CONCURRENTLY.");
  }
  if (server_major_version < kTidRangeScanVersion) {
    pg::Failure failure(pg::FailureKind::refused,
                        "this server cannot read a part of a table by ctid: that needs PostgreSQL 14 or later");
    if (choice == SplitChoice::automatic) {
      failure.detail(pg::display(facts.name) + " has no key to split it by. " + reasons_against_indexes(facts));
    }
    throw failure.hint("Create a unique index on NOT NULL columns: CREATE UNIQUE INDEX CONCURRENTLY.");
  }
  return {};
}

std::vector<Range> split(std::span<const KeySample> samples, double rows_total, double bytes_total,
                         const SplitOptions& options) {
  RangeList list;
  const std::size_t count = samples.size();
  rows_total = std::max(rows_total, static_cast<double>(count));
  bytes_total = std::max(bytes_total, 0.0);
  const Limits limits = limits_for(rows_total, bytes_total, options);

  // bytes_before[i]: bytes of the rows before sample i, scaled so that all of them make bytes_total.
  std::vector<double> bytes_before(count + 1, 0);
  for (std::size_t i = 0; i < count; ++i) {
    bytes_before[i + 1] = bytes_before[i] + static_cast<double>(std::max<std::uint64_t>(samples[i].bytes, 1));
  }
  const double bytes_scale = count == 0 ? 0 : bytes_total / bytes_before[count];
  for (double& bytes : bytes_before) {
    bytes *= bytes_scale;
  }
  const double rows_scale = count == 0 ? 0 : rows_total / static_cast<double>(count);

  // Only where the key changes may a bound stand (R3).
  std::vector<std::size_t> places;
  for (std::size_t i = 1; i < count; ++i) {
    if (samples[i].key != samples[i - 1].key) {
      places.push_back(i);
    }
  }

  // Samples per range, when those from `from` on are shared evenly, so that the last range is no remnant. Where a
  // sample stands for several rows, being one sample over the limit is no reason for another range.
  const auto even_share = [&](std::size_t from) {
    const double samples_left = static_cast<double>(count - from);
    const double slack = rows_scale > 1 ? 1 : 0;
    return samples_left / std::max(1.0, std::ceil((samples_left - slack) * rows_scale / limits.rows));
  };
  std::size_t begun = 0;       // The sample that begins the current range.
  auto next = places.begin();  // The first place after it.
  std::size_t anchor = 0;      // Ideal bounds stand at anchor + share, anchor + 2 * share, …
  double share = even_share(anchor);
  constexpr double kHalfSample = 0.5;
  while (next != places.end()) {
    const double passed = std::floor(static_cast<double>(begun - anchor) / share + kHalfSample);
    const double ideal = static_cast<double>(anchor) + (passed + 1) * share;
    auto place = std::lower_bound(next, places.end(), ideal,
                                  [](std::size_t at, double wanted) { return static_cast<double>(at) < wanted; });
    if (place != next && (place == places.end() ? static_cast<double>(count) : static_cast<double>(*place)) - ideal >
                             ideal - static_cast<double>(*std::prev(place))) {
      --place;
    }
    // The last place that keeps the bytes within their limit; at least one, since a single key cannot be divided.
    const auto too_large = std::partition_point(
        next, places.end(), [&](std::size_t at) { return bytes_before[at] - bytes_before[begun] <= limits.bytes; });
    const bool rest_fits = bytes_before[count] - bytes_before[begun] <= limits.bytes;
    if (!rest_fits && too_large <= place) {
      place = too_large == next ? next : std::prev(too_large);
    }
    if (place == places.end()) {
      break;
    }
    begun = *place;
    next = std::next(place);
    if (std::abs(static_cast<double>(begun) - ideal) > kHalfSample) {
      anchor = begun;
      share = even_share(anchor);
    }
    list.end_at(samples[begun].key, static_cast<double>(begun) * rows_scale, bytes_before[begun]);
  }
  list.end_at(std::nullopt, rows_total, bytes_total);
  return list.take();
}

std::vector<Range> split_blocks(std::int64_t page_count, double rows_total, double bytes_total,
                                const SplitOptions& options) {
  RangeList list;
  rows_total = std::max(rows_total, 0.0);
  bytes_total = std::max(bytes_total, 0.0);
  const Limits limits = limits_for(rows_total, bytes_total, options);
  const double by_limits = std::max(std::ceil(rows_total / limits.rows), std::ceil(bytes_total / limits.bytes));
  const auto pieces =
      static_cast<std::int64_t>(std::clamp(by_limits, 1.0, std::max(1.0, static_cast<double>(page_count))));
  for (std::int64_t piece = 1; piece < pieces; ++piece) {
    const std::int64_t block = page_count / pieces * piece + page_count % pieces * piece / pieces;
    const double share = static_cast<double>(block) / static_cast<double>(page_count);
    list.end_at(Key{std::to_string(block)}, rows_total * share, bytes_total * share);
  }
  list.end_at(std::nullopt, rows_total, bytes_total);
  return list.take();
}

std::vector<Range> cut_ranges(pg::Connection& source, const TableFacts& facts, const RangeKey& key,
                              const SplitOptions& options) {
  double rows_total = std::max(0.0, facts.size.rows_estimate);
  const auto bytes_total = static_cast<double>(facts.bytes_total());
  if (key.is_ctid() && !has_uneven_blocks(facts)) {
    return split_blocks(facts.size.page_count, rows_total, bytes_total, options);
  }
  const auto piece_count = [&] {
    return pieces_of(rows_total, bytes_total, limits_for(rows_total, bytes_total, options));
  };
  // Nobody analyzes a partitioned table by itself, so its histogram is of long ago.
  if (key.columns.size() == 1 && !facts.is_partitioned() &&
      rows_are_small(facts, limits_for(rows_total, bytes_total, options))) {
    const std::vector<KeySample> histogram = read_histogram(source, facts, key, piece_count());
    if (!histogram.empty()) {
      return split(histogram, rows_total, bytes_total, options);
    }
  }
  const Sampling sampling = read_samples(source, facts, sampled_columns(key), {piece_count()});
  if (sampling.whole_table) {
    return split(sampling.samples, sampling.rows_seen, bytes_total, options);
  }
  rows_total = std::max(rows_total, sampling.rows_estimate);  // ANALYZE may have found none of a few full blocks.
  constexpr double kBlocksPerPieceMin = 4;
  const bool rests_on_little = sampling.blocks_seen < piece_count() * kBlocksPerPieceMin;
  if (rests_on_little && !key.is_ctid() && rows_total <= kWalkedRowsMax) {
    return walk_index(source, facts, key, limits_for(rows_total, bytes_total, options), rows_total, options.ranges_max);
  }
  return split(sampling.samples, rows_total, bytes_total, options);
}

}  // namespace pgsluice::planner
