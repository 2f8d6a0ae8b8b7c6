// scripts/tidy must find what it says it finds: each test breaks one rule in a small tree of its own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/program.hpp"

namespace pgsluice::tests {
namespace {

namespace fs = std::filesystem;

class Tidy : public testing::Test {
 protected:
  Tidy() {
    for (const char* folder : {"pg", "planner", "mover", "cli", "sql", "tests"}) fs::create_directories(tree_ / folder);
    write("mover/move.hpp", "// Moves.\n#pragma once\n#include \"pg/connection.hpp\"\n");
  }
  ~Tidy() override { fs::remove_all(tree_); }

  void write(const std::string& file, const std::string& text) { std::ofstream(tree_ / file) << text; }

  std::string findings() {
    ProgramOptions options;
    options.program = std::string(PGSLUICE_SOURCE_FOLDER) + "/scripts/tidy";
    options.arguments = {tree_.string()};
    const Outcome outcome = run(options);
    EXPECT_EQ(outcome.exit_code, outcome.output.empty() ? 0 : 1) << outcome;
    return outcome.output;
  }

  fs::path tree_ = fs::temp_directory_path() / ("pgsluice-tidy-" + std::to_string(getpid()));
};

TEST_F(Tidy, FindsNothingInATidyTree) {
  EXPECT_EQ(findings(), "");
}

TEST_F(Tidy, LibpqOutsidePgIsFound) {
  write("pg/connection.cpp", "// Connects.\n#include <libpq-fe.h>\n");
  EXPECT_EQ(findings(), "");
  write("mover/move.cpp", "#include <libpq-fe.h>\n");
  EXPECT_EQ(findings(), "home (only in pg/): mover/move.cpp:1:#include <libpq-fe.h>\n");
}

TEST_F(Tidy, AnIncludeThatPointsUpIsFound) {
  write("planner/plan.hpp", "// Plans.\n#include \"mover/move.hpp\"\n");
  EXPECT_EQ(findings(), "layers (planner may include: planner pg): planner/plan.hpp:2:#include \"mover/move.hpp\"\n");
}

TEST_F(Tidy, PrintingBelowTheCommandLineIsFoundUnlessItTellsWhyWeAbort) {
  write("pg/a.cpp", "// A.\nvoid f() {\n  std::fprintf(stderr, \"why\");\n  std::abort();\n}\n");
  EXPECT_EQ(findings(), "");
  write("pg/b.cpp", "// B.\nvoid f() {\n  std::fprintf(stderr, \"moving\");\n}\n");
  EXPECT_EQ(findings(), "streams: pg/b.cpp:3:  std::fprintf(stderr, \"moving\");\n");
}

TEST_F(Tidy, SqlInControlFlowIsFoundAndInAFunctionThatComposesItIsNot) {
  write("mover/composed.cpp",
        "// Composes.\nstd::string count_sql(const Name& name) {\n  return \"SELECT count(*) FROM \" + "
        "quoted(name);\n}\n");
  EXPECT_EQ(findings(), "");
  write("mover/flow.cpp",
        "// Flows.\nvoid f() {\n  connection.query(\"SELECT 1\");\n  connection.query(\"DELETE FROM t\");\n}\n");
  EXPECT_EQ(findings(),
            "sql: mover/flow.cpp:3:  connection.query(\"SELECT 1\");\n"
            "sql: mover/flow.cpp:4:  connection.query(\"DELETE FROM t\");\n");
}

TEST_F(Tidy, LettersBeyondAsciiInStatementsAreFound) {
  write("sql/count.sql", "-- Counts.\nSELECT 1\n");
  EXPECT_EQ(findings(), "");
  write("sql/count.sql", "-- Counts \u2026\nSELECT 1\n");
  EXPECT_EQ(findings(), "ascii: sql/count.sql:1:-- Counts \u2026\n");
}

TEST_F(Tidy, ATextForPeopleIsNoSql) {
  write("cli/says.cpp",
        "// Says.\nconst char* a = \"Create the target first\";\nconst char* b = \"COPY failed\";\n"
        "const char* c = \"SELECT privilege is missing\";\n");
  EXPECT_EQ(findings(), "");
}

TEST_F(Tidy, FilesAreMadeDurableInOnePlace) {
  write("planner/durable_file.cpp", "// Files.\nvoid f() { fsync(1); }\n");
  EXPECT_EQ(findings(), "");
  write("planner/checkpoint.cpp", "// Checkpoint.\nvoid f() { fsync(1); }\n");
  EXPECT_EQ(findings(), "durable: planner/checkpoint.cpp:2:void f() { fsync(1); }\n");
}

TEST_F(Tidy, NamesThatSayNothingAreFound) {
  write("mover/string_utils.hpp", "// Strings.\n");
  EXPECT_EQ(findings(), "names: ./mover/string_utils.hpp\n");
}

TEST_F(Tidy, FilesWithoutAHeadAreFound) {
  write("pg/bare.hpp", "#pragma once\n");
  write("pg/bare.cpp", "#include \"pg/bare.hpp\"\n");
  write("sql/bare.sql", "SELECT 1;\n");
  EXPECT_EQ(findings(), "head: pg/bare.hpp\nhead: sql/bare.sql\n");
}

TEST_F(Tidy, LongFilesAndUnfinishedOnesAreFound) {
  std::string lines = "// Long.\n";
  for (int i = 0; i < 600; ++i) lines += "int a;\n";
  write("mover/long.hpp", lines);
  write("mover/later.hpp", std::string("// TO") + "DO: the rest\n");
  const std::string found = findings();
  EXPECT_NE(found.find("mover/long.hpp has 601 lines"), std::string::npos) << found;
  EXPECT_NE(found.find("unfinished: mover/later.hpp:1"), std::string::npos) << found;
}

}  // namespace
}  // namespace pgsluice::tests
