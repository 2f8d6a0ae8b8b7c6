// The socket of a running mover, with a mover that only notes what it was asked: who gets an answer, and that nobody
// can keep others from theirs.
#include "mover/control_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <optional>
#include <thread>

#include "mover/control_client.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"
#include "tests/support/noting_target.hpp"

namespace pgsluice::mover {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using pg::Failure;
using pg::FailureKind;
using testing::HasSubstr;
using tests::NotingTarget;

constexpr const char* kStatusAnswer = R"({"ok":{"phase":"moving rows"}})";
constexpr const char* kStatusRequest = "{\"action\":\"status\"}\n";

// What any program may do with the socket.
class Visitor {
 public:
  explicit Visitor(const fs::path& checkpoint) : socket_(connect_to(control_socket_of(checkpoint))) {
    EXPECT_TRUE(socket_) << "nobody listens";
  }

  void say(const std::string& text) {
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t size = send(socket_->get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (size > 0) {
        sent += static_cast<std::size_t>(size);
      } else if (errno != EAGAIN || !is_ready(POLLOUT)) {
        return;  // Sent away.
      }
    }
  }
  // The next line without its end; nothing when the server hung up first.
  std::optional<std::string> hear() {
    std::string line;
    for (char c = 0; is_ready(POLLIN) && recv(socket_->get(), &c, 1, 0) == 1; line += c) {
      if (c == '\n') {
        return line;
      }
    }
    return std::nullopt;
  }
  std::optional<std::string> ask(const std::string& text) {
    say(text);
    return hear();
  }
  void go() { socket_.reset(); }
  int descriptor() const { return socket_->get(); }

 private:
  bool is_ready(short event) const {
    pollfd polled{socket_->get(), event, 0};
    return poll(&polled, 1, 30'000) == 1;
  }
  std::optional<planner::Descriptor> socket_;
};

class ControlSocket : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "pgsluice-control-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    checkpoint_ = folder_ / "a.checkpoint";
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Of asking the mover of the checkpoint for its status.
  Failure failure_of_asking() const {
    try {
      ask_mover(checkpoint_, ControlAction::status, {}, {0ms, 50ms});
    } catch (const Failure& failure) {
      return failure;
    }
    ADD_FAILURE() << "there was an answer";
    return Failure(FailureKind::interrupted, "");
  }

  planner::Checkpoint new_checkpoint() const {
    planner::Plan plan;
    plan.migration_id = "01234567-89ab-4def-8123-456789abcdef";
    return planner::Checkpoint::create(checkpoint_, plan);
  }

  fs::path folder_;
  fs::path checkpoint_;
  NotingTarget target_;
};

TEST_F(ControlSocket, AnswersAClientOfOurs) {
  const ControlServer server(checkpoint_, target_);
  EXPECT_EQ(ask_mover(checkpoint_, ControlAction::status)["phase"], "moving rows");
  EXPECT_EQ(ask_mover(checkpoint_, ControlAction::set, {"workers=6"})["changes"][0]["to"], "6");
  EXPECT_THROW(ask_mover(checkpoint_, ControlAction::set, {"workers=many"}), Failure);
}

TEST_F(ControlSocket, BelongsToItsUserAloneWhateverTheUmaskIs) {
  const mode_t umask_before = umask(0);
  const ControlServer server(checkpoint_, target_);
  umask(umask_before);
  struct stat facts {};
  ASSERT_EQ(stat((checkpoint_.string() + ".sock").c_str(), &facts), 0);
  EXPECT_TRUE(S_ISSOCK(facts.st_mode));
  EXPECT_EQ(facts.st_mode & 07777U, 0600U);
}

TEST_F(ControlSocket, IsGoneWithItsServerAndLeavesNothingElse) {
  { const ControlServer server(checkpoint_, target_); }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(ControlSocket, OneThatAKilledMoverLeftIsReplaced) {
  { const planner::Descriptor killed = listen_at(control_socket_of(checkpoint_)); }
  ASSERT_TRUE(fs::exists(control_socket_of(checkpoint_)));
  EXPECT_FALSE(connect_to(control_socket_of(checkpoint_)));
  const ControlServer server(checkpoint_, target_);
  EXPECT_EQ(Visitor(checkpoint_).ask(kStatusRequest), kStatusAnswer);
}

TEST_F(ControlSocket, IsReachedByPathsAndNamesLongerThanAnAddress) {
  fs::path deep = folder_;
  while (deep.string().size() < 300) {
    deep /= "a-folder-with-a-rather-long-name";
  }
  fs::create_directories(deep);
  checkpoint_ = deep / (std::string(180, 'c') + ".checkpoint");
  const ControlServer server(checkpoint_, target_);
  EXPECT_EQ(ask_mover(checkpoint_, ControlAction::status)["phase"], "moving rows");
}

TEST_F(ControlSocket, WhereThereCanBeNoneTheServerSaysSo) {
  try {
    const ControlServer server(folder_ / "nowhere" / "a.checkpoint", target_);
    FAIL() << "it listens";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::local);
    EXPECT_THAT(failure.what(), HasSubstr("nowhere/a.checkpoint.sock: No such file or directory"));
  }
}

TEST_F(ControlSocket, ClientsBesideOneAnotherEachGetTheirAnswers) {
  const ControlServer server(checkpoint_, target_);
  Visitor one(checkpoint_);
  Visitor other(checkpoint_);
  for (int i = 0; i < 3; ++i) {
    one.say(kStatusRequest);
    EXPECT_EQ(other.ask(kStatusRequest), kStatusAnswer);
    EXPECT_EQ(one.hear(), kStatusAnswer);
  }
}

TEST_F(ControlSocket, SeveralRequestsInOnePieceAndOneInSeveralPiecesAreAnswered) {
  const ControlServer server(checkpoint_, target_);
  Visitor visitor(checkpoint_);
  visitor.say(std::string(kStatusRequest) + kStatusRequest + "{\"action\":");
  EXPECT_EQ(visitor.hear(), kStatusAnswer);
  EXPECT_EQ(visitor.hear(), kStatusAnswer);
  EXPECT_EQ(visitor.ask("\"status\"}\n"), kStatusAnswer);
}

TEST_F(ControlSocket, JunkIsAnsweredAndTheClientMayGoOn) {
  const ControlServer server(checkpoint_, target_);
  Visitor visitor(checkpoint_);
  EXPECT_THAT(visitor.ask(std::string("\x00\xff what?\n", 9)).value_or(""), HasSubstr("not understood"));
  EXPECT_EQ(visitor.ask(kStatusRequest), kStatusAnswer);
}

TEST_F(ControlSocket, HalfALineIsNoRequest) {
  const ControlServer server(checkpoint_, target_);
  Visitor visitor(checkpoint_);
  visitor.say(R"({"action":"stop"})");
  shutdown(visitor.descriptor(), SHUT_WR);
  EXPECT_EQ(visitor.hear(), std::nullopt);
  EXPECT_EQ(target_.calls(), 0);
}

TEST_F(ControlSocket, ALineThatIsTooLongIsRefusedAndItsClientSentAway) {
  const ControlServer server(checkpoint_, target_);
  Visitor visitor(checkpoint_);
  const std::string fits = R"({"action":"status","more":")" + std::string(kControlLineMax - 100, 'x') + "\"}\n";
  EXPECT_EQ(visitor.ask(fits), kStatusAnswer);
  // Until the server hangs up, which it may do before all of it is sent; then its answer may be lost with the rest.
  visitor.say(std::string(10 * kControlLineMax, 'x'));
  EXPECT_THAT(visitor.hear().value_or("longer than 65536 bytes"), HasSubstr("longer than 65536 bytes"));
  EXPECT_EQ(visitor.hear(), std::nullopt);
  EXPECT_EQ(Visitor(checkpoint_).ask(kStatusRequest), kStatusAnswer);
}

TEST_F(ControlSocket, ALineJustTooLongIsAnsweredByWhy) {
  const ControlServer server(checkpoint_, target_);
  Visitor visitor(checkpoint_);
  EXPECT_THAT(visitor.ask(std::string(kControlLineMax, 'x')).value_or(""), HasSubstr("longer than 65536 bytes"));
  EXPECT_EQ(visitor.hear(), std::nullopt);
}

TEST_F(ControlSocket, AClientThatGoesAwayDisturbsNobody) {
  const ControlServer server(checkpoint_, target_);
  for (int i = 0; i < 50; ++i) {
    Visitor visitor(checkpoint_);
    visitor.say(kStatusRequest);
    visitor.go();
  }
  EXPECT_EQ(Visitor(checkpoint_).ask(kStatusRequest), kStatusAnswer);
}

TEST_F(ControlSocket, ASilentClientIsSentAway) {
  const ControlServer server(checkpoint_, target_, {20ms, 16});
  Visitor silent(checkpoint_);
  silent.say("{\"action\":");
  EXPECT_EQ(silent.hear(), std::nullopt);
}

TEST_F(ControlSocket, AClientThatTakesNoAnswersIsNotReadAndHoldsUpNobody) {
  const ControlServer server(checkpoint_, target_);
  Visitor deaf(checkpoint_);
  // Until neither side takes any more: that many requests would make the server's memory grow.
  std::string many;
  for (int i = 0; i < 1000; ++i) {
    many += kStatusRequest;
  }
  std::size_t sent = 0;
  for (int stalls = 0; stalls < 3 && sent < 50'000'000;) {
    const ssize_t size = send(deaf.descriptor(), many.data(), many.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    sent += static_cast<std::size_t>(std::max<ssize_t>(0, size));
    if (size < 0) {
      EXPECT_EQ(Visitor(checkpoint_).ask(kStatusRequest), kStatusAnswer);
      ++stalls;
    }
  }
  EXPECT_LT(sent, 50'000'000U);
}

TEST_F(ControlSocket, MoreClientsThanThereIsRoomForPushTheOldestOut) {
  const ControlServer server(checkpoint_, target_, {10s, 2});
  Visitor first(checkpoint_);
  EXPECT_EQ(first.ask(kStatusRequest), kStatusAnswer);
  Visitor second(checkpoint_);
  EXPECT_EQ(second.ask(kStatusRequest), kStatusAnswer);
  Visitor third(checkpoint_);
  EXPECT_EQ(third.ask(kStatusRequest), kStatusAnswer);
  EXPECT_EQ(first.hear(), std::nullopt);
  EXPECT_EQ(second.ask(kStatusRequest), kStatusAnswer);
}

TEST_F(ControlSocket, TheEndOfTheRunWaitsForNoClient) {
  std::optional<ControlServer> server(std::in_place, checkpoint_, target_);
  Visitor silent(checkpoint_);
  Visitor half(checkpoint_);
  half.say("{\"action\":");
  EXPECT_EQ(Visitor(checkpoint_).ask(kStatusRequest), kStatusAnswer);
  server.reset();
  EXPECT_EQ(silent.hear(), std::nullopt);
  EXPECT_EQ(half.hear(), std::nullopt);
}

// Linux gives each thread credentials of its own, below the C library.
TEST_F(ControlSocket, AnotherUserIsTurnedAwayAndAsksNothing) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root can become another user";
  }
  const ControlServer server(checkpoint_, target_);
  fs::permissions(folder_, fs::perms::all);
  fs::permissions(control_socket_of(checkpoint_), fs::perms::all);
  std::optional<std::string> answer;
  std::thread([&] {
    constexpr long kNobody = 65534;
    ASSERT_EQ(syscall(SYS_setresuid, kNobody, kNobody, kNobody), 0);
    Visitor visitor(checkpoint_);
    answer = visitor.hear();
  }).join();
  EXPECT_THAT(answer.value_or(""), HasSubstr("this mover belongs to another user"));
  EXPECT_EQ(target_.calls(), 0);
}

TEST_F(ControlSocket, OnlyAMoversOwnUserAndRootMaySteerIt) {
  EXPECT_TRUE(may_steer(1000, 1000));
  EXPECT_TRUE(may_steer(0, 1000));
  EXPECT_FALSE(may_steer(1000, 0));
  EXPECT_FALSE(may_steer(1000, 1001));
}

TEST_F(ControlSocket, WithoutACheckpointTheClientSaysThatThereIsNone) {
  const Failure failure = failure_of_asking();
  EXPECT_EQ(failure.kind(), FailureKind::refused);
  EXPECT_THAT(failure.what(), HasSubstr("cannot open checkpoint " + checkpoint_.string()));
}

TEST_F(ControlSocket, ACheckpointThatNobodyHoldsHasNoMoverThoughAKilledOneLeftItsSocket) {
  new_checkpoint();
  EXPECT_EQ(failure_of_asking().kind(), FailureKind::refused);
  EXPECT_EQ(failure_of_asking().what(), "no mover is at work on checkpoint " + checkpoint_.string());
  { const planner::Descriptor killed = listen_at(control_socket_of(checkpoint_)); }
  EXPECT_EQ(failure_of_asking().what(), "no mover is at work on checkpoint " + checkpoint_.string());
}

TEST_F(ControlSocket, ACheckpointThatIsHeldByOneWhoDoesNotListenIsToldApart) {
  const planner::Checkpoint held = new_checkpoint();
  const Failure failure = failure_of_asking();
  EXPECT_EQ(failure.kind(), FailureKind::refused);
  EXPECT_THAT(failure.what(), HasSubstr("that holds checkpoint " + checkpoint_.string() + " does not listen"));
  EXPECT_THAT(failure.hint(), HasSubstr("verify"));
}

TEST_F(ControlSocket, AMoverThatDoesNotAnswerInTimeLeavesADoubt) {
  const planner::Descriptor listener = listen_at(control_socket_of(checkpoint_));
  const Failure failure = failure_of_asking();
  EXPECT_EQ(failure.kind(), FailureKind::local);
  EXPECT_THAT(failure.what(), HasSubstr("does not answer"));
  EXPECT_THAT(failure.status(), HasSubstr("not known"));
}

TEST_F(ControlSocket, AMoverThatBeginsToListenALittleLaterIsReached) {
  const planner::Checkpoint held = new_checkpoint();
  auto asking = std::async(std::launch::async, [&] {
    return ask_mover(checkpoint_, ControlAction::status, {}, {30s, 30s}).dump();
  });
  const ControlServer server(checkpoint_, target_);
  EXPECT_EQ(asking.get(), R"({"phase":"moving rows"})");
}

}  // namespace
}  // namespace pgsluice::mover
