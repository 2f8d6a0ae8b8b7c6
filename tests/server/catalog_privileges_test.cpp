// The privileges that a migration needs: all are named, and the statements that are named do give them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "tests/support/database.hpp"
#include "tests/support/role.hpp"

namespace pgsluice::planner {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;
using tests::Database;

const QualifiedName kSource = {"app", "Odd \"Table\""};
const QualifiedName kTarget = {"app", "target"};

class CatalogPrivilegesTest : public testing::Test {
 protected:
  CatalogPrivilegesTest() {
    superuser_.run_script(R"(
      CREATE SCHEMA "app" AUTHORIZATION owner;
      CREATE FUNCTION public.fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      REVOKE EXECUTE ON FUNCTION public.fired() FROM PUBLIC;
      GRANT EXECUTE ON FUNCTION public.fired() TO owner;
      CREATE TYPE public.mood AS ENUM ('sad', 'ok');
      REVOKE USAGE ON TYPE public.mood FROM PUBLIC;
      GRANT USAGE ON TYPE public.mood TO owner;
      CREATE SCHEMA shared;
      CREATE TABLE shared.parent (id int PRIMARY KEY, secret text);
      GRANT USAGE ON SCHEMA shared TO owner;
      GRANT REFERENCES (id) ON shared.parent TO owner;
      SET ROLE owner;
      SET search_path = app;
      CREATE TABLE "Odd ""Table""" (id int PRIMARY KEY, feelings public.mood[], ref int REFERENCES shared.parent, self int
        REFERENCES "Odd ""Table""");
      CREATE TRIGGER t AFTER INSERT ON "Odd ""Table""" EXECUTE FUNCTION public.fired();
      CREATE POLICY p ON "Odd ""Table""" USING (id > 0);
      ALTER TABLE "Odd ""Table""" ENABLE ROW LEVEL SECURITY;
      CREATE PUBLICATION "Pub" FOR TABLE "Odd ""Table""";
      RESET ROLE; RESET search_path)");
  }

  std::vector<Privilege> read(pg::Connection& connection, bool empties_source = true) {
    return read_privileges(connection, connection, read_table_facts(connection, kSource), kTarget, empties_source,
                           true);
  }

  // A later statement may need what an earlier one gave (a schema that does not exist yet), but never the reverse.
  void grant_missing(const std::vector<Privilege>& privileges) {
    for (const Privilege& privilege : privileges) {
      if (!privilege.held) {
        superuser_.query(privilege.grant_sql);
      }
    }
  }

  tests::Role stranger_{"stran'ger"};
  Database database_;
  pg::Connection superuser_ = database_.connect_as_superuser();
};

std::vector<std::string> missing(const std::vector<Privilege>& privileges) {
  std::vector<std::string> names;
  for (const Privilege& privilege : privileges) {
    if (!privilege.held) {
      names.push_back(privilege.what);
    }
  }
  return names;
}

std::vector<std::string> all_names(const std::vector<Privilege>& privileges) {
  std::vector<std::string> names;
  for (const Privilege& privilege : privileges) {
    names.push_back(privilege.what);
  }
  return names;
}

TEST_F(CatalogPrivilegesTest, OwnerOfTheTableHoldsThemAll) {
  pg::Connection owner = database_.connect();
  const std::vector<Privilege> privileges = read(owner);
  EXPECT_THAT(missing(privileges), IsEmpty());
  EXPECT_THAT(
      all_names(privileges),
      IsSupersetOf({"USAGE on schema app", "SELECT on app.\"Odd \"\"Table\"\"\"", "DELETE on app.\"Odd \"\"Table\"\"\"",
                    "CREATE on schema app", "REFERENCES on shared.parent (foreign key \"Odd \"\"Table\"\"_ref_fkey\")",
                    "EXECUTE on function public.fired()", "USAGE on type public.mood",
                    "ownership of publication \"Pub\""}));
  EXPECT_THAT(all_names(privileges), Not(Contains(HasSubstr("self"))));
}

TEST_F(CatalogPrivilegesTest, DeleteIsAskedOnlyWhereTheSourceIsEmptied) {
  pg::Connection owner = database_.connect();
  EXPECT_THAT(all_names(read(owner, false)), Not(Contains(StartsWith("DELETE"))));
}

TEST_F(CatalogPrivilegesTest, StatementsThatAreNamedGiveAStrangerEverything) {
  pg::Connection stranger = database_.connect(stranger_.name());
  const std::vector<Privilege> before = read(stranger);
  std::vector<std::string> held;
  for (const Privilege& privilege : before) {
    EXPECT_NE(privilege.grant_sql, "") << privilege.what;
    if (privilege.held) {
      held.push_back(privilege.what);
    }
  }
  EXPECT_THAT(held, UnorderedElementsAre("USAGE on schema public",
                                         "CREATE on schema app for owner, the owner of the new tables"));
  grant_missing(before);
  EXPECT_THAT(missing(read(stranger)), IsEmpty());

  // And with them the stranger can do what a migration does.
  stranger.run_script(R"(
    CREATE SCHEMA pgsluice;
    CREATE FUNCTION pgsluice.guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER guard BEFORE TRUNCATE ON app."Odd ""Table""" EXECUTE FUNCTION pgsluice.guard();
    ALTER TABLE app."Odd ""Table""" ENABLE ALWAYS TRIGGER guard;
    CREATE TABLE app.target (id int, feelings public.mood[], ref int, self int, PRIMARY KEY (id)) PARTITION BY HASH (id);
    CREATE TABLE app.leaf PARTITION OF app.target FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    ALTER TABLE app.target OWNER TO owner;
    ALTER TABLE app.leaf OWNER TO owner;
    ALTER TABLE app.target ADD FOREIGN KEY (ref) REFERENCES shared.parent;
    CREATE TRIGGER t AFTER INSERT ON app.target EXECUTE FUNCTION public.fired();
    ALTER PUBLICATION "Pub" ADD TABLE app.target;
    INSERT INTO app.target SELECT * FROM app."Odd ""Table""";
    DELETE FROM app."Odd ""Table""")");
}

TEST_F(CatalogPrivilegesTest, MembersThatInheritNothingLearnHowToInherit) {
  tests::Role member("member", "LOGIN NOINHERIT");
  superuser_.query("GRANT owner TO " + pg::quoted(member.name()));
  pg::Connection connection = database_.connect(member.name());
  EXPECT_THAT(missing(read(connection)), Contains(StartsWith("membership in role owner")));
  grant_missing(read(connection));
  EXPECT_THAT(missing(read(connection)), IsEmpty());
  superuser_.query("REVOKE owner FROM " + pg::quoted(member.name()));
  superuser_.query("DROP OWNED BY " + pg::quoted(member.name()));
}

TEST_F(CatalogPrivilegesTest, SuperuserHoldsThemAll) {
  EXPECT_THAT(missing(read(superuser_)), IsEmpty());
}

TEST_F(CatalogPrivilegesTest, SchemaThatIsMissingComesWithItsCreation) {
  pg::Connection owner = database_.connect();
  const TableFacts facts = read_table_facts(owner, kSource);
  const auto privileges = read_privileges(owner, owner, facts, {"New one", "t"}, false, true);
  ASSERT_THAT(missing(privileges), ElementsAre("schema \"New one\""));
  grant_missing(privileges);
  EXPECT_THAT(missing(read_privileges(owner, owner, facts, {"New one", "t"}, false, true)), IsEmpty());
}

TEST_F(CatalogPrivilegesTest, ExistingTargetIsFilledWithoutOwningIt) {
  superuser_.run_script(
      "CREATE TABLE app.target (id int) PARTITION BY HASH (id); REVOKE CREATE ON SCHEMA app FROM owner");
  pg::Connection owner = database_.connect();
  EXPECT_THAT(missing(read(owner)), ElementsAre("INSERT on app.target", "SELECT on app.target (to verify)",
                                                "DELETE on app.target (to roll back)"));
  grant_missing(read(owner));
  EXPECT_THAT(missing(read(owner)), IsEmpty());
}

TEST_F(CatalogPrivilegesTest, SchemaThatWeMadeBeforeMustBeUsable) {
  superuser_.run_script("CREATE SCHEMA pgsluice; CREATE TABLE pgsluice.migration (id int)");
  superuser_.query("REVOKE CREATE ON DATABASE " + pg::quoted(database_.name()) + " FROM owner");
  pg::Connection owner = database_.connect();
  EXPECT_THAT(missing(read(owner)), ElementsAre("USAGE and CREATE on schema pgsluice",
                                                "SELECT, INSERT, UPDATE and DELETE on pgsluice.migration"));
  grant_missing(read(owner));
  EXPECT_THAT(missing(read(owner)), IsEmpty());
}

TEST_F(CatalogPrivilegesTest, TwoDatabasesAreAskedApart) {
  Database other;
  other.connect_as_superuser().query("CREATE SCHEMA app");
  pg::Connection source = database_.connect();
  pg::Connection target = other.connect();
  const TableFacts facts = read_table_facts(source, kSource);
  const std::vector<Privilege> privileges = read_privileges(source, target, facts, kTarget, false, false);
  EXPECT_THAT(
      all_names(privileges),
      IsSupersetOf<std::string>({"SELECT on app.\"Odd \"\"Table\"\"\", on the source",
                                 "CREATE on database " + other.name() + " (for schema pgsluice), on the target",
                                 "CREATE on database " + database_.name() + " (for schema pgsluice), on the source"}));
  EXPECT_THAT(missing(privileges),
              IsSupersetOf({"CREATE on schema app, on the target",
                            "REFERENCES on shared.parent (foreign key \"Odd \"\"Table\"\"_ref_fkey\") (there is no "
                            "such table), on the target"}));
}

}  // namespace
}  // namespace pgsluice::planner
