// One session on one server: connect, query, copy, commit, cancel. The only file pair that talks libpq's protocol.
// Knows nothing of ranges or ledgers, and does not log: an observer may watch its statements.
//
// Letters cited by tests:
//   C1  A statement that fails leaves a Failure with the server's own message, detail, hint and SQLSTATE.
//   C2  A link that breaks once COMMIT was sent, and before its answer was read, gives in_doubt; at any other moment,
//       connection.
//   C3  No text that leaves this class contains a password.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct pg_conn;
struct pg_result;

namespace pgsluice::pg {

// A parameter in text form; nullopt is NULL.
using Parameter = std::optional<std::string>;
using Parameters = std::vector<Parameter>;

// One of the statements that Connection::run_together sends in one round trip.
struct Step {
  std::string sql;
  Parameters parameters;
  bool is_prepared = false;  // As by query_prepared().
  bool is_binary = false;    // Its result's values are in binary form, as COPY's; text() gives their bytes.
};
Step prepared_step(std::string sql, Parameters parameters);
// `mode` as for Connection::begin().
Step begin_step(std::string_view mode = "");
Step commit_step();

// What an observer is told when a statement has ended. Of statements that travelled together, all that ran are told
// when the last has ended, because only then is anything known of them.
struct StatementEvent {
  std::string_view sql;
  std::string_view command_tag;  // "INSERT 0 5"; empty when it failed.
  // From the call to the answer; of statements that travelled together, from the answer before to its own; 0 when both
  // were there to be read at once.
  std::chrono::microseconds duration;
  int backend_pid;
  bool failed;
  bool begins_trip = true;  // False for what travelled behind another statement.
};

struct SessionOptions {
  std::string conninfo;                                       // libpq keywords or URI; empty means libpq's environment.
  std::string application_name;                               // Shown in pg_stat_activity.
  std::vector<std::pair<std::string, std::string>> settings;  // SET name = value right after connecting.
  std::function<void(const StatementEvent&)> observer;        // May be called from several threads.
};

// Rows in text form, in the server's memory layout. Movable only.
class Result {
 public:
  explicit Result(pg_result* result);
  Result(Result&&) noexcept = default;
  Result& operator=(Result&&) noexcept = default;

  int row_count() const;
  int column_count() const;
  bool is_null(int row, int column) const;
  // The value's text; empty for NULL. Valid while the result lives. Fails: aborts on a row or column out of range.
  std::string_view text(int row, int column) const;
  std::optional<std::string> optional_text(int row, int column) const;
  std::int64_t integer(int row, int column) const;  // Fails: aborts if the text is no int8.
  double number(int row, int column) const;         // Accepts float8 and numeric text.
  bool boolean(int row, int column) const;
  // The elements of a one-dimensional text[]; SQL NULL elements become empty strings. An SQL NULL array is empty.
  std::vector<std::string> text_array(int row, int column) const;
  // The position of a named column. Fails: aborts if there is none.
  int column(std::string_view name) const;
  // Rows touched by INSERT, UPDATE, DELETE or COPY.
  std::uint64_t affected_rows() const;
  std::string_view command_tag() const;

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

// Asks the server to cancel what another thread's Connection is doing.
// Thread: any; may outlive its connection.
class Canceller {
 public:
  // Never throws; a request that cannot be delivered is dropped, as libpq's own is.
  void cancel() const;

 private:
  friend class Connection;
  struct State;
  std::shared_ptr<State> state_;
};

class CopyOut;
class CopyIn;

// Thread: one thread at a time.
class Connection {
 public:
  // Connects. TCP keepalives and tcp_user_timeout are set so that a dead network is noticed within about a minute,
  // unless the conninfo sets them itself. client_encoding is UTF8, or SQL_ASCII where the database is. Fails:
  // connection, when the server cannot be reached; refused, when it answers no (password, database, privilege).
  explicit Connection(const SessionOptions& options);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  // Runs one statement. Fails: server, connection.
  Result query(std::string_view sql, const Parameters& parameters = {});

  // Runs several statements without parameters in one round trip. Fails: server (nothing after the failing one ran),
  // connection.
  void run_script(std::string_view sql);

  // Prepares once per session and text, then executes by name: the plan is made once where the server deems it good.
  // One round trip, also the first time. Fails: server, connection.
  Result query_prepared(const std::string& sql, const Parameters& parameters);

  // Runs statements, in their order, in one round trip, and returns a result for each. The server stops at the first
  // that fails: none behind it runs. Those before it are undone, unless a COMMIT among the steps lies in between, but a
  // transaction that was open, or that a step began, is left for rollback(). Not for COPY.
  // Fails: server or connection, with the failed statement's text and its position as step(); in_doubt, when
  // commit_step() is one of the steps (C2).
  // Source: PostgreSQL manual, libpq, "Pipeline Mode".
  std::vector<Result> run_together(std::span<const Step> steps);

  // Transactions. `begin` may name a mode: "ISOLATION LEVEL REPEATABLE READ". rollback never throws: where it cannot be
  // sent the server rolls back by itself.
  void begin(std::string_view mode = "");
  void commit();  // Fails: in_doubt when the link broke while COMMIT was pending; server when the server refused it.
  void rollback() noexcept;

  // COPY … TO STDOUT; COPY … FROM STDIN. The object must be finished or destroyed before the next statement.
  CopyOut copy_out(std::string_view sql);
  CopyIn copy_in(std::string_view sql);

  bool is_open() const;
  int server_version() const;        // 150018
  int server_major_version() const;  // 15
  int backend_pid() const;
  Canceller canceller() const;
  // "host:port, database \"d\", role \"u\"": for messages; never the password.
  std::string description() const;
  // True when the server shares this machine: a Unix socket or a loopback address.
  bool is_local() const;

 private:
  friend class CopyOut;
  friend class CopyIn;
  struct Close {
    void operator()(pg_conn* connection) const;
  };
  Result checked(pg_result* result, std::string_view sql, std::chrono::steady_clock::time_point begun);
  [[noreturn]] void fail(pg_result* result, std::string_view sql);
  void observe(std::string_view sql, std::string_view tag, std::chrono::steady_clock::duration duration, bool failed,
               bool begins_trip = true) const;
  static std::vector<const char*> values_of(const Parameters& parameters);  // As libpq takes them; null is NULL.
  class Trip;                                                               // One call of run_together().

  std::unique_ptr<pg_conn, Close> connection_;
  std::function<void(const StatementEvent&)> observer_;
  std::vector<std::string> prepared_;  // The texts prepared so far; position + 1 names the statement.
  std::string description_;
};

// The rows of COPY … TO STDOUT, one CopyData message at a time. A destroyed, unfinished CopyOut cancels the statement.
class CopyOut {
 public:
  CopyOut(CopyOut&&) noexcept;
  CopyOut& operator=(CopyOut&&) = delete;
  ~CopyOut();

  // The next message, valid until the next call; nullopt at the end, after which affected_rows() is known.
  // Fails: server, connection.
  std::optional<std::span<const char>> next();
  std::uint64_t affected_rows() const { return affected_rows_; }

 private:
  friend class Connection;
  CopyOut(Connection& connection, std::string sql);
  Connection* connection_;
  std::string sql_;
  std::chrono::steady_clock::time_point begun_;
  char* message_ = nullptr;
  std::uint64_t affected_rows_ = 0;
};

// Feeds COPY … FROM STDIN. A destroyed, unfinished CopyIn makes the statement fail, so the transaction rolls back.
class CopyIn {
 public:
  CopyIn(CopyIn&&) noexcept;
  CopyIn& operator=(CopyIn&&) = delete;
  ~CopyIn();

  // Sends bytes; message borders mean nothing to the server, so rows may be cut or joined at will. Large spans are sent
  // in pieces, so libpq's own buffer stays small. Fails: server (the server's reason, when it already gave one),
  // connection.
  void write(std::span<const char> bytes);

  // Ends the copy. Returns the number of rows. Fails: server, connection.
  std::uint64_t finish();

 private:
  friend class Connection;
  CopyIn(Connection& connection, std::string sql);
  Connection* connection_;
  std::string sql_;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace pgsluice::pg
