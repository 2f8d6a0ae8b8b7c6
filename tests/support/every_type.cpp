// The samples of every type, and the SQL that makes columns and rows of them.
#include "tests/support/every_type.hpp"

#include <map>

#include "pg/identifier.hpp"

namespace pgsluice::tests {

namespace {

using Samples = std::vector<std::string>;

// Values of built-in types, by their name in pg_type. Objects named here are those that initdb makes.
const std::map<std::string, Samples>& samples_by_type() {
  static const std::map<std::string, Samples> samples = {
      {"aclitem", {"postgres=arwdDxt/postgres", "=r/owner"}},
      {"bit", {"1", "0"}},
      {"bool", {"true", "false"}},
      {"box", {"(1,2),(-3.5,-0)", "(Infinity,1e300),(0,0)"}},
      {"bpchar", {"a  ", "", "žluť"}},
      {"bytea", {"\\x00ff27", "\\x"}},
      {"char", {"c", "", "\\"}},
      {"cid", {"7", "4294967295"}},
      {"cidr", {"10.1.0.0/16", "2001:db8::/32"}},
      {"circle", {"<(1,-2),3.5>", "<(0,0),NaN>"}},
      {"date", {"2024-02-29", "infinity", "-infinity", "4713-01-01 BC", "0044-03-15 BC"}},
      {"daterange", {"[2020-01-01,2020-02-01)", "empty", "(,infinity)", "[-infinity,)"}},
      {"float4", {"-0", "NaN", "-Infinity", "1.17549435e-38", "0.1", "3.4028235e+38"}},
      {"float8", {"-0", "NaN", "Infinity", "4.9e-324", "0.1", "1.7976931348623157e+308"}},
      {"inet", {"192.168.0.1/24", "::1"}},
      {"int2", {"-32768", "32767", "0"}},
      {"int2vector", {"1 -2 3", ""}},
      {"int4", {"-2147483648", "2147483647", "0"}},
      {"int4range", {"[1,5)", "empty", "(,)"}},
      {"int8", {"-9223372036854775808", "9223372036854775807", "0"}},
      {"int8range", {"[-9223372036854775808,0)", "(,0)", "empty"}},
      {"interval", {"1 year -2 mons +3 days 04:05:06.789", "-178000000 years", "00:00:00"}},
      {"json", {"{\"b\": 1,   \"a\": [null, \"\\u00e9\"]}", "null", "{\"a\":1,\"a\":2}"}},
      {"jsonb", {"{\"b\": 1, \"a\": [null, \"é\", 1.50]}", "null", "\"\""}},
      {"jsonpath", {"strict $.\"a\"[*] ? (@ > 1.5)", "$"}},
      {"line", {"{1,-1,0.5}"}},
      {"lseg", {"[(1,2),(3,4)]"}},
      {"macaddr", {"08:00:2b:01:02:03"}},
      {"macaddr8", {"08:00:2b:01:02:03:04:05"}},
      {"money", {"-92233720368547758.08", "12.34"}},
      {"name", {"a name", "čtyři"}},
      {"numeric", {"NaN", "-0.000000000000000000001", "123456789012345678901234567890.10", "1.500", "0"}},
      {"numrange", {"[1.10,2.200]", "empty", "(,NaN]"}},
      {"oid", {"4294967295", "1"}},
      {"oidvector", {"1 2 4294967295", ""}},
      {"path", {"[(0,0),(1,1),(2,-0)]", "((0,0),(1,1))"}},
      {"pg_lsn", {"FFFFFFFF/FFFFFFFF", "0/0"}},
      {"pg_snapshot", {"10:20:10,14,15", "1:1:"}},
      {"point", {"(-0,1e-300)", "(NaN,-Infinity)"}},
      {"polygon", {"((0,0),(1,1),(2,0))"}},
      {"refcursor", {"a cursor", ""}},
      {"regclass", {"pg_class", "-", "4294967295"}},
      {"regcollation", {"\"C\"", "\"POSIX\""}},
      {"regconfig", {"simple", "english"}},
      {"regdictionary", {"simple"}},
      {"regnamespace", {"pg_catalog"}},
      {"regoper", {"||/"}},
      {"regoperator", {"+(integer,integer)"}},
      {"regproc", {"pg_backend_pid"}},
      {"regprocedure", {"sum(integer)", "pg_sleep(double precision)"}},
      {"regrole", {"postgres"}},
      {"regtype", {"character varying", "integer[]"}},
      {"text", {"", "\\N", "\\.", "tab\tnewline\ncr\rbackslash\\quote'\"", "NULL", "🐘 žluťoučký kůň"}},
      {"tid", {"(4294967294,65535)", "(0,1)"}},
      {"time", {"24:00:00", "00:00:00.000001"}},
      {"timestamp", {"infinity", "-infinity", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999"}},
      {"timestamptz", {"infinity", "-infinity", "4713-01-02 00:00:00+00 BC", "2024-03-31 02:30:00.000001+01"}},
      {"timetz", {"24:00:00-15:59", "12:30:45.5+05:45"}},
      {"tsquery", {"'fat' & ( 'rat':AB | !'cat' ) <2> 'it''s'", ""}},
      {"tsrange", {"[2010-01-01 14:30,2010-01-01 15:30)", "(,infinity]", "empty"}},
      {"tstzrange", {"[2010-01-01 14:30+00,infinity)", "empty"}},
      {"tsvector", {"'a':1A 'fat':2B,4C 'it''s':16383", ""}},
      {"txid_snapshot", {"10:20:10,14,15"}},
      {"uuid", {"ffffffff-ffff-4fff-bfff-ffffffffffff", "00000000-0000-0000-0000-000000000000"}},
      {"varbit", {"101100111", ""}},
      {"varchar", {"", "naïve  "}},
      {"xid", {"3", "4294967295"}},
      {"xid8", {"18446744073709551615", "0"}},
      {"xml", {"<a b=\"1\">é &amp; <!-- c --></a>", "text, no element"}},
      {"datemultirange", {"{[2020-01-01,2020-02-01),[2021-01-01,)}", "{}"}},
      {"int4multirange", {"{[1,3),[5,8)}", "{}", "{(,)}"}},
      {"int8multirange", {"{[-9223372036854775808,0)}", "{}"}},
      {"nummultirange", {"{[1.1,2.20],(3,)}", "{}"}},
      {"tsmultirange", {"{[2010-01-01,2010-01-02)}", "{}"}},
      {"tstzmultirange", {"{[2010-01-01 00:00+00,infinity)}", "{}"}},
  };
  return samples;
}

// Their input functions refuse every value: what is in them is made inside the server.
constexpr const char* kTypesWithoutInput =
    "'gtsvector', 'pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list', 'pg_brin_bloom_summary', "
    "'pg_brin_minmax_multi_summary'";

// Every built-in type of which a column can be that is no array.
constexpr const char* kScalarTypes =
    "FROM pg_catalog.pg_type t WHERE typnamespace = 'pg_catalog'::regnamespace AND typisdefined "
    "AND typtype IN ('b', 'r', 'm') AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)";

// An element inside the text of an array.
std::string array_element(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

// Arrays of a type: empty, with NULLs, with two dimensions and bounds that do not begin at 1.
Samples array_samples(const Samples& elements, const std::string& delimiter) {
  if (elements.empty()) return {"{}"};
  const std::string first = array_element(elements.front());
  const std::string last = array_element(elements.back());
  std::string all = "{NULL";
  for (const std::string& element : elements) all += delimiter + array_element(element);
  return {"{}", all + "}",
          "[-1:0][5:6]={{" + first + delimiter + last + "}" + delimiter + "{" + last + delimiter + first + "}}"};
}

// Turns plain names into ones that need every kind of care.
std::string odd_name(const std::string& type, std::size_t position) {
  switch (position % 9) {
    case 2:
      return "\"" + type + "\" in 'quotes'";
    case 3:
      return type + ",\")\nand a newline\\";
    case 5:
      return "Größe von " + type;
    case 7: {
      std::string name = type + " ";
      while (name.size() < pg::kNameBytesMax) name += "x";
      return name;
    }
    default:
      return "c_" + type;
  }
}

void add_with_array(std::vector<TypedColumn>& columns, const std::string& name, const std::string& type,
                    const Samples& samples, const std::string& delimiter, bool has_array) {
  columns.push_back({odd_name(name, columns.size()), type, samples});
  if (has_array) {
    columns.push_back({odd_name("_" + name, columns.size()), type + "[]", array_samples(samples, delimiter)});
  }
}

}  // namespace

std::string user_types_sql(const std::string& schema) {
  const std::string s = pg::quoted(schema) + ".";
  std::string labels;
  for (int i = 0; i < 10; ++i) labels += (i == 0 ? "'" : ", '") + std::to_string((i * 7) % 10) + " ´label´'";
  return "CREATE TYPE " + s + "\"Mood Enum\" AS ENUM (" + labels + ", 'it''s \"so\"');" + "CREATE DOMAIN " + s +
         "\"positive int\" AS int CHECK (VALUE > 0);" + "CREATE DOMAIN " + s +
         "tags AS text[] CHECK (array_length(VALUE, 1) < 10);" + "CREATE TYPE " + s +
         "inner_pair AS (n numeric, mood " + s + "\"Mood Enum\");" + "CREATE TYPE " + s +
         "\"outer, pair\" AS (\"a b\" text, pairs " + s + "inner_pair[], one " + s + "inner_pair, at timestamptz);" +
         "CREATE DOMAIN " + s + "pair_domain AS " + s + "inner_pair;" + "CREATE TYPE " + s +
         "float_range AS RANGE (subtype = float8);";
}

std::vector<TypedColumn> columns_of_every_type(pg::Connection& connection, const std::string& schema,
                                               BinaryForms forms) {
  std::vector<TypedColumn> columns;
  std::string sql = "SELECT typname, typarray <> 0, typdelim ";
  sql += kScalarTypes;
  if (forms == BinaryForms::only) sql += " AND typsend <> 0 AND typreceive <> 0";
  const pg::Result types = connection.query(sql + " ORDER BY typname");
  for (int row = 0; row < types.row_count(); ++row) {
    const std::string name(types.text(row, 0));
    const auto found = samples_by_type().find(name);
    const std::string type = "pg_catalog." + pg::quoted(name);
    add_with_array(columns, name, type, found == samples_by_type().end() ? Samples{} : found->second,
                   std::string(types.text(row, 2)), types.boolean(row, 1));
  }

  const std::string s = pg::quoted(schema) + ".";
  add_with_array(columns, "mood", s + "\"Mood Enum\"", {"0 ´label´", "7 ´label´", "it's \"so\""}, ",", true);
  add_with_array(columns, "positive", s + "\"positive int\"", {"1", "2147483647"}, ",", true);
  add_with_array(columns, "tags", s + "tags", {"{a,NULL,\"b c\"}", "{}"}, ",", false);
  add_with_array(columns, "inner", s + "inner_pair", {"(NaN,\"7 ´label´\")", "(,)"}, ",", true);
  add_with_array(columns, "outer", s + "\"outer, pair\"",
                 {"(\"x, \"\"y\"\"\",\"{\"\"(1.50,)\"\",NULL}\",\"(2,\"\"0 ´label´\"\")\",infinity)", "(,,,)"}, ",",
                 true);
  add_with_array(columns, "pair_domain", s + "pair_domain", {"(1,\"0 ´label´\")"}, ",", true);
  add_with_array(columns, "float_range", s + "float_range", {"[-0,1e300)", "empty", "(,NaN]"}, ",", true);

  columns.push_back({"char 3", "character(3)", {"a", "žlu"}});
  columns.push_back({"varchar 20", "character varying(20)", {"abc   "}});
  columns.push_back({"numeric 20 5", "numeric(20,5)", {"1", "-999999999999999.99999"}});
  columns.push_back({"bit 11", "bit(11)", {"10101010101"}});
  columns.push_back({"varbit 20", "bit varying(20)", {"1", ""}});
  columns.push_back({"time 3", "time(3)", {"12:00:00.123"}});
  columns.push_back({"timestamptz 0", "timestamptz(0)", {"2020-01-01 00:00:00+00"}});
  columns.push_back({"interval dts", "interval day to second(2)", {"3 days 04:05:06.78"}});
  columns.push_back({"text C", "text COLLATE \"C\"", {"Z", "a"}});
  columns.push_back({"text ICU", "text COLLATE \"de-x-icu\"", {"Ä", "z"}});
  columns.push_back({"int bounds", "int[]", {"[-5:-3]={1,NULL,3}", "[0:0][2:2]={{7}}"}});
  return columns;
}

std::vector<std::string> types_without_samples(pg::Connection& connection) {
  const pg::Result types = connection.query("SELECT typname " + std::string(kScalarTypes) + " AND typname NOT IN (" +
                                            kTypesWithoutInput + ") ORDER BY 1");
  std::vector<std::string> missing;
  for (int row = 0; row < types.row_count(); ++row) {
    if (!samples_by_type().contains(std::string(types.text(row, 0)))) missing.emplace_back(types.text(row, 0));
  }
  return missing;
}

std::string definitions_sql(const std::vector<TypedColumn>& columns) {
  std::string sql;
  for (const TypedColumn& column : columns) {
    sql += (sql.empty() ? "" : ", ") + pg::quoted(column.name) + " " + column.type;
  }
  return sql;
}

std::string names_sql(const std::vector<TypedColumn>& columns) {
  std::string sql;
  for (const TypedColumn& column : columns) sql += (sql.empty() ? "" : ", ") + pg::quoted(column.name);
  return sql;
}

std::string values_sql(const std::vector<TypedColumn>& columns) {
  std::string sql;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::string type = columns[c].type.substr(0, columns[c].type.find(" COLLATE"));
    std::string value = "CASE (i + " + std::to_string(c) + ") % " + std::to_string(columns[c].samples.size() + 1);
    for (std::size_t s = 0; s < columns[c].samples.size(); ++s) {
      value += " WHEN " + std::to_string(s) + " THEN CAST(" + pg::literal(columns[c].samples[s]) + " AS " + type + ")";
    }
    sql += (sql.empty() ? "" : ", ");
    sql += columns[c].samples.empty() ? "NULL" : value + " END";
  }
  return sql;
}

}  // namespace pgsluice::tests
