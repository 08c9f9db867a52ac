#include "core/features/feature_spec.h"

#include <gmock/gmock.h>

#include "core/transaction/error.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

auto fails_with(const std::string& toml, const std::string& text) {
  EXPECT_THAT([&] { FeatureSpec::parse(toml, "x.toml"); }, ThrowsMessage<Error>(HasSubstr(text)));
}

TEST(FeatureSpec, TheHandbookHasItsFifteenInputs) {
  EXPECT_THAT(
      FeatureSpec::builtin("handbook").names(),
      ElementsAre("amount", "is_weekend", "is_night", "customer_count_1d", "customer_mean_1d",
                  "customer_count_7d", "customer_mean_7d", "customer_count_30d",
                  "customer_mean_30d", "terminal_count_1d_delay_7d", "terminal_risk_1d_delay_7d",
                  "terminal_count_7d_delay_7d", "terminal_risk_7d_delay_7d",
                  "terminal_count_30d_delay_7d", "terminal_risk_30d_delay_7d"));
  EXPECT_LE(FeatureSpec::builtin("weir").size(), 32u);
}

TEST(FeatureSpec, CanonicalTextReadsBackTheSame) {
  for (const char* name : {"handbook", "weir", "card"}) {
    const FeatureSpec spec = FeatureSpec::builtin(name);
    const FeatureSpec back = FeatureSpec::parse(spec.to_toml(), "canonical");
    EXPECT_EQ(back.inputs(), spec.inputs());
    EXPECT_EQ(back.to_toml(), spec.to_toml());
    EXPECT_EQ(back.fingerprint(), spec.fingerprint());
    EXPECT_EQ(spec.fingerprint().size(), 32u);
  }
}

TEST(FeatureSpec, TheFingerprintFollowsInputsAndOrderNotNameOrLayout) {
  const std::string amount = R"({ key = "payment", aggregate = "amount" })";
  const std::string hour = R"({ key = "payment", aggregate = "hour" })";
  const auto print = [](const std::string& toml) {
    return FeatureSpec::parse(toml, "x").fingerprint();
  };
  EXPECT_EQ(print("input = [" + amount + ", " + hour + "]"),
            print("name = \"other\"\n[[input]]\naggregate = \"amount\"\nkey = \"payment\"\n"
                  "[[input]]\nkey = \"payment\"\naggregate = \"hour\"\n"));
  EXPECT_NE(print("input = [" + amount + ", " + hour + "]"),
            print("input = [" + hour + ", " + amount + "]"));
  // Bundles hold this: a change means that old models no longer load.
  EXPECT_EQ(FeatureSpec::builtin("handbook").fingerprint(), "856bd1067361e8824504130b1268d05e");
}

TEST(FeatureSpec, ArraysOfWindowsAndDelaysAreInputsOfTheirOwn) {
  const std::string toml =
      R"(input = [{ key = "pair", aggregate = "count", window = ["36h", "7d"], delay = ["0s", "90s"] }])";
  EXPECT_THAT(FeatureSpec::parse(toml, "x").names(),
              ElementsAre("pair_count_36h", "pair_count_36h_delay_90s", "pair_count_7d",
                          "pair_count_7d_delay_90s"));
}

TEST(FeatureSpec, ErrorsNameTheLineTheWordAndTheNearestKnownOne) {
  fails_with(
      "name = \"a\"\ninput = [\n  { key = \"customer\", aggregate = \"cuont\", window = \"1d\" } ]",
      "feature spec x.toml: line 3: unknown aggregate \"cuont\"; did you mean \"count\"?");
  fails_with("input = [ { key = \"custommer\", aggregate = \"count\", window = \"1d\" } ]",
             "unknown key \"custommer\"; did you mean \"customer\"?");
  fails_with("inputs = []", "unknown field \"inputs\"; did you mean \"input\"?");
  fails_with("input = [ { key = \"payment\", agregate = \"amount\" } ]",
             "unknown field \"agregate\" of an input; did you mean \"aggregate\"?");
}

TEST(FeatureSpec, LettersOutsideQuotesAreAnErrorAndInCommentsAreNone) {
  // Undefined behaviour in toml++ 3.3, see cmake/DebianLibraries.cmake.
  fails_with("ввод = []", "feature spec x.toml: line 1");
  fails_with("input = [] ы", "feature spec x.toml: line 1");
  EXPECT_EQ(FeatureSpec::parse(
                "# сумма\ninput = [{ key = \"payment\", aggregate = \"amount\" }] # ы", "x.toml")
                .size(),
            1U);
}

TEST(FeatureSpec, WhatMakesNoSenseIsAnError) {
  fails_with("", "there are no inputs");
  fails_with("input = []", "there are no inputs");
  fails_with("input = 3", "there are no inputs");
  fails_with("input = [ 3 ]", "an input must be a table");
  fails_with("name = 3", "name must be");
  fails_with("input = [", "line 1");
  fails_with("input = [ { key = \"customer\", aggregate = \"count\" } ]",
             "\"count\" has no window");
  fails_with("input = [ { key = \"customer\", window = \"1d\" } ]", "has no aggregate");
  fails_with("input = [ { aggregate = \"count\", window = \"1d\" } ]", "has no key");
  fails_with("input = [ { key = \"customer\", aggregate = \"count\", window = \"1w\" } ]",
             "window must be a duration");
  fails_with("input = [ { key = \"customer\", aggregate = \"count\", window = [] } ]",
             "window is an empty array");
  fails_with("input = [ { key = \"customer\", aggregate = \"count\", window = \"0s\" } ]",
             "longer than 0 s");
  fails_with(
      "input = [ { key = \"customer\", aggregate = \"count\", window = \"399d\", delay = "
      "\"2d\" } ]",
      "window + delay is 401d, more than the 400d");
  fails_with("input = [ { key = \"customer\", aggregate = \"amount\" } ]",
             "\"amount\" belongs to the payment itself");
  fails_with("input = [ { key = \"payment\", aggregate = \"count\", window = \"1d\" } ]",
             "\"count\" needs a history");
  fails_with("input = [ { key = \"payment\", aggregate = \"amount\", window = \"1d\" } ]",
             "leave window and delay out");
  fails_with(
      "input = [ { key = \"pair\", aggregate = \"time_since_last\", window = \"1d\", delay = "
      "\"1d\" } ]",
      "takes no delay");
  fails_with(
      "input = [ { key = \"payment\", aggregate = \"hour\" }, { key = \"payment\", aggregate "
      "= \"hour\" } ]",
      "the input hour is there twice");
}

TEST(FeatureSpec, AnUnknownBuiltinIsWrongUse) {
  EXPECT_THAT([] { FeatureSpec::builtin("wier"); },
              ThrowsMessage<UsageError>(AllOf(HasSubstr("unknown feature spec \"wier\""),
                                              HasSubstr("\"handbook\", \"weir\" and \"card\""))));
}

}  // namespace
}  // namespace weir
