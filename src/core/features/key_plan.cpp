#include "core/features/key_plan.h"

#include <algorithm>

#include "core/features/feature_engine.h"

namespace weir {

KeyPlan make_key_plan(const FeatureSpec& spec, FeatureKey key) {
  KeyPlan plan;
  plan.key = key;
  plan.offsets.push_back(0);
  for (const FeatureInput& input : spec.inputs()) {
    if (input.key != key) continue;
    plan.offsets.push_back(input.delay);
    plan.offsets.push_back(input.delay + input.window);
  }
  std::sort(plan.offsets.begin(), plan.offsets.end());
  plan.offsets.erase(std::unique(plan.offsets.begin(), plan.offsets.end()), plan.offsets.end());
  plan.memory = plan.offsets.back() + FeatureEngine::kLateAllowance;
  const auto edge_at = [&](Seconds offset) {
    return static_cast<std::size_t>(
        std::lower_bound(plan.offsets.begin(), plan.offsets.end(), offset) - plan.offsets.begin());
  };
  for (std::size_t i = 0; i < spec.size(); ++i) {
    const FeatureInput& input = spec.inputs()[i];
    if (input.key != key) continue;
    KeyPlan::Column column{
        i, input.aggregate, input.window, edge_at(input.delay), edge_at(input.delay + input.window),
        0};
    switch (input.aggregate) {
      case Aggregate::kStd:
        plan.squares = true;
        [[fallthrough]];
      case Aggregate::kSum:
      case Aggregate::kMean:
      case Aggregate::kAmountToMean:
        plan.amounts = true;
        break;
      case Aggregate::kMax:
      case Aggregate::kAmountToMax: {
        plan.amounts = true;
        const KeyPlan::Maximum maximum{column.newer, column.older};
        const auto found = std::find(plan.maxima.begin(), plan.maxima.end(), maximum);
        column.maximum = static_cast<std::size_t>(found - plan.maxima.begin());
        if (found == plan.maxima.end()) plan.maxima.push_back(maximum);
        break;
      }
      case Aggregate::kAmountToGenuineMean:
        plan.amounts = plan.outcomes = plan.genuine_sums = true;
        break;
      case Aggregate::kTimeSinceFirstKnownFraud:
      case Aggregate::kTimeSinceLastKnownFraud:
      case Aggregate::kKnownGenuineSinceLastKnownFraud:
        plan.fraud_order = true;
        [[fallthrough]];
      case Aggregate::kKnownFraudCount:
      case Aggregate::kKnownGenuineCount:
      case Aggregate::kRisk:
        plan.outcomes = true;
        break;
      default:
        break;
    }
    plan.columns.push_back(column);
  }
  // Alike side by side: the processor then guesses what the next one is.
  std::stable_sort(plan.columns.begin(), plan.columns.end(),
                   [](const auto& a, const auto& b) { return a.aggregate < b.aggregate; });
  return plan;
}

}  // namespace weir
