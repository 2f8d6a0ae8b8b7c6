#include "planner/layout_design.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "pg/statements.hpp"
#include "planner/key.hpp"
#include "planner/key_sampling.hpp"
#include "planner/partition_values.hpp"
#include "planner/ranges.hpp"
#include "planner/time_bounds.hpp"

namespace pgsluice::planner {

namespace {

constexpr std::size_t kKeyColumnsMax = 32;  // Source: PARTITION_MAX_KEYS.

pg::Failure refusal(const std::string& message) {
  return {pg::FailureKind::refused, message};
}

// One part of a level: its bound, and what its tables' names end with.
struct Piece {
  std::string bound;
  std::string name_suffix;
};

Piece default_piece() {
  return {"DEFAULT", "_default"};
}

std::string zero_padded(std::size_t number, std::size_t count) {
  constexpr std::size_t kDigitsMin = 2;
  const std::size_t width = std::max(kDigitsMin, std::to_string(count - 1).size());
  const std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

// ---- Bounds

std::string hash_bound_sql(unsigned modulus, unsigned remainder) {
  return "FOR VALUES WITH (MODULUS " + std::to_string(modulus) + ", REMAINDER " + std::to_string(remainder) + ")";
}

std::string range_bound_sql(const std::optional<std::string>& lower, const std::optional<std::string>& upper) {
  return "FOR VALUES FROM (" + (lower ? pg::literal(*lower) : "MINVALUE") + ") TO (" +
         (upper ? pg::literal(*upper) : "MAXVALUE") + ")";
}

// One part of a RANGE level; an absent end is open.
struct RangePart {
  std::optional<std::string> lower;
  std::optional<std::string> upper;
  std::string name_suffix;
};

std::vector<Piece> pieces_of(const std::vector<RangePart>& parts) {
  std::vector<Piece> pieces;
  for (const RangePart& part : parts) {
    pieces.push_back({range_bound_sql(part.lower, part.upper), part.name_suffix});
  }
  return pieces;
}

std::string list_bound_sql(const std::optional<std::string>& value) {
  return "FOR VALUES IN (" + (value ? pg::literal(*value) : "NULL") + ")";
}

// Casts all of $1, a text[], to the column's type.
std::string cast_values_sql(const PartitionColumn& column) {
  return "SELECT count(value::" + column.type + ") FROM pg_catalog.unnest($1::pg_catalog.text[]) AS value";
}

// ---- Refusals that several methods share

pg::Failure too_many_leaves(const LevelSpec& level, const std::string& count) {
  pg::Failure failure = refusal(described(level) + " would make " + count + " partitions; at most " +
                                std::to_string(kLeavesMax) + " are made");
  return failure.detail(
      "PostgreSQL plans and locks partitions one by one; thousands of them already cost every query.");
}

std::string null_rows(const PartitionColumn& column, std::uint64_t nulls) {
  return pg::display(column.name) + " is NULL in " +
         (nulls > kNullsCounted ? "more than " + std::to_string(kNullsCounted) : std::to_string(nulls)) +
         (nulls == 1 ? " row" : " rows");
}

void refuse_nulls(const LevelSpec& level, const PartitionColumn& column, std::uint64_t nulls) {
  if (nulls > 0 && !level.with_default) {
    throw refusal(described(level) + " has no place for NULL keys: " + null_rows(column, nulls))
        .hint("Add --default for a partition that takes them, or remove them and ALTER TABLE … ALTER COLUMN " +
              pg::quoted(column.name) + " SET NOT NULL.");
  }
}

// ---- HASH

std::vector<Piece> hash_pieces(const LevelSpec& level) {
  if (level.partitions == 0) {
    throw refusal(described(level) + " needs the number of partitions").hint("Add --partitions 16.");
  }
  if (level.partitions > kLeavesMax) {
    throw too_many_leaves(level, std::to_string(level.partitions)).hint("Use fewer --partitions.");
  }
  std::vector<Piece> pieces;
  for (unsigned i = 0; i < level.partitions; ++i) {
    pieces.push_back({hash_bound_sql(level.partitions, i), "_p" + zero_padded(i, level.partitions)});
  }
  return pieces;
}

// ---- RANGE by interval

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.+- ") == std::string_view::npos;
}

Interval read_interval(pg::Connection& source, const LevelSpec& level, TimeKind kind) {
  const std::string example = "Use an interval such as --interval '1 month', '1 week', '1 day' or '6 hours'.";
  if (is_number(level.interval)) {
    throw refusal("the interval '" + level.interval + "' of " + described(level) + " has no unit").hint(example);
  }
  Interval interval;
  try {
    const pg::Result result =
        source.query(pg::statement("interval_parts", source.server_major_version()), {level.interval});
    interval = {result.integer(0, 0), result.integer(0, 1), result.integer(0, 2)};
  } catch (const pg::Failure& failure) {
    if (!failure.is_data_error()) {
      throw;
    }
    throw refusal("'" + level.interval + "' is no interval").detail(failure.what()).hint(example);
  }
  const bool is_negative = interval.months < 0 || interval.days < 0 || interval.microseconds < 0;
  if (is_negative || (interval.months == 0 && interval.days == 0 && interval.microseconds == 0)) {
    throw refusal("the interval '" + level.interval + "' does not go forward").hint(example);
  }
  constexpr std::int64_t kMicrosecondsPerDay = 86'400'000'000;
  if (kind == TimeKind::date && interval.microseconds % kMicrosecondsPerDay != 0) {
    throw refusal("the interval '" + level.interval + "' divides days, and " + described(level) + " is a date")
        .hint("Use whole days: --interval '1 day'.");
  }
  return interval;
}

// A value of timestamp(n) keeps n digits of a second, and so would a bound.
void refuse_lost_digits(const LevelSpec& level, const PartitionColumn& column, const Interval& interval) {
  constexpr int kDigitsMax = 6;
  std::int64_t unit = 1;
  for (int digits = column.modifier; digits >= 0 && digits < kDigitsMax; ++digits) {
    constexpr std::int64_t kTen = 10;
    unit *= kTen;
  }
  if (interval.microseconds % unit != 0) {
    throw refusal("the interval '" + level.interval + "' is finer than " + column.type + " keeps")
        .hint("Use an interval of whole seconds or more.");
  }
}

std::vector<RangePart> interval_parts(pg::Connection& source, const LevelSpec& level, const PartitionColumn& column,
                                      TimeKind kind, const Extremes& extremes) {
  const Interval interval = read_interval(source, level, kind);
  refuse_lost_digits(level, column, interval);
  std::string now;
  if (!extremes.low) {
    now = source.query(pg::statement("utc_now", source.server_major_version())).text(0, 0);
  }
  const Instant low = parse_instant(extremes.low.value_or(now));
  const Instant high = parse_instant(extremes.high.value_or(now));
  const std::int64_t first = position_of(interval, low);
  const std::int64_t last = position_of(interval, high) + level.premake;
  const std::int64_t count = last - first + 1;
  if (count > static_cast<std::int64_t>(kLeavesMax)) {
    throw too_many_leaves(level, std::to_string(count))
        .detail("The values found go from " + text_of(low, kind) + " to " + text_of(high, kind) + ".")
        .hint("Use a longer --interval, a smaller --premake, or correct values that are far off.");
  }
  std::vector<RangePart> parts;
  for (std::int64_t k = first; k <= last; ++k) {
    const Instant lower = bound_at(interval, k);
    const Instant upper = bound_at(interval, k + 1);
    RangePart& part = parts.emplace_back();
    part.name_suffix = "_pmin";
    if (is_representable(lower, kind)) {
      part.lower = text_of(lower, kind);
      part.name_suffix = "_p" + interval_name(lower, interval);
    }
    if (!is_representable(upper, kind)) {
      break;  // Open to the end of time.
    }
    part.upper = text_of(upper, kind);
  }
  return parts;
}

// ---- RANGE by step

struct NumberLimits {
  pg::Parameter low;
  pg::Parameter high;
  int scale = 0;  // Digits after the point that a bound may have.
};

NumberLimits limits_of(const PartitionColumn& column) {
  if (column.base_type == "int2") {
    return {"-32768", "32767", 0};
  }
  if (column.base_type == "int4") {
    return {"-2147483648", "2147483647", 0};
  }
  if (column.base_type == "int8") {
    return {"-9223372036854775808", "9223372036854775807", 0};
  }
  constexpr int kScaleMax = 16383;
  if (column.modifier < 0) {
    return {std::nullopt, std::nullopt, kScaleMax};
  }
  // Source: src/backend/utils/adt/numeric.c, make_numeric_typmod(): precision in the upper half, scale (11 bits,
  // signed) in the lower.
  constexpr int kHeaderBytes = 4;
  constexpr int kScaleSign = 1024;
  const int precision = ((column.modifier - kHeaderBytes) >> 16) & 0xffff;
  const int scale = (((column.modifier - kHeaderBytes) & 0x7ff) ^ kScaleSign) - kScaleSign;
  // The greatest value has `precision` nines, the last of which stands at 10^-scale.
  std::string greatest = std::string(static_cast<std::size_t>(precision), '9') + "e" + std::to_string(-scale);
  return {"-" + greatest, greatest, scale};
}

void refuse_step(const LevelSpec& level, const PartitionColumn& column, const NumberLimits& limits) {
  const std::string& step = level.interval;
  const std::size_t point = step.find('.');
  const std::string whole = step.substr(0, point);
  const std::string fraction = point == std::string::npos ? "" : step.substr(point + 1);
  const auto only_digits = [](const std::string& text) {
    return text.find_first_not_of("0123456789") == std::string::npos;
  };
  if (whole.empty() || !only_digits(whole) || !only_digits(fraction) ||
      step.find_first_not_of("0.") == std::string::npos) {
    throw refusal("'" + step + "' is no step for " + described(level) + ", which is of type " + column.type)
        .hint("Use a number above 0: --interval 1000000.");
  }
  const std::size_t digits = fraction.find_last_not_of('0') + 1;  // 0 when there is none.
  if (static_cast<int>(digits) > std::max(0, limits.scale)) {
    throw refusal("the step " + step + " has more digits after the point than " + column.type + " keeps")
        .hint("Use a step with at most " + std::to_string(std::max(0, limits.scale)) + " of them.");
  }
}

std::vector<RangePart> step_parts(pg::Connection& source, const LevelSpec& level, const PartitionColumn& column,
                                  const Extremes& extremes) {
  const NumberLimits limits = limits_of(column);
  refuse_step(level, column, limits);
  const pg::Result result = source.query(pg::statement("step_bounds", source.server_major_version()),
                                         {extremes.low, extremes.high, level.interval, limits.low, limits.high,
                                          std::to_string(level.premake), std::to_string(kLeavesMax + 2)});
  const int count = result.row_count() - 1;
  if (count > static_cast<int>(kLeavesMax)) {
    throw too_many_leaves(level, "more than " + std::to_string(kLeavesMax))
        .detail("The values found go from " + extremes.low.value_or("0") + " to " + extremes.high.value_or("0") + ".")
        .hint("Use a larger step: --interval, or --bucket-rows for bounds that follow the rows.");
  }
  std::vector<RangePart> parts;
  for (int i = 0; i < count; ++i) {
    RangePart part{result.optional_text(i, 0), result.optional_text(i + 1, 0), ""};
    std::string name = part.lower.value_or("min");
    if (name.starts_with('-')) {
      name[0] = 'm';
    }
    std::replace(name.begin(), name.end(), '.', '_');
    part.name_suffix = "_p" + name;
    parts.push_back(std::move(part));
  }
  return parts;
}

// A domain's CHECK is applied to bounds too.
void refuse_bounds_outside_domain(pg::Connection& source, const LevelSpec& level, const PartitionColumn& column,
                                  const std::vector<RangePart>& parts) {
  Key bounds;
  for (const RangePart& part : parts) {
    for (const std::optional<std::string>& bound : {part.lower, part.upper}) {
      if (bound) {
        bounds.push_back(*bound);
      }
    }
  }
  try {
    source.query(cast_values_sql(column), {to_array_text(bounds)});
  } catch (const pg::Failure& failure) {
    if (!failure.is_data_error()) {
      throw;
    }
    throw refusal(described(level) + " would get bounds that the domain " + column.type + " does not accept")
        .detail(failure.what())
        .hint("Use --bucket-rows, which takes bounds from the values themselves, or HASH.");
  }
}

// ---- RANGE by rows

std::vector<RangePart> bucket_parts(pg::Connection& source, const TableFacts& facts, const LevelSpec& level,
                                    const PartitionColumn& column) {
  const double rows = std::max(0.0, facts.size.rows_estimate);
  const double wanted = std::ceil(rows / static_cast<double>(level.bucket_rows));
  if (wanted > static_cast<double>(kLeavesMax)) {
    throw too_many_leaves(level, "about " + std::to_string(static_cast<std::uint64_t>(wanted)))
        .hint("Use a larger --bucket-rows.");
  }
  const Sampling sampling = read_samples(
      source, facts, {{"source." + pg::quoted(column.name), value_text_sql(column, "k1")}}, {std::max(1.0, wanted)});
  SplitOptions options;
  options.range_rows = level.bucket_rows;
  options.range_bytes_max = std::numeric_limits<std::uint64_t>::max();
  options.ranges_max = static_cast<std::uint32_t>(kLeavesMax);
  const std::vector<Range> buckets =
      split(sampling.samples, sampling.whole_table ? sampling.rows_seen : rows, 0, options);
  std::vector<RangePart> parts;
  const auto bound_of = [&](const std::optional<Key>& key) -> std::optional<std::string> {
    return key ? std::optional(literal_text(column, key->front())) : std::nullopt;
  };
  for (const Range& bucket : buckets) {
    parts.push_back({bound_of(bucket.lower), bound_of(bucket.upper), "_p" + zero_padded(bucket.index, buckets.size())});
  }
  return parts;
}

std::vector<Piece> range_pieces(pg::Connection& source, const TableFacts& facts, const LevelSpec& level,
                                const PartitionColumn& column) {
  if (level.bucket_rows != 0 && !level.interval.empty()) {
    throw refusal(described(level) + " cannot be cut both by interval and by rows")
        .hint("Use --interval or --bucket-rows.");
  }
  if (level.bucket_rows != 0) {
    refuse_nulls(level, column, level.with_default ? 0 : read_null_count(source, facts, column));
    return pieces_of(bucket_parts(source, facts, level, column));
  }
  const std::optional<TimeKind> kind = column.time_kind();
  const bool is_exact_number = column.is_integer() || column.base_type == "numeric";
  if (column.is_float()) {
    throw refusal(described(level) + " cannot be cut by a step: " + column.type +
                  " is not exact, so a value near a bound could fall on either side of it")
        .hint("Use --bucket-rows, which takes bounds from the values themselves.");
  }
  if (!kind && !is_exact_number) {
    throw refusal(described(level) + " cannot be cut by an interval: the column is of type " + column.type)
        .hint(
            "Intervals need a date, timestamp, integer or numeric column. Use --bucket-rows 10000000 to cut any "
            "ordered type.");
  }
  if (level.interval.empty()) {
    throw refusal(described(level) + " needs an interval")
        .hint(kind ? "Add --interval '1 month', or --bucket-rows 10000000."
                   : "Add --interval 1000000, or --bucket-rows 10000000.");
  }
  const Extremes extremes = read_extremes(source, facts, column);
  refuse_nulls(level, column, extremes.nulls);
  if (extremes.has_infinite && !level.with_default) {
    throw refusal(described(level) + " by interval cannot reach " + (kind ? "infinity" : "NaN or infinity") + ", and " +
                  pg::display(column.name) + " holds it in some rows")
        .hint("Add --default for a partition that takes them.");
  }
  const std::vector<RangePart> parts =
      kind ? interval_parts(source, level, column, *kind, extremes) : step_parts(source, level, column, extremes);
  if (column.is_domain) {
    refuse_bounds_outside_domain(source, level, column, parts);
  }
  return pieces_of(parts);
}

// ---- LIST

std::vector<Piece> list_pieces(pg::Connection& source, const TableFacts& facts, const LevelSpec& level,
                               const PartitionColumn& column) {
  if (column.is_float()) {
    throw refusal(described(level) + " cannot list values of " + column.type + ", which is not exact")
        .hint("Use HASH, or RANGE with --bucket-rows.");
  }
  const std::vector<std::string> values = read_distinct_values(source, facts, column, kListValuesMax + 1);
  if (values.size() > kListValuesMax) {
    throw refusal(described(level) + " has more than " + std::to_string(kListValuesMax) + " distinct values")
        .hint("Use HASH (" + pg::display(column.name) + ") with --partitions, or RANGE with --bucket-rows.");
  }
  std::vector<Piece> pieces;
  if (read_null_count(source, facts, column) > 0) {
    pieces.push_back({list_bound_sql(std::nullopt), "_null"});
  }
  for (const std::string& value : values) {
    pieces.push_back({list_bound_sql(value), "_" + value_name(value)});
  }
  if (pieces.empty() && !level.with_default) {
    throw refusal(described(level) + " has no values: " + pg::display(facts.name) + " is empty")
        .hint("Add --default, or partition by HASH or RANGE.");
  }
  return pieces;
}

// ---- Levels

struct Level {
  PartitionMethod method;
  std::vector<std::string> columns;
  std::string key_definition;
  std::vector<Piece> pieces;
};

// The column, fit to divide a table by this method.
PartitionColumn read_fit_column(pg::Connection& source, const TableFacts& facts, const LevelSpec& level,
                                const std::string& name) {
  const Column* column = facts.column(name);
  if (column == nullptr) {
    std::string known;
    for (const Column& each : facts.columns) {
      known += (known.empty() ? "" : ", ") + pg::display(each.name);
    }
    throw refusal(pg::display(facts.name) + " has no column " + pg::display(name))
        .detail("Its columns: " + known + ".")
        .hint("Check the spelling; a name with capitals or spaces stands in double quotes: 'HASH (\"Re gion\")'.");
  }
  if (!column->generated.empty()) {
    throw refusal("column " + pg::display(name) + " is generated, and PostgreSQL cannot partition by such a column")
        .hint("Partition by a column that it is computed from.");
  }
  PartitionColumn fit = read_partition_column(source, facts, *column);
  const bool by_hash = level.method == PartitionMethod::hash;
  if (by_hash ? !fit.has_hash : !fit.has_order) {
    throw refusal(described(level) + " is not possible: type " + fit.type + " of column " + pg::display(name) +
                  " has no default " + (by_hash ? "hash" : "btree") + " operator class")
        .hint(by_hash && fit.has_order   ? "RANGE and LIST are possible."
              : !by_hash && fit.has_hash ? "HASH is possible."
                                         : "Partition by another column.");
  }
  return fit;
}

Level design_level(pg::Connection& source, const TableFacts& facts, const LevelSpec& spec) {
  const bool by_hash = spec.method == PartitionMethod::hash;
  if (spec.columns.empty() || spec.columns.size() > (by_hash ? kKeyColumnsMax : 1)) {
    throw refusal(described(spec) + " has " + std::to_string(spec.columns.size()) + " columns; " +
                  std::string(keyword_of(spec.method)) + " takes " +
                  (by_hash ? "1 to " + std::to_string(kKeyColumnsMax) : "one"))
        .hint(by_hash ? "Use fewer columns."
                      : "Several columns are possible with HASH; or use --then for a second level.");
  }
  for (auto column = spec.columns.begin(); column != spec.columns.end(); ++column) {
    if (std::find(spec.columns.begin(), column, *column) != column) {
      throw refusal(described(spec) + " names column " + pg::display(*column) + " twice")
          .hint("Name every column once.");
    }
  }
  if (by_hash && spec.with_default) {
    throw refusal(described(spec) + " cannot have a DEFAULT partition: every key has its place already")
        .hint("Leave --default out; it belongs to RANGE and LIST.");
  }
  if (!by_hash && spec.partitions != 0) {
    throw refusal("a number of partitions is for HASH, not for " + described(spec))
        .hint(spec.method == PartitionMethod::range ? "Use --interval or --bucket-rows."
                                                    : "LIST makes one partition for each value.");
  }
  if (spec.method != PartitionMethod::range && (!spec.interval.empty() || spec.bucket_rows != 0)) {
    throw refusal("--interval and --bucket-rows are for RANGE, not for " + described(spec)).hint("Leave them out.");
  }
  std::vector<PartitionColumn> columns;
  for (const std::string& name : spec.columns) {
    columns.push_back(read_fit_column(source, facts, spec, name));
  }
  Level level{
      spec.method, spec.columns, std::string(keyword_of(spec.method)) + " (" + pg::quoted_list(spec.columns) + ")", {}};
  switch (spec.method) {
    case PartitionMethod::hash:
      level.pieces = hash_pieces(spec);
      break;
    case PartitionMethod::range:
      level.pieces = range_pieces(source, facts, spec, columns.front());
      break;
    case PartitionMethod::list:
      level.pieces = list_pieces(source, facts, spec, columns.front());
      break;
  }
  if (spec.with_default) {
    level.pieces.push_back(default_piece());
  }
  return level;
}

// Two levels that divide by the same value leave most parts empty for ever.
void refuse_repeated_key(const std::vector<LevelSpec>& levels) {
  if (levels.size() < 2) {
    return;
  }
  std::vector<std::string> first = levels[0].columns;
  std::vector<std::string> second = levels[1].columns;
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  const bool by_hash[] = {levels[0].method == PartitionMethod::hash, levels[1].method == PartitionMethod::hash};
  if (first == second && by_hash[0] == by_hash[1]) {
    throw refusal("both levels divide by " + described(levels[0]) + ": most parts of the second could never hold a row")
        .hint(by_hash[0] ? "Use one level with more --partitions, or another column for --then."
                         : "Use one level with a shorter --interval, or another column for --then.");
  }
}

void add_children(PartitionNode& parent, const std::string& name_prefix, const std::vector<Level>& levels,
                  std::size_t depth, NameAllocator& names) {
  const Level& level = levels[depth];
  parent.method = level.method;
  parent.key_columns = level.columns;
  parent.key_definition = level.key_definition;
  for (const Piece& piece : level.pieces) {
    const std::string wanted = name_prefix + piece.name_suffix;
    PartitionNode& child = parent.children.emplace_back();
    child.name = {parent.name.schema, names.allocate(wanted)};
    child.bound = piece.bound;
    if (depth + 1 < levels.size()) {
      add_children(child, wanted, levels, depth + 1, names);
    }
  }
}

}  // namespace

std::string value_name(std::string_view value) {
  std::string name;
  for (const char c : value) {
    const bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80U;
    name.push_back(is_kept ? c : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : '_');
  }
  return name.empty() ? "empty" : name;
}

Layout design_layout(pg::Connection& source, const TableFacts& facts, const pg::QualifiedName& target,
                     const std::vector<LevelSpec>& levels, NameAllocator& names, const std::string& name_prefix) {
  constexpr std::size_t kLevelsMax = 2;
  if (levels.empty() || levels.size() > kLevelsMax) {
    throw refusal("a layout has one level or two")
        .hint("Use --by \"HASH (uid)\", and --then \"RANGE (created_at)\" for a second.");
  }
  refuse_repeated_key(levels);
  std::vector<Level> designed;
  std::size_t leaf_count = 1;
  for (const LevelSpec& spec : levels) {
    designed.push_back(design_level(source, facts, spec));
    leaf_count *= designed.back().pieces.size();
  }
  if (leaf_count > kLeavesMax) {
    throw refusal("the two levels would make " + std::to_string(leaf_count) + " partitions; at most " +
                  std::to_string(kLeavesMax) + " are made")
        .detail("First level: " + std::to_string(designed.front().pieces.size()) +
                ", second level: " + std::to_string(designed.back().pieces.size()) + ".")
        .hint("Use a longer --interval, fewer --partitions, or one level.");
  }
  Layout layout;
  layout.root.name = target;
  add_children(layout.root, name_prefix.empty() ? target.name : name_prefix, designed, 0, names);
  return layout;
}

}  // namespace pgsluice::planner
