#include "core/evaluation/card_precision.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir {
namespace {

TEST(CardPrecision, FoundCardsAreLeftOutOnLaterDays) {
  PaymentColumns payments;
  std::vector<float> scores;
  const auto add = [&](Seconds time, std::int64_t customer, float score, bool fraud) {
    const auto id = static_cast<std::int64_t>(scores.size());
    payments.push_back({id, time, customer, 1, 100}, {static_cast<std::int8_t>(fraud), 0});
    scores.push_back(score);
  };
  // Day 0, k = 2: cards 1 (its second payment is the fraud) and 2 are looked at, 1 is compromised.
  add(10, 1, 0.9F, false);
  add(20, 1, 0.1F, true);
  add(30, 2, 0.8F, false);
  add(40, 3, 0.7F, true);
  // Day 1: card 1 is gone, so 2 and 3 are looked at.
  add(kSecondsPerDay + 10, 1, 0.9F, true);
  add(kSecondsPerDay + 20, 2, 0.8F, false);
  add(kSecondsPerDay + 30, 3, 0.7F, true);
  EXPECT_DOUBLE_EQ(card_precision(scores, payments.view(), 2), (1.0 / 2 + 1.0 / 2) / 2);
  // All three are looked at on day 0; only card 2 is left on day 1, out of three places.
  EXPECT_DOUBLE_EQ(card_precision(scores, payments.view(), 3), (2.0 / 3 + 0.0 / 3) / 2);
}

TEST(CardPrecision, TiesGoToTheSmallerCustomer) {
  PaymentColumns payments;
  payments.push_back({1, 0, 9, 1, 100}, {1, 1});
  payments.push_back({2, 0, 4, 1, 100}, {0, 0});
  const std::vector<float> scores = {1, 1};
  EXPECT_DOUBLE_EQ(card_precision(scores, payments.view(), 1), 0.0);
}

}  // namespace
}  // namespace weir
