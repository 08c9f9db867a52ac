#include "core/cleaning/json_row.h"

#include <gtest/gtest.h>

#include "core/cleaning/row_parser.h"
#include "core/transaction/hash.h"

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

/// The short cut for plain rows and the whole parser must agree, also on what is wrong.
TEST(JsonRow, PlainRowsAreReadAsAllOthersAre) {
  JsonRowParser parser;
  const auto check = [&](const std::string& json) {
    const auto plain = parser.clean(json, {});
    const std::uint64_t unknown = parser.unknown_fields();
    const auto brace = json.find('{');
    if (brace == std::string::npos) return;
    // An escape in a field that nobody knows is what the short cut leaves alone.
    std::string other = json;
    other.insert(brace + 1, R"("\n":0,)");
    const auto whole = parser.clean(other, {});
    ASSERT_EQ(plain.index(), whole.index()) << json;
    if (const auto* cleaned = std::get_if<CleanedPayment>(&plain)) {
      ASSERT_EQ(*cleaned, std::get<CleanedPayment>(whole)) << json;
      ASSERT_EQ(unknown + 1, parser.unknown_fields()) << json;
    } else {
      ASSERT_EQ(std::get<Reject>(plain).rule, std::get<Reject>(whole).rule) << json;
      ASSERT_EQ(std::get<Reject>(plain).field, std::get<Reject>(whole).field) << json;
    }
  };
  const std::string rows[] = {
      std::string(kRow),
      R"( { "amount" : "40.71" , "event_time":"2019-08-22 11:32:42",)"
      R"("terminal_id":"3","customer_id":2, "transaction_id": 18 , "note":"x" } )",
      R"({"transaction_id":1,"event_time":"2019-08-22T11:32:42Z","customer_id":2,"terminal_id":3,)"
      R"("amount_minor":4071,"is_fraud":1,"fraud_scenario":2})"};
  constexpr std::string_view kLetters = "{}[]\",:.0195eE+-\\ \t\ntrufalsn\x01\x7f\xd0";
  std::uint64_t seed = 7;
  for (const std::string& row : rows) {
    check(row);
    for (int round = 0; round < 20'000; ++round) {
      std::string changed = row;
      for (std::uint64_t edits = mix64(++seed) % 3 + 1; edits > 0; --edits) {
        const std::uint64_t draw = mix64(++seed);
        const std::size_t at = draw % changed.size();
        const char letter = kLetters[(draw >> 32) % kLetters.size()];
        switch ((draw >> 60) % 3) {
          case 0:
            changed[at] = letter;
            break;
          case 1:
            changed.insert(at, 1, letter);
            break;
          default:
            changed.erase(at, 1);
        }
      }
      // Only where the brace is the object's own does the other text mean the same.
      if (changed.find('{') < changed.find('"')) check(changed);
    }
  }
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
