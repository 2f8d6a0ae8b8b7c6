// Composes pgsluice's command lines.
#include "tests/support/migration.hpp"

#include <stdlib.h>

#include <algorithm>
#include <stdexcept>

namespace pgsluice::tests {

Migration::Migration(std::string source_conninfo, std::string target_conninfo)
    : source_(std::move(source_conninfo)), target_(std::move(target_conninfo)) {
  std::string name = (std::filesystem::temp_directory_path() / "pgsluice-migration-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make the folder " + name);
  folder_ = name;
}

Migration::~Migration() {
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
}

ProgramOptions Migration::command(const std::string& name, const std::vector<std::string>& arguments) const {
  std::vector<std::string> words = {name, "--source", source_, "--checkpoint", checkpoint().string()};
  if (!target_.empty()) words.insert(words.end(), {"--target", target_});
  if (name == "run" || name == "cutover" || name == "rollback" || name == "finish") words.emplace_back("--yes");
  if (name == "plan" && std::find(arguments.begin(), arguments.end(), "--strategy") == arguments.end()) {
    words.insert(words.end(), {"--strategy", "offline"});
  }
  words.insert(words.end(), arguments.begin(), arguments.end());
  ProgramOptions options = pgsluice_with(words);
  options.folder = folder_;
  return options;
}

}  // namespace pgsluice::tests
