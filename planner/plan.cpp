#include "planner/plan.hpp"

#include <xxhash.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

#include "pg/failure.hpp"

namespace pgsluice::planner {

namespace {

constexpr std::array<Method, 4> kMethods = {Method::insert, Method::move, Method::stream, Method::stream_move};
constexpr std::array<Notice::Kind, 4> kNoticeKinds = {Notice::Kind::kept, Notice::Kind::changed, Notice::Kind::lost,
                                                      Notice::Kind::warning};

void identity_to_json(nlohmann::json& json, const DatabaseIdentity& identity) {
  json = {{"system_identifier", identity.system_identifier},
          {"database", identity.database},
          {"database_oid", identity.database_oid},
          {"server_version", identity.server_version}};
}

DatabaseIdentity identity_from_json(const nlohmann::json& json) {
  return {json.at("system_identifier"), json.at("database"), json.at("database_oid"), json.at("server_version")};
}

}  // namespace

bool empties_source(Method method) {
  return method == Method::move || method == Method::stream_move;
}

bool needs_one_database(Method method) {
  return method != Method::stream;
}

std::string_view name_of(Strategy strategy) {
  switch (strategy) {
    case Strategy::offline:
      return "offline";
    case Strategy::capture:
      return "capture";
  }
  return "";
}

std::string_view name_of(CaptureForm form) {
  return form == CaptureForm::row ? "row" : "statement";
}

std::string_view name_of(Method method) {
  switch (method) {
    case Method::insert:
      return "insert";
    case Method::move:
      return "move";
    case Method::stream:
      return "stream";
    case Method::stream_move:
      return "stream-move";
  }
  return "";
}

std::string_view name_of(Notice::Kind kind) {
  switch (kind) {
    case Notice::Kind::kept:
      return "kept";
    case Notice::Kind::changed:
      return "changed";
    case Notice::Kind::lost:
      return "lost";
    case Notice::Kind::warning:
      return "warning";
  }
  return "";
}

Method method_named(std::string_view name) {
  for (const Method method : kMethods) {
    if (name_of(method) == name) {
      return method;
    }
  }
  throw pg::Failure(pg::FailureKind::refused, "there is no method \"" + std::string(name) + "\"")
      .hint("Methods are auto, insert, stream; and auto-move, move, stream-move, which empty the source.");
}

Strategy strategy_named(std::string_view name) {
  for (const Strategy strategy : {Strategy::offline, Strategy::capture}) {
    if (name == name_of(strategy)) {
      return strategy;
    }
  }
  throw pg::Failure(pg::FailureKind::refused, "there is no strategy \"" + std::string(name) + "\"")
      .hint("Strategies are offline, where nobody writes meanwhile, and capture, where everybody may.");
}

CaptureForm capture_form_named(std::string_view name) {
  for (const CaptureForm form : {CaptureForm::row, CaptureForm::statement}) {
    if (name == name_of(form)) {
      return form;
    }
  }
  throw pg::Failure(pg::FailureKind::refused, "changes cannot be captured by \"" + std::string(name) + "\"")
      .hint("They are captured by row, or by statement.");
}

std::string methods_text(const std::vector<Method>& methods) {
  std::string text;
  for (const Method method : methods) {
    text += (text.empty() ? "" : " or ") + std::string(name_of(method));
  }
  return text;
}

const QualifiedName& table_in_use(const Plan& plan) {
  return plan.parent ? plan.parent->name : plan.source.name;
}

void to_json(nlohmann::json& json, const Plan& plan) {
  nlohmann::json methods = nlohmann::json::array();
  for (const Method method : plan.methods) {
    methods.push_back(name_of(method));
  }
  json = {{"migration_id", plan.migration_id},
          {"created_at", plan.created_at},
          {"tool_version", plan.tool_version},
          {"one_database", plan.one_database},
          {"strategy", name_of(plan.strategy)},
          {"capture_form", name_of(plan.capture_form)},
          {"methods", methods},
          {"rows_come_leaf_by_leaf", plan.rows_come_leaf_by_leaf},
          {"method_reason", plan.method_reason},
          {"guard", plan.guard},
          {"carry_grants_to_leaves", plan.carry_grants_to_leaves},
          {"source", plan.source},
          {"layout", plan.layout},
          {"names", plan.names},
          {"key_columns_with_nulls", plan.key_columns_with_nulls},
          {"key", plan.key},
          {"captured", nlohmann::json::array()},
          {"ranges", plan.ranges},
          {"notices", nlohmann::json::array()}};
  if (plan.parent) {
    json["parent"] = *plan.parent;
  }
  identity_to_json(json["source_database"], plan.source_database);
  identity_to_json(json["target_database"], plan.target_database);
  for (const CapturedColumn& column : plan.captured) {
    json["captured"].push_back({{"name", column.name},
                                {"type", column.type},
                                {"collation", column.collation},
                                {"is_key", column.is_key},
                                {"not_null", column.not_null},
                                {"has_own_equality", column.has_own_equality}});
  }
  for (const Notice& notice : plan.notices) {
    json["notices"].push_back(
        {{"kind", name_of(notice.kind)}, {"what", notice.what}, {"instead", notice.instead}, {"flag", notice.flag}});
  }
}

void from_json(const nlohmann::json& json, Plan& plan) {
  json.at("migration_id").get_to(plan.migration_id);
  json.at("created_at").get_to(plan.created_at);
  json.at("tool_version").get_to(plan.tool_version);
  json.at("one_database").get_to(plan.one_database);
  plan.strategy = strategy_named(json.at("strategy").get<std::string>());
  plan.capture_form = capture_form_named(json.at("capture_form").get<std::string>());
  plan.methods.clear();
  for (const nlohmann::json& name : json.at("methods")) {
    plan.methods.push_back(method_named(name.get<std::string>()));
  }
  plan.method = plan.methods.at(0);
  json.at("rows_come_leaf_by_leaf").get_to(plan.rows_come_leaf_by_leaf);
  json.at("method_reason").get_to(plan.method_reason);
  json.at("guard").get_to(plan.guard);
  json.at("carry_grants_to_leaves").get_to(plan.carry_grants_to_leaves);
  json.at("source").get_to(plan.source);
  plan.parent.reset();
  if (json.contains("parent")) {
    plan.parent = json.at("parent").get<PartitionParent>();
  }
  json.at("layout").get_to(plan.layout);
  json.at("names").get_to(plan.names);
  json.at("key_columns_with_nulls").get_to(plan.key_columns_with_nulls);
  json.at("key").get_to(plan.key);
  json.at("ranges").get_to(plan.ranges);
  for (std::size_t i = 0; i < plan.ranges.size(); ++i) {
    plan.ranges[i].index = static_cast<std::uint32_t>(i);
  }
  plan.source_database = identity_from_json(json.at("source_database"));
  plan.target_database = identity_from_json(json.at("target_database"));
  plan.captured.clear();
  for (const nlohmann::json& column : json.at("captured")) {
    plan.captured.push_back({column.at("name"), column.at("type"), column.at("collation"), column.at("is_key"),
                             column.at("not_null"), column.at("has_own_equality")});
  }
  plan.notices.clear();
  for (const nlohmann::json& notice : json.at("notices")) {
    Notice::Kind kind = Notice::Kind::warning;
    for (const Notice::Kind candidate : kNoticeKinds) {
      kind = notice.at("kind") == name_of(candidate) ? candidate : kind;
    }
    plan.notices.push_back({kind, notice.at("what"), notice.at("instead"), notice.at("flag")});
  }
}

std::string digest(const Plan& plan) {
  const std::string text = nlohmann::json(plan).dump();
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  constexpr int kHexBytes = 32;
  char hex[kHexBytes + 1];
  std::snprintf(hex, sizeof hex, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return hex;
}

std::string make_migration_id() {
  std::random_device random;  // The kernel's generator.
  constexpr int kWords = 4;
  std::array<unsigned, kWords> words{};
  for (unsigned& word : words) {
    word = random();
  }
  // RFC 4122, section 4.4: version 4, variant 10.
  constexpr int kTextBytes = 36;
  char text[kTextBytes + 1];
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%04x%08x", words[0], words[1] >> 16U, words[1] & 0xFFFU,
                0x8000U | (words[2] >> 16U & 0x3FFFU), words[2] & 0xFFFFU, words[3]);
  return text;
}

}  // namespace pgsluice::planner
