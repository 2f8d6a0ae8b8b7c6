#include "mover/checksum.hpp"

#include <cstdint>

#include "pg/identifier.hpp"

namespace pgsluice::mover {

namespace {

using planner::Column;

constexpr std::uint32_t kFirstUserOid = 16384;  // FirstNormalObjectId: what initdb made is below it.

// Types by their OID, which is fixed. Source: PostgreSQL src/include/catalog/pg_type.dat.
namespace type_oid {
constexpr std::uint32_t kBool = 16;
constexpr std::uint32_t kBytea = 17;
constexpr std::uint32_t kName = 19;
constexpr std::uint32_t kInt8 = 20;
constexpr std::uint32_t kInt2 = 21;
constexpr std::uint32_t kInt4 = 23;
constexpr std::uint32_t kText = 25;
constexpr std::uint32_t kOid = 26;
constexpr std::uint32_t kFloat4 = 700;
constexpr std::uint32_t kFloat8 = 701;
constexpr std::uint32_t kBpchar = 1042;
constexpr std::uint32_t kVarchar = 1043;
constexpr std::uint32_t kDate = 1082;
constexpr std::uint32_t kTimestamp = 1114;
constexpr std::uint32_t kTimestamptz = 1184;
constexpr std::uint32_t kNumeric = 1700;
constexpr std::uint32_t kUuid = 2950;
constexpr std::uint32_t kJsonb = 3802;
}  // namespace type_oid

void append(std::string& list, const std::string& item, std::string_view comma = ", ") {
  list += (list.empty() ? std::string() : std::string(comma)) + item;
}

std::string value_sql(const Column& column, std::string_view alias, const CastColumns& cast) {
  const std::string value = pg::quoted(alias) + "." + pg::quoted(column.name);
  return cast.contains(column.name) ? "(" + value + ")::" + column.type : value;
}

// ---- The exact form

// Collects columns that enter as one binary record.
class RecordForm {
 public:
  void add(const Column& column, const std::string& value) {
    const bool has_stable_binary_form =
        column.has_binary_form && column.binary_form_is_portable && column.type_oid < kFirstUserOid;
    append(has_stable_binary_form ? binary_ : as_text_, value);
  }
  bool is_empty() const { return binary_.empty() && as_text_.empty(); }
  std::string hash_sql(const std::string& seed) const {
    std::string fields = binary_;
    if (!as_text_.empty()) {
      append(fields, "ROW(" + as_text_ + ")::pg_catalog.text");
    }
    return "pg_catalog.hash_array_extended(ARRAY[pg_catalog.record_send(ROW(" + fields + "))], " + seed + ")";
  }

 private:
  std::string binary_;
  std::string as_text_;
};

// ---- The quick form

// The constants of one column: seeds, which no other column has, and hashes for values that no function hashes.
class Constants {
 public:
  explicit Constants(std::size_t position) : first_(kPerColumn * (position + 1)) {}
  std::string seed(unsigned variant = 0) const { return std::to_string(first_ + variant); }
  std::string hash(unsigned variant) const {
    // One step of SplitMix64, which turns small numbers into ones whose bits look random.
    std::uint64_t mixed = (first_ + variant) * 0x9E3779B97F4A7C15ULL;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    // A bit less: the most negative bigint has no literal.
    return "'" + std::to_string(static_cast<std::int64_t>((mixed ^ (mixed >> 31)) >> 1)) + "'::pg_catalog.int8";
  }

 private:
  static constexpr std::uint64_t kPerColumn = 8;
  std::uint64_t first_;
};

constexpr unsigned kNull = 7;  // The variant that stands for NULL.

std::string call(std::string_view function, const std::string& value, const std::string& seed) {
  return "pg_catalog." + std::string(function) + "(" + value + ", " + seed + ")";
}

// Spreads a hash whose bits may follow those of the value. All 64 go in, as the seed.
std::string mixed_sql(const std::string& hash, const Constants& constants) {
  return call("hashint4extended", constants.seed(), hash);
}

std::string bytes_hash_sql(const std::string& bytes, const Constants& constants) {
  return call("hash_array_extended", "ARRAY[" + bytes + "]", constants.seed());
}

std::string text_hash_sql(const std::string& text, const Constants& constants) {
  return call("hashtextextended", text + " COLLATE pg_catalog.\"C\"", constants.seed());
}

// Seconds as a double tell every two microseconds apart from 1698 to 2242, where their last bit is worth less than one.
std::string time_hash_sql(const std::string& value, const std::string& type, const std::string& zone,
                          const Constants& constants) {
  const auto at = [&](const std::string& year) { return "pg_catalog." + type + " '" + year + "-01-01" + zone + "'"; };
  return "CASE WHEN " + value + " >= " + at("1800") + " AND " + value + " < " + at("2200") + " THEN " +
         call("hashfloat8extended", "pg_catalog.date_part('epoch', " + value + ")", constants.seed()) + " ELSE " +
         bytes_hash_sql("pg_catalog." + type + "_send(" + value + ")", constants) + " END";
}

std::string date_hash_sql(const std::string& value, const Constants& constants) {
  return "CASE WHEN pg_catalog.isfinite(" + value + ") THEN " +
         mixed_sql("(" + value + " - pg_catalog.date '2000-01-01')::pg_catalog.int8", constants) + " ELSE " +
         bytes_hash_sql("pg_catalog.date_send(" + value + ")", constants) + " END";
}

// Zeros and NaNs have several forms that hash alike, or did in older servers.
std::string float_hash_sql(std::string_view function, const std::string& value, const Constants& constants) {
  return "CASE WHEN " + value + " = 0 OR " + value + " = 'NaN' THEN " +
         text_hash_sql(value + "::pg_catalog.text", constants) + " ELSE " + call(function, value, constants.seed()) +
         " END";
}

// The type's hash is of the digits without sign and scale. A column that has a scale holds no infinity either.
std::string numeric_hash_sql(const std::string& value, bool has_scale, const Constants& constants) {
  if (!has_scale) {
    return bytes_hash_sql("pg_catalog.numeric_send(" + value + ")", constants);
  }
  return mixed_sql("CASE WHEN " + value + " < 0 THEN " + call("hash_numeric_extended", value, constants.seed(1)) +
                       " ELSE " + call("hash_numeric_extended", value, constants.seed()) + " END",
                   constants);
}

bool has_modifier(const Column& column) {
  return column.type.find('(') != std::string::npos;
}

// The hash of one column, which may be NULL where it is; empty when the column must enter in the exact form.
std::string column_hash_sql(const Column& column, const std::string& value, bool one_encoding,
                            const Constants& constants) {
  using namespace type_oid;
  switch (column.type_oid) {
    case kInt2:
    case kInt4:
    case kOid:
      return mixed_sql(value + "::pg_catalog.int8", constants);
    case kInt8:
      return mixed_sql(value, constants);
    case kBool:
      return "CASE WHEN " + value + " THEN " + constants.hash(1) + " WHEN NOT " + value + " THEN " + constants.hash(2) +
             " END";
    case kFloat4:
      return float_hash_sql("hashfloat4extended", value, constants);
    case kFloat8:
      return float_hash_sql("hashfloat8extended", value, constants);
    case kNumeric:
      return numeric_hash_sql(value, has_modifier(column), constants);
    case kDate:
      return date_hash_sql(value, constants);
    case kTimestamp:
      return time_hash_sql(value, "timestamp", "", constants);
    case kTimestamptz:
      return time_hash_sql(value, "timestamptz", " 00:00:00+00", constants);
    case kUuid:
      return call("uuid_hash_extended", value, constants.seed());
    case kBytea:
      return bytes_hash_sql(value, constants);
    case kText:
    case kVarchar:
      return one_encoding ? text_hash_sql(value, constants) : "";
    case kName:
      return one_encoding ? text_hash_sql(value + "::pg_catalog.text", constants) : "";
    case kBpchar:  // Becoming text it loses its blanks; a length says how many there were.
      return one_encoding && has_modifier(column) ? text_hash_sql(value + "::pg_catalog.text", constants) : "";
    case kJsonb:
      return one_encoding ? mixed_sql(call("jsonb_hash_extended", value, constants.seed()), constants) : "";
    default:
      return "";
  }
}

std::string or_if_null_sql(const std::string& hash, const std::string& value, const Constants& constants) {
  // CASE and the hash of an array are not NULL for a NULL.
  constexpr std::string_view kCase = "CASE WHEN ";
  if (hash.starts_with(kCase)) {
    return "CASE WHEN " + value + " IS NULL THEN " + constants.hash(kNull) + " " + hash.substr(5);
  }
  return "CASE WHEN " + value + " IS NULL THEN " + constants.hash(kNull) + " ELSE " + hash + " END";
}

std::string quick_hash_sql(const planner::TableFacts& source, std::string_view alias, const CastColumns& cast,
                           bool one_encoding) {
  std::string hashes;
  RecordForm others;
  std::size_t position = 0;
  for (const Column& column : source.columns) {
    const Constants constants(position++);
    const std::string value = value_sql(column, alias, cast);
    const std::string hash = column_hash_sql(column, value, one_encoding, constants);
    if (hash.empty()) {
      others.add(column, value);
    } else {
      const bool may_be_null = !column.not_null || !column.not_null_is_valid;
      append(hashes, "(" + (may_be_null ? or_if_null_sql(hash, value, constants) : hash) + ")", " # ");
    }
  }
  const Constants constants(position);
  if (!others.is_empty() || hashes.empty()) {
    append(hashes, others.hash_sql(constants.seed()), " # ");
  }
  // A target may hold NULL where the source cannot.
  return "COALESCE(" + mixed_sql(hashes, constants) + ", " + constants.hash(kNull) + ")";
}

}  // namespace

std::string row_hash_sql(const planner::TableFacts& source, std::string_view alias, const CastColumns& cast,
                         const RowHashForm& form) {
  if (!form.exact) {
    return quick_hash_sql(source, alias, cast, form.one_encoding);
  }
  RecordForm record;
  for (const Column& column : source.columns) {
    record.add(column, value_sql(column, alias, cast));
  }
  return record.hash_sql("0");
}

std::string count_and_sum_sql(const planner::TableFacts& source, std::string_view alias, const CastColumns& cast,
                              const RowHashForm& form) {
  return "pg_catalog.count(*) AS rows, COALESCE(pg_catalog.sum(" + row_hash_sql(source, alias, cast, form) +
         "), 0) AS checksum";
}

std::vector<std::string> loosely_hashed_columns(const planner::TableFacts& source, const RowHashForm& form) {
  std::vector<std::string> names;
  for (const Column& column : source.columns) {
    if (column.type_oid == type_oid::kJsonb && !form.exact && form.one_encoding) {
      names.push_back(column.name);
    }
  }
  return names;
}

}  // namespace pgsluice::mover
