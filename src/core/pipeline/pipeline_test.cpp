#include "core/pipeline/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/pipeline/test_bundle.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {
using nlohmann::json;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr Seconds kStart = 1'566'432'000;
constexpr std::uint64_t kSeed = 3;

Payment random_payment(std::uint64_t number) {
  const std::uint64_t bits = hash64(kSeed, number);
  return {static_cast<std::int64_t>(number), kStart + static_cast<Seconds>(number) * 600,
          static_cast<std::int64_t>(bits % 7), static_cast<std::int64_t>(bits / 7 % 3),
          static_cast<std::int64_t>(bits / 21 % 20'000)};
}

Feedback feedback_of(const Payment& payment, Seconds known_at) {
  const bool fraud = payment.amount_minor > 15'000;
  return {payment, fraud ? Outcome::kFraud : Outcome::kGenuine,
          fraud ? OutcomeSource::kChargeback : OutcomeSource::kMaturity, known_at};
}

/// Payments 0, 1, 2, … with the outcome of each 144 payments (a day) later.
std::vector<Decision> run(Pipeline& pipeline, std::uint64_t begin, std::uint64_t end) {
  std::vector<Decision> decisions;
  for (std::uint64_t number = begin; number < end; ++number) {
    const Payment payment = random_payment(number);
    if (number >= 144)
      pipeline.apply(feedback_of(random_payment(number - 144), payment.event_time));
    decisions.push_back(std::get<Decision>(pipeline.apply(payment, payment.event_time)));
  }
  return decisions;
}

TEST(Pipeline, DecidesByTheMargin) {
  const Bundle bundle = stump_bundle();
  Pipeline pipeline(bundle);
  const auto small = std::get<Decision>(pipeline.apply(Payment{1, kStart, 5, 6, 99'99}, kStart));
  EXPECT_EQ(small.action, Action::kApprove);
  EXPECT_EQ(small.margin, -2.0F);
  EXPECT_EQ(small.position, 0u);
  const auto large =
      std::get<Decision>(pipeline.apply(Payment{2, kStart + 1, 5, 6, 100'00}, kStart + 1));
  EXPECT_EQ(large.action, Action::kChallenge);
  EXPECT_EQ(large.margin, 2.0F);
  EXPECT_GT(large.probability, small.probability);
  EXPECT_THAT(pipeline.last_features(), testing::ElementsAre(100.0F, 2.0F, 0.0F));
}

TEST(Pipeline, ARawPaymentIsCleanedFirst) {
  const Bundle bundle = stump_bundle();
  Pipeline pipeline(bundle);
  RawPayment raw{"7", "2019-08-22 00:00:00", "5", "Err", "57.16", false, {}, {}, {}};
  const auto refused = pipeline.apply(raw, kStart);
  ASSERT_TRUE(std::holds_alternative<Reject>(refused));
  EXPECT_EQ(std::get<Reject>(refused).rule, Rule::kTerminalNotANumber);
  raw.terminal_id = "6";
  const auto decision = std::get<Decision>(pipeline.apply(raw, kStart));
  EXPECT_EQ(decision.position, 1u) << "a reject has a place in the log too";
  EXPECT_EQ(pipeline.last_features()[1], 1.0F) << "and leaves no trace in the state";
}

TEST(Pipeline, ARepeatedPaymentGetsItsFirstDecision) {
  const Bundle bundle = stump_bundle();
  Pipeline pipeline(bundle);
  const Payment payment{1, kStart, 5, 6, 150'00};
  const auto first = std::get<Decision>(pipeline.apply(payment, kStart));
  const auto again = std::get<Decision>(pipeline.apply(payment, kStart + 60));
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.position, first.position);
  EXPECT_EQ(again.margin, first.margin);
  Payment changed = payment;
  changed.amount_minor += 1;
  const auto refused = pipeline.apply(changed, kStart + 61);
  ASSERT_TRUE(std::holds_alternative<Reject>(refused));
  EXPECT_EQ(std::get<Reject>(refused).rule, Rule::kDuplicateId);
  // Only the first one counted.
  pipeline.apply(Payment{2, kStart + 62, 5, 6, 10'00}, kStart + 62);
  EXPECT_EQ(pipeline.last_features()[1], 2.0F);
}

TEST(Pipeline, APaymentFromTheFutureIsRejected) {
  const Bundle bundle = stump_bundle();
  Pipeline pipeline(bundle);
  const auto at_the_skew = pipeline.apply(Payment{1, kStart + 300, 5, 6, 1}, kStart);
  EXPECT_TRUE(std::holds_alternative<Decision>(at_the_skew));
  const auto past_it = pipeline.apply(Payment{2, kStart + 301, 5, 6, 1}, kStart);
  ASSERT_TRUE(std::holds_alternative<Reject>(past_it));
  EXPECT_EQ(std::get<Reject>(past_it).rule, Rule::kTimeInFuture);
}

TEST(Pipeline, GoesOnAfterRestoreAsIfNothingHadHappened) {
  const Bundle bundle = stump_bundle();
  Pipeline whole(bundle);
  run(whole, 0, 1500);
  const std::string bytes = whole.snapshot();
  Pipeline restored = Pipeline::restore(bundle, bytes);
  EXPECT_EQ(restored.snapshot(), bytes);
  EXPECT_EQ(run(restored, 1500, 2500), run(whole, 1500, 2500));
  EXPECT_EQ(restored.snapshot(), whole.snapshot());
}

TEST(Pipeline, ADamagedSnapshotIsRefused) {
  const Bundle bundle = stump_bundle();
  Pipeline pipeline(bundle);
  run(pipeline, 0, 20);
  const std::string bytes = pipeline.snapshot();
  for (const std::size_t place : {std::size_t{9}, bytes.size() / 2, bytes.size() - 1}) {
    std::string damaged = bytes;
    damaged[place] ^= 1;
    EXPECT_THAT([&] { Pipeline::restore(bundle, damaged); },
                ThrowsMessage<Error>(HasSubstr("damaged")));
  }
  EXPECT_THAT([&] { Pipeline::restore(bundle, bytes.substr(0, 40)); },
              ThrowsMessage<Error>(HasSubstr("damaged")));
  EXPECT_THAT([&] { Pipeline::restore(bundle, "nonsense"); },
              ThrowsMessage<Error>(HasSubstr("no weir snapshot")));
  Bundle other = stump_bundle();
  other.manifest.version = "v2";
  EXPECT_THAT([&] { Pipeline::restore(other, bytes); },
              ThrowsMessage<Error>(HasSubstr("taken under bundle v1, this is bundle v2")));
}

TEST(Pipeline, LabelsKnownLaterChangeNoEarlierDecision) {
  const Bundle bundle = stump_bundle();
  const auto decide = [&](bool flip_late_labels) {
    Pipeline pipeline(bundle);
    std::vector<float> features;
    for (std::uint64_t number = 0; number < 1000; ++number) {
      const Payment payment = random_payment(number);
      if (number >= 144) {
        Feedback feedback = feedback_of(random_payment(number - 144), payment.event_time);
        if (flip_late_labels && number >= 700 && hash64(kSeed + 1, number) % 2 == 0) {
          feedback.outcome =
              feedback.outcome == Outcome::kFraud ? Outcome::kGenuine : Outcome::kFraud;
        }
        pipeline.apply(feedback);
      }
      pipeline.apply(payment, payment.event_time);
      features.insert(features.end(), pipeline.last_features().begin(),
                      pipeline.last_features().end());
    }
    return features;
  };
  const auto as_it_was = decide(false);
  const auto flipped = decide(true);
  const auto first_change =
      std::mismatch(as_it_was.begin(), as_it_was.end(), flipped.begin()).first;
  ASSERT_NE(first_change, as_it_was.end()) << "the flipped labels must reach later features";
  EXPECT_GE(first_change - as_it_was.begin(), 700 * 3);
}

/// The same with beliefs: its features know no outcome, expected roubles decide.
Bundle loop_bundle() {
  BeliefRates rates;
  rates.terminal = {{0.002, 0, 1}, {0.04, 0, 1}, {0.95, 0, 1}, {0.002, 0, 1}};
  rates.customer = {{0.0003, 0, 1}, {0.07, 0, 1}, {0.3, 0, 1}, {0.0005, 0, 1}};
  Bundle bundle = stump_bundle();
  bundle.features = FeatureSpec::parse(
      "name = \"plain\"\ninput = [ { key = \"payment\", aggregate = \"amount\" } ]", "test");
  bundle.forest_ubj = stump_ubj(1);
  bundle.beliefs_toml = rates.to_toml();
  bundle.policy_toml = MoneyPolicy{}.to_toml();
  return parse_bundle(bundle_files(bundle), "test");
}

TEST(LoopPipeline, DecidesAsTheLoopDoesAndRestores) {
  const Bundle bundle = loop_bundle();
  Pipeline pipeline(bundle);
  DecisionLoop loop(BeliefRates::parse(bundle.beliefs_toml, "b"),
                    MoneyPolicy::parse(bundle.policy_toml, "p"));
  std::string snapshot;
  std::vector<Decision> after;
  const auto step = [&](Pipeline& one, std::int64_t id) {
    const Payment payment{id, kStart + id * 60, id % 40, id % 3, 3'000 + id % 9'000};
    const Decision decision = std::get<Decision>(one.apply(payment, payment.event_time));
    if (decision.action == Action::kChallenge) {
      // Without beliefs, as it comes in over REST: the pipeline adds those of the decision.
      one.apply(Feedback{payment, id % 7 == 0 ? Outcome::kFraud : Outcome::kGenuine,
                         OutcomeSource::kChallenge, payment.event_time + 30});
    }
    if (id % 500 == 0)
      one.apply(Control{payment.event_time, 0.5 + 0.001 * static_cast<double>(id)});
    return decision;
  };
  for (std::int64_t id = 0; id < 3'000; ++id) {
    const Decision decision = step(pipeline, id);
    const Payment payment{id, kStart + id * 60, id % 40, id % 3, 3'000 + id % 9'000};
    Decision alone =
        loop.decide(payment, {decision.margin, bundle.calibration.probability(decision.margin)});
    alone.position = decision.position;
    ASSERT_EQ(alone, decision) << "payment " << id;
    if (decision.action == Action::kChallenge) {
      loop.apply(Feedback{payment, id % 7 == 0 ? Outcome::kFraud : Outcome::kGenuine,
                          OutcomeSource::kChallenge, payment.event_time + 30, decision.beliefs});
    }
    if (id % 500 == 0)
      loop.apply(Control{payment.event_time, 0.5 + 0.001 * static_cast<double>(id)});
  }
  Pipeline restored = Pipeline::restore(bundle, pipeline.snapshot());
  EXPECT_EQ(restored.snapshot(), pipeline.snapshot());
  for (std::int64_t id = 3'000; id < 4'000; ++id) {
    ASSERT_EQ(step(pipeline, id), step(restored, id)) << "payment " << id;
  }
}

TEST(LoopPipeline, RefusesFeaturesThatKnowOutcomes) {
  Bundle bundle = loop_bundle();
  bundle.features = FeatureSpec::builtin("weir");
  bundle.forest_ubj = stump_ubj(bundle.features.size());
  EXPECT_THAT([&] { Pipeline{bundle}; }, ThrowsMessage<Error>(HasSubstr("would count twice")));
}

}  // namespace
}  // namespace weir
