// Commands of the operator's own at moments of a cutover: --hook before-cutover='systemctl stop importer'.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "planner/checkpoint.hpp"

namespace pgsluice::cli {

class Hooks {
 public:
  // Each text is MOMENT=COMMAND. Fails: refused, when the moment is none of `moments` or the command is empty.
  Hooks(const std::vector<std::string>& texts, const std::vector<std::string_view>& moments);

  // Runs the commands of a moment through /bin/sh, one after the other; their output goes to standard error. In their
  // environment: PGSLUICE_MOMENT, PGSLUICE_MIGRATION, PGSLUICE_SOURCE, PGSLUICE_TARGET, PGSLUICE_CHECKPOINT.
  // Fails: local, when one does not end with 0.
  void run(std::string_view moment, const planner::Checkpoint& checkpoint) const;

 private:
  std::multimap<std::string, std::string, std::less<>> commands_;
};

}  // namespace pgsluice::cli
