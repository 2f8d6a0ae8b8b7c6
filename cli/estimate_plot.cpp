#include "cli/estimate_plot.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <span>
#include <vector>

#include "cli/quantity.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

constexpr double kWidth = 900;
constexpr double kPanelHeight = 220;
constexpr double kLeft = 80;
constexpr double kRight = 20;
constexpr double kFirstTop = 60;
constexpr double kSecondTop = kFirstTop + kPanelHeight + 90;
constexpr double kHeight = kSecondTop + kPanelHeight + 60;
constexpr double kPlotWidth = kWidth - kLeft - kRight;
constexpr int kTicks = 5;
constexpr const char* kInk = "#334e68";
constexpr const char* kLine = "#0b6e4f";
constexpr const char* kMark = "#b44d12";
constexpr const char* kShade = "#d9e2ec";

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        // XML has no other control characters.
        safe += static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return safe;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

struct Point {
  double x = 0;
  double y = 0;
};

// The next larger figure that a person counts in: 1, 2 or 5 times a power of ten.
double round_number(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double times : {1, 2, 5}) {
    if (times * power >= value) {
      return times * power;
    }
  }
  return 10 * power;
}

// The same of seconds, minutes, hours, days.
double round_seconds(double value) {
  constexpr double kDay = 86'400;
  for (const double seconds : {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10'800, 21'600, 43'200}) {
    if (seconds >= value) {
      return value < 1 ? round_number(value) : seconds;
    }
  }
  return kDay * round_number(value / kDay);
}

// One panel: its place, and what its axes mean.
class Panel {
 public:
  Panel(double top, double x_max, double y_max)
      : top_(top), x_max_(x_max > 0 ? x_max : 1), y_max_(y_max > 0 ? y_max : 1) {}

  double x(double value) const { return kLeft + std::clamp(value / x_max_, 0.0, 1.0) * kPlotWidth; }
  double y(double value) const { return top_ + kPanelHeight - std::clamp(value / y_max_, 0.0, 1.0) * kPanelHeight; }

  static std::string text(double x, double y, const char* anchor, std::string_view words, const char* color = kInk) {
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\" fill=\"" + color +
           "\">" + escaped(words) + "</text>\n";
  }

  template <typename YText>
  std::string axes(std::string_view title, const YText& y_text) const {
    std::string svg = "<text x=\"" + number(kLeft) + "\" y=\"" + number(top_ - 12) + "\" font-weight=\"bold\" fill=\"" +
                      kInk + "\">" + escaped(title) + "</text>\n";
    svg += "<rect x=\"" + number(kLeft) + "\" y=\"" + number(top_) + "\" width=\"" + number(kPlotWidth) +
           "\" height=\"" + number(kPanelHeight) + "\" fill=\"none\" stroke=\"" + kShade + "\"/>\n";
    const auto tick = [](double x1, double y1, double x2, double y2) {
      return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" + number(y2) +
             "\" stroke=\"" + kShade + "\"/>\n";
    };
    const double x_step = round_seconds(x_max_ / kTicks);
    for (double at = 0; at <= x_max_; at += x_step) {
      svg += tick(x(at), top_ + kPanelHeight, x(at), top_ + kPanelHeight + 4);
      svg += text(x(at), top_ + kPanelHeight + 18, "middle", at == 0 ? "0" : span_text(at));
    }
    const double y_step = round_number(y_max_ / kTicks);
    for (double at = 0; at <= y_max_; at += y_step) {
      svg += tick(kLeft, y(at), kLeft + kPlotWidth, y(at));
      svg += text(kLeft - 6, y(at) + 4, "end", y_text(at));
    }
    return svg;
  }

  std::string line(std::span<const Point> points) const {
    std::string places;
    for (const Point& point : points) {
      places += (places.empty() ? "" : " ") + number(x(point.x)) + "," + number(y(point.y));
    }
    return "<polyline points=\"" + places + "\" fill=\"none\" stroke=\"" + kLine + "\" stroke-width=\"2\"/>\n";
  }

  // A dashed upright line; its words stand low or high, and `row` keeps those of neighbours apart.
  std::string mark(double at, std::string_view words, std::size_t row, bool is_low) const {
    constexpr double kRowHeight = 15;
    constexpr std::size_t kRows = 4;
    const double place = x(at);
    const bool is_right = place > kLeft + kPlotWidth / 2;
    const double depth = kRowHeight * static_cast<double>(1 + row % kRows);
    return "<line x1=\"" + number(place) + "\" y1=\"" + number(top_) + "\" x2=\"" + number(place) + "\" y2=\"" +
           number(top_ + kPanelHeight) + "\" stroke=\"" + kMark + "\" stroke-dasharray=\"5 4\"/>\n" +
           text(place + (is_right ? -5 : 5), is_low ? top_ + kPanelHeight - depth - kRowHeight : top_ + depth,
                is_right ? "end" : "start", words, kMark);
  }

  std::string shade(double from, double to) const {
    return "<rect x=\"" + number(x(from)) + "\" y=\"" + number(top_) + "\" width=\"" +
           number(std::max(0.0, x(to) - x(from))) + "\" height=\"" + number(kPanelHeight) + "\" fill=\"" + kShade +
           "\" opacity=\"0.5\"/>\n";
  }

 private:
  double top_;
  double x_max_;
  double y_max_;
};

std::string change_words(capacity::ChangeKind kind) {
  switch (kind) {
    case capacity::ChangeKind::warm_up_end:
      return "end of the warm-up";
    case capacity::ChangeKind::burst_end:
      return "slower from here";
    case capacity::ChangeKind::other:
      return "faster from here";
  }
  return "";
}

std::string trial_panel(const Estimate& estimate) {
  std::vector<Point> points;
  double begin = 0;
  double most = 0;
  for (const mover::TrialSecond& second : estimate.chosen().findings.seconds) {
    const double seconds = std::max(second.end_seconds - begin, 1e-3);
    points.push_back({begin + seconds / 2, second.rows / seconds});
    most = std::max(most, points.back().y);
    begin = second.end_seconds;
  }
  constexpr double kHeadroom = 1.1;
  const Panel panel(kFirstTop, begin, kHeadroom * most);
  std::string svg = panel.axes("The trial: rows a second", [](double value) { return count_text(value); });
  if (points.empty()) {
    return svg + Panel::text(kLeft + kPlotWidth / 2, kFirstTop + kPanelHeight / 2, "middle",
                             "it took less than a second, so it has no course");
  }
  svg += panel.line(points);
  std::size_t row = 0;
  for (const capacity::TrialChange& change : estimate.chosen().analysis.changes) {
    svg += panel.mark(change.seconds, change_words(change.kind), row++, true);
  }
  return svg;
}

// Of the line through the points.
double height_at(std::span<const Point> points, double x) {
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (x <= points[i].x) {
      const double width = points[i].x - points[i - 1].x;
      const double share = width > 0 ? (x - points[i - 1].x) / width : 1;
      return points[i - 1].y + share * (points[i].y - points[i - 1].y);
    }
  }
  return points.empty() ? 0 : points.back().y;
}

// Rows that were moved by the end of each phase; what comes before and after the moving moves none.
std::string progress_panel(const Estimate& estimate) {
  const TriedCombination& chosen = estimate.chosen();
  const capacity::Prediction& prediction = chosen.prediction;
  const mover::Extrapolation& made = chosen.extrapolation;
  std::vector<Point> points = {{0, 0}};
  double indexes_from = -1;
  double end = 0;
  double rows = 0;
  for (const capacity::JobPhase& each : prediction.phases) {
    if (!std::isfinite(each.phase.seconds)) {
      break;
    }
    const bool is_moving = each.stratum >= made.first_kind && each.stratum < made.first_kind + made.kind_count;
    end = each.phase.end_seconds();
    rows += is_moving ? each.phase.units : 0;
    points.push_back({end, rows});
    if (made.indexes && each.stratum == *made.indexes && indexes_from < 0) {
      indexes_from = each.phase.begin_seconds;
    }
  }
  const Panel panel(kSecondTop, end, estimate.table_rows);
  std::string svg = indexes_from >= 0 ? panel.shade(indexes_from, end) : "";
  svg += panel.axes("The whole job: rows that have arrived", [](double value) { return count_text(value); });
  svg += panel.line(points);
  std::size_t row = 0;
  for (const capacity::BurstEnd& burst : prediction.burst_ends) {
    svg += panel.mark(burst.seconds, "end of the burst of " + std::string(name_of(burst.limit)), row++,
                      height_at(points, burst.seconds) > estimate.table_rows / 2);
  }
  if (indexes_from >= 0) {
    svg += Panel::text(panel.x(end) - 5, kSecondTop + kPanelHeight - 8, "end",
                       made.statistics ? "indexes and statistics" : "indexes");
  }
  return svg;
}

std::string title_of(const Estimate& estimate) {
  const capacity::DurationRange& duration = estimate.chosen().prediction.duration;
  return estimate.source + ": about " + span_text(duration.expected_seconds) + ", between " +
         span_text(duration.low_seconds) + " and " + span_text(duration.high_seconds);
}

}  // namespace

std::string estimate_svg(const Estimate& estimate) {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(kWidth) + "\" height=\"" + number(kHeight) +
         "\" viewBox=\"0 0 " + number(kWidth) + " " + number(kHeight) +
         "\" font-family=\"sans-serif\" font-size=\"12\">\n<title>" + escaped(title_of(estimate)) +
         "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"" + number(kLeft) +
         "\" y=\"26\" font-size=\"16\" fill=\"" + kInk + "\">" + escaped(title_of(estimate)) + "</text>\n" +
         trial_panel(estimate) + progress_panel(estimate) + "</svg>\n";
}

std::string estimate_html(const Estimate& estimate) {
  const std::string title = escaped(title_of(estimate));
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<title>" + title +
         "</title>\n<style>body { font-family: sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; "
         "color: #243b53 } svg { max-width: 100%; height: auto } pre { margin-left: 1em; overflow-x: auto }</style>\n"
         "</head>\n<body>\n" +
         estimate_svg(estimate) + "<pre>" + escaped(estimate_text(estimate)) + "</pre>\n</body>\n</html>\n";
}

void check_plot_name(const std::string& path) {
  if (!path.ends_with(".svg") && !path.ends_with(".html")) {
    throw pg::Failure(pg::FailureKind::refused, "--plot does not know what to write into " + path)
        .hint("Its name must end with .svg or .html.");
  }
}

void write_plot(const std::string& path, const Estimate& estimate) {
  check_plot_name(path);
  std::ofstream file(path, std::ios::trunc);
  file << (path.ends_with(".svg") ? estimate_svg(estimate) : estimate_html(estimate));
  file.close();
  if (!file) {
    throw pg::Failure(pg::FailureKind::local, "the plot cannot be written to " + path)
        .status("the trial is over and removed; its result was printed");
  }
}

}  // namespace pgsluice::cli
