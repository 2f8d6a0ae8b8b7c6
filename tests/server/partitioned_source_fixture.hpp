// A table that is partitioned already, of every kind of partition that makes a difference, and writes to it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/live_fixture.hpp"

namespace pgsluice::tests {

// Months and DEFAULT. February has a level of its own; March was a table of another shape before it was attached.
class PartitionedSource : public LiveTable {
 protected:
  static constexpr const char* kNew = "public.\"Ev \"\"ents_partitioned\"";
  static constexpr const char* kOld = "public.\"Ev \"\"ents_old\"";

  void SetUp() override {
    connection_.run_script(R"(
      CREATE TABLE kinds (id int PRIMARY KEY);
      INSERT INTO kinds SELECT generate_series(0, 9);
      CREATE TABLE "Ev ""ents" (gone int, id bigint NOT NULL, at date NOT NULL, region text, kind int DEFAULT 1, note text,
        CONSTRAINT "ke y" PRIMARY KEY (id, at), CONSTRAINT kind_fkey FOREIGN KEY (kind) REFERENCES kinds,
        CONSTRAINT plausible CHECK (id > 0)) PARTITION BY RANGE (at);
      ALTER TABLE "Ev ""ents" DROP COLUMN gone;
      COMMENT ON TABLE "Ev ""ents" IS 'what happened';
      CREATE TABLE january PARTITION OF "Ev ""ents" FOR VALUES FROM ('2025-01-01') TO ('2025-02-01') WITH (fillfactor = 80);
      CREATE TABLE february PARTITION OF "Ev ""ents" FOR VALUES FROM ('2025-02-01') TO ('2025-03-01') PARTITION BY RANGE (id);
      CREATE TABLE february_low PARTITION OF february FOR VALUES FROM (MINVALUE) TO (3000);
      CREATE TABLE "february rest" PARTITION OF february DEFAULT;
      CREATE TABLE march (note text, was int, at date NOT NULL, kind int, id bigint NOT NULL, region text,
        CONSTRAINT plausible CHECK (id > 0));
      ALTER TABLE march DROP COLUMN was;
      ALTER TABLE "Ev ""ents" ATTACH PARTITION march FOR VALUES FROM ('2025-03-01') TO ('2025-04-01');
      CREATE TABLE "Ev ""ents_p3" PARTITION OF "Ev ""ents" FOR VALUES FROM ('2025-04-01') TO ('2025-05-01');
      CREATE TABLE rest PARTITION OF "Ev ""ents" DEFAULT;
      CREATE INDEX by_note ON "Ev ""ents" (note);
      CREATE INDEX of_march ON march (region);
      CREATE TABLE seen (what text);
      CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (TG_NAME); RETURN NULL; END $$;
      CREATE TRIGGER seen_by_table AFTER INSERT ON "Ev ""ents" FOR EACH ROW EXECUTE FUNCTION see();
      CREATE TRIGGER seen_by_march AFTER DELETE ON march FOR EACH ROW EXECUTE FUNCTION see();
      ALTER TABLE january DISABLE TRIGGER seen_by_table;
      CREATE VIEW happened AS SELECT id, note FROM "Ev ""ents";
      CREATE TABLE remarks (id int PRIMARY KEY, event bigint, at date, CONSTRAINT remark_fkey FOREIGN KEY (event, at) REFERENCES "Ev ""ents" ON DELETE CASCADE);
      INSERT INTO "Ev ""ents" SELECT i, date '2025-01-01' + i % 150, (ARRAY['north', 'south', NULL])[1 + i % 3], i % 10, 'n' || i
        FROM generate_series(1, 6000) i;
      INSERT INTO remarks SELECT i, i, date '2025-01-01' + i % 150 FROM generate_series(1, 6000, 7) i;
      DELETE FROM seen;
      ANALYZE "Ev ""ents";)");
  }

  Outcome plan(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--table", kTable,       "--by",    "HASH (id)",    "--partitions",
                                          "4",       "--strategy", "capture", "--range-rows", "700"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return migration_.plan(arguments);
  }
  void bring_to_complete() const {
    const Outcome planned = plan();
    ASSERT_EQ(planned.exit_code, 0) << planned;
    follow();
  }
  void bring_to_verified() {
    bring_to_complete();
    const Outcome outcome = migration_.verify();
    ASSERT_EQ(outcome.exit_code, 0) << outcome;
  }
  // Of the columns by name: the two need not have the same order.
  std::int64_t differing_rows(const std::string& one, const std::string& other) {
    const std::string columns = "(SELECT id, at, region, kind, note FROM ";
    return connection_
        .query("SELECT count(*) FROM (" + columns + one + " EXCEPT ALL " + columns + other + ")) UNION ALL " + columns +
               other + " EXCEPT ALL " + columns + one + "))) AS d")
        .integer(0, 0);
  }
  void expect_followed(const std::string& when) { EXPECT_EQ(differing_rows(table_, kNew), 0) << when; }
  void remember() {
    connection_.run_script("DROP TABLE IF EXISTS pg_temp.expected; CREATE TEMPORARY TABLE expected AS TABLE " + table_);
  }
  // All kinds of writes, through the table and by the names of its partitions, before and after the exchange.
  void write(int round) {
    const std::string base = std::to_string(100'000 * (round + 1));
    connection_.run_script(
        "INSERT INTO " + table_ + " (id, at, region, kind, note) SELECT " + base +
        " + i, date '2024-12-01' + i % 190, (ARRAY['north', 'west', NULL])[1 + i % 3], i % 10, 'new' FROM "
        "generate_series(1, 300) i; UPDATE " +
        table_ + " AS e SET at = at + 31, note = 'moved' WHERE id % 13 = " + std::to_string(round) +
        " AND NOT EXISTS (SELECT FROM remarks r WHERE r.event = e.id); UPDATE " + table_ +
        " SET region = 'north' WHERE region IS NULL AND id % 5 = 0; UPDATE " + table_ +
        " SET note = 'changed' WHERE id % 11 = 0; UPDATE " + table_ +
        " AS e SET id = id + 50000 WHERE id % 17 = " + std::to_string(round) +
        " AND id < 40000 AND NOT EXISTS (SELECT FROM remarks r WHERE r.event = e.id); DELETE FROM " + table_ +
        " WHERE id % 19 = " + std::to_string(round));
  }
  void write_to_partitions() {
    connection_.run_script(
        "INSERT INTO march (id, at, region, kind, note) SELECT 700000 + count(*), '2025-03-03', 'x', 1, 'by name' FROM "
        "march; UPDATE january "
        "SET note = 'by name' WHERE id % 23 = 0; DELETE FROM february_low WHERE id % 29 = 0; UPDATE february SET id = "
        "id + "
        "200000 WHERE id % 7 = 2 AND id < 3000 AND NOT EXISTS (SELECT FROM remarks r WHERE r.event = february.id)");
  }
  bool is_there(const std::string& table) {
    return !connection_.query("SELECT to_regclass($1)", {table}).is_null(0, 0);
  }
  void expect_nothing_of_ours() {
    EXPECT_EQ(count("pg_namespace WHERE nspname = 'pgsluice'"), 0);
    EXPECT_EQ(count("pg_description WHERE description LIKE '%[pgsluice%'"), 0);
    EXPECT_EQ(count("pg_trigger WHERE tgname LIKE 'pgsluice%'"), 0);
  }

  static constexpr const char* kTable = "public.\"Ev \"\"ents\"";
  const std::string table_ = kTable;
};

// Nothing points to it, so that its partitions may go and be emptied.
class PartitionedSourceAlone : public PartitionedSource {
 protected:
  void SetUp() override {
    PartitionedSource::SetUp();
    connection_.query("ALTER TABLE remarks DROP CONSTRAINT remark_fkey");
  }
};

}  // namespace pgsluice::tests
