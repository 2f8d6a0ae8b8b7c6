#include "mover/trial_sampler.hpp"

#include <optional>
#include <utility>

#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

constexpr std::chrono::seconds kPeriod{1};
// A shorter rest at the end is no second like the others.
constexpr double kShortestSeconds = 0.5;

// Counters only grow, unless somebody resets them.
double grown(std::uint64_t now, std::uint64_t before) {
  return now > before ? static_cast<double>(now - before) : 0;
}

struct Look {
  double seconds = 0;
  std::uint64_t rows = 0;
  gate::MeterSample sample;
};

TrialSecond between(const Look& before, const Look& now, std::size_t stratum) {
  TrialSecond second;
  second.end_seconds = now.seconds;
  second.stratum = stratum;
  second.rows = grown(now.rows, before.rows);
  second.wal_bytes = grown(now.sample.wal_bytes, before.sample.wal_bytes);
  second.pages_read = grown(now.sample.pages_read, before.sample.pages_read);
  second.pages_written = grown(now.sample.pages_written, before.sample.pages_written);
  if (now.sample.read_seconds && before.sample.read_seconds) {
    second.read_seconds = std::max(0.0, *now.sample.read_seconds - *before.sample.read_seconds);
  }
  if (now.sample.device_operations && before.sample.device_operations) {
    second.device_operations = grown(*now.sample.device_operations, *before.sample.device_operations);
  }
  return second;
}

}  // namespace

TrialSampler::TrialSampler(const Sessions& sessions, const Tally& tally, MeterOptions meter)
    : sessions_(sessions), tally_(tally), meter_(std::move(meter)), thread_([this] {
        try {
          look_until_ended();
        } catch (const pg::Failure&) {
          // The course ends here; the trial goes on without it.
        }
      }) {}

TrialSampler::~TrialSampler() {
  finish();
}

std::vector<TrialSecond> TrialSampler::finish() {
  {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
  }
  ended_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
  return std::move(seconds_);
}

void TrialSampler::look_until_ended() {
  pg::Connection connection = sessions_.open_target("trial, watching");
  const std::unique_ptr<Meter> meter = make_meter(connection, meter_);
  const auto look = [&] {
    Look now;
    now.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
    now.rows = tally_.progress().rows_this_run;
    now.sample = meter->read(connection);
    return now;
  };
  Look before = look();
  bool is_last = false;
  while (!is_last) {
    {
      std::unique_lock lock(mutex_);
      is_last = ended_.wait_for(lock, kPeriod, [this] { return is_ended_; });
    }
    const Look now = look();
    if (!is_last || now.seconds - before.seconds >= kShortestSeconds) {
      seconds_.push_back(between(before, now, stratum_));
    }
    before = now;
  }
}

}  // namespace pgsluice::mover
