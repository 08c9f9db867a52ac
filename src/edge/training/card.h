#pragma once

#include <string>

#include "edge/training/training.h"

namespace weir::training {

/// `metrics.json` of a bundle: what the model reached on its validation period.
std::string metrics_json(const TrainingResult& result);

/// `card.md` of a bundle, for the person who has to accept the model.
std::string model_card(const TrainingResult& result, const TrainingSettings& settings);

}  // namespace weir::training
