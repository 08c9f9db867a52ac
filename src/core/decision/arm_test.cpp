#include "core/decision/arm.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Arm, GivesTheChallengerItsShareOfTheCustomers) {
  for (const double share : {0.0, 0.1, 0.5, 1.0}) {
    int chosen = 0;
    for (std::int64_t customer = 0; customer < 20'000; ++customer) {
      chosen += in_challenger_arm("autumn", customer, share);
    }
    EXPECT_NEAR(chosen / 20'000.0, share, 0.01);
  }
}

TEST(Arm, ALargerShareKeepsTheCustomersOfASmallerOne) {
  for (std::int64_t customer = 0; customer < 1'000; ++customer) {
    if (in_challenger_arm("autumn", customer, 0.1)) {
      EXPECT_TRUE(in_challenger_arm("autumn", customer, 0.3));
    }
  }
}

TEST(Arm, AnotherExperimentDrawsAnew) {
  int both = 0;
  for (std::int64_t customer = 0; customer < 20'000; ++customer) {
    both +=
        in_challenger_arm("autumn", customer, 0.5) && in_challenger_arm("winter", customer, 0.5);
  }
  EXPECT_NEAR(both / 20'000.0, 0.25, 0.02);
}

}  // namespace
}  // namespace weir
