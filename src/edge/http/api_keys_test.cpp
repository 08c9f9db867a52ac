#include "edge/http/api_keys.h"

#include <gtest/gtest.h>

#include "core/transaction/error.h"

namespace weir::http {
namespace {

// sha256("test") and sha256("abc"), FIPS 180-2.
constexpr const char* kKeys =
    "# who may call\n"
    "gateway scorer,feedback 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"
    "\n"
    "ops admin ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  # on call\n";

TEST(ApiKeys, GivesTheRolesOfAKey) {
  const ApiKeys keys = ApiKeys::parse(kKeys, "keys");
  EXPECT_EQ(keys.size(), 2);
  EXPECT_EQ(keys.roles_of("test"), kScorer | kFeedback);
  EXPECT_EQ(keys.roles_of("abc"), kAdmin);
  EXPECT_EQ(keys.roles_of("test "), kNobody);
  EXPECT_EQ(keys.roles_of(""), kNobody);
}

TEST(ApiKeys, NamesTheBadLineAndNeverWhatStandsThere) {
  for (const char* text : {"a secret-role 9f86", "a scorer 9f86secret-key", "a", "#"}) {
    try {
      ApiKeys::parse(text, "keys.txt");
      FAIL() << text;
    } catch (const Error& error) {
      const std::string shown = error.what();
      EXPECT_NE(shown.find("keys.txt"), std::string::npos) << shown;
      EXPECT_EQ(shown.find("secret"), std::string::npos) << shown;
    }
  }
}

TEST(BearerKey, IsTakenFromTheHeader) {
  EXPECT_EQ(bearer_key("Bearer k1"), "k1");
  EXPECT_EQ(bearer_key("bearer k1"), "k1");
  EXPECT_EQ(bearer_key("Basic k1"), std::nullopt);
  EXPECT_EQ(bearer_key("Bearer "), std::nullopt);
}

}  // namespace
}  // namespace weir::http
