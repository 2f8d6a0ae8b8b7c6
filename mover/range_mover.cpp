#include "mover/range_mover.hpp"

#include <algorithm>

#include "pg/identifier.hpp"
#include "pg/statements.hpp"

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
                       const RetryContext& context, Tally& tally, const SumForm* sums)
    : plan_(plan),
      sums_(sums),
      context_(context),
      tally_(tally),
      target_([&sessions, &plan] { return sessions.open_target("worker", target_settings(plan)); }),
      source_([&sessions, &plan] { return sessions.open_source("worker, reading", source_settings(plan)); }),
      slicer_(plan),
      sizer_(sizes) {}

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

bool RangeMover::claim(pg::Connection& target, const planner::Range& range) {
  if (claim_generation_ == target_.generation()) {
    return true;
  }
  publish_cancellers(target);
  if (!try_claim_range(target, plan_.migration_id, range.index)) {
    return false;
  }
  claim_generation_ = target_.generation();
  position_is_certain_ = false;
  return true;
}

void RangeMover::release(const planner::Range& range) {
  if (!target_.is_open() || claim_generation_ != target_.generation()) {
    return;
  }
  try {
    release_range(target_.connection(), plan_.migration_id, range.index);
  } catch (const pg::Failure&) {
    target_.drop();  // The claim ends with its session; what was moved is committed.
  }
}

void RangeMover::take_sums(pg::Connection& target, const planner::Range& range, BatchMethod& method, const Slice& slice,
                           const BatchResult& result, LedgerEntry& entry) {
  if (planner::empties_source(plan_.method)) {
    entry.checksum = result.checksum;
    entry.rows_summed = result.rows;
    return;
  }
  if (sums_ == nullptr) {
    return;
  }
  const RowTally source = read_source_tally(method.source_session(target), plan_, *sums_, slice);
  check_arrival(plan_, range, source, result);
  entry.checksum = source.checksum.text();
  entry.rows_summed = result.rows;
  entry.rows_checked = result.arrived ? result.rows : 0;
}

void RangeMover::move_batch(pg::Connection& target, const planner::Range& range, BatchMethod& method) {
  const auto begun = std::chrono::steady_clock::now();
  const double part_before = part_done(range);
  const Cut cut = slicer_.next(method.source_session(target), range, position_.up_to, sizer_.rows());
  position_is_certain_ = false;
  target.begin(method.transaction_mode());
  const BatchResult result = method.move_rows(target, cut.slice, cut.is_smallest);
  if (result.too_large) {
    target.rollback();
    sizer_.shrink();
    position_is_certain_ = true;
    return;
  }
  LedgerEntry entry;
  entry.range = range.index;
  entry.complete = cut.is_last;
  entry.up_to = cut.is_last ? std::nullopt : cut.slice.upper;
  entry.rows = result.rows;
  entry.bytes = result.bytes;
  if (plan_.key.is_ctid()) {
    check_heap_is_the_same(method.source_session(target));
  }
  take_sums(target, range, method, cut.slice, result, entry);
  if (!advance_ledger(target, plan_.migration_id, position_.up_to, entry)) {
    target.rollback();  // Somebody moved on meanwhile (L2): the next call reads where the ledger stands.
    return;
  }
  target.commit();
  position_.complete = cut.is_last;
  position_.up_to = entry.up_to;
  rows_moved_ += result.rows;
  landing_ = landing_ ? together(*landing_, method.landing()) : method.landing();
  position_.rows += result.rows;
  position_.bytes += result.bytes;
  position_is_certain_ = true;
  sizer_.moved(result.rows, result.bytes,
               std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun));
  tally_.batch_moved(result.rows, result.bytes, part_before, part_done(range));
}

// Read after the batch's rows, whose lock keeps the file as it is until the batch's transaction ends; a `stream` reads
// in a session of its own, and there a file that is still the planned one was so before.
void RangeMover::check_heap_is_the_same(pg::Connection& source) const {
  const pg::Result row =
      source.query_prepared(pg::statement("file_node", source.server_major_version()), {source_table_sql(plan_)});
  if (!row.is_null(0, 0) && row.integer(0, 0) == static_cast<std::int64_t>(plan_.source.file_node)) {
    return;
  }
  throw pg::Failure(pg::FailureKind::server,
                    "the rows of " + pg::display(plan_.source.name) + " were rewritten while they were moved")
      .detail(
          "Something like VACUUM FULL, CLUSTER or ALTER TABLE gave the table a new file, so ranges of heap blocks have "
          "lost their meaning.")
      .hint("Undo with `pgsluice rollback`, then plan again; --split key makes ranges that outlive a rewrite.")
      .status(
          "the batch is rolled back; what was moved before is as it was, and the source lacks nothing that is not in "
          "the target");
}

RangeOutcome RangeMover::move(const planner::Range& range, planner::Method method) {
  const std::string what = "range " + std::to_string(range.index);
  BatchMethod& batches = method_named(method);
  rows_moved_ = 0;
  landing_.reset();
  claim_generation_ = 0;
  position_ = {};
  bool is_mine = true;
  try {
    while (!position_.complete && is_mine) {
      if (context_.stop.is_requested()) {
        break;
      }
      repeat_until_done(target_, context_, what, [&](pg::Connection& target) {
        is_mine = claim(target, range);
        if (!is_mine) {
          return;
        }
        if (!position_is_certain_) {
          const std::optional<LedgerEntry> entry = read_ledger_entry(target, plan_.migration_id, range.index);
          position_ = entry ? Position{entry->up_to, entry->complete, entry->rows, entry->bytes} : Position{};
          position_is_certain_ = true;
        }
        if (!position_.complete) {
          move_batch(target, range, batches);
        }
      });
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
