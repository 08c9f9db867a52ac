#include "core/beliefs/beliefs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/beliefs/composition.h"
#include "core/transaction/byte_io.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr Seconds kStart = 1'600'000'000;

BeliefRates rates() {
  BeliefRates rates;
  rates.terminal = {{0.01, 0, 1}, {0.1, 0, 1}, {0.9, 0, 1}, {0.002, 0, 1}};
  rates.customer = {{0.001, 0, 1}, {0.2, 0, 1}, {0.3, 0, 1}, {0.0005, 0, 1}};
  rates.answers = {{0.8, 0, 1}, {0.01, 0, 1}, {0.001, 0, 1}};
  return rates;
}

Feedback feedback(Outcome outcome,
                  OutcomeSource source,
                  Seconds at,
                  DecisionBeliefs beliefs = {0.001F, 0.7F, 0.001F, 0.001F}) {
  return {{1, at, 7, 3, 5'000}, outcome, source, at + 60, beliefs};
}

TEST(ChainFilter, ForgetsTowardsTheStationaryShare) {
  const ChainRates chain = rates().terminal;
  const ChainFilter filter{kStart, 1.0};
  // After one day of a chain that changes at rate 0.11 a day, exp(-0.11) of the certainty is left.
  const double stationary = 0.01 / 0.11;
  EXPECT_NEAR(filter.predicted(chain, kStart + kSecondsPerDay),
              stationary + (1 - stationary) * std::exp(-0.11), 1e-12);
  EXPECT_EQ(filter.predicted(chain, kStart - 1), 1.0);
}

TEST(ChainFilter, UpdatesByBayesRule) {
  ChainFilter filter{kStart, 0.2};
  filter.update(rates().terminal, kStart, {0.9, 0.1});
  EXPECT_NEAR(filter.probability, 0.2 * 0.9 / (0.2 * 0.9 + 0.8 * 0.1), 1e-12);
}

TEST(ChainFilter, OldEvidenceWeighsLess) {
  const ChainRates chain = rates().terminal;
  ChainFilter fresh{kStart, 0.2};
  ChainFilter old = fresh;
  fresh.update(chain, kStart, {1, 0.01});
  old.update(chain, kStart - 20 * kSecondsPerDay, {1, 0.01});
  EXPECT_GT(old.probability, 0.2);
  EXPECT_LT(old.probability, fresh.probability);
  EXPECT_EQ(old.time, kStart);
}

TEST(ChainFilter, NeverBecomesCertain) {
  ChainFilter filter{kStart, 0.5};
  for (int i = 0; i < 100; ++i) filter.update(rates().terminal, kStart + i, {1, 1e-6});
  EXPECT_LE(filter.probability, ChainFilter::kMost);
  filter.update(rates().terminal, kStart + 200, {0.001, 1});
  filter.update(rates().terminal, kStart + 201, {0.001, 1});
  EXPECT_LT(filter.probability, 0.1);
}

TEST(ChainFilter, WithALawOfDurationsTheEndComesByAge) {
  ChainRates chain = rates().terminal;
  // Twenty days that nobody leaves, then one on which most do.
  std::vector<double> hazards(80, 1e-4);
  hazards.insert(hazards.end(), 4, 3.0);
  hazards.push_back(0.1);
  chain.durations = DurationLaw(hazards);
  ChainFilter filter{kStart, 0.001, kStart - 100};
  // Frauds for an hour: a compromise that is as good as certain and has just begun.
  for (int i = 0; i < 20; ++i) filter.update(chain, kStart + 180 * i, {0.9, 0.002});
  EXPECT_GT(filter.probability, 0.99);
  EXPECT_NEAR(static_cast<double>(filter.since - kStart), 0, 3'600);
  EXPECT_GT(filter.predicted(chain, kStart + 19 * kSecondsPerDay), 0.98);
  EXPECT_LT(filter.predicted(chain, kStart + 22 * kSecondsPerDay), 0.3);
  EXPECT_DOUBLE_EQ(filter.end_hazard(chain, kStart + 5 * kSecondsPerDay), 0.1);
  EXPECT_DOUBLE_EQ(filter.end_hazard(chain, kStart + 83 * kSecondsPerDay / 4), 3.0);
  // Far ahead nothing is known but the share in the long run.
  EXPECT_NEAR(filter.predicted(chain, kStart + 1'000 * kSecondsPerDay), chain.stationary(), 1e-6);
  // A fraud after that day says that this one goes on, and its age stays what it was.
  filter.update(chain, kStart + 22 * kSecondsPerDay, {0.9, 0.002});
  EXPECT_GT(filter.probability, 0.9);
  EXPECT_LT(filter.since, kStart + 11 * kSecondsPerDay);
}

TEST(Beliefs, AnUnknownKeyHasTheLongRunShare) {
  const Beliefs beliefs(rates());
  EXPECT_DOUBLE_EQ(beliefs.terminals().at(3, kStart), 0.01 / 0.11);
}

TEST(Beliefs, ADenialOfAnOrdinaryPaymentPointsAtTheTerminal) {
  Beliefs beliefs(rates());
  beliefs.apply(feedback(Outcome::kGenuine, OutcomeSource::kChallenge, kStart));
  const double before = beliefs.terminals().at(3, kStart + 60);
  beliefs.apply(feedback(Outcome::kFraud, OutcomeSource::kChallenge, kStart + 60));
  EXPECT_GT(beliefs.terminals().at(3, kStart + 60), 30 * before);
}

TEST(Beliefs, ADenialThatTheCardExplainsLeavesTheTerminalAlone) {
  Beliefs beliefs(rates());
  const DecisionBeliefs card{0.95F, 0.7F, 0.95F, 0.001F};
  const double before = beliefs.terminals().at(3, kStart);
  beliefs.apply(feedback(Outcome::kFraud, OutcomeSource::kChallenge, kStart, card));
  EXPECT_LT(beliefs.terminals().at(3, kStart), 1.2 * before);
  EXPECT_GT(beliefs.customers().at(7, kStart), 0.3);
}

TEST(Beliefs, AFraudOfABlockedTerminalLeavesTheCustomerAlone) {
  Beliefs beliefs(rates());
  const DecisionBeliefs terminal{0.0005F, 0.7F, 0.0005F, 0.9F};
  beliefs.apply(feedback(Outcome::kFraud, OutcomeSource::kChargeback, kStart, terminal));
  EXPECT_LT(beliefs.customers().at(7, kStart), 2 * rates().customer.stationary());
}

TEST(Beliefs, AnUnansweredChallengeSaysNothing) {
  Beliefs beliefs(rates());
  beliefs.apply(feedback(Outcome::kUnanswered, OutcomeSource::kChallenge, kStart));
  EXPECT_EQ(beliefs.terminals().size(), 0U);
}

TEST(Beliefs, ALabelOfDaysAgoDoesNotOverruleAnAnswerOfToday) {
  Beliefs beliefs(rates());
  beliefs.apply(feedback(Outcome::kFraud, OutcomeSource::kChargeback, kStart));
  // Since then the terminal was challenged: a denial, and now it is sound again.
  const Seconds now = kStart + 7 * kSecondsPerDay;
  beliefs.apply(feedback(Outcome::kFraud, OutcomeSource::kChallenge, kStart + 600));
  for (int i = 0; i < 4; ++i) {
    beliefs.apply(feedback(Outcome::kGenuine, OutcomeSource::kChallenge, now + i));
  }
  const double before = beliefs.terminals().at(3, now + 10);
  // Forty chargebacks of payments before the denial: they tell of the same compromise.
  for (int i = 0; i < 40; ++i) {
    beliefs.apply(feedback(Outcome::kFraud, OutcomeSource::kChargeback, kStart + 10 + i));
  }
  EXPECT_DOUBLE_EQ(beliefs.terminals().at(3, now + 10), before);
}

TEST(Beliefs, FraudsOfOnePastCompromiseAreOnePieceOfEvidence) {
  Beliefs beliefs(rates());
  const Seconds now = kStart + 7 * kSecondsPerDay;
  const auto chargebacks = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      beliefs.apply(feedback(Outcome::kFraud, OutcomeSource::kChargeback, kStart + i));
    }
  };
  chargebacks(0, 20);
  EXPECT_GT(beliefs.terminals().at(3, now), 0.4);
  // Today's cardholders confirm: it is over.
  for (int i = 0; i < 4; ++i) {
    beliefs.apply(feedback(Outcome::kGenuine, OutcomeSource::kChallenge, now + i));
  }
  const double before = beliefs.terminals().at(3, now + 10);
  EXPECT_LT(before, 0.01);
  chargebacks(20, 400);
  EXPECT_DOUBLE_EQ(beliefs.terminals().at(3, now + 10), before);
}

TEST(Beliefs, AChargebackThatNobodyExpectedBringsBackDoubt) {
  Beliefs beliefs(rates());
  const Seconds now = kStart + 7 * kSecondsPerDay;
  beliefs.apply(feedback(Outcome::kGenuine, OutcomeSource::kMaturity, kStart));
  beliefs.apply(feedback(Outcome::kGenuine, OutcomeSource::kChallenge, now - kSecondsPerDay));
  const double before = beliefs.terminals().at(3, now);
  beliefs.apply(feedback(Outcome::kFraud, OutcomeSource::kChargeback, kStart + 10));
  EXPECT_GT(beliefs.terminals().at(3, now), 2 * before);
}

TEST(Beliefs, TheHalvesOfApplyAreAllOfIt) {
  Beliefs whole(rates());
  Beliefs halves(rates());
  for (int i = 0; i < 50; ++i) {
    const Feedback one = feedback(i % 3 == 0 ? Outcome::kFraud : Outcome::kGenuine,
                                  i % 2 == 0 ? OutcomeSource::kChallenge : OutcomeSource::kMaturity,
                                  kStart + i * 1000);
    whole.apply(one);
    const Feedback attributed = halves.attributed(one);
    halves.learn_terminal(attributed);
    halves.learn_customer(attributed);
  }
  std::string left;
  std::string right;
  whole.append_snapshot(left);
  halves.append_snapshot(right);
  EXPECT_EQ(left, right);
}

TEST(Beliefs, ASnapshotRestoresToTheSameBytes) {
  Beliefs beliefs(rates());
  beliefs.apply(feedback(Outcome::kFraud, OutcomeSource::kChallenge, kStart));
  std::string bytes;
  beliefs.append_snapshot(bytes);
  Beliefs restored(rates());
  ByteReader reader(bytes);
  restored.restore_snapshot(reader);
  EXPECT_TRUE(reader.empty());
  std::string again;
  restored.append_snapshot(again);
  EXPECT_EQ(bytes, again);
}

TEST(Composition, TheAverageCustomerLeavesTheModelAsItIs) {
  const BeliefRates given = rates();
  const double takeover = given.takeover_at(0);
  for (const double model : {0.001, 0.1, 0.9}) {
    EXPECT_NEAR(card_probability(given, model, takeover, given.customer.stationary()), model, 1e-9);
    EXPECT_GT(card_probability(given, model, takeover, 1), model);
    EXPECT_LT(card_probability(given, model, takeover, 0), model);
  }
}

TEST(Composition, AFraudThatIsNoTakeOverSaysNothingOfTheCard) {
  // As likely from a taken-over card as such cards are among customers: the belief changes nothing
  // but for the genuine payments that a taken-over card has fewer of.
  const BeliefRates given = rates();
  const double share = given.customer.stationary();
  const double sound = card_probability(given, 0.9, share, 0);
  EXPECT_NEAR(card_probability(given, 0.9, share, 1), sound, 0.04);
}

TEST(BeliefRates, StepsOfTakeOverShares) {
  BeliefRates given = rates();
  given.takeover = {{-1.5, 2}, {0.2, 0.9, 0.01}};
  EXPECT_EQ(given.takeover_at(-2), 0.2);
  EXPECT_EQ(given.takeover_at(-1.5), 0.9);
  EXPECT_EQ(given.takeover_at(3), 0.01);
  EXPECT_EQ(BeliefRates::parse(given.to_toml(), "beliefs.toml"), given);
}

TEST(Composition, TwoCausesAreIndependent) {
  const FraudProbability fraud = compose(rates(), 0.2, 0, 0.5, rates().customer.stationary());
  EXPECT_NEAR(fraud.terminal, 0.45, 1e-12);
  EXPECT_NEAR(fraud.total, 1 - 0.8 * 0.55, 1e-9);
  EXPECT_NEAR(fraud.total + fraud.genuine, 1, 1e-15);
}

TEST(BeliefRates, ReadBackAsWritten) {
  BeliefRates given = rates();
  EXPECT_EQ(BeliefRates::parse(given.to_toml(), "beliefs.toml"), given);
  given.terminal.durations = DurationLaw({0.01, 1.0 / 3, 2});
  EXPECT_EQ(BeliefRates::parse(given.to_toml(), "beliefs.toml"), given);
}

TEST(BeliefRates, RefuseWhatIsWrongAndSayWhere) {
  const auto message = [](const std::string& text) -> std::string {
    try {
      BeliefRates::parse(text, "b/beliefs.toml");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  std::string text = rates().to_toml();
  EXPECT_THAT(message(text + "extra = [1, 1, 1]\n"), testing::HasSubstr("answers.extra"));
  text.replace(text.find("ends_per_day = [0.1"), 19, "ends_per_day = [-.1");
  EXPECT_THAT(message(text), testing::HasSubstr("b/beliefs.toml"));
  EXPECT_THAT(message("[terminal]\n"), testing::HasSubstr("terminal.starts_per_day must be"));
}

}  // namespace
}  // namespace weir
