#include "mover/leaf_copy.hpp"

#include <algorithm>

#include "mover/batch_method.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

// Rows are joined up to this size before they are sent: fewer, larger messages cost both ends less.
constexpr std::size_t kSendBytes = 64 * 1024;

// A leaf whose waiting rows reach this size gets its COPY opened where none is open, …
constexpr std::size_t kOpenBytes = 64 * 1024;

// … and one that had no row while others had this much is closed: rows in the order of the key have moved on.
constexpr std::size_t kIdleBytes = 256 * 1024;

// What a row costs the server more by way of the parent: little, because a leaf that is addressed directly has to check
// its partition constraint instead.
constexpr std::chrono::nanoseconds kParentsCostOfRow{70};

// What begins and ends a COPY costs the server as much as the parent does for this many rows.
constexpr std::uint64_t kRowsOfOwnCopyMin = 500;

std::span<const char> bytes_of(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

void check_rows_taken(std::uint64_t taken, std::uint64_t given) {
  if (taken != given) {
    throw pg::Failure(pg::FailureKind::server,
                      "the target took " + std::to_string(taken) + " of " + std::to_string(given) + " rows of a batch")
        .detail("A trigger or rule on the target swallows rows.")
        .sqlstate("23000");
  }
}

// ---- LeafBuffers

void LeafBuffers::appended(std::size_t place, std::size_t bytes) {
  Buffer& buffer = buffers_[place];
  if (buffer.rows++ == 0) {
    filled_.push_back(place);
  }
  bytes_total_ += bytes;
  if (buffer.bytes.capacity() != buffer.capacity) {
    capacity_total_ += buffer.bytes.capacity() - buffer.capacity;
    buffer.capacity = buffer.bytes.capacity();
  }
}

std::size_t LeafBuffers::fullest() const {
  return *std::max_element(filled_.begin(), filled_.end(), [this](std::size_t left, std::size_t right) {
    return bytes(left).size() < bytes(right).size();
  });
}

void LeafBuffers::empty(Buffer& buffer) {
  bytes_total_ -= buffer.bytes.size();
  buffer.rows = 0;
  if (capacity_total_ > kCapacityMax) {
    std::string().swap(buffer.bytes);
    capacity_total_ -= buffer.capacity;
    buffer.capacity = buffer.bytes.capacity();
    capacity_total_ += buffer.capacity;
  } else {
    buffer.bytes.clear();
  }
}

void LeafBuffers::clear(std::size_t place) {
  empty(buffers_[place]);
  std::erase(filled_, place);
}

void LeafBuffers::clear() {
  for (const std::size_t place : filled_) {
    empty(buffers_[place]);
  }
  filled_.clear();
}

std::uint64_t rows_worth_own_copy(std::chrono::nanoseconds round_trip) {
  return std::max<std::uint64_t>(kRowsOfOwnCopyMin, static_cast<std::uint64_t>(2 * round_trip / kParentsCostOfRow));
}

// ---- LeafCopy

LeafCopy::LeafCopy(const planner::Plan& plan, const LeafRoutes& routes, LeafBuffers& buffers,
                   std::uint64_t rows_worth_it, pg::Connection& target)
    : plan_(plan), routes_(routes), buffers_(buffers), rows_worth_it_(rows_worth_it), target_(target) {
  sending_.reserve(2 * kSendBytes);
}

void LeafCopy::add(std::span<const char> row) {
  const std::size_t place = LeafBuffers::place_of(routes_.router.leaf_of(row), buffers_.parent());
  if (copy_ && place == current_) {
    bytes_for_others_ = 0;
    pass(row);
    return;
  }
  if (row.size() >= kSendBytes) {
    open(place);
    pass(row);
    return;
  }
  buffers_.append(place, row);
  bytes_for_others_ += row.size();
  if (copy_ && bytes_for_others_ > kIdleBytes) {
    close();
  }
  if (!copy_ && buffers_.bytes(place).size() >= kOpenBytes && buffers_.rows(place) >= rows_worth_it_) {
    open(place);
  }
  if (buffers_.bytes_total() > LeafBuffers::kBytesMax) {
    make_room();
  }
}

// Rows of the fullest leaf go first. Where even that has few rows, the parent takes all of them.
void LeafCopy::make_room() {
  const std::size_t place = buffers_.fullest();
  if (buffers_.rows(place) >= rows_worth_it_) {
    open(place);
    return;
  }
  open(buffers_.parent());
  for (const std::size_t waiting : buffers_.filled()) {
    send(buffers_.bytes(waiting));
  }
  buffers_.clear();
}

void LeafCopy::open(std::size_t place) {
  close();
  const bool is_leaf = place != buffers_.parent();
  copy_.emplace(target_.copy_in(is_leaf ? leaf_copy_in_sql(plan_, routes_.leaves[place]) : copy_in_sql(plan_)));
  current_ = place;
  bytes_for_others_ = 0;
  if (is_leaf) {
    leaves_used_.push_back(place);
  }
  send(bytes_of(pg::kBinaryHeader));
  if (buffers_.rows(place) > 0) {
    send(buffers_.bytes(place));
    buffers_.clear(place);
  }
}

void LeafCopy::close() {
  if (copy_) {
    sending_.append(pg::kBinaryTrailer);
    copy_->write(sending_);
    sending_.clear();
    rows_taken_ += copy_->finish();
    copy_.reset();
  }
}

void LeafCopy::send(std::span<const char> bytes) {
  if (bytes.size() >= kSendBytes) {
    copy_->write(sending_);
    sending_.clear();
    copy_->write(bytes);
  } else {
    pass(bytes);
  }
}

void LeafCopy::pass(std::span<const char> row) {
  if (row.size() >= kSendBytes) {
    send(row);
    return;
  }
  sending_.append(row.data(), row.size());
  if (sending_.size() >= kSendBytes) {
    copy_->write(sending_);
    sending_.clear();
  }
}

std::uint64_t LeafCopy::finish() {
  close();
  const std::vector<std::size_t> waiting = buffers_.filled();
  for (const std::size_t place : waiting) {
    if (place != buffers_.parent() && buffers_.rows(place) >= rows_worth_it_) {
      open(place);
      close();
    }
  }
  if (!buffers_.filled().empty()) {
    open(buffers_.parent());
    for (const std::size_t place : buffers_.filled()) {
      send(buffers_.bytes(place));
    }
    buffers_.clear();
    close();
  }
  return rows_taken_;
}

}  // namespace pgsluice::mover
