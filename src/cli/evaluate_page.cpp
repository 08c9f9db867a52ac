#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "cli/evaluate.h"
#include "core/transaction/calendar.h"
#include "edge/report/chart.h"
#include "edge/report/page.h"

namespace weir::cli {
namespace {
using namespace weir::report;

constexpr std::size_t kImportantFeatures = 20;
constexpr int kHistogramBins = 60;

std::string roubles(double value) { return format_count(std::llround(value)) + " RUB"; }

std::string interval_text(const Interval& interval, int decimals) {
  return fmt::format("95 % interval {} to {}", format_fixed(interval.low, decimals),
                     format_fixed(interval.high, decimals));
}

LineChart precision_recall(const EvaluateResult& result) {
  LineChart chart;
  chart.title = "Precision and recall";
  chart.description = "Share of frauds among flagged payments, by share of frauds flagged";
  chart.x_axis = {"recall: frauds flagged / frauds", Scale::kPercent, 0.0, 1.0};
  chart.y_axis = {"precision: frauds / flagged", Scale::kPercent, 0.0, 1.0};
  Series series{"model", {}, {}};
  for (const CurvePoint& point : result.curve) {
    const auto found = static_cast<double>(point.true_positives);
    series.x.push_back(found / static_cast<double>(result.frauds));
    series.y.push_back(found / static_cast<double>(point.true_positives + point.false_positives));
  }
  chart.series.push_back(std::move(series));
  if (result.has_floor) {
    chart.vertical_markers.push_back({1 - result.floor_share, "visible at all"});
  }
  return chart;
}

LineChart damage_by_rate(const EvaluateResult& result) {
  LineChart chart;
  chart.title = "Damage by threshold";
  chart.description =
      "Roubles of frauds that go through in 30 days, by share of genuine payments touched";
  chart.x_axis = {"FPR: genuine payments touched", Scale::kPercent, 0.0, 0.1};
  chart.y_axis = {"damage, RUB in 30 days", Scale::kLinear, 0.0};
  Series series{"damage", {}, {}};
  const auto genuine = static_cast<double>(result.payments - result.frauds);
  for (std::size_t i = 0; i < result.curve.size(); ++i) {
    series.x.push_back(static_cast<double>(result.curve[i].false_positives) / genuine);
    series.y.push_back(result.damage_by_curve_point[i]);
  }
  chart.series.push_back(std::move(series));
  chart.horizontal_markers.push_back({500'000, "goal 500,000"});
  return chart;
}

LineChart calibration_chart(const EvaluateResult& result) {
  LineChart chart;
  chart.title = "Calibration";
  chart.description =
      "Fraud rate among payments of similar probability; on the dashed line it is honest";
  chart.x_axis = {"probability said", Scale::kLog};
  chart.y_axis = {"share of fraud found", Scale::kLog};
  Series said{"groups of equally many payments", {}, {}, SeriesStyle::kPoints};
  double lowest = 1;
  for (const ReliabilityBin& bin : result.reliability) {
    said.x.push_back(bin.mean_probability);
    said.y.push_back(bin.fraud_rate);
    if (bin.mean_probability > 0) lowest = std::min(lowest, bin.mean_probability);
  }
  chart.series.push_back({"said = found", {lowest, 1.0}, {lowest, 1.0}, SeriesStyle::kReference});
  chart.series.push_back(std::move(said));
  return chart;
}

Histogram score_distribution(const EvaluateResult& result) {
  const auto [low_genuine, high_genuine] =
      std::minmax_element(result.genuine_margins.begin(), result.genuine_margins.end());
  const auto [low_fraud, high_fraud] =
      std::minmax_element(result.fraud_margins.begin(), result.fraud_margins.end());
  Histogram chart;
  chart.title = "Distribution of the score";
  chart.description = "Margins of genuine payments and of frauds";
  chart.x_axis = {"margin (log-odds)", Scale::kLinear};
  chart.y_axis = {"share of its kind", Scale::kLog};
  chart.edges = equal_edges(std::min(*low_genuine, *low_fraud),
                            std::max(*high_genuine, *high_fraud) + 1e-6, kHistogramBins);
  for (const auto* margins : {&result.genuine_margins, &result.fraud_margins}) {
    std::vector<double> shares = count_in_bins(*margins, chart.edges);
    for (double& share : shares) share /= static_cast<double>(margins->size());
    chart.series.push_back(
        {margins == &result.fraud_margins ? "fraud" : "genuine", std::move(shares)});
  }
  chart.vertical_markers.push_back({result.points.front().threshold, "policy"});
  return chart;
}

HorizontalBarChart importance(const EvaluateResult& result) {
  std::vector<std::size_t> order(result.feature_names.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return result.feature_gain[left] > result.feature_gain[right];
  });
  order.resize(std::min(order.size(), kImportantFeatures));
  const double total = std::accumulate(result.feature_gain.begin(), result.feature_gain.end(), 0.0);
  HorizontalBarChart chart;
  chart.title = "Feature importance";
  chart.description = "Share of the total gain of all splits";
  chart.value_axis = {"share of total gain", Scale::kPercent, 0.0};
  for (const std::size_t feature : order) {
    chart.labels.push_back(result.feature_names[feature]);
    chart.values.push_back(total > 0 ? result.feature_gain[feature] / total : 0);
  }
  return chart;
}

BarChart scenario_chart(const EvaluateResult& result) {
  BarChart chart;
  chart.title = "Frauds caught by scenario";
  chart.value_axis = {"recall", Scale::kPercent, 0.0, 1.0};
  chart.x_label = "scenario of the simulator";
  BarSeries series{"", {}};
  for (const auto& [scenario, point] : result.by_scenario) {
    chart.groups.push_back(fmt::format("scenario {}", scenario));
    series.values.push_back(1 - point.false_negative_rate());
  }
  chart.series.push_back(std::move(series));
  return chart;
}

LineChart day_chart(const EvaluateResult& result) {
  LineChart chart;
  chart.title = "By day";
  chart.description = "Shares at the threshold of the given FPR, day by day";
  chart.x_axis = {"", Scale::kDate};
  chart.y_axis = {"share", Scale::kPercent, 0.0};
  Series missed{"FNR: frauds that went through", {}, {}};
  Series touched{"FPR: genuine payments touched", {}, {}};
  for (const auto& [day, point] : result.by_day) {
    missed.x.push_back(static_cast<double>(day));
    missed.y.push_back(point.false_negative_rate());
    touched.x.push_back(static_cast<double>(day));
    touched.y.push_back(point.false_positive_rate());
  }
  chart.series = {std::move(missed), std::move(touched)};
  return chart;
}

void add_floor(Page& page, const EvaluateResult& result, const EvaluateOptions& options) {
  if (!result.has_floor) return;
  page.heading("What no honest model can do");
  page.paragraph(fmt::format(
      "{} of the frauds are blind: nothing known at decision time told them from genuine payments, "
      "because no label "
      "of the same terminal's episode was known yet (labels after {}{}). At an FPR of {} the FNR "
      "cannot honestly fall "
      "below {} but by luck: the blind frauds of a terminal are ranked together, and few terminals "
      "mean much luck. "
      "Average precision {}, ROC AUC {} and FNR {} are what 99 of 100 lucky rankings stay within; "
      "past these is a leak.",
      format_percent(result.floor_share), format_duration(result.label_delay),
      result.floor_is_estimated ? "; episodes estimated from labels" : "",
      format_percent(options.false_positive_rate), format_percent(result.floor_at_rate),
      format_fixed(result.bound_average_precision, 3), format_fixed(result.bound_roc_auc, 3),
      format_percent(result.bound_false_negative_rate)));
  page.table(
      {"measure", "model", "ceiling"},
      {{"average precision", format_fixed(result.average_precision.value, 4),
        format_fixed(result.ceiling_average_precision, 4)},
       {"ROC AUC", format_fixed(result.roc_auc.value, 4), format_fixed(result.ceiling_roc_auc, 4)},
       {fmt::format("Card Precision@{}", options.cards), format_fixed(result.card_precision, 4),
        format_fixed(result.ceiling_card_precision, 4)}});
  page.paragraph(result.leaks.empty()
                     ? std::string("Within the bounds.")
                     : fmt::format("LEAK: {}. Look for a label used before it was known.",
                                   fmt::join(result.leaks, "; ")));
}

}  // namespace

std::string evaluation_page(const EvaluateResult& result, const EvaluateOptions& options) {
  Page page("Evaluation of " + result.model,
            fmt::format("{} to {} · {} payments · {} frauds · labels known after {}",
                        format_date(result.from), format_date(result.to),
                        format_count(static_cast<std::int64_t>(result.payments)),
                        format_count(static_cast<std::int64_t>(result.frauds)),
                        format_duration(result.label_delay)));
  const Seconds period = result.to - result.from;
  const JudgedPoint& policy = result.points.front();
  const JudgedPoint& at_rate = result.points.back();
  page.key_figures({
      {"Average precision", format_fixed(result.average_precision.value, 3),
       interval_text(result.average_precision.interval, 3)},
      {"Damage in 30 days, by the policy", roubles(policy.point.damage_roubles_per_month(period)),
       fmt::format("of {} at risk in the period",
                   roubles(static_cast<double>(result.exposure_minor) / 100))},
      {"Genuine touched by the policy", format_percent(policy.point.false_positive_rate(), 2),
       "FPR; goal below 5%"},
      {"Frauds through the policy", format_percent(policy.point.false_negative_rate(), 2),
       "FNR; goal below 2%"},
      {"FNR " + at_rate.name, format_percent(at_rate.point.false_negative_rate(), 2),
       result.has_floor ? "floor " + format_percent(result.floor_at_rate, 2) : ""},
      {"Calibration error", format_fixed(result.calibration_error, 4),
       "expected, equal-mass groups"},
  });
  page.heading("Thresholds");
  std::vector<std::vector<std::string>> rows;
  for (const JudgedPoint& judged : result.points) {
    const OperatingPoint& point = judged.point;
    rows.push_back({judged.name, format_percent(point.false_positive_rate(), 2),
                    format_percent(point.false_negative_rate(), 2),
                    format_percent(point.false_positives_of_all(), 2),
                    format_percent(point.false_negatives_of_all(), 2),
                    format_percent(point.precision()),
                    roubles(point.damage_roubles_per_month(period)),
                    fmt::format("{} to {}", roubles(judged.damage_roubles.low),
                                roubles(judged.damage_roubles.high))});
  }
  page.table({"threshold", "FPR", "FNR", "FP/all", "FN/all", "precision", "damage in 30 days",
              "95 % interval"},
             rows);
  page.paragraph(
      "Positive = challenged or declined. FPR = genuine payments touched / genuine. FNR = frauds "
      "that went through / "
      "frauds. FP/all and FN/all are shares of all payments. Intervals: bootstrap by customer.");
  add_floor(page, result, options);
  page.heading("Ranking and money");
  page.chart("Precision and recall", precision_recall(result).to_svg());
  page.chart("Damage by share of genuine payments touched", damage_by_rate(result).to_svg());
  page.chart("Score distribution", score_distribution(result).to_svg());
  page.chart("Calibration", calibration_chart(result).to_svg());
  page.heading("Where it is strong and where not");
  page.chart("By day, " + at_rate.name, day_chart(result).to_svg());
  if (!result.by_scenario.empty()) {
    page.chart("Frauds caught by scenario, " + at_rate.name, scenario_chart(result).to_svg());
  }
  page.chart("Feature importance", importance(result).to_svg());
  return page.to_html();
}

std::string evaluation_json(const EvaluateResult& result, const EvaluateOptions& options) {
  using Json = nlohmann::ordered_json;
  const auto interval = [](const Interval& value) { return Json::array({value.low, value.high}); };
  const auto measure = [&](const Measure& value) {
    return Json{{"value", value.value}, {"interval", interval(value.interval)}};
  };
  const Seconds period = result.to - result.from;
  Json json = {{"model", result.model},
               {"from", format_datetime(result.from)},
               {"to", format_datetime(result.to)},
               {"label_delay_seconds", result.label_delay},
               {"payments", result.payments},
               {"frauds", result.frauds},
               {"exposure_minor", result.exposure_minor},
               {"average_precision", measure(result.average_precision)},
               {"roc_auc", measure(result.roc_auc)},
               {fmt::format("card_precision_{}", options.cards), result.card_precision},
               {"calibration_error", result.calibration_error},
               {"brier_score", result.brier_score}};
  if (result.has_floor) {
    json["floor"] = {{"estimated", result.floor_is_estimated},
                     {"blind_share", result.floor_share},
                     {"false_negative_rate_at_given_rate", result.floor_at_rate},
                     {"ceiling_average_precision", result.ceiling_average_precision},
                     {"ceiling_roc_auc", result.ceiling_roc_auc},
                     {"ceiling_card_precision", result.ceiling_card_precision},
                     {"bound_average_precision", result.bound_average_precision},
                     {"bound_roc_auc", result.bound_roc_auc},
                     {"bound_false_negative_rate", result.bound_false_negative_rate},
                     {"leaks", result.leaks}};
  }
  for (const JudgedPoint& judged : result.points) {
    json["points"].push_back(
        {{"name", judged.name},
         {"margin", judged.threshold},
         {"false_positive_rate", judged.point.false_positive_rate()},
         {"false_negative_rate", judged.point.false_negative_rate()},
         {"false_negative_rate_interval", interval(judged.false_negative_rate)},
         {"false_positives_of_all", judged.point.false_positives_of_all()},
         {"false_negatives_of_all", judged.point.false_negatives_of_all()},
         {"precision", judged.point.precision()},
         {"damage_roubles_per_30_days", judged.point.damage_roubles_per_month(period)},
         {"damage_interval", interval(judged.damage_roubles)}});
  }
  for (const auto& [scenario, point] : result.by_scenario) {
    json["recall_by_scenario"][fmt::format("{}", scenario)] = 1 - point.false_negative_rate();
  }
  for (const auto& [day, point] : result.by_day) {
    json["by_day"].push_back({{"day", format_date(day)},
                              {"payments", point.payments()},
                              {"false_positive_rate", point.false_positive_rate()},
                              {"false_negative_rate", point.false_negative_rate()},
                              {"damage_minor", point.damage_minor}});
  }
  return json.dump(2);
}

}  // namespace weir::cli
