// The mark on everything that a migration makes: a last line of the object's COMMENT. What carries it may be dropped by
// us; nothing else may. Objects inside a marked table (indexes, constraints, triggers of the target) go with the table
// and need none.
#pragma once

#include <string>
#include <string_view>

namespace pgsluice::planner {

// `[pgsluice 6ba7b810-…]`
std::string mark(std::string_view migration_id);

// The object's own comment, a newline, the mark; the mark alone where there is no comment.
std::string marked_comment(std::string_view comment, std::string_view migration_id);

// The comment without this migration's mark, if it has it; empty where nothing else is left.
std::string unmarked_comment(std::string_view comment, std::string_view migration_id);

// True when the last line of the comment is this migration's mark.
bool is_marked(std::string_view comment, std::string_view migration_id);

}  // namespace pgsluice::planner
