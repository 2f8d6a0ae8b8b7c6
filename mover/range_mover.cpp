#include "mover/range_mover.hpp"

#include <algorithm>
#include <utility>

#include "mover/batch_looks.hpp"
#include "mover/meter.hpp"

namespace pgsluice::mover {

namespace {

// A share of rows says nothing of the last few: a range is whole only when it is done.
constexpr double kPartMax = 0.99;

constexpr std::string_view kQueryCancelled = "57014";

// With ranges by key the source is read through the key's index: without statistics the server may choose to scan the
// whole table for each batch.
Sessions::Settings source_settings(const planner::Plan& plan) {
  return plan.key.is_ctid() ? Sessions::Settings{} : Sessions::Settings{{"enable_seqscan", "off"}};
}

// A COMMIT need not wait for the disk: a batch and its ledger row are in one transaction (M1), so a server that crashes
// loses both or neither, and the ledger is asked again before the phase of moving ends, by a COMMIT that does wait.
Sessions::Settings target_settings(const planner::Plan& plan) {
  Sessions::Settings settings = source_settings(plan);
  settings.emplace_back("synchronous_commit", "off");
  return settings;
}

}  // namespace

RangeMover::RangeMover(const planner::Plan& plan, const Sessions& sessions, const BatchSizerOptions& sizes,
                       const RetryContext& context, Tally& tally, const SumForm* sums, GateKeeper* gate)
    : plan_(plan),
      sums_(sums),
      context_(context),
      tally_(tally),
      target_([&sessions, &plan] { return sessions.open_target("worker", target_settings(plan)); }),
      source_([&sessions, &plan] { return sessions.open_source("worker, reading", source_settings(plan)); }),
      slicer_(plan),
      sizer_(sizes),
      gate_(gate),
      batch_rows_(sizes.rows_fixed) {}

BatchMethod& RangeMover::method_named(planner::Method method) {
  std::unique_ptr<BatchMethod>& made = methods_[method];
  if (!made) {
    made = make_batch_method(method, plan_, source_, sums_);
  }
  return *made;
}

void RangeMover::open(planner::Method method) {
  target_.connection();
  if (method == planner::Method::stream) {
    source_.connection();
  }
}

unsigned RangeMover::sessions_missing(planner::Method method) const {
  const bool needs_source = method == planner::Method::stream;
  return (target_.is_open() ? 0U : 1U) + (needs_source && !source_.is_open() ? 1U : 0U);
}

void RangeMover::lend_target(const std::function<void(pg::Connection&)>& body) {
  try {
    publish_cancellers(target_.connection());
    body(target_.connection());
  } catch (const pg::Failure&) {
    target_.drop();
    throw;
  }
}

void RangeMover::close() {
  methods_.clear();
  target_.drop();
  source_.drop();
}

std::vector<int> RangeMover::backend_pids() {
  std::vector<int> pids;
  for (Session* session : {&target_, &source_}) {
    if (session->is_open()) {
      pids.push_back(session->connection().backend_pid());
    }
  }
  return pids;
}

double RangeMover::part_done(const planner::Range& range) const {
  if (range.rows_estimate == 0) {
    return 0;
  }
  return std::min(kPartMax, static_cast<double>(position_.rows) / static_cast<double>(range.rows_estimate));
}

RangeOutcome RangeMover::outcome(const planner::Range& range, RangeOutcome::Kind kind) const {
  RangeOutcome outcome;
  outcome.range = range.index;
  outcome.kind = kind;
  outcome.rows_moved = rows_moved_;
  outcome.is_state_known = position_was_read_;
  outcome.landing = landing_.value_or(Landing{});
  outcome.state.up_to = position_.up_to;
  outcome.state.rows = position_.rows;
  outcome.state.bytes = position_.bytes;
  switch (kind) {
    case RangeOutcome::Kind::done:
      outcome.state.status = planner::RangeStatus::done;
      break;
    case RangeOutcome::Kind::failed:
      outcome.state.status = planner::RangeStatus::failed;
      break;
    case RangeOutcome::Kind::stopped:
    case RangeOutcome::Kind::claimed_elsewhere:
      outcome.state.status = position_.up_to ? planner::RangeStatus::partial : planner::RangeStatus::pending;
      break;
  }
  return outcome;
}

void RangeMover::publish_cancellers(pg::Connection& target) {
  const std::lock_guard lock(cancellers_mutex_);
  target_canceller_ = target.canceller();
}

void RangeMover::cancel() const {
  std::optional<pg::Canceller> canceller;
  {
    const std::lock_guard lock(cancellers_mutex_);
    canceller = target_canceller_;
  }
  if (canceller) {
    canceller->cancel();
  }
}

bool RangeMover::claim(pg::Connection& target, const planner::Range& range, BatchMethod& method) {
  if (claim_generation_ == target_.generation()) {
    if (!position_is_certain_) {
      take_position(read_ledger_entry(target, plan_.migration_id, range.index));
    }
    return true;
  }
  publish_cancellers(target);
  first_batch_.reset();
  // Most ranges are new, and most are one batch, so what that would have to ask is asked before it is known.
  const Slice whole{range.lower, range.upper};
  const std::uint64_t rows = rows_of_batch();
  std::optional<pg::Step> for_cut;
  std::optional<pg::Step> for_method;
  if (&method.source_session(target) == &target) {
    for_cut = slicer_.question(range, {}, rows, target.server_major_version());
    for_method = method.question(whole);
  }
  std::vector<pg::Step> questions;
  for (const std::optional<pg::Step>* question : {&for_cut, &for_method}) {
    if (*question) {
      questions.push_back(**question);
    }
  }
  try {
    RangeClaim claim = claim_range(target, plan_.migration_id, range.index, questions);
    if (!claim.is_mine) {
      return false;
    }
    claim_generation_ = target_.generation();
    take_position(claim.entry);
    if (!questions.empty() && !claim.entry) {
      first_batch_ = FirstBatch{slicer_.cut(range, {}, rows, for_cut ? &claim.answers.front() : nullptr), {}};
      if (for_method && first_batch_->cut.is_last) {
        first_batch_->answer = std::move(claim.answers.back());
      }
    }
  } catch (const pg::Failure&) {
    target_.drop();  // It may hold the claim, and would be given it a second time.
    throw;
  }
  return true;
}

void RangeMover::take_position(const std::optional<LedgerEntry>& entry) {
  position_ = entry ? Position{entry->up_to, entry->complete, entry->rows, entry->bytes} : Position{};
  position_is_certain_ = true;
  position_was_read_ = true;
}

void RangeMover::release(const planner::Range& range) {
  if (!target_.is_open() || claim_generation_ != target_.generation()) {
    return;
  }
  claim_generation_ = 0;
  try {
    release_range(target_.connection(), plan_.migration_id, range.index);
  } catch (const pg::Failure&) {
    target_.drop();  // The claim ends with its session; what was moved is committed.
  }
}

std::uint64_t RangeMover::rows_of_batch() const {
  return std::max<std::uint64_t>(1, std::min(rows_allowed_, sizer_.rows()));
}

// What a batch did counts, whether or not its transaction is committed in the end.
void RangeMover::note_work(const BatchResult& result) {
  work_.rows += static_cast<double>(result.rows);
  if (!result.touched) {
    work_.touched.reset();
  } else if (work_.touched) {
    *work_.touched += *result.touched;
  }
}

// The server counts a session's work when the session is idle, and then not at once unless it is told to.
void RangeMover::show_work_to_meter() {
  constexpr double kPeriodSeconds = 0.5;
  if (gate_ == nullptr || !gate_->is_limited() || !target_.is_open() ||
      (flushed_at_ && gate_->now() - *flushed_at_ < kPeriodSeconds)) {
    return;
  }
  flushed_at_ = gate_->now();
  flush_own_statistics(target_.connection());
}

bool RangeMover::move_next(const std::string& what, const planner::Range& range, BatchMethod& method) {
  sizer_.fix(batch_rows_);
  rows_allowed_ = sizer_.rows();
  std::optional<gate::Permit> permit;
  if (gate_ != nullptr) {
    permit = gate_->enter(sizer_.rows(), [&] { release(range); });
    if (!permit) {
      return true;  // A stop was requested.
    }
    rows_allowed_ = permit->rows_max;
  }
  work_ = {0, gate::Touched{}};
  const auto leave = [&] {
    if (gate_ != nullptr) {
      gate_->leave(*permit, work_);
    }
  };
  bool is_mine = true;
  try {
    repeat_until_done(target_, context_, what, [&](pg::Connection& target) {
      is_mine = claim(target, range, method);
      if (is_mine && !position_.complete) {
        move_batch(target, range, method);
      }
      show_work_to_meter();
    });
  } catch (...) {
    leave();
    throw;
  }
  leave();
  return is_mine;
}

void RangeMover::move_batch(pg::Connection& target, const planner::Range& range, BatchMethod& method) {
  const auto begun = std::chrono::steady_clock::now();
  const double part_before = part_done(range);
  pg::Connection& source = method.source_session(target);
  const std::optional<FirstBatch> first = std::exchange(first_batch_, std::nullopt);
  const Cut cut = first ? first->cut : slicer_.next(source, range, position_.up_to, rows_of_batch());
  position_is_certain_ = false;
  const bool is_measured = gate_ != nullptr && gate_->is_limited();
  const BatchResult result = method.move_rows(
      target, {cut.slice, cut.is_smallest, batch_looks(plan_, sums_, cut.slice, source.server_major_version()),
               first && first->answer ? &*first->answer : nullptr, is_measured});
  note_work(result);
  if (result.too_large) {
    target.rollback();
    sizer_.shrink();
    position_is_certain_ = true;
    return;
  }
  const LedgerEntry entry = entry_of_batch(plan_, sums_, range, cut, result);
  if (!commit_batch(target, plan_.migration_id, position_.up_to, entry)) {
    return;  // Somebody moved on meanwhile (L2): the next call reads where the ledger stands.
  }
  if (cut.is_last) {
    claim_generation_ = 0;
  }
  position_.complete = cut.is_last;
  position_.up_to = entry.up_to;
  rows_moved_ += result.rows;
  landing_ = landing_ ? together(*landing_, method.landing()) : method.landing();
  position_.rows += result.rows;
  position_.bytes += result.bytes;
  position_is_certain_ = true;
  if (rows_allowed_ >= sizer_.rows()) {  // A batch that the gate made small says nothing of larger ones.
    sizer_.moved(result.rows, result.bytes,
                 std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun));
  }
  tally_.batch_moved(result.rows, result.bytes, part_before, part_done(range));
}

RangeOutcome RangeMover::move(const planner::Range& range, planner::Method method) {
  const std::string what = "range " + std::to_string(range.index);
  BatchMethod& batches = method_named(method);
  rows_moved_ = 0;
  landing_.reset();
  position_was_read_ = false;
  claim_generation_ = 0;
  position_ = {};
  bool is_mine = true;
  try {
    while (!position_.complete && is_mine) {
      if (context_.stop.is_requested()) {
        break;
      }
      is_mine = move_next(what, range, batches);
    }
    if (const std::string way = batches.routing_description(); !way.empty()) {
      tally_.noted_once(std::string(name_of(method)) + ": " + way);
    }
    const double part = part_done(range);
    if (is_mine) {
      release(range);
    }
    if (position_.complete) {
      tally_.range_done(part);
      return outcome(range, RangeOutcome::Kind::done);
    }
    return outcome(range, is_mine ? RangeOutcome::Kind::stopped : RangeOutcome::Kind::claimed_elsewhere);
  } catch (const pg::Failure& failure) {
    target_.drop();  // Gives the claim back and ends the transaction, whatever happened.
    if (failure.kind() == pg::FailureKind::interrupted ||
        (context_.stop.is_requested() && failure.sqlstate() == kQueryCancelled)) {
      return outcome(range, RangeOutcome::Kind::stopped);
    }
    if (!failure.is_data_error()) {
      throw;
    }
    RangeOutcome result = outcome(range, RangeOutcome::Kind::failed);
    result.failure = failure;
    result.failure->status("range " + std::to_string(range.index) + ", from " + planner::display_lower(range.lower) +
                           " to " + planner::display_upper(range.upper) +
                           ", is rolled back to its last whole batch; its rows are in the source");
    return result;
  }
}

}  // namespace pgsluice::mover
