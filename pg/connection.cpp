#include "pg/connection.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::pg {

namespace {

using Clock = std::chrono::steady_clock;

// Programmer's errors end the process at once: the checkpoint and the ledger make that safe.
[[noreturn]] void die(const char* why) {
  std::fprintf(stderr, "pgsluice: internal error: %s\n", why);
  std::abort();
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

constexpr std::size_t kSqlShownBytesMax = 400;

std::string shortened(std::string_view sql) {
  return sql.size() <= kSqlShownBytesMax ? std::string(sql) : std::string(sql.substr(0, kSqlShownBytesMax)) + "…";
}

// The SQLSTATE in a verbose connection error, "FATAL:  28P01: password authentication failed", and the text after it.
struct ConnectAnswer {
  std::string sqlstate;
  std::string message;
};

ConnectAnswer parse_connect_error(std::string_view verbose) {
  constexpr std::size_t kStateSize = 5;
  ConnectAnswer answer;
  std::size_t at = 0;
  while ((at = verbose.find(":  ", at)) != std::string_view::npos) {
    const std::string_view rest = verbose.substr(at + 3);
    const auto is_state = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
    if (rest.size() > kStateSize + 1 && rest[kStateSize] == ':' &&
        std::all_of(rest.begin(), rest.begin() + kStateSize, is_state)) {
      answer.sqlstate = rest.substr(0, kStateSize);
      answer.message = trimmed(rest.substr(kStateSize + 2, rest.find('\n') - (kStateSize + 2)));
      return answer;
    }
    at += 3;
  }
  answer.message = trimmed(verbose);
  return answer;
}

std::string describe(const PGconn* connection) {
  const char* host = PQhost(connection);
  const char* port = PQport(connection);
  const char* database = PQdb(connection);
  const char* role = PQuser(connection);
  std::string text = std::string(host == nullptr || *host == '\0' ? "localhost" : host);
  text += std::string(":") + (port == nullptr ? "" : port);
  text += ", database " + display(std::string_view(database == nullptr ? "" : database));
  text += ", role " + display(std::string_view(role == nullptr ? "" : role));
  return text;
}

// Drives a started connection to its end. libpq's own connect_timeout does not act on asynchronous connects.
void complete_connect(PGconn* connection, std::chrono::seconds limit) {
  const auto deadline = Clock::now() + limit;
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      throw Failure(FailureKind::connection, "the server did not answer within " + std::to_string(limit.count()) + " s")
          .detail(describe(connection));
    }
    pollfd descriptor{PQsocket(connection), static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    if (poll(&descriptor, 1, static_cast<int>(left.count())) > 0) {
      state = PQconnectPoll(connection);
    }
  }
}

}  // namespace

// ---- Result

void Result::Clear::operator()(pg_result* result) const {
  PQclear(result);
}

Result::Result(pg_result* result) : result_(result) {}

int Result::row_count() const {
  return PQntuples(result_.get());
}

int Result::column_count() const {
  return PQnfields(result_.get());
}

bool Result::is_null(int row, int column) const {
  if (row < 0 || row >= row_count() || column < 0 || column >= column_count()) {
    die("a result is read out of its range");
  }
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view Result::text(int row, int column) const {
  if (is_null(row, column)) {
    return {};
  }
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::optional<std::string> Result::optional_text(int row, int column) const {
  if (is_null(row, column)) {
    return std::nullopt;
  }
  return std::string(text(row, column));
}

std::int64_t Result::integer(int row, int column) const {
  const std::string_view digits = text(row, column);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    die("a result's value is no integer");
  }
  return value;
}

double Result::number(int row, int column) const {
  return std::strtod(std::string(text(row, column)).c_str(), nullptr);
}

bool Result::boolean(int row, int column) const {
  return text(row, column) == "t";
}

std::vector<std::string> Result::text_array(int row, int column) const {
  const std::string_view array = text(row, column);
  std::vector<std::string> elements;
  if (array.size() < 2 || array.front() != '{' || array.back() != '}') {
    if (!array.empty()) {
      die("a result's value is no one-dimensional array");
    }
    return elements;
  }
  std::size_t at = 1;
  const std::size_t end = array.size() - 1;
  while (at < end) {
    std::string element;
    bool was_quoted = false;
    if (array[at] == '"') {
      was_quoted = true;
      for (++at; array[at] != '"'; ++at) {
        if (array[at] == '\\') {
          ++at;
        }
        element.push_back(array[at]);
      }
      ++at;
    } else {
      while (at < end && array[at] != ',') {
        element.push_back(array[at++]);
      }
    }
    elements.push_back(!was_quoted && element == "NULL" ? std::string() : std::move(element));
    ++at;  // The comma.
  }
  return elements;
}

int Result::column(std::string_view name) const {
  for (int i = 0; i < column_count(); ++i) {
    if (name == PQfname(result_.get(), i)) {
      return i;
    }
  }
  die(("a result has no column " + std::string(name)).c_str());
}

std::uint64_t Result::affected_rows() const {
  const std::string_view digits = PQcmdTuples(result_.get());
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string_view Result::command_tag() const {
  return PQcmdStatus(result_.get());
}

// ---- Canceller

struct Canceller::State {
  explicit State(PGcancel* handle) : cancel(handle) {}
  ~State() { PQfreeCancel(cancel); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  PGcancel* cancel;
};

void Canceller::cancel() const {
  constexpr int kMessageBytes = 256;
  char message[kMessageBytes];
  if (state_ && state_->cancel != nullptr) {
    PQcancel(state_->cancel, message, kMessageBytes);
  }
}

// ---- Connection

void Connection::Close::operator()(pg_conn* connection) const {
  PQfinish(connection);
}

Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Connection::Connection(const SessionOptions& options) : observer_(options.observer) {
  // What stands before dbname is a default that the conninfo may override; what stands after it is not.
  const char* const keywords[] = {"keepalives_idle",
                                  "keepalives_interval",
                                  "keepalives_count",
                                  "tcp_user_timeout",
                                  "dbname",
                                  "application_name",
                                  nullptr};
  const char* const values[] = {"20",   "10", "3", "60000", options.conninfo.c_str(), options.application_name.c_str(),
                                nullptr};
  constexpr int kExpandDatabaseName = 1;
  connection_.reset(PQconnectStartParams(keywords, values, kExpandDatabaseName));
  if (!connection_) {
    throw std::bad_alloc();
  }
  if (PQstatus(connection_.get()) == CONNECTION_BAD) {
    // Nothing was sent yet: the conninfo itself is wrong, or a host's name has no address. libpq does not repeat
    // passwords here, except in a conninfo it cannot parse; that text is withheld.
    const std::string message = trimmed(PQerrorMessage(connection_.get()));
    const bool is_parse_error =
        PQhost(connection_.get()) == nullptr || message.find("connection info string") != std::string::npos ||
        message.find("URI") != std::string::npos || message.find("connection option") != std::string::npos;
    if (is_parse_error) {
      throw Failure(FailureKind::refused, "the connection string cannot be read")
          .hint(
              "Write it as \"host=… port=… dbname=… user=…\" or postgresql://user@host:port/dbname; put the password "
              "into ~/.pgpass.");
    }
    throw Failure(FailureKind::connection, "cannot connect: " + message);
  }
  PQsetErrorVerbosity(connection_.get(), PQERRORS_VERBOSE);  // For the SQLSTATE of a refused connection.
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
  constexpr std::chrono::seconds kConnectLimit{20};
  complete_connect(connection_.get(), kConnectLimit);
  description_ = describe(connection_.get());
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    const ConnectAnswer answer = parse_connect_error(PQerrorMessage(connection_.get()));
    const bool said_no = PQconnectionNeedsPassword(connection_.get()) != 0 || answer.sqlstate.starts_with("28") ||
                         answer.sqlstate == "3D000" || answer.sqlstate == "42501";
    Failure failure(said_no ? FailureKind::refused : FailureKind::connection,
                    (said_no ? "the server refused the connection: " : "cannot connect: ") + answer.message);
    failure.detail(description_).sqlstate(answer.sqlstate);
    if (said_no) {
      failure.hint(
          "Check role, database and password (PGPASSFILE or ~/.pgpass, mode 0600), and the server's pg_hba.conf.");
    } else {
      failure.hint("Check host and port, and that the server runs and accepts connections from here.");
    }
    throw failure;
  }
  PQsetErrorVerbosity(connection_.get(), PQERRORS_DEFAULT);
  const char* server_encoding = PQparameterStatus(connection_.get(), "server_encoding");
  const std::string encoding = server_encoding == nullptr ? "UTF8" : server_encoding;
  if (PQsetClientEncoding(connection_.get(), encoding == "SQL_ASCII" ? "SQL_ASCII" : "UTF8") != 0) {
    fail(nullptr, "SET client_encoding");
  }
  for (const auto& [name, value] : options.settings) {
    query("SELECT pg_catalog.set_config($1, $2, false)", {name, value});
  }
}

void Connection::observe(std::string_view sql, std::string_view tag, Clock::duration duration, bool failed) const {
  if (observer_) {
    observer_({sql, tag, std::chrono::duration_cast<std::chrono::microseconds>(duration), backend_pid(), failed});
  }
}

void Connection::fail(pg_result* raw, std::string_view sql) {
  const Result result(raw);  // Owns the raw pointer.
  const bool is_fatal = raw != nullptr && field(raw, PG_DIAG_SEVERITY_NONLOCALIZED) != "ERROR";
  const bool is_open_still = PQstatus(connection_.get()) == CONNECTION_OK;
  std::string message = raw == nullptr ? "" : field(raw, PG_DIAG_MESSAGE_PRIMARY);
  const std::string state = raw == nullptr ? "" : field(raw, PG_DIAG_SQLSTATE);
  if (message.empty()) {
    message = trimmed(raw == nullptr ? PQerrorMessage(connection_.get()) : PQresultErrorMessage(raw));
  }
  if (is_open_still && !is_fatal) {
    Failure failure(FailureKind::server, message);
    failure.sqlstate(state);
    std::string detail = field(raw, PG_DIAG_MESSAGE_DETAIL);
    const std::string context = field(raw, PG_DIAG_CONTEXT);
    if (!context.empty()) {
      detail += (detail.empty() ? "" : "\n") + context;
    }
    failure.detail((detail.empty() ? "" : detail + "\n") + "SQLSTATE " + state + " in: " + shortened(sql));
    failure.hint(field(raw, PG_DIAG_MESSAGE_HINT));
    throw failure;
  }
  throw Failure(FailureKind::connection, "the connection to the server was lost: " + message)
      .detail(description_)
      .sqlstate(state);
}

Result Connection::checked(pg_result* raw, std::string_view sql, Clock::time_point begun) {
  const ExecStatusType status = raw == nullptr ? PGRES_FATAL_ERROR : PQresultStatus(raw);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
    observe(sql, {}, Clock::now() - begun, true);
    fail(raw, sql);
  }
  observe(sql, PQcmdStatus(raw), Clock::now() - begun, false);
  return Result(raw);
}

std::vector<const char*> Connection::values_of(const Parameters& parameters) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const Parameter& parameter : parameters) {
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  return values;
}

Result Connection::query(std::string_view sql, const Parameters& parameters) {
  const auto begun = Clock::now();
  const std::string text(sql);
  const std::vector<const char*> values = values_of(parameters);
  return checked(PQexecParams(connection_.get(), text.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                              nullptr, nullptr, 0),
                 sql, begun);
}

void Connection::run_script(std::string_view sql) {
  const auto begun = Clock::now();
  checked(PQexec(connection_.get(), std::string(sql).c_str()), sql, begun);
}

void Connection::begin(std::string_view mode) {
  run_script("BEGIN " + std::string(mode));
}

void Connection::rollback() noexcept {
  if (connection_ && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE) {
    PQclear(PQexec(connection_.get(), "ROLLBACK"));
  }
}

CopyOut Connection::copy_out(std::string_view sql) {
  return {*this, std::string(sql)};
}

CopyIn Connection::copy_in(std::string_view sql) {
  return {*this, std::string(sql)};
}

bool Connection::is_open() const {
  return connection_ && PQstatus(connection_.get()) == CONNECTION_OK;
}

int Connection::server_version() const {
  return PQserverVersion(connection_.get());
}

int Connection::server_major_version() const {
  constexpr int kMajorFactor = 10000;
  return server_version() / kMajorFactor;
}

int Connection::backend_pid() const {
  return PQbackendPID(connection_.get());
}

Canceller Connection::canceller() const {
  Canceller canceller;
  canceller.state_ = std::make_shared<Canceller::State>(PQgetCancel(connection_.get()));
  return canceller;
}

std::string Connection::description() const {
  return description_;
}

bool Connection::is_local() const {
  const char* host = PQhost(connection_.get());
  const char* address = PQhostaddr(connection_.get());
  const std::string_view place = address != nullptr && *address != '\0' ? address : (host == nullptr ? "" : host);
  return place.empty() || place.front() == '/' || place.front() == '@' || place.starts_with("127.") || place == "::1" ||
         place == "localhost";
}

// ---- COPY

namespace {

// Behind a copy's own result there is nothing else, but libpq wants to be asked. A lost link answers for ever, so it
// ends there.
void drain(PGconn* connection) {
  while (PQstatus(connection) == CONNECTION_OK) {
    pg_result* result = PQgetResult(connection);
    if (result == nullptr) {
      return;
    }
    PQclear(result);
  }
}

}  // namespace

CopyOut::CopyOut(Connection& connection, std::string sql)
    : connection_(&connection), sql_(std::move(sql)), begun_(Clock::now()) {
  pg_result* raw = PQexec(connection_->connection_.get(), sql_.c_str());
  if (PQresultStatus(raw) != PGRES_COPY_OUT) {
    connection_->observe(sql_, {}, Clock::now() - begun_, true);
    connection_->fail(raw, sql_);
  }
  PQclear(raw);
}

CopyOut::CopyOut(CopyOut&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)),
      sql_(std::move(other.sql_)),
      begun_(other.begun_),
      message_(std::exchange(other.message_, nullptr)),
      affected_rows_(other.affected_rows_) {}

std::optional<std::span<const char>> CopyOut::next() {
  PQfreemem(std::exchange(message_, nullptr));
  if (connection_ == nullptr) {
    return std::nullopt;
  }
  PGconn* raw_connection = connection_->connection_.get();
  const int size = PQgetCopyData(raw_connection, &message_, 0);
  if (size > 0) {
    return std::span<const char>(message_, static_cast<std::size_t>(size));
  }
  Connection& connection = *std::exchange(connection_, nullptr);
  pg_result* first = PQgetResult(raw_connection);
  drain(raw_connection);
  const Result result = connection.checked(first, sql_, begun_);
  affected_rows_ = result.affected_rows();
  return std::nullopt;
}

CopyOut::~CopyOut() {
  PQfreemem(message_);
  if (connection_ == nullptr) {
    return;
  }
  PGconn* raw_connection = connection_->connection_.get();
  connection_->canceller().cancel();
  char* row = nullptr;
  while (PQgetCopyData(raw_connection, &row, 0) > 0) {
    PQfreemem(std::exchange(row, nullptr));
  }
  drain(raw_connection);
}

CopyIn::CopyIn(Connection& connection, std::string sql)
    : connection_(&connection), sql_(std::move(sql)), begun_(Clock::now()) {
  pg_result* raw = PQexec(connection_->connection_.get(), sql_.c_str());
  if (PQresultStatus(raw) != PGRES_COPY_IN) {
    connection_->observe(sql_, {}, Clock::now() - begun_, true);
    connection_->fail(raw, sql_);
  }
  PQclear(raw);
}

CopyIn::CopyIn(CopyIn&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), sql_(std::move(other.sql_)), begun_(other.begun_) {}

void CopyIn::write(std::span<const char> bytes) {
  constexpr std::size_t kPieceBytes = 64 * 1024;
  while (!bytes.empty()) {
    const std::span<const char> piece = bytes.first(std::min(bytes.size(), kPieceBytes));
    if (PQputCopyData(connection_->connection_.get(), piece.data(), static_cast<int>(piece.size())) != 1) {
      finish();  // Fails with the server's reason, or with the lost link.
      die("a copy that failed has ended well");
    }
    bytes = bytes.subspan(piece.size());
  }
}

std::uint64_t CopyIn::finish() {
  Connection& connection = *std::exchange(connection_, nullptr);
  PGconn* raw_connection = connection.connection_.get();
  PQputCopyEnd(raw_connection, nullptr);
  pg_result* first = PQgetResult(raw_connection);
  drain(raw_connection);
  return connection.checked(first, sql_, begun_).affected_rows();
}

CopyIn::~CopyIn() {
  if (connection_ == nullptr) {
    return;
  }
  PGconn* raw_connection = connection_->connection_.get();
  PQputCopyEnd(raw_connection, "pgsluice gave up this batch");
  drain(raw_connection);
}

}  // namespace pgsluice::pg
