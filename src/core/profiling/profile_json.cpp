#include <nlohmann/json.hpp>

#include "core/profiling/data_profile.h"
#include "core/transaction/calendar.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const ProfileCount& count, bool labelled) {
  Json json = {{"rows", count.rows}, {"amount_minor", count.amount_minor}};
  if (labelled) {
    json["frauds"] = count.frauds;
    json["fraud_amount_minor"] = count.fraud_amount_minor;
  }
  return json;
}

Json to_json(const std::vector<Quantile>& quantiles, const char* value) {
  Json json = Json::array();
  for (const Quantile& quantile : quantiles) {
    json.push_back({{"share", quantile.share}, {value, quantile.value}});
  }
  return json;
}

Json to_json(const AmountProfile& amounts, bool labelled) {
  Json json = {{"zeros", amounts.zeros},
               {"mean_minor", amounts.mean_minor},
               {"deviation_minor", amounts.deviation_minor},
               {"quantiles", to_json(amounts.quantiles, "amount_minor")}};
  for (const AmountBin& bin : amounts.histogram) {
    Json entry = {{"from_minor", bin.from_minor}, {"until_minor", bin.until_minor}};
    entry[labelled ? "genuine" : "rows"] = bin.genuine;
    if (labelled) entry["frauds"] = bin.frauds;
    json["histogram"].push_back(std::move(entry));
  }
  return json;
}

Json to_json(const KeyProfile& keys, bool labelled) {
  Json json = {{"keys", keys.keys},
               {"payments_a_key", to_json(keys.payments_a_key, "payments")},
               {"busiest_percent_share", keys.busiest_percent_share},
               {"gini", keys.gini}};
  if (labelled) json["keys_with_fraud"] = keys.keys_with_fraud;
  for (const BusyKey& key : keys.busiest) {
    Json entry = {{"key", key.key}, {"rows", key.rows}};
    if (labelled) entry["frauds"] = key.frauds;
    json["busiest"].push_back(std::move(entry));
  }
  return json;
}

Json to_json(const ColumnDrift& drift) {
  Json json = {{"column", drift.column}, {"stability_index", drift.stability_index}};
  for (const DriftBin& bin : drift.bins) {
    json["bins"].push_back({{"name", bin.name}, {"before", bin.before}, {"after", bin.after}});
  }
  return json;
}

}  // namespace

std::string format_profile(const DataProfile& profile) {
  const bool labelled = profile.labelled;
  Json json = {{"labelled", labelled}};
  json.update(to_json(profile.count, labelled));
  json["first_time"] = format_datetime(profile.first_time);
  json["last_time"] = format_datetime(profile.last_time);
  for (const DayProfile& day : profile.days) {
    Json entry = {{"day", format_date(day.day)}};
    entry.update(to_json(day.count, labelled));
    if (labelled) entry["scenario_rows"] = day.scenario_rows;
    json["days"].push_back(std::move(entry));
  }
  for (const ProfileCount& hour : profile.hours) json["hours"].push_back(to_json(hour, labelled));
  for (const ProfileCount& weekday : profile.weekdays) {
    json["weekdays"].push_back(to_json(weekday, labelled));
  }
  if (labelled) {
    for (const ProfileCount& scenario : profile.scenarios) {
      json["scenarios"].push_back(to_json(scenario, labelled));
    }
  }
  json["amounts"] = to_json(profile.amounts, labelled);
  json["customers"] = to_json(profile.customers, labelled);
  json["terminals"] = to_json(profile.terminals, labelled);
  json["drift"] = {{"split", format_datetime(profile.drift_split)}, {"columns", Json::array()}};
  for (const ColumnDrift& drift : profile.drift) {
    json["drift"]["columns"].push_back(to_json(drift));
  }
  return json.dump(2) + "\n";
}

}  // namespace weir
