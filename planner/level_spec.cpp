#include "planner/level_spec.hpp"

#include <algorithm>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::planner {

std::string_view keyword_of(PartitionMethod method) {
  switch (method) {
    case PartitionMethod::hash:
      return "HASH";
    case PartitionMethod::range:
      return "RANGE";
    case PartitionMethod::list:
      return "LIST";
  }
  return "";
}

std::string described(const LevelSpec& level) {
  std::string columns;
  for (const std::string& column : level.columns) {
    columns += (columns.empty() ? "" : ", ") + pg::display(column);
  }
  return std::string(keyword_of(level.method)) + " (" + columns + ")";
}

LevelSpec parse_level(std::string_view text) {
  const auto unreadable = [&](const std::string& why) {
    return pg::Failure(pg::FailureKind::refused, "\"" + std::string(text) + "\" is no way to partition: " + why)
        .hint(
            "Write HASH (uid), RANGE (created_at) or LIST (region); several columns only with HASH. An odd name stands "
            "in "
            "double quotes: 'LIST (\"Re gion\")'.");
  };
  constexpr std::string_view kSpace = " \t\r\n";
  const auto trimmed = [&](std::string_view part) {
    const std::size_t first = part.find_first_not_of(kSpace);
    return first == std::string_view::npos ? std::string_view()
                                           : part.substr(first, part.find_last_not_of(kSpace) - first + 1);
  };
  const std::string_view whole = trimmed(text);
  const std::size_t open = whole.find('(');
  std::string word(trimmed(whole.substr(0, open)));
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  LevelSpec level;
  if (word == "HASH") {
    level.method = PartitionMethod::hash;
  } else if (word == "RANGE") {
    level.method = PartitionMethod::range;
  } else if (word == "LIST") {
    level.method = PartitionMethod::list;
  } else {
    throw unreadable("it must begin with HASH, RANGE or LIST");
  }
  if (open == std::string_view::npos) {
    throw unreadable("the column is missing");
  }
  // The end is the parenthesis that closes the first one, outside of quoted names.
  std::size_t close = open + 1;
  bool in_quotes = false;
  for (; close < whole.size() && (in_quotes || whole[close] != ')'); ++close) {
    in_quotes = whole[close] == '"' ? !in_quotes : in_quotes;
    if (!in_quotes && std::string_view("(+-*/%|:'<>=[]").find(whole[close]) != std::string_view::npos) {
      throw unreadable("expressions are not possible, only columns");
    }
  }
  if (close >= whole.size()) {
    throw unreadable(in_quotes ? "a quote is not closed" : "the parenthesis is not closed");
  }
  if (close + 1 != whole.size()) {
    throw unreadable("something follows the closing parenthesis");
  }
  const std::string_view columns = trimmed(whole.substr(open + 1, close - open - 1));
  if (columns.empty()) {
    throw unreadable("the column is missing");
  }
  try {
    level.columns = pg::parse_name_list(columns);
  } catch (const pg::Failure& failure) {
    throw unreadable(failure.what());
  }
  if (level.method != PartitionMethod::hash && level.columns.size() > 1) {
    throw unreadable(word + " takes one column");
  }
  return level;
}

}  // namespace pgsluice::planner
