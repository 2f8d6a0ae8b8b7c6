#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "capacity/instance.hpp"
#include "capacity/server.hpp"
#include "capacity/tables.hpp"
#include "pg/failure.hpp"

namespace pgsluice::capacity {
namespace {

using testing::HasSubstr;

constexpr double kMegabyte = 1e6;

TEST(Instance, HasTheFiguresOfTheTable) {
  const Instance large = instance_named("db.r5.large");
  EXPECT_EQ(large.base_ops, 3600);
  EXPECT_EQ(large.burst_ops, 18'750);
  EXPECT_EQ(large.base_bytes, 81.25 * kMegabyte);
  EXPECT_EQ(large.burst_bytes, 593.75 * kMegabyte);
  EXPECT_EQ(large.memory_gib, 16);
  EXPECT_EQ(large.cores, 2U);
  EXPECT_EQ(large.ops_credits_share, std::nullopt);
  const Instance steady = instance_named("R5.4xlarge");
  EXPECT_EQ(steady.name, "db.r5.4xlarge");
  EXPECT_EQ(steady.base_ops, steady.burst_ops);
  EXPECT_EQ(steady.base_bytes, steady.burst_bytes);
  EXPECT_EQ(steady.cores, 16U);
  EXPECT_EQ(instance_named("db.t3.xlarge").cores, 4U);
  EXPECT_EQ(instance_named("db.t4g.micro").cores, 2U);
}

TEST(Instance, TakesTheSmallerMaximumWhereTheTwoGuidesDiffer) {
  EXPECT_EQ(instance_named("db.t3.medium").burst_bytes, 1536 / 8.0 * kMegabyte);    // Not 2,085.
  EXPECT_EQ(instance_named("db.m6i.large").burst_bytes, 10'000 / 8.0 * kMegabyte);  // Not 12,500.
  const Instance lower = instance_named("db.m6g.12xlarge");                         // 13,500, not 14,250, and no burst.
  EXPECT_EQ(lower.burst_bytes, 13'500 / 8.0 * kMegabyte);
  EXPECT_EQ(lower.base_bytes, lower.burst_bytes);
}

TEST(Instance, EveryClassOfTheTableIsReadAndBurstsIfTheTableSaysSo) {
  const CsvTable limits = table("rds_ebs_limits");
  for (std::size_t row = 0; row < limits.row_count(); ++row) {
    const Instance instance = instance_named(limits.text(row, "db_class"));
    EXPECT_EQ(instance.burst_ops > instance.base_ops, limits.number(row, "burst_30min_per_24h") == 1) << instance.name;
    EXPECT_EQ(instance.burst_bytes > instance.base_bytes, limits.number(row, "burst_30min_per_24h") == 1)
        << instance.name;
    EXPECT_NEAR(instance.base_bytes / kMegabyte,
                std::min(*limits.number(row, "base_mb_s"), instance.burst_bytes / kMegabyte), 0.006)
        << instance.name;
    EXPECT_GT(instance.cores, 0U) << instance.name;
  }
}

TEST(Instance, UnknownClassIsRefusedWithNearNames) {
  try {
    instance_named("db.r5.4xlrage");
    FAIL() << "it was taken";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    EXPECT_STREQ(failure.what(), "the instance class \"db.r5.4xlrage\" is not known");
    EXPECT_THAT(failure.hint(), HasSubstr("Near names: db.r5.4xlarge"));
  }
  for (const std::string& text :
       {std::string(), std::string("db."), std::string("db.r99.large"), std::string(100'000, 'x')}) {
    EXPECT_THROW(instance_named(text), pg::Failure);
  }
}

TEST(Instance, GivenFiguresGoBeforeTheTable) {
  const Instance lower =
      instance_named("db.r5.large", {.base_ops = 2000, .burst_ops = {}, .base_bytes = 50e6, .burst_bytes = {}});
  EXPECT_EQ(lower.base_ops, 2000);
  EXPECT_EQ(lower.burst_ops, 18'750);
  EXPECT_EQ(lower.base_bytes, 50e6);
  const Instance higher =
      instance_named("db.r5.large", {.base_ops = 20'000, .burst_ops = {}, .base_bytes = {}, .burst_bytes = 60e6});
  EXPECT_EQ(higher.burst_ops, 20'000);
  EXPECT_EQ(higher.base_bytes, 60e6);
  const Instance new_class =
      instance_named("db.r8g.xlarge", {.base_ops = 6000, .burst_ops = {}, .base_bytes = 1e8, .burst_bytes = {}});
  EXPECT_EQ(new_class.name, "db.r8g.xlarge");
  EXPECT_EQ(new_class.burst_ops, 6000);
  EXPECT_EQ(new_class.cores, 4U);
  EXPECT_THROW(
      instance_named("db.r8g.xlarge", {.base_ops = 6000, .burst_ops = {}, .base_bytes = {}, .burst_bytes = {}}),
      pg::Failure);
}

TEST(Instance, GivenFiguresThatAreNoPositiveNumbersAreRefused) {
  for (const double value : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_THROW(
        instance_named("db.r5.large", {.base_ops = value, .burst_ops = {}, .base_bytes = {}, .burst_bytes = {}}),
        pg::Failure)
        << value;
  }
  EXPECT_THROW(
      instance_named("db.r5.large", {.base_ops = 5000, .burst_ops = 4000, .base_bytes = {}, .burst_bytes = {}}),
      pg::Failure);
}

TEST(Instance, LargerOnesAreOfTheSameFamilyInOrder) {
  std::vector<std::string> names;
  for (const Instance& instance : larger_instances(instance_named("db.r5.2xlarge"))) {
    names.push_back(instance.name);
  }
  EXPECT_THAT(names, testing::ElementsAre("db.r5.4xlarge", "db.r5.8xlarge", "db.r5.12xlarge", "db.r5.16xlarge"));
  EXPECT_TRUE(larger_instances(instance_named("db.r5.16xlarge")).empty());
}

TEST(Server, LowestOfTheFourLimitsBinds) {
  const Server server{parse_volume("gp2:500"), instance_named("db.r5.large")};
  const Capacity sustained = sustained_capacity(server);
  EXPECT_EQ(sustained.ops, 1500);
  EXPECT_EQ(sustained.ops_limit, Limit::volume_ops);
  EXPECT_EQ(sustained.bytes, 81.25 * kMegabyte);
  EXPECT_EQ(sustained.bytes_limit, Limit::instance_bytes);
  const Capacity burst = burst_capacity(server);
  EXPECT_EQ(burst.ops, 12'000);
  EXPECT_EQ(burst.bytes, 512 * kMib);
  EXPECT_EQ(burst.bytes_limit, Limit::volume_bytes);
}

TEST(Server, ThroughputOfASmallGp2VolumeIsSustainedOnlyAsFarAsItsIopsGo) {
  const Server server{parse_volume("gp2:200"), std::nullopt};
  EXPECT_EQ(sustained_capacity(server).bytes, 150 * kMib);
  EXPECT_EQ(burst_capacity(server).bytes, 250 * kMib);
}

}  // namespace
}  // namespace pgsluice::capacity
