#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "capacity/alternatives.hpp"
#include "tests/support/capacity_samples.hpp"

namespace pgsluice::capacity {
namespace {

using tests::job_of;
using tests::server_of;
using tests::tired_server_of;

std::vector<std::string> texts_of(const std::vector<Volume>& volumes) {
  std::vector<std::string> texts;
  for (const Volume& volume : volumes) {
    texts.push_back(volume_text(volume));
  }
  return texts;
}

TEST(Alternatives, LargerVolumesAreTheNextStepsThatAmazonSells) {
  const auto larger = [](const char* text) { return texts_of(larger_volumes(parse_volume(text))); };
  EXPECT_THAT(larger("gp2:150:empty"),
              testing::ElementsAre("gp2:300:empty", "gp2:400:empty", "gp3:150:3000iops:125mbps"));
  EXPECT_THAT(larger("gp2:200"), testing::ElementsAre("gp2:400", "gp3:200:3000iops:125mbps"));
  EXPECT_THAT(larger("gp2:65536"), testing::ElementsAre("gp3:65536:12000iops:500mbps"));
  EXPECT_THAT(larger("gp2:500:ebs"), testing::ElementsAre("gp2:1000:ebs", "gp3:500:3000iops:125mbps:ebs"));
  EXPECT_THAT(larger("gp3:100"), testing::ElementsAre("gp3:400:12000iops:500mbps"));
  EXPECT_THAT(larger("gp3:400"), testing::ElementsAre("gp3:400:24000iops:1000mbps"));
  EXPECT_THAT(larger("gp3:400:40000iops:4000mbps"), testing::ElementsAre("gp3:400:64000iops:4000mbps"));
  EXPECT_THAT(larger("gp3:400:64000iops:4000mbps"), testing::IsEmpty());
  EXPECT_THAT(larger("io1:100:3000iops"), testing::ElementsAre("io1:100:5000iops"));
  EXPECT_THAT(larger("io1:100:5000iops"), testing::IsEmpty());
  EXPECT_THAT(larger("custom:5000iops"), testing::IsEmpty());
}

TEST(Alternatives, TellWhatTheNextSizesBringAndWhatBindsThen) {
  // 1,500 IOPS of the volume bind; the instance has 3,600, the next class 6,000.
  const Server server = tired_server_of("gp2:500:empty", "db.r5.large");
  const Job job = job_of(36e6, Work{.ops_lower = 1, .ops_upper = 1});
  EXPECT_DOUBLE_EQ(predict(server, job).duration.expected_seconds, 24'000);
  const std::vector<Alternative> found = alternatives(server, job);
  std::vector<std::pair<std::string, double>> told;
  for (const Alternative& alternative : found) {
    told.emplace_back(alternative.change, std::round(alternative.expected_seconds));
  }
  EXPECT_THAT(told,
              testing::ElementsAre(testing::Pair("db.r5.xlarge", 24'000), testing::Pair("db.r5.2xlarge", 24'000),
                                   testing::Pair("gp2:1000:empty", 12'000), testing::Pair("gp2:1336:empty", 10'000),
                                   testing::Pair("gp3:500:12000iops:500mbps", 10'000),
                                   testing::Pair("db.r5.xlarge and gp2:1000:empty", 12'000)));
  EXPECT_EQ(found[0].limit, Limit::volume_ops);
  EXPECT_EQ(found[4].limit, Limit::instance_ops);
}

TEST(Alternatives, LargerClassBringsItsCores) {
  Job job = job_of(1e6, Work{.cpu_seconds = 0.01});
  job.workers = 64;
  const Server server = tired_server_of("gp3:400:64000iops:4000mbps", "db.r5.large");
  EXPECT_DOUBLE_EQ(alternatives(server, job)[0].expected_seconds, 2500);
  job.cores = 1;  // The other one is taken.
  EXPECT_DOUBLE_EQ(alternatives(server, job)[0].expected_seconds, 5000);
}

TEST(Alternatives, ThereAreNoneForDisksOfNoTable) {
  EXPECT_TRUE(alternatives(server_of("custom:5000iops"), job_of(1e6, Work{.ops_lower = 1, .ops_upper = 1})).empty());
}

}  // namespace
}  // namespace pgsluice::capacity
