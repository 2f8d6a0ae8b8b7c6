#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>

namespace pgsluice::cli {

namespace {

bool is_continuation_byte(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

std::size_t character_count(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) {
    count += is_continuation_byte(c) ? 0 : 1;
  }
  return count;
}

bool can_redraw(int descriptor) {
  const char* term = std::getenv("TERM");
  return isatty(descriptor) != 0 && term != nullptr && std::string_view(term) != "dumb" && *term != '\0';
}

}  // namespace

Terminal::Terminal(int descriptor) : descriptor_(descriptor), is_live_(can_redraw(descriptor)) {}

Terminal::~Terminal() {
  clear_block();
}

unsigned Terminal::columns() const {
  constexpr unsigned kDefault = 80;
  constexpr unsigned kMin = 20;
  unsigned width = 0;
  if (const char* columns = std::getenv("COLUMNS")) {
    const std::string_view digits = columns;
    std::from_chars(digits.data(), digits.data() + digits.size(), width);
  }
  winsize size{};
  if (width == 0 && ioctl(descriptor_, TIOCGWINSZ, &size) == 0) {
    width = size.ws_col;
  }
  return width == 0 ? kDefault : std::max(width, kMin);
}

void Terminal::line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  const unsigned width = columns();
  std::string bytes = erasing_text(width);
  bytes.append(text);
  bytes.push_back('\n');
  bytes += block_text(width);
  write_all(descriptor_, bytes);
}

void Terminal::show_block(const std::vector<std::string>& lines) {
  if (!is_live_) {
    return;
  }
  const std::lock_guard lock(mutex_);
  const unsigned width = columns();
  std::string bytes = erasing_text(width);
  block_ = lines;
  bytes += block_text(width);
  write_all(descriptor_, bytes);
}

void Terminal::clear_block() {
  const std::lock_guard lock(mutex_);
  write_all(descriptor_, erasing_text(columns()));
  block_.clear();
  drawn_widths_.clear();
}

// Goes up over the block and erases to the screen's end. A terminal that became narrower has wrapped the block's lines.
std::string Terminal::erasing_text(unsigned width) const {
  std::size_t rows = 0;
  for (const std::size_t drawn : drawn_widths_) {
    rows += drawn == 0 ? 1 : (drawn + width - 1) / width;
  }
  return rows == 0 ? "" : "\x1b[" + std::to_string(rows) + "A\r\x1b[J";
}

std::string Terminal::block_text(unsigned width) {
  std::string text;
  drawn_widths_.clear();
  for (const std::string& content : block_) {
    // The last column stays free: some terminals wrap when it is filled.
    const std::string fitted = fitted_to_columns(content, width - 1);
    drawn_widths_.push_back(character_count(fitted));
    text += fitted + "\n";
  }
  return text;
}

std::string fitted_to_columns(std::string_view text, unsigned columns) {
  const bool is_cut = character_count(text) > columns;
  const std::size_t kept = is_cut ? columns - 1 : columns;
  std::string fitted;
  std::size_t count = 0;
  for (const char c : text) {
    count += is_continuation_byte(c) ? 0 : 1;
    if (count > kept) {
      break;
    }
    fitted.push_back(static_cast<unsigned char>(c) < 0x20U || c == 0x7f ? ' ' : c);
  }
  return is_cut ? fitted + "…" : fitted;
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return;
    }
    text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
}

}  // namespace pgsluice::cli
