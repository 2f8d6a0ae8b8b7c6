// What `estimate` reads from its options and how it shows what it found, from figures made up here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/estimate.hpp"
#include "cli/estimate_plot.hpp"
#include "cli/estimate_server.hpp"
#include "cli/sweep.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {
namespace {

using planner::Method;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// ---- The sweep

const Combination kStart{{Method::insert, Method::stream}, 4, 0};

TEST(Sweep, TriesEveryCombinationOfTheWordsAndKeepsTheRest) {
  const std::vector<Combination> all = parse_sweep("workers=1,2,8 method=stream,insert", kStart);
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(display(all[0]), "stream, 1 worker");
  EXPECT_EQ(display(all[1]), "insert, 1 worker");
  EXPECT_EQ(display(all[5]), "insert, 8 workers");
  EXPECT_EQ(display(parse_sweep("batch-rows=1k", kStart).at(0)), "insert or stream, 4 workers, batches of 1,000 rows");
}

TEST(Sweep, OfNothingIsTheStartAlone) {
  ASSERT_EQ(parse_sweep("", kStart).size(), 1U);
  EXPECT_EQ(display(parse_sweep("", kStart)[0]), "insert or stream, 4 workers");
}

TEST(Sweep, WhatCannotBeTriedIsRefused) {
  for (const char* text :
       {"workers", "workers=", "workers=1,", "=1", "workers=0", "workers=2000", "workers=two", "speed=1", "method=fly",
        "method=move", "workers=1 workers=2", "workers=1,2,3,4,5,6,7,8,9 batch-rows=1,2,3,4,5,6,7,8"}) {
    try {
      parse_sweep(text, kStart);
      ADD_FAILURE() << text << " was not refused";
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.kind(), pg::FailureKind::refused) << text;
    }
  }
}

TEST(Sweep, ItsWordsMayStandUnquoted) {
  const Options options =
      Options::parse("estimate", {"--sweep", "workers=1,2", "method=insert", "--for", "10s", "--yes"});
  EXPECT_EQ(options.text("sweep"), "workers=1,2 method=insert");
  EXPECT_EQ(options.text("for"), "10s");
}

// ---- The server

TEST(NamedServer, CreditsHoldForVolumeAndInstanceUnlessTheVolumeSaysItsOwn) {
  const auto server = [](const std::vector<std::string>& words) {
    return named_server(Options::parse("estimate", words)).server.value();
  };
  const capacity::Server half = server({"--volume", "gp2:200", "--instance", "r5.large", "--credits", "50%"});
  EXPECT_DOUBLE_EQ(half.volume.credits_share.value(), 0.5);
  EXPECT_DOUBLE_EQ(half.instance->ops_credits_share.value(), 0.5);
  EXPECT_DOUBLE_EQ(server({"--volume", "gp2:200:full", "--credits", "empty"}).volume.credits_share.value(), 1);
  EXPECT_FALSE(server({"--volume", "gp2:200"}).volume.credits_share.has_value());
  EXPECT_DOUBLE_EQ(with_all_credits(half).volume.credits_share.value(), 1);
}

TEST(NamedServer, WhatIsKnownBetterThanTheTablesGoesBeforeThem) {
  const capacity::Server server =
      *named_server(Options::parse("estimate", {"--instance", "db.r5.large", "--instance-base-iops", "4000",
                                                "--instance-base-mbps", "90"}))
           .server;
  EXPECT_DOUBLE_EQ(server.instance->base_ops, 4000);
  EXPECT_DOUBLE_EQ(server.instance->base_bytes, 90e6);
}

TEST(NamedServer, IsAbsentWhereNothingIsNamed) {
  EXPECT_FALSE(named_server(Options::parse("estimate", {})).server.has_value());
}

TEST(NamedServer, OptionsThatWouldSayNothingAreRefused) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--credits", "full"},
                                                {"--foreground-iops", "5"},
                                                {"--foreground-mbps", "5"},
                                                {"--instance-base-iops", "5", "--volume", "gp2:200"},
                                                {"--volume", "gp9:200"},
                                                {"--instance", "db.unheard.of"},
                                                {"--max-iops", "0"},
                                                {"--cores", "0"}}) {
    EXPECT_THROW(check_server_options(Options::parse("estimate", words)), pg::Failure) << words[0];
  }
  check_server_options(Options::parse("estimate", {"--foreground-iops", "5", "--max-iops", "100"}));
}

// ---- What is shown

mover::Findings findings_of(double wal_bytes_per_row) {
  mover::Findings findings;
  findings.workers = 2;
  findings.strata = {{"old", 1e6, 100, {0}}, {"new <&> \"odd\"", 1e6, 100, {1}}};
  for (std::size_t i = 0; i < 10; ++i) {
    mover::TrialPass pass;
    pass.stratum = i % 2;
    pass.begin_seconds = static_cast<double>(i);
    pass.seconds = 1;
    pass.busy_seconds = 0.002;
    pass.rows = 1000;
    pass.rows_of_whole_ranges = 1000;
    pass.rows_expected = 1000;
    pass.work.wal_bytes = 1000 * wal_bytes_per_row;
    findings.passes.push_back(pass);
    findings.seconds.push_back({static_cast<double>(i + 1), i % 2, 1000, 1000 * wal_bytes_per_row, 0, 0, {}, {}});
  }
  findings.ranges = 20;
  findings.moving.seconds = 10;
  findings.rows_in_target = 10'000;
  findings.target_bytes = 1e6;
  findings.settings.cache_bytes = 1e12;
  findings.has_indexes = true;
  findings.target_index_bytes = 1e5;
  findings.indexing.seconds = 0.01;
  findings.indexing.work.wal_bytes = 2e5;
  return findings;
}

TriedCombination tried_of(double wal_bytes_per_row, const std::optional<capacity::Server>& server) {
  TriedCombination tried;
  tried.combination = {{Method::insert}, 2, 0};
  tried.findings = findings_of(wal_bytes_per_row);
  tried.analysis = mover::analyze(tried.findings, server ? &*server : nullptr);
  mover::WholeTable table;
  table.rows = 2e6;
  table.bytes = 2e8;
  table.leaf_count = 2;
  table.index_count = 1;
  tried.extrapolation = mover::extrapolate(tried.findings, table, tried.analysis, mover::Pace::unthrottled);
  tried.prediction = capacity::predict(server.value_or(capacity::Server{}), tried.extrapolation.job);
  if (server) tried.with_credits = capacity::predict(with_all_credits(*server), tried.extrapolation.job);
  tried.plain_seconds = 1234;
  return tried;
}

Estimate estimate_of(const std::string& volume) {
  Estimate estimate;
  estimate.source = "public.\"a <b> & c\"";
  estimate.layout = "HASH (\"id\"), 2 partitions";
  estimate.table_rows = 2e6;
  estimate.table_bytes = 2e8;
  if (!volume.empty()) {
    estimate.server = capacity::Server{capacity::parse_volume(volume), std::nullopt};
    estimate.server_text = volume;
  }
  estimate.tried = {tried_of(2000, estimate.server)};
  if (estimate.server) {
    estimate.alternatives = capacity::alternatives(*estimate.server, estimate.chosen().extrapolation.job);
  }
  return estimate;
}

std::string first_lines(const std::string& text, int count) {
  std::istringstream lines(text);
  std::string first;
  std::string line;
  for (int i = 0; i < count && std::getline(lines, line); ++i) first += line + "\n";
  return first;
}

TEST(EstimateText, AnswersFirstWithARangeAndWhatBinds) {
  const Estimate estimate = estimate_of("custom:100iops");
  const std::string answer = first_lines(estimate_text(estimate), 3);
  EXPECT_THAT(answer, StartsWith("The whole job on public."));
  EXPECT_THAT(answer, HasSubstr(span_text(estimate.chosen().prediction.duration.expected_seconds) + ", between "));
  EXPECT_THAT(answer, HasSubstr("what binds: the volume's IOPS (custom:100iops)"));
}

TEST(EstimateText, TellsHowLongABurstLastsWhatIsBetterAndWhatIsLeftOut) {
  const std::string text = estimate_text(estimate_of("gp2:20:1%"));
  EXPECT_THAT(text, HasSubstr("the credits of the volume's IOPS are spent: "));
  EXPECT_THAT(text, HasSubstr("with all burst credits, as a restored fork has them: "));
  EXPECT_THAT(text, HasSubstr("rule of three"));
  EXPECT_THAT(text, HasSubstr("gp2:40"));
  EXPECT_THAT(text, HasSubstr("\nspace: "));
  EXPECT_THAT(text, HasSubstr("\nWAL: "));
  EXPECT_THAT(text, HasSubstr("Not measured: "));
}

TEST(EstimateText, OfFewPassesDoesNotPromiseItsRange) {
  Estimate estimate = estimate_of("");
  EXPECT_THAT(estimate_text(estimate), Not(HasSubstr("fewer than four passes")));
  estimate.tried[0].extrapolation.job.strata[estimate.chosen().extrapolation.first_kind].batches.resize(3);
  EXPECT_THAT(estimate_text(estimate), HasSubstr("fewer than four passes"));
}

TEST(EstimateText, WithoutAServerIsLabelledAsTheTrialsPaceAndSaysWhyItMayLie) {
  const std::string text = estimate_text(estimate_of(""));
  EXPECT_THAT(text, HasSubstr("extrapolated: see below why it may lie"));
  EXPECT_THAT(text, HasSubstr("burst credits"));
  EXPECT_THAT(text, Not(HasSubstr("instead")));
}

TEST(EstimateText, OfASweepNamesTheBest) {
  Estimate estimate = estimate_of("custom:100iops");
  estimate.tried.push_back(tried_of(20'000, estimate.server));
  estimate.tried[1].combination.workers = 8;
  std::swap(estimate.tried[0], estimate.tried[1]);
  estimate.best = best_of(estimate.tried);
  EXPECT_EQ(estimate.best, 1U);
  std::istringstream lines(estimate_text(estimate));
  int marked = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with("  best")) {
      ++marked;
      EXPECT_THAT(line, StartsWith("  insert, 2 workers"));
    }
  }
  EXPECT_EQ(marked, 1);
}

TEST(EstimateText, SpansAreInTheTwoUnitsThatMatter) {
  EXPECT_EQ(span_text(0), "0.0 s");
  EXPECT_EQ(span_text(0.34), "0.3 s");
  EXPECT_EQ(span_text(9.96), "10.0 s");
  EXPECT_EQ(span_text(119), "119 s");
  EXPECT_EQ(span_text(119.6), "2 min");
  EXPECT_EQ(span_text(754), "12 min 34 s");
  EXPECT_EQ(span_text(3 * 3600 + 12 * 60), "3 h 12 min");
  EXPECT_EQ(span_text(50 * 3600), "2 d 2 h");
  EXPECT_EQ(span_text(INFINITY), "never");
}

TEST(EstimateDocument, IsJsonAlsoWhereTheJobNeverEnds) {
  Estimate estimate = estimate_of("custom:100iops");
  estimate.tried[0].extrapolation.job.foreground.ops = 1000;
  estimate.tried[0].prediction = capacity::predict(*estimate.server, estimate.tried[0].extrapolation.job);
  const nlohmann::ordered_json document = estimate_document(estimate);
  EXPECT_TRUE(document.at("best").at("prediction").at("seconds_expected").is_null());
  EXPECT_EQ(nlohmann::ordered_json::parse(document.dump()), document);
}

boost::property_tree::ptree parse_xml(const std::string& text) {
  std::istringstream stream(text);
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(stream, tree);
  return tree;
}

TEST(EstimatePlot, IsWellFormedXmlWhateverTheTableIsCalled) {
  const boost::property_tree::ptree svg = parse_xml(estimate_svg(estimate_of("gp2:20:1%")));
  EXPECT_THAT(svg.get<std::string>("svg.title"), StartsWith("public.\"a <b> & c\": about "));
  const boost::property_tree::ptree html = parse_xml(estimate_html(estimate_of("gp2:20:1%")));
  EXPECT_TRUE(html.get_child_optional("html.body.svg.polyline").has_value());
  EXPECT_THAT(html.get<std::string>("html.body.pre"), HasSubstr("what binds: "));
}

TEST(EstimatePlot, MarksTheEndOfABurstAndNeedsNothingFromElsewhere) {
  const std::string svg = estimate_svg(estimate_of("gp2:20:1%"));
  EXPECT_THAT(svg, HasSubstr("end of the burst of the volume's IOPS"));
  const std::string html = estimate_html(estimate_of("gp2:20:1%"));
  for (const char* word : {"<script", "href", "src=", "@import", "url("}) EXPECT_THAT(html, Not(HasSubstr(word)));
}

TEST(EstimatePlot, OfATrialWithoutSecondsSaysSo) {
  Estimate estimate = estimate_of("");
  estimate.tried[0].findings.seconds.clear();
  EXPECT_THAT(estimate_svg(estimate), HasSubstr("no course"));
  parse_xml(estimate_svg(estimate));
}

TEST(EstimatePlot, IsWrittenIntoTwoKindsOfFilesOnly) {
  EXPECT_THROW(check_plot_name("plot.png"), pg::Failure);
  check_plot_name("plot.svg");
  check_plot_name("plot.html");
}

}  // namespace
}  // namespace pgsluice::cli
