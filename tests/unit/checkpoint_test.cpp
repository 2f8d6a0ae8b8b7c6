#include "planner/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "pg/failure.hpp"

namespace pgsluice::planner {
namespace {

using pg::Failure;
using pg::FailureKind;

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_content(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

Plan small_plan() {
  Plan plan;
  plan.migration_id = "01234567-89ab-4def-8123-456789abcdef";
  plan.created_at = "2026-01-01T00:00:00Z";
  plan.source.name = {"public", "sources"};
  plan.source.columns.resize(1);
  plan.source.columns[0].name = "id";
  plan.source.columns[0].type = "bigint";
  plan.layout.root.name = {"public", "sources_partitioned"};
  plan.key = {{{"id", "bigint"}}, "sources_pkey"};
  plan.ranges = {{0, std::nullopt, Key{"100"}, 100, 1000},
                 {1, Key{"100"}, Key{"200"}, 100, 1000},
                 {2, Key{"200"}, std::nullopt, 1, 10}};
  return plan;
}

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pgsluice-checkpoint-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path path() const { return folder_ / "a.checkpoint"; }

  FailureKind kind_of_opening() const {
    try {
      Checkpoint::open(path());
    } catch (const Failure& failure) {
      return failure.kind();
    }
    return FailureKind::local;  // Never thrown by opening: it stands for "opened".
  }

  std::filesystem::path folder_;
};

using CheckpointFile = CheckpointTest;

TEST_F(CheckpointFile, RemembersWhatWasRecorded) {
  const RangeState partial{RangeStatus::partial, Key{"150"}, 50, 500, Verification::unknown};
  {
    Checkpoint checkpoint = Checkpoint::create(path(), small_plan());
    checkpoint.record_phase(Phase::moving);
    checkpoint.record_range(0, {RangeStatus::done, std::nullopt, 100, 1000, Verification::unknown});
    checkpoint.record_range(1, partial);
    checkpoint.record_verification(0, Verification::equal);
    checkpoint.record_setting("workers", "6");
    checkpoint.record_setting("gone", "x");
    checkpoint.record_setting("gone", "");
    checkpoint.record_error({1, "2026-01-01T00:00:00Z", "error:  größe \"x\"\n"});
  }
  const Checkpoint checkpoint = Checkpoint::open(path());
  EXPECT_EQ(digest(checkpoint.plan()), digest(small_plan()));
  EXPECT_EQ(checkpoint.phase(), Phase::moving);
  EXPECT_EQ(checkpoint.state(0), (RangeState{RangeStatus::done, std::nullopt, 100, 1000, Verification::equal}));
  EXPECT_EQ(checkpoint.state(1), partial);
  EXPECT_EQ(checkpoint.state(2), RangeState{});
  EXPECT_EQ(checkpoint.setting("workers"), "6");
  EXPECT_EQ(checkpoint.setting("gone"), std::nullopt);
  ASSERT_EQ(checkpoint.errors().size(), 1U);
  EXPECT_EQ(checkpoint.errors()[0].text, "error:  größe \"x\"\n");
}

TEST_F(CheckpointFile, IsReadableByItsOwnerOnly) {
  Checkpoint::create(path(), small_plan());
  struct stat facts {};
  ASSERT_EQ(stat(path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST_F(CheckpointFile, ThatExistsIsNotReplaced) {
  Checkpoint::create(path(), small_plan()).record_phase(Phase::moving);
  const std::string before = content_of(path());
  try {
    Checkpoint::create(path(), small_plan());
    FAIL() << "a second checkpoint was made";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::refused);
  }
  EXPECT_EQ(content_of(path()), before);
}

// P4
TEST_F(CheckpointFile, IsRefusedToASecondMoverButCanBeRead) {
  const Checkpoint held = Checkpoint::create(path(), small_plan());
  EXPECT_EQ(kind_of_opening(), FailureKind::refused);
  EXPECT_TRUE(Checkpoint::read(path()).is_held_by_a_mover());
}

TEST_F(CheckpointFile, IsFreeAgainWhenItsMoverIsGone) {
  Checkpoint::create(path(), small_plan());
  EXPECT_FALSE(Checkpoint::read(path()).is_held_by_a_mover());
  EXPECT_NO_THROW(Checkpoint::open(path()));
}

// P1: after a cut at any byte behind the header the file opens with the records that are whole, and goes on from there.
TEST_F(CheckpointFile, CutAtEveryByteKeepsTheWholeRecords) {
  std::vector<std::size_t> ends;
  {
    Checkpoint checkpoint = Checkpoint::create(path(), small_plan());
    ends.push_back(std::filesystem::file_size(path()));
    for (std::uint64_t rows = 1; rows <= 4; ++rows) {
      checkpoint.record_range(
          1, {RangeStatus::partial, Key{std::to_string(100 + rows)}, rows, 10 * rows, Verification::unknown});
      ends.push_back(std::filesystem::file_size(path()));
    }
  }
  const std::string whole = content_of(path());
  for (std::size_t size = ends[0]; size <= whole.size(); ++size) {
    write_content(path(), whole.substr(0, size));
    std::uint64_t records = 0;
    while (records + 1 < ends.size() && ends[records + 1] <= size) {
      ++records;
    }
    {
      Checkpoint checkpoint = Checkpoint::open(path());
      ASSERT_EQ(checkpoint.state(1).rows, records) << "cut at " << size;
      ASSERT_EQ(std::filesystem::file_size(path()), ends[records]) << "cut at " << size;
      checkpoint.record_phase(Phase::indexing);
    }
    ASSERT_EQ(Checkpoint::open(path()).phase(), Phase::indexing) << "cut at " << size;
  }
  for (std::size_t size = 0; size < ends[0]; ++size) {
    write_content(path(), whole.substr(0, size));
    const FailureKind kind = kind_of_opening();
    ASSERT_TRUE(kind == FailureKind::corrupt || kind == FailureKind::refused) << "cut at " << size;
    ASSERT_EQ(content_of(path()), whole.substr(0, size)) << "cut at " << size;
  }
}

// P1: some file systems make a file longer before its bytes arrive.
TEST_F(CheckpointFile, ZerosAtTheEndAreATornTail) {
  Checkpoint::create(path(), small_plan()).record_phase(Phase::moving);
  const std::string good = content_of(path());
  write_content(path(), good + std::string(57, '\0'));
  EXPECT_EQ(Checkpoint::open(path()).phase(), Phase::moving);
  EXPECT_EQ(content_of(path()), good);
}

// P2: one flipped bit anywhere is refused and the file left alone, but for the last record's payload, which counts as
// torn.
TEST_F(CheckpointFile, AFlippedBitAnywhereIsNeverBelieved) {
  {
    Checkpoint checkpoint = Checkpoint::create(path(), small_plan());
    checkpoint.record_range(0, {RangeStatus::done, std::nullopt, 100, 1000, Verification::unknown});
    checkpoint.record_phase(Phase::moving);
  }
  const std::string good = content_of(path());
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    write_content(path(), bad);
    try {
      const Checkpoint checkpoint = Checkpoint::open(path());
      ASSERT_EQ(checkpoint.state(0).rows, 100U) << "flipped at " << at;
      ASSERT_EQ(checkpoint.phase(), Phase::planned) << "flipped at " << at;
    } catch (const Failure& failure) {
      ASSERT_TRUE(failure.kind() == FailureKind::corrupt || at < 12) << "flipped at " << at;
      ASSERT_EQ(content_of(path()), bad) << "flipped at " << at;
    }
  }
}

TEST_F(CheckpointFile, DamageIsReportedWithItsOffsetAndExitFive) {
  {
    Checkpoint checkpoint = Checkpoint::create(path(), small_plan());
    checkpoint.record_phase(Phase::moving);
    checkpoint.record_phase(Phase::indexing);
  }
  std::string bad = content_of(path());
  const std::size_t at = bad.find("moving");
  bad[at] = 'M';
  write_content(path(), bad);
  try {
    Checkpoint::open(path());
    FAIL() << "a damaged file was opened";
  } catch (const Failure& failure) {
    EXPECT_EQ(exit_code(failure.kind()), 5);
    EXPECT_NE(std::string(failure.what()).find("at byte " + std::to_string(at - 10)), std::string::npos)
        << failure.what();
  }
}

TEST_F(CheckpointFile, SomethingElseIsRefusedAndLeftAlone) {
  write_content(path(), "this is a letter to my mother");
  EXPECT_EQ(kind_of_opening(), FailureKind::refused);
  EXPECT_EQ(content_of(path()), "this is a letter to my mother");
}

// P3
TEST_F(CheckpointFile, CompactionKeepsTheStateAndTheLock) {
  Checkpoint checkpoint = Checkpoint::create(path(), small_plan());
  for (std::uint64_t rows = 1; rows <= 200; ++rows) {
    checkpoint.record_range(0, {RangeStatus::partial, Key{std::to_string(rows)}, rows, rows, Verification::unknown});
  }
  checkpoint.record_setting("a", "b");
  const auto size_before = std::filesystem::file_size(path());
  checkpoint.compact();
  EXPECT_LT(std::filesystem::file_size(path()), size_before / 2);
  EXPECT_EQ(kind_of_opening(), FailureKind::refused) << "the lock was lost";
  checkpoint.record_phase(Phase::moving);
  const Checkpoint seen = Checkpoint::read(path());
  EXPECT_EQ(seen.state(0).rows, 200U);
  EXPECT_EQ(seen.setting("a"), "b");
  EXPECT_EQ(seen.phase(), Phase::moving);
}

TEST_F(CheckpointFile, SettingsAreRecordedByOneThreadWhileAnotherRecordsRanges) {
  constexpr std::uint64_t kRecords = 100;
  {
    Checkpoint checkpoint = Checkpoint::create(path(), small_plan());
    std::thread mover([&] {
      for (std::uint64_t rows = 1; rows <= kRecords; ++rows) {
        checkpoint.record_range(0,
                                {RangeStatus::partial, Key{std::to_string(rows)}, rows, rows, Verification::unknown});
      }
      checkpoint.record_phase(Phase::indexing);
    });
    for (std::uint64_t i = 1; i <= kRecords; ++i) {
      checkpoint.record_setting("control", std::to_string(i));
      EXPECT_EQ(checkpoint.setting("control"), std::to_string(i));
      EXPECT_THAT(checkpoint.phase(), testing::AnyOf(Phase::planned, Phase::indexing));
    }
    checkpoint.compact();
    mover.join();
  }
  const Checkpoint checkpoint = Checkpoint::open(path());
  EXPECT_EQ(checkpoint.setting("control"), std::to_string(kRecords));
  EXPECT_EQ(checkpoint.state(0).rows, kRecords);
  EXPECT_EQ(checkpoint.phase(), Phase::indexing);
}

TEST_F(CheckpointFile, LeftOverTemporaryFileDoesNotDisturb) {
  write_content(folder_ / "a.checkpoint.tmp", "half a file");
  EXPECT_NO_THROW(Checkpoint::create(path(), small_plan()));
}

TEST_F(CheckpointFile, OnlyTheLastHundredErrorsAreKept) {
  Checkpoint checkpoint = Checkpoint::create(path(), small_plan());
  for (int i = 0; i < 120; ++i) {
    checkpoint.record_error({std::nullopt, "", std::to_string(i)});
  }
  ASSERT_EQ(checkpoint.errors().size(), 100U);
  EXPECT_EQ(checkpoint.errors().front().text, "20");
}

}  // namespace
}  // namespace pgsluice::planner
