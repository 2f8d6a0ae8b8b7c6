#include "capacity/job.hpp"

#include <algorithm>
#include <cmath>

#include "pg/failure.hpp"

namespace pgsluice::capacity {

namespace {

bool is_amount(double value) {
  return std::isfinite(value) && value >= 0;
}

void check_work(const Work& work, const std::string& whose) {
  const auto refuse = [&](const std::string& why) {
    throw pg::Failure(pg::FailureKind::refused, "the work of " + whose + " is not usable: " + why)
        .hint("Measure it again.");
  };
  for (const double value :
       {work.ops_lower, work.ops_upper, work.bytes, work.wal_bytes, work.cpu_seconds, work.session_seconds}) {
    if (!is_amount(value)) {
      refuse("a figure is negative or not finite");
    }
  }
  if (work.ops_lower > work.ops_upper) {
    refuse("the least number of operations is above the greatest");
  }
}

}  // namespace

Work times(Work work, double factor) {
  for (double* value :
       {&work.ops_lower, &work.ops_upper, &work.bytes, &work.wal_bytes, &work.cpu_seconds, &work.session_seconds}) {
    *value *= factor;
  }
  return work;
}

Work work_per_row(const Stratum& stratum) {
  if (stratum.batches.empty()) {
    return stratum.per_row;
  }
  double rows = 0;
  Work sum;
  for (const BatchSample& batch : stratum.batches) {
    rows += batch.rows;
    sum.ops_lower += batch.work.ops_lower;
    sum.ops_upper += batch.work.ops_upper;
    sum.bytes += batch.work.bytes;
    sum.wal_bytes += batch.work.wal_bytes;
    sum.cpu_seconds += batch.work.cpu_seconds;
    sum.session_seconds += batch.work.session_seconds;
  }
  if (!(rows > 0)) {
    throw pg::Failure(pg::FailureKind::refused, "the trial moved no row of stratum \"" + stratum.name + "\"")
        .hint("Let the trial go on for longer.");
  }
  return times(sum, 1 / rows);
}

void check(const Job& job) {
  const auto refuse = [](const std::string& why) { throw pg::Failure(pg::FailureKind::refused, why); };
  for (const Stratum& stratum : job.strata) {
    const std::string whose = "stratum \"" + stratum.name + "\"";
    if (!is_amount(stratum.rows) || !is_amount(stratum.target_bytes_per_row)) {
      refuse("the size of " + whose + " is negative or not finite");
    }
    if (!is_amount(stratum.times_low) || !is_amount(stratum.times_high) || stratum.times_low > 1 ||
        stratum.times_high < 1) {
      refuse("the doubt about " + whose + " does not hold what was measured");
    }
    check_work(stratum.per_row, whose);
    for (const BatchSample& batch : stratum.batches) {
      check_work(batch.work, "a batch of " + whose);
      if (!is_amount(batch.rows)) {
        refuse("the rows of a batch of " + whose + " are negative or not finite");
      }
    }
    const Work work = work_per_row(stratum);
    const bool was_measured = work.ops_upper > 0 || work.bytes > 0 || work.cpu_seconds > 0 || work.session_seconds > 0;
    if (stratum.rows > 0 && !was_measured) {
      refuse("nothing was measured of " + whose + ", so nothing can be told of it");
    }
  }
  if (job.workers == 0 || job.cores == 0U) {
    refuse("a job needs a worker and a core");
  }
  for (const double value : {job.foreground.ops, job.foreground.bytes, job.target_ops.value_or(1),
                             job.wal_bytes_per_second_max.value_or(1), job.wal_kept_bytes}) {
    if (!is_amount(value)) {
      refuse("a limit or load of the job is negative or not finite");
    }
  }
  if (!(job.ops_position >= 0 && job.ops_position <= 1)) {
    refuse("the position between the least and the greatest number of operations must be between 0 and 1");
  }
}

}  // namespace pgsluice::capacity
