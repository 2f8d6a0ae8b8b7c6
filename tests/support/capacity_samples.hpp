// Servers, demands and jobs for the tests of capacity/.
#pragma once

#include <optional>
#include <string_view>

#include "capacity/job.hpp"

namespace pgsluice::tests {

inline capacity::Server server_of(std::string_view volume, std::string_view instance = {}) {
  capacity::Server server{capacity::parse_volume(volume), std::nullopt};
  if (!instance.empty()) {
    server.instance = capacity::instance_named(instance);
  }
  return server;
}

// With an instance whose credits are spent.
inline capacity::Server tired_server_of(std::string_view volume, std::string_view instance) {
  capacity::Server server = server_of(volume, instance);
  server.instance->ops_credits_share = 0;
  server.instance->bytes_credits_share = 0;
  return server;
}

// Operations at most so many a second, each of so many bytes.
inline capacity::Demand operations(double per_second = capacity::kForever, double bytes = 8192) {
  return {1, bytes, {{capacity::Limit::demand, per_second}}};
}

// One stratum, whose rows take 100 bytes each in the target.
inline capacity::Job job_of(double rows, const capacity::Work& per_row) {
  capacity::Job job;
  job.strata.push_back({.name = "all", .rows = rows, .target_bytes_per_row = 100, .per_row = per_row, .batches = {}});
  return job;
}

}  // namespace pgsluice::tests
