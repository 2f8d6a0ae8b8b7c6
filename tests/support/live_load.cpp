// Runs transactions in several sessions, tries them again where an application would, and counts.
#include "tests/support/live_load.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <ostream>

#include "pg/failure.hpp"

namespace pgsluice::tests {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr int kAttemptsMax = 8;
constexpr std::size_t kFailuresKept = 20;
constexpr auto kReconnectPause = milliseconds(100);
constexpr std::size_t kShownSql = 200;

bool is_lost_connection(const pg::Failure& failure) {
  return failure.kind() == pg::FailureKind::connection || failure.kind() == pg::FailureKind::in_doubt ||
         failure.sqlstate().starts_with("57P0");
}

double ms(microseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

void DurationClasses::add(microseconds duration) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count()));
  ++counts_.at(std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(us)), counts_.size() - 1));
}

void DurationClasses::add(const DurationClasses& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

microseconds DurationClasses::quantile(double share) const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen > 0 && static_cast<double>(seen) >= share * static_cast<double>(sum)) {
      return microseconds(std::int64_t{1} << i);
    }
  }
  return microseconds(0);
}

std::uint64_t LiveTally::writes() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : changes) sum += count;
  return sum;
}

void LiveTally::add(const LiveTally& other) {
  committed += other.committed;
  rolled_back += other.rolled_back;
  retries += other.retries;
  given_up += other.given_up;
  races += other.races;
  reconnections += other.reconnections;
  for (std::size_t i = 0; i < changes.size(); ++i) changes[i] += other.changes[i];
  for (const auto& [sqlstate, count] : other.errors) errors[sqlstate] += count;
  statements += other.statements;
  durations.add(other.durations);
  if (other.longest > longest) {
    longest = other.longest;
    longest_sql = other.longest_sql;
  }
  failure_count += other.failure_count;
  for (const std::string& failure : other.failures) {
    if (failures.size() < kFailuresKept) failures.push_back(failure);
  }
}

std::ostream& operator<<(std::ostream& stream, const LiveTally& tally) {
  stream << "rows written: " << tally.writes() << " in " << tally.committed << " transactions; " << tally.rolled_back
         << " rolled back on purpose\n";
  for (std::size_t i = 0; i < tally.changes.size(); ++i) {
    stream << "  " << to_text(static_cast<ChangeKind>(i)) << ": " << tally.changes[i] << '\n';
  }
  stream << "errors:";
  for (const auto& [sqlstate, count] : tally.errors) stream << ' ' << sqlstate << ": " << count << ';';
  stream << " retries: " << tally.retries << ", given up: " << tally.given_up
         << ", races of table and twin: " << tally.races << ", reconnections: " << tally.reconnections << '\n';
  stream << "statements: " << tally.statements << "; half took at most " << ms(tally.durations.quantile(0.5))
         << " ms, 99 % at most " << ms(tally.durations.quantile(0.99)) << " ms, the longest " << ms(tally.longest)
         << " ms: " << tally.longest_sql << '\n';
  stream << "failures: " << tally.failure_count << '\n';
  for (const std::string& failure : tally.failures) stream << "  " << failure << '\n';
  return stream;
}

// One client: its connection, and its own random numbers.
class LiveLoad::Session {
 public:
  Session(LiveLoad& load, int number)
      : load_(load), random_(load.options_.seed * 1'000'003 + static_cast<std::uint64_t>(number)), number_(number) {
    constexpr int kStyles = 3;
    options_.style = static_cast<StatementStyle>(number % kStyles);
    options_.rows_max = load.options_.rows_max;
  }

  void run() {
    try {
      while (!load_.is_stopping_) {
        one_transaction(random_());
        hand_over();
      }
    } catch (const std::exception& error) {
      fail("session " + std::to_string(number_) + " ended: " + error.what());
    }
    hand_over();
  }

 private:
  void connect() {
    const auto begun = steady_clock::now();
    for (;;) {
      try {
        pg::SessionOptions session;
        session.conninfo = load_.options_.conninfo;
        session.application_name = "application " + std::to_string(number_);
        session.observer = [this](const pg::StatementEvent& event) { observe(event); };
        connection_.emplace(session);
        load_.note_backend(connection_->backend_pid());
        return;
      } catch (const pg::Failure& failure) {
        if (steady_clock::now() - begun > load_.options_.reconnect_max || load_.is_stopping_) throw;
        std::this_thread::sleep_for(kReconnectPause);
      }
    }
  }

  void observe(const pg::StatementEvent& event) {
    ++counts_.statements;
    counts_.durations.add(event.duration);
    if (event.duration > counts_.longest) {
      counts_.longest = event.duration;
      counts_.longest_sql = event.sql.substr(0, kShownSql);
    }
    if (event.duration > load_.options_.statement_max && !event.failed) {
      fail("a statement took " + std::to_string(event.duration.count() / 1000) +
           " ms: " + std::string(event.sql.substr(0, kShownSql)));
    }
  }

  // The same seed gives the same transaction again.
  void one_transaction(std::uint64_t seed) {
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
      if (!connection_) connect();
      LiveTransaction transaction(*connection_, *load_.options_.layout, load_.keys_, options_, erased_, seed);
      try {
        if (transaction.run()) {
          ++counts_.committed;
          for (std::size_t i = 0; i < counts_.changes.size(); ++i) counts_.changes[i] += transaction.changes()[i];
        } else {
          ++counts_.rolled_back;
        }
        return;
      } catch (const Mismatch& mismatch) {
        connection_->rollback();
        if (transaction.isolation() == Isolation::read_committed) {
          ++counts_.races;
        } else {
          fail(mismatch.what());
        }
        return;
      } catch (const pg::Failure& failure) {
        if (!may_be_repeated(failure)) return;
      }
      ++counts_.retries;
    }
    ++counts_.given_up;
  }

  // Leaves the session without a transaction.
  bool may_be_repeated(const pg::Failure& failure) {
    if (is_lost_connection(failure)) {
      connection_.reset();
      ++counts_.reconnections;
      return false;
    }
    connection_->rollback();
    ++counts_.errors[failure.sqlstate()];
    if (failure.sqlstate() == "23505") return false;
    if (failure.sqlstate() == "40001") return true;
    if (failure.sqlstate() == "40P01") {
      if (load_.names_a_stranger(failure.detail())) fail("deadlock with another: " + failure.detail());
      return true;
    }
    fail(pg::to_text(failure));
    return false;
  }

  void fail(const std::string& text) {
    ++counts_.failure_count;
    if (counts_.failures.size() < kFailuresKept) counts_.failures.push_back(text);
  }

  void hand_over() {
    const std::lock_guard lock(load_.mutex_);
    load_.tally_.add(counts_);
    counts_ = {};
  }

  LiveLoad& load_;
  std::mt19937_64 random_;
  int number_;
  LiveTransactionOptions options_;
  std::vector<std::int64_t> erased_;
  LiveTally counts_;
  std::optional<pg::Connection> connection_;
};

LiveLoad::LiveLoad(LiveLoadOptions options) : options_(std::move(options)) {
  keys_.count = options_.key_count;
  for (int number = 0; number < options_.sessions; ++number) {
    threads_.emplace_back([this, number] { Session(*this, number).run(); });
  }
}

LiveLoad::~LiveLoad() {
  stop();
}

void LiveLoad::stop() {
  is_stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

LiveTally LiveLoad::tally() const {
  const std::lock_guard lock(mutex_);
  return tally_;
}

bool LiveLoad::writes_reach(std::uint64_t count, milliseconds time) {
  constexpr auto kPause = milliseconds(20);
  const auto end = steady_clock::now() + time;
  while (tally().writes() < count) {
    if (steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

void LiveLoad::note_backend(int pid) {
  const std::lock_guard lock(mutex_);
  backends_.insert(pid);
}

bool LiveLoad::names_a_stranger(const std::string& deadlock_detail) const {
  constexpr std::string_view kWord = "rocess ";  // "Process 1 waits for … ; blocked by process 2."
  const std::lock_guard lock(mutex_);
  for (std::size_t at = deadlock_detail.find(kWord); at != std::string::npos;
       at = deadlock_detail.find(kWord, at + 1)) {
    const int pid = std::atoi(deadlock_detail.c_str() + at + kWord.size());
    if (!backends_.contains(pid)) return true;
  }
  return false;
}

}  // namespace pgsluice::tests
