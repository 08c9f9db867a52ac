#include "core/cleaning/json_row.h"

#include <gtest/gtest.h>

#include "core/cleaning/row_parser.h"

namespace weir {
namespace {

constexpr std::string_view kRow =
    R"({"transaction_id":1,"event_time":"2019-08-22T11:32:42Z","customer_id":2,"terminal_id":3,"amount":40.71})";

TEST(JsonRow, ReadsTheSameParserOverAndOver) {
  JsonRowParser parser;
  for (int i = 0; i < 3; ++i) {
    const auto row = std::get<CleanedPayment>(parser.clean(kRow, {}));
    EXPECT_EQ(row.payment, (Payment{1, 1'566'473'562, 2, 3, 4071}));
    EXPECT_TRUE(std::holds_alternative<Reject>(parser.clean("{", {})));
  }
}

TEST(JsonRow, WantsALabelWhereOthersHaveOne) {
  JsonRowParser parser;
  EXPECT_FALSE(parser.has_label(kRow));
  EXPECT_TRUE(parser.has_label(R"({"is_fraud":false})"));
  const auto reject = std::get<Reject>(parser.clean(kRow, {}, /*labels_required=*/true));
  EXPECT_EQ(reject.rule, Rule::kFieldCount);
  EXPECT_EQ(reject.field, Field::kIsFraud);
}

TEST(JsonRow, EveryCutOfARowIsARejectNeverACrash) {
  JsonRowParser parser;
  for (std::size_t length = 0; length < kRow.size(); ++length) {
    EXPECT_TRUE(std::holds_alternative<Reject>(parser.clean(kRow.substr(0, length), {}))) << length;
  }
  EXPECT_TRUE(std::holds_alternative<Reject>(parser.clean(std::string(kRow) + "}", {})));
  EXPECT_TRUE(std::holds_alternative<Reject>(parser.clean("\xFF\xFE{}", {})));
  EXPECT_EQ(std::get<Reject>(parser.clean(std::string(kMaxLineBytes + 1, ' '), {})).rule,
            Rule::kLineTooLong);
}

}  // namespace
}  // namespace weir
