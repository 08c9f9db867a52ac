#include "core/model/contributions.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/model/scorer.h"
#include "core/model/test_booster.h"

namespace weir {
namespace {

void expect_equal_to_xgboost(const TestRows& data,
                             const TestBooster::Parameters& parameters,
                             int rounds) {
  const TestBooster booster = TestBooster::train(data, parameters, rounds);
  const Forest forest = Forest::parse(booster.save("ubj"), "m.ubj");
  const std::vector<float> expected = booster.contributions(data);
  const Scorer scorer(forest, ScorerKind::kNaive);
  const TreeShap shap(forest);
  std::vector<double> got(data.features + 1);
  ASSERT_EQ(expected.size(), data.size() * got.size());
  for (std::size_t r = 0; r < data.size(); ++r) {
    shap.contributions({data.row(r), data.features}, got);
    for (std::size_t f = 0; f <= data.features; ++f) {
      ASSERT_NEAR(got[f], static_cast<double>(expected[r * got.size() + f]), 1e-5)
          << "row " << r << " feature " << f;
    }
    ASSERT_NEAR(std::accumulate(got.begin(), got.end(), 0.0),
                static_cast<double>(scorer.margin(data.row(r))), 1e-5);
  }
}

TEST(Contributions, EqualXgboosts) {
  expect_equal_to_xgboost(test_rows(800, 12, 0.15, 1), {{"max_depth", "6"}}, 30);
  expect_equal_to_xgboost(test_rows(300, 3, 0.0, 2),
                          {{"max_depth", "9"}, {"min_child_weight", "0"}}, 20);
  expect_equal_to_xgboost(test_rows(300, 40, 0.5, 3), {{"max_depth", "2"}}, 20);
  // Past the points of the first block.
  expect_equal_to_xgboost(test_rows(2000, 14, 0.1, 5),
                          {{"max_depth", "14"}, {"min_child_weight", "0"}, {"lambda", "0"}}, 5);
}

TEST(Contributions, OfAForestWithoutSplitsAreItsMargin) {
  expect_equal_to_xgboost(test_rows(50, 4, 0.15, 4), {{"gamma", "1000000"}}, 3);
}

TEST(Contributions, OfAStumpAreItsFormula) {
  // cover 3 left of 4, leaves -1/4 and 3/4: the mean is (3 * -1/4 + 1 * 3/4) / 4 = 0.
  const Forest forest = Forest::parse_json(
      R"({"learner":{"gradient_booster":{"model":{"gbtree_model_param":{"num_trees":"1"},"trees":[{)"
      R"("default_left":[0,0,0],"left_children":[1,-1,-1],"loss_changes":[7,0,0],)"
      R"("right_children":[2,-1,-1],"split_conditions":[0.5,-0.25,0.75],"split_indices":[1,0,0],)"
      R"("split_type":[0,0,0],"sum_hessian":[4,3,1],"tree_param":{"num_nodes":"3",)"
      R"("size_leaf_vector":"1"}}]},"name":"gbtree"},"learner_model_param":{"base_score":"0.5",)"
      R"("num_class":"0","num_feature":"2"},"objective":{"name":"binary:logistic"}}})",
      "stump");
  std::vector<double> got(3);
  TreeShap(forest).contributions(std::vector<float>{9.0F, 0.0F}, got);
  const auto expect = [&](double of_the_input) {
    EXPECT_EQ(got[0], 0);
    EXPECT_DOUBLE_EQ(got[1], of_the_input);
    EXPECT_EQ(got[2], 0);
  };
  expect(-0.25);
  TreeShap(forest).contributions(std::vector<float>{9.0F, 0.5F}, got);
  expect(0.75);
}

}  // namespace
}  // namespace weir
