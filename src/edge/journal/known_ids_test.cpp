#include "edge/journal/known_ids.h"

#include <gtest/gtest.h>

#include <set>

#include "core/transaction/hash.h"

namespace weir::journal {
namespace {

constexpr auto kRemembered = static_cast<std::int64_t>(KnownIds::kRemembered);

TEST(KnownIds, KnowsThoseBeforeByTheirGreatestAlone) {
  KnownIds ids(100);
  EXPECT_TRUE(ids.may_have(100));
  EXPECT_TRUE(ids.may_have(-5));
  EXPECT_FALSE(ids.may_have(101));
}

TEST(KnownIds, TellsAnIdThatWasOvertakenFromOneThatCame) {
  KnownIds ids(-1);
  ids.add(7);
  ids.add(5);
  EXPECT_TRUE(ids.may_have(7));
  EXPECT_TRUE(ids.may_have(5));
  EXPECT_FALSE(ids.may_have(6));
  EXPECT_FALSE(ids.may_have(8));
}

/// Against a set of all ids: growing ones that overtake one another, some sent twice.
TEST(KnownIds, NeverForgetsAndSeldomGuesses) {
  KnownIds ids(-1);
  std::set<std::int64_t> all;
  std::int64_t guessed = 0;
  for (std::int64_t i = 0; i < 5 * kRemembered; ++i) {
    const auto draw = static_cast<std::int64_t>(mix64(static_cast<std::uint64_t>(i)));
    const std::int64_t id = 2 * (i ^ (draw & 63));
    if (all.contains(id)) {
      ASSERT_TRUE(ids.may_have(id)) << id;
    }
    guessed += ids.may_have(id) && !all.contains(id);
    ids.add(id);
    all.insert(id);
    ASSERT_TRUE(ids.may_have(id));
    ASSERT_FALSE(ids.may_have(id + 1)) << id;
  }
  EXPECT_EQ(guessed, 0);
  for (const std::int64_t id : all) ASSERT_TRUE(ids.may_have(id)) << id;
}

TEST(KnownIds, TakesAnIdForKnownThatLiesFarBehind) {
  KnownIds ids(-1);
  for (std::int64_t i = 0; i < 3 * kRemembered; ++i) ids.add(2 * i);
  EXPECT_TRUE(ids.may_have(1));
  EXPECT_FALSE(ids.may_have(6 * kRemembered - 1));
}

}  // namespace
}  // namespace weir::journal
