#include "cli/serve/loaded_model.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/decision/reasons.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMaxReasons = 3;

}  // namespace

std::unique_ptr<LoadedModel> LoadedModel::load(const std::string& folder) {
  Bundle bundle = registry::load_bundle(folder);
  Forest forest = Forest::parse_ubj(bundle.forest_ubj, folder + "/forest.ubj");
  Pipeline pipeline(bundle);
  return std::make_unique<LoadedModel>(
      LoadedModel{std::move(bundle), std::move(forest), std::move(pipeline), folder});
}

std::string reasons_json(const LoadedModel& model, const std::vector<float>& features) {
  nlohmann::ordered_json reasons = nlohmann::ordered_json::array();
  for (const Reason& reason :
       top_reasons(model.forest, model.bundle.features, features, kMaxReasons)) {
    reasons.push_back({{"code", reason.code},
                       {"sentence", reason.sentence},
                       {"weight", std::round(reason.weight * 1e4) / 1e4}});
  }
  return reasons.dump();
}

}  // namespace weir::cli
