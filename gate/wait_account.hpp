// How long somebody waited, and for what. Waits of several workers for one reason at one time count once.
#pragma once

#include <map>
#include <string>

namespace pgsluice::gate {

class WaitAccount {
 public:
  // A worker waits from now on for so many seconds, which may not have passed yet.
  void add(double now, const std::string& reason, double seconds);

  // Seconds waited per reason, until `now`.
  std::map<std::string, double> seconds(double now) const;

 private:
  struct Wait {
    double until = 0;
    double seconds = 0;  // Up to `until`.
  };
  std::map<std::string, Wait> waits_;
};

}  // namespace pgsluice::gate
