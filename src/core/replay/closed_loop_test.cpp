#include "core/replay/closed_loop.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

BeliefRates rates() {
  BeliefRates rates;
  rates.terminal = {{0.01, 0, 1}, {0.1, 0, 1}, {0.95, 0, 1}, {0.002, 0, 1}};
  rates.customer = {{0.001, 0, 1}, {0.1, 0, 1}, {0.3, 0, 1}, {0.0005, 0, 1}};
  return rates;
}

MoneyPolicy policy() {
  MoneyPolicy policy;
  policy.false_positive_rate = 0.1;
  return policy;
}

/// Eight days of ten terminals, one of which is compromised from the hour on that is asked for.
PaymentColumns stream(Seconds compromised_after) {
  constexpr Seconds kStart = 1'600'041'600;
  PaymentColumns columns;
  for (std::int64_t id = 0; id < 8 * 8'640; ++id) {
    const Seconds time = kStart + id * 10;
    const Payment payment{id, time, id % 997, id % 10, 4'000 + id % 3'000};
    const bool fraud = payment.terminal_id == 3 && time >= kStart + compromised_after;
    columns.push_back(payment,
                      {static_cast<std::int8_t>(fraud), static_cast<std::int8_t>(2 * fraud)});
  }
  return columns;
}

constexpr ModelScore kScore{-7, 0.0005};

std::vector<ReplayedPayment> replay(const PaymentColumns& columns,
                                    const FeedbackSettings& settings) {
  ClosedLoop loop(rates(), policy(), settings, 0);
  std::vector<ReplayedPayment> all;
  const PaymentView payments = columns.view();
  for (std::size_t row = 0; row < payments.size(); ++row) {
    all.push_back(loop.step(payments, row, 0, kScore));
  }
  return all;
}

TEST(ClosedLoop, FindsACompromisedTerminal) {
  const PaymentColumns columns = stream(3 * kSecondsPerDay + 40'000);
  const auto all = replay(columns, {});
  std::uint64_t frauds = 0;
  std::uint64_t through = 0;
  std::uint64_t touched = 0;
  for (std::size_t row = 0; row < all.size(); ++row) {
    const bool fraud = columns.is_fraud[row] != 0;
    frauds += fraud;
    through += fraud && all[row].executed;
    touched += !fraud && all[row].decision.action != Action::kApprove;
  }
  EXPECT_GT(frauds, 3'000U);
  EXPECT_LT(through, frauds / 20);
  EXPECT_LT(static_cast<double>(touched) / static_cast<double>(all.size()), 0.12);
}

TEST(ClosedLoop, NoOutcomeAfterADayChangesADecisionBeforeIt) {
  // The prefix test: every outcome of payments from day T on is randomised; an answer takes N, so
  // decisions before T + N stay as they were.
  FeedbackSettings settings;
  settings.answer_delay = 1'800;
  PaymentColumns columns = stream(2 * kSecondsPerDay);
  const auto before = replay(columns, settings);
  const Seconds day = columns.event_time.front() + 4 * kSecondsPerDay;
  for (std::size_t row = 0; row < columns.size(); ++row) {
    if (columns.event_time[row] < day) continue;
    columns.is_fraud[row] = mix64(row) % 2 == 0;
  }
  const auto after = replay(columns, settings);
  std::size_t same = 0;
  bool differs_later = false;
  for (std::size_t row = 0; row < columns.size(); ++row) {
    if (columns.event_time[row] < day + settings.answer_delay) {
      ASSERT_EQ(before[row].decision, after[row].decision) << "row " << row;
      ++same;
    } else {
      differs_later |= !(before[row].decision == after[row].decision);
    }
  }
  EXPECT_GT(same, columns.size() / 2);
  EXPECT_TRUE(differs_later);
}

TEST(ClosedLoop, SegmentsOfTheStreamDecideAsTheWhole) {
  const PaymentColumns columns = stream(2 * kSecondsPerDay);
  FeedbackSettings settings;
  settings.label_delay = kSecondsPerDay;
  const auto whole = replay(columns, settings);
  ClosedLoop loop(rates(), policy(), settings, 0);
  constexpr std::size_t kSegment = 20'000;
  constexpr std::size_t kReach = 10'000;  // Payments of more than the label delay.
  std::size_t row = 0;
  for (std::size_t begin = 0; begin < columns.size(); begin += kSegment) {
    const std::size_t base = begin < kReach ? 0 : begin - kReach;
    const PaymentView part = columns.view().slice(base, std::min(columns.size(), begin + kSegment));
    for (; row < base + part.size(); ++row) {
      ASSERT_EQ(loop.step(part, row - base, base, kScore).decision, whole[row].decision);
    }
  }
  EXPECT_EQ(row, columns.size());
}

TEST(ClosedLoop, LearnsHowOftenCardholdersAnswer) {
  FeedbackSettings settings;
  settings.answered = 0.4;
  const PaymentColumns columns = stream(2 * kSecondsPerDay);
  ClosedLoop loop(rates(), policy(), settings, 0);
  for (std::size_t row = 0; row < columns.size(); ++row) loop.step(columns.view(), row, 0, kScore);
  EXPECT_NEAR(loop.loop().beliefs().rates().answers.answered.value, 0.4, 0.06);
}

TEST(ClosedLoop, BeforeItIsClosedEveryPaymentIsExecuted) {
  const PaymentColumns columns = stream(0);
  const Seconds closed = columns.event_time.front() + 2 * kSecondsPerDay;
  ClosedLoop loop(rates(), policy(), {}, closed);
  for (std::size_t row = 0; columns.event_time[row] < closed; ++row) {
    ASSERT_TRUE(loop.step(columns.view(), row, 0, kScore).executed);
  }
}

TEST(Cardholders, AnswerAsTheSharesSay) {
  FeedbackSettings settings;
  settings.answered = 0.7;
  settings.fraud_passes = 0.1;
  settings.wrong_denial = 0.05;
  int passed = 0, denied = 0, confirmed = 0, wrong = 0;
  constexpr int kAsked = 20'000;
  for (int id = 0; id < kAsked; ++id) {
    const CardholderAnswer fraud = ask_cardholder(settings, id, true);
    passed += fraud.executed;
    denied += fraud.outcome == Outcome::kFraud;
    const CardholderAnswer genuine = ask_cardholder(settings, id, false);
    confirmed += genuine.executed;
    wrong += genuine.outcome == Outcome::kFraud;
    EXPECT_EQ(fraud.delay, 900);
  }
  EXPECT_NEAR(passed, kAsked * 0.1, 200);
  EXPECT_NEAR(denied, kAsked * 0.9 * 0.7, 300);
  EXPECT_NEAR(confirmed, kAsked * 0.7 * 0.95, 300);
  EXPECT_NEAR(wrong, kAsked * 0.7 * 0.05, 150);
}

TEST(Cardholders, ExponentialDelaysHaveTheirMean) {
  FeedbackSettings settings;
  settings.answer_law = AnswerLaw::kExponential;
  double sum = 0;
  for (int id = 0; id < 10'000; ++id) {
    sum += static_cast<double>(ask_cardholder(settings, id, false).delay);
  }
  EXPECT_NEAR(sum / 10'000, 900, 40);
}

TEST(FeedbackSettings, RefuseSharesAndDelaysOutOfRange) {
  FeedbackSettings settings;
  settings.answered = 1.5;
  EXPECT_THROW(settings.validate(), UsageError);
  settings = {};
  settings.answer_delay = 0;
  EXPECT_THROW(settings.validate(), UsageError);
}

}  // namespace
}  // namespace weir
