#include "core/cleaning/row_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transaction/error.h"

namespace weir {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(RowLayout, KnowsTheCourseAndTheHandbook) {
  for (const char* header :
       {"# tranaction_id | tx_datetime | customer_id | terminal_id | tx_amount | tx_time_seconds | "
        "tx_time_days | tx_fraud | tx_fraud_scenario",
        "\xEF\xBB\xBF"
        "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_DAYS,"
        "TX_FRAUD,TX_FRAUD_SCENARIO\r"}) {
    const auto layout = RowLayout::from_header(header, {}, "x");
    EXPECT_TRUE(layout.is_course_order());
    EXPECT_TRUE(layout.labelled());
    EXPECT_EQ(layout.delimiter(), ',');
    EXPECT_EQ(layout.column_count(), 9u);
  }
}

TEST(RowLayout, TakesTheUsersNames) {
  const auto names = parse_column_names({"amount=Sum", "transaction_id=No"});
  const auto layout =
      RowLayout::from_header("\"No\"\tevent_time\tcustomer_id\tterminal_id\tSUM", names, "x");
  EXPECT_EQ(layout.delimiter(), '\t');
  EXPECT_EQ(layout.column(Field::kTransactionId), 0);
  EXPECT_EQ(layout.column(Field::kAmount), 4);
  EXPECT_FALSE(layout.labelled());
  EXPECT_FALSE(layout.is_course_order());
}

TEST(RowLayout, AMissingColumnIsAnErrorWithTheWayOut) {
  EXPECT_THAT(
      [] { RowLayout::from_header("0,2019-08-22 06:51:03,0,711\x01", {}, "a.txt"); },
      ThrowsMessage<Error>(AllOf(HasSubstr("\"a.txt\": no column for transaction_id in the header"),
                                 HasSubstr("got \"0, 2019-08-22 06:51:03, 0, 711\\x01\""),
                                 HasSubstr("--column transaction_id=NAME"))));
  EXPECT_THAT(
      [] {
        RowLayout::from_header("transaction_id,event_time,customer_id,terminal_id,amount",
                               parse_column_names({"is_fraud=Bad"}), "a.txt");
      },
      ThrowsMessage<Error>(HasSubstr("no column for Bad in the header")));
}

TEST(RowLayout, AWrongMappingIsAUsageError) {
  for (const char* word : {"amount", "amount=", "sum=amount", "=x"}) {
    EXPECT_THAT([&] { parse_column_names({word}); },
                ThrowsMessage<UsageError>(HasSubstr("wanted FIELD=NAME")));
  }
}

}  // namespace
}  // namespace weir
