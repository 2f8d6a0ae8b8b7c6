// Sessions for work on tables of our own that nobody else uses yet, and the discipline for those of the application.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "pg/connection.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::mover {

// On the target. It waits for locks long enough that PostgreSQL takes autovacuum off our tables (deadlock_timeout);
// what it asks for must not make the application wait, or must be asked for after wait_briefly().
pg::Connection open_patient_target(const Sessions& sessions, std::string_view purpose,
                                   const Sessions::Settings& settings = {});

// For the rest of the transaction, locks are waited for as long as --lock-timeout says; or as long as such a session
// waits.
void wait_briefly(pg::Connection& connection, const Sessions& sessions);
void be_patient(pg::Connection& connection);

// SET LOCAL name = value.
void set_for_transaction(pg::Connection& connection, std::string_view name, const std::string& value);

// As repeat_until_done; after each lock timeout the observer is told who holds the table.
void repeat_naming_holders(Session& session, const RetryContext& context, std::string_view what,
                           const pg::QualifiedName& table, const std::function<void(pg::Connection&)>& body);

// Runs `body` in a transaction.
void in_transaction(pg::Connection& connection, const std::function<void()>& body);

// A fixed statement of sql/, in the version that this server understands.
pg::Result fixed_query(pg::Connection& connection, std::string_view statement_name,
                       const pg::Parameters& parameters = {});

// Fails: interrupted, when a stop was requested; what is done stays, and `doing` goes on in the next run.
void leave_if_stopped(const RetryContext& context, std::string_view doing);

}  // namespace pgsluice::mover
