#include "tests/crash/small_job.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace pgsluice::tests {

namespace {

// Two indexes beside the key, a check, and a foreign key, so that every phase has something to do.
constexpr const char* kTableSql = R"sql(
  CREATE TABLE kind (name text PRIMARY KEY);
  INSERT INTO kind VALUES ('a'), ('b'), ('c');
  CREATE TABLE job (
    id bigserial PRIMARY KEY,
    uid text NOT NULL,
    kind text NOT NULL REFERENCES kind,
    n integer CHECK (n >= 0),
    payload jsonb,
    UNIQUE (uid, kind)
  );
  CREATE INDEX job_n ON job (n);
)sql";

constexpr const char* kRowsSql = R"sql(
  INSERT INTO job (uid, kind, n, payload)
  SELECT 'u' || g, chr(97 + (g % 3)::int), g % 17, jsonb_build_object('g', g, 'text', repeat('x', (g % 40)::int))
  FROM generate_series(1, $1::bigint) g
)sql";

}  // namespace

SmallJob::SmallJob(const ServerAddress& server, const SmallJobOptions& options) : options_(options), database_(server) {
  std::string pattern = (std::filesystem::temp_directory_path() / "pgsluice-job-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("cannot make a temporary folder");
  }
  folder_ = pattern;
  checkpoint_ = folder_ / options.checkpoint_name;
  pg::Connection connection = database_.connect();
  connection.run_script(kTableSql);
  connection.query(kRowsSql, {std::to_string(options.rows)});
  connection.run_script("CREATE TABLE twin AS SELECT * FROM job; ANALYZE job");
  constexpr std::uint64_t kLeaves = 3;
  std::vector<std::string> arguments = {
      "--table",      "public.job", "--strategy",  "offline",      "--method",
      options.method, "--split",    options.split, "--range-rows", std::to_string(options.range_rows)};
  const std::vector<std::string> layout =
      options.in_order
          ? std::vector<std::string>{"--by", "RANGE (id)", "--interval", std::to_string(options.rows / kLeaves)}
          : std::vector<std::string>{"--by", "HASH (uid)", "--partitions", std::to_string(kLeaves)};
  arguments.insert(arguments.end(), layout.begin(), layout.end());
  const Outcome planned = run(command_options("plan", arguments));
  EXPECT_EQ(planned.exit_code, 0) << planned;
}

SmallJob::~SmallJob() {
  std::filesystem::remove_all(folder_);
}

ProgramOptions SmallJob::command_options(const std::string& command, std::vector<std::string> arguments,
                                         std::map<std::string, std::string> environment) const {
  std::vector<std::string> all = {command, "--source", database_.conninfo(), "--checkpoint", checkpoint_.string()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  ProgramOptions options = pgsluice_with(std::move(all));
  options.environment = std::move(environment);
  options.folder = folder_;
  return options;
}

ProgramOptions SmallJob::run_options(std::vector<std::string> arguments,
                                     std::map<std::string, std::string> environment) const {
  arguments.insert(arguments.begin(), {"--yes", "--progress", "none"});
  return command_options("run", std::move(arguments), std::move(environment));
}

std::string SmallJob::difference(const std::string& rows_sql) {
  pg::Connection connection = database_.connect();
  const pg::Result result =
      connection.query("WITH now AS (" + rows_sql +
                       "), was AS (SELECT t::text AS row FROM twin t), "
                       "lost AS (SELECT row FROM was EXCEPT ALL SELECT row FROM now), extra AS (SELECT row FROM now "
                       "EXCEPT ALL SELECT row FROM was) "
                       "SELECT 'lost ' || row FROM lost UNION ALL SELECT 'extra ' || row FROM extra LIMIT 5");
  std::string text;
  for (int i = 0; i < result.row_count(); ++i) {
    text += std::string(result.text(i, 0)) + "\n";
  }
  return text;
}

std::string SmallJob::difference_after_run() {
  std::string text = difference("SELECT t::text AS row FROM job_partitioned t");
  text += empties_source()
              ? (database_.connect().query("SELECT FROM job").row_count() == 0 ? "" : "the source is not empty\n")
              : difference("SELECT t::text AS row FROM job t");
  return text;
}

std::string SmallJob::difference_after_rollback() {
  return difference("SELECT t::text AS row FROM job t");
}

std::string SmallJob::difference_in_the_middle() {
  const bool has_target =
      database_.connect().query("SELECT to_regclass('public.job_partitioned') IS NOT NULL").boolean(0, 0);
  return difference(std::string("SELECT t::text AS row FROM ONLY job t") +
                    (has_target ? " UNION ALL SELECT t::text AS row FROM job_partitioned t" : ""));
}

std::int64_t SmallJob::rows_in_ledger() {
  pg::Connection connection = database_.connect();
  if (!connection.query("SELECT to_regclass('pgsluice.batch_done') IS NOT NULL").boolean(0, 0)) {
    return 0;
  }
  return connection.query("SELECT coalesce(sum(rows), 0)::bigint FROM pgsluice.batch_done").integer(0, 0);
}

bool SmallJob::anything_of_ours_is_left() {
  return database_.connect()
      .query(
          "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'pgsluice') OR EXISTS (SELECT FROM pg_class WHERE "
          "relname LIKE "
          "'job\\_partitioned%') OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'job'::regclass AND NOT "
          "tgisinternal)")
      .boolean(0, 0);
}

}  // namespace pgsluice::tests
