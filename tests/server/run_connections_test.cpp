// How the mover reaches its servers: over TCP with a password from a passfile, through TLS, from one server to another;
// and what it does when a server is full, away or not the one it was.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/cluster.hpp"
#include "tests/support/database.hpp"
#include "tests/support/installation.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kItems =
    "CREATE TABLE items (id bigint PRIMARY KEY, name text);"
    "INSERT INTO items SELECT i, repeat(md5(i::text), 3) FROM generate_series(1, 5000) i; ANALYZE items;";

const std::vector<std::string> kByHash = {"--table",      "items", "--by",         "HASH (id)",
                                          "--partitions", "3",     "--range-rows", "500"};

std::vector<std::string> by_hash_and(std::vector<std::string> more) {
  more.insert(more.begin(), kByHash.begin(), kByHash.end());
  return more;
}

// As ~/.pgpass: host:port:database:user:password, where : and \ are escaped.
fs::path write_passfile(const fs::path& folder) {
  const fs::path path = folder / "pgpass";
  std::string escaped;
  for (const char c : kPassword) escaped += (c == ':' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  std::ofstream(path) << "127.0.0.1:*:*:owner:" << escaped << "\n";
  chmod(path.c_str(), 0600);
  return path;
}

Outcome run_with(const Migration& migration, const std::string& command, const std::vector<std::string>& arguments,
                 const std::map<std::string, std::string>& environment) {
  ProgramOptions options = migration.command(command, arguments);
  options.environment = environment;
  return run(options);
}

TEST(Connections, PasswordFromAPassfileOverTcpIsEnoughForEverySessionAndIsShownNowhere) {
  ClusterOptions options;
  options.password_required = true;
  Cluster cluster(options);
  Database database(cluster.address());
  pg::Connection connection = database.connect();
  connection.run_script(kItems);
  const RowSet rows = read_rows(connection, "items");
  const Migration migration(database.tcp_conninfo());
  const std::map<std::string, std::string> environment = {{"PGPASSFILE", write_passfile(migration.folder()).string()}};
  const fs::path log = migration.folder() / "log";
  for (const auto& [command, arguments] : {std::pair{std::string("plan"), by_hash_and({"--method", "stream"})},
                                           {std::string("run"), {"--workers", "3"}},
                                           {std::string("verify"), {}},
                                           {std::string("rollback"), {}}}) {
    std::vector<std::string> all = arguments;
    all.insert(all.end(), {"--log-level", "trace", "--log-file", log.string()});
    const Outcome outcome = run_with(migration, command, all, environment);
    ASSERT_EQ(outcome.exit_code, 0) << command << ": " << outcome;
    EXPECT_THAT(outcome.output + outcome.errors, Not(HasSubstr("sesame")));
    if (command == "run") {
      EXPECT_EQ(difference(rows, read_rows(connection, "items_partitioned")), "");
    }
  }
  EXPECT_THAT(file_text(log), Not(HasSubstr("sesame")));
  EXPECT_THAT(file_text(migration.checkpoint()), Not(HasSubstr("sesame")));
  struct stat facts {};
  for (const fs::path& path : {log, migration.checkpoint()}) {
    ASSERT_EQ(stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600U) << path;
  }
}

TEST(Connections, SslmodeRequireEncryptsEverySession) {
  ClusterOptions options;
  options.tls = true;
  options.password_required = true;
  options.settings = {"log_connections = on"};
  Cluster cluster(options);
  Database database(cluster.address());
  database.connect().run_script(kItems);
  const std::size_t log_begin = cluster.log().size();
  const Migration migration(database.tcp_conninfo() + " sslmode=require");
  const std::map<std::string, std::string> environment = {{"PGPASSFILE", write_passfile(migration.folder()).string()}};
  for (const auto& [command, arguments] : {std::pair{std::string("plan"), by_hash_and({"--method", "stream"})},
                                           {std::string("run"), {"--workers", "3"}},
                                           {std::string("verify"), {}},
                                           {std::string("rollback"), {}}}) {
    const Outcome outcome = run_with(migration, command, arguments, environment);
    ASSERT_EQ(outcome.exit_code, 0) << command << ": " << outcome;
  }
  std::istringstream log(cluster.log().substr(log_begin));
  int sessions = 0;
  for (std::string line; std::getline(log, line);) {
    if (line.find("connection authorized: user=owner") == std::string::npos) continue;
    ++sessions;
    EXPECT_THAT(line, HasSubstr("SSL enabled"));
  }
  EXPECT_GT(sessions, 10);
}

TEST(Connections, SslmodeRequireIsRefusedByAServerWithoutTls) {
  const Database database;
  const Migration migration(database.tcp_conninfo() + " sslmode=require");
  const Outcome outcome = migration.plan(kByHash);
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("SSL"));
}

// Two clusters, as two hosts would be.
class TwoServers : public testing::Test {
 protected:
  void SetUp() override { here_.connect().run_script(kItems); }

  Database here_;
  Cluster cluster_;
  Database there_{cluster_.address()};
  Migration migration_{here_.conninfo(), there_.conninfo()};
};

TEST_F(TwoServers, RowsTravelFromOneToTheOtherAndAreVerifiedThere) {
  pg::Connection source = here_.connect();
  pg::Connection target = there_.connect();
  const RowSet rows = read_rows(source, "items");
  const Outcome planned = migration_.plan(by_hash_and({"--json"}));
  ASSERT_EQ(planned.exit_code, 0) << planned;
  EXPECT_EQ(nlohmann::json::parse(planned.output)["method"]["names"][0], "stream");
  const Outcome moved = migration_.run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(difference(rows, read_rows(target, "items_partitioned")), "");
  EXPECT_EQ(migration_.verify().exit_code, 0);
  EXPECT_THROW(source.query("DELETE FROM items"), std::exception) << "the source is guarded";
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_TRUE(target.query("SELECT to_regclass('items_partitioned')").is_null(0, 0));
  EXPECT_TRUE(target.query("SELECT to_regnamespace('pgsluice')").is_null(0, 0));
  EXPECT_TRUE(source.query("SELECT to_regnamespace('pgsluice')").is_null(0, 0));
  EXPECT_EQ(source.query("DELETE FROM items").affected_rows(), 5000U);
}

TEST_F(TwoServers, ServerSideMethodsAreRefused) {
  for (const char* method : {"insert", "move", "stream-move"}) {
    const Outcome outcome = migration_.plan(by_hash_and({"--method", method}));
    EXPECT_EQ(outcome.exit_code, 2) << outcome;
    EXPECT_THAT(outcome.errors, HasSubstr("stream"));
  }
}

TEST_F(TwoServers, TargetThatCrashesIsWaitedForAndTheRunGoesOn) {
  ASSERT_EQ(migration_.plan(kByHash).exit_code, 0);
  Program program(migration_.command("run", {"--workers", "2", "--batch-rows", "5", "--progress", "none", "--json"}));
  for (int round = 1; round <= 2; ++round) {
    pg::Connection watcher = there_.connect();
    while (watcher.query("SELECT to_regclass('pgsluice.batch_done')").is_null(0, 0) ||
           watcher.query("SELECT coalesce(sum(rows), 0) FROM pgsluice.batch_done").integer(0, 0) < round * 300) {
      ASSERT_FALSE(program.ends_within(2ms)) << program.wait();
    }
    cluster_.stop_immediate();
    std::this_thread::sleep_for(300ms);
    cluster_.start();
  }
  const Outcome outcome = program.wait();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  pg::Connection source = here_.connect();
  pg::Connection target = there_.connect();
  EXPECT_EQ(difference(read_rows(source, "items"), read_rows(target, "items_partitioned")), "");
  EXPECT_EQ(migration_.verify().exit_code, 0);
}

TEST_F(TwoServers, TargetThatStaysAwayEndsTheRunWithExitCode4AndTheSameCommandGoesOn) {
  ASSERT_EQ(migration_.plan(kByHash).exit_code, 0);
  Program program(migration_.command(
      "run", {"--workers", "2", "--batch-rows", "5", "--progress", "none", "--reconnect-limit", "1s"}));
  {
    pg::Connection watcher = there_.connect();
    while (watcher.query("SELECT to_regclass('pgsluice.batch_done')").is_null(0, 0) ||
           watcher.query("SELECT coalesce(sum(rows), 0) FROM pgsluice.batch_done").integer(0, 0) < 300) {
      ASSERT_FALSE(program.ends_within(2ms)) << program.wait();
    }
  }
  cluster_.stop_immediate();
  const Outcome stopped = program.wait();
  EXPECT_EQ(stopped.exit_code, 4) << stopped;
  EXPECT_LT(stopped.elapsed, 30s);
  EXPECT_THAT(stopped.errors, HasSubstr("connection")) << stopped;
  EXPECT_THAT(stopped.errors, HasSubstr("same command")) << stopped;
  const Outcome status = migration_.status();
  EXPECT_EQ(status.exit_code, 0) << "the checkpoint alone is enough: " << status;
  cluster_.start();
  const Outcome rest = migration_.run();
  ASSERT_EQ(rest.exit_code, 0) << rest;
  EXPECT_EQ(there_.connect().query("SELECT count(*) FROM items_partitioned").integer(0, 0), 5000);
}

class FullDisk : public testing::TestWithParam<const char*> {};

TEST_P(FullDisk, IsToldNothingIsLostAndTheSameCommandGoesOnWhenThereIsRoom) {
  if (const auto reason = Cluster::why_no_small_disk()) GTEST_SKIP() << *reason;
  ClusterOptions options;
  options.disk_bytes_max = 128 << 20;
  Cluster cluster(options);
  Database database(cluster.address());
  pg::Connection connection = database.connect();
  connection.run_script(
      "CREATE TABLE items (id bigint PRIMARY KEY, name text);"
      "INSERT INTO items SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 20000) i; ANALYZE items;");
  const RowSet rows = read_rows(connection, "items");
  const Migration migration(database);
  ASSERT_EQ(migration.plan(by_hash_and({"--method", GetParam()})).exit_code, 0);
  cluster.fill_disk(6 << 20);
  const Outcome failed = migration.run({"--workers", "2"});
  EXPECT_EQ(failed.exit_code, 1) << failed;
  EXPECT_THAT(failed.errors, HasSubstr("No space left on device")) << failed;
  EXPECT_THAT(failed.errors, HasSubstr("same command")) << failed;
  const std::int64_t left = connection.query("SELECT count(*) FROM items").integer(0, 0);
  const std::int64_t arrived = connection.query("SELECT count(*) FROM items_partitioned").integer(0, 0);
  EXPECT_LT(arrived, 20000);
  EXPECT_EQ(left, std::string(GetParam()).find("move") == std::string::npos ? 20000 : 20000 - arrived);
  cluster.free_disk();
  const Outcome rest = migration.run();
  ASSERT_EQ(rest.exit_code, 0) << rest;
  EXPECT_EQ(difference(rows, read_rows(connection, "items_partitioned")), "");
  EXPECT_EQ(migration.verify().exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(By, FullDisk, testing::Values("insert", "move", "stream", "stream-move"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Leaves the server one MB of its current WAL segment, and no further one.
void use_up_the_log(pg::Connection& superuser) {
  const std::string is_last_megabyte =
      "SELECT (pg_walfile_name_offset(pg_current_wal_insert_lsn())).file_offset > 15 * 1024 * 1024 AND NOT EXISTS "
      "(SELECT FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' AND name > "
      "pg_walfile_name(pg_current_wal_insert_lsn()))";
  while (!superuser.query(is_last_megabyte).boolean(0, 0)) {
    superuser.query("SELECT pg_logical_emit_message(false, 'filler', repeat('x', 500000))");
  }
}

TEST(FullDiskOfTheLog, CrashesTheServerAndEndsTheRunWithExitCode4) {
  if (const auto reason = Cluster::why_no_small_disk()) GTEST_SKIP() << *reason;
  ClusterOptions options;
  options.disk_bytes_max = 192 << 20;
  options.wal_on_small_disk = true;
  Cluster cluster(options);
  Database database(cluster.address());
  database.connect().run_script(
      "CREATE TABLE items (id bigint PRIMARY KEY, name text);"
      "INSERT INTO items SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 20000) i; ANALYZE items;");
  const Migration migration(database);
  ASSERT_EQ(migration.plan(kByHash).exit_code, 0);
  {
    pg::Connection superuser = database.connect_as_superuser();
    use_up_the_log(superuser);
  }
  cluster.fill_disk(10 << 20);
  const Outcome failed = migration.run({"--workers", "2", "--reconnect-limit", "2s"});
  EXPECT_THAT(cluster.log(), HasSubstr("PANIC:  could not write to file"));
  EXPECT_EQ(failed.exit_code, 4) << failed;
  EXPECT_THAT(failed.errors, HasSubstr("same command")) << failed;
  cluster.free_disk();
  cluster.stop_immediate();
  cluster.start();
  const Outcome rest = migration.run();
  ASSERT_EQ(rest.exit_code, 0) << rest;
  EXPECT_EQ(migration.verify().exit_code, 0);
  EXPECT_EQ(database.connect().query("SELECT count(*) FROM items_partitioned").integer(0, 0), 20000);
}

TEST(FolderOfTheCheckpoint, IsToldWhenItCannotBeWrittenTo) {
  const Database database;
  database.connect().run_script(kItems);
  const Migration migration(database);
  ProgramOptions options = migration.command("plan", kByHash);
  options.arguments[4] = "/proc/nowhere/checkpoint";
  const Outcome outcome = run(options);
  EXPECT_THAT(outcome.exit_code, testing::AnyOf(1, 2)) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("/proc/nowhere"));
}

}  // namespace
}  // namespace pgsluice::tests
