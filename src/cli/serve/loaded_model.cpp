#include "cli/serve/loaded_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/model/contributions.h"
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
  std::vector<double> weights(features.size() + 1);
  contributions(model.forest, features, weights);
  std::vector<std::size_t> order(features.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](auto left, auto right) { return weights[left] > weights[right]; });
  nlohmann::ordered_json reasons = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < std::min(kMaxReasons, order.size()); ++i) {
    const double weight = weights[order[i]];
    if (weight <= 0) break;
    reasons.push_back({{"code", model.bundle.features.names()[order[i]]},
                       {"value", features[order[i]]},
                       {"weight", std::round(weight * 1e4) / 1e4}});
  }
  return reasons.dump();
}

}  // namespace weir::cli
