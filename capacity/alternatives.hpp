// What a bigger instance or volume would bring: the same job on the next sizes up.
#pragma once

#include <string>
#include <vector>

#include "capacity/prediction.hpp"

namespace pgsluice::capacity {

// The next steps of storage that may help: larger gp2 (to the next row of the table, and twice the size) and gp3 of the
// same size; gp3 of 400 GiB, or with twice the IOPS and throughput; io1 and io2 with twice the IOPS. Only what Amazon
// sells; nothing for custom storage. A larger gp2 volume keeps the share of its credits.
std::vector<Volume> larger_volumes(const Volume& volume);

struct Alternative {
  Server server;
  std::string change;  // "db.r5.xlarge", "gp3:2000:12000iops:500mbps", or both with " and " between.
  double expected_seconds = 0;
  Limit limit = Limit::nothing;  // What binds then for the longest time.
};

// The two next larger classes of the family, the larger volumes, and the next of both together. Cores that the job
// names grow as those of the classes do; the workers stay. Moving to another volume takes hours of I/O itself, above
// all from below 400 GiB, which is not in it. Fails: refused, as check() does.
std::vector<Alternative> alternatives(const Server& server, const Job& job);

}  // namespace pgsluice::capacity
