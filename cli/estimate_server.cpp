#include "cli/estimate_server.hpp"

#include <algorithm>
#include <string_view>

#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

constexpr double kMega = 1e6;
constexpr double kMebi = 1024.0 * 1024;

std::optional<double> positive(const Options& options, std::string_view name, double unit) {
  if (!options.has(name)) {
    return std::nullopt;
  }
  const std::uint64_t count = options.count(name, 0);
  if (count == 0) {
    throw Failure(FailureKind::refused, "--" + std::string(name) + " must not be 0");
  }
  return static_cast<double>(count) * unit;
}

void refuse_alone(const Options& options, std::string_view name, bool has_company, const std::string& company) {
  if (options.has(name) && !has_company) {
    throw Failure(FailureKind::refused, "--" + std::string(name) + " says nothing without " + company);
  }
}

}  // namespace

NamedServer named_server(const Options& options) {
  NamedServer named;
  if (!options.has("volume") && !options.has("instance")) {
    return named;
  }
  named.server.emplace();
  const capacity::CreditShare credits = capacity::parse_credits(options.text("credits", "unknown"));
  if (options.has("volume")) {
    named.text = options.text("volume");
    named.server->volume = capacity::parse_volume(named.text);
    if (named.server->volume.can_burst() && !capacity::parse_wish(named.text).says_credits) {
      named.server->volume.credits_share = credits;
    }
  }
  if (options.has("instance")) {
    capacity::InstanceOverrides overrides;
    overrides.base_ops = positive(options, "instance-base-iops", 1);
    overrides.base_bytes = positive(options, "instance-base-mbps", kMega);
    named.server->instance = capacity::instance_named(options.text("instance"), overrides);
    named.server->instance->ops_credits_share = credits;
    named.server->instance->bytes_credits_share = credits;
    named.text += (named.text.empty() ? "" : ", ") + named.server->instance->name;
  }
  return named;
}

capacity::Server with_all_credits(capacity::Server server) {
  if (server.volume.can_burst()) {
    server.volume.credits_share = 1;
  }
  if (server.instance) {
    server.instance->ops_credits_share = 1;
    server.instance->bytes_credits_share = 1;
  }
  return server;
}

void limit_job(capacity::Job& job, const Options& options) {
  if (options.has("cores")) {
    job.cores = static_cast<unsigned>(*positive(options, "cores", 1));
  }
  job.foreground.ops = static_cast<double>(options.count("foreground-iops", 0));
  job.foreground.bytes = static_cast<double>(options.count("foreground-mbps", 0)) * kMebi;
  // The model knows the server's total only, so our own budget is one beside what the application does.
  job.target_ops = positive(options, "server-iops", 1);
  if (const auto own = positive(options, "max-iops", 1)) {
    const double with_application = *own + job.foreground.ops;
    job.target_ops = std::min(job.target_ops.value_or(with_application), with_application);
  }
}

void check_server_options(const Options& options) {
  const bool has_server = options.has("volume") || options.has("instance");
  const std::string server = "--volume or --instance";
  refuse_alone(options, "credits", has_server, server);
  refuse_alone(options, "foreground-mbps", has_server, server);
  refuse_alone(options, "foreground-iops", has_server || options.has("max-iops") || options.has("server-iops"),
               server + ", --max-iops or --server-iops");
  refuse_alone(options, "instance-base-iops", options.has("instance"), "--instance");
  refuse_alone(options, "instance-base-mbps", options.has("instance"), "--instance");
  named_server(options);
  capacity::Job job;
  limit_job(job, options);
}

}  // namespace pgsluice::cli
