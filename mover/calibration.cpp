#include "mover/calibration.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

using planner::Method;

constexpr std::array kOptimize = {std::pair{Optimize::time, std::string_view("time")},
                                  std::pair{Optimize::wal, std::string_view("wal")},
                                  std::pair{Optimize::io, std::string_view("io")}};

constexpr std::size_t kRangesPerWorkerMax = 4;  // In one trial.
constexpr std::size_t kRoundsMax = 3;           // Measured trials of one choice.
constexpr double kClose = 1.15;                 // Closer than this, the best two are measured again.
constexpr double kWorthMoreSessions = 1.05;     // What a doubling of the sessions must bring.
constexpr double kFallen = 2.0 / 3.0;
constexpr double kBlockBytes = 8192;

std::string rate_text(double rows_per_second) {
  constexpr double kKilo = 1000;
  constexpr double kKiloFrom = 10'000;
  return rows_per_second >= kKiloFrom ? std::to_string(std::llround(rows_per_second / kKilo)) + " k rows/s"
                                      : std::to_string(std::llround(rows_per_second)) + " rows/s";
}

// Larger is better.
std::optional<double> score_of(const Trial& trial, Optimize optimize) {
  switch (optimize) {
    case Optimize::time:
      return trial.rows_per_second;
    case Optimize::wal:
      return trial.wal_bytes_per_row ? std::optional(-*trial.wal_bytes_per_row) : std::nullopt;
    case Optimize::io:
      return trial.wal_bytes_per_row
                 ? std::optional(-(*trial.wal_bytes_per_row + kBlockBytes * trial.blocks_read_per_row.value_or(0)))
                 : std::nullopt;
  }
  return std::nullopt;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void add_if_seen(nlohmann::ordered_json& document, const char* name, const std::optional<double>& value) {
  if (value) {
    document[name] = *value;
  }
}

}  // namespace

std::string_view name_of(Optimize optimize) {
  return std::find_if(kOptimize.begin(), kOptimize.end(), [&](const auto& pair) { return pair.first == optimize; })
      ->second;
}

Optimize optimize_named(std::string_view name) {
  for (const auto& [optimize, known] : kOptimize) {
    if (known == name) {
      return optimize;
    }
  }
  throw pg::Failure(pg::FailureKind::refused, "--optimize is time, wal or io, not \"" + std::string(name) + "\"");
}

std::string display(const Choice& choice) {
  return std::string(name_of(choice.method)) + " with " + std::to_string(choice.workers) +
         (choice.workers == 1 ? " worker" : " workers");
}

Calibration::Calibration(CalibrationOptions options) : options_(std::move(options)) {
  // Unless all methods can be measured once, none is.
  const std::size_t needed = options_.methods.size() * (options_.workers + ranges_per_trial(options_.workers));
  compares_methods_ = options_.methods.size() > 1 && is_within_budget(needed);
}

bool Calibration::is_within_budget(std::size_t ranges) const {
  return static_cast<double>(ranges) <= options_.share_max * static_cast<double>(options_.ranges);
}

std::size_t Calibration::ranges_per_trial(unsigned workers) const {
  // A warm-up and a measured trial of each method, and one of twice the sessions.
  const std::size_t methods = options_.methods.size() > 1 ? 2 * options_.methods.size() : 1;
  const std::size_t shares = methods + (options_.workers_max > options_.workers ? 2 : 0);
  const double budget = options_.share_max * static_cast<double>(options_.ranges);
  const auto wanted = static_cast<std::size_t>(budget / static_cast<double>(shares));
  return std::clamp<std::size_t>(wanted, workers, kRangesPerWorkerMax * workers) / workers * workers;
}

bool Calibration::can_pay(unsigned workers) const {
  return is_within_budget(ranges_used_ + ranges_per_trial(workers));
}

std::size_t Calibration::measured_count(const Choice& choice) const {
  return static_cast<std::size_t>(std::count_if(
      trials_.begin(), trials_.end(), [&](const Trial& trial) { return !trial.is_warm_up && trial.choice == choice; }));
}

std::optional<double> Calibration::score(const Choice& choice) const {
  std::vector<double> scores;
  for (const Trial& trial : trials_) {
    if (const auto value = score_of(trial, options_.optimize); value && !trial.is_warm_up && trial.choice == choice) {
      scores.push_back(*value);
    }
  }
  return scores.empty() ? std::nullopt : std::optional(median(std::move(scores)));
}

Method Calibration::best_method() const {
  Method best = options_.methods.front();
  std::optional<double> best_score = score({best, options_.workers});
  for (const Method method : options_.methods) {
    const std::optional<double> found = score({method, options_.workers});
    if (found && best_score && *found > *best_score) {
      best = method;
      best_score = found;
    }
  }
  return best;
}

std::optional<Calibration::Request> Calibration::next_method() const {
  const std::vector<Method>& methods = options_.methods;
  if (!compares_methods_ || methods.size() < 2) {
    return std::nullopt;
  }
  const auto request = [&](Method method, bool is_warm_up) {
    const Choice choice{method, options_.workers};
    return Request{choice, is_warm_up ? options_.workers : ranges_per_trial(options_.workers), is_warm_up};
  };
  for (const Method method : methods) {
    if (std::none_of(trials_.begin(), trials_.end(),
                     [&](const Trial& trial) { return trial.choice.method == method; })) {
      return request(method, true);
    }
  }
  const auto count_of = [&](Method method) { return measured_count({method, options_.workers}); };
  const Method least =
      *std::min_element(methods.begin(), methods.end(), [&](Method a, Method b) { return count_of(a) < count_of(b); });
  const std::size_t rounds = count_of(least);
  if (rounds == 0) {
    return request(least, false);
  }
  const bool is_round_complete =
      std::all_of(methods.begin(), methods.end(), [&](Method method) { return count_of(method) == rounds; });
  if (!is_round_complete) {
    return can_pay(options_.workers) ? std::optional(request(least, false)) : std::nullopt;
  }
  std::vector<double> rates;
  for (const Method method : methods) {
    rates.push_back(std::abs(score({method, options_.workers}).value_or(0)));
  }
  std::sort(rates.begin(), rates.end(), std::greater<>());
  const bool is_close = rates[1] > 0 && rates[0] < kClose * rates[1];
  const bool has_budget = is_within_budget(ranges_used_ + methods.size() * ranges_per_trial(options_.workers));
  return is_close && has_budget && rounds < kRoundsMax ? std::optional(request(methods.front(), false)) : std::nullopt;
}

// Doubles the sessions while that pays.
std::optional<Calibration::Request> Calibration::next_workers() const {
  if (options_.workers_max <= options_.workers) {
    return std::nullopt;
  }
  const Method method = best_method();
  if (measured_count({method, options_.workers}) == 0 &&
      !is_within_budget(ranges_used_ + ranges_per_trial(options_.workers) + ranges_per_trial(2 * options_.workers))) {
    return std::nullopt;  // One number alone tells nothing.
  }
  for (unsigned workers = options_.workers; workers <= options_.workers_max; workers *= 2) {
    if (measured_count({method, workers}) == 0) {
      return can_pay(workers) ? std::optional(Request{{method, workers}, ranges_per_trial(workers), false})
                              : std::nullopt;
    }
    if (workers > options_.workers) {
      const std::optional<double> before = score({method, workers / 2});
      const std::optional<double> now = score({method, workers});
      if (options_.optimize != Optimize::time || !before || !now || *now < kWorthMoreSessions * *before) {
        return std::nullopt;
      }
    }
  }
  return std::nullopt;
}

std::optional<Calibration::Request> Calibration::next() const {
  std::optional<Request> request = next_method();
  return request ? request : next_workers();
}

void Calibration::add(const Trial& trial) {
  trials_.push_back(trial);
  ranges_used_ += trial.is_warm_up ? trial.choice.workers : ranges_per_trial(trial.choice.workers);
}

void Calibration::drop(Method method) {
  std::erase(options_.methods, method);
}

void Calibration::limit_workers(unsigned workers_max) {
  options_.workers_max = std::max(options_.workers, workers_max);
}

Choice Calibration::chosen() const {
  Choice best{best_method(), options_.workers};
  if (options_.optimize != Optimize::time) {
    return best;  // The number of sessions changes the time, not the work.
  }
  for (unsigned workers = 2 * options_.workers; workers <= options_.workers_max; workers *= 2) {
    const std::optional<double> now = score({best.method, workers});
    if (!now || *now < kWorthMoreSessions * score(best).value_or(0)) {
      break;
    }
    best.workers = workers;
  }
  return best;
}

double Calibration::rows_per_second() const {
  std::vector<double> rates;
  for (const Trial& trial : trials_) {
    if (!trial.is_warm_up && trial.choice == chosen()) {
      rates.push_back(trial.rows_per_second);
    }
  }
  return rates.empty() ? 0 : median(std::move(rates));
}

std::string Calibration::summary() const {
  const Choice best = chosen();
  if (trials_.empty()) {
    return display(best) + ": the table has too few ranges to measure on";
  }
  std::string text = display(best) + ": " + rate_text(rows_per_second());
  std::string others;
  std::vector<Choice> told = {best};
  for (const Trial& trial : trials_) {
    if (trial.is_warm_up || std::find(told.begin(), told.end(), trial.choice) != told.end()) {
      continue;
    }
    told.push_back(trial.choice);
    others += (others.empty() ? "" : ", ") + display(trial.choice) + " " + rate_text(trial.rows_per_second);
  }
  return text + (others.empty() ? "" : " (" + others + ")") + ", best by " + std::string(name_of(options_.optimize)) +
         ", measured over " + std::to_string(ranges_used_) + " ranges";
}

nlohmann::ordered_json to_document(const Calibration& calibration, Optimize optimize, const std::string& at,
                                   const std::string& reason) {
  const Choice chosen = calibration.chosen();
  nlohmann::ordered_json document = {{"at", at},
                                     {"reason", reason},
                                     {"optimize", name_of(optimize)},
                                     {"method", name_of(chosen.method)},
                                     {"workers", chosen.workers},
                                     {"rows_per_second", calibration.rows_per_second()},
                                     {"summary", calibration.summary()},
                                     {"trials", nlohmann::ordered_json::array()}};
  for (const Trial& trial : calibration.trials()) {
    nlohmann::ordered_json one = {{"method", name_of(trial.choice.method)},
                                  {"workers", trial.choice.workers},
                                  {"warm_up", trial.is_warm_up},
                                  {"rows", trial.rows},
                                  {"rows_per_second", trial.rows_per_second}};
    add_if_seen(one, "wal_bytes_per_row", trial.wal_bytes_per_row);
    add_if_seen(one, "blocks_read_per_row", trial.blocks_read_per_row);
    add_if_seen(one, "server_cpu_us_per_row", trial.server_cpu_us_per_row);
    document["trials"].push_back(std::move(one));
  }
  return document;
}

std::optional<RememberedChoice> choice_in(const std::string& document) {
  const auto json = nlohmann::json::parse(document, nullptr, false);
  if (!json.is_object() || !json.contains("method") || !json.contains("workers")) {
    return std::nullopt;
  }
  return RememberedChoice{
      {planner::method_named(json.at("method").get<std::string>()), json.at("workers").get<unsigned>()},
      json.value("rows_per_second", 0.0)};
}

void RateWatch::begin_anew() {
  window_begun_.reset();
  rows_in_window_ = 0;
}

void RateWatch::moved(double seconds, std::uint64_t rows) {
  if (!window_begun_) {
    window_begun_ = seconds;  // These rows were moved before the window.
    return;
  }
  rows_in_window_ += rows;
  const double length = seconds - *window_begun_;
  if (length < window_seconds_) {
    return;
  }
  has_fallen_ = static_cast<double>(rows_in_window_) < kFallen * expected_ * length;
  window_begun_ = seconds;
  rows_in_window_ = 0;
}

}  // namespace pgsluice::mover
