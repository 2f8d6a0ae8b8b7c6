// A table in CSV (RFC 4180): fields in double quotes may hold commas, line breaks and doubled quotes. The first line
// names the columns. Knows nothing of what the fields mean.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::capacity {

class CsvTable {
 public:
  // `name` is for messages.
  // Fails: corrupt, naming the line: a quote that is not closed, text after a closing quote, a row of another number of
  // fields than the first line, a column named twice, no first line.
  CsvTable(std::string name, std::string_view text);

  std::size_t row_count() const { return rows_.size(); }
  const std::vector<std::string>& columns() const { return columns_; }

  // Fails: corrupt, when there is no such column.
  const std::string& text(std::size_t row, std::string_view column) const;
  // The field as a number; absent when the field is empty. Fails: corrupt, when it is anything else.
  std::optional<double> number(std::size_t row, std::string_view column) const;

 private:
  std::string name_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace pgsluice::capacity
