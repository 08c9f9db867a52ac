#include "core/evaluation/ranking.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr std::uint64_t kSeed = 17;

struct Sample {
  std::vector<float> scores;
  std::vector<std::int8_t> labels;
  std::vector<std::uint8_t> weights;
};

/// Few distinct scores, so that ties are common.
Sample random_sample(std::uint64_t number, std::size_t size) {
  Sample sample;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint64_t bits = hash64(kSeed, number, i);
    sample.scores.push_back(static_cast<float>(bits % 40) / 8 - 2);
    sample.labels.push_back(bits / 64 % 100 < 20 + bits % 40 ? 1 : 0);
    sample.weights.push_back(static_cast<std::uint8_t>(bits / 8192 % 4));
  }
  return sample;
}

/// The definition, threshold by threshold, with each payment `weight` times.
double naive_average_precision(const Sample& sample, const std::vector<std::uint8_t>& weights) {
  const std::set<float, std::greater<>> thresholds(sample.scores.begin(), sample.scores.end());
  double all = 0;
  for (std::size_t i = 0; i < sample.scores.size(); ++i) all += sample.labels[i] * weights[i];
  double sum = 0;
  double recall_before = 0;
  for (const float threshold : thresholds) {
    double found = 0;
    double flagged = 0;
    for (std::size_t i = 0; i < sample.scores.size(); ++i) {
      if (sample.scores[i] < threshold) continue;
      flagged += weights[i];
      found += sample.labels[i] * weights[i];
    }
    if (flagged == 0) continue;
    sum += (found / all - recall_before) * (found / flagged);
    recall_before = found / all;
  }
  return sum;
}

/// All pairs.
double naive_roc_auc(const Sample& sample, const std::vector<std::uint8_t>& weights) {
  double above = 0;
  double pairs = 0;
  for (std::size_t i = 0; i < sample.scores.size(); ++i) {
    for (std::size_t j = 0; j < sample.scores.size(); ++j) {
      if (sample.labels[i] != 1 || sample.labels[j] != 0) continue;
      const double weight = weights[i] * weights[j];
      pairs += weight;
      above += weight * (sample.scores[i] > sample.scores[j]    ? 1.0
                         : sample.scores[i] == sample.scores[j] ? 0.5
                                                                : 0.0);
    }
  }
  return above / pairs;
}

TEST(Ranking, AgreesWithItsDefinitions) {
  for (std::uint64_t number = 0; number < 30; ++number) {
    const Sample sample = random_sample(number, 150);
    const Ranking ranking(sample.scores, sample.labels);
    const std::vector<std::uint8_t> ones(sample.scores.size(), 1);
    EXPECT_NEAR(ranking.average_precision(), naive_average_precision(sample, ones), 1e-12);
    EXPECT_NEAR(ranking.average_precision(sample.weights),
                naive_average_precision(sample, sample.weights), 1e-12);
    EXPECT_NEAR(ranking.roc_auc(), naive_roc_auc(sample, ones), 1e-12);
    EXPECT_NEAR(ranking.roc_auc(sample.weights), naive_roc_auc(sample, sample.weights), 1e-12);
  }
}

TEST(Ranking, SmallCasesByHand) {
  // scikit-learn's own example: thresholds .8 .4 .35 .1, precisions 1, 1/2, 2/3.
  const std::vector<float> scores = {0.1F, 0.4F, 0.35F, 0.8F};
  const std::vector<std::int8_t> labels = {0, 0, 1, 1};
  const Ranking ranking(scores, labels);
  EXPECT_DOUBLE_EQ(ranking.average_precision(), 0.5 * 1 + 0.5 * 2 / 3);
  EXPECT_DOUBLE_EQ(ranking.roc_auc(), 3.0 / 4);
}

TEST(Ranking, InfluenceIsTheDerivativeByThePaymentsWeight) {
  const Sample sample = random_sample(3, 300);
  const Ranking ranking(sample.scores, sample.labels);
  const std::vector<float> influence = ranking.average_precision_influence();
  // Every payment 100 times and one of them 101 times: a weight more by one hundredth.
  constexpr double kStep = 0.01;
  std::vector<std::uint8_t> weights(sample.scores.size(), 100);
  const double before = ranking.average_precision(weights);
  double sum = 0;
  for (std::size_t row = 0; row < weights.size(); ++row) {
    weights[row] = 101;
    const double slope = (ranking.average_precision(weights) - before) / kStep;
    weights[row] = 100;
    EXPECT_NEAR(influence[row], slope, 2e-4) << "row " << row;
    sum += static_cast<double>(influence[row]);
  }
  EXPECT_NEAR(sum, 0, 1e-6);
}

TEST(Ranking, ZeroOfEitherSignIsOneScore) {
  const std::vector<float> scores = {-0.0F, 0.0F, -0.0F, -1};
  const std::vector<std::int8_t> labels = {0, 1, 0, 0};
  EXPECT_DOUBLE_EQ(Ranking(scores, labels).average_precision(), 1.0 / 3);
}

TEST(Ranking, WithoutFraudThereIsNoMeasure) {
  const std::vector<float> scores = {1, 2};
  const std::vector<std::int8_t> labels = {0, 0};
  EXPECT_TRUE(std::isnan(Ranking(scores, labels).average_precision()));
  EXPECT_TRUE(std::isnan(Ranking(scores, labels).roc_auc()));
}

TEST(Ranking, ThresholdTakesWholeGroupsWithinTheBudget) {
  const std::vector<float> scores = {9, 8, 8, 7, 6, 6, 5};
  const std::vector<std::int8_t> labels = {1, 0, 1, 0, 0, 0, 0};  // 5 genuine
  const Ranking ranking(scores, labels);
  EXPECT_EQ(ranking.threshold_at_false_positive_rate(0.0), 9);
  EXPECT_EQ(ranking.threshold_at_false_positive_rate(1.0 / 5), 8);
  EXPECT_EQ(ranking.threshold_at_false_positive_rate(3.9 / 5), 7);
  EXPECT_EQ(ranking.threshold_at_false_positive_rate(1.0), 5);
}

TEST(Ranking, ThresholdStaysFiniteWhenTheFirstGroupIsTooMuch) {
  const std::vector<float> scores = {9, 9, 8};
  const std::vector<std::int8_t> labels = {1, 0, 0};
  const float threshold = Ranking(scores, labels).threshold_at_false_positive_rate(0.1);
  EXPECT_GT(threshold, 9);
  EXPECT_TRUE(std::isfinite(threshold));
}

TEST(Ranking, CurveEndsWithEverythingFlagged) {
  const Sample sample = random_sample(99, 5000);
  const Ranking ranking(sample.scores, sample.labels);
  const auto curve = ranking.curve(20);
  EXPECT_LE(curve.size(), 40u);
  EXPECT_EQ(curve.back().true_positives, ranking.frauds());
  EXPECT_EQ(curve.back().true_positives + curve.back().false_positives, sample.scores.size());
}

}  // namespace
}  // namespace weir
