// Everything is said before anything is changed: what is kept, changed, lost, and every reason against a plan at once.
#include "planner/keep.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pgsluice::planner {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Keep : public testing::Test {
 protected:
  Keep() {
    facts_.name = {"s", "t"};
    facts_.kind = "r";
    facts_.persistence = "p";
    facts_.owner = "owner";
    facts_.replica_identity = "d";
    facts_.columns = {column("id", true), column("uid", false)};
    Index primary;
    primary.name = "t_pkey";
    primary.is_primary = primary.is_unique = primary.is_constraint = true;
    primary.key_columns = {"id"};
    primary.body = "btree (id)";
    facts_.indexes = {primary};
    layout_.root.name = {"s", "t_new"};
    layout_.root.method = PartitionMethod::hash;
    layout_.root.key_columns = {"id"};
    options_.target_major_version = 15;
  }

  static Column column(const std::string& name, bool not_null) {
    Column made;
    made.name = name;
    made.type = "integer";
    made.not_null = not_null;
    return made;
  }
  static ForeignKey incoming(const std::string& action) {
    ForeignKey key;
    key.name = "points here";
    key.table = {"s", "child"};
    key.referenced = {"s", "t"};
    key.referenced_columns = {"id"};
    key.on_delete = action;
    return key;
  }

  Verdict verdict() const { return judge(facts_, layout_, options_); }
  std::vector<std::string> refusals() const {
    std::vector<std::string> all;
    for (const pg::Failure& refusal : verdict().refusals) {
      EXPECT_EQ(refusal.kind(), pg::FailureKind::refused);
      EXPECT_EQ(refusal.status(), "nothing was changed");
      EXPECT_NE(refusal.hint(), "") << refusal.what();
      all.push_back(std::string(refusal.what()) + " | " + refusal.detail() + " | " + refusal.hint());
    }
    return all;
  }
  // "changed: primary key …; becomes …; flag"
  std::vector<std::string> notices() const {
    std::vector<std::string> all;
    for (const Notice& notice : verdict().notices) {
      all.push_back(std::string(name_of(notice.kind)) + ": " + notice.what + "; " + notice.instead + "; " +
                    notice.flag);
    }
    return all;
  }
  void partition_by_uid() { layout_.root.key_columns = {"uid"}; }

  TableFacts facts_;
  Layout layout_;
  KeepOptions options_;
};

TEST_F(Keep, HasNothingAgainstAPlainTable) {
  EXPECT_THAT(refusals(), IsEmpty());
  EXPECT_THAT(notices(), Contains(HasSubstr("kept: primary key t_pkey")));
  EXPECT_THAT(notices(), Not(Contains(HasSubstr("lost:"))));
}

TEST_F(Keep, RefusesWhatIsNoTable) {
  for (const auto& [kind, text] : std::vector<std::pair<std::string, std::string>>{
           {"v", "is a view"}, {"m", "materialized view"}, {"f", "foreign table"}, {"t", "TOAST"}}) {
    facts_.kind = kind;
    EXPECT_THAT(refusals(), Contains(HasSubstr(text))) << kind;
  }
}

TEST_F(Keep, RefusesTablesThatCannotBeMovedSafely) {
  facts_.persistence = "u";
  EXPECT_THAT(refusals(), Contains(HasSubstr("s.t is unlogged")));
  facts_.persistence = "t";
  EXPECT_THAT(refusals(), Contains(HasSubstr("s.t is temporary")));
  facts_.persistence = "p";
  facts_.has_children = true;
  EXPECT_THAT(refusals(), Contains(HasSubstr("has inheritance children")));
  facts_.has_children = false;
  facts_.has_parents = true;
  EXPECT_THAT(refusals(), Contains(HasSubstr("inherits from another table")));
  facts_.has_parents = false;
  facts_.row_security_active = true;
  EXPECT_THAT(refusals(), Contains(HasSubstr("hides rows from this role")));
  facts_.row_security_active = false;
  facts_.name.schema = "pg_catalog";
  EXPECT_THAT(refusals(), Contains(HasSubstr("belongs to PostgreSQL itself")));
}

TEST_F(Keep, CollectsAllReasonsAtOnce) {
  facts_.persistence = "u";
  facts_.has_children = true;
  facts_.rules = {{"rule", "r", "CREATE RULE …"}};
  options_.accepted = {"everything"};
  EXPECT_THAT(refusals(), SizeIs(4));
}

TEST_F(Keep, KnowsTheKindsThatCanBeAccepted) {
  options_.accepted = {"ruels"};
  EXPECT_THAT(refusals(), Contains(HasSubstr("--accept knows no \"ruels\"")));
  EXPECT_THAT(refusals(), Contains(HasSubstr("incoming-foreign-keys, self-foreign-keys, rules")));
}

TEST_F(Keep, WidensUniquenessAndSaysSoOrRefusesWhenAskedToBeStrict) {
  partition_by_uid();
  EXPECT_THAT(notices(), Contains(HasSubstr("changed: primary key t_pkey (id); becomes (id, uid)")));
  EXPECT_THAT(notices(), Contains(HasSubstr("changed: column uid; becomes NOT NULL")));
  EXPECT_THAT(refusals(), IsEmpty());
  options_.strict_unique = true;
  EXPECT_THAT(refusals(), Contains(HasSubstr("primary key t_pkey (id) cannot be kept as it is")));
}

TEST_F(Keep, APrimaryKeyOverNullsBecomesUnique) {
  partition_by_uid();
  options_.columns_with_nulls = {"uid"};
  EXPECT_THAT(notices(), Contains(HasSubstr("primary key t_pkey (id); becomes UNIQUE (id, uid), no primary key")));
  EXPECT_THAT(notices(), Not(Contains(HasSubstr("becomes NOT NULL"))));
}

TEST_F(Keep, IncomingForeignKeysForbidMovingAndNameTheActionAndTheWayOut) {
  options_.empties_source = true;
  for (const auto& [action, text] : std::vector<std::pair<std::string, std::string>>{
           {"c", "ON DELETE CASCADE: moving a row would delete the rows"},
           {"n", "ON DELETE SET NULL: moving a row would change the rows"},
           {"d", "ON DELETE SET DEFAULT: moving a row would change"},
           {"r", "ON DELETE RESTRICT: a row that others point to could not"},
           {"a", "ON DELETE NO ACTION: a row that others point to could not"}}) {
    facts_.incoming_foreign_keys = {incoming(action)};
    EXPECT_THAT(refusals(), Contains(HasSubstr(text)));
    EXPECT_THAT(refusals(), Contains(HasSubstr("--method insert")));
  }
  options_.accepted = {"incoming-foreign-keys"};
  EXPECT_THAT(refusals(), SizeIs(1)) << "a moving method deletes whatever the operator accepts";
}

TEST_F(Keep, IncomingForeignKeysOfACopyAreToldAndAcceptedOnlyWhereTheirKeyIsWidened) {
  facts_.incoming_foreign_keys = {incoming("c")};
  EXPECT_THAT(refusals(), IsEmpty());
  EXPECT_THAT(notices(),
              Contains(HasSubstr("warning: foreign key \"points here\" from s.child; goes on pointing to the source")));
  partition_by_uid();
  EXPECT_THAT(refusals(), Contains(HasSubstr("--accept incoming-foreign-keys")));
  options_.accepted = {"incoming-foreign-keys"};
  EXPECT_THAT(refusals(), IsEmpty());
  EXPECT_THAT(notices(), Contains(HasSubstr("lost: foreign key \"points here\"")));
}

TEST_F(Keep, ForeignKeysToItselfAreLostByFlagOnly) {
  ForeignKey self = incoming("a");
  self.table = self.referenced;
  facts_.foreign_keys = facts_.incoming_foreign_keys = {self};
  EXPECT_THAT(refusals(), Contains(HasSubstr("--accept self-foreign-keys")));
  options_.accepted = {"self-foreign-keys"};
  EXPECT_THAT(refusals(), IsEmpty());
}

TEST_F(Keep, TriggersThatWouldFireForMovedRowsForbidMoving) {
  Trigger trigger;
  trigger.name = "audit";
  trigger.enabled = "O";
  trigger.on_delete = true;
  facts_.triggers = {trigger};
  EXPECT_THAT(refusals(), IsEmpty());
  options_.empties_source = true;
  EXPECT_THAT(refusals(), Contains(HasSubstr("trigger audit of the source would fire for every row that moves")));
  for (const char* silent : {"D", "R"}) {
    facts_.triggers[0].enabled = silent;
    EXPECT_THAT(refusals(), IsEmpty()) << silent;
  }
  facts_.triggers[0].enabled = "A";
  EXPECT_THAT(refusals(), SizeIs(1));
  facts_.triggers[0].on_delete = false;
  facts_.triggers[0].on_update = true;
  EXPECT_THAT(refusals(), IsEmpty());
}

TEST_F(Keep, RulesAndExclusionConstraintsAreLostByFlagOnly) {
  facts_.rules = {{"rule", "r", "CREATE RULE …"}};
  Index exclusion = facts_.indexes[0];
  exclusion.name = "no overlap";
  exclusion.is_primary = exclusion.is_constraint = exclusion.is_unique = false;
  exclusion.is_exclusion = true;
  facts_.indexes.push_back(exclusion);
  EXPECT_THAT(refusals(), SizeIs(2));
  options_.accepted = {"rules", "exclusion-constraints"};
  EXPECT_THAT(refusals(), IsEmpty());
  EXPECT_THAT(notices(), Contains(HasSubstr("lost: rule r")));
  EXPECT_THAT(notices(), Contains(HasSubstr("lost: exclusion constraint \"no overlap\"")));
}

TEST_F(Keep, InvalidIndexesAreLostAndSaidSo) {
  facts_.indexes[0].is_valid = false;
  EXPECT_THAT(notices(), Contains(HasSubstr("lost: invalid primary key t_pkey")));
}

TEST_F(Keep, IdentityDependsOnTheTargetsVersion) {
  facts_.columns[0].identity = "a";
  facts_.columns[0].owned_sequence = QualifiedName{"s", "t_id_seq"};
  EXPECT_THAT(notices(), Contains(HasSubstr("changed: identity column id")));
  options_.target_major_version = 17;
  EXPECT_THAT(notices(), Contains(HasSubstr("kept: identity column id")));
}

TEST_F(Keep, ReplicaIdentityFallsBackToFullWhereTheWidenedIndexMayHoldNulls) {
  facts_.replica_identity = "i";
  facts_.indexes[0].is_primary = false;
  facts_.indexes[0].is_replica_identity = true;
  EXPECT_THAT(notices(), Contains(HasSubstr("kept: replica identity")));
  partition_by_uid();
  EXPECT_THAT(notices(), Contains(HasSubstr("changed: replica identity; becomes FULL")));
}

TEST_F(Keep, AnotherDatabaseHasNoPublicationsTablespacesOrKnownForeignTables) {
  facts_.publications = {{"pub", "", "", true}};
  facts_.tablespace = "fast";
  ForeignKey key;
  key.name = "fk";
  key.table = facts_.name;
  key.referenced = {"s", "other"};
  facts_.foreign_keys = {key};
  EXPECT_THAT(notices(), Not(Contains(HasSubstr("lost:"))));
  options_.one_database = false;
  EXPECT_THAT(notices(), Contains(HasSubstr("lost: publication pub")));
  EXPECT_THAT(notices(), Contains(HasSubstr("lost: tablespace fast")));
  EXPECT_THAT(notices(),
              Contains(HasSubstr("foreign key fk to s.other; is made if the target's database has that table")));
}

TEST_F(Keep, AnExistingTargetMustTakeTheSourcesRows) {
  layout_.existing = true;
  TableFacts target = facts_;
  target.name = {"s", "t_new"};
  options_.existing_target = &target;
  EXPECT_THAT(refusals(), IsEmpty());
  target.columns[1].type = "bigint";
  EXPECT_THAT(refusals(), Contains(HasSubstr("Column uid is bigint, not integer")));
  target.columns.pop_back();
  EXPECT_THAT(refusals(), Contains(HasSubstr("Column uid is missing")));
  target.columns.push_back(facts_.columns[1]);
  target.columns[1].generated = "s";
  EXPECT_THAT(refusals(), Contains(HasSubstr("column")));
  target.columns[1].generated = "";
  target.columns.push_back(column("extra", true));
  EXPECT_THAT(refusals(), Contains(HasSubstr("Column extra is NOT NULL without a default")));
  target.columns[2].default_expression = "0";
  EXPECT_THAT(refusals(), IsEmpty());
}

TEST_F(Keep, AnExistingTargetsTriggersAreWarnedOf) {
  layout_.existing = true;
  TableFacts target = facts_;
  Trigger trigger;
  trigger.name = "stamp";
  trigger.enabled = "O";
  trigger.on_insert = true;
  target.triggers = {trigger};
  options_.existing_target = &target;
  EXPECT_THAT(notices(), Contains(HasSubstr("warning: trigger stamp of the target")));
}

}  // namespace
}  // namespace pgsluice::planner
