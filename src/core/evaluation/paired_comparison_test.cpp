#include "core/evaluation/paired_comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/evaluation/ranking.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr int kDays = 30;
constexpr int kCustomers = 1500;
constexpr int kTerminals = 300;

/// Numbers of one simulated month.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : seed_(seed) {}
  double unit() { return unit_interval(hash64(seed_, ++count_)); }
  std::int64_t below(int limit) { return static_cast<std::int64_t>(unit() * limit); }
  double normal() { return std::sqrt(-2 * std::log(1 - unit())) * std::cos(2 * M_PI * unit()); }

 private:
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
};

struct Settings {
  double gain = 0;           ///< The challenger lets so much less damage through.
  double own_chance = 1;     ///< Share of incidents in which the sides do not share their luck.
  double extra_touched = 0;  ///< Share of genuine payments that only the challenger touches.
  double worse_scores = 0;   ///< Noise in the challenger's scores beyond the champion's.
};

/// A month of fraud as the course has it: compromised terminals that each side blocks after a run
/// of frauds, and taken-over cards of which each side misses some. Every incident hits many
/// payments at once.
struct Month {
  PairedClusters clusters;
  double champion_average_precision = 0;
  double challenger_average_precision = 0;
};

Month simulate(std::uint64_t seed, const Settings& settings) {
  Draws draws(seed);
  std::vector<ComparedPayment> payments;
  const double keeps = 1 - settings.gain;
  const int starts = 40 + static_cast<int>(draws.below(28));
  for (int start = 0; start < starts; ++start) {
    const std::int64_t terminal = draws.below(kTerminals);
    const Seconds time = draws.below(kDays * static_cast<int>(kSecondsPerDay));
    const double luck = draws.unit();
    const double other_luck = draws.unit();
    const bool own = draws.unit() < settings.own_chance;
    const double champion_misses = 50 * luck;
    const double challenger_misses = keeps * 50 * (own ? other_luck : luck);
    for (int fraud = 0; fraud < 70; ++fraud) {
      ComparedPayment payment{time + 60 * fraud, draws.below(kCustomers), terminal,
                              10'00 + draws.below(90'00), true};
      payment.champion_executed = fraud + 1 <= champion_misses;
      payment.challenger_executed = fraud + 1 <= challenger_misses;
      payments.push_back(payment);
    }
  }
  for (int card = 0; card < 120; ++card) {
    const std::int64_t customer = draws.below(kCustomers);
    const double caution = draws.unit();
    const double other_caution = draws.unit() < settings.own_chance ? draws.unit() : caution;
    for (int fraud = 0; fraud < 6; ++fraud) {
      ComparedPayment payment{draws.below(kDays * static_cast<int>(kSecondsPerDay)), customer,
                              draws.below(kTerminals), 100'00 + draws.below(300'00), true};
      payment.champion_executed = caution < 0.12;
      payment.challenger_executed = other_caution < keeps * 0.12;
      payments.push_back(payment);
    }
  }
  for (int genuine = 0; genuine < 12'000; ++genuine) {
    ComparedPayment payment{draws.below(kDays * static_cast<int>(kSecondsPerDay)),
                            draws.below(kCustomers), draws.below(kTerminals), 50'00, false};
    const double doubt = draws.unit();
    const double other_doubt = draws.unit() < 0.02 ? draws.unit() : doubt;
    payment.champion_touched = doubt < 0.03;
    payment.challenger_touched = other_doubt < 0.03 + settings.extra_touched;
    payments.push_back(payment);
  }
  std::vector<float> champion;
  std::vector<float> challenger;
  std::vector<std::int8_t> is_fraud;
  for (ComparedPayment& payment : payments) {
    if (payment.is_fraud) {
      payment.champion_touched = !payment.champion_executed;
      payment.challenger_touched = !payment.challenger_executed;
    }
    const double score = draws.normal() + (payment.is_fraud ? 5 : 0);
    champion.push_back(static_cast<float>(score));
    challenger.push_back(static_cast<float>(score + settings.worse_scores * draws.normal()));
    is_fraud.push_back(payment.is_fraud ? 1 : 0);
  }
  Month month;
  const Ranking champion_ranking(champion, is_fraud);
  const Ranking challenger_ranking(challenger, is_fraud);
  const auto champion_influence = champion_ranking.average_precision_influence();
  const auto challenger_influence = challenger_ranking.average_precision_influence();
  for (std::size_t row = 0; row < payments.size(); ++row) {
    payments[row].ranking_influence = static_cast<double>(challenger_influence[row]) -
                                      static_cast<double>(champion_influence[row]);
    month.clusters.add(payments[row]);
  }
  month.champion_average_precision = champion_ranking.average_precision();
  month.challenger_average_precision = challenger_ranking.average_precision();
  return month;
}

Comparison compare(const Month& month, const ComparisonOptions& options = {}) {
  return compare_paired(month.clusters, month.champion_average_precision,
                        month.challenger_average_precision, kDays, options);
}

struct Tally {
  int promoted = 0;
  int kept = 0;
  int significant = 0;              ///< The decisive interval of damage is below 0.
  int significant_by_customer = 0;  ///< Had customers alone been drawn.
  int covered = 0;                  ///< The decisive interval holds the true difference.
};

Tally tally(int months, const Settings& settings, double true_difference = 0) {
  Tally result;
  ComparisonOptions options;
  options.samples = 400;
  for (int month = 0; month < months; ++month) {
    const Comparison comparison =
        compare(simulate(hash64(99, static_cast<std::uint64_t>(month)), settings), options);
    result.promoted += comparison.verdict == Verdict::kPromote;
    result.kept += comparison.verdict == Verdict::kKeep;
    const MeasureComparison& damage = comparison.measure(ComparedMeasure::kDamage);
    result.significant_by_customer += damage.intervals[0].interval.high < 0;
    const Interval& interval = damage.decisive().interval;
    result.significant += interval.high < 0;
    result.covered += interval.low <= true_difference && true_difference <= interval.high;
  }
  return result;
}

TEST(PairedComparison, PromotesAnEqualInAtMostFiveOfAHundredMonths) {
  constexpr int kMonths = 400;
  const Tally same = tally(kMonths, {});
  RecordProperty("promoted_of_400", same.promoted);
  RecordProperty("significant_of_400", same.significant);
  RecordProperty("covered_of_400", same.covered);
  RecordProperty("significant_by_customer_of_400", same.significant_by_customer);
  EXPECT_LE(same.promoted, kMonths * 5 / 100);
  EXPECT_GE(same.covered, kMonths * 90 / 100);
  // Why terminals matter: their frauds are of many customers, who look independent and are not.
  EXPECT_GE(same.significant_by_customer, kMonths * 10 / 100);
}

TEST(PairedComparison, FindsATenthLessDamageInAtLeastEightyOfAHundredMonths) {
  constexpr int kMonths = 200;
  Settings better;
  better.gain = 0.10;
  better.own_chance = 0.05;
  const Tally found = tally(kMonths, better);
  RecordProperty("promoted_of_200", found.promoted);
  EXPECT_GE(found.promoted, kMonths * 80 / 100);
}

TEST(PairedComparison, NeverPromotesWhatIsATenthWorse) {
  Settings worse;
  worse.gain = -0.10;
  worse.own_chance = 0.05;
  const Tally found = tally(50, worse);
  EXPECT_EQ(found.promoted, 0);
  EXPECT_GE(found.kept, 40);
}

TEST(PairedComparison, AGuardHoldsBackWhatSavesDamage) {
  Settings settings;
  settings.gain = 0.5;
  settings.own_chance = 0;
  EXPECT_EQ(compare(simulate(1, settings)).verdict, Verdict::kPromote);
  settings.extra_touched = 0.03;
  Comparison comparison = compare(simulate(1, settings));
  EXPECT_EQ(comparison.verdict, Verdict::kKeep);
  EXPECT_EQ(comparison.reason, "the challenger's FPR is worse by more than the margin");
  settings.extra_touched = 0.0025;
  comparison = compare(simulate(1, settings));
  EXPECT_EQ(comparison.verdict, Verdict::kInconclusive);
  EXPECT_GT(comparison.days_needed, kDays);
  settings.extra_touched = 0;
  settings.worse_scores = 3;
  comparison = compare(simulate(1, settings));
  EXPECT_EQ(comparison.verdict, Verdict::kKeep);
  EXPECT_EQ(comparison.reason,
            "the challenger's average precision is worse by more than the margin");
}

TEST(PairedComparison, TheDaysNeededAreEnough) {
  // Months of the same kind joined until the comparison says how many days it takes.
  const Comparison month = compare(simulate(3, {}));
  ASSERT_EQ(month.verdict, Verdict::kInconclusive);
  EXPECT_GT(month.days_needed, kDays);
  const Interval& interval = month.measure(ComparedMeasure::kDamage).decisive().interval;
  const double relevant = 0.1 * month.measure(ComparedMeasure::kDamage).champion;
  EXPECT_DOUBLE_EQ(month.days_needed,
                   kDays * std::pow((interval.high - interval.low) / relevant, 2));
}

TEST(PairedComparison, IdenticalDecisionsKeepTheChampion) {
  Settings settings;
  settings.own_chance = 0;
  const Month month = simulate(4, settings);
  PairedClusters same;
  for (int i = 0; i < 1000; ++i) {
    same.add({i * 3600, i % 50, i % 7, 10'00, i % 9 == 0, i % 3 == 0, i % 2 == 0, i % 3 == 0,
              i % 2 == 0});
  }
  const Comparison comparison = compare_paired(same, 0.9, 0.9, 42, {});
  EXPECT_EQ(comparison.verdict, Verdict::kKeep);
  EXPECT_EQ(comparison.reason, "both sides decided every payment alike");
  EXPECT_EQ(comparison.days_needed, 0);
}

TEST(PairedComparison, SumsAreByTheDefinitions) {
  PairedClusters clusters;
  const Seconds day = kSecondsPerDay;
  clusters.add({0, 1, 1, 10'00, true, false, true, true, false});        // Challenger stops it.
  clusters.add({day, 1, 2, 3'00, true, true, false, false, true});       // Challenger misses it.
  clusters.add({day, 2, 2, 5'00, false, false, true, true, false});      // Challenger loses it.
  clusters.add({2 * day, 2, -5, 5'00, false, true, true, false, true});  // Champion asks.
  EXPECT_EQ(clusters.payments(), 4u);
  EXPECT_EQ(clusters.frauds(), 2u);
  EXPECT_EQ(clusters.differing(), 4u);
  ASSERT_EQ(clusters.customers().size(), 2u);
  ASSERT_EQ(clusters.terminals().size(), 3u);
  ASSERT_EQ(clusters.days().size(), 3u);
  EXPECT_EQ(clusters.customers()[0].damage_minor, -7'00);
  EXPECT_EQ(clusters.terminals()[1].damage_minor, 3'00);
  EXPECT_EQ(clusters.terminals()[1].touched, 1);
  EXPECT_EQ(clusters.terminals()[1].lost, 1);
  EXPECT_EQ(clusters.terminals()[2].id, -5);
  EXPECT_EQ(clusters.terminals()[2].touched, -1);
  const Comparison comparison = compare_paired(clusters, 0.5, 0.6, 3, {});
  const MeasureComparison& damage = comparison.measure(ComparedMeasure::kDamage);
  EXPECT_DOUBLE_EQ(damage.champion, 10.0 * 30 / 3);
  EXPECT_DOUBLE_EQ(damage.challenger, 3.0 * 30 / 3);
  EXPECT_DOUBLE_EQ(comparison.measure(ComparedMeasure::kGenuineLost).challenger, 1.0 / 2);
  EXPECT_DOUBLE_EQ(comparison.measure(ComparedMeasure::kFalsePositiveRate).difference(), 0);
  EXPECT_DOUBLE_EQ(comparison.measure(ComparedMeasure::kAveragePrecision).difference(), 0.6 - 0.5);
}

TEST(PairedComparison, OneTerminalTellsNothing) {
  PairedClusters clusters;
  for (int i = 0; i < 3000; ++i) {
    clusters.add({i * 700, i % 500, 7, 10'00, i % 3 == 0, false, true, i % 3 == 0, i % 3 != 0});
  }
  const Comparison comparison = compare_paired(clusters, 0.9, 0.9, 24, {});
  EXPECT_EQ(comparison.verdict, Verdict::kInconclusive);
  EXPECT_TRUE(std::isinf(comparison.days_needed));
}

TEST(PairedComparison, WithoutFraudThereIsNothingToCompare) {
  PairedClusters clusters;
  clusters.add({0, 1, 1, 10'00, false});
  try {
    compare_paired(clusters, 0, 0, 1, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "nothing to compare: 0 frauds and 1 genuine payments in the period; choose a "
                 "period that holds both");
  }
}

}  // namespace
}  // namespace weir
