#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "capacity/tables.hpp"
#include "capacity/volume.hpp"
#include "pg/failure.hpp"

namespace pgsluice::capacity {
namespace {

using testing::HasSubstr;

pg::Failure refusal_of(std::string_view text) {
  try {
    ADD_FAILURE() << text << " was taken as " << volume_text(parse_volume(text));
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused) << text;
    EXPECT_THAT(failure.what(), HasSubstr(text));
    EXPECT_NE(failure.hint(), "") << text;
    return failure;
  }
  return {pg::FailureKind::local, "none"};
}

struct Expected {
  const char* text;
  unsigned volumes;
  double base_iops;
  double burst_iops;
  double base_mib;
  double burst_mib;
  double credits;
};

TEST(Volume, RdsStorageHasWhatAmazonsTableSays) {
  for (const Expected& row : {
           Expected{"gp2:20", 1, 100, 3000, 128, 128, 5.4e6},
           Expected{"gp2:170", 1, 510, 3000, 128, 128, 5.4e6},
           Expected{"gp2:200", 1, 600, 3000, 150, 250, 5.4e6},
           Expected{"gp2:399", 1, 1197, 3000, 250, 250, 5.4e6},
           Expected{"gp2:400", 4, 1200, 12'000, 512, 512, 21.6e6},
           Expected{"gp2:1335", 4, 4005, 12'000, 1000, 1000, 21.6e6},
           Expected{"gp2:1336", 4, 4008, 12'000, 1000, 1000, 21.6e6},
           Expected{"gp2:3999", 4, 11'997, 12'000, 1000, 1000, 21.6e6},
           Expected{"gp2:4000", 4, 12'000, 12'000, 1000, 1000, 0},
           Expected{"gp2:21336", 4, 64'000, 64'000, 1000, 1000, 0},
           Expected{"gp2:64TiB", 4, 64'000, 64'000, 1000, 1000, 0},
           Expected{"gp3:20", 1, 3000, 3000, 125, 125, 0},
           Expected{"gp3:400", 4, 12'000, 12'000, 500, 500, 0},
           Expected{"GP3:2000:64000IOPS:4000MBps", 4, 64'000, 64'000, 4000, 4000, 0},
           Expected{"gp3:2000:1000mib/s", 4, 12'000, 12'000, 1000, 1000, 0},
           Expected{"io1:399:19950iops", 1, 19'950, 19'950, 500, 500, 0},
           Expected{"io1:400:1000iops", 4, 1000, 1000, 250, 250, 0},
           Expected{"io1:2000:20000iops", 4, 20'000, 20'000, 2000, 2000, 0},
           Expected{"io1:6000:256000iops", 4, 256'000, 256'000, 4000, 4000, 0},
           Expected{"io2:1000:10000iops", 1, 10'000, 10'000, 2560, 2560, 0},
       }) {
    SCOPED_TRACE(row.text);
    const Volume volume = parse_volume(row.text);
    EXPECT_TRUE(volume.is_rds);
    EXPECT_EQ(volume.volumes, row.volumes);
    EXPECT_DOUBLE_EQ(volume.base_ops, row.base_iops);
    EXPECT_DOUBLE_EQ(volume.burst_ops, row.burst_iops);
    EXPECT_NEAR(volume.base_bytes / kMib, row.base_mib, 0.5);
    EXPECT_NEAR(volume.burst_bytes / kMib, row.burst_mib, 0.5);
    EXPECT_EQ(volume.credits_max, row.credits);
    EXPECT_EQ(volume.can_burst(), row.credits > 0);
    EXPECT_EQ(volume.credits_share, std::nullopt);
  }
}

// Source: Amazon EC2 user guide, "General Purpose SSD volumes".
TEST(Volume, OneGp2VolumeHasWhatAmazonsTableSays) {
  for (const auto& [gib, iops] : {std::pair{1.0, 100.0}, std::pair{33.33, 100.0}, std::pair{100.0, 300.0},
                                  std::pair{334.0, 1002.0}, std::pair{750.0, 2250.0}, std::pair{1000.0, 3000.0},
                                  std::pair{5334.0, 16'000.0}, std::pair{16'384.0, 16'000.0}}) {
    const Gp2Volume volume = gp2_volume(gib);
    EXPECT_EQ(volume.base_iops, iops) << gib;
    EXPECT_EQ(volume.burst_iops, std::max(iops, 3000.0)) << gib;
    EXPECT_EQ(volume.credits, gib < 1000 ? 5.4e6 : 0) << gib;
    EXPECT_EQ(volume.burst_mib, gib <= 170 ? 128 : 250) << gib;
  }
}

TEST(Volume, OneIo1VolumeHasWhatAmazonsTableSays) {
  EXPECT_EQ(io1_mib(1000), 250);
  EXPECT_EQ(io1_mib(2000), 500);
  EXPECT_EQ(io1_mib(32'000), 500);
  EXPECT_EQ(io1_mib(48'000), 750);
  EXPECT_EQ(io1_mib(64'000), 1000);
}

// The rules in code and the table in data/ were read from the same page; a refreshed table must not leave the code
// behind.
TEST(Volume, CodeAgreesWithTheShippedTableAtBothEndsOfEveryRow) {
  const CsvTable limits = table("rds_storage_limits");
  for (std::size_t row = 0; row < limits.row_count(); ++row) {
    const std::string& type = limits.text(row, "storage_type");
    for (const char* end : {"size_gib_min", "size_gib_max"}) {
      const double gib = *limits.number(row, end);
      std::string text = type + ":" + std::to_string(std::llround(gib));
      text += type.starts_with("io") ? ":1000iops" : "";
      SCOPED_TRACE(text);
      if (type == "io1" && gib > 2000) {
        EXPECT_THROW(parse_volume(text), pg::Failure);  // 0.5 IOPS a GiB at least.
        continue;
      }
      const Volume volume = parse_volume(text);
      EXPECT_EQ(volume.is_unverified, limits.text(row, "volumes") == "unverified");
      EXPECT_EQ(volume.volumes, volume.is_unverified ? 1 : *limits.number(row, "volumes"));
      EXPECT_EQ(volume.credits_max, *limits.number(row, "io_credits_total"));
      const std::string& burst = limits.text(row, "burst_or_max_iops");
      if (type == "gp2" && std::isdigit(static_cast<unsigned char>(burst.front())) != 0) {
        EXPECT_EQ(volume.burst_ops, *limits.number(row, "burst_or_max_iops"));
      }
    }
  }
}

TEST(Volume, StateOfTheCreditsIsFullEmptyUnknownOrAShare) {
  EXPECT_EQ(parse_volume("gp2:200:full").credits_share, 1);
  EXPECT_EQ(parse_volume("gp2:200:empty").credits_share, 0);
  EXPECT_EQ(parse_volume("gp2:200:unknown").credits_share, std::nullopt);
  EXPECT_EQ(parse_volume("gp2:200:40%").credits_share, 0.4);
  EXPECT_EQ(parse_credits("Full"), 1);
  EXPECT_EQ(parse_credits("0%"), 0);
  EXPECT_EQ(parse_credits("unknown"), std::nullopt);
  for (const char* text : {"", "101%", "-1%", "half", "40", "%"}) {
    EXPECT_THROW(parse_credits(text), pg::Failure) << text;
  }
}

TEST(Volume, OneEbsVolumeIsNotStripedAndHasItsOwnBounds) {
  const Volume own = parse_volume("gp2:750:ebs:empty");
  EXPECT_FALSE(own.is_rds);
  EXPECT_EQ(own.volumes, 1U);
  EXPECT_EQ(own.base_ops, 2250);
  EXPECT_EQ(own.credits_max, 5.4e6);
  EXPECT_EQ(parse_volume("gp3:100:16000iops:1000mbps:ebs").base_ops, 16'000);
  EXPECT_EQ(parse_volume("io1:4:200iops:ebs").base_bytes, 50 * kMib);
  EXPECT_THAT(refusal_of("gp3:20:16000iops:ebs").detail(), HasSubstr("3,000 to 10,000 IOPS"));
}

TEST(Volume, CustomStorageHasTheGivenLimitsAndNoOthers) {
  const Volume both = parse_volume("custom:5000iops:250mbps");
  EXPECT_EQ(both.base_ops, 5000);
  EXPECT_EQ(both.burst_ops, 5000);
  EXPECT_EQ(both.base_bytes, 250 * kMib);
  EXPECT_FALSE(both.can_burst());
  EXPECT_TRUE(std::isinf(parse_volume("custom:250mbps").base_ops));
  EXPECT_TRUE(std::isinf(parse_volume("custom:5000iops").base_bytes));
}

TEST(Volume, WhatAmazonDoesNotSellIsRefusedWithWhatItSells) {
  EXPECT_STREQ(refusal_of("gp2:19").what(), "\"gp2:19\" is no storage: RDS does not sell gp2 of 19 GiB");
  EXPECT_EQ(refusal_of("gp2:19").detail(), "It sells 20 to 65,536 GiB.");
  EXPECT_THAT(refusal_of("gp3:65537").what(), HasSubstr("of 65,537 GiB"));
  EXPECT_EQ(refusal_of("io1:99:1000iops").detail(), "It sells 100 to 65,536 GiB.");
  EXPECT_THAT(refusal_of("gp3:399:6000iops").what(), HasSubstr("less than 400 GiB"));
  EXPECT_THAT(refusal_of("gp3:399:250mbps").what(), HasSubstr("less than 400 GiB"));
  EXPECT_EQ(refusal_of("gp3:400:11999iops").detail(), "gp3 of 400 GiB has 12,000 to 64,000 IOPS.");
  EXPECT_EQ(refusal_of("gp3:400:64001iops").detail(), "gp3 of 400 GiB has 12,000 to 64,000 IOPS.");
  EXPECT_EQ(refusal_of("gp3:400:3001mbps").detail(), "With 12,000 IOPS it has 500 to 3,000 MiB/s.");
  EXPECT_EQ(refusal_of("gp3:400:499mbps").detail(), "With 12,000 IOPS it has 500 to 3,000 MiB/s.");
  EXPECT_EQ(refusal_of("io1:100:5001iops").detail(), "io1 of 100 GiB has 1,000 to 5,000 IOPS.");
  EXPECT_EQ(refusal_of("io1:4000:1999iops").detail(), "io1 of 4,000 GiB has 2,000 to 200,000 IOPS.");
  EXPECT_EQ(refusal_of("io2:200:200001iops").detail(), "io2 of 200 GiB has 100 to 200,000 IOPS.");
  EXPECT_THAT(refusal_of("gp2:200:5000iops").what(), HasSubstr("follow from its size"));
  EXPECT_THAT(refusal_of("io1:200:5000iops:200mbps").what(), HasSubstr("follows from its IOPS"));
  EXPECT_THAT(refusal_of("io1:200").what(), HasSubstr("provisioned IOPS are missing"));
  EXPECT_THAT(refusal_of("gp3:400:full").what(), HasSubstr("no burst credits"));
  EXPECT_THAT(refusal_of("gp2:4000:full").detail(), HasSubstr("12,000 IOPS"));
}

TEST(Volume, TextsOfNoSuchFormAreRefused) {
  for (const char* text : {"",
                           ":",
                           "gp2",
                           "gp2:",
                           "gp4:200",
                           "gp2:-200",
                           "gp2:2e3",
                           "gp2:200.5",
                           "gp2: 200",
                           "gp2:200:",
                           "gp2:200::full",
                           "gp2:200:full:empty",
                           "gp2:200:fullish",
                           "gp2:200:ebs:ebs",
                           "gp3:400:12000",
                           "gp3:400:12000iops:12000iops",
                           "gp3:400:500mbps:500mbps",
                           "custom",
                           "custom:",
                           "custom:0iops",
                           "custom:0mbps:5iops",
                           "custom:5000",
                           "custom:5000iops:full",
                           "custom:5000iops:ebs",
                           "gp2:99999999999999999999",
                           "gp2:18446744073709551615tib",
                           "custom:99999999999999999999iops",
                           "io2:1000:99999999999999999999iops"}) {
    refusal_of(text);
  }
}

TEST(Volume, TextOfAVolumeReadsBackAsTheSame) {
  for (const char* text : {"gp2:2000", "gp2:200:full", "gp2:200:empty", "gp2:200:40%", "gp2:750:ebs:full",
                           "gp3:2000:12000iops:500mbps", "gp3:100:16000iops:1000mbps:ebs", "io1:2000:20000iops",
                           "io2:1000:10000iops", "custom:5000iops:250mbps", "custom:5000iops", "custom:250mbps"}) {
    EXPECT_EQ(volume_text(parse_volume(text)), text);
  }
  EXPECT_EQ(volume_text(parse_volume("gp3:2TiB")), "gp3:2048:12000iops:500mbps");
}

}  // namespace
}  // namespace pgsluice::capacity
