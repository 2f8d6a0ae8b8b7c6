// step_probe CONNINFO FILE: takes a few known outside steps, for the tests of die_at_step. Inserts one row into the
// table `probe` in a transaction of its own, and another one by a statement that travels with the COMMIT; writes 10
// bytes to FILE, syncs and renames it; says on standard output how its COMMIT ended.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <string>

#include "pg/connection.hpp"
#include "pg/failure.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    pgsluice::pg::SessionOptions session;
    session.conninfo = argv[1];
    pgsluice::pg::Connection connection(session);
    connection.begin();
    connection.query("INSERT INTO probe VALUES ($1)", {"1"});
    const std::array trip = {pgsluice::pg::prepared_step("INSERT INTO probe VALUES ($1)", {"2"}),
                             pgsluice::pg::commit_step()};
    connection.run_together(trip);
    std::cout << "committed\n" << std::flush;  // No step: standard output does not count.

    const std::string file = argv[2];
    const std::string temporary = file + ".new";
    const int out = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (write(out, "0123456789", 10) != 10 || fsync(out) != 0 || close(out) != 0) return 1;
    return std::rename(temporary.c_str(), file.c_str()) == 0 ? 0 : 1;
  } catch (const pgsluice::pg::Failure& failure) {
    const bool in_doubt = failure.kind() == pgsluice::pg::FailureKind::in_doubt;
    const bool lost = failure.kind() == pgsluice::pg::FailureKind::connection;
    std::cout << (in_doubt ? "in doubt" : lost ? "connection lost" : "failed") << "\n" << to_text(failure);
    return pgsluice::pg::exit_code(failure.kind());
  }
}
