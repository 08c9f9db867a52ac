#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/decision/decision.h"
#include "core/features/feature_spec.h"
#include "core/model/contributions.h"

namespace weir {

/// What a decision is told with, beside itself.
struct DecisionContext {
  std::string_view reasons;  ///< JSON array; empty for none.
  std::string_view model;    ///< Bundle version.
  std::string_view arm;
  bool no_reasons = false;  ///< Left out, although there would be some.
  bool no_challenger = false;
  bool rules = false;  ///< The action was given by rules, not by the model.
};

/// Appends the members of the JSON object that `POST /v1/decisions` answers, without its braces.
/// The same decision always gives the same bytes.
void append_decision_fields(std::string& out,
                            const Decision& decision,
                            const DecisionContext& context);

/// Why the model found `row` suspicious, as a JSON array of `{code, sentence, weight}`, the
/// weightiest first. Weights are log-odds.
std::string reasons_json(const TreeShap& shap, const FeatureSpec& spec, std::span<const float> row);

}  // namespace weir
