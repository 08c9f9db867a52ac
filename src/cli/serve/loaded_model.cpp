#include "cli/serve/loaded_model.h"

#include "core/streaming/decision_json.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
std::unique_ptr<LoadedModel> LoadedModel::load(const std::string& folder) {
  Bundle bundle = registry::load_bundle(folder);
  const Forest forest = Forest::parse_ubj(bundle.forest_ubj, folder + "/forest.ubj");
  Pipeline pipeline(bundle);
  return std::make_unique<LoadedModel>(
      LoadedModel{std::move(bundle), TreeShap(forest), std::move(pipeline), folder});
}

std::string reasons_json(const LoadedModel& model, const std::vector<float>& features) {
  return weir::reasons_json(model.shap, model.bundle.features, features);
}

}  // namespace weir::cli
