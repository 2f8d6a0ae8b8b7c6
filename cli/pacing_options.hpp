// What the options say of I/O budgets, the meter and the brakes.
#pragma once

#include "cli/options.hpp"
#include "mover/control_settings.hpp"
#include "mover/pacing.hpp"

namespace pgsluice::cli {

// Adds --max-iops, --max-mbps and --server-iops, where they are given.
void add_limits(const Options& options, mover::GivenSettings& given);

// `state`: the limits that hold, which the options or an earlier `pgsluice control` set.
// Fails: refused.
mover::PacingOptions pacing_options(const Options& options, const mover::ControlState& state);

}  // namespace pgsluice::cli
