// What a meter, a brake and a measured statement read without a server.
#include <gmock/gmock.h>

#include <fstream>
#include <string>

#include "mover/brakes.hpp"
#include "mover/disk_operations.hpp"
#include "mover/meter.hpp"
#include "mover/touched.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {
namespace {

using testing::HasSubstr;

template <typename Act>
std::string refusal_of(Act act) {
  try {
    act();
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    return failure.what();
  }
  return "not refused";
}

TEST(MeterOptions, AreReadFromTheirWords) {
  EXPECT_EQ(parse_meter("auto").kind, MeterOptions::Kind::best);
  EXPECT_EQ(parse_meter("server").kind, MeterOptions::Kind::server);
  EXPECT_EQ(parse_meter("none").kind, MeterOptions::Kind::none);
  const MeterOptions disk = parse_meter("diskstats:/var/lib/post gresql");
  EXPECT_EQ(disk.kind, MeterOptions::Kind::diskstats);
  EXPECT_EQ(disk.device, "/var/lib/post gresql");
  for (const char* text : {"", "diskstats", "diskstats:", "Auto", "devices:sda"}) {
    EXPECT_THAT(refusal_of([&] { parse_meter(text); }), HasSubstr("there is no meter")) << text;
  }
}

TEST(DiskOperations, AreReadsAndWritesCompletedWhateverColumnsFollow) {
  const auto line =
      parse_disk_line(" 259       3 nvme0n1p1 1500 20 99000 700 2500 30 88000 900 0 1100 1600 5 0 6 7 8 9");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->number, (DeviceNumber{259, 3}));
  EXPECT_EQ(line->name, "nvme0n1p1");
  EXPECT_EQ(line->operations, 4000U);
  EXPECT_FALSE(parse_disk_line("   8       1 sda1 1500 20"));
  EXPECT_FALSE(parse_disk_line(""));
}

TEST(DiskOperations, AreFoundByNameAndRefusedForWhatIsNoDevice) {
  std::ifstream file("/proc/diskstats");
  std::string text;
  if (!std::getline(file, text)) GTEST_SKIP() << "this machine shows no devices";
  const auto line = parse_disk_line(text);
  ASSERT_TRUE(line);
  const DiskOperations device = DiskOperations::find(line->name);
  EXPECT_EQ(device.name(), line->name);
  EXPECT_GE(device.read(), line->operations);
  EXPECT_THAT(refusal_of([] { DiskOperations::find("no such device"); }), HasSubstr("has no such device"));
  EXPECT_THAT(refusal_of([] { DiskOperations::find("/no/such/folder"); }), HasSubstr("No such file"));
  EXPECT_THAT(refusal_of([] { DiskOperations::find("/proc"); }), HasSubstr("no device that the kernel counts"));
}

TEST(PauseQuery, IsTrueForATruthValueOrANumberThatIsNotZero) {
  for (const char* value : {"t", "true", "1", "-0.5", "17"}) EXPECT_EQ(means_pause(value), true) << value;
  for (const char* value : {"f", "false", "0", "0.00", "-0"}) EXPECT_EQ(means_pause(value), false) << value;
  for (const char* value : {"", "yes", "1 ", "NaN", "12 s"}) EXPECT_EQ(means_pause(value), std::nullopt) << value;
}

TEST(Touched, RowsAreThoseOfTheTopmostChangeAndPagesThoseOfThePlanAndItsPlanning) {
  const TouchedRows measured =
      parse_explained(R"([{"Plan": {"Node Type": "Aggregate", "Actual Rows": 1, "Actual Loops": 1,
      "Shared Read Blocks": 70, "Shared Dirtied Blocks": 40, "Local Read Blocks": 3, "Temp Read Blocks": 5,
      "Local Dirtied Blocks": 2, "Temp Written Blocks": 6, "WAL Bytes": 123456, "Plans": [
        {"Node Type": "Seq Scan", "Actual Rows": 999, "Actual Loops": 1},
        {"Node Type": "ModifyTable", "Operation": "Insert", "Actual Rows": 250.00, "Actual Loops": 2, "Plans": [
          {"Node Type": "ModifyTable", "Operation": "Delete", "Actual Rows": 9, "Actual Loops": 1}]}]},
      "Planning": {"Shared Read Blocks": 4, "Shared Dirtied Blocks": 1}, "Triggers": []}])");
  EXPECT_EQ(measured.rows, 500U);
  EXPECT_EQ(measured.touched.pages_read, 70 + 3 + 5 + 4);
  EXPECT_EQ(measured.touched.pages_dirtied, 40 + 2 + 6 + 1);
  EXPECT_EQ(measured.touched.wal_bytes, 123456);
}

TEST(Touched, FilesGrowByWhatAnInsertItselfWroteAndDirtied) {
  const auto grown = [](const std::string& operation, int written, int dirtied) {
    return parse_explained(R"([{"Plan": {"Node Type": "ModifyTable", "Operation": ")" + operation +
                           R"(", "Actual Rows": 7, "Actual Loops": 1, "Shared Written Blocks": )" +
                           std::to_string(written) + R"(, "Shared Dirtied Blocks": )" + std::to_string(dirtied) +
                           R"(, "Plans": [{"Node Type": "Seq Scan", "Shared Written Blocks": 20,
                               "Shared Dirtied Blocks": 5}]}}])")
        .touched.pages_grown;
  };
  EXPECT_EQ(grown("Insert", 60, 45), 40) << "the scan's own had to leave the cache";
  EXPECT_EQ(grown("Insert", 30, 45), 10) << "the other pages were there already";
  EXPECT_EQ(grown("Insert", 10, 4), 0);
  EXPECT_EQ(grown("Delete", 60, 45), 0);
}

TEST(Touched, WhatARuleAddsIsMeasuredTooAndItsRowsAreNot) {
  const TouchedRows measured = parse_explained(
      R"([{"Plan": {"Node Type": "ModifyTable", "Actual Rows": 7, "Actual Loops": 1, "WAL Bytes": 100}},
          {"Plan": {"Node Type": "ModifyTable", "Actual Rows": 3, "Actual Loops": 1, "WAL Bytes": 20}}])");
  EXPECT_EQ(measured.rows, 7U);
  EXPECT_EQ(measured.touched.wal_bytes, 120);
}

TEST(Touched, WhatChangesNoRowsIsRefused) {
  for (const char* text : {"", "{}", "[]", "[1]", R"([{"Plan": {"Node Type": "Result"}}])"}) {
    EXPECT_THAT(refusal_of([&] { parse_explained(text); }), HasSubstr("changes no rows")) << text;
  }
}

}  // namespace
}  // namespace pgsluice::mover
