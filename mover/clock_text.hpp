// The wall clock as text, for records that people read. Never used to decide anything.
#pragma once

#include <string>

namespace pgsluice::mover {

// Now, UTC, ISO 8601 with seconds: "2026-01-31T23:59:59Z".
std::string utc_now_text();

}  // namespace pgsluice::mover
