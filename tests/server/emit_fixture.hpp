// A migration as files, run by the programs that a person would run them with.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/database.hpp"
#include "tests/support/installation.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/program.hpp"

namespace pgsluice::tests {

class EmittedFiles {
 public:
  explicit EmittedFiles(const Database& database, std::string_view role = kOwner)
      : conninfo_(database.conninfo(role)), migration_(conninfo_) {}

  Outcome plan(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--dry-run", "--emit-sql", folder().string()});
    return migration_.plan(arguments);
  }
  std::filesystem::path folder() const { return migration_.folder() / "emitted"; }
  const Migration& migration() const { return migration_; }

  // All of a kind: ".up.sql", in their order.
  std::vector<std::string> names(const std::string& ending) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      const std::string name = entry.path().filename();
      if (name.ends_with(ending)) found.push_back(name);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  std::string text(const std::string& name) const { return file_text(folder() / name); }

  // By psql. `name` without its number: "copy.up.sql".
  Outcome run(const std::string& name) const {
    for (const std::string& file : names(".sql")) {
      if (file.substr(3) == name) return psql(folder() / file);
    }
    throw std::runtime_error("there is no file " + name);
  }
  Outcome psql(const std::filesystem::path& file) const {
    return tests::run({"/usr/bin/psql", {"-X", "-q", "-d", conninfo_, "-f", file.string()}, {}, {}, {}, false});
  }

 private:
  std::string conninfo_;
  Migration migration_;
};

}  // namespace pgsluice::tests
