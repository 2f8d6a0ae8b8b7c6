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
constexpr double kAlike = 1.5;          // WAL a second of two cycles in a row.
constexpr double kOwnShareClear = 0.5;  // Of the WAL.
// Before a cycle was seen: about one page for each full-page image.
constexpr double kWrittenPerWalByteAssumed = 1 / kPageBytes;
constexpr double kWrittenPerWalByteMax = 1.0 / 64;

double grown(std::uint64_t from, std::uint64_t to) {
  return static_cast<double>(to - from);
}

}  // namespace

ServerHistory::ServerHistory() : written_per_wal_byte_(kWrittenPerWalByteAssumed) {}

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
  window.own = {to.own.rows - from.own.rows, to.own.touched - from.own.touched, to.own.charged - from.own.charged,
                to.own.measured - from.own.measured};
  return window;
}

void ServerHistory::begin_anew() {
  snapshots_.clear();
  cycle_ends_.clear();
  cycle_.reset();
}

void ServerHistory::add(const MeterSample& sample, const OwnTotals& own, double operations_max) {
  cycle_.reset();
  Snapshot snapshot{sample, 0, own};
  if (!snapshots_.empty()) {
    const Snapshot& last = snapshots_.back();
    snapshot.hidden_reads = last.hidden_reads;
    const double reads_max = kSpikeTimes * operations_max * (sample.seconds - last.sample.seconds);
    const double reads = grown(last.sample.pages_read, sample.pages_read);
    if (reads > reads_max) {
      snapshot.hidden_reads += reads - reads_max;
    }
    if (sample.checkpoints_done && last.sample.checkpoints_done &&
        *sample.checkpoints_done != *last.sample.checkpoints_done) {
      note_cycle(snapshot);
    }
  }
  snapshots_.push_back(snapshot);
  while (snapshots_.front().sample.seconds < sample.seconds - kRememberedSeconds) {
    snapshots_.pop_front();
  }
}

void ServerHistory::note_cycle(const Snapshot& end) {
  constexpr std::size_t kEnds = 3;
  if (!cycle_ends_.empty() && end.sample.seconds - cycle_ends_.back().sample.seconds < kCycleSecondsMin) {
    return;  // One on request, right after another.
  }
  cycle_ends_.push_back(end);
  if (cycle_ends_.size() > kEnds) {
    cycle_ends_.pop_front();
  }
  if (cycle_ends_.size() < kEnds) {
    return;
  }
  const Window before = between(cycle_ends_[0], cycle_ends_[1]);
  const Window last = between(cycle_ends_[1], cycle_ends_[2]);
  const double change = last.wal_bytes / last.seconds / std::max(1.0, before.wal_bytes / before.seconds);
  if (last.wal_bytes < kCycleWalBytesMin || change > kAlike || change < 1 / kAlike) {
    return;
  }
  Cycle cycle{std::min(kWrittenPerWalByteMax, last.pages_written / last.wal_bytes), std::nullopt};
  if (last.own.touched.wal_bytes >= kOwnShareClear * last.wal_bytes && last.own.touched.pages_dirtied > 0) {
    cycle.written_per_dirtied =
        cycle.pages_written_per_wal_byte * last.own.touched.wal_bytes / last.own.touched.pages_dirtied;
  }
  written_per_wal_byte_ =
      knows_writes_ ? written_per_wal_byte_ + kCycleWeight * (cycle.pages_written_per_wal_byte - written_per_wal_byte_)
                    : cycle.pages_written_per_wal_byte;
  knows_writes_ = true;
  cycle_ = cycle;
}

std::optional<std::size_t> ServerHistory::older(std::size_t newest, double seconds) const {
  const double moment = snapshots_[newest].sample.seconds - seconds;
  for (std::size_t i = newest; i-- > 0;) {
    if (snapshots_[i].sample.seconds <= moment) {
      return i;
    }
  }
  return std::nullopt;
}

std::optional<ServerHistory::Window> ServerHistory::window(double seconds) const {
  const auto from = snapshots_.empty() ? std::nullopt : older(snapshots_.size() - 1, seconds);
  return from ? std::optional(between(snapshots_[*from], snapshots_.back())) : std::nullopt;
}

std::optional<ServerHistory::Window> ServerHistory::window_before(double seconds) const {
  const auto to = snapshots_.empty() ? std::nullopt : older(snapshots_.size() - 1, seconds);
  const auto from = to ? older(*to, seconds) : std::nullopt;
  return from ? std::optional(between(snapshots_[*from], snapshots_[*to])) : std::nullopt;
}

Cost ServerHistory::cost(double pages_read, double wal_bytes, const CostModel& model) const {
  const double pages = pages_read + wal_bytes * written_per_wal_byte_;
  return {pages * model.operations_per_page() + wal_bytes / kWalBytesPerOperation, pages * kPageBytes + wal_bytes};
}

Cost ServerHistory::everybody(const Window& window, const CostModel& model) const {
  return cost(window.pages_read, window.wal_bytes, model);
}

Cost ServerHistory::application(const Window& window, const CostModel& model) const {
  if (model.trust() != Trust::measured) {
    const Cost rest = everybody(window, model) - window.own.charged;
    return {std::max(0.0, rest.operations), std::max(0.0, rest.bytes)};
  }
  return cost(std::max(0.0, window.pages_read - window.own.touched.pages_read),
              std::max(0.0, window.wal_bytes - window.own.touched.wal_bytes), model);
}

Cost ServerHistory::measured(const Touched& own, const CostModel& model) const {
  return knows_writes_ ? cost(own.pages_read, own.wal_bytes, model) : model.cost(own);
}

}  // namespace pgsluice::gate
