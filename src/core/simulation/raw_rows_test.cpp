#include "core/simulation/raw_rows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/transaction/calendar.h"
#include "core/transaction/money.h"

namespace weir {
namespace {

/// The line as the format's description says, slowly.
std::string naive_line(const SimulationSpec& spec,
                       std::int64_t id,
                       std::int64_t day,
                       const SimulatedPayment& payment) {
  const Seconds midnight = spec.start + day * kSecondsPerDay;
  const std::string time = payment.second == kSecondsPerDay
                               ? format_date(midnight) + " 24:00:00"
                               : format_datetime(midnight + payment.second);
  return fmt::format("{},{},{},{},{},{},{},{},{}\n", id, time, payment.customer, payment.terminal,
                     format_amount(payment.amount_minor), day * kSecondsPerDay + payment.second,
                     day, payment.scenario != 0 ? 1 : 0, payment.scenario);
}

TEST(RawRows, LooksLikeTheCoursesRows) {
  SimulationSpec spec = SimulationSpec::preset("course");
  spec.defects = 0;
  const std::vector<SimulatedPayment> payments = {{70'91, 0, 711, 24'663, 0},
                                                  {40'71, 10, 663, 41'562, 2}};
  EXPECT_EQ(format_rows(spec, 0, 0, payments).text,
            "0,2019-08-22 06:51:03,0,711,70.91,24663,0,0,0\n"
            "1,2019-08-22 11:32:42,10,663,40.71,41562,0,1,2\n");
  EXPECT_EQ(raw_file_name(spec, 30), "2019-09-21.txt");
  EXPECT_EQ(raw_file_name(spec, 1'170), "2022-11-04.txt");
}

TEST(RawRows, LooksLikeTheHandbooksRows) {
  const SimulationSpec spec = SimulationSpec::preset("handbook");
  const std::vector<SimulatedPayment> payments = {{23'59, 3542, 9849, 86'397, 0}};
  EXPECT_EQ(format_rows(spec, 182, 1'754'154, payments).text,
            "1754154,2018-09-30 23:59:57,3542,9849,23.59,15811197,182,0,0\n");
  EXPECT_EQ(raw_header(spec.format),
            "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_"
            "DAYS,TX_FRAUD,TX_FRAUD_SCENARIO\n");
  EXPECT_EQ(raw_file_name(spec, 0), "2018-04-01.csv");
}

TEST(RawRows, EqualsTheNaiveFormat) {
  SimulationSpec spec = SimulationSpec::preset("course-small");
  spec.customers = 500;
  const Simulator simulator(spec);
  spec.defects = 0;
  for (const std::int64_t day : {0, 59}) {
    std::vector<SimulatedPayment> payments = simulator.payments(day, 0, spec.customers);
    payments.push_back({0, 1, 2, 86'400, 0});
    payments.push_back({123'456'78, 499, 0, 1, 3});
    std::string expected;
    std::int64_t id = 1'000'000'000;
    for (const auto& payment : payments) expected += naive_line(spec, id++, day, payment);
    const RawRows rows = format_rows(spec, day, 1'000'000'000, payments);
    EXPECT_EQ(rows.text, expected);
    EXPECT_EQ(rows.counts.written, rows.counts.clean);
  }
}

TEST(RawRows, TheDefectOfARowDependsOnItsIdOnly) {
  SimulationSpec spec = SimulationSpec::preset("course-small");
  spec.customers = 5'000;
  spec.defects = 1'000;
  const Simulator simulator(spec);
  const auto payments = simulator.payments(3, 0, spec.customers);
  const std::span all(payments);
  const RawRows whole = format_rows(spec, 3, 77, all);
  RawRows parts = format_rows(spec, 3, 77, all.first(1'234));
  const RawRows rest = format_rows(spec, 3, 77 + 1'234, all.subspan(1'234));
  EXPECT_EQ(whole.text, parts.text + rest.text);
  parts.counts += rest.counts;
  EXPECT_EQ(whole.counts, parts.counts);
  EXPECT_EQ(whole.later_copies.size(), parts.later_copies.size() + rest.later_copies.size());
  EXPECT_GT(whole.counts.quarantined.rows, 1'000);
}

}  // namespace
}  // namespace weir
