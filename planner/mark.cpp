#include "planner/mark.hpp"

namespace pgsluice::planner {

std::string mark(std::string_view migration_id) {
  return "[pgsluice " + std::string(migration_id) + "]";
}

std::string marked_comment(std::string_view comment, std::string_view migration_id) {
  return comment.empty() ? mark(migration_id) : std::string(comment) + "\n" + mark(migration_id);
}

std::string unmarked_comment(std::string_view comment, std::string_view migration_id) {
  if (!is_marked(comment, migration_id)) {
    return std::string(comment);
  }
  comment.remove_suffix(mark(migration_id).size());
  if (comment.ends_with('\n')) {
    comment.remove_suffix(1);
  }
  return std::string(comment);
}

bool is_marked(std::string_view comment, std::string_view migration_id) {
  const std::string wanted = mark(migration_id);
  if (!comment.ends_with(wanted)) {
    return false;
  }
  const std::string_view before = comment.substr(0, comment.size() - wanted.size());
  return before.empty() || before.back() == '\n';
}

}  // namespace pgsluice::planner
