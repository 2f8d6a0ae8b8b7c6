// The fault seam: a library for LD_PRELOAD that stands between pgsluice and the outside world, counts the steps it
// takes there, and makes one of them its last, or the last of its connection. The code under test knows nothing of it.
//
// A step is one call of libpq that reaches for the server, or one call that changes a regular file which is not
// standard output or standard error: so progress, logs on a terminal, and memory do not count. Calls that libpq makes
// to itself do not count. The n-th step of a run with one worker is always the same step; with several workers it is
// one of those that could be.
//
// In a pipeline, what is queued reaches nobody (unless it is larger than libpq's buffer), so it is PQpipelineSync that
// is a step, with the texts of all that was queued; and the first PQgetResult behind it, which waits for the answers.
//
// Environment, N counting from 1:
//   PGSLUICE_DIE_AT_STEP=N      SIGKILL at step N.
//   PGSLUICE_DIE_WHEN=before    … before the call is made (default);
//                     after     … after it returned;
//                     half      … a write leaves half of its bytes behind first, a PQpipelineSync lets half of the
//                               bytes that were queued reach the server; any other call: as before.
//   PGSLUICE_CUT_AT_STEP=N[:before|half|after]    The connection of the N-th libpq step is shut down (a connecting
//                     step: always after).
//   PGSLUICE_CUT_AT_COMMIT=N[:before|half|after]  The connection is shut down at the N-th text that holds a COMMIT:
//                     before it is sent, with anything that was queued before it; when half of the bytes are sent, in a
//                     pipeline; or after the server answered and before the answer is read. Default: before.
//   PGSLUICE_STEPS_FILE=FILE    At normal exit FILE holds a line for each count: all steps, libpq steps, commits.
//   PGSLUICE_STEP_TRACE=FILE    Every step adds a line: its number, the call, the statement or the file.
//
// Source: libpq's declarations are repeated here, because pg/ is the only place that includes libpq-fe.h; they are
// libpq's ABI.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

struct pg_conn;
struct pg_result;
using Oid = unsigned int;

namespace {

enum class When { before, after, half };

struct Point {
  long number = 0;  // 0: never.
  When when = When::before;
};

// "3:after" -> {3, after}.
Point read_point(const char* variable) {
  const char* value = std::getenv(variable);
  if (!value) return {};
  Point point;
  point.number = std::atol(value);
  if (std::strstr(value, ":after")) point.when = When::after;
  if (std::strstr(value, ":half")) point.when = When::half;
  return point;
}

struct Plan {
  Point die;
  Point cut;
  Point cut_commit;
  int trace = -1;
};

std::atomic<long> steps = 0;
std::atomic<long> libpq_steps = 0;
std::atomic<long> commits = 0;

// libpq calls itself through the same symbols that we stand before.
thread_local int depth = 0;

struct Inside {
  Inside() { ++depth; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { --depth; }
};

// Never destroyed: threads may still run when the process exits.
const Plan& plan() {
  static const Plan* const read = [] {
    auto* made = new Plan;
    made->die = read_point("PGSLUICE_DIE_AT_STEP");
    if (const char* when = std::getenv("PGSLUICE_DIE_WHEN")) {
      if (std::string_view(when) == "after") made->die.when = When::after;
      if (std::string_view(when) == "half") made->die.when = When::half;
    }
    made->cut = read_point("PGSLUICE_CUT_AT_STEP");
    made->cut_commit = read_point("PGSLUICE_CUT_AT_COMMIT");
    if (const char* file = std::getenv("PGSLUICE_STEP_TRACE")) {
      made->trace = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    }
    return made;
  }();
  return *read;
}

// The next definition of a symbol, behind this library.
template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// REAL(PQexec): the function that this one stands before.
#define REAL(name)                                          \
  (*[] {                                                    \
    static auto* const found = real<decltype(name)>(#name); \
    return found;                                           \
  }())

constexpr std::string_view kPipelineSync = "PQpipelineSync";

void die() {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

void trace(long number, std::string_view call, std::string_view subject) {
  const int file = plan().trace;
  if (file < 0) return;
  std::string line = std::to_string(number) + " " + std::string(call) + " ";
  for (const char c : subject.substr(0, 300)) line += c == '\n' ? ' ' : c;
  line += '\n';
  syscall(SYS_write, file, line.data(), line.size());
}

// One step. Counts it, and dies before it where that is the plan; the destructor dies after it.
class Step {
 public:
  Step(std::string_view call, std::string_view subject) : number_(++steps) {
    trace(number_, call, subject);
    if (is_last() && plan().die.when != When::after) {
      // What is cut in half dies by itself.
      if (plan().die.when == When::before || !(call.starts_with("write") || call == kPipelineSync)) die();
    }
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  ~Step() {
    if (is_last()) die();
  }
  bool is_cut_in_half() const { return is_last() && plan().die.when == When::half; }

 private:
  bool is_last() const { return number_ == plan().die.number; }
  long number_;
};

// ---- the server ----

extern "C" int PQsocket(const pg_conn* connection);
extern "C" int PQflush(pg_conn* connection);

// Whatever came in and was not read is lost, too.
void shut_down(pg_conn* connection) {
  const int socket = PQsocket(connection);
  if (socket < 0) return;
  shutdown(socket, SHUT_RDWR);
  std::array<char, 65536> unread{};
  while (recv(socket, unread.data(), unread.size(), MSG_DONTWAIT) > 0) {
  }
}

// Waits for the server's answer and throws it away with the connection: the statement has run, and nobody will ever
// hear of it.
void shut_down_after_answer(pg_conn* connection) {
  while (PQflush(connection) > 0) {
    pollfd writable = {PQsocket(connection), POLLOUT, 0};
    poll(&writable, 1, 1000);
  }
  pollfd answered = {PQsocket(connection), POLLIN, 0};
  poll(&answered, 1, 30'000);
  usleep(50'000);
  shut_down(connection);
}

// True when one of the statements of the text begins with COMMIT.
bool holds_commit(const char* text) {
  if (!text) return false;
  for (const char* at = text; at;) {
    while (*at && (std::isspace(static_cast<unsigned char>(*at)) || *at == ';')) ++at;
    if (strncasecmp(at, "commit", 6) == 0 && !std::isalnum(static_cast<unsigned char>(at[6])) && at[6] != '_')
      return true;
    at = std::strchr(at, ';');
  }
  return false;
}

// What is known of each connection's statements: the texts of those that are prepared, so that a COMMIT by name is
// known; of those that wait in its pipeline; and whether answers to these are still to come.
class Statements {
 public:
  void prepared(const pg_conn* connection, const char* name, const char* text) {
    const std::lock_guard lock(mutex_);
    prepared_[{connection, name ? name : ""}] = text ? text : "";
  }
  std::string text(const pg_conn* connection, const char* name) {
    const std::lock_guard lock(mutex_);
    const auto found = prepared_.find({connection, name ? name : ""});
    return found == prepared_.end() ? "" : found->second;
  }
  void queued(const pg_conn* connection, std::string_view text) {
    const std::lock_guard lock(mutex_);
    queued_[connection].append(text).append(";\n");
  }
  std::string sent(const pg_conn* connection) {
    const std::lock_guard lock(mutex_);
    unanswered_.insert(connection);
    return std::exchange(queued_[connection], {});
  }
  // True once behind each sync.
  bool begins_to_answer(const pg_conn* connection) {
    const std::lock_guard lock(mutex_);
    return unanswered_.erase(connection) > 0;
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<const pg_conn*, std::string>, std::string> prepared_;
  std::map<const pg_conn*, std::string> queued_;
  std::set<const pg_conn*> unanswered_;
};

Statements& statements() {
  static auto* const all = new Statements;
  return *all;
}

// The next bytes that this thread sends are cut in half: the connection or the process goes no further.
enum class HalfSend { no, then_shut_down, then_die };
thread_local HalfSend half_send = HalfSend::no;

// One libpq step: what is to happen to its connection, beside what a Step does.
class ServerStep {
 public:
  ServerStep(pg_conn* connection, std::string_view call, const char* text)
      : step_(call, text ? text : ""), connection_(connection) {
    const Point& cut = plan().cut;
    const long number = ++libpq_steps;
    if (number == cut.number) when_ = cut.when;
    cuts_ = number == cut.number;
    if (holds_commit(text) && ++commits == plan().cut_commit.number) {
      cuts_ = true;
      when_ = plan().cut_commit.when;
    }
    const bool can_be_halved = call == kPipelineSync;
    if (step_.is_cut_in_half()) half_send = HalfSend::then_die;
    if (cuts_ && when_ == When::half && can_be_halved) half_send = HalfSend::then_shut_down;
    const bool is_before = when_ == When::before || (when_ == When::half && !can_be_halved);
    if (cuts_ && is_before && connection_) shut_down(connection_);
  }
  ~ServerStep() { half_send = HalfSend::no; }

  bool cuts_after() const { return cuts_ && when_ == When::after; }
  bool cuts() const { return cuts_; }

 private:
  Step step_;
  pg_conn* connection_;
  bool cuts_ = false;
  When when_ = When::before;
};

}  // namespace

extern "C" {

pg_result* PQexec(pg_conn* connection, const char* query);
pg_result* PQexecParams(pg_conn* connection, const char* command, int count, const Oid* types,
                        const char* const* values, const int* lengths, const int* formats, int result_format);
pg_result* PQprepare(pg_conn* connection, const char* name, const char* query, int count, const Oid* types);
pg_result* PQexecPrepared(pg_conn* connection, const char* name, int count, const char* const* values,
                          const int* lengths, const int* formats, int result_format);
int PQsendQuery(pg_conn* connection, const char* query);
int PQsendQueryParams(pg_conn* connection, const char* command, int count, const Oid* types, const char* const* values,
                      const int* lengths, const int* formats, int result_format);
int PQsendPrepare(pg_conn* connection, const char* name, const char* query, int count, const Oid* types);
int PQsendQueryPrepared(pg_conn* connection, const char* name, int count, const char* const* values, const int* lengths,
                        const int* formats, int result_format);
int PQpipelineStatus(const pg_conn* connection);
int PQpipelineSync(pg_conn* connection);
pg_result* PQgetResult(pg_conn* connection);
void PQclear(pg_result* result);
int PQgetCopyData(pg_conn* connection, char** buffer, int async);
int PQputCopyData(pg_conn* connection, const char* buffer, int bytes);
int PQputCopyEnd(pg_conn* connection, const char* error);
pg_conn* PQconnectdb(const char* conninfo);
pg_conn* PQconnectdbParams(const char* const* keywords, const char* const* values, int expand_dbname);
pg_conn* PQconnectStart(const char* conninfo);
pg_conn* PQconnectStartParams(const char* const* keywords, const char* const* values, int expand_dbname);

}  // extern "C"

namespace {

// The last result of a statement that was sent, as PQexec would give it.
pg_result* last_result(pg_conn* connection) {
  pg_result* last = nullptr;
  while (pg_result* next = REAL(PQgetResult)(connection)) {
    PQclear(last);
    last = next;
  }
  return last;
}

// A statement that waits for its answer. `execute` is the whole call; `send` only its first half.
template <typename Execute, typename Send>
pg_result* answered_step(pg_conn* connection, std::string_view call, const char* text, Execute execute, Send send) {
  if (depth > 0) return execute();
  const Inside inside;
  const ServerStep step(connection, call, text);
  if (!step.cuts_after()) return execute();
  if (send()) shut_down_after_answer(connection);
  return last_result(connection);
}

// A statement that is only sent.
template <typename Send>
int sent_step(pg_conn* connection, std::string_view call, const char* text, Send send) {
  if (depth > 0) return send();
  const Inside inside;
  const ServerStep step(connection, call, text);
  const int outcome = send();
  if (step.cuts_after()) shut_down_after_answer(connection);
  return outcome;
}

// Whether a call only queues; 0 is PQ_PIPELINE_OFF.
bool is_in_pipeline(const pg_conn* connection) {
  return depth == 0 && PQpipelineStatus(connection) != 0;
}

template <typename Send>
int sent_or_queued(pg_conn* connection, std::string_view call, const char* text, Send send) {
  if (!is_in_pipeline(connection)) return sent_step(connection, call, text, send);
  if (text) statements().queued(connection, text);
  const Inside inside;
  return send();
}

// Any other call on a connection.
template <typename Call>
auto connection_step(pg_conn* connection, std::string_view call, Call make) {
  if (depth > 0) return make();
  const Inside inside;
  const ServerStep step(connection, call, nullptr);
  const auto outcome = make();
  if (step.cuts_after()) shut_down(connection);
  return outcome;
}

template <typename Connect>
pg_conn* connecting_step(std::string_view call, Connect connect) {
  if (depth > 0) return connect();
  const Inside inside;
  const ServerStep step(nullptr, call, nullptr);
  pg_conn* connection = connect();
  if (step.cuts()) shut_down(connection);
  return connection;
}

}  // namespace

extern "C" {

pg_result* PQexec(pg_conn* connection, const char* query) {
  return answered_step(
      connection, "PQexec", query, [&] { return REAL(PQexec)(connection, query); },
      [&] { return REAL(PQsendQuery)(connection, query); });
}

pg_result* PQexecParams(pg_conn* connection, const char* command, int count, const Oid* types,
                        const char* const* values, const int* lengths, const int* formats, int result_format) {
  return answered_step(
      connection, "PQexecParams", command,
      [&] { return REAL(PQexecParams)(connection, command, count, types, values, lengths, formats, result_format); },
      [&] {
        return REAL(PQsendQueryParams)(connection, command, count, types, values, lengths, formats, result_format);
      });
}

pg_result* PQprepare(pg_conn* connection, const char* name, const char* query, int count, const Oid* types) {
  if (depth == 0) statements().prepared(connection, name, query);
  return connection_step(connection, "PQprepare",
                         [&] { return REAL(PQprepare)(connection, name, query, count, types); });
}

pg_result* PQexecPrepared(pg_conn* connection, const char* name, int count, const char* const* values,
                          const int* lengths, const int* formats, int result_format) {
  const std::string text = depth == 0 ? statements().text(connection, name) : "";
  return answered_step(
      connection, "PQexecPrepared", text.c_str(),
      [&] { return REAL(PQexecPrepared)(connection, name, count, values, lengths, formats, result_format); },
      [&] { return REAL(PQsendQueryPrepared)(connection, name, count, values, lengths, formats, result_format); });
}

int PQsendQuery(pg_conn* connection, const char* query) {
  return sent_step(connection, "PQsendQuery", query, [&] { return REAL(PQsendQuery)(connection, query); });
}

int PQsendQueryParams(pg_conn* connection, const char* command, int count, const Oid* types, const char* const* values,
                      const int* lengths, const int* formats, int result_format) {
  const auto send = [&] {
    return REAL(PQsendQueryParams)(connection, command, count, types, values, lengths, formats, result_format);
  };
  return sent_or_queued(connection, "PQsendQueryParams", command, send);
}

int PQsendPrepare(pg_conn* connection, const char* name, const char* query, int count, const Oid* types) {
  if (depth == 0) statements().prepared(connection, name, query);
  return sent_or_queued(connection, "PQsendPrepare", nullptr,
                        [&] { return REAL(PQsendPrepare)(connection, name, query, count, types); });
}

int PQsendQueryPrepared(pg_conn* connection, const char* name, int count, const char* const* values, const int* lengths,
                        const int* formats, int result_format) {
  const std::string text = depth == 0 ? statements().text(connection, name) : "";
  const auto send = [&] {
    return REAL(PQsendQueryPrepared)(connection, name, count, values, lengths, formats, result_format);
  };
  return sent_or_queued(connection, "PQsendQueryPrepared", text.c_str(), send);
}

int PQpipelineSync(pg_conn* connection) {
  if (depth > 0) return REAL(PQpipelineSync)(connection);
  const std::string texts = statements().sent(connection);
  return sent_step(connection, kPipelineSync, texts.c_str(), [&] { return REAL(PQpipelineSync)(connection); });
}

pg_result* PQgetResult(pg_conn* connection) {
  if (is_in_pipeline(connection) && !statements().begins_to_answer(connection)) {
    const Inside inside;
    return REAL(PQgetResult)(connection);
  }
  return connection_step(connection, "PQgetResult", [&] { return REAL(PQgetResult)(connection); });
}

int PQgetCopyData(pg_conn* connection, char** buffer, int async) {
  return connection_step(connection, "PQgetCopyData", [&] { return REAL(PQgetCopyData)(connection, buffer, async); });
}

int PQputCopyData(pg_conn* connection, const char* buffer, int bytes) {
  return connection_step(connection, "PQputCopyData", [&] { return REAL(PQputCopyData)(connection, buffer, bytes); });
}

int PQputCopyEnd(pg_conn* connection, const char* error) {
  return connection_step(connection, "PQputCopyEnd", [&] { return REAL(PQputCopyEnd)(connection, error); });
}

pg_conn* PQconnectdb(const char* conninfo) {
  return connecting_step("PQconnectdb", [&] { return REAL(PQconnectdb)(conninfo); });
}

pg_conn* PQconnectdbParams(const char* const* keywords, const char* const* values, int expand_dbname) {
  return connecting_step("PQconnectdbParams", [&] { return REAL(PQconnectdbParams)(keywords, values, expand_dbname); });
}

pg_conn* PQconnectStart(const char* conninfo) {
  return connecting_step("PQconnectStart", [&] { return REAL(PQconnectStart)(conninfo); });
}

pg_conn* PQconnectStartParams(const char* const* keywords, const char* const* values, int expand_dbname) {
  return connecting_step("PQconnectStartParams",
                         [&] { return REAL(PQconnectStartParams)(keywords, values, expand_dbname); });
}

}  // extern "C"

// ---- what libpq sends ----

extern "C" ssize_t send(int socket, const void* bytes, size_t count, int flags) {
  if (half_send == HalfSend::no) return REAL(send)(socket, bytes, count, flags);
  const bool dies = std::exchange(half_send, HalfSend::no) == HalfSend::then_die;
  const ssize_t sent = REAL(send)(socket, bytes, count / 2, flags);
  if (dies) die();
  shutdown(socket, SHUT_RDWR);
  return sent;
}

// ---- files ----

namespace {

bool is_durable_file(int file) {
  if (file == STDOUT_FILENO || file == STDERR_FILENO || file == plan().trace) return false;
  struct stat facts {};
  return fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
}

std::string file_name(int file) {
  if (plan().trace < 0) return "";
  std::array<char, 4096> name{};
  const ssize_t bytes = readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), name.data(), name.size());
  return bytes > 0 ? std::string(name.data(), static_cast<std::size_t>(bytes)) : "";
}

// `make(bytes)` is the call with at most so many bytes.
template <typename Call>
ssize_t write_step(int file, std::size_t bytes, Call make) {
  if (depth > 0 || !is_durable_file(file)) return make(bytes);
  const Inside inside;
  const Step step("write", file_name(file));
  return make(step.is_cut_in_half() ? bytes / 2 : bytes);
}

template <typename Call>
auto file_step(std::string_view call, const std::string& subject, Call make) {
  if (depth > 0) return make();
  const Inside inside;
  const Step step(call, subject);
  return make();
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t count) {
  return write_step(file, count, [&](std::size_t part) { return REAL(write)(file, bytes, part); });
}

ssize_t pwrite(int file, const void* bytes, size_t count, off_t offset) {
  return write_step(file, count, [&](std::size_t part) { return REAL(pwrite)(file, bytes, part, offset); });
}

ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t offset) {
  return write_step(file, count, [&](std::size_t part) { return REAL(pwrite64)(file, bytes, part, offset); });
}

ssize_t writev(int file, const iovec* parts, int count) {
  std::size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += parts[i].iov_len;
  return write_step(file, bytes, [&](std::size_t part) -> ssize_t {
    if (part == bytes) return REAL(writev)(file, parts, count);
    return count > 0 ? REAL(write)(file, parts[0].iov_base, parts[0].iov_len / 2) : 0;
  });
}

int fsync(int file) {
  return file_step("fsync", file_name(file), [&] { return REAL(fsync)(file); });
}

int fdatasync(int file) {
  return file_step("fdatasync", file_name(file), [&] { return REAL(fdatasync)(file); });
}

int ftruncate(int file, off_t bytes) noexcept {
  if (!is_durable_file(file)) return REAL(ftruncate)(file, bytes);
  return file_step("ftruncate", file_name(file), [&] { return REAL(ftruncate)(file, bytes); });
}

int ftruncate64(int file, off64_t bytes) noexcept {
  if (!is_durable_file(file)) return REAL(ftruncate64)(file, bytes);
  return file_step("ftruncate", file_name(file), [&] { return REAL(ftruncate64)(file, bytes); });
}

int rename(const char* from, const char* to) noexcept {
  return file_step("rename", to, [&] { return REAL(rename)(from, to); });
}

int unlink(const char* path) noexcept {
  return file_step("unlink", path, [&] { return REAL(unlink)(path); });
}

}  // extern "C"

namespace {

// At normal exit only: a killed process does not come here.
__attribute__((destructor)) void write_counts() {
  const char* file = std::getenv("PGSLUICE_STEPS_FILE");
  if (!file) return;
  const Inside inside;
  if (FILE* out = std::fopen(file, "w")) {
    std::fprintf(out, "%ld\n%ld\n%ld\n", steps.load(), libpq_steps.load(), commits.load());
    std::fclose(out);
  }
}

}  // namespace
