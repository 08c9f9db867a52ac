#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "cli/serve/loaded_model.h"
#include "edge/journal/record.h"

namespace weir::cli {

/// Of a decision in expected roubles: what each action was expected to cost, and from which
/// probability of fraud on this amount another one would have been cheapest. `control` was in force
/// then. Null for a bundle without beliefs.
nlohmann::ordered_json explain_costs(const LoadedModel& model,
                                     const journal::Record& record,
                                     const std::optional<Control>& control);

}  // namespace weir::cli
