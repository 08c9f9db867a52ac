#include "core/evaluation/online_trial.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <string>

#include "core/decision/arm.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

/// Live payments of which two models let frauds through.
struct World {
  int customers = 300;
  int days = 42;
  double share = 0.5;        ///< Of the customers, the challenger's.
  double stops = 0;          ///< Of the frauds, beyond the three in ten that the champion stops.
  double extra_touched = 0;  ///< Of the payments, genuine ones that only the challenger touches.
  bool frauds = true;
};

/// Fraud as the course has it: cards taken over for up to two weeks, with amounts several times the
/// usual, and days on which a terminal's incident hits many customers at once.
TrialResult run(std::uint64_t seed, const World& world, const TrialOptions& options = {}) {
  std::uint64_t count = 0;
  const auto unit = [&] { return unit_interval(hash64(seed, ++count)); };
  std::vector<int> taken_over(static_cast<std::size_t>(world.customers), 0);
  const std::string experiment = std::to_string(seed);
  OnlineTrial trial(options);
  for (int day = 0; day < world.days && !trial.decided(); ++day) {
    const double incident = unit() < 0.1 ? 0.05 : 0.0005;
    for (int customer = 0; customer < world.customers; ++customer) {
      int& left = taken_over[static_cast<std::size_t>(customer)];
      if (left > 0) --left;
      if (unit() < 0.004) left = 1 + static_cast<int>(unit() * 14);
      if (unit() < 0.3) continue;
      TrialPayment payment;
      payment.customer_id = customer;
      const bool other = in_challenger_arm(experiment, customer, world.share);
      payment.arm = other ? Arm::kChallenger : Arm::kChampion;
      const double amount = 5000 * std::exp(unit() + unit() + unit() - 1.5);
      const bool fraud = world.frauds && (left > 0 ? unit() < 0.5 : unit() < incident);
      const bool stopped = unit() < 0.3 + (other ? world.stops : 0);
      if (fraud && !stopped) {
        payment.damage_minor = static_cast<std::int64_t>(left > 0 ? 5 * amount : amount);
      }
      // Genuine payments: each model touches two in a hundred of its own choice.
      const bool champion_touches = unit() < 0.02;
      const bool challenger_touches = unit() < 0.02 + world.extra_touched;
      payment.touched = fraud ? stopped : other ? challenger_touches : champion_touches;
      payment.other_touches = fraud ? false : other ? champion_touches : challenger_touches;
      trial.add(payment);
    }
    trial.end_day();
  }
  return trial.result();
}

int promoted(const World& world, int runs, std::uint64_t first, const TrialOptions& options = {}) {
  int count = 0;
  for (int i = 0; i < runs; ++i) {
    count +=
        run(first + static_cast<std::uint64_t>(i), world, options).verdict == Verdict::kPromote;
  }
  return count;
}

TEST(OnlineTrial, LookedAtEveryDayItPromotesAnEqualInOneOfTwentyAtMost) {
  constexpr int kRuns = 200;
  TrialOptions options;
  options.genuine_margin = 1;  // The guard would hide the errors of the test of damage.
  for (const double share : {0.5, 0.1}) {
    World world;
    world.share = share;
    const int wrong = promoted(world, kRuns, 0, options);
    std::cout << "share " << share << ": " << wrong << " of " << kRuns << " promoted\n";
    EXPECT_LE(wrong, kRuns / 20) << "share " << share;
  }
}

TEST(OnlineTrial, FindsAChallengerThatStopsSixInTenInsteadOfThree) {
  World world;
  world.customers = 6000;
  world.stops = 0.3;
  EXPECT_GE(promoted(world, 10, 5000), 8);
}

TEST(OnlineTrial, EndsAWorseChallengerAndOneThatTouchesTooMany) {
  World worse;
  worse.customers = 6000;
  worse.days = 56;
  worse.stops = -0.3;
  int kept = 0;
  World touching;
  touching.customers = 1000;
  touching.stops = 0.3;
  touching.extra_touched = 0.02;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Verdict verdict = run(seed, worse).verdict;
    EXPECT_NE(verdict, Verdict::kPromote);
    kept += verdict == Verdict::kKeep;
    const TrialResult result = run(seed, touching);
    EXPECT_EQ(result.verdict, Verdict::kKeep);
    EXPECT_NE(result.reason.find("genuine ones more"), std::string::npos) << result.reason;
    World blocking;
    blocking.extra_touched = 0.2;
    const TrialResult soon = run(seed, blocking);
    EXPECT_EQ(soon.verdict, Verdict::kKeep);
    EXPECT_EQ(soon.days, 0) << "ended before any label was known: " << soon.reason;
  }
  EXPECT_GE(kept, 4);
}

TEST(OnlineTrial, WaitsForLabelsAndForEnoughCustomersWithDamage) {
  World world;
  world.days = 13;  // The seventh day's labels are known after the fourteenth.
  const TrialResult early = run(1, world);
  EXPECT_EQ(early.verdict, Verdict::kInconclusive);
  EXPECT_EQ(early.days, 6);
  EXPECT_NE(early.reason.find("6 days with known labels"), std::string::npos) << early.reason;
  world.days = 40;
  world.frauds = false;
  EXPECT_EQ(run(1, world).verdict, Verdict::kInconclusive);
}

TEST(OnlineTrial, GivesUpWhenNothingWasShown) {
  World world;
  world.days = 60;
  world.frauds = false;
  TrialOptions options;
  options.longest_days = 30;
  const TrialResult result = run(1, world, options);
  EXPECT_EQ(result.verdict, Verdict::kKeep);
  EXPECT_EQ(result.days, 30);
  EXPECT_NE(result.reason.find("nothing was shown in 30 days"), std::string::npos);
}

TEST(OnlineTrial, AChallengerThatCannotDecideIsEnded) {
  OnlineTrial trial({});
  for (int i = 0; i < 5000; ++i) {
    trial.add({i, i % 2 == 0 ? Arm::kChampion : Arm::kChallenger});
    if (i % 50 == 0) trial.add_failed();
  }
  trial.end_day();
  EXPECT_EQ(trial.result().verdict, Verdict::kKeep);
  EXPECT_EQ(trial.result().reason,
            "the challenger could not decide 100 of 2600 payments of its arm");
}

TEST(OnlineTrial, ACustomerInBothArmsIsNoTrial) {
  OnlineTrial trial({});
  trial.add({7, Arm::kChampion});
  EXPECT_THROW(trial.add({7, Arm::kChallenger}), Error);
}

TEST(ArmDifference, VarianceIsThatOfSumsByCustomer) {
  ArmDifference measure;
  // Customers with (payments, value): (2, 6) and (1, 0) in one arm, (3, 3) in the other.
  measure.add(1, Arm::kChampion, 1, 2);
  measure.add(1, Arm::kChampion, 1, 4);
  measure.add(2, Arm::kChampion, 1, 0);
  measure.add(3, Arm::kChallenger, 3, 3);
  EXPECT_DOUBLE_EQ(measure.difference(), 3.0 / 3 - 6.0 / 3);
  const double rate = 9.0 / 6;
  const double spread =
      std::pow(6 - 2 * rate, 2) + std::pow(0 - rate, 2) + std::pow(3 - 3 * rate, 2);
  EXPECT_NEAR(measure.variance(), spread * 36 / (3 * 3), 1e-12);
  EXPECT_EQ(measure.carriers(), 2U);
}

}  // namespace
}  // namespace weir
