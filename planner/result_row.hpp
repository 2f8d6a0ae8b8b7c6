// One row of a result whose columns are asked for by name. Valid while the result lives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"

namespace pgsluice::planner {

class ResultRow {
 public:
  ResultRow(const pg::Result& result, int row) : result_(&result), row_(row) {}

  // NULL reads as an empty text, an empty array.
  std::string text(std::string_view name) const { return std::string(result_->text(row_, result_->column(name))); }
  std::optional<std::string> optional_text(std::string_view name) const {
    return result_->optional_text(row_, result_->column(name));
  }
  bool boolean(std::string_view name) const { return result_->boolean(row_, result_->column(name)); }
  std::int64_t integer(std::string_view name) const { return result_->integer(row_, result_->column(name)); }
  std::optional<std::int64_t> optional_integer(std::string_view name) const {
    const int column = result_->column(name);
    return result_->is_null(row_, column) ? std::nullopt : std::optional(result_->integer(row_, column));
  }
  double number(std::string_view name) const { return result_->number(row_, result_->column(name)); }
  std::vector<std::string> texts(std::string_view name) const {
    return result_->text_array(row_, result_->column(name));
  }

 private:
  const pg::Result* result_;
  int row_;
};

}  // namespace pgsluice::planner
