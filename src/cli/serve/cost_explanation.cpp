#include "cli/serve/cost_explanation.h"

#include <cmath>

#include "core/decision/money_policy.h"

namespace weir::cli {
namespace {

/// The least probability whose cheapest action is at least `action`; above 1 when there is none.
template <typename CheapestAt>
double first_probability(const CheapestAt& cheapest_at, Action action) {
  if (cheapest_at(1.0) < action) return 2;
  double low = 0;
  double high = 1;
  for (int step = 0; step < 40; ++step) {
    const double middle = (low + high) / 2;
    (cheapest_at(middle) < action ? low : high) = middle;
  }
  return high;
}

}  // namespace

nlohmann::ordered_json explain_costs(const LoadedModel& model,
                                     const journal::Record& record,
                                     const std::optional<Control>& control) {
  const DecisionLoop* loop = model.pipeline.loop();
  if (loop == nullptr || !record.beliefs.known()) return nullptr;
  AnswerRates answers = loop->beliefs().rates().answers;
  if (control && control->answered >= 0) {
    answers.answered.value = control->answered;
    answers.fraud_passes.value = control->fraud_passes;
  }
  const double multiplier = control ? control->multiplier : 1;
  const double roubles = static_cast<double>(record.payment.amount_minor) / 100;
  const MoneyPolicy& policy = loop->policy();
  const auto costs_at = [&](double probability, double knowledge) {
    return expected_costs(policy, answers, multiplier, 1 - probability, roubles, knowledge);
  };
  const double knowledge = static_cast<double>(record.beliefs.card) * policy.takeover_worth;
  const ActionCosts costs = costs_at(record.probability, knowledge);
  nlohmann::ordered_json json = {
      {"approve", costs.approve},           {"challenge", costs.challenge},
      {"decline", costs.decline},           {"multiplier", multiplier},
      {"answered", answers.answered.value}, {"fraud_passes", answers.fraud_passes.value}};
  const auto cheapest_at = [&](double probability) {
    return costs_at(probability, knowledge).cheapest();
  };
  for (const auto& [name, action] : {std::pair{"challenge_from_probability", Action::kChallenge},
                                     std::pair{"decline_from_probability", Action::kDecline}}) {
    const double probability = first_probability(cheapest_at, action);
    json[name] = probability <= 1 ? nlohmann::ordered_json(probability) : nullptr;
  }
  return json;
}

}  // namespace weir::cli
