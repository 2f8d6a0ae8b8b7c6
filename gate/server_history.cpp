#include "gate/server_history.hpp"

#include <algorithm>
#include <cmath>

namespace pgsluice::gate {

namespace {

constexpr double kRememberedSeconds = 300;
constexpr double kSpikeTimes = 3;
constexpr double kCycleWeight = 0.5;
constexpr double kCycleWalBytesMin = 16.0 * 1024 * 1024;
constexpr double kCycleSecondsMin = 10;
constexpr double kAlike = 1.5;             // WAL a second of two cycles in a row.
constexpr double kOthersShareSmall = 0.2;  // Of the WAL.
// Before a cycle was seen: about one page for each full-page image.
constexpr double kWrittenPerWalByteAssumed = 1 / kPageBytes;
constexpr double kWrittenPerWalByteMax = 1.0 / 64;

double grown(std::uint64_t from, std::uint64_t to) {
  return static_cast<double>(to - from);
}

Cost cost(double pages, double wal_bytes, double operations_per_page) {
  return {pages * operations_per_page + wal_bytes / kWalBytesPerOperation, pages * kPageBytes + wal_bytes};
}

}  // namespace

ServerHistory::ServerHistory()
    : written_per_wal_byte_(kWrittenPerWalByteAssumed), application_written_per_wal_byte_(kWrittenPerWalByteAssumed) {}

ServerHistory::Window ServerHistory::between(const Snapshot& from, const Snapshot& to) {
  Window window;
  window.seconds = to.sample.seconds - from.sample.seconds;
  window.pages_read =
      std::max(0.0, grown(from.sample.pages_read, to.sample.pages_read) - (to.hidden_reads - from.hidden_reads));
  window.pages_written = grown(from.sample.pages_written, to.sample.pages_written);
  window.wal_bytes = grown(from.sample.wal_bytes, to.sample.wal_bytes);
  if (from.sample.device_operations && to.sample.device_operations) {
    window.device_operations = grown(*from.sample.device_operations, *to.sample.device_operations);
  }
  window.read_seconds = to.sample.read_seconds.value_or(0) - from.sample.read_seconds.value_or(0);
  window.own = {to.own.rows - from.own.rows, to.own.touched - from.own.touched, to.own.charged - from.own.charged};
  window.own_reads_shown =
      window.own.touched.pages_read + (to.sample.reads_hold_growth ? window.own.touched.pages_grown : 0);
  return window;
}

void ServerHistory::begin_anew() {
  snapshots_.clear();
  cycle_ends_.clear();
}

std::optional<double> ServerHistory::add(const MeterSample& sample, const OwnTotals& own, double operations_max,
                                         double written_per_dirtied) {
  std::optional<double> told;
  Snapshot snapshot{sample, 0, sample.seconds, own};
  if (!snapshots_.empty()) {
    const Snapshot& last = snapshots_.back();
    snapshot.hidden_reads = last.hidden_reads;
    const double reads = grown(last.sample.pages_read, sample.pages_read);
    snapshot.hidden_reads +=
        std::max(0.0, reads - kSpikeTimes * operations_max * (sample.seconds - last.reads_moved_at));
    snapshot.reads_moved_at = reads > 0 ? sample.seconds : last.reads_moved_at;
    if (sample.checkpoints_done && last.sample.checkpoints_done &&
        *sample.checkpoints_done != *last.sample.checkpoints_done) {
      told = end_cycle(snapshot, written_per_dirtied);
    }
  }
  snapshots_.push_back(snapshot);
  while (snapshots_.front().sample.seconds < sample.seconds - kRememberedSeconds) {
    snapshots_.pop_front();
  }
  return told;
}

std::optional<double> ServerHistory::end_cycle(const Snapshot& end, double written_per_dirtied) {
  constexpr std::size_t kEnds = 3;
  if (!cycle_ends_.empty() && end.sample.seconds - cycle_ends_.back().sample.seconds < kCycleSecondsMin) {
    return std::nullopt;  // One on request, right after another.
  }
  cycle_ends_.push_back(end);
  if (cycle_ends_.size() > kEnds) {
    cycle_ends_.pop_front();
  }
  if (cycle_ends_.size() < kEnds) {
    return std::nullopt;
  }
  const Window before = between(cycle_ends_[0], cycle_ends_[1]);
  const Window last = between(cycle_ends_[1], cycle_ends_[2]);
  const double change = last.wal_bytes / last.seconds / std::max(1.0, before.wal_bytes / before.seconds);
  if (last.wal_bytes < kCycleWalBytesMin || change > kAlike || change < 1 / kAlike) {
    return std::nullopt;
  }
  const auto learn = [](double& mean, double seen) {
    mean += kCycleWeight * (std::clamp(seen, 0.0, kWrittenPerWalByteMax) - mean);
  };
  learn(written_per_wal_byte_, last.pages_written / last.wal_bytes);
  const Touched& own = last.own.touched;
  const double others_wal_bytes = std::max(0.0, last.wal_bytes - own.wal_bytes);
  if (others_wal_bytes > kOthersShareSmall * last.wal_bytes) {
    learn(application_written_per_wal_byte_,
          (last.pages_written - own.pages_dirtied * written_per_dirtied) / others_wal_bytes);
    return std::nullopt;
  }
  const double written = last.pages_written - others_wal_bytes * application_written_per_wal_byte_;
  return own.pages_dirtied > 0 ? std::optional(std::max(0.0, written / own.pages_dirtied)) : std::nullopt;
}

std::optional<ServerHistory::Window> ServerHistory::window(double seconds) const {
  for (std::size_t i = snapshots_.size(); i-- > 0;) {
    if (snapshots_.back().sample.seconds - snapshots_[i].sample.seconds >= seconds) {
      return between(snapshots_[i], snapshots_.back());
    }
  }
  return std::nullopt;
}

std::optional<ServerHistory::Window> ServerHistory::latest() const {
  return snapshots_.size() < 2 ? std::nullopt
                               : std::optional(between(*std::prev(snapshots_.end(), 2), snapshots_.back()));
}

ServerHistory::Pages ServerHistory::pages(const Window& window, const CostModel& model) const {
  if (model.trust() != Trust::measured) {
    return {window.pages_read + window.wal_bytes * written_per_wal_byte_, 0};
  }
  const Touched& own = window.own.touched;
  const double others_read = std::max(0.0, window.pages_read - window.own_reads_shown);
  const double others_wal_bytes = std::max(0.0, window.wal_bytes - own.wal_bytes);
  return {own.pages_read + own.pages_dirtied * model.written_per_dirtied(),
          others_read + others_wal_bytes * application_written_per_wal_byte_};
}

Cost ServerHistory::everybody(const Window& window, const CostModel& model) const {
  return cost(window.pages_read + window.wal_bytes * written_per_wal_byte_, window.wal_bytes,
              model.operations_per_page());
}

Cost ServerHistory::application(const Window& window, const CostModel& model) const {
  if (model.trust() != Trust::measured) {
    return everybody(window, model) - window.own.charged;
  }
  const double wal_bytes = window.wal_bytes - window.own.touched.wal_bytes;
  return cost(window.pages_read - window.own_reads_shown + wal_bytes * application_written_per_wal_byte_, wal_bytes,
              model.operations_per_others_page());
}

}  // namespace pgsluice::gate
