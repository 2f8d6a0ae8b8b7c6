// What one statement of ours did: how many rows it changed, and what that cost in pages and WAL, by the server's own
// account of this very statement. Exact and at once, where the server's counters are late and everybody's. What it does
// not hold: the commit's own WAL, and what AFTER triggers and foreign keys do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gate/work.hpp"
#include "pg/connection.hpp"

namespace pgsluice::mover {

struct TouchedRows {
  std::uint64_t rows = 0;
  gate::Touched touched;
};

// Runs an INSERT, UPDATE or DELETE without RETURNING, whatever WITH precedes it, and measures it. It is executed,
// within the open transaction if there is one. Fails: as Connection::query does; refused, if it is no such statement,
// which by then has run.
TouchedRows run_and_measure(pg::Connection& connection, const std::string& sql, const pg::Parameters& parameters = {});

// Reads EXPLAIN's answer. Rows are those of the topmost ModifyTable. Fails: refused, if there is no ModifyTable, or the
// text is none of EXPLAIN's.
TouchedRows parse_explained(std::string_view json);

}  // namespace pgsluice::mover
