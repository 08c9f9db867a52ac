#include "cli/profile_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "core/transaction/calendar.h"
#include "core/transaction/money.h"
#include "edge/report/chart.h"
#include "edge/report/page.h"
#include "edge/report/ticks.h"

namespace weir::cli {
namespace {

using report::BarChart;
using report::format_count;
using report::format_fixed;
using report::format_percent;
using report::Histogram;
using report::HorizontalBarChart;
using report::LineChart;
using report::Page;
using report::Scale;
using report::Series;
using Rows = std::vector<std::vector<std::string>>;

constexpr std::array<std::string_view, kProfiledScenarios> kScenarioNames = {
    "genuine",
    "1: over 220 roubles",
    "2: compromised terminal",
    "3: compromised customer",
    "scenario 4",
    "scenario 5",
    "scenario 6"};

double share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string roubles(std::int64_t amount_minor) { return format_roubles(amount_minor) + " ₽"; }

/// Short enough for a card: `127.2 M ₽`.
std::string short_roubles(std::int64_t amount_minor) {
  const double amount = static_cast<double>(amount_minor) / 100;
  if (amount >= 1e9) return format_fixed(amount / 1e9, 2) + " bn ₽";
  if (amount >= 1e6) return format_fixed(amount / 1e6, 2) + " M ₽";
  return roubles(amount_minor);
}

/// One row: at most so much for each share of all.
void add_quantiles(Page& page,
                   const std::string& of,
                   const std::vector<Quantile>& quantiles,
                   std::string (*format)(std::int64_t)) {
  std::vector<std::string> columns = {of};
  Rows rows = {{"at most"}};
  for (const Quantile& quantile : quantiles) {
    const int decimals = quantile.share * 100 == std::floor(quantile.share * 100) ? 0 : 1;
    columns.push_back(quantile.share == 0   ? "least"
                      : quantile.share == 1 ? "most"
                                            : format_percent(quantile.share, decimals));
    rows[0].push_back(format(quantile.value));
  }
  page.table(columns, rows);
}

void add_key_figures(Page& page, const DataProfile& profile) {
  const ProfileCount& all = profile.count;
  const auto days = static_cast<std::int64_t>(profile.days.size());
  std::vector<report::KeyFigure> figures = {
      {"Payments", format_count(all.rows), format_count(all.rows / days) + " a day"},
      {"Days", format_count(days),
       format_date(profile.first_time) + " to " + format_date(profile.last_time)},
      {"Money", short_roubles(all.amount_minor),
       "mean payment " + format_amount(all.amount_minor / all.rows)},
      {"Customers", format_count(profile.customers.keys),
       format_fixed(static_cast<double>(all.rows) / static_cast<double>(profile.customers.keys),
                    1) +
           " payments each"},
      {"Terminals", format_count(profile.terminals.keys),
       format_fixed(
           static_cast<double>(all.rows) / static_cast<double>(profile.terminals.keys * days), 1) +
           " payments each a day"}};
  if (profile.labelled) {
    figures.push_back({"Fraud", format_percent(share_of(all.frauds, all.rows), 3),
                       format_count(all.frauds) + " payments"});
    figures.push_back({"Fraud money", short_roubles(all.fraud_amount_minor),
                       short_roubles(all.fraud_amount_minor * 30 / days) + " per 30 days"});
  }
  page.key_figures(figures);
}

std::string over_days(const std::string& title,
                      const std::string& y_label,
                      Scale scale,
                      std::vector<Series> series) {
  LineChart chart;
  chart.title = title;
  chart.x_axis.label = "day";
  chart.x_axis.scale = Scale::kDate;
  chart.y_axis.label = y_label;
  chart.y_axis.scale = scale;
  if (scale != Scale::kLog) chart.y_axis.from = 0;
  chart.series = std::move(series);
  return chart.to_svg();
}

void add_days(Page& page, const DataProfile& profile) {
  page.heading("Over time");
  Series payments;
  Series fraud_share;
  std::vector<Series> scenarios;
  for (const DayProfile& day : profile.days) {
    const auto at = static_cast<double>(day.day);
    payments.x.push_back(at);
    payments.y.push_back(static_cast<double>(day.count.rows));
    fraud_share.x.push_back(at);
    fraud_share.y.push_back(share_of(day.count.frauds, day.count.rows));
  }
  for (std::size_t scenario = 1; scenario < kProfiledScenarios; ++scenario) {
    if (profile.scenarios[scenario].rows == 0) continue;
    Series series;
    series.name = std::string(kScenarioNames[scenario]);
    series.x = payments.x;
    for (const DayProfile& day : profile.days) {
      series.y.push_back(static_cast<double>(day.scenario_rows[scenario]));
    }
    scenarios.push_back(std::move(series));
  }
  page.chart("Payments a day", over_days("Payments a day", "payments", Scale::kLinear, {payments}));
  if (profile.labelled) {
    page.chart("Share of the day's payments that are fraud",
               over_days("Fraud share a day", "share of payments", Scale::kPercent, {fraud_share}));
  }
  if (!scenarios.empty()) {
    page.chart(
        "Frauds a day by scenario (logarithmic)",
        over_days("Frauds a day by scenario", "frauds, logarithmic", Scale::kLog, scenarios));
  }
  BarChart bars;
  bars.title = "Payments by hour";
  bars.x_label = "hour, UTC";
  bars.value_axis.label = "share of payments";
  bars.value_axis.scale = Scale::kPercent;
  const auto add_series = [&](const std::string& name, std::int64_t whole, auto rows_of) {
    report::BarSeries series{name, {}};
    for (const ProfileCount& hour : profile.hours) {
      series.values.push_back(share_of(rows_of(hour), whole));
    }
    bars.series.push_back(std::move(series));
  };
  for (int hour = 0; hour < 24; ++hour) bars.groups.push_back(fmt::format("{:02}", hour));
  add_series(profile.labelled ? "all" : "", profile.count.rows,
             [](const ProfileCount& count) { return count.rows; });
  if (profile.labelled && profile.count.frauds != 0) {
    add_series("frauds", profile.count.frauds,
               [](const ProfileCount& count) { return count.frauds; });
  }
  page.chart("When in the day payments happen", bars.to_svg());
}

void add_amounts(Page& page, const DataProfile& profile) {
  page.heading("Amounts");
  const AmountProfile& amounts = profile.amounts;
  Histogram chart;
  chart.title = "Amounts";
  chart.x_axis.label = "roubles";
  chart.y_axis.label = "payments, logarithmic";
  chart.y_axis.scale = Scale::kLog;
  chart.x_axis.scale = Scale::kLog;
  chart.edges = {0.8};  // Nothing, on a logarithmic axis, is a little less than one rouble.
  chart.series = {{profile.labelled ? "genuine" : "", {}}};
  if (profile.labelled) chart.series.push_back({"frauds", {}});
  for (const AmountBin& bin : amounts.histogram) {
    chart.edges.push_back(static_cast<double>(bin.until_minor) / 100);
    chart.series[0].values.push_back(static_cast<double>(bin.genuine));
    if (profile.labelled) chart.series[1].values.push_back(static_cast<double>(bin.frauds));
  }
  page.chart("Payments by amount; the first bar holds all below one rouble (logarithmic)",
             chart.to_svg());
  add_quantiles(page, "share of payments, roubles", amounts.quantiles, format_amount);
  page.paragraph(fmt::format(
      "Mean {} roubles, standard deviation {}; {} payments of exactly 0.00, which are real.",
      format_fixed(amounts.mean_minor / 100, 2), format_fixed(amounts.deviation_minor / 100, 2),
      format_count(amounts.zeros)));
}

void add_busiest(Page& page,
                 const std::string& title,
                 const std::string& column,
                 const KeyProfile& keys,
                 const DataProfile& profile) {
  page.subheading(title);
  page.paragraph(fmt::format(
      "{} different; the busiest 1 % of them make {} of payments; Gini coefficient {} (0: all as "
      "busy).{}",
      format_count(keys.keys), format_percent(keys.busiest_percent_share),
      format_fixed(keys.gini, 3),
      profile.labelled
          ? fmt::format(" {} had at least one fraud ({}).", format_count(keys.keys_with_fraud),
                        format_percent(share_of(keys.keys_with_fraud, keys.keys)))
          : ""));
  add_quantiles(page, "share of " + column + "s, payments", keys.payments_a_key, format_count);
  Rows rows;
  for (const BusyKey& key : keys.busiest) {
    rows.push_back({fmt::format("{}", key.key), format_count(key.rows),
                    format_percent(share_of(key.rows, profile.count.rows), 3)});
    if (profile.labelled) rows.back().push_back(format_percent(share_of(key.frauds, key.rows), 2));
  }
  std::vector<std::string> columns = {column, "payments", "share of all"};
  if (profile.labelled) columns.push_back("of these fraud");
  page.table(columns, rows, "The busiest");
}

void add_scenarios(Page& page, const DataProfile& profile) {
  if (!profile.labelled) return;
  page.heading("Fraud by scenario");
  Rows rows;
  for (std::size_t i = 0; i < kProfiledScenarios; ++i) {
    const ProfileCount& count = profile.scenarios[i];
    if (count.rows == 0) continue;
    rows.push_back(
        {std::string(kScenarioNames[i]), format_count(count.rows),
         format_percent(share_of(count.rows, profile.count.rows), 4),
         format_percent(share_of(count.frauds, profile.count.frauds), 1),
         roubles(count.amount_minor),
         format_percent(share_of(count.fraud_amount_minor, profile.count.fraud_amount_minor), 1),
         format_amount(count.amount_minor / count.rows)});
  }
  page.table({"scenario", "payments", "of all payments", "of frauds", "money", "of fraud money",
              "mean, roubles"},
             rows);
}

void add_defects(Page& page, const nlohmann::ordered_json& cleaning) {
  page.heading("Defects found by cleaning");
  if (cleaning.is_null()) {
    page.paragraph(
        "This lake has no reports/clean.json, so what was found in the raw rows is not known.");
    return;
  }
  const bool labelled = cleaning.value("labelled", false);
  std::vector<std::string> columns = {"rule", "what was done", "rows", "roubles"};
  if (labelled) columns.push_back("frauds");
  Rows rows;
  const auto add_row = [&](const std::string& name, const std::string& action,
                           const nlohmann::ordered_json& tally) {
    rows.push_back({name, action, format_count(tally.value("rows", std::int64_t{0})),
                    format_roubles(tally.value("amount_minor", std::int64_t{0}))});
    if (labelled) rows.back().push_back(format_count(tally.value("frauds", std::int64_t{0})));
  };
  const auto empty = nlohmann::ordered_json::object();
  add_row("rows read", "", cleaning.value("in", empty));
  const auto rules = cleaning.value("rules", empty);
  for (const auto& [rule, tally] : rules.items()) {
    if (tally.value("rows", 0) != 0) add_row(rule, tally.value("action", ""), tally);
  }
  add_row("rows clean", "", cleaning.value("clean", empty));
  page.table(columns, rows);
  page.paragraph(cleaning.value("balanced", false)
                     ? "Rows, money and frauds balance: read = clean + dropped + quarantined."
                     : "The report does not balance.");
}

std::string verdict(double index) {
  return index < 0.1 ? "stable" : index < 0.25 ? "worth a look" : "changed";
}

void add_drift(Page& page, const DataProfile& profile) {
  page.heading("Drift");
  if (profile.drift.empty()) {
    page.paragraph("The data cover too little time for two periods.");
    return;
  }
  page.paragraph(fmt::format(
      "Before {} against from then on. Population stability index: below 0.1 stable, above 0.25 a "
      "real change.",
      format_datetime(profile.drift_split)));
  HorizontalBarChart chart;
  chart.title = "Population stability index";
  chart.value_axis.label = "population stability index";
  chart.value_axis.from = 0;
  chart.vertical_markers = {{0.1, "look"}, {0.25, "changed"}};
  double largest = 0;
  Rows rows;
  for (const ColumnDrift& drift : profile.drift) {
    chart.labels.push_back(drift.column);
    chart.values.push_back(std::round(drift.stability_index * 1e4) / 1e4);
    largest = std::max(largest, drift.stability_index);
    rows.push_back(
        {drift.column, format_fixed(drift.stability_index, 4), verdict(drift.stability_index)});
  }
  chart.value_axis.to = std::max(0.3, largest);
  page.chart("Stability of each column", chart.to_svg());
  page.table({"column", "stability index", "verdict"}, rows);
  std::int64_t before = 0;
  std::int64_t after = 0;
  for (const DriftBin& bin : profile.drift.front().bins) {
    before += bin.before;
    after += bin.after;
  }
  for (const ColumnDrift& drift : profile.drift) {
    BarChart bars;
    bars.title = "Drift of " + drift.column;
    bars.x_label = drift.column;
    bars.value_axis.label = "share of payments";
    bars.value_axis.scale = Scale::kPercent;
    bars.series = {{"before", {}}, {"after", {}}};
    for (const DriftBin& bin : drift.bins) {
      bars.groups.push_back(bin.name);
      bars.series[0].values.push_back(share_of(bin.before, before));
      bars.series[1].values.push_back(share_of(bin.after, after));
    }
    page.chart(fmt::format("{}: index {}", drift.column, format_fixed(drift.stability_index, 4)),
               bars.to_svg());
  }
}

}  // namespace

std::string format_profile_page(const DataProfile& profile,
                                const std::string& input,
                                const nlohmann::ordered_json& cleaning) {
  Page page("What is in the data",
            fmt::format("{}, {} to {}", input, format_datetime(profile.first_time),
                        format_datetime(profile.last_time)));
  add_key_figures(page, profile);
  add_days(page, profile);
  add_scenarios(page, profile);
  add_amounts(page, profile);
  page.heading("Customers and terminals");
  add_busiest(page, "Customers", "customer", profile.customers, profile);
  add_busiest(page, "Terminals", "terminal", profile.terminals, profile);
  add_defects(page, cleaning);
  add_drift(page, profile);
  return page.to_html();
}

}  // namespace weir::cli
