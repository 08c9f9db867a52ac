#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/decision/policy.h"
#include "core/model/bundle.h"

namespace weir {

/// XGBoost's UBJ of one stump: amount below 100 → -2, else +2.
inline std::string stump_ubj(std::size_t features) {
  using nlohmann::json;
  const json tree = {{"base_weights", {0.0, -2.0, 2.0}},
                     {"categories", json::array()},
                     {"categories_nodes", json::array()},
                     {"categories_segments", json::array()},
                     {"categories_sizes", json::array()},
                     {"default_left", {1, 0, 0}},
                     {"id", 0},
                     {"left_children", {1, -1, -1}},
                     {"right_children", {2, -1, -1}},
                     {"loss_changes", {1.0, 0.0, 0.0}},
                     {"parents", {2147483647, 0, 0}},
                     {"split_conditions", {100.0, -2.0, 2.0}},
                     {"split_indices", {0, 0, 0}},
                     {"split_type", {0, 0, 0}},
                     {"sum_hessian", {10.0, 5.0, 5.0}},
                     {"tree_param",
                      {{"num_deleted", "0"},
                       {"num_feature", std::to_string(features)},
                       {"num_nodes", "3"},
                       {"size_leaf_vector", "1"}}}};
  const json model = {
      {"learner",
       {{"attributes", json::object()},
        {"feature_names", json::array()},
        {"feature_types", json::array()},
        {"gradient_booster",
         {{"model",
           {{"gbtree_model_param", {{"num_parallel_tree", "1"}, {"num_trees", "1"}}},
            {"iteration_indptr", {0, 1}},
            {"tree_info", {0}},
            {"trees", json::array({tree})}}},
          {"name", "gbtree"}}},
        {"learner_model_param",
         {{"base_score", "[5E-1]"},
          {"boost_from_average", "1"},
          {"num_class", "0"},
          {"num_feature", std::to_string(features)},
          {"num_target", "1"}}},
        {"objective",
         {{"name", "binary:logistic"}, {"reg_loss_param", {{"scale_pos_weight", "1"}}}}}}},
      {"version", {3, 2, 0}}};
  std::string bytes;
  json::to_ubjson(model, bytes);
  return bytes;
}

/// Challenges from 100 roubles on.
inline Bundle stump_bundle() {
  const std::vector<float> margins = {-2, -2, -2, 2, 2};
  const std::vector<std::int8_t> labels = {0, 0, 0, 1, 0};
  FeatureSpec features = FeatureSpec::parse(
      "name = \"test\"\n"
      "input = [\n"
      "  { key = \"payment\", aggregate = \"amount\" },\n"
      "  { key = \"customer\", aggregate = \"count\", window = \"7d\" },\n"
      "  { key = \"terminal\", aggregate = \"risk\", window = \"7d\", delay = \"1d\" },\n"
      "]\n",
      "test");
  const std::string forest = stump_ubj(features.size());
  BundleManifest manifest;
  manifest.version = "v1";
  return Bundle{std::move(manifest),
                std::move(features),
                forest,
                Calibration::fit_platt(margins, labels),
                Policy{0.0F, 5.0F, 0.1}.to_toml(),
                "{}",
                ""};
}

}  // namespace weir
