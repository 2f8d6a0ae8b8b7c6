#include "mover/live/old_table.hpp"

#include "mover/target_session.hpp"

namespace pgsluice::mover {

namespace {

// The table in use is small after a TRUNCATE, as a rule.
void fill_anew(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "filling the old table anew"); });
  repeat_until_done(session, context, "filling the old table anew", [&](pg::Connection& connection) {
    connection.begin("ISOLATION LEVEL REPEATABLE READ");
    try {
      feed.start_over(connection);
      feed.refill(connection);
    } catch (...) {
      connection.rollback();
      throw;
    }
    connection.commit();
  });
}

}  // namespace

void bring_old_table_near(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context,
                          const ApplierOptions& options) {
  if (catch_up(feed, sessions, context, options).left.holds_truncate) {
    fill_anew(feed, sessions, context);
  }
}

}  // namespace pgsluice::mover
