#include "core/cleaning/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/transaction/error.h"

namespace weir {
namespace {

CleanedPayment make_row(std::int64_t id, std::int64_t amount_minor, bool fraud) {
  CleanedPayment row;
  row.payment = {id, 1'566'432'000, 3, 4, amount_minor};
  row.label = {static_cast<std::int8_t>(fraud), static_cast<std::int8_t>(fraud ? 2 : 0)};
  return row;
}

Reject make_reject(Rule rule, std::optional<std::int64_t> amount, std::optional<bool> fraud) {
  Reject reject;
  reject.rule = rule;
  reject.amount_minor = amount;
  reject.is_fraud = fraud;
  return reject;
}

TEST(PackedPayment, KeepsEveryField) {
  for (const int scenario : {-1, 0, 1, 3, kMaxScenario}) {
    CleanedPayment row;
    row.payment = {INT64_MAX, 1'566'432'000 + 86'399, INT64_MAX - 1, INT64_MAX - 2,
                   10'000'000'000'000};
    row.time_repaired = scenario == 1;
    if (scenario >= 0) row.label = {1, static_cast<std::int8_t>(scenario)};
    const PackedPayment packed(row);
    EXPECT_EQ(packed.transaction_id(), row.payment.transaction_id);
    EXPECT_EQ(packed.second(), 86'399u);
    EXPECT_EQ(packed.customer_id(), row.payment.customer_id);
    EXPECT_EQ(packed.terminal_id(), row.payment.terminal_id);
    EXPECT_EQ(packed.amount_minor(), row.payment.amount_minor);
    EXPECT_EQ(packed.label(), row.label);
    EXPECT_EQ(packed.time_repaired(), row.time_repaired);
  }
}

TEST(CleanReport, BalancesInRowsMoneyAndFrauds) {
  CleanReport report;
  report.labelled = true;
  report.clean.add(PackedPayment(make_row(1, 100, true)));
  report[Rule::kDuplicateRow].add(PackedPayment(make_row(1, 100, true)));
  report[Rule::kAmountInvalid].add(make_reject(Rule::kAmountInvalid, -500, false));
  report[Rule::kFieldCount].add(make_reject(Rule::kFieldCount, std::nullopt, std::nullopt));
  report.in = {4, static_cast<std::uint64_t>(-300), 2, 1, 1};
  EXPECT_TRUE(report.balances());
  // Kept rows are no rejects.
  report[Rule::kAmountZeroKept].add(PackedPayment(make_row(2, 0, false)));
  EXPECT_TRUE(report.balances());
  report.in.frauds = 1;
  EXPECT_FALSE(report.balances());
  report.in.frauds = 2;
  const auto json = nlohmann::json::parse(report.to_json());
  EXPECT_EQ(json["in"]["amount_minor"], -300);
  EXPECT_EQ(json["rules"]["duplicate_row"]["rows"], 1);
  EXPECT_EQ(json["quarantined"]["unknown_amounts"], 1);
  EXPECT_EQ(json["balanced"], true);
  EXPECT_THAT(report.to_table(), testing::HasSubstr("unread: 1 amounts, 1 labels"));
}

TEST(FraudEaters, AreFoundBeyondChanceOnly) {
  const auto found = [](std::uint64_t rows, std::uint64_t frauds, double share) {
    CleanReport report;
    report.labelled = true;
    report.in.rows = 1'000'000;
    report.in.frauds = static_cast<std::uint64_t>(share * 1'000'000);
    report[Rule::kTerminalUnknown].rows = rows;
    report[Rule::kTerminalUnknown].frauds = frauds;
    return find_fraud_eaters(report, {}).size();
  };
  EXPECT_EQ(found(3, 3, 0.008), 0u);      // Three rows prove nothing.
  EXPECT_EQ(found(28, 28, 0.05), 1u);     // 28 ln 20 = 84 nats.
  EXPECT_EQ(found(1000, 50, 0.05), 0u);   // The data's own share.
  EXPECT_EQ(found(1000, 90, 0.05), 0u);   // Below twice.
  EXPECT_EQ(found(1000, 130, 0.05), 1u);  // Far above: 45 nats.
  EXPECT_EQ(found(80, 12, 0.05), 0u);     // Three times, but chance gives it often.
}

TEST(FraudEaters, AnAcceptedRuleMayEat) {
  CleanReport report;
  report.labelled = true;
  report.in = {10'000, 0, 100, 0, 0};
  report[Rule::kTerminalUnknown] = {50, 0, 50, 0, 0};
  ASSERT_EQ(find_fraud_eaters(report, {}).size(), 1u);
  EXPECT_EQ(find_fraud_eaters(report, {})[0].rule, Rule::kTerminalUnknown);
  EXPECT_TRUE(find_fraud_eaters(report, {Rule::kTerminalUnknown}).empty());
  report.labelled = false;
  EXPECT_TRUE(find_fraud_eaters(report, {}).empty());
}

TEST(CleanReport, ComesBackFromItsText) {
  CleanReport report;
  report.labelled = true;
  report.files = {{"a.txt", 2}};
  report.days = 1;
  report.first_time = 1'566'432'000;
  report.last_time = 1'566'432'059;
  report.clean.add(PackedPayment(make_row(1, 100, true)));
  report[Rule::kAmountInvalid].add(make_reject(Rule::kAmountInvalid, -500, std::nullopt));
  report.in = {2, static_cast<std::uint64_t>(-400), 1, 0, 1};
  EXPECT_EQ(CleanReport::from_json(report.to_json(), "r").to_json(), report.to_json());
  EXPECT_THROW(CleanReport::from_json("{}", "r"), Error);
}

TEST(CleanReport, TheSumOfPartsIsTheWhole) {
  CleanReport first, second, whole;
  for (CleanReport* report : {&first, &whole}) {
    report->files = {{"a.txt", 1}};
    report->in.add(PackedPayment(make_row(1, 100, false)));
    report->first_time = report->last_time = 1'566'432'000;
  }
  second.files = {{"a.txt", 2}, {"b.txt", 5}};
  second[Rule::kTerminalUnknown].add(make_reject(Rule::kTerminalUnknown, 7, false));
  second.days = 3;
  whole.files = {{"a.txt", 3}, {"b.txt", 5}};
  whole[Rule::kTerminalUnknown].add(make_reject(Rule::kTerminalUnknown, 7, false));
  whole.days = 3;
  first += second;
  EXPECT_EQ(first.to_json(), whole.to_json());
  second.labelled = true;
  EXPECT_THROW(first += second, Error);
}

}  // namespace
}  // namespace weir
