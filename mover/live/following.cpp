#include "mover/live/following.hpp"

#include "mover/ledger.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

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
        .hint("Undo with `pgsluice rollback`, then plan again.")
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
