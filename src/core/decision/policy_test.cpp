#include "core/decision/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transaction/error.h"

namespace weir {
namespace {
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Policy, AThresholdBelongsToItsAction) {
  const Policy policy{-1.5F, 2.0F, 0.01};
  EXPECT_EQ(policy.decide(-1.5000001F), Action::kApprove);
  EXPECT_EQ(policy.decide(-1.5F), Action::kChallenge);
  EXPECT_EQ(policy.decide(1.9999999F), Action::kChallenge);
  EXPECT_EQ(policy.decide(2.0F), Action::kDecline);
}

TEST(Policy, ReadsBackToTheBit) {
  for (const Policy& policy :
       {Policy{-1.1F, 0.3F, 0.05}, Policy{0.0F, 0.0F, 0.0}, Policy{-3.0F, 1e-7F, 1.0 / 3}}) {
    EXPECT_EQ(Policy::parse(policy.to_toml(), "policy.toml"), policy);
  }
}

TEST(Policy, ABadFileNamesTheFault) {
  const auto parse = [](const char* text) { return [text] { Policy::parse(text, "p.toml"); }; };
  EXPECT_THAT(parse("challenge_margin = 1.0\n"),
              ThrowsMessage<Error>(HasSubstr("decline_margin must be a finite")));
  EXPECT_THAT(
      parse("challenge_margin = 1.0\ndecline_margin = nan\nexpected_false_positive_rate = 0.1\n"),
      ThrowsMessage<Error>(HasSubstr("decline_margin must be a finite")));
  EXPECT_THAT(
      parse("challenge_margin = 3.0\ndecline_margin = 1.0\nexpected_false_positive_rate = 0.1\n"),
      ThrowsMessage<Error>(HasSubstr("is above decline_margin 1")));
  EXPECT_THAT(parse("treshold = 1\n"),
              ThrowsMessage<Error>(HasSubstr("p.toml\": line 1: unknown key treshold")));
  EXPECT_THAT(parse("a = = 1\n"), ThrowsMessage<Error>(HasSubstr("p.toml\": line 1: ")));
}

}  // namespace
}  // namespace weir
