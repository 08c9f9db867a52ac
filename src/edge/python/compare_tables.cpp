#include "edge/python/compare_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/evaluation/ranking.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir::python {
namespace {

using Json = nlohmann::ordered_json;

/// One side's decisions.
struct Side {
  Column<float> margin;
  Column<std::int8_t> touched;
  Column<std::int8_t> declined;

  Side(const ArrowTable& table, std::size_t rows, const char* name)
      : margin(table.floats("margin")),
        touched(table.small_integers("touched")),
        declined(table.small_integers("declined")) {
    if (table.rows() != rows) {
      throw Error(
          fmt::format("{} scores of the {} for {} payments; score the same rows in the "
                      "same order",
                      table.rows(), name, rows));
    }
    const auto margins = margin.values();
    if (std::any_of(margins.begin(), margins.end(), [](float m) { return std::isnan(m); })) {
      throw Error(fmt::format("the {} has a margin that is nan, wanted numbers", name));
    }
  }
  bool executed(std::size_t row, bool is_fraud) const {
    return declined.values()[row] == 0 && (touched.values()[row] == 0 || !is_fraud);
  }
};

Json to_json(const MeasureComparison& measure) {
  const ClusteredInterval& interval = measure.decisive();
  return {{"champion", measure.champion},
          {"challenger", measure.challenger},
          {"difference", measure.difference()},
          {"interval_90", Json::array({interval.interval.low, interval.interval.high})},
          {"clusters", std::string(cluster_kind_name(interval.kind))}};
}

}  // namespace

std::string compare_tables(const ArrowTable& payments,
                           const ArrowTable& champion_table,
                           const ArrowTable& challenger_table,
                           const ComparisonOptions& options) {
  const std::size_t rows = payments.rows();
  const auto time = payments.times("event_time");
  const auto customer = payments.integers("customer_id");
  const auto terminal = payments.integers("terminal_id");
  const auto amount = payments.integers("amount_minor");
  const auto fraud = payments.small_integers("is_fraud");
  if (rows == 0) throw Error("no payment to compare on");
  const Side champion(champion_table, rows, "champion");
  const Side challenger(challenger_table, rows, "challenger");
  const Ranking champion_ranking(champion.margin.values(), fraud.values());
  const Ranking challenger_ranking(challenger.margin.values(), fraud.values());
  const auto champion_influence = champion_ranking.average_precision_influence();
  const auto challenger_influence = challenger_ranking.average_precision_influence();

  PairedClusters clusters;
  for (std::size_t row = 0; row < rows; ++row) {
    const bool is_fraud = fraud.values()[row] != 0;
    clusters.add(
        {.event_time = time.values()[row],
         .customer_id = customer.values()[row],
         .terminal_id = terminal.values()[row],
         .amount_minor = amount.values()[row],
         .is_fraud = is_fraud,
         .champion_touched = champion.touched.values()[row] != 0,
         .champion_executed = champion.executed(row, is_fraud),
         .challenger_touched = challenger.touched.values()[row] != 0,
         .challenger_executed = challenger.executed(row, is_fraud),
         .ranking_influence = double{challenger_influence[row]} - double{champion_influence[row]}});
  }
  const auto [first, last] = std::minmax_element(time.values().begin(), time.values().end());
  const double days =
      static_cast<double>(day_start(*last) + kSecondsPerDay - day_start(*first)) / kSecondsPerDay;
  const Comparison result = compare_paired(clusters, champion_ranking.average_precision(),
                                           challenger_ranking.average_precision(), days, options);
  Json json = {{"verdict", std::string(verdict_name(result.verdict))},
               {"reason", result.reason},
               {"payments", clusters.payments()},
               {"frauds", clusters.frauds()},
               {"differing", clusters.differing()},
               {"days", result.days}};
  json["days_needed"] = std::isfinite(result.days_needed) ? Json(result.days_needed) : Json();
  json["damage_roubles_per_30_days"] = to_json(result.measure(ComparedMeasure::kDamage));
  json["false_positive_rate"] = to_json(result.measure(ComparedMeasure::kFalsePositiveRate));
  json["average_precision"] = to_json(result.measure(ComparedMeasure::kAveragePrecision));
  json["genuine_lost"] = to_json(result.measure(ComparedMeasure::kGenuineLost));
  return json.dump();
}

}  // namespace weir::python
