#include "cli/loop_scenarios.h"

#include <fmt/format.h>
#include <toml++/toml.h>
#include <CLI/CLI.hpp>

#include <functional>
#include <map>

#include "cli/command.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"
#include "core/transaction/nearest_name.h"
#include "edge/files/staged.h"

namespace weir::cli {
namespace {

using Setter = std::function<bool(LoopScenario&, const toml::node&)>;

template <typename Get>
Setter number(Get get) {
  return [get](LoopScenario& scenario, const toml::node& node) {
    const auto value = node.value<double>();
    if (!value || *value < 0) return false;
    get(scenario) = *value;
    return true;
  };
}

template <typename Get>
Setter flag(Get get) {
  return [get](LoopScenario& scenario, const toml::node& node) {
    const auto value = node.value<bool>();
    if (value) get(scenario) = *value;
    return value.has_value();
  };
}

template <typename Get>
Setter duration(Get get) {
  return [get](LoopScenario& scenario, const toml::node& node) {
    const auto text = node.value<std::string>();
    const auto value = text ? parse_duration(*text) : std::nullopt;
    if (!value) return false;
    get(scenario) = *value;
    return true;
  };
}

const std::map<std::string, Setter>& setters() {
  static const std::map<std::string, Setter> all = {
      {"name",
       [](LoopScenario& scenario, const toml::node& node) {
         const auto text = node.value<std::string>();
         if (text) scenario.name = *text;
         return text.has_value();
       }},
      {"closed", flag([](LoopScenario& s) -> auto& { return s.closed; })},
      {"model", flag([](LoopScenario& s) -> auto& { return s.model; })},
      {"beliefs", flag([](LoopScenario& s) -> auto& { return s.feedback.reaches_beliefs; })},
      {"audits", flag([](LoopScenario& s) -> auto& { return s.policy.audits; })},
      {"answer_law",
       [](LoopScenario& scenario, const toml::node& node) {
         const auto text = node.value<std::string>();
         if (text) scenario.feedback.answer_law = answer_law(*text);
         return text.has_value();
       }},
      {"answer_seed",
       [](LoopScenario& scenario, const toml::node& node) {
         const auto value = node.value<std::int64_t>();
         if (!value || *value < 0) return false;
         scenario.feedback.seed = static_cast<std::uint64_t>(*value);
         return true;
       }},
      {"answer_delay", duration([](LoopScenario& s) -> auto& { return s.feedback.answer_delay; })},
      {"label_delay", duration([](LoopScenario& s) -> auto& { return s.feedback.label_delay; })},
      {"answered", number([](LoopScenario& s) -> auto& { return s.feedback.answered; })},
      {"fraud_passes", number([](LoopScenario& s) -> auto& { return s.feedback.fraud_passes; })},
      {"wrong_denial", number([](LoopScenario& s) -> auto& { return s.feedback.wrong_denial; })},
      {"challenge_cost", number([](LoopScenario& s) -> auto& { return s.policy.challenge_cost; })},
      {"lost_genuine_cost",
       number([](LoopScenario& s) -> auto& { return s.policy.lost_genuine_cost; })},
      {"takeover_worth", number([](LoopScenario& s) -> auto& { return s.policy.takeover_worth; })},
      {"false_positive_rate",
       number([](LoopScenario& s) -> auto& { return s.policy.false_positive_rate; })},
      {"lost_genuine_rate",
       number([](LoopScenario& s) -> auto& { return s.policy.lost_genuine_rate; })},
      {"challenges_per_day",
       number([](LoopScenario& s) -> auto& { return s.policy.challenges_per_day; })}};
  return all;
}

}  // namespace

AnswerLaw answer_law(const std::string& word) {
  if (word == "fixed") return AnswerLaw::kFixed;
  if (word == "exponential") return AnswerLaw::kExponential;
  throw UsageError(fmt::format("answer law \"{}\": wanted fixed or exponential", word));
}

std::vector<LoopScenario> load_scenarios(const std::string& file, const LoopScenario& base) {
  return parse_scenarios(files::read_text(file), file, base);
}

std::vector<LoopScenario> parse_scenarios(std::string_view text,
                                          const std::string& file,
                                          const LoopScenario& base) {
  toml::table document;
  try {
    document = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("scenarios \"{}\": line {}: {}", file, error.source().begin.line,
                            std::string(error.description())));
  }
  const auto* tables = document["scenario"].as_array();
  if (tables == nullptr || tables->empty() || document.size() != 1) {
    throw Error(fmt::format("scenarios \"{}\": wanted [[scenario]] tables and nothing else", file));
  }
  std::vector<std::string> known;
  for (const auto& [name, setter] : setters()) known.push_back(name);
  std::vector<LoopScenario> scenarios;
  for (const toml::node& node : *tables) {
    const auto* table = node.as_table();
    if (table == nullptr)
      throw Error(fmt::format("scenarios \"{}\": [[scenario]] is no table", file));
    LoopScenario scenario = base;
    scenario.name = fmt::format("scenario {}", scenarios.size() + 1);
    for (const auto& [key, value] : *table) {
      const std::string name(key.str());
      const auto setter = setters().find(name);
      if (setter == setters().end()) {
        throw Error(fmt::format("scenarios \"{}\": line {}: unknown key {}; did you mean {}?", file,
                                value.source().begin.line, name, nearest_name(name, known)));
      }
      if (!setter->second(scenario, value)) {
        throw Error(fmt::format("scenarios \"{}\": line {}: {} has a wrong value", file,
                                value.source().begin.line, name));
      }
    }
    scenario.feedback.validate();
    scenarios.push_back(std::move(scenario));
  }
  return scenarios;
}

std::string scenario_toml(const LoopScenario& scenario) {
  const FeedbackSettings& feedback = scenario.feedback;
  const MoneyPolicy& policy = scenario.policy;
  const bool fixed = feedback.answer_law == AnswerLaw::kFixed;
  return fmt::format(
      "[[scenario]]\nclosed = {}\nmodel = {}\nbeliefs = {}\naudits = {}\nanswer_law = "
      "\"{}\"\nanswer_seed = {}\n"
      "answer_delay = \"{}\"\nlabel_delay = \"{}\"\nanswered = {}\nfraud_passes = {}\n"
      "wrong_denial = {}\nchallenge_cost = {}\nlost_genuine_cost = {}\ntakeover_worth = {}\n"
      "false_positive_rate = {}\nlost_genuine_rate = {}\nchallenges_per_day = {}\n",
      scenario.closed, scenario.model, feedback.reaches_beliefs, policy.audits,
      fixed ? "fixed" : "exponential", feedback.seed, format_duration(feedback.answer_delay),
      format_duration(feedback.label_delay), feedback.answered, feedback.fraud_passes,
      feedback.wrong_denial, policy.challenge_cost, policy.lost_genuine_cost, policy.takeover_worth,
      policy.false_positive_rate, policy.lost_genuine_rate, policy.challenges_per_day);
}

void FeedbackFlags::add_to(CLI::App& command) {
  add_duration_option(command, "--answer-delay", answer_delay,
                      "From a challenge to its answer; 15m if not given");
  command.add_option("--answer-law", answer_law, "How it varies: fixed or exponential");
  command.add_option("--answered", answered, "Share of challenged cardholders who answer");
  command.add_option("--fraud-passes", fraud_passes, "Share of frauds that pass a challenge");
  command.add_option("--wrong-denial", wrong_denial,
                     "Share of genuine payments that their cardholder denies");
  add_duration_option(command, "--label-delay", label_delay,
                      "From an executed payment to its chargeback; the bundle's own if not given");
  command.add_option("--answer-seed", seed, "Of the cardholders' answers");
}

void FeedbackFlags::apply_to(LoopScenario& scenario) const {
  FeedbackSettings& feedback = scenario.feedback;
  feedback.answer_delay = answer_delay.value_or(feedback.answer_delay);
  if (answer_law) feedback.answer_law = cli::answer_law(*answer_law);
  feedback.answered = answered.value_or(feedback.answered);
  feedback.fraud_passes = fraud_passes.value_or(feedback.fraud_passes);
  feedback.wrong_denial = wrong_denial.value_or(feedback.wrong_denial);
  feedback.label_delay = label_delay.value_or(feedback.label_delay);
  feedback.seed = seed.value_or(feedback.seed);
  feedback.validate();
}

nlohmann::ordered_json loop_json(const LoopResult& result) {
  const LoopOutcome& outcome = result.outcome;
  const LoopCounts total = outcome.total();
  const FeedbackSettings& feedback = result.scenario.feedback;
  nlohmann::ordered_json json = {
      {"name", result.scenario.name},
      {"closed", result.scenario.closed},
      {"from", format_datetime(outcome.from())},
      {"to", format_datetime(outcome.to())},
      {"answer_delay_seconds", feedback.answer_delay},
      {"answered", feedback.answered},
      {"fraud_passes", feedback.fraud_passes},
      {"wrong_denial", feedback.wrong_denial},
      {"label_delay_seconds", feedback.label_delay},
      {"payments", total.payments},
      {"frauds", total.frauds},
      {"exposure_roubles_per_30_days", outcome.exposure_roubles_per_month()},
      {"average_precision", result.average_precision},
      {"roc_auc", result.roc_auc}};
  if (!result.scenario.closed) {
    json["damage_roubles_per_30_days"] =
        result.open.damage_roubles_per_month(outcome.to() - outcome.from());
    json["false_positive_rate"] = result.open.false_positive_rate();
    json["false_negative_rate"] = result.open.false_negative_rate();
    json["false_negatives_of_all"] = result.open.false_negatives_of_all();
    if (result.best_open) {
      json["best"] = {{"false_negative_rate", result.best_open->false_negative_rate},
                      {"average_precision", result.best_open->average_precision}};
    }
    return json;
  }
  json["damage_roubles_per_30_days"] = outcome.damage_roubles_per_month();
  json["damage_interval_90"] = {result.damage_interval.low, result.damage_interval.high};
  json["false_positive_rate"] = total.false_positive_rate();
  json["false_negative_rate"] = total.false_negative_rate();
  json["genuine_lost_rate"] = total.genuine_lost_rate();
  json["false_negatives_of_all"] = total.false_negatives_of_all();
  json["false_positives_of_all"] = total.false_positives_of_all();
  json["challenges_per_day"] = outcome.challenges_per_day();
  json["challenges_per_customer_month"] = outcome.challenges_per_customer_month();
  json["multiplier"] = result.last_multiplier;
  if (!result.episodes.empty()) {
    const BlindDamage blind = blind_damage(result.episodes, outcome.from());
    json["blind"] = {{"episodes", blind.episodes},
                     {"exposure_roubles", blind.exposure_roubles},
                     {"damage_roubles", blind.damage_roubles},
                     {"share", blind.share()}};
  }
  json["damage_by_scenario"] = nlohmann::ordered_json::object();
  for (std::size_t number = 1; number < LoopOutcome::kScenarios; ++number) {
    const LoopCounts counts = outcome.scenario(number);
    if (counts.frauds == 0) continue;
    json["damage_by_scenario"][fmt::format("{}", number)] = {
        {"damage_roubles_per_30_days",
         static_cast<double>(counts.damage_minor) / 100 * 30 / outcome.days()},
        {"frauds", counts.frauds},
        {"frauds_through", counts.frauds_through},
        {"frauds_passed", counts.frauds_passed}};
  }
  return json;
}

void print_loops(const std::vector<LoopResult>& results) {
  fmt::print("{:<20}{:>14}{:>12}{:>8}{:>8}{:>8}{:>14}{:>10}{:>8}\n", "scenario", "damage RUB/30d",
             "± (90 %)", "FPR", "FNR", "lost", "challenges/d", "per cust.", "AP");
  for (const LoopResult& result : results) {
    const LoopCounts total = result.outcome.total();
    const bool closed = result.scenario.closed;
    const double damage =
        closed ? result.outcome.damage_roubles_per_month()
               : result.open.damage_roubles_per_month(result.outcome.to() - result.outcome.from());
    const double reach = (result.damage_interval.high - result.damage_interval.low) / 2;
    fmt::print("{:<20}{:>14}{:>12}{:>7.2f}%{:>7.2f}%{:>7.2f}%{:>14.0f}{:>10.2f}{:>8.4f}\n",
               result.scenario.name, format_roubles(static_cast<std::int64_t>(damage * 100)),
               closed ? format_roubles(static_cast<std::int64_t>(reach * 100)) : "",
               100 * (closed ? total.false_positive_rate() : result.open.false_positive_rate()),
               100 * (closed ? total.false_negative_rate() : result.open.false_negative_rate()),
               100 * total.genuine_lost_rate(), result.outcome.challenges_per_day(),
               result.outcome.challenges_per_customer_month(), result.average_precision);
    if (result.best_open) {
      fmt::print("{:<20}{:>14}{:>12}{:>7.2f}%{:>7.2f}%{:>32}{:>9.4f}\n", "  expected best", "", "",
                 100 * kOpenLoopFalsePositiveRate, 100 * result.best_open->false_negative_rate, "",
                 result.best_open->average_precision);
    }
  }
}

}  // namespace weir::cli
