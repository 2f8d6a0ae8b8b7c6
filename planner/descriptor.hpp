// A file descriptor that is closed with its object.
#pragma once

#include <unistd.h>

#include <utility>

namespace pgsluice::planner {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() {
    if (value_ >= 0) {
      close(value_);
    }
  }
  int get() const { return value_; }  // Negative: none.
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

}  // namespace pgsluice::planner
