#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <optional>

#include "cli/terminal.hpp"

namespace pgsluice::cli {
namespace {

// A pseudo-terminal whose screen side is read back as bytes.
class Screen {
 public:
  explicit Screen(unsigned short columns) {
    person_ = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(person_);
    unlockpt(person_);
    program_ = open(ptsname(person_), O_RDWR | O_NOCTTY);
    set_columns(columns);
  }
  ~Screen() {
    close(program_);
    close(person_);
  }
  void set_columns(unsigned short columns) {
    winsize size{24, columns, 0, 0};
    ioctl(program_, TIOCSWINSZ, &size);
  }
  int program() const { return program_; }
  std::string shown() {
    fcntl(person_, F_SETFL, O_NONBLOCK);
    std::string bytes;
    char piece[4096];
    for (ssize_t size = read(person_, piece, sizeof piece); size > 0; size = read(person_, piece, sizeof piece)) {
      bytes.append(piece, static_cast<std::size_t>(size));
    }
    return bytes;
  }

 private:
  int person_ = -1;
  int program_ = -1;
};

class TerminalTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TERM", "xterm", 1);
    unsetenv("COLUMNS");
  }
};

TEST_F(TerminalTest, ALineIsWrittenAboveTheBlockWhichIsRedrawnBelowIt) {
  Screen screen(80);
  Terminal terminal(screen.program());
  ASSERT_TRUE(terminal.is_live());
  terminal.show_block({"first", "second"});
  EXPECT_EQ(screen.shown(), "first\r\nsecond\r\n");
  terminal.line("a log line");
  EXPECT_EQ(screen.shown(), "\x1b[2A\r\x1b[Ja log line\r\nfirst\r\nsecond\r\n");
  terminal.clear_block();
  EXPECT_EQ(screen.shown(), "\x1b[2A\r\x1b[J");
  terminal.line("another");
  EXPECT_EQ(screen.shown(), "another\r\n");
}

TEST_F(TerminalTest, NoLineOfTheBlockFillsTheTerminalsWidth) {
  Screen screen(24);
  Terminal terminal(screen.program());
  terminal.show_block({std::string(100, 'x')});
  EXPECT_EQ(screen.shown(), std::string(22, 'x') + "…\r\n");
}

TEST_F(TerminalTest, ABlockThatWasWrappedByANarrowerTerminalIsErasedEntirely) {
  Screen screen(80);
  Terminal terminal(screen.program());
  terminal.show_block({std::string(50, 'x'), "y"});
  screen.shown();
  screen.set_columns(25);
  terminal.clear_block();
  EXPECT_EQ(screen.shown(), "\x1b[3A\r\x1b[J") << "two rows of x and one of y";
}

TEST_F(TerminalTest, TheVariableColumnsGoesBeforeTheTerminalsOwnWidth) {
  Screen screen(80);
  setenv("COLUMNS", "40", 1);
  const Terminal terminal(screen.program());
  EXPECT_EQ(terminal.columns(), 40U);
  unsetenv("COLUMNS");
  EXPECT_EQ(terminal.columns(), 80U);
}

TEST_F(TerminalTest, APipeGetsLinesAndNoBlock) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    Terminal terminal(ends[1]);
    EXPECT_FALSE(terminal.is_live());
    terminal.show_block({"hidden"});
    terminal.line("shown");
  }
  close(ends[1]);
  char bytes[64];
  const ssize_t size = read(ends[0], bytes, sizeof bytes);
  EXPECT_EQ(std::string(bytes, static_cast<std::size_t>(size)), "shown\n");
  close(ends[0]);
}

TEST_F(TerminalTest, TextIsCutBetweenCharactersAndHasNoControlCharacters) {
  EXPECT_EQ(fitted_to_columns("äöü", 3), "äöü");
  EXPECT_EQ(fitted_to_columns("äöüß", 3), "äö…");
  EXPECT_EQ(fitted_to_columns("a\nb\x1b[31m", 80), "a b [31m");
}

}  // namespace
}  // namespace pgsluice::cli
