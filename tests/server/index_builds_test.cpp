// How indexes are built: in which order, with whose parallelism, and what a watcher sees of a build that takes long.
#include <gmock/gmock.h>

#include "tests/server/target_fixture.hpp"

namespace pgsluice::tests {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class IndexBuilds : public TargetFixture {
 protected:
  // What one build sends that matches `word`, in order.
  std::vector<std::string> sent_by(const planner::Plan& plan, unsigned jobs, const std::string& word) {
    std::vector<std::string> sent;
    std::mutex mutex;
    const mover::Sessions watched = sessions(plan, [&](const pg::StatementEvent& event) {
      const std::lock_guard lock(mutex);
      if (event.sql.find(word) != std::string_view::npos) {
        sent.emplace_back(event.sql);
      }
    });
    mover::build_indexes(plan, watched, context(), {jobs, "", nullptr, ""});
    return sent;
  }

  // Where the observer stood before the first index was done.
  std::vector<double> fractions_inside_the_first_build(const planner::Plan& plan) {
    std::vector<double> fractions;
    observer_.at_progress = [&](const mover::Progress& progress) {
      if (progress.units_done == 0 && progress.fraction > 0) {
        fractions.push_back(progress.fraction);
      }
      last_ = progress;
    };
    mover::build_indexes(plan, sessions(plan), context(), {1, "", nullptr, ""});
    return fractions;
  }

  // One leaf with rows enough that reading and sorting them takes some seconds: every key is a checksum of a long text.
  planner::Plan slow_plan() {
    run("CREATE TABLE pages (id bigint, note text);"
        "INSERT INTO pages SELECT i, md5(i::text) FROM generate_series(1, 150000) i;"
        "CREATE INDEX slow ON pages (encode(sha512(repeat(note, 250)::bytea), 'hex'))");
    planner::Plan plan = plan_for("public.pages", {hash("id", 1)});
    prepare(plan);
    move_rows(plan);
    return plan;
  }

  mover::Progress last_;
};

TEST_F(IndexBuilds, GoLeafByLeafTheLargestFirstAndUniqueOnesBeforeOthers) {
  run("CREATE TABLE t (id int, region text NOT NULL, n int, CONSTRAINT \"the key\" PRIMARY KEY (id, region));"
      "CREATE INDEX a_plain ON t (n); CREATE UNIQUE INDEX b_unique ON t (n, id, region);"
      "INSERT INTO t SELECT i, CASE WHEN i < 2000 THEN 'small' ELSE 'large' END, i FROM generate_series(1, 9000) i");
  planner::LevelSpec by_region = planner::parse_level("LIST (region)");
  const planner::Plan plan = plan_for("public.t", {by_region});
  prepare(plan);
  move_rows(plan);
  const std::vector<std::string> sent = sent_by(plan, 1, "INDEX \"t_");
  std::vector<std::string> on_leaves;
  for (const std::string& sql : sent) {
    if (sql.find(" ON ONLY ") == std::string::npos && sql.starts_with("CREATE")) on_leaves.push_back(sql);
  }
  EXPECT_THAT(on_leaves, ElementsAre(testing::AllOf(HasSubstr("large"), HasSubstr("(id, region)")),
                                     testing::AllOf(HasSubstr("large"), HasSubstr("(n, id, region)")),
                                     testing::AllOf(HasSubstr("large"), HasSubstr("(n)")),
                                     testing::AllOf(HasSubstr("small"), HasSubstr("(id, region)")),
                                     testing::AllOf(HasSubstr("small"), HasSubstr("(n, id, region)")),
                                     testing::AllOf(HasSubstr("small"), HasSubstr("(n)"))));
}

TEST_F(IndexBuilds, HaveParallelWorkersOnlyWhereOneIsMoreThanASessionsFairShare) {
  constexpr const char* kWord = "max_parallel_maintenance_workers TO DEFAULT";
  run("CREATE TABLE t (id int PRIMARY KEY, n int); CREATE INDEX ON t (n);"
      "INSERT INTO t SELECT i, i FROM generate_series(1, 20000) i");
  const planner::Plan even = plan_for("public.t", {hash("id", 8)});
  prepare(even);
  move_rows(even);
  EXPECT_THAT(sent_by(even, 4, kWord), IsEmpty());
  remove(even);
  // Twice as many sessions as builds.
  prepare(even);
  move_rows(even);
  EXPECT_THAT(sent_by(even, 32, kWord), SizeIs(16));
  remove(even);

  planner::LevelSpec by_half = planner::parse_level("RANGE (id)");
  by_half.interval = "19000";
  const planner::Plan uneven = plan_for("public.t", {by_half});
  prepare(uneven);
  move_rows(uneven);
  EXPECT_THAT(sent_by(uneven, 4, kWord), SizeIs(2)) << "both indexes of the one large leaf";
}

TEST_F(IndexBuilds, ShowHowFarTheyAreWhileOneGoesOn) {
  const planner::Plan plan = slow_plan();
  const std::vector<double> fractions = fractions_inside_the_first_build(plan);
  ASSERT_GE(fractions.size(), 2U) << "the build was over before it was looked at twice";
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_LT(fractions.front(), fractions.back());
  EXPECT_LE(fractions.back(), 1.0);
  EXPECT_EQ(last_.fraction, 1.0);
  EXPECT_EQ(last_.units_done, last_.units_total);
}

TEST_F(IndexBuilds, GoOnUnseenWhereTheRoleMayNotLook) {
  const planner::Plan plan = slow_plan();
  database_.connect_as_superuser().query("REVOKE SELECT ON pg_catalog.pg_stat_progress_create_index FROM PUBLIC");
  EXPECT_THAT(fractions_inside_the_first_build(plan), IsEmpty());
  EXPECT_EQ(last_.fraction, 1.0);
  EXPECT_THAT(observer_.retries(), IsEmpty());
}

}  // namespace
}  // namespace pgsluice::tests
