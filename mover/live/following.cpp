#include "mover/live/following.hpp"

#include "mover/ledger.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

void add_list(std::string& text, const std::vector<std::string>& names, const std::string& what) {
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + name;
  }
  if (!list.empty()) {
    text += (text.empty() ? "" : "; ") + what + ": " + list;
  }
}

}  // namespace

std::string drift_text(const PartitionDrift& drift) {
  std::string text;
  add_list(text, drift.added, "added");
  add_list(text, drift.gone, "dropped or detached");
  add_list(text, drift.doubtful, "emptied or written anew, or away for a while, unseen");
  return text;
}

void take_partitions_in(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return sessions.open_source("looking at partitions"); });
  const pg::QualifiedName& table = feed.feed().from;
  const std::string what = "looking at the partitions of " + pg::display(table);
  PartitionDrift drift;
  repeat_naming_holders(session, context, what, table,
                        [&](pg::Connection& source) { drift = feed.take_partitions_in(source); });
  if (!drift.is_none()) {
    context.observer.noted("partitions of " + pg::display(table) + " came or went; " + drift_text(drift) +
                           (drift.loses_rows() ? ". Rows are gone without a trace, so all are copied anew"
                                               : ". Their rows are brought over, too"));
  }
}

void refuse_drift(const ChangeFeed& feed, pg::Connection& connection) {
  const PartitionDrift drift = feed.read_drift(connection);
  if (!drift.is_none()) {
    throw pg::Failure(pg::FailureKind::refused,
                      "partitions of " + pg::display(feed.feed().from) + " came or went since `pgsluice run`")
        .detail(drift_text(drift) + ".")
        .hint(drift.loses_rows() ? "Run `pgsluice run`: it removes what was copied and copies the rows of now."
                                 : "Run `pgsluice run`: it brings their rows over.")
        .status("nothing was changed");
  }
}

void begin_to_follow(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return sessions.open_source("capturing"); });
  const pg::QualifiedName& table = feed.feed().from;
  const std::string what = "capturing changes of " + pg::display(table);
  repeat_naming_holders(session, context, what, table, [&](pg::Connection& source) {
    const ChangeFeed::Installed installed = feed.read_installed(source);
    if (installed == ChangeFeed::Installed::wholly) {
      return;
    }
    in_transaction(source, [&] {
      if (installed == ChangeFeed::Installed::in_part) {
        feed.stop(source);
      }
      feed.make_ready(source);
      feed.install(source);
    });
  });
}

void refuse_broken_capture(const ChangeFeed& feed, pg::Connection& connection) {
  if (feed.read_installed(connection) != ChangeFeed::Installed::wholly) {
    throw pg::Failure(pg::FailureKind::refused,
                      "changes of " + pg::display(feed.feed().from) + " are not captured any more")
        .detail("Somebody dropped or disabled triggers of ours; what was written since then is not known.")
        .hint(feed.feed().direction == planner::FeedDirection::forward
                  ? "Undo with `pgsluice rollback`, then plan again."
                  : "Where a partition was dropped or renamed, `pgsluice finish` is the way on; there is no way back.")
        .status("nothing was changed");
  }
}

void start_over(const planner::Plan& plan, const ChangeFeed& feed, const Sessions& sessions,
                const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "starting over"); });
  repeat_until_done(session, context, "emptying " + pg::display(feed.feed().to), [&](pg::Connection& target) {
    in_transaction(target, [&] {
      feed.start_over(target);
      fixed_query(target, "forget_batches", {plan.migration_id});
      write_phase(target, plan.migration_id, planner::Phase::preparing);
    });
  });
}

void forget_feed(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "ending the capture"); });
  repeat_until_done(session, context, "removing a log of changes",
                    [&](pg::Connection& target) { in_transaction(target, [&] { feed.remove(target); }); });
}

void end_following(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return sessions.open_source("ending the capture"); });
  const pg::QualifiedName& table = feed.feed().from;
  repeat_naming_holders(session, context, "ending the capture of " + pg::display(table), table,
                        [&](pg::Connection& source) {
                          in_transaction(source, [&] {
                            feed.stop(source);
                            feed.remove(source);
                          });
                        });
}

}  // namespace pgsluice::mover
