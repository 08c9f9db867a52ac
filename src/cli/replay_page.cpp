#include "cli/replay_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "core/transaction/calendar.h"
#include "core/transaction/money.h"
#include "edge/report/chart.h"
#include "edge/report/page.h"

namespace weir::cli {
namespace {
using namespace weir::report;
using Rows = std::vector<std::vector<std::string>>;

constexpr std::array<std::string_view, LoopOutcome::kScenarios> kScenarioNames = {
    "no scenario", "1: over 220 roubles", "2: compromised terminal", "3: taken-over card"};
constexpr std::size_t kCostliest = 10;
constexpr int kTimeBins = 24;
constexpr double kMinute = 60;

std::string roubles(double value) { return format_count(std::llround(value)) + " RUB"; }
std::string percent(double value) { return format_percent(value, 2); }
std::string count(std::uint64_t value) { return format_count(static_cast<std::int64_t>(value)); }

template <typename Format>
std::string or_dash(const std::optional<double>& value, Format format) {
  return value ? format(*value) : std::string("–");
}

std::string against(bool met, const std::string& goal) {
  return fmt::format("goal {}: {}", goal, met ? "met" : "NOT MET");
}

void add_key_figures(Page& page, const ReplayPage& input) {
  const LoopCounts total = input.outcome.total();
  const double damage = input.outcome.damage_roubles_per_month();
  const double budget = input.budget.month_budget;
  std::vector<KeyFigure> figures = {
      {"Damage in 30 days", roubles(damage),
       against(damage < budget, "below " + roubles(budget)) +
           (input.damage_interval
                ? fmt::format("; 90 % interval {} to {}", roubles(input.damage_interval->low),
                              roubles(input.damage_interval->high))
                : std::string())},
      {"Genuine touched (FPR)", percent(total.false_positive_rate()),
       against(total.false_positive_rate() < kGoalFalsePositiveRate,
               "below " + format_percent(kGoalFalsePositiveRate))},
      {"Frauds through (FNR)", percent(total.false_negative_rate()),
       against(total.false_negative_rate() < kGoalFalseNegativeRate,
               "below " + format_percent(kGoalFalseNegativeRate))},
      {"Genuine lost", percent(total.genuine_lost_rate()),
       roubles(input.outcome.genuine_lost_roubles_per_month()) + " of turnover in 30 days"},
      {"Challenges a day", format_count(std::llround(input.outcome.challenges_per_day())),
       format_fixed(input.outcome.challenges_per_customer_month(), 2) +
           " a month per customer, genuine payments"},
      {"Of all fraud money", format_percent(total.damage_of_exposure(), 2),
       "went through; " + roubles(input.outcome.exposure_roubles_per_month()) + " at risk"}};
  if (input.average_precision) {
    figures.push_back({"Average precision", format_fixed(*input.average_precision, 4),
                       "of the scores frozen at decision time"});
  }
  page.key_figures(figures);
}

void add_references(Page& page, const ReplayPage& input) {
  if (input.references.empty()) return;
  page.heading("Against no loop");
  const LoopCounts total = input.outcome.total();
  std::vector<ReplayReference> rows = {{"this replay", input.outcome.damage_roubles_per_month(),
                                        total.false_positive_rate(), total.false_negative_rate(),
                                        input.average_precision}};
  rows.insert(rows.end(), input.references.begin(), input.references.end());
  Rows cells;
  for (const ReplayReference& row : rows) {
    cells.push_back({row.name, or_dash(row.damage_roubles_per_month, roubles),
                     or_dash(row.false_positive_rate, percent),
                     or_dash(row.false_negative_rate, percent),
                     or_dash(row.average_precision, [](double v) { return format_fixed(v, 4); })});
  }
  page.table({"", "damage in 30 days", "FPR", "FNR", "average precision"}, cells);
}

LineChart loss_by_day(const ReplayPage& input) {
  LineChart chart;
  chart.title = "Loss by day";
  chart.description =
      "Roubles of executed frauds each day, beside the budget's even share of a day";
  chart.x_axis = {"", Scale::kDate};
  chart.y_axis = {"RUB a day", Scale::kLinear, 0.0};
  for (std::size_t number = 0; number <= LoopOutcome::kScenarios; ++number) {
    const bool all = number == LoopOutcome::kScenarios;
    Series series{std::string(all ? "all" : kScenarioNames[number]), {}, {}, SeriesStyle::kStep};
    double sum = 0;
    const auto point = [&](std::size_t day, double value) {
      series.x.push_back(static_cast<double>(input.outcome.day_start_of(day)));
      series.y.push_back(value);
    };
    for (std::size_t day = 0; day < input.outcome.day_count(); ++day) {
      const LoopCounts counts = all ? input.outcome.day(day) : input.outcome.day(day, number);
      const double value = static_cast<double>(counts.damage_minor) / 100;
      point(day, value);
      sum += value;
    }
    // A step holds to the next point: the last day needs its end.
    point(input.outcome.day_count(), series.y.back());
    if (sum > 0) chart.series.push_back(std::move(series));
  }
  const double share = input.budget.month_budget / kBudgetMonthDays;
  chart.horizontal_markers.push_back({share, "budget " + format_count(std::llround(share))});
  return chart;
}

LineChart loss_of_month(const ReplayPage& input) {
  LineChart chart;
  chart.title = "Loss of the month so far";
  chart.description = "Roubles lost since the month's first day, beside the budget's line";
  chart.x_axis = {"", Scale::kDate};
  chart.y_axis = {"RUB", Scale::kLinear, 0.0};
  Series spent{"lost so far", {}, {}};
  Series expected{"expected when decided", {}, {}};
  Series line{"budget", {}, {}, SeriesStyle::kReference};
  double expected_sum = 0;
  for (std::size_t i = 0; i < input.budget.days.size(); ++i) {
    const BudgetDay& day = input.budget.days[i];
    if (i % kBudgetMonthDays == 0) {
      expected_sum = 0;
      for (Series* series : {&spent, &expected, &line}) {
        // A gap between months: lines start again at nothing.
        if (i > 0) {
          series->x.push_back(static_cast<double>(day.day));
          series->y.push_back(std::nan(""));
        }
        series->x.push_back(static_cast<double>(day.day));
        series->y.push_back(0);
      }
    }
    expected_sum += day.expected;
    const auto end = static_cast<double>(day.day + kSecondsPerDay);
    for (Series* series : {&spent, &expected, &line}) series->x.push_back(end);
    spent.y.push_back(day.month_spent);
    expected.y.push_back(expected_sum);
    line.y.push_back(day.month_line);
  }
  const bool has_expectation = std::any_of(input.budget.days.begin(), input.budget.days.end(),
                                           [](const BudgetDay& day) { return day.expected > 0; });
  chart.series = {line, spent};
  if (has_expectation) chart.series.push_back(expected);
  return chart;
}

void add_budget(Page& page, const ReplayPage& input) {
  page.heading("The month's budget");
  const BudgetState& state = input.budget;
  if (!state.days.empty()) {
    const BurnRates& burn = state.days.back().burn;
    page.key_figures({{"Spent this month", roubles(state.month_spent),
                       fmt::format("of {} since {}", roubles(state.month_budget),
                                   format_date(state.month_from))},
                      {"Forecast of the month's end", roubles(state.month_forecast),
                       state.forecast_within_budget() ? "within the budget" : "OVER the budget"},
                      {"Burn rate, 1 / 7 / 30 days",
                       fmt::format("{} / {} / {}", format_fixed(burn.day, 2),
                                   format_fixed(burn.week, 2), format_fixed(burn.month, 2)),
                       "1 spends exactly the budget in 30 days"}});
    if (state.exhausted_on) {
      page.paragraph(
          fmt::format("The month's budget was spent on {}.", format_date(*state.exhausted_on)));
    }
  }
  page.chart("Loss by day", loss_by_day(input).to_svg());
  if (!state.days.empty()) page.chart("Loss of the month so far", loss_of_month(input).to_svg());
}

LineChart frontier_chart(const ReplayPage& input,
                         const std::string& x_label,
                         Scale scale,
                         double FrontierPoint::* x) {
  LineChart chart;
  chart.title = "Frontier: damage by " + x_label;
  chart.description = "Each point is a setting of the policy";
  chart.x_axis = {x_label, scale, 0.0};
  chart.y_axis = {"damage, RUB in 30 days", Scale::kLinear, 0.0};
  std::vector<FrontierPoint> points = input.frontier;
  std::stable_sort(points.begin(), points.end(),
                   [&](const auto& left, const auto& right) { return left.*x < right.*x; });
  Series frontier{"settings", {}, {}, SeriesStyle::kPoints};
  Series best{"best so far", {}, {}, SeriesStyle::kStep};
  for (const FrontierPoint& point : points) {
    frontier.x.push_back(point.*x);
    frontier.y.push_back(point.damage_roubles_per_month);
    const double lowest = best.y.empty() ? point.damage_roubles_per_month
                                         : std::min(best.y.back(), point.damage_roubles_per_month);
    best.x.push_back(point.*x);
    best.y.push_back(lowest);
  }
  chart.series = {std::move(best), std::move(frontier)};
  if (input.chosen) {
    chart.series.push_back({"chosen",
                            {*input.chosen.*x},
                            {input.chosen->damage_roubles_per_month},
                            SeriesStyle::kPoints});
  }
  chart.horizontal_markers.push_back({input.budget.month_budget, "budget"});
  return chart;
}

void add_frontier(Page& page, const ReplayPage& input) {
  if (input.frontier.empty()) return;
  page.heading("What less damage costs the genuine");
  LineChart by_rate = frontier_chart(input, "FPR: genuine payments touched", Scale::kPercent,
                                     &FrontierPoint::false_positive_rate);
  by_rate.vertical_markers.push_back({kGoalFalsePositiveRate, "goal"});
  page.chart("Damage by genuine payments touched", by_rate.to_svg());
  page.chart("Damage by challenges a customer sees",
             frontier_chart(input, "challenges a customer-month", Scale::kLinear,
                            &FrontierPoint::challenges_per_customer_month)
                 .to_svg());
  Rows rows;
  const auto add = [&](const FrontierPoint& point, const std::string& name) {
    rows.push_back({name, roubles(point.damage_roubles_per_month),
                    percent(point.false_positive_rate),
                    format_fixed(point.challenges_per_customer_month, 2)});
  };
  if (input.chosen) add(*input.chosen, "chosen: " + input.chosen->name);
  for (const FrontierPoint& point : input.frontier) add(point, point.name);
  page.table({"setting", "damage in 30 days", "FPR", "challenges a customer-month"}, rows);
}

std::string time_text(Seconds duration) {
  const auto minutes = static_cast<double>(duration) / kMinute;
  return minutes < 120 ? format_fixed(minutes, 0) + " min" : format_fixed(minutes / 60, 1) + " h";
}

void add_episodes(Page& page, const ReplayPage& input) {
  if (input.episodes.empty()) return;
  page.heading("From compromise to the first block");
  std::vector<double> minutes;
  std::vector<Seconds> times;
  std::uint64_t never = 0;
  std::uint64_t terminals = 0;
  for (const EpisodeOutcome& episode : input.episodes) {
    if (episode.window.scenario != 2) continue;
    ++terminals;
    if (const auto time = episode.time_to_block()) {
      times.push_back(*time);
      // On a log axis a block of the first fraud itself stands in the first bin.
      minutes.push_back(std::max(1.0, static_cast<double>(*time) / kMinute));
    } else {
      ++never;
    }
  }
  if (!minutes.empty()) {
    std::sort(times.begin(), times.end());
    Histogram chart;
    chart.title = "Time from compromise to first block";
    chart.description =
        "Compromised terminals by the time from their first fraud to the first one stopped";
    chart.x_axis = {"minutes", Scale::kLog};
    chart.y_axis = {"compromised terminals", Scale::kLinear, 0.0};
    chart.edges = log_edges(
        1, std::max(10.0, *std::max_element(minutes.begin(), minutes.end()) * 1.001), kTimeBins);
    chart.series.push_back({"", count_in_bins(minutes, chart.edges)});
    page.paragraph(fmt::format(
        "Compromised terminals: {}. Of those stopped, half were stopped within {} of their first "
        "fraud and nine in ten within {}; {} went through to the end of the period.",
        terminals, time_text(times[times.size() / 2]), time_text(times[times.size() * 9 / 10]),
        never));
    page.chart("Time from a terminal's first fraud to the first one stopped", chart.to_svg());
  }
  std::vector<EpisodeOutcome> costliest = input.episodes;
  std::stable_sort(costliest.begin(), costliest.end(), [](const auto& left, const auto& right) {
    return left.damage_minor > right.damage_minor;
  });
  costliest.resize(std::min(costliest.size(), kCostliest));
  Rows rows;
  for (const EpisodeOutcome& episode : costliest) {
    if (episode.damage_minor == 0) break;
    const auto time = episode.time_to_block();
    rows.push_back({fmt::format("{} {}", episode.window.scenario == 2 ? "terminal" : "customer",
                                episode.window.key),
                    format_datetime(*episode.first_fraud), time ? time_text(*time) : "never",
                    count(episode.frauds_through), count(episode.frauds),
                    roubles(static_cast<double>(episode.damage_minor) / 100)});
  }
  if (rows.empty()) return;
  page.table(
      {"compromised", "first fraud", "until the first stopped", "through", "frauds", "damage"},
      rows, "The costliest");
}

void add_scenarios(Page& page, const ReplayPage& input) {
  page.heading("By scenario and by day");
  Rows rows;
  const auto add = [&](const std::string& name, const LoopCounts& counts) {
    rows.push_back({name, count(counts.frauds), count(counts.frauds_through),
                    count(counts.frauds_passed), percent(counts.false_negative_rate()),
                    roubles(static_cast<double>(counts.exposure_minor) / 100),
                    roubles(static_cast<double>(counts.damage_minor) / 100)});
  };
  for (std::size_t number = 1; number < LoopOutcome::kScenarios; ++number) {
    const LoopCounts counts = input.outcome.scenario(number);
    if (counts.frauds > 0) add(std::string(kScenarioNames[number]), counts);
  }
  const LoopCounts unknown = input.outcome.scenario(0);
  if (unknown.frauds > 0) add(std::string(kScenarioNames[0]), unknown);
  add("all", input.outcome.total());
  page.table(
      {"scenario", "frauds", "through", "of them passed a challenge", "FNR", "at risk", "damage"},
      rows, "In the period, not scaled");
  LineChart shares;
  shares.title = "Shares by day";
  shares.description =
      "Genuine payments touched and lost, and frauds that went through, day by day";
  shares.x_axis = {"", Scale::kDate};
  shares.y_axis = {"share", Scale::kPercent, 0.0};
  Series touched{"FPR", {}, {}};
  Series missed{"FNR", {}, {}};
  Series lost{"genuine lost", {}, {}};
  LineChart challenges;
  challenges.title = "Challenges by day";
  challenges.x_axis = {"", Scale::kDate};
  challenges.y_axis = {"challenges", Scale::kLinear, 0.0};
  Series asked{"all", {}, {}};
  Series genuine{"of genuine payments", {}, {}};
  for (std::size_t number = 0; number < input.outcome.day_count(); ++number) {
    const LoopCounts day = input.outcome.day(number);
    const auto at = static_cast<double>(input.outcome.day_start_of(number));
    for (Series* series : {&touched, &missed, &lost, &asked, &genuine}) series->x.push_back(at);
    touched.y.push_back(day.false_positive_rate());
    missed.y.push_back(day.false_negative_rate());
    lost.y.push_back(day.genuine_lost_rate());
    asked.y.push_back(static_cast<double>(day.challenged));
    genuine.y.push_back(static_cast<double>(day.genuine_challenged()));
  }
  shares.series = {touched, missed, lost};
  challenges.series = {asked, genuine};
  page.chart("Shares by day", shares.to_svg());
  page.chart("Challenges by day", challenges.to_svg());
}

void add_counts(Page& page, const ReplayPage& input) {
  page.heading("Counts and definitions");
  const LoopCounts total = input.outcome.total();
  page.table(
      {"", "payments", "approved", "challenged", "declined", "executed"},
      {{"genuine", count(total.genuine()), count(total.genuine() - total.genuine_touched()),
        count(total.genuine_challenged()),
        count(total.genuine_touched() - total.genuine_challenged()),
        count(total.genuine() - total.genuine_lost)},
       {"fraud", count(total.frauds), count(total.frauds - total.frauds_touched),
        count(total.frauds_challenged), count(total.frauds_touched - total.frauds_challenged),
        count(total.frauds_through)}});
  page.table({"share", "value", "of what"},
             {{"FPR", percent(total.false_positive_rate()), "genuine payments touched / genuine"},
              {"FNR", percent(total.false_negative_rate()), "frauds executed / frauds"},
              {"FP/all", percent(total.false_positives_of_all()),
               "genuine payments touched / all payments"},
              {"FN/all", percent(total.false_negatives_of_all()), "frauds executed / all payments"},
              {"genuine lost", percent(total.genuine_lost_rate()),
               "genuine payments not executed / genuine"},
              {"precision", percent(total.precision()), "frauds among the touched"}});
  page.paragraph(
      "Touched = challenged or declined, even if then confirmed. Not executed = declined, "
      "unanswered or denied. Damage = amounts of the frauds executed: approved, or passed through "
      "a challenge. Figures of 30 days are the period's scaled by its length.");
  if (!input.settings.empty()) {
    Rows rows;
    for (const auto& [name, value] : input.settings) rows.push_back({name, value});
    page.table({"setting", "value"}, rows, "How it was replayed");
  }
  for (const std::string& note : input.notes) page.paragraph(note);
}

}  // namespace

std::string replay_page(const ReplayPage& input) {
  Page page(input.title, input.subtitle);
  add_key_figures(page, input);
  add_references(page, input);
  add_budget(page, input);
  add_frontier(page, input);
  add_episodes(page, input);
  add_scenarios(page, input);
  add_counts(page, input);
  return page.to_html();
}

}  // namespace weir::cli
