#include "mover/control_server.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace pgsluice::mover {

namespace {

using pg::Failure;
using pg::FailureKind;
using planner::Descriptor;

constexpr std::chrono::milliseconds kTick{1000};  // How often clients that are silent are looked for.

bool is_try_again(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

ControlServer::ControlServer(const std::filesystem::path& checkpoint, ControlTarget& target,
                             const ControlServerOptions& options)
    : target_(target),
      options_(options),
      path_(control_socket_of(checkpoint)),
      listener_(listen_at(path_)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_.get() < 0) {
    remove_socket(path_);
    throw Failure(FailureKind::local, "cannot open an event descriptor");
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
}

ControlServer::~ControlServer() {
  thread_.request_stop();
  eventfd_write(wake_.get(), 1);
  thread_.join();
  remove_socket(path_);
}

void ControlServer::serve(const std::stop_token& stop) {
  Clock::time_point accepts_since = Clock::now();
  while (!stop.stop_requested()) {
    // Where descriptors have run out, whoever knocks would be heard over and over.
    const short listening = Clock::now() >= accepts_since ? POLLIN : 0;
    std::vector<pollfd> polled = {{wake_.get(), POLLIN, 0}, {listener_.get(), listening, 0}};
    for (const Client& client : clients_) {
      polled.push_back({client.socket.get(), client.to_send.empty() ? short{POLLIN} : short{POLLOUT}, 0});
    }
    const auto tick = static_cast<int>(std::min(kTick, options_.patience).count());
    if (poll(polled.data(), polled.size(), tick) < 0 && errno != EINTR) {
      return;  // Out of memory: the run goes on, and is steered by signals.
    }
    std::size_t i = 2;
    for (auto client = clients_.begin(); client != clients_.end(); ++i) {
      bool stays = Clock::now() < client->heard_at + options_.patience;
      if (stays && polled[i].revents != 0) {
        stays = client->to_send.empty() ? receive(*client) : send_answers(*client);
      }
      client = stays ? std::next(client) : clients_.erase(client);
    }
    if (polled[1].revents != 0 && !accept_clients()) {
      accepts_since = Clock::now() + kTick;
    }
  }
}

bool ControlServer::accept_clients() {
  while (true) {
    Descriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.get() < 0) {
      return is_try_again(errno) || errno == ECONNABORTED;
    }
    if (clients_.size() >= options_.clients_max) {
      clients_.erase(std::min_element(clients_.begin(), clients_.end(),
                                      [](const Client& a, const Client& b) { return a.heard_at < b.heard_at; }));
    }
    const std::optional<uid_t> user = peer_of(socket);
    clients_.push_back({std::move(socket), Clock::now(), "", "", false});
    if (!user || !may_steer(*user, geteuid())) {
      Client& client = clients_.back();
      client.to_send = refusal(Failure(FailureKind::refused, "this mover belongs to another user")) + "\n";
      client.ends_after_sending = true;
    }
  }
}

bool ControlServer::receive(Client& client) {
  std::array<char, 4096> piece{};
  const ssize_t size = recv(client.socket.get(), piece.data(), piece.size(), 0);
  if (size <= 0) {
    return size < 0 && is_try_again(errno);  // A line that has no end is no request.
  }
  client.heard_at = Clock::now();
  client.received.append(piece.data(), static_cast<std::size_t>(size));
  answer_lines(client);
  return send_answers(client);
}

void ControlServer::answer_lines(Client& client) {
  // One at a time: whoever does not take an answer gets no other one.
  const std::size_t end = client.received.find('\n');
  if (std::min(end, client.received.size()) >= kControlLineMax) {
    client.to_send = refusal(Failure(FailureKind::refused,
                                     "the request is longer than " + std::to_string(kControlLineMax) + " bytes")) +
                     "\n";
    client.received.clear();
    client.ends_after_sending = true;
  } else if (end != std::string::npos) {
    client.to_send = answer_to(std::string_view(client.received).substr(0, end), target_) + "\n";
    client.received.erase(0, end + 1);
  }
}

bool ControlServer::send_answers(Client& client) {
  while (!client.to_send.empty()) {
    const ssize_t size = send(client.socket.get(), client.to_send.data(), client.to_send.size(), MSG_NOSIGNAL);
    if (size < 0) {
      return is_try_again(errno);
    }
    client.heard_at = Clock::now();
    client.to_send.erase(0, static_cast<std::size_t>(size));
    if (client.to_send.empty() && client.ends_after_sending) {
      return false;
    }
    if (client.to_send.empty()) {
      answer_lines(client);
    }
  }
  return true;
}

}  // namespace pgsluice::mover
