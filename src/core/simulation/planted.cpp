#include "core/simulation/planted.h"

#include <nlohmann/json.hpp>

#include "core/transaction/calendar.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kFirstFileRows = 46'988'418;
constexpr double kAllRows = 1'879'794'138;

Json to_json(const PlantedTally& tally) {
  return {{"rows", tally.rows}, {"frauds", tally.frauds}, {"amount_minor", tally.amount_minor}};
}

}  // namespace

const std::array<DefectRule, kDefectCount>& defect_rules() {
  // Counts of the course's first file and of all its files; "rare" there stands for 5 a file.
  static constexpr std::array<DefectRule, kDefectCount> kRules = {{
      {Defect::kDuplicateRow, "duplicate_row", 181 / kFirstFileRows, RowFate::kDuplicate, false},
      {Defect::kDuplicateId, "duplicate_id", 5 / kFirstFileRows, RowFate::kQuarantined, false},
      {Defect::kTerminalNotANumber, "terminal_not_a_number", 40'312 / kAllRows,
       RowFate::kQuarantined, false},
      {Defect::kTerminalUnknown, "terminal_unknown", 14'000 / kFirstFileRows, RowFate::kQuarantined,
       false},
      {Defect::kCustomerInvalid, "customer_invalid", 64 / kFirstFileRows, RowFate::kQuarantined,
       false},
      {Defect::kTime24Repaired, "time_24_repaired", 0, RowFate::kClean, false},
      {Defect::kTimeInvalid, "time_invalid", 5 / kFirstFileRows, RowFate::kQuarantined, true},
      {Defect::kAmountZeroKept, "amount_zero_kept", 0, RowFate::kClean, false},
      {Defect::kAmountInvalid, "amount_invalid", 5 / kFirstFileRows, RowFate::kQuarantined, true},
      {Defect::kFieldCount, "field_count", 5 / kFirstFileRows, RowFate::kQuarantined, true},
      {Defect::kNotANumber, "not_a_number", 5 / kFirstFileRows, RowFate::kQuarantined, true},
      {Defect::kLabelConflict, "label_conflict", 5 / kFirstFileRows, RowFate::kQuarantined, true},
  }};
  return kRules;
}

PlantedCounts& PlantedCounts::operator+=(const PlantedCounts& other) {
  written += other.written;
  clean += other.clean;
  duplicates += other.duplicates;
  quarantined += other.quarantined;
  for (std::size_t i = 0; i < by_scenario.size(); ++i) by_scenario[i] += other.by_scenario[i];
  for (std::size_t i = 0; i < defects.size(); ++i) defects[i] += other.defects[i];
  return *this;
}

std::string format_planted(const SimulationSpec& spec, const PlantedCounts& counts) {
  Json document = to_json(counts.written);
  document["clean"] = to_json(counts.clean);
  document["duplicates"] = to_json(counts.duplicates);
  document["quarantined"] = to_json(counts.quarantined);
  Json& defects = document["defects"] = Json::object();
  Json& totals = document["defect_totals"] = Json::object();
  for (const DefectRule& rule : defect_rules()) {
    const PlantedTally& tally = counts.defects[static_cast<std::size_t>(rule.defect)];
    defects[std::string(rule.id)] = tally.rows;
    totals[std::string(rule.id)] = to_json(tally);
  }
  Json& scenarios = document["by_scenario"] = Json::object();
  for (std::size_t i = 0; i < counts.by_scenario.size(); ++i) {
    scenarios[std::to_string(i)] = to_json(counts.by_scenario[i]);
  }
  document["parameters"] = {{"customers", spec.customers},
                            {"terminals", spec.terminals},
                            {"radius", spec.radius},
                            {"mean_payments_per_day", spec.mean_payments_per_day},
                            {"start", format_date(spec.start)},
                            {"days", spec.days},
                            {"terminal_starts_per_day", spec.terminal_starts_per_day},
                            {"terminal_episode", format_duration(spec.terminal_episode)},
                            {"customer_starts_per_day", spec.customer_starts_per_day},
                            {"customer_episode", format_duration(spec.customer_episode)},
                            {"midnight_starts", spec.midnight_starts},
                            {"warm_start", spec.warm_start},
                            {"defects", spec.defects},
                            {"seed", spec.seed}};
  return document.dump(2) + "\n";
}

}  // namespace weir
