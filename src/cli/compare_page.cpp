#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/compare.h"
#include "core/transaction/calendar.h"
#include "edge/report/chart.h"
#include "edge/report/page.h"

namespace weir::cli {
namespace {
using namespace weir::report;
using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

const char* measure_key(ComparedMeasure measure) {
  switch (measure) {
    case ComparedMeasure::kDamage:
      return "damage_roubles_per_30_days";
    case ComparedMeasure::kFalsePositiveRate:
      return "false_positive_rate";
    case ComparedMeasure::kAveragePrecision:
      return "average_precision";
    case ComparedMeasure::kGenuineLost:
      return "genuine_lost_rate";
  }
  return "";
}

Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string interval_text(ComparedMeasure which, const Interval& interval) {
  return fmt::format("{} to {}", compared_difference(which, interval.low),
                     compared_difference(which, interval.high));
}

LineChart damage_by_day(const CompareResult& result) {
  LineChart chart;
  chart.title = "Damage by day";
  chart.description = "Roubles of executed frauds a day, on each side";
  chart.x_axis = {"", Scale::kDate};
  chart.y_axis = {"RUB a day", Scale::kLinear, 0.0};
  for (const auto& [name, outcome] :
       {std::pair("champion", &result.champion), std::pair("challenger", &result.challenger)}) {
    Series series{name, {}, {}};
    for (std::size_t day = 0; day < outcome->day_count(); ++day) {
      series.x.push_back(static_cast<double>(outcome->day_start_of(day)));
      series.y.push_back(static_cast<double>(outcome->day(day).damage_minor) / 100);
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

LineChart difference_so_far(const CompareResult& result) {
  LineChart chart;
  chart.title = "Difference so far";
  chart.description = "Damage of the challenger less the champion's, summed since the first day";
  chart.x_axis = {"", Scale::kDate};
  chart.y_axis = {"RUB", Scale::kLinear};
  Series series{"", {}, {}};
  double sum = 0;
  for (std::size_t day = 0; day < result.champion.day_count(); ++day) {
    sum += static_cast<double>(result.challenger.day(day).damage_minor -
                               result.champion.day(day).damage_minor) /
           100;
    series.x.push_back(static_cast<double>(result.champion.day_start_of(day) + kSecondsPerDay));
    series.y.push_back(sum);
  }
  chart.series.push_back(std::move(series));
  chart.horizontal_markers.push_back({0, "no difference"});
  return chart;
}

void add_sides(Page& page, const CompareResult& result) {
  const LoopCounts champion = result.champion.total();
  const LoopCounts challenger = result.challenger.total();
  const auto row = [&](const std::string& name, auto value) {
    return std::vector<std::string>{name, value(champion, result.champion),
                                    value(challenger, result.challenger)};
  };
  const auto percent = [](double (LoopCounts::*share)() const) {
    return [share](const LoopCounts& counts, const LoopOutcome&) {
      return format_percent((counts.*share)(), 2);
    };
  };
  page.table({"", "champion", "challenger"},
             {row("FNR: frauds executed / frauds", percent(&LoopCounts::false_negative_rate)),
              row("FPR: genuine touched / genuine", percent(&LoopCounts::false_positive_rate)),
              row("FN / all payments", percent(&LoopCounts::false_negatives_of_all)),
              row("FP / all payments", percent(&LoopCounts::false_positives_of_all)),
              row("genuine lost / genuine", percent(&LoopCounts::genuine_lost_rate)),
              row("damage / fraud money", percent(&LoopCounts::damage_of_exposure)),
              row("challenges a day",
                  [](const LoopCounts&, const LoopOutcome& outcome) {
                    return format_count(std::llround(outcome.challenges_per_day()));
                  }),
              row("challenges a customer-month", [](const LoopCounts&, const LoopOutcome& outcome) {
                return format_fixed(outcome.challenges_per_customer_month(), 2);
              })});
}

}  // namespace

std::string compared_measure_name(ComparedMeasure measure) {
  switch (measure) {
    case ComparedMeasure::kDamage:
      return "damage in 30 days";
    case ComparedMeasure::kFalsePositiveRate:
      return "FPR";
    case ComparedMeasure::kAveragePrecision:
      return "average precision";
    case ComparedMeasure::kGenuineLost:
      return "genuine lost";
  }
  return "";
}

std::string compared_value(ComparedMeasure measure, double value) {
  switch (measure) {
    case ComparedMeasure::kDamage:
      return std::isfinite(value) ? format_count(std::llround(value)) : "?";
    case ComparedMeasure::kAveragePrecision:
      return format_fixed(value, 4);
    case ComparedMeasure::kFalsePositiveRate:
    case ComparedMeasure::kGenuineLost:
      break;
  }
  return format_percent(value, 2);
}

std::string compared_difference(ComparedMeasure measure, double value) {
  if (std::isinf(value)) return "unknown";
  return (value > 0 ? "+" : "") + compared_value(measure, value);
}

std::string days_needed_text(double days) {
  constexpr double kTenYears = 3650;
  if (!std::isfinite(days)) {
    return "no number of days will do while the difference rests on one terminal or day";
  }
  if (days > kTenYears) return "more than ten years: too little lies between the two";
  return fmt::format("about {:.0f} days", std::ceil(days));
}

std::string comparison_json(const CompareResult& result, const CompareOptions& options) {
  const Comparison& comparison = result.comparison;
  Json json = {
      {"verdict", verdict_name(comparison.verdict)},
      {"reason", comparison.reason},
      {"days", comparison.days},
      {"days_needed", finite(comparison.days_needed)},
      {"champion", {{"decisions", options.champion}, {"model_version", result.champion_version}}},
      {"challenger",
       {{"decisions", options.challenger}, {"model_version", result.challenger_version}}},
      {"from", format_date(result.champion.from())},
      {"to", format_date(result.champion.to())},
      {"payments", result.payments},
      {"frauds", result.frauds},
      {"decided_otherwise", result.differing},
      {"relevant_gain", options.comparison.relevant_gain},
      {"false_positive_margin", options.comparison.false_positive_margin},
      {"average_precision_margin", options.comparison.average_precision_margin},
      {"coverage", 0.9}};
  for (std::size_t i = 0; i < kClusterMeasures; ++i) {
    const MeasureComparison& measure = comparison.measures[i];
    Json intervals;
    for (const ClusteredInterval& interval : measure.intervals) {
      intervals[std::string(cluster_kind_name(interval.kind))] = {
          {"interval", {finite(interval.interval.low), finite(interval.interval.high)}},
          {"standard_error", finite(interval.standard_error)},
          {"clusters", interval.clusters}};
    }
    const Interval& decisive = measure.decisive().interval;
    json["measures"][measure_key(static_cast<ComparedMeasure>(i))] = {
        {"champion", measure.champion},
        {"challenger", measure.challenger},
        {"difference", measure.difference()},
        {"interval", {finite(decisive.low), finite(decisive.high)}},
        {"drawn_by", cluster_kind_name(measure.decisive().kind)},
        {"intervals", intervals}};
  }
  return json.dump(2);
}

std::string comparison_page(const CompareResult& result, const CompareOptions& options) {
  const Comparison& comparison = result.comparison;
  Page page(fmt::format("Challenger against champion: {}", verdict_name(comparison.verdict)),
            fmt::format("{} to {} · {} payments · {} frauds · {} decided otherwise",
                        format_date(result.champion.from()), format_date(result.champion.to()),
                        format_count(static_cast<std::int64_t>(result.payments)),
                        format_count(static_cast<std::int64_t>(result.frauds)),
                        format_count(static_cast<std::int64_t>(result.differing))));
  const MeasureComparison& damage = comparison.measure(ComparedMeasure::kDamage);
  const double share = damage.champion > 0 ? damage.difference() / damage.champion : 0;
  std::vector<KeyFigure> figures = {
      {"Verdict", std::string(verdict_name(comparison.verdict)), comparison.reason},
      {"Damage in 30 days, RUB", compared_difference(ComparedMeasure::kDamage, damage.difference()),
       fmt::format("{} of the champion's", format_percent(share))},
      {"90 % interval", interval_text(ComparedMeasure::kDamage, damage.decisive().interval),
       fmt::format("drawn by {}, the widest", cluster_kind_name(damage.decisive().kind))}};
  if (comparison.verdict == Verdict::kInconclusive) {
    figures.push_back({"Days needed to decide", days_needed_text(comparison.days_needed),
                       fmt::format("the period has {}", format_fixed(comparison.days, 0))});
  }
  page.key_figures(figures);
  page.heading("Measures");
  Rows rows;
  const auto guard = [&](ComparedMeasure which) -> std::string {
    switch (which) {
      case ComparedMeasure::kDamage:
        return "decides";
      case ComparedMeasure::kFalsePositiveRate:
        return "at most " + compared_difference(which, options.comparison.false_positive_margin);
      case ComparedMeasure::kAveragePrecision:
        return "at least " +
               compared_difference(which, -options.comparison.average_precision_margin);
      case ComparedMeasure::kGenuineLost:
        break;
    }
    return "for information";
  };
  for (std::size_t i = 0; i < kClusterMeasures; ++i) {
    const auto which = static_cast<ComparedMeasure>(i);
    const MeasureComparison& measure = comparison.measures[i];
    rows.push_back({compared_measure_name(which), compared_value(which, measure.champion),
                    compared_value(which, measure.challenger),
                    compared_difference(which, measure.difference()),
                    interval_text(which, measure.decisive().interval), guard(which)});
  }
  page.table(
      {"measure", "champion", "challenger", "difference", "90 % interval", "difference wanted"},
      rows);
  rows.clear();
  for (const ClusteredInterval& interval : damage.intervals) {
    rows.push_back({std::string(cluster_kind_name(interval.kind)),
                    format_count(static_cast<std::int64_t>(interval.clusters)),
                    interval_text(ComparedMeasure::kDamage, interval.interval)});
  }
  page.table({"drawn by", "clusters with a difference", "90 % interval, RUB in 30 days"}, rows,
             "Difference of damage, drawn in four ways");
  page.paragraph(
      "The frauds of one compromised terminal are of many customers and stand or fall together, so "
      "drawing customers alone would call noise a difference. The widest interval decides; each of "
      "its ends errs in 5 % of samples.");
  page.heading("By day");
  page.chart("Damage by day", damage_by_day(result).to_svg());
  page.chart("Difference of damage so far", difference_so_far(result).to_svg());
  page.heading("Both sides");
  add_sides(page, result);
  page.table({"", "decisions", "model"},
             {{"champion", options.champion, result.champion_version},
              {"challenger", options.challenger, result.challenger_version}});
  return page.to_html();
}

}  // namespace weir::cli
