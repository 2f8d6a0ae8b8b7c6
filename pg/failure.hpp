// The one exception type of pgsluice. Its kind says what the catcher does next; its texts follow PostgreSQL's manner:
// message (what happened), detail (facts), hint (what to type next), status (the state that is left behind).
// Expected outcomes are values, never failures.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pgsluice::pg {

enum class FailureKind {
  refused,      // A precondition is missing; nothing was changed. Exit 2.
  server,       // The server rejected a statement; sqlstate() is known. Retried by class, else exit 1.
  connection,   // The link broke and no commit was outstanding. A new connection repeats the batch. Exit 4.
  in_doubt,     // The link broke while COMMIT was pending. Ask the ledger; never repeat blindly. Exit 4.
  corrupt,      // A file of ours is damaged. Stop, keep the file. Exit 5.
  mismatch,     // Source and target differ. Exit 3.
  interrupted,  // The operator asked; the checkpoint is current. Exit 4.
  local,        // This machine failed us: a file cannot be written, a folder is full. Exit 1.
};

class Failure : public std::runtime_error {
 public:
  Failure(FailureKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  // Each returns *this, so that a failure is written as one expression.
  Failure& detail(std::string text);
  Failure& hint(std::string text);
  Failure& status(std::string text);
  Failure& sqlstate(std::string code);
  Failure& step(std::size_t position);

  FailureKind kind() const { return kind_; }
  const std::string& detail() const { return detail_; }
  const std::string& hint() const { return hint_; }
  const std::string& status() const { return status_; }
  // Five characters, or empty when the failure did not come from a statement.
  const std::string& sqlstate() const { return sqlstate_; }
  // Which of the statements that travelled together failed, from 0; 0 for one that went alone.
  std::size_t step() const { return step_; }

  // True when repeating the transaction may succeed: serialization failure, deadlock, lock timeout,
  // a server that is starting or stopping.
  // Source: PostgreSQL manual, appendix "PostgreSQL Error Codes".
  bool is_transient() const;

  // True when the rows themselves are at fault (SQLSTATE classes 22 and 23): repeating cannot help, other ranges may go
  // on.
  bool is_data_error() const;

 private:
  FailureKind kind_;
  std::string detail_;
  std::string hint_;
  std::string status_;
  std::string sqlstate_;
  std::size_t step_ = 0;
};

// The exit code of a command that ends with this kind of failure.
int exit_code(FailureKind kind);

// "error:  …\ndetail: …\nhint:   …\nstatus: … (exit N)\n"; lines without text are left out.
std::string to_text(const Failure& failure);

}  // namespace pgsluice::pg
