#include "gate/wait_account.hpp"

#include <algorithm>

namespace pgsluice::gate {

void WaitAccount::add(double now, const std::string& reason, double seconds) {
  const auto [place, is_new] = waits_.try_emplace(reason, Wait{now, 0});
  Wait& wait = place->second;
  const double begin = std::max(now, wait.until);
  const double end = std::max(begin, now + seconds);
  wait.seconds += end - begin;
  wait.until = end;
}

std::map<std::string, double> WaitAccount::seconds(double now) const {
  std::map<std::string, double> seconds;
  for (const auto& [reason, wait] : waits_) {
    seconds[reason] = std::max(0.0, wait.seconds - std::max(0.0, wait.until - now));
  }
  return seconds;
}

}  // namespace pgsluice::gate
