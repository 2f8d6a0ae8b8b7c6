#include "cli/stop_signals.hpp"

#include <atomic>

namespace pgsluice::cli {

namespace {

std::atomic<mover::StopRequest*> current_request{nullptr};
static_assert(std::atomic<mover::StopRequest*>::is_always_lock_free);

extern "C" void on_stop_signal(int signal) {
  mover::StopRequest* request = current_request.load();
  if (request == nullptr || request->is_urgent()) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  request->request();
}

}  // namespace

StopSignals::StopSignals(mover::StopRequest& request) {
  current_request = &request;
  const auto replace = [&](int signal, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    Replaced replaced{signal, {}};
    sigaction(signal, &action, &replaced.action);
    replaced_.push_back(replaced);
  };
  replace(SIGINT, on_stop_signal);
  replace(SIGTERM, on_stop_signal);
  replace(SIGHUP, on_stop_signal);
  replace(SIGPIPE, SIG_IGN);
}

StopSignals::~StopSignals() {
  for (const Replaced& replaced : replaced_) {
    sigaction(replaced.signal, &replaced.action, nullptr);
  }
  current_request = nullptr;
}

}  // namespace pgsluice::cli
