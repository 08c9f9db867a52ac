#include "cli/serve/service_tally.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/transaction/calendar.h"

namespace weir::cli {

void ServiceTally::add_decision(const journal::Record& record) {
  // Few, so looked at in turn: a key to search for would be two texts to allocate.
  auto by_action = std::find_if(decisions.begin(), decisions.end(), [&](const auto& entry) {
    return entry.first.first == record.arm && entry.first.second == record.model;
  });
  if (by_action == decisions.end()) {
    by_action = decisions.emplace(std::pair(record.arm, record.model), ActionCounts{}).first;
  }
  ++by_action->second[static_cast<std::size_t>(record.action)];
  probability.observe(record.probability);
  late += record.late;
  no_reasons += (record.degraded & journal::kDegradedNoReasons) != 0;
  no_challenger += (record.degraded & journal::kDegradedNoChallenger) != 0;
  Arm& arm = arms[record.arm];
  ++arm.payments;
  arm.touched += record.action != Action::kApprove;
  if (!record.shadow_model.empty()) {
    ++shadow[record.shadow_model][static_cast<std::size_t>(record.shadow_action)];
    disagreements += record.shadow_action != record.action;
  }
  if (record.action == Action::kApprove) {
    const double expected = record.probability * static_cast<double>(record.payment.amount_minor);
    damage_expected_minor += expected;
    arm.expected_minor += expected;
  }
  add_to_month(record);
}

void ServiceTally::add_to_month(const journal::Record& record) {
  Day& day = days[day_start(record.payment.event_time)];
  ++day.payments;
  if (record.action == Action::kApprove) {
    day.expected_minor += record.probability * static_cast<double>(record.payment.amount_minor);
  } else {
    ++day.touched;
  }
  while (days.size() > 31) days.erase(days.begin());
}

void ServiceTally::add_reject(std::string_view rule) {
  const auto found = rejected.find(rule);
  if (found != rejected.end()) {
    ++found->second;
  } else {
    rejected.emplace(rule, 1);
  }
}

void ServiceTally::add_feedback(const journal::Record& record) {
  ++feedback[static_cast<std::size_t>(record.source)][static_cast<std::size_t>(record.outcome)];
  const auto damage = static_cast<double>(record.damage_minor);
  damage_confirmed_minor += std::max(damage, 0.0);  // A counter: what is taken back stays counted.
  if (!record.arm.empty()) arms[record.arm].confirmed_minor += damage;
  add_damage(record);
}

void ServiceTally::add_damage(const journal::Record& record) {
  const auto day = days.find(day_start(record.payment.event_time));
  if (day != days.end()) day->second.confirmed_minor += static_cast<double>(record.damage_minor);
}

bool ServiceTally::save(const std::filesystem::path& file) const {
  nlohmann::json json = {{"position", position}, {"days", nlohmann::json::array()}};
  for (const auto& [midnight, day] : days) {
    json["days"].push_back(
        {midnight, day.expected_minor, day.confirmed_minor, day.payments, day.touched});
  }
  const auto staged = file.string() + ".partial";
  std::ofstream out(staged, std::ios::binary | std::ios::trunc);
  out << json.dump();
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(staged, file, error);
  return out && !error;
}

bool ServiceTally::restore(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const auto json = nlohmann::json::parse(in, nullptr, false);
  try {
    std::map<Seconds, Day> read;
    for (const auto& day : json.at("days")) {
      read[day.at(0).get<Seconds>()] = {day.at(1).get<double>(), day.at(2).get<double>(),
                                        day.at(3).get<std::uint64_t>(),
                                        day.at(4).get<std::uint64_t>()};
    }
    position = json.at("position").get<std::uint64_t>();
    days = std::move(read);
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

void ServiceTally::add(const ServiceTally& other) {
  for (const auto& [by, counts] : other.decisions) {
    for (std::size_t i = 0; i < counts.size(); ++i) decisions[by][i] += counts[i];
  }
  for (const auto& [rule, count] : other.rejected) rejected[rule] += count;
  repeated += other.repeated;
  late += other.late;
  no_reasons += other.no_reasons;
  no_challenger += other.no_challenger;
  rules += other.rules;
  for (std::size_t i = 0; i < feedback.size(); ++i) {
    for (std::size_t j = 0; j < feedback[i].size(); ++j) feedback[i][j] += other.feedback[i][j];
  }
  damage_expected_minor += other.damage_expected_minor;
  damage_confirmed_minor += other.damage_confirmed_minor;
}

ServiceTally::Day ServiceTally::month() const {
  Day sum;
  if (days.empty()) return sum;
  const Seconds first = days.rbegin()->first - 29 * kSecondsPerDay;
  for (auto day = days.lower_bound(first); day != days.end(); ++day) {
    sum.expected_minor += day->second.expected_minor;
    sum.confirmed_minor += day->second.confirmed_minor;
    sum.payments += day->second.payments;
    sum.touched += day->second.touched;
  }
  return sum;
}

}  // namespace weir::cli
