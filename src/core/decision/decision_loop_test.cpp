#include "core/decision/decision_loop.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "core/transaction/byte_io.h"

namespace weir {
namespace {

constexpr Seconds kStart = 1'600'041'600;

BeliefRates rates() {
  BeliefRates rates;
  rates.terminal = {{0.002, 0, 1}, {0.04, 0, 1}, {0.95, 0, 1}, {0.002, 0, 1}};
  rates.customer = {{0.0003, 0, 1}, {0.07, 0, 1}, {0.3, 0, 1}, {0.0005, 0, 1}};
  rates.answers = {{0.8, 0, 1}, {0.01, 0, 1}, {0, 0, 1}};
  return rates;
}

MoneyPolicy policy() {
  MoneyPolicy policy;
  policy.challenge_cost = 0.1;
  policy.lost_genuine_cost = 2;
  return policy;
}

Payment payment(std::int64_t id, Seconds time) { return {id, time, 100 + id % 50, 3, 5'000}; }

Feedback answer(const Payment& of, const Decision& decision, Outcome outcome) {
  return {of, outcome, OutcomeSource::kChallenge, of.event_time + 600, decision.beliefs};
}

TEST(DecisionLoop, ACompromisedTerminalIsFoundBlockedAndReleased) {
  DecisionLoop loop(rates(), policy());
  std::deque<Feedback> answers;
  const Seconds bad_from = kStart + 2 * kSecondsPerDay;
  const Seconds bad_until = kStart + 4 * kSecondsPerDay;
  int through = 0;
  int frauds = 0;
  int blocked_after = 0;
  int genuine_after = 0;
  int probes = 0;
  for (std::int64_t id = 0; id < 8 * 1'440; ++id) {
    const Payment one = payment(id, kStart + id * 60);
    while (!answers.empty() && answers.front().known_at <= one.event_time) {
      loop.apply(answers.front());
      answers.pop_front();
    }
    const bool fraud = one.event_time >= bad_from && one.event_time < bad_until;
    const Decision decision = loop.decide(one, {-7.6F, 0.0005});
    probes += decision.cause == Cause::kProbe;
    if (decision.action == Action::kChallenge) {
      answers.push_back(answer(one, decision, fraud ? Outcome::kFraud : Outcome::kGenuine));
    }
    frauds += fraud;
    through += fraud && decision.action == Action::kApprove;
    // The last days: the end of the episode was found by probes.
    if (one.event_time < bad_until + 2 * kSecondsPerDay) continue;
    ++genuine_after;
    blocked_after += decision.action == Action::kDecline;
  }
  EXPECT_GT(frauds, 2'000);
  EXPECT_LT(through, 300);
  EXPECT_GT(probes, 5);
  EXPECT_LT(blocked_after, genuine_after / 50);
}

TEST(DecisionLoop, AsksOneCardholderOnlySoOftenADay) {
  MoneyPolicy limited = policy();
  limited.customer_challenges_per_day = 2;
  DecisionLoop loop(rates(), limited);
  int asked = 0;
  for (std::int64_t id = 0; id < 20; ++id) {
    Payment one = payment(id, kStart + id * 60);
    one.customer_id = 5;
    one.terminal_id = 1'000 + id;
    const Decision decision = loop.decide(one, {-0.8F, 0.3});
    if (decision.action != Action::kChallenge) {
      EXPECT_EQ(decision.cause, Cause::kLimit);
      continue;
    }
    ++asked;
    loop.apply(answer(one, decision, Outcome::kGenuine));
  }
  EXPECT_EQ(asked, 2);
}

TEST(DecisionLoop, WhatItsCardForbidsIsNoLook) {
  DecisionLoop loop(rates(), policy());
  DecisionLoop without(rates(), policy());
  // Equal decisions of both, and how many of them are audits.
  const auto looks = [&](std::int64_t begin, std::int64_t end) {
    int found = 0;
    for (std::int64_t id = begin; id < end; ++id) {
      const Payment one = payment(id, kStart + id * 60);
      const Decision decision = loop.decide(one, {-7.6F, 0.0005});
      EXPECT_EQ(decision, without.decide(one, {-7.6F, 0.0005}));
      found += decision.cause == Cause::kAudit;
      if (decision.action != Action::kChallenge) continue;
      loop.apply(answer(one, decision, Outcome::kGenuine));
      without.apply(answer(one, decision, Outcome::kGenuine));
    }
    return found;
  };
  EXPECT_GT(looks(0, 1'440), 5);
  for (std::int64_t id = 1'440; id < 2 * 1'440; ++id) {
    const Decision decision = loop.decide(payment(id, kStart + id * 60), {9, 0.999});
    EXPECT_EQ(decision.action, Action::kDecline);
    EXPECT_EQ(decision.audit_probability, 0);
  }
  // They moved no clock.
  EXPECT_GT(looks(2 * 1'440, 4 * 1'440), 10);
}

TEST(DecisionLoop, AControlEventMovesThePrice) {
  DecisionLoop loop(rates(), policy());
  const Payment one{1, kStart, 1, 900, 5'000};
  EXPECT_EQ(loop.decide(one, {-3, 0.05}).action, Action::kChallenge);
  loop.apply(Control{kStart, 1'000});
  EXPECT_EQ(loop.decide(one, {-3, 0.05}).action, Action::kApprove);
}

TEST(DecisionLoop, ASnapshotGoesOnWithTheSameDecisions) {
  DecisionLoop loop(rates(), policy());
  const auto run = [](DecisionLoop& one, std::int64_t begin, std::int64_t end) {
    std::vector<Decision> decisions;
    for (std::int64_t id = begin; id < end; ++id) {
      const Payment next = payment(id, kStart + id * 60);
      decisions.push_back(one.decide(next, {-7, 0.0005 + 0.0001 * static_cast<double>(id % 7)}));
      if (decisions.back().action == Action::kChallenge) {
        one.apply(
            answer(next, decisions.back(), id % 5 == 0 ? Outcome::kUnanswered : Outcome::kGenuine));
      }
    }
    return decisions;
  };
  run(loop, 0, 3'000);
  loop.apply(Control{kStart, 0.5});
  std::string bytes;
  loop.append_snapshot(bytes);
  DecisionLoop restored(rates(), policy());
  ByteReader reader(bytes);
  restored.restore_snapshot(reader);
  EXPECT_TRUE(reader.empty());
  EXPECT_EQ(run(loop, 3'000, 6'000), run(restored, 3'000, 6'000));
}

}  // namespace
}  // namespace weir
