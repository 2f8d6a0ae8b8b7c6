// Answers requests (mover/control_target.hpp) that come through the socket beside the checkpoint, while a mover runs.
// One thread of its own; many clients at a time, of whom none can hold up another or the end of the run: a slow or
// silent one is sent away.
#pragma once

#include <chrono>
#include <filesystem>
#include <list>
#include <stop_token>
#include <string>
#include <thread>

#include "mover/control_socket.hpp"
#include "mover/control_target.hpp"

namespace pgsluice::mover {

struct ControlServerOptions {
  std::chrono::milliseconds patience{10'000};  // With a client that neither asks nor takes its answer.
  std::size_t clients_max = 16;                // The one that has been silent for longest makes room for another one.
};

class ControlServer {
 public:
  // Listens from now on. `target` must outlive it, and the caller holds the checkpoint's lock.
  // Fails: local, when there can be no socket.
  ControlServer(const std::filesystem::path& checkpoint, ControlTarget& target,
                const ControlServerOptions& options = {});
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();  // A request in work is answered first. Removes the socket.

 private:
  using Clock = std::chrono::steady_clock;
  struct Client {
    planner::Descriptor socket;
    Clock::time_point heard_at;  // Or told.
    std::string received;        // From the first byte that is not answered yet.
    std::string to_send;
    bool ends_after_sending = false;
  };

  void serve(const std::stop_token& stop);
  bool accept_clients();  // False when this machine has no room for one now.
  // Each returns false when the client is gone.
  bool receive(Client& client);
  bool send_answers(Client& client);
  void answer_lines(Client& client);

  ControlTarget& target_;
  const ControlServerOptions options_;
  const std::filesystem::path path_;
  planner::Descriptor listener_;
  planner::Descriptor wake_;   // Readable when the thread is to end.
  std::list<Client> clients_;  // The thread's own.
  std::jthread thread_;
};

}  // namespace pgsluice::mover
