// The test server itself: what other tests lean on must hold.
#include "tests/support/cluster.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>

#include "pg/connection.hpp"
#include "pg/failure.hpp"
#include "tests/support/database.hpp"
#include "tests/support/installation.hpp"
#include "tests/support/shared_server.hpp"

namespace pgsluice::tests {
namespace {

namespace fs = std::filesystem;

pg::Connection connect(const std::string& conninfo) {
  pg::SessionOptions session;
  session.conninfo = conninfo;
  return pg::Connection(session);
}

uid_t user_of_process(pid_t pid) {
  struct stat facts {};
  EXPECT_EQ(stat(("/proc/" + std::to_string(pid)).c_str(), &facts), 0);
  return facts.st_uid;
}

bool is_alive(pid_t pid) {
  return kill(pid, 0) == 0;
}

// The failure of a call that must fail.
template <typename Call>
pg::Failure failure_of(Call call) {
  try {
    call();
  } catch (const pg::Failure& failure) {
    return failure;
  }
  ADD_FAILURE() << "nothing failed";
  return pg::Failure(pg::FailureKind::local, "nothing failed");
}

TEST(Cluster, RunsAsAnUnprivilegedUser) {
  Cluster cluster;
  EXPECT_NE(user_of_process(cluster.pid()), 0U);
}

TEST(Cluster, ServerIsTheOneOfTheInstallationThatIsAskedFor) {
  Cluster cluster;
  const std::string executable = fs::read_symlink("/proc/" + std::to_string(cluster.pid()) + "/exe");
  const Installation installation = find_installation();
  EXPECT_EQ(executable, (installation.root / installation.bin_folder.relative_path() / "postgres").string());
  const std::string version = std::to_string(connect(cluster.conninfo("postgres")).server_major_version());
  EXPECT_NE(executable.find("/" + version + "/"), std::string::npos) << executable;
}

TEST(Cluster, IsRemovedWithTheObject) {
  fs::path folder;
  pid_t pid = 0;
  {
    Cluster cluster;
    folder = cluster.folder();
    pid = cluster.pid();
    EXPECT_TRUE(fs::exists(folder));
  }
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_FALSE(is_alive(pid));
}

TEST(Cluster, KeepsPortAndRowsOverARestartAndACrash) {
  Cluster cluster;
  const int port = cluster.port();
  const pid_t pid = cluster.pid();
  connect(cluster.conninfo("postgres", kSuperuser)).query("CREATE TABLE kept AS SELECT 1 AS n");
  cluster.restart();
  EXPECT_NE(cluster.pid(), pid);
  connect(cluster.conninfo("postgres", kSuperuser)).query("INSERT INTO kept VALUES (2)");
  cluster.stop_immediate();
  EXPECT_FALSE(cluster.is_running());
  EXPECT_EQ(failure_of([&] { connect(cluster.conninfo("postgres")); }).kind(), pg::FailureKind::connection);
  cluster.start();
  EXPECT_EQ(cluster.port(), port);
  EXPECT_EQ(connect(cluster.conninfo("postgres", kSuperuser)).query("SELECT sum(n) FROM kept").integer(0, 0), 3);
  EXPECT_NE(cluster.log().find("was not properly shut down"), std::string::npos) << cluster.log();
}

TEST(Cluster, DiesWithTheProcessThatStartedItAndItsFolderIsSweptByTheNext) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    try {
      Cluster cluster;
      const std::string text = std::to_string(cluster.pid()) + " " + cluster.folder().string();
      [[maybe_unused]] const auto ignored = write(ends[1], text.data(), text.size());
      kill(getpid(), SIGKILL);
    } catch (const std::exception&) {
    }
    _exit(1);
  }
  close(ends[1]);
  std::string text(4096, '\0');
  const ssize_t bytes = read(ends[0], text.data(), text.size());
  close(ends[0]);
  waitpid(child, nullptr, 0);
  ASSERT_GT(bytes, 0);
  text.resize(static_cast<std::size_t>(bytes));
  const pid_t server = std::stoi(text);
  const fs::path folder = text.substr(text.find(' ') + 1);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (is_alive(server) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(is_alive(server));
  Cluster next;
  EXPECT_FALSE(fs::exists(folder));
}

TEST(Cluster, FullDiskFailsTheStatementWithSqlstate53100AndRecoversWhenThereIsRoomAgain) {
  if (const auto reason = Cluster::why_no_small_disk()) GTEST_SKIP() << *reason;
  ClusterOptions options;
  options.disk_bytes_max = 96 << 20;
  Cluster cluster(options);
  Database database(cluster.address());
  pg::Connection connection = database.connect();
  connection.query("CREATE TABLE filler (bytes text)");
  cluster.fill_disk(4 << 20);
  const std::string insert = "INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 20000)";
  EXPECT_EQ(failure_of([&] { connection.query(insert); }).sqlstate(), "53100");
  EXPECT_TRUE(cluster.is_running());
  cluster.free_disk();
  EXPECT_EQ(connection.query(insert).affected_rows(), 20000U);
}

TEST(Cluster, PasswordIsAskedForOverTcpAndAWrongOneIsRefused) {
  ClusterOptions options;
  options.password_required = true;
  Cluster cluster(options);
  const std::string conninfo = cluster.tcp_conninfo("postgres");
  EXPECT_EQ(failure_of([&] { connect(conninfo + " password=wrong"); }).kind(), pg::FailureKind::refused);
  EXPECT_EQ(connect(conninfo + " password=" + conninfo_value(kPassword)).query("SELECT current_user").text(0, 0),
            kOwner);
}

TEST(Cluster, TlsIsOfferedWhereAskedFor) {
  ClusterOptions options;
  options.tls = true;
  Cluster cluster(options);
  pg::Connection connection = connect(cluster.tcp_conninfo("postgres") + " sslmode=require");
  EXPECT_TRUE(connection.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").boolean(0, 0));
}

TEST(Cluster, SettingsAndInitdbArgumentsReachTheServer) {
  ClusterOptions options;
  options.settings = {"max_connections = 17"};
  options.initdb_arguments = {"--encoding=LATIN1", "--locale=C"};
  Cluster cluster(options);
  pg::Connection connection = connect(cluster.conninfo("postgres"));
  EXPECT_EQ(connection.query("SHOW max_connections").integer(0, 0), 17);
  EXPECT_EQ(connection.query("SHOW server_encoding").text(0, 0), "LATIN1");
}

TEST(Database, OwnerIsNoSuperuserButMayMakeTablesAndSchemas) {
  Database database;
  pg::Connection connection = database.connect();
  EXPECT_FALSE(connection.query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").boolean(0, 0));
  connection.query("CREATE TABLE public.t (id int)");
  connection.query("CREATE SCHEMA other");
  EXPECT_EQ(failure_of([&] { connection.query("CREATE ROLE other"); }).sqlstate(), "42501");
}

TEST(Database, IsDroppedWithTheObjectEvenWhileSomebodyIsConnected) {
  std::string name;
  std::optional<pg::Connection> left;
  {
    Database database;
    name = database.name();
    left.emplace(database.connect());
  }
  const auto count = connect(shared_server().conninfo("postgres"))
                         .query("SELECT count(*) FROM pg_database WHERE datname = $1", {name});
  EXPECT_EQ(count.integer(0, 0), 0);
}

}  // namespace
}  // namespace pgsluice::tests
