#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/model/bundle.h"
#include "core/model/contributions.h"
#include "core/pipeline/pipeline.h"

namespace weir::cli {

/// A bundle with the pipeline that runs it.
struct LoadedModel {
  Bundle bundle;
  TreeShap shap;  ///< For reasons.
  Pipeline pipeline;
  std::string source;  ///< Where the bundle was read.

  const std::string& version() const { return bundle.manifest.version; }

  /// Reads a bundle folder; the pipeline is new. Throws Error.
  static std::unique_ptr<LoadedModel> load(const std::string& folder);
};

/// Why `model` found `features` suspicious, as a JSON array of `{code, sentence, weight}`, the
/// weightiest first. Weights are log-odds.
std::string reasons_json(const LoadedModel& model, const std::vector<float>& features);

}  // namespace weir::cli
