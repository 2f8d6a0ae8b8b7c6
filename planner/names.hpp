// Chooses names that fit into PostgreSQL's 63 bytes and are still free. Quoting is pg/identifier.hpp's.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace pgsluice::planner {

// `text` if it fits into 63 bytes; else its first bytes (cut between UTF-8 characters), "_" and eight hex digits of a
// hash of the whole, so that two long names stay different. Pure: the same text gives the same name in every run.
std::string fitted_name(std::string_view text);

// Hands out names that are free in one schema.
class NameAllocator {
 public:
  explicit NameAllocator(std::set<std::string> taken) : taken_(std::move(taken)) {}

  // `wanted`, fitted; with _1, _2, … where that is taken. The result counts as taken from then on.
  std::string allocate(std::string_view wanted);
  bool is_taken(const std::string& name) const { return taken_.contains(name); }

 private:
  std::set<std::string> taken_;
};

}  // namespace pgsluice::planner
