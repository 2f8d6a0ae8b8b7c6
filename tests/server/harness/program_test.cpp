// Running a program: what tests of the command line lean on.
#include "tests/support/program.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <string>

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;

ProgramOptions shell(const std::string& script) {
  ProgramOptions options;
  options.program = "/bin/sh";
  options.arguments = {"-c", script};
  return options;
}

TEST(Program, OutputErrorsAndExitCodeAreSeenApart) {
  const Outcome outcome = run(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(outcome.output, "out\n");
  EXPECT_EQ(outcome.errors, "err\n");
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_FALSE(outcome.timed_out);
}

TEST(Program, MoreOutputThanAPipeHoldsDoesNotBlock) {
  EXPECT_EQ(run(shell("head -c 3000000 /dev/zero")).output.size(), 3'000'000U);
}

TEST(Program, InputEndsAfterItsText) {
  ProgramOptions options = shell("cat; echo end");
  options.input = "yes\n";
  EXPECT_EQ(run(options).output, "yes\nend\n");
}

TEST(Program, EnvironmentIsAddedAndPostgresqlVariablesOfTheCallerAreNot) {
  setenv("PGHOST", "elsewhere", 1);
  ProgramOptions options = shell("echo \"$ADDED ${PGHOST-none} ${PGPORT-none}\"");
  options.environment = {{"ADDED", "here"}, {"PGPORT", "1"}};
  EXPECT_EQ(run(options).output, "here none 1\n");
  unsetenv("PGHOST");
}

TEST(Program, RunsInTheFolderAskedFor) {
  ProgramOptions options = shell("pwd");
  options.folder = "/usr";
  EXPECT_EQ(run(options).output, "/usr\n");
}

TEST(Program, IsKilledWhenItsTimeIsUp) {
  ProgramOptions options = shell("echo begun; exec sleep 600");
  options.time_max = 200ms;
  const Outcome outcome = run(options);
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.signal, SIGKILL);
  EXPECT_EQ(outcome.output, "begun\n");
  EXPECT_LT(outcome.elapsed, 60s);
}

TEST(Program, SignalReachesItWhileItRuns) {
  Program program(shell("trap 'exit 4' TERM; echo ready >&2; while :; do sleep 0.01; done"));
  ASSERT_TRUE(program.says_on_errors("ready", 20s));
  EXPECT_FALSE(program.ends_within(20ms));
  program.send(SIGTERM);
  EXPECT_EQ(program.wait().exit_code, 4);
}

TEST(Program, ProcessorTimeAndMemoryAreMeasured) {
  const Outcome outcome = run(shell("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"));
  EXPECT_GT(outcome.user_cpu, 10ms);
  EXPECT_GT(outcome.peak_memory_bytes, 500'000);
}

TEST(Program, TerminalIsATerminalForInputAndErrors) {
  ProgramOptions options = shell(
      "[ -t 0 ] && echo input; [ -t 1 ] || echo output is none; [ -t 2 ] && echo asked >&2; read a; echo \"got $a\"");
  options.terminal = true;
  options.input = "yes\n";
  const Outcome outcome = run(options);
  EXPECT_EQ(outcome.output, "input\noutput is none\ngot yes\n");
  EXPECT_EQ(outcome.errors, "asked\n");
}

TEST(Program, OneThatDoesNotExistSaysSo) {
  ProgramOptions options;
  options.program = "/nonexistent/program";
  EXPECT_EQ(run(options).exit_code, 127);
}

}  // namespace
}  // namespace pgsluice::tests
