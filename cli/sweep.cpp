#include "cli/sweep.hpp"

#include <functional>
#include <set>
#include <sstream>

#include "cli/quantity.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

Failure refused(const std::string& message) {
  return Failure(FailureKind::refused, message)
      .hint("Write for example --sweep workers=1,2,4 method=insert,stream batch-rows=1k,10k");
}

std::vector<std::string> values_of(const std::string& word, std::size_t equals) {
  std::vector<std::string> values;
  std::istringstream list(word.substr(equals + 1));
  for (std::string value; std::getline(list, value, ',');) {
    values.push_back(value);
  }
  if (values.empty() || word.back() == ',') {
    throw refused("--sweep: \"" + word + "\" lacks a value");
  }
  return values;
}

unsigned worker_count(const std::string& text) {
  constexpr std::uint64_t kMax = 1024;
  const std::uint64_t count = parse_count("sweep", text);
  if (count == 0 || count > kMax) {
    throw refused("--sweep: workers is a number from 1 to " + std::to_string(kMax) + ", not \"" + text + "\"");
  }
  return static_cast<unsigned>(count);
}

planner::Method copying_method(const std::string& text) {
  const planner::Method method = planner::method_named(text);
  if (planner::empties_source(method)) {
    throw refused("--sweep: the method " + text + " takes the rows out of the source, so it is not rehearsed");
  }
  return method;
}

// What one word changes in a combination, value by value.
using Change = std::function<void(Combination&)>;

std::vector<Change> changes_of(const std::string& name, const std::vector<std::string>& values) {
  std::vector<Change> changes;
  for (const std::string& value : values) {
    if (name == "workers") {
      changes.emplace_back([count = worker_count(value)](Combination& one) { one.workers = count; });
    } else if (name == "method") {
      changes.emplace_back([method = copying_method(value)](Combination& one) { one.methods = {method}; });
    } else if (name == "batch-rows") {
      changes.emplace_back([rows = parse_count("sweep", value)](Combination& one) { one.batch_rows = rows; });
    } else {
      throw refused("--sweep does not know \"" + name + "\"").detail("It knows workers, method and batch-rows.");
    }
  }
  return changes;
}

}  // namespace

std::string workers_text(unsigned workers) {
  return std::to_string(workers) + (workers == 1 ? " worker" : " workers");
}

std::string display(const Combination& combination) {
  const std::string text = methods_text(combination.methods) + ", " + workers_text(combination.workers);
  return combination.batch_rows == 0 ? text
                                     : text + ", batches of " + exact_count_text(combination.batch_rows) +
                                           (combination.batch_rows == 1 ? " row" : " rows");
}

std::vector<Combination> parse_sweep(std::string_view text, const Combination& start) {
  std::vector<Combination> all = {start};
  std::set<std::string> seen;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw refused("--sweep does not take \"" + word + "\"");
    }
    const std::string name = word.substr(0, equals);
    if (!seen.insert(name).second) {
      throw refused("--sweep: " + name + " is given twice");
    }
    const std::vector<Change> changes = changes_of(name, values_of(word, equals));
    if (all.size() * changes.size() > kCombinationsMax) {
      throw refused("--sweep asks for more than " + std::to_string(kCombinationsMax) + " combinations");
    }
    std::vector<Combination> wider;
    for (const Combination& one : all) {
      for (const Change& change : changes) {
        wider.push_back(one);
        change(wider.back());
      }
    }
    all = std::move(wider);
  }
  return all;
}

}  // namespace pgsluice::cli
