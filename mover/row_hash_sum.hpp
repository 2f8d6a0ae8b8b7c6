// An exact sum of signed 64-bit row hashes, as the server's sum(bigint) gives it: 128 bits hold 2^64 of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgsluice::mover {

class RowHashSum {
 public:
  void add(std::int64_t hash) { sum_ += hash; }
  // Adds another sum in decimal text. Fails: aborts on a text that is no integer.
  void add(std::string_view decimal);
  std::string text() const;
  bool operator==(const RowHashSum&) const = default;

 private:
  __extension__ using Wide = __int128;
  Wide sum_ = 0;
};

}  // namespace pgsluice::mover
