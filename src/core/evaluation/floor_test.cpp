#include "core/evaluation/floor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/evaluation/ranking.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr Seconds kDay = kSecondsPerDay;

PaymentColumns frauds_of_terminal(std::int64_t terminal, std::initializer_list<Seconds> times) {
  PaymentColumns payments;
  for (const Seconds time : times) {
    payments.push_back({static_cast<std::int64_t>(payments.size()), time, 1, terminal, 100},
                       {1, 2});
  }
  return payments;
}

TEST(Floor, AFraudIsBlindUntilALabelOfItsEpisodeIsKnown) {
  const PaymentColumns payments =
      frauds_of_terminal(7, {0, kDay, 7 * kDay - 1, 7 * kDay, 9 * kDay});
  const TruthWindow window{2, 7, 0, 28 * kDay};
  const Floor floor = compute_floor(payments.view(), 0, std::vector{window}, 7 * kDay);
  EXPECT_EQ(floor.is_blind, (std::vector<bool>{true, true, true, false, false}));
  EXPECT_DOUBLE_EQ(floor.share(), 3.0 / 5);
  EXPECT_DOUBLE_EQ(floor.false_negative_rate_at(0.05), 3.0 / 5 * 0.95);
}

TEST(Floor, AnEarlierEpisodeIsNoEvidenceButAnOverlappingOneIs) {
  const PaymentColumns payments = frauds_of_terminal(7, {0, 20 * kDay, 40 * kDay, 60 * kDay});
  const std::vector<TruthWindow> apart = {{2, 7, 0, 10 * kDay}, {2, 7, 15 * kDay, 70 * kDay}};
  EXPECT_EQ(compute_floor(payments.view(), 0, apart, 7 * kDay).is_blind,
            (std::vector<bool>{true, true, false, false}));
  const std::vector<TruthWindow> overlapping = {{2, 7, 15 * kDay, 70 * kDay}, {2, 7, 0, 16 * kDay}};
  EXPECT_EQ(compute_floor(payments.view(), 0, overlapping, 7 * kDay).is_blind,
            (std::vector<bool>{true, false, false, false}));
}

TEST(Floor, HistoryBeforeTheEvaluatedRowsIsEvidence) {
  const PaymentColumns payments = frauds_of_terminal(7, {0, 8 * kDay});
  const Floor floor =
      compute_floor(payments.view(), 1, std::vector{TruthWindow{2, 7, 0, 28 * kDay}}, 7 * kDay);
  EXPECT_EQ(floor.frauds, 1u);
  EXPECT_EQ(floor.blind, 0u);
}

TEST(Floor, OtherScenariosShowInThePaymentItself) {
  PaymentColumns payments;
  payments.push_back({1, 0, 1, 7, 300'00}, {1, 1});
  payments.push_back({2, 5, 1, 7, 500'00}, {1, 3});
  EXPECT_EQ(compute_floor(payments.view(), 0, {}, 7 * kDay).blind, 0u);
}

TEST(Floor, WindowsAreGuessedFromLabels) {
  const PaymentColumns payments = frauds_of_terminal(7, {0, 3 * kDay, 20 * kDay, 21 * kDay});
  const std::vector<TruthWindow> expected = {{2, 7, 0, 3 * kDay + 1},
                                             {2, 7, 20 * kDay, 21 * kDay + 1}};
  EXPECT_EQ(windows_from_labels(payments.view()), expected);
}

TEST(Floor, CeilingIsWhatItsRankingReaches) {
  PaymentColumns payments;
  Floor floor;
  for (std::int64_t id = 0; id < 40'000; ++id) {
    const std::uint64_t bits = hash64(5, static_cast<std::uint64_t>(id));
    const bool fraud = bits % 20 == 0;
    payments.push_back({id, id, 1, 1, 100},
                       {static_cast<std::int8_t>(fraud), static_cast<std::int8_t>(fraud ? 2 : 0)});
    const bool blind = fraud && bits / 32 % 4 == 0;
    floor.is_blind.push_back(blind);
    floor.frauds += fraud;
    floor.blind += blind;
  }
  const Ceiling ceiling = compute_ceiling(floor, 0.05);
  const Ranking ranking(perfect_scores(floor, payments.view()), payments.is_fraud);
  EXPECT_NEAR(ranking.average_precision(), ceiling.average_precision, 0.003);
  EXPECT_NEAR(ranking.roc_auc(), ceiling.roc_auc, 0.01);
}

TEST(Floor, BoundsAreWideForOneEpisodeAndCloseInWithMany) {
  PaymentColumns payments;
  Floor floor;
  for (std::int64_t id = 0; id < 20'000; ++id) {
    const bool fraud = id % 20 == 0;
    payments.push_back({id, id, 1, 1, 100},
                       {static_cast<std::int8_t>(fraud), static_cast<std::int8_t>(fraud ? 2 : 0)});
    floor.is_blind.push_back(id % 80 == 0);
    floor.frauds += fraud;
    floor.blind += id % 80 == 0;
  }
  floor.blind_by_episode = {floor.blind};
  const Ceiling one = compute_ceiling(floor, 0.05);
  // A quarter of the frauds is blind: AUC (3 + u) / 4 with u uniform.
  EXPECT_NEAR(one.roc_auc_bound, (3 + 0.99) / 4, 0.003);
  EXPECT_EQ(one.false_negative_rate_bound, 0.0) << "one ranking in twenty has it in the first 5 %";
  floor.blind_by_episode.assign(floor.blind, 1);
  const Ceiling many = compute_ceiling(floor, 0.05);
  EXPECT_LT(many.roc_auc_bound, many.roc_auc + 0.015);
  EXPECT_LT(many.average_precision_bound, many.average_precision + 0.015);
  EXPECT_GT(many.false_negative_rate_bound, floor.false_negative_rate_at(0.05) - 0.015);
}

TEST(Floor, ReadsTheTruthFile) {
  const auto windows = parse_truth(
      "scenario,key,from,until\n2,17,2019-08-22 05:00:00,2019-09-19 05:00:00\n", "w.csv");
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_EQ(windows[0],
            (TruthWindow{2, 17, 1'566'432'000 + 5 * 3600, 1'566'432'000 + 28 * kDay + 5 * 3600}));
  EXPECT_THAT([] { parse_truth("", "w.csv"); },
              ThrowsMessage<Error>(HasSubstr("\"w.csv\" is empty")));
  EXPECT_THAT([] { parse_truth("a,b\n", "w.csv"); },
              ThrowsMessage<Error>(HasSubstr("line 1 is \"a,b\"")));
  for (const char* line : {"2,17,now,later", "2,17,2019-08-22 05:00:00",
                           "x,17,2019-08-22 05:00:00,2019-08-23 05:00:00",
                           "2,17,2019-08-23 05:00:00,2019-08-22 05:00:00"}) {
    EXPECT_THAT([&] { parse_truth(std::string("scenario,key,from,until\n") + line, "w.csv"); },
                ThrowsMessage<Error>(HasSubstr("line 2 is")))
        << line;
  }
}

}  // namespace
}  // namespace weir
