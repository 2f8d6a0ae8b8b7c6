// Standard error as a person sees it: lines that scroll away, and below them one block of lines that is redrawn in
// place. Whoever writes to it goes through this class, so that log lines and the block never mix. It does not know what
// the lines mean.
//
// Invariants:
//   T1  A line is written whole, above the block, and the block stands below it again afterwards.
//   T2  No line of the block is wider than the terminal, so redrawing it never leaves a piece of the old one behind.
//   T3  The cursor is never hidden and stands at the start of a line between two calls: a killed process leaves a
//   usable terminal.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::cli {

// Thread: every function may be called from any thread, also at once.
class Terminal {
 public:
  // The width is asked anew at each drawing: COLUMNS, else the terminal's own, else 80.
  explicit Terminal(int descriptor);
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  // True when a block can be redrawn in place: a terminal, and TERM is not "dumb".
  bool is_live() const { return is_live_; }
  unsigned columns() const;

  // Writes text and a line end. What cannot be written (a closed pipe) is dropped: progress must not stop a move.
  void line(std::string_view text);

  // Shows these lines as the block, in place of the one before. Does nothing where the block cannot be redrawn.
  void show_block(const std::vector<std::string>& lines);
  void clear_block();

 private:
  std::string erasing_text(unsigned width) const;
  std::string block_text(unsigned width);

  const int descriptor_;
  const bool is_live_;
  std::mutex mutex_;
  std::vector<std::string> block_;
  std::vector<std::size_t> drawn_widths_;  // Columns of each line that stands on the screen now.
};

// The first `columns` characters of a UTF-8 text, without line ends; a cut text ends in "…".
std::string fitted_to_columns(std::string_view text, unsigned columns);

// Writes all of it, or gives up silently.
void write_all(int descriptor, std::string_view text);

}  // namespace pgsluice::cli
