#include "capacity/simulation.hpp"

#include <algorithm>
#include <cmath>

namespace pgsluice::capacity {

namespace {

constexpr double kRounding = 1e-9;  // Relative; less than this is an error of arithmetic.

}  // namespace

Simulation::Simulation(const Server& server, const SimulationOptions& options)
    : operation_bytes_max_(server.volume.operation_bytes_max), foreground_(options.foreground) {
  for (const LimitBucket& limit : limits_of(server)) {
    buckets_.push_back({limit, limit.credits_max * limit.credits_share.value_or(options.unknown_credits)});
  }
  if (options.target_ops) {
    buckets_.push_back({{.limit = Limit::target_ops, .base = *options.target_ops, .burst = *options.target_ops}});
  }
  foreground_.ops = std::max(foreground_.ops, foreground_.bytes / operation_bytes_max_);
}

double Simulation::credits(Limit limit) const {
  for (const Bucket& bucket : buckets_) {
    if (bucket.is.limit == limit) {
      return bucket.credits;
    }
  }
  return 0;
}

double Simulation::allowed(bool ops) const {
  double least = kForever;
  for (const Bucket& bucket : buckets_) {
    if (bucket.is.counts_ops() == ops) {
      least = std::min(least, bucket.allowed());
    }
  }
  return least;
}

Simulation::Rate Simulation::rate_of(const Demand& demand) const {
  Rate rate;
  const auto lower_to = [&](double units_per_second, Limit limit) {
    if (units_per_second < rate.units_per_second) {
      rate = {units_per_second, limit};
    }
  };
  for (const Bucket& bucket : buckets_) {
    const double each = bucket.is.counts_ops() ? demand.ops_per_unit : demand.bytes_per_unit;
    if (each > 0) {
      const double others = bucket.is.counts_ops() ? foreground_.ops : foreground_.bytes;
      lower_to(std::max(0.0, bucket.allowed() - others) / each, bucket.is.limit);
    }
  }
  for (const RateCap& cap : demand.caps) {
    lower_to(cap.units_per_second, cap.limit);
  }
  return rate;
}

double Simulation::advance(const Demand& demand, Rate rate, double units, double end_seconds) {
  const double seconds_max = end_seconds - seconds_;
  Phase phase;
  phase.begin_seconds = seconds_;
  phase.units_per_second = rate.units_per_second;
  phase.limit = rate.limit;
  const auto used = [&](bool ops) {
    const double others = std::min(ops ? foreground_.ops : foreground_.bytes, allowed(ops));
    const double each = ops ? demand.ops_per_unit : demand.bytes_per_unit;
    return each > 0 ? others + rate.units_per_second * each : others;  // An infinite rate of nothing is nothing.
  };
  phase.ops_per_second = used(true);
  phase.bytes_per_second = used(false);

  // What each bucket gains a second; when the first runs empty or full.
  std::vector<double> gains;
  double event_seconds = kForever;
  for (const Bucket& bucket : buckets_) {
    const double use = bucket.is.counts_ops() ? phase.ops_per_second : phase.bytes_per_second;
    double gain = 0;
    if (bucket.is.credits_max > 0 && std::abs(bucket.is.base - use) > kRounding * bucket.is.base) {
      gain = std::min(bucket.is.base - use, bucket.is.refill_max);
    }
    if (gain > 0) {
      gain = bucket.credits < bucket.is.credits_max ? gain : 0;
    }
    if (gain != 0) {
      event_seconds = std::min(event_seconds,
                               (gain > 0 ? bucket.is.credits_max - bucket.credits : bucket.credits) / std::abs(gain));
    }
    gains.push_back(gain);
  }
  double work_seconds = rate.units_per_second > 0 ? units / rate.units_per_second : kForever;
  work_seconds = std::isfinite(rate.units_per_second) ? work_seconds : 0;
  phase.seconds = std::min({event_seconds, work_seconds, seconds_max});
  phase.units = phase.seconds == work_seconds ? units : rate.units_per_second * phase.seconds;
  if (rate.units_per_second == 0) {
    phase.units = 0;
  }

  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    Bucket& bucket = buckets_[i];
    if (gains[i] == 0) {
      continue;
    }
    bucket.credits += gains[i] * phase.seconds;
    const double rounding = kRounding * bucket.is.credits_max;
    if (gains[i] < 0 && bucket.credits <= rounding) {
      bucket.credits = 0;
      phase.emptied = bucket.is.limit;
    } else if (gains[i] > 0 && bucket.credits >= bucket.is.credits_max - rounding) {
      bucket.credits = bucket.is.credits_max;
      phase.filled = bucket.is.limit;
    }
  }
  seconds_ = phase.seconds == seconds_max ? end_seconds : seconds_ + phase.seconds;
  phases_.push_back(phase);
  return phase.units;
}

double Simulation::work(const Demand& demand, double units, double seconds_max) {
  Demand counted = demand;
  counted.ops_per_unit = std::max(demand.ops_per_unit, demand.bytes_per_unit / operation_bytes_max_);
  const double end_seconds = seconds_ + seconds_max;
  double left = units;
  double done = 0;
  while (left > 0 && seconds_ < end_seconds) {
    const double units_done = advance(counted, rate_of(counted), left, end_seconds);
    left -= std::isfinite(left) ? units_done : 0;
    done += units_done;
  }
  return left > 0 ? done : units;
}

void Simulation::rest(double seconds) {
  const double end_seconds = seconds_ + seconds;
  while (seconds_ < end_seconds) {
    advance({}, {0, Limit::nothing}, 0, end_seconds);
  }
}

double trial_error(const Server& server, const SimulationOptions& options, const Demand& demand, double trial_seconds,
                   double units) {
  Simulation trial(server, options);
  const double trial_rate = trial.work(demand, kForever, trial_seconds) / trial_seconds;
  Simulation job(server, options);
  job.work(demand, units);
  if (trial_rate == 0) {
    return 1;  // It expected no end, and there is none.
  }
  if (units == kForever) {
    return trial_rate / job.phases().back().units_per_second;
  }
  return job.seconds() / (units / trial_rate);
}

}  // namespace pgsluice::capacity
