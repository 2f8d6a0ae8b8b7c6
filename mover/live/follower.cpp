#include "mover/live/follower.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

// Progress is told by who works in the foreground.
class Notes : public Observer {
 public:
  explicit Notes(Observer& observer) : observer_(observer) {}
  void phase_began(std::string_view, std::string_view) override {}
  void progressed(const Progress&) override {}
  void noted(std::string_view text) override { observer_.noted(text); }
  void retrying(std::string_view what, std::string_view why, std::chrono::milliseconds wait) override {
    observer_.retrying(what, why, wait);
  }
  void range_failed(std::uint32_t range, std::string_view text) override { observer_.range_failed(range, text); }

 private:
  Observer& observer_;
};

}  // namespace

std::jthread follow_in_background(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context,
                                  const ApplierOptions& options) {
  return std::jthread([&feed, &sessions, &context, options](const std::stop_token& end) {
    constexpr std::chrono::seconds kPeriod{1};
    Notes notes(context.observer);
    const RetryContext quiet{context.options, context.stop, notes};
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    while (!end.stop_requested() && !context.stop.is_requested()) {
      try {
        catch_up(feed, sessions, quiet, options);
      } catch (const pg::Failure& failure) {
        if (!context.stop.is_requested()) {
          notes.noted(std::string("changes wait: ") + failure.what());
        }
      }
      ended.wait_for(lock, end, kPeriod, [] { return false; });
    }
  });
}

}  // namespace pgsluice::mover
