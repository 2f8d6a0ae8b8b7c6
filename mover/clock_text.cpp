#include "mover/clock_text.hpp"

#include <ctime>

namespace pgsluice::mover {

std::string utc_now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  constexpr std::size_t kTextBytes = 32;
  char text[kTextBytes];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace pgsluice::mover
