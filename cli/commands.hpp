// The commands, one file each (plan_command.cpp, …), and the choice between them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::cli {

class Options;

// Each prints its result on standard output and returns its exit code. Fails: as the planner and the mover do.
int plan_command(const Options& options);
int estimate_command(const Options& options);
int run_command(const Options& options);
int status_command(const Options& options);
int verify_command(const Options& options);
int cutover_command(const Options& options);
int finish_command(const Options& options);
int rollback_command(const Options& options);
int control_command(const Options& options);

// Runs the command that the arguments (without the program's name) ask for, and tells of a failure: as text on standard
// error, and with --json as the result too. Returns the exit code; never throws.
int act_on(const std::vector<std::string>& arguments);

std::string_view version();

}  // namespace pgsluice::cli
