#include "mover/live/following.hpp"

#include "mover/ledger.hpp"
#include "mover/target_session.hpp"

namespace pgsluice::mover {

void begin_to_follow(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return sessions.open_source("capturing"); });
  const pg::QualifiedName& table = feed.feed().from;
  const std::string what = "capturing changes of " + pg::display(table);
  repeat_naming_holders(session, context, what, table,
                        [&](pg::Connection& source) { in_transaction(source, [&] { feed.install(source); }); });
}

void start_over(const planner::Plan& plan, const ChangeFeed& feed, const Sessions& sessions,
                const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "starting over"); });
  repeat_until_done(session, context, "emptying " + pg::display(feed.feed().to), [&](pg::Connection& target) {
    in_transaction(target, [&] {
      feed.start_over(target);
      fixed_query(target, "forget_batches", {plan.migration_id});
      write_phase(target, plan.migration_id, planner::Phase::moving);
    });
  });
}

void end_following(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return sessions.open_source("ending the capture"); });
  const pg::QualifiedName& table = feed.feed().from;
  repeat_naming_holders(session, context, "ending the capture of " + pg::display(table), table,
                        [&](pg::Connection& source) { in_transaction(source, [&] { feed.remove(source); }); });
}

}  // namespace pgsluice::mover
