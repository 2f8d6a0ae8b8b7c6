#include "mover/control_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "mover/control_socket.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::mover {

namespace {

using pg::Failure;
using pg::FailureKind;
using planner::Descriptor;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kAnswerMax = 1024 * 1024;
constexpr std::chrono::milliseconds kKnockEvery{20};

Failure nobody_at_work(const std::filesystem::path& checkpoint) {
  return Failure(FailureKind::refused, "no mover is at work on checkpoint " + checkpoint.string())
      .hint("`pgsluice run` starts one; `pgsluice status` shows how far the migration is.");
}

Failure nobody_listens(const std::filesystem::path& checkpoint) {
  return Failure(FailureKind::refused, "the pgsluice that holds checkpoint " + checkpoint.string() + " does not listen")
      .detail("Nobody answers at " + control_socket_of(checkpoint).string() + ".")
      .hint(
          "Only `pgsluice run` can be steered, from the moment at which it begins to work: not verify, not rollback, "
          "and not a run that still asks whether it may begin.");
}

Failure no_answer(const std::filesystem::path& checkpoint, const std::string& why) {
  return Failure(FailureKind::local, "the mover of checkpoint " + checkpoint.string() + " " + why)
      .hint("`pgsluice status` shows how far it is.")
      .status("whether the mover did what it was asked to do is not known");
}

// Ensures: a checkpoint is there, and its mover listens.
Descriptor reach_mover(const std::filesystem::path& checkpoint, std::chrono::milliseconds patience) {
  const Clock::time_point until = Clock::now() + patience;
  while (true) {
    std::optional<Descriptor> connection = connect_to(control_socket_of(checkpoint));
    if (connection) {
      return std::move(*connection);
    }
    if (!planner::Checkpoint::read(checkpoint).is_held_by_a_mover()) {
      throw nobody_at_work(checkpoint);
    }
    if (Clock::now() >= until) {
      throw nobody_listens(checkpoint);
    }
    std::this_thread::sleep_for(kKnockEvery);
  }
}

class Conversation {
 public:
  Conversation(const std::filesystem::path& checkpoint, const ControlPatience& patience)
      : checkpoint_(checkpoint),
        socket_(reach_mover(checkpoint, patience.for_the_socket)),
        until_(Clock::now() + patience.for_the_answer) {
    const std::optional<uid_t> mover = peer_of(socket_);
    if (!mover || (!may_steer(*mover, geteuid()) && geteuid() != 0)) {
      throw Failure(FailureKind::refused,
                    "whoever listens beside checkpoint " + checkpoint.string() + " is another user, and not asked");
    }
  }

  void send_line(const std::string& text) {
    const std::string line = text + "\n";
    for (std::size_t sent = 0; sent < line.size();) {
      wait_for(POLLOUT);
      const ssize_t size = send(socket_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
      if (size < 0 && errno != EAGAIN && errno != EINTR) {
        return;  // It sent us away, and may have said why.
      }
      sent += static_cast<std::size_t>(std::max<ssize_t>(0, size));
    }
  }

  std::string receive_line() {
    std::string line;
    while (line.size() < kAnswerMax) {
      wait_for(POLLIN);
      std::array<char, 4096> piece{};
      const ssize_t size = recv(socket_.get(), piece.data(), piece.size(), 0);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        continue;
      }
      if (size <= 0) {
        throw no_answer(checkpoint_, "ended before it answered");
      }
      line.append(piece.data(), static_cast<std::size_t>(size));
      if (line.ends_with('\n')) {
        line.pop_back();
        return line;
      }
    }
    throw no_answer(checkpoint_, "answers without end");
  }

 private:
  void wait_for(short event) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - Clock::now());
    pollfd polled{socket_.get(), event, 0};
    if (left.count() <= 0 || poll(&polled, 1, static_cast<int>(left.count())) == 0) {
      throw no_answer(checkpoint_, "does not answer");
    }
  }

  const std::filesystem::path checkpoint_;
  const Descriptor socket_;
  const Clock::time_point until_;
};

}  // namespace

nlohmann::ordered_json ask_mover(const std::filesystem::path& checkpoint, ControlAction action,
                                 const std::vector<std::string>& words, const ControlPatience& patience) {
  Conversation conversation(checkpoint, patience);
  conversation.send_line(request_text(action, words));
  return result_in(conversation.receive_line());
}

}  // namespace pgsluice::mover
