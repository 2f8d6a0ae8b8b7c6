// The options that say where the job will run, made into a server for capacity/, and into the limits of a job.
#pragma once

#include <optional>
#include <string>

#include "capacity/job.hpp"
#include "capacity/server.hpp"
#include "cli/options.hpp"

namespace pgsluice::cli {

struct NamedServer {
  std::optional<capacity::Server> server;  // Absent when neither --volume nor --instance is given.
  std::string text;                        // "gp2:2000, db.r5.4xlarge"
};

// --volume, --instance, --instance-base-iops, --instance-base-mbps, --credits. Fails: refused.
NamedServer named_server(const Options& options);

// The same server with all of its credits, as a volume and an instance have them that were made a moment ago.
capacity::Server with_all_credits(capacity::Server server);

// --max-iops, --cores, --foreground-iops, --foreground-mbps. Fails: refused.
void limit_job(capacity::Job& job, const Options& options);

// All of these options can be read, and none of them says nothing. Fails: refused.
void check_server_options(const Options& options);

}  // namespace pgsluice::cli
