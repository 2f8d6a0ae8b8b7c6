// The JSON form of the facts, the questions about columns, and the digest. Each struct names its fields once, for both
// directions.
#include "planner/table_facts.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace pgsluice::planner {

namespace {

template <class Archive>
void fields(Archive& archive, Column& column) {
  archive("attribute_number", column.attribute_number);
  archive("name", column.name);
  archive("type", column.type);
  archive("type_oid", column.type_oid);
  archive("has_binary_form", column.has_binary_form);
  archive("binary_form_is_portable", column.binary_form_is_portable);
  archive("collation", column.collation);
  archive("not_null", column.not_null);
  archive("not_null_is_valid", column.not_null_is_valid);
  archive("default_expression", column.default_expression);
  archive("generated", column.generated);
  archive("identity", column.identity);
  archive("owned_sequence", column.owned_sequence);
  archive("storage", column.storage);
  archive("compression", column.compression);
  archive("statistics_target", column.statistics_target);
  archive("options", column.options);
  archive("comment", column.comment);
}

template <class Archive>
void fields(Archive& archive, Sequence& sequence) {
  archive("name", sequence.name);
  archive("column", sequence.column);
  archive("type", sequence.type);
  archive("start", sequence.start);
  archive("increment", sequence.increment);
  archive("minimum", sequence.minimum);
  archive("maximum", sequence.maximum);
  archive("cache", sequence.cache);
  archive("cycle", sequence.cycle);
}

template <class Archive>
void fields(Archive& archive, Index& index) {
  archive("name", index.name);
  archive("is_primary", index.is_primary);
  archive("is_unique", index.is_unique);
  archive("is_constraint", index.is_constraint);
  archive("is_valid", index.is_valid);
  archive("is_exclusion", index.is_exclusion);
  archive("is_partial", index.is_partial);
  archive("has_expressions", index.has_expressions);
  archive("nulls_not_distinct", index.nulls_not_distinct);
  archive("deferrable", index.deferrable);
  archive("initially_deferred", index.initially_deferred);
  archive("is_replica_identity", index.is_replica_identity);
  archive("is_clustered", index.is_clustered);
  archive("default_order", index.default_order);
  archive("key_columns", index.key_columns);
  archive("included_columns", index.included_columns);
  archive("access_method", index.access_method);
  archive("body", index.body);
  archive("reloptions", index.reloptions);
  archive("tablespace", index.tablespace);
  archive("comment", index.comment);
  archive("bytes", index.bytes);
}

template <class Archive>
void fields(Archive& archive, CheckConstraint& check) {
  archive("name", check.name);
  archive("expression", check.expression);
  archive("is_valid", check.is_valid);
  archive("is_enforced", check.is_enforced);
  archive("no_inherit", check.no_inherit);
  archive("comment", check.comment);
}

template <class Archive>
void fields(Archive& archive, ForeignKey& key) {
  archive("name", key.name);
  archive("table", key.table);
  archive("referenced", key.referenced);
  archive("columns", key.columns);
  archive("referenced_columns", key.referenced_columns);
  archive("definition", key.definition);
  archive("on_delete", key.on_delete);
  archive("is_valid", key.is_valid);
  archive("is_enforced", key.is_enforced);
  archive("comment", key.comment);
}

template <class Archive>
void fields(Archive& archive, Trigger& trigger) {
  archive("name", trigger.name);
  archive("before_table", trigger.before_table);
  archive("after_table", trigger.after_table);
  archive("enabled", trigger.enabled);
  archive("on_insert", trigger.on_insert);
  archive("on_update", trigger.on_update);
  archive("on_delete", trigger.on_delete);
  archive("on_truncate", trigger.on_truncate);
  archive("per_row", trigger.per_row);
  archive("has_transition_table", trigger.has_transition_table);
  archive("comment", trigger.comment);
}

template <class Archive>
void fields(Archive& archive, Policy& policy) {
  archive("name", policy.name);
  archive("permissive", policy.permissive);
  archive("command", policy.command);
  archive("roles", policy.roles);
  archive("using_expression", policy.using_expression);
  archive("check_expression", policy.check_expression);
  archive("comment", policy.comment);
}

template <class Archive>
void fields(Archive& archive, Grant& grant) {
  archive("grantee", grant.grantee);
  archive("privilege", grant.privilege);
  archive("column", grant.column);
  archive("grantable", grant.grantable);
}

template <class Archive>
void fields(Archive& archive, Statistics& statistics) {
  archive("name", statistics.name);
  archive("body", statistics.body);
  archive("target", statistics.target);
  archive("comment", statistics.comment);
}

template <class Archive>
void fields(Archive& archive, Publication& publication) {
  archive("name", publication.name);
  archive("columns", publication.columns);
  archive("row_filter", publication.row_filter);
  archive("owned", publication.owned);
}

template <class Archive>
void fields(Archive& archive, Dependent& dependent) {
  archive("kind", dependent.kind);
  archive("name", dependent.name);
  archive("definition", dependent.definition);
}

template <class Archive>
void fields(Archive& archive, SourcePartition& partition) {
  archive("name", partition.name);
  archive("kind", partition.kind);
  archive("persistence", partition.persistence);
  archive("owner", partition.owner);
  archive("is_default", partition.is_default);
  archive("own", partition.own);
  archive("keys", partition.keys);
  archive("users", partition.users);
  archive("trigger_names", partition.trigger_names);
  archive("trigger_states", partition.trigger_states);
}

// Apart, so that facts of a table without partitions are written as they always were.
struct Partitions {
  std::vector<SourcePartition>& all;
};

template <class Archive>
void fields(Archive& archive, Partitions& partitions) {
  archive("partitions", partitions.all);
}

template <class Archive>
void fields(Archive& archive, TableSize& size) {
  archive("heap_bytes", size.heap_bytes);
  archive("toast_bytes", size.toast_bytes);
  archive("index_bytes", size.index_bytes);
  archive("page_count", size.page_count);
  archive("rows_estimate", size.rows_estimate);
  archive("dead_rows", size.dead_rows);
}

template <class Archive>
void fields(Archive& archive, TableFacts& facts) {
  archive("name", facts.name);
  archive("oid", facts.oid);
  archive("file_node", facts.file_node);
  archive("kind", facts.kind);
  archive("persistence", facts.persistence);
  archive("is_partition", facts.is_partition);
  archive("has_children", facts.has_children);
  archive("has_parents", facts.has_parents);
  archive("row_security", facts.row_security);
  archive("force_row_security", facts.force_row_security);
  archive("row_security_active", facts.row_security_active);
  archive("owner", facts.owner);
  archive("access_method", facts.access_method);
  archive("tablespace", facts.tablespace);
  archive("of_type", facts.of_type);
  archive("reloptions", facts.reloptions);
  archive("replica_identity", facts.replica_identity);
  archive("comment", facts.comment);
  archive("columns", facts.columns);
  archive("sequences", facts.sequences);
  archive("indexes", facts.indexes);
  archive("checks", facts.checks);
  archive("foreign_keys", facts.foreign_keys);
  archive("incoming_foreign_keys", facts.incoming_foreign_keys);
  archive("triggers", facts.triggers);
  archive("rules", facts.rules);
  archive("policies", facts.policies);
  archive("grants", facts.grants);
  archive("statistics", facts.statistics);
  archive("publications", facts.publications);
  archive("published_with_all_tables", facts.published_with_all_tables);
  archive("dependents", facts.dependents);
  archive("size", facts.size);
}

// Fills a JSON object; the value is only read.
class Writer {
 public:
  explicit Writer(nlohmann::json& object) : object_(object) { object_ = nlohmann::json::object(); }
  template <class T>
  void operator()(const char* key, T& value) {
    object_[key] = written(value);
  }

 private:
  template <class T>
  static nlohmann::json written(T& value) {
    if constexpr (requires(Writer & writer) { fields(writer, value); }) {
      nlohmann::json object;
      Writer writer(object);
      fields(writer, value);
      return object;
    } else {
      return value;
    }
  }
  static nlohmann::json written(QualifiedName& name) { return {{"schema", name.schema}, {"name", name.name}}; }
  template <class T>
  static nlohmann::json written(std::optional<T>& value) {
    return value ? written(*value) : nlohmann::json();
  }
  template <class T>
  static nlohmann::json written(std::vector<T>& values) {
    nlohmann::json array = nlohmann::json::array();
    for (T& value : values) {
      array.push_back(written(value));
    }
    return array;
  }

  nlohmann::json& object_;
};

// Fills the value from a JSON object. Fails: nlohmann::json::exception, when a field is absent or of another type.
class Reader {
 public:
  explicit Reader(const nlohmann::json& object) : object_(object) {}
  template <class T>
  void operator()(const char* key, T& value) {
    read(object_.at(key), value);
  }

 private:
  template <class T>
  static void read(const nlohmann::json& json, T& value) {
    if constexpr (requires(Reader & reader) { fields(reader, value); }) {
      Reader reader(json);
      fields(reader, value);
    } else {
      json.get_to(value);
    }
  }
  static void read(const nlohmann::json& json, QualifiedName& name) {
    json.at("schema").get_to(name.schema);
    json.at("name").get_to(name.name);
  }
  template <class T>
  static void read(const nlohmann::json& json, std::optional<T>& value) {
    value.reset();
    if (!json.is_null()) {
      read(json, value.emplace());
    }
  }
  template <class T>
  static void read(const nlohmann::json& json, std::vector<T>& values) {
    values.clear();
    for (const nlohmann::json& element : json) {
      read(element, values.emplace_back());
    }
  }

  const nlohmann::json& object_;
};

}  // namespace

const Column* TableFacts::column(std::string_view column_name) const {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const Column& column) { return column.name == column_name; });
  return found == columns.end() ? nullptr : &*found;
}

std::vector<std::string> TableFacts::insertable_columns() const {
  std::vector<std::string> names;
  for (const Column& column : columns) {
    if (column.generated.empty()) {
      names.push_back(column.name);
    }
  }
  return names;
}

void to_json(nlohmann::json& json, const TableFacts& facts) {
  TableFacts copy = facts;  // fields() serves both directions and so takes no const.
  Writer writer(json);
  fields(writer, copy);
  if (facts.is_partitioned()) {
    Partitions partitions{copy.partitions};
    nlohmann::json object;
    Writer apart(object);
    fields(apart, partitions);
    json.update(object);
  }
}

void from_json(const nlohmann::json& json, TableFacts& facts) {
  Reader reader(json);
  fields(reader, facts);
  facts.partitions.clear();
  if (facts.is_partitioned()) {
    Partitions partitions{facts.partitions};
    fields(reader, partitions);
  }
}

std::string definition_digest(const TableFacts& facts) {
  TableFacts definition = facts;
  definition.file_node = 0;
  definition.row_security_active = false;
  definition.dependents.clear();
  definition.partitions.clear();
  definition.size = {};
  for (Index& index : definition.indexes) {
    index.bytes = 0;
  }
  for (Publication& publication : definition.publications) {
    publication.owned = false;
  }
  // Objects are sorted by key, so the same facts give the same bytes. CBOR takes names in any encoding, where text JSON
  // wants UTF-8.
  const std::vector<std::uint8_t> bytes = nlohmann::json::to_cbor(nlohmann::json(definition));
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  constexpr std::size_t kDigits = 32;
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return digits;
}

}  // namespace pgsluice::planner
