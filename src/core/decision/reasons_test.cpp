#include "core/decision/reasons.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "core/model/contributions.h"

namespace weir {
namespace {

constexpr Seconds kDay = kSecondsPerDay;

std::string of(
    FeatureKey key, Aggregate aggregate, Seconds window, float value, Seconds delay = 0) {
  return feature_sentence({key, aggregate, window, delay}, value);
}

TEST(FeatureSentence, SpeaksOfThePaymentItself) {
  const auto payment = [](Aggregate aggregate, float value) {
    return of(FeatureKey::kPayment, aggregate, 0, value);
  };
  EXPECT_EQ(payment(Aggregate::kAmount, 245.1F), "the amount is 245.10 RUB");
  EXPECT_EQ(payment(Aggregate::kAmount, 0), "the amount is 0.00 RUB");
  EXPECT_EQ(payment(Aggregate::kIsWeekend, 1), "the payment was made on a weekend (UTC)");
  EXPECT_EQ(payment(Aggregate::kIsWeekend, 0), "the payment was made on a weekday (UTC)");
  EXPECT_EQ(payment(Aggregate::kIsNight, 1),
            "the payment was made at night, from 00:00 to 06:59 UTC");
  EXPECT_EQ(payment(Aggregate::kHour, 3), "the payment was made between 03:00 and 03:59 UTC");
}

TEST(FeatureSentence, SpeaksOfHistories) {
  using enum FeatureKey;
  using enum Aggregate;
  EXPECT_EQ(of(kTerminal, kKnownFraudCount, 7 * kDay, 14),
            "this terminal had 14 confirmed frauds in the last 7 days");
  EXPECT_EQ(of(kTerminal, kKnownFraudCount, kDay, 1),
            "this terminal had 1 confirmed fraud in the last day");
  EXPECT_EQ(of(kPair, kKnownFraudCount, 30 * kDay, 0),
            "this customer had no confirmed fraud at this terminal in the last 30 days");
  EXPECT_EQ(of(kTerminal, kRisk, 30 * kDay, 0.3125F, 7 * kDay),
            "31.2% of this terminal's payments with a known outcome in the 30 days up to 7 days "
            "before were fraud");
  EXPECT_EQ(of(kTerminal, kRisk, 30 * kDay, 0),
            "this terminal had no confirmed fraud in the last 30 days");
  EXPECT_EQ(of(kCustomer, kCount, 36 * 3600, 1),
            "this customer made 1 payment in the last 36 hours, this one included");
  EXPECT_EQ(of(kTerminal, kCount, 7 * kDay, 120, 1 * kDay),
            "this terminal took 120 payments in the 7 days up to 1 day before");
  EXPECT_EQ(of(kPair, kSum, 7 * kDay, 99.5F),
            "this customer made payments of 99.50 RUB in all at this terminal in the last 7 days");
  EXPECT_EQ(of(kCustomer, kMean, 7 * kDay, 57.25F),
            "this customer's mean payment in the last 7 days was 57.25 RUB");
  EXPECT_EQ(of(kCustomer, kMean, 7 * kDay, 0, 7 * kDay),
            "this customer had no payment above 0.00 RUB in the 7 days up to 7 days before");
  EXPECT_EQ(of(kCustomer, kMax, 7 * kDay, 80),
            "this customer's largest payment in the last 7 days was 80.00 RUB");
  EXPECT_EQ(of(kCustomer, kStd, 7 * kDay, 8),
            "this customer's payments in the last 7 days differ from their mean by 8.00 RUB "
            "(standard deviation)");
  EXPECT_EQ(of(kCustomer, kAmountToMean, 7 * kDay, 4.5F),
            "the amount is 4.50 times this customer's mean payment in the last 7 days");
  EXPECT_EQ(of(kPair, kAmountToMax, 7 * kDay, 12.25F),
            "the amount is 12.2 times this customer's largest payment at this terminal in the last "
            "7 days");
  EXPECT_EQ(of(kCustomer, kAmountToGenuineMean, 7 * kDay, 123.4F),
            "the amount is 123 times the mean of this customer's confirmed genuine payments in the "
            "last 7 days");
  EXPECT_EQ(of(kCustomer, kTimeSinceLast, kDay, 3 * 3600 + 59),
            "this customer's payment before this one was 3 hours ago");
  EXPECT_EQ(of(kCustomer, kTimeSinceLast, kDay, 0),
            "this customer's payment before this one was 0 seconds ago");
  EXPECT_EQ(of(kCustomer, kTimeSinceLast, kDay, static_cast<float>(kDay)),
            "this customer had no other payment in the last day");
  EXPECT_EQ(of(kTerminal, kKnownGenuineCount, kDay, 2),
            "this terminal had 2 confirmed genuine payments in the last day");
  EXPECT_EQ(of(kTerminal, kTimeSinceFirstKnownFraud, 35 * kDay, 3 * kDay + 4 * 3600 + 5),
            "this terminal's first confirmed fraud in the last 35 days was 3 days 4 hours ago");
  EXPECT_EQ(of(kTerminal, kTimeSinceLastKnownFraud, 35 * kDay, 61),
            "this terminal's latest confirmed fraud was 1 minute 1 second ago");
  EXPECT_EQ(of(kTerminal, kTimeSinceLastKnownFraud, 35 * kDay, 35 * kDay),
            "this terminal had no confirmed fraud in the last 35 days");
  EXPECT_EQ(of(kTerminal, kKnownGenuineSinceLastKnownFraud, 35 * kDay, 7),
            "this terminal had 7 confirmed genuine payments after any confirmed fraud in the last "
            "35 days");
}

TEST(FeatureSentence, IsThereForEveryWordAndKeyAndOddValue) {
  const float odd[] = {0,
                       1,
                       -1,
                       1e9F,
                       1e30F,
                       std::numeric_limits<float>::infinity(),
                       std::numeric_limits<float>::quiet_NaN()};
  std::set<std::string> codes;
  for (const AggregateWord& word : aggregate_words()) {
    for (const FeatureKey key :
         {FeatureKey::kPayment, FeatureKey::kCustomer, FeatureKey::kTerminal, FeatureKey::kPair}) {
      if (word.of_payment != (key == FeatureKey::kPayment)) continue;
      const FeatureInput input{key, word.aggregate, word.of_payment ? 0 : 90, 0};
      codes.insert(reason_code(input));
      for (const float value : odd) EXPECT_FALSE(feature_sentence(input, value).empty());
    }
  }
  EXPECT_EQ(codes.size(), 4U + 3 * (aggregate_words().size() - 4));
  EXPECT_EQ(of(FeatureKey::kPayment, Aggregate::kAmount, 0, NAN), "amount is not known");
}

const char* kSpec = R"(
name = "mine"
input = [
  { key = "payment", aggregate = "amount" },
  { key = "terminal", aggregate = "known_fraud_count", window = ["7d", "30d"] },
  { key = "customer", aggregate = "count", window = ["1d", "7d"] },
])";

TEST(Reasons, AddTheWindowsOfOneAggregateAndSpeakOfTheStrongest) {
  const FeatureSpec spec = FeatureSpec::parse(kSpec, "test");
  const std::vector<float> row = {20, 14, 15, 2, 9};
  const std::vector<double> weights = {-0.5, 2, 1, 0.25, -0.125, /*bias*/ -3};
  const std::vector<Reason> reasons = all_reasons(spec, row, weights);
  ASSERT_EQ(reasons.size(), 3U);
  EXPECT_EQ(reasons[0], (Reason{"terminal_known_fraud_count",
                                "this terminal had 14 confirmed frauds in the last 7 days", 2 + 1,
                                "terminal_known_fraud_count_7d", 14}));
  EXPECT_EQ(reasons[1], (Reason{"customer_count",
                                "this customer made 2 payments in the last day, this one included",
                                0.25 - 0.125, "customer_count_1d", 2}));
  EXPECT_EQ(reasons[2], (Reason{"amount", "the amount is 20.00 RUB", -0.5, "amount", 20}));
}

TEST(Reasons, LeaveOutWhatWeighsNothing) {
  const FeatureSpec spec = FeatureSpec::parse(kSpec, "test");
  const std::vector<double> weights = {0, 1, -1, 0, -2};
  const std::vector<Reason> reasons = all_reasons(spec, std::vector<float>(5, 1), weights);
  ASSERT_EQ(reasons.size(), 1U);
  EXPECT_EQ(reasons[0].input, "customer_count_7d");
}

/// A stump on input 1 of 5: cover 3 left of 4, leaves -1/4 and 3/4, mean 0.
Forest stump() {
  return Forest::parse_json(
      R"({"learner":{"gradient_booster":{"model":{"gbtree_model_param":{"num_trees":"1"},"trees":[{)"
      R"("default_left":[0,0,0],"left_children":[1,-1,-1],"loss_changes":[7,0,0],)"
      R"("right_children":[2,-1,-1],"split_conditions":[0.5,-0.25,0.75],"split_indices":[1,0,0],)"
      R"("split_type":[0,0,0],"sum_hessian":[4,3,1],"tree_param":{"num_nodes":"3",)"
      R"("size_leaf_vector":"1"}}]},"name":"gbtree"},"learner_model_param":{"base_score":"0.5",)"
      R"("num_class":"0","num_feature":"5"},"objective":{"name":"binary:logistic"}}})",
      "stump");
}

TEST(Reasons, TheTopOnesSpeakForFraudOnly) {
  const FeatureSpec spec = FeatureSpec::parse(kSpec, "test");
  const std::vector<float> suspicious = {20, 3, 3, 1, 1};
  const std::vector<Reason> reasons = top_reasons(TreeShap(stump()), spec, suspicious);
  ASSERT_EQ(reasons.size(), 1U);
  EXPECT_EQ(reasons[0].sentence, "this terminal had 3 confirmed frauds in the last 7 days");
  EXPECT_DOUBLE_EQ(reasons[0].weight, 0.75);
  EXPECT_TRUE(top_reasons(TreeShap(stump()), spec, suspicious, 0).empty());
  EXPECT_TRUE(top_reasons(TreeShap(stump()), spec, std::vector<float>(5, 0)).empty());
}

}  // namespace
}  // namespace weir
