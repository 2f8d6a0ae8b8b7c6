// Several statements in one round trip, by libpq's pipeline mode: Connection::run_together() and what is made of it.
#include <libpq-fe.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "pg/connection.hpp"
#include "pg/failure.hpp"

namespace pgsluice::pg {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kCommit = "COMMIT";

bool is_good(ExecStatusType status) {
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

// Throws away what is left of a trip's answers. Returns false where they do not end with the sync: a link that broke
// answers with a failure or with nulls for ever. Between two statements there is one null.
bool drain_to_sync(PGconn* connection) {
  constexpr int kNullsMax = 1;
  for (int nulls = 0; nulls <= kNullsMax && PQstatus(connection) == CONNECTION_OK;) {
    pg_result* result = PQgetResult(connection);
    const bool is_sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    nulls = result == nullptr ? nulls + 1 : 0;
    PQclear(result);
    if (is_sync) {
      return true;
    }
  }
  return false;
}

}  // namespace

Step prepared_step(std::string sql, Parameters parameters) {
  return {std::move(sql), std::move(parameters), true, false};
}

Step begin_step(std::string_view mode) {
  return {"BEGIN " + std::string(mode), {}, false, false};
}

Step commit_step() {
  return {std::string(kCommit), {}, false, false};
}

class Connection::Trip {
 public:
  Trip(Connection& connection, std::span<const Step> steps) : connection_(connection), steps_(steps) {}

  void send() {
    bool is_sent = PQenterPipelineMode(raw()) == 1;
    for (std::size_t i = 0; is_sent && i < steps_.size(); ++i) {
      is_sent = send(i);
    }
    if (is_sent && PQpipelineSync(raw()) == 1) {
      return;
    }
    failure_ =
        Failure(FailureKind::connection, std::string("nothing can be sent to the server: ") + PQerrorMessage(raw()))
            .detail(connection_.description_);
    connection_.connection_.reset();  // Where libpq stands in its pipeline is of no interest any more.
  }

  void receive() {
    for (std::size_t i = 0; i < sent_.size() && !failure_; ++i) {
      receive(sent_[i]);
    }
    if (raw() == nullptr) {
      return;
    }
    if (!drain_to_sync(raw()) || PQexitPipelineMode(raw()) != 1) {
      connection_.connection_.reset();  // libpq need not have noticed that the link is gone.
    }
  }

  // Tells the observer and returns the results, or throws what failed.
  std::vector<Result> finish() {
    const auto share = [&, trip = Clock::now() - begun_](std::size_t step) {
      return step == 0 ? trip : Clock::duration::zero();
    };
    for (std::size_t i = 0; i < results_.size(); ++i) {
      connection_.observe(steps_[i].sql, results_[i].command_tag(), share(i), false);
    }
    if (!failure_) {
      return std::move(results_);
    }
    const std::size_t failed = failure_->step();
    if (failed == results_.size()) {
      connection_.observe(steps_[failed].sql, {}, share(failed), true);
    }
    if (failure_->kind() == FailureKind::connection && commit_is_pending_) {
      throw Failure(FailureKind::in_doubt, std::string("connection lost while waiting for COMMIT: ") + failure_->what())
          .detail(failure_->detail())
          .sqlstate(failure_->sqlstate())
          .step(failed);
    }
    throw Failure(*failure_);
  }

 private:
  // What libpq was given; each is answered by itself.
  struct Sent {
    std::size_t step;
    bool is_prepare;
  };

  PGconn* raw() { return connection_.connection_.get(); }

  bool send(std::size_t i) {
    const Step& step = steps_[i];
    const std::vector<const char*> values = values_of(step.parameters);
    const int count = static_cast<int>(values.size());
    if (!step.is_prepared) {
      sent_.push_back({i, false});
      const bool is_sent = PQsendQueryParams(raw(), step.sql.c_str(), count, nullptr, values.data(), nullptr, nullptr,
                                             step.is_binary ? 1 : 0) == 1;
      commit_is_pending_ = commit_is_pending_ || (is_sent && step.sql == kCommit);
      return is_sent;
    }
    std::size_t number = number_of(step.sql);
    if (number == 0) {
      preparing_.push_back(step.sql);
      number = number_of(step.sql);
      sent_.push_back({i, true});
      if (PQsendPrepare(raw(), name_of(number).c_str(), step.sql.c_str(), 0, nullptr) != 1) {
        return false;
      }
    }
    sent_.push_back({i, false});
    return PQsendQueryPrepared(raw(), name_of(number).c_str(), count, values.data(), nullptr, nullptr,
                               step.is_binary ? 1 : 0) == 1;
  }

  void receive(const Sent& sent) {
    const Step& step = steps_[sent.step];
    pg_result* answer = PQgetResult(raw());
    const ExecStatusType status = PQresultStatus(answer);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
      std::fprintf(stderr, "pgsluice: internal error: a COPY travels alone\n");
      std::abort();
    }
    if (!is_good(status)) {
      failed(answer, sent.step);
      return;
    }
    PQclear(PQgetResult(raw()));  // Null: the statement's answer ends.
    if (sent.is_prepare) {
      connection_.prepared_.push_back(step.sql);
      PQclear(answer);
      return;
    }
    results_.emplace_back(answer);
    if (!step.is_prepared && step.sql == kCommit) {
      commit_is_pending_ = false;
      if (results_.back().command_tag() != kCommit) {
        failure_ = Failure(FailureKind::server, "the server rolled the transaction back instead of committing it")
                       .sqlstate("25P02")
                       .step(sent.step);
      }
    }
  }

  void failed(pg_result* answer, std::size_t step) {
    try {
      connection_.fail(answer, steps_[step].sql);
    } catch (Failure& failure) {
      failure_ = failure.step(step);
    }
  }

  // Statements are numbered in the order in which they are prepared, from 1; the server stops at the first that fails,
  // so those that are prepared by this trip will have just these numbers. 0: neither prepared nor about to be.
  std::size_t number_of(const std::string& sql) const {
    const auto place_in = [&](const std::vector<std::string>& texts) {
      return static_cast<std::size_t>(std::find(texts.begin(), texts.end(), sql) - texts.begin());
    };
    const std::size_t known_count = connection_.prepared_.size();
    if (const std::size_t place = place_in(connection_.prepared_); place < known_count) {
      return place + 1;
    }
    const std::size_t place = place_in(preparing_);
    return place < preparing_.size() ? known_count + place + 1 : 0;
  }

  static std::string name_of(std::size_t number) { return "pgsluice_" + std::to_string(number); }

  Connection& connection_;
  std::span<const Step> steps_;
  Clock::time_point begun_ = Clock::now();
  std::vector<std::string> preparing_;
  std::vector<Sent> sent_;
  std::vector<Result> results_;
  bool commit_is_pending_ = false;  // Sent and not answered.
  std::optional<Failure> failure_;
};

std::vector<Result> Connection::run_together(std::span<const Step> steps) {
  if (steps.empty()) {
    return {};
  }
  Trip trip(*this, steps);
  trip.send();
  trip.receive();
  return trip.finish();
}

Result Connection::query_prepared(const std::string& sql, const Parameters& parameters) {
  const Step step = prepared_step(sql, parameters);
  return std::move(run_together({&step, 1}).front());
}

void Connection::commit() {
  const Step step = commit_step();
  run_together({&step, 1});
}

}  // namespace pgsluice::pg
