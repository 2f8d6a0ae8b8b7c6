#include "capacity/csv.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "pg/failure.hpp"

namespace pgsluice::capacity {

namespace {

// Reads one record after another.
class Reader {
 public:
  Reader(const std::string& name, std::string_view text) : name_(name), text_(text) {}

  std::size_t line() const { return line_; }

  // Absent at the end. A line without a single character is no record.
  std::optional<std::vector<std::string>> next() {
    while (at_ < text_.size() && is_line_end()) {
      pass_line_end();
    }
    if (at_ == text_.size()) {
      return std::nullopt;
    }
    std::vector<std::string> fields;
    while (true) {
      fields.push_back(text_[at_] == '"' ? quoted() : plain());
      if (at_ == text_.size()) {
        return fields;
      }
      if (is_line_end()) {
        pass_line_end();
        return fields;
      }
      ++at_;  // The comma.
      if (at_ == text_.size()) {
        fields.emplace_back();
        return fields;
      }
    }
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw pg::Failure(pg::FailureKind::corrupt, name_ + ", line " + std::to_string(line_) + ": " + why);
  }

 private:
  bool is_line_end() const { return text_[at_] == '\n' || (text_[at_] == '\r' && text_.substr(at_, 2) == "\r\n"); }

  void pass_line_end() {
    at_ += text_[at_] == '\r' ? 2 : 1;
    ++line_;
  }

  std::string plain() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != ',' && !is_line_end()) {
      ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string quoted() {
    std::string field;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] != '"') {
        line_ += text_[at_] == '\n' ? 1 : 0;
        field.push_back(text_[at_]);
      } else if (text_.substr(at_, 2) == "\"\"") {
        field.push_back('"');
        ++at_;
      } else {
        ++at_;
        if (at_ < text_.size() && text_[at_] != ',' && !is_line_end()) {
          fail("text follows a closing quote");
        }
        return field;
      }
    }
    fail("a quote is not closed");
  }

  const std::string& name_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

CsvTable::CsvTable(std::string name, std::string_view text) : name_(std::move(name)) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // Spreadsheets put it there.
  text.remove_prefix(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  Reader reader(name_, text);
  std::optional<std::vector<std::string>> record = reader.next();
  if (!record) {
    reader.fail("there is no line that names the columns");
  }
  columns_ = std::move(*record);
  for (auto column = columns_.begin(); column != columns_.end(); ++column) {
    if (std::find(columns_.begin(), column, *column) != column) {
      throw pg::Failure(pg::FailureKind::corrupt, name_ + ": two columns are called \"" + *column + "\"");
    }
  }
  for (std::size_t line = reader.line(); (record = reader.next()); line = reader.line()) {
    if (record->size() != columns_.size()) {
      throw pg::Failure(pg::FailureKind::corrupt, name_ + ", line " + std::to_string(line) + ": " +
                                                      std::to_string(record->size()) + " fields, but " +
                                                      std::to_string(columns_.size()) + " columns");
    }
    rows_.push_back(std::move(*record));
  }
}

const std::string& CsvTable::text(std::size_t row, std::string_view column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end()) {
    throw pg::Failure(pg::FailureKind::corrupt, name_ + " has no column \"" + std::string(column) + "\"");
  }
  return rows_.at(row)[static_cast<std::size_t>(found - columns_.begin())];
}

std::optional<double> CsvTable::number(std::size_t row, std::string_view column) const {
  const std::string& field = text(row, column);
  if (field.empty()) {
    return std::nullopt;
  }
  double value = 0;
  const char* const end = field.data() + field.size();
  const auto [rest, error] = std::from_chars(field.data(), end, value);
  if (error != std::errc() || rest != end || !std::isfinite(value)) {
    throw pg::Failure(pg::FailureKind::corrupt, name_ + ": \"" + field + "\" in column \"" + std::string(column) +
                                                    "\" of row " + std::to_string(row + 1) + " is no number");
  }
  return value;
}

}  // namespace pgsluice::capacity
