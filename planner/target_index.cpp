#include "planner/target_index.hpp"

#include <algorithm>
#include <optional>

#include "pg/failure.hpp"

namespace pgsluice::planner {

namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

pg::Failure cannot_read(std::string_view body) {
  return pg::Failure(pg::FailureKind::refused, "an index has a definition that cannot be understood")
      .detail("USING " + std::string(body));
}

// The position after the quoted text that begins at `at`. The server doubles quotes inside quotes and backslashes
// inside E''.
std::size_t after_quotes(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (text[at] == quote) {
      if (at + 1 == text.size() || text[at + 1] != quote) {
        return at + 1;
      }
      ++at;
    }
  }
  throw cannot_read(text);
}

// The items of the list whose opening parenthesis is at `at`; `at` moves behind the closing one.
std::vector<std::string> list_at(std::string_view text, std::size_t& at) {
  std::vector<std::string> items(1);
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      const std::size_t end = after_quotes(text, at);
      items.back() += text.substr(at, end - at);
      at = end;
      continue;
    }
    ++at;
    if (c == '(' && depth++ == 0) {
      continue;
    }
    if (c == ')' && --depth == 0) {
      return items;
    }
    if (c == ',' && depth == 1) {
      items.emplace_back();
      at += at < text.size() && text[at] == ' ' ? 1 : 0;
      continue;
    }
    items.back() += c;
  }
  throw cannot_read(text);
}

// The name at the beginning of `text`, unquoted, which moves behind it; absent when something else begins there.
std::optional<std::string> name_at_front(std::string_view& text) {
  std::string name;
  if (text.starts_with('"')) {
    const std::size_t end = after_quotes(text, 0);
    for (std::size_t i = 1; i + 1 < end; ++i) {
      name += text[i];
      i += text[i] == '"' ? 1 : 0;
    }
    text.remove_prefix(end);
    return name;
  }
  const std::size_t end = std::min(text.find_first_of(" (,)'\"[:"), text.size());
  name = text.substr(0, end);
  text.remove_prefix(end);
  return name.empty() ? std::nullopt : std::optional(name);
}

// True when the item is the plain column in its own collation and operator class, in whatever direction: then it keeps
// rows of one partition key together, as PostgreSQL asks of a unique index.
bool is_plain_column(std::string_view item, const std::string& column) {
  if (name_at_front(item) != column) {
    return false;
  }
  return item.empty() || item == " DESC" || item == " NULLS FIRST" || item == " DESC NULLS LAST";
}

std::vector<std::string> missing_columns(const Index& index, const IndexBody& body,
                                         const std::vector<std::string>& wanted) {
  std::vector<std::string> missing;
  std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(missing), [&](const std::string& column) {
    return index.is_constraint ? !contains(index.key_columns, column)
                               : std::none_of(body.items.begin(), body.items.end(),
                                              [&](const std::string& item) { return is_plain_column(item, column); });
  });
  return missing;
}

TargetIndex widened(const Index& index, const std::vector<std::string>& partition_key) {
  TargetIndex target;
  target.source = &index;
  target.is_primary = index.is_primary;
  target.is_constraint = index.is_constraint;
  target.key_columns = index.key_columns;
  target.included_columns = index.included_columns;
  target.body = index.body;
  if (!index.is_unique) {
    return target;
  }
  IndexBody body = parse_index_body(index.body);
  target.added_columns = missing_columns(index, body, partition_key);
  if (target.added_columns.empty()) {
    return target;
  }
  for (const std::string& column : target.added_columns) {
    body.items.push_back(pg::quoted(column));
    target.key_columns.push_back(column);
    std::erase(target.included_columns, column);
  }
  std::erase_if(body.included, [&](std::string_view item) {
    const std::optional<std::string> name = name_at_front(item);
    return name && contains(target.added_columns, *name);
  });
  target.body = to_text(body);
  return target;
}

std::string list_text(const std::vector<std::string>& items) {
  std::string list;
  for (const std::string& item : items) {
    list += (list.empty() ? "" : ", ") + item;
  }
  return "(" + list + ")";
}

}  // namespace

IndexBody parse_index_body(std::string_view text) {
  constexpr std::string_view kInclude = " INCLUDE ";
  IndexBody body;
  std::string_view after_method = text;
  const std::optional<std::string> method = name_at_front(after_method);
  if (!method || !after_method.starts_with(" (")) {
    throw cannot_read(text);
  }
  std::size_t at = text.size() - after_method.size() + 1;
  body.access_method = text.substr(0, at - 1);
  body.items = list_at(text, at);
  if (text.substr(at).starts_with(kInclude)) {
    at += kInclude.size();
    body.included = list_at(text, at);
  }
  body.rest = text.substr(at);
  return body;
}

std::string to_text(const IndexBody& body) {
  return body.access_method + " " + list_text(body.items) +
         (body.included.empty() ? "" : " INCLUDE " + list_text(body.included)) + body.rest;
}

std::vector<TargetIndex> target_indexes(const TableFacts& facts, const Layout& layout,
                                        const std::vector<std::string>& columns_with_nulls) {
  const std::vector<std::string> partition_key = partition_key_columns(layout);
  std::vector<TargetIndex> targets;
  for (const Index& index : facts.indexes) {
    if (!index.is_valid || index.is_exclusion) {
      continue;
    }
    TargetIndex target = widened(index, partition_key);
    if (std::any_of(target.added_columns.begin(), target.added_columns.end(),
                    [&](const std::string& column) { return contains(columns_with_nulls, column); })) {
      target.is_primary = false;
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

std::vector<std::string> primary_key_columns(const std::vector<TargetIndex>& indexes) {
  const auto primary =
      std::find_if(indexes.begin(), indexes.end(), [](const TargetIndex& index) { return index.is_primary; });
  return primary == indexes.end() ? std::vector<std::string>() : primary->key_columns;
}

}  // namespace pgsluice::planner
