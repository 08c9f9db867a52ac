#include "core/cleaning/id_filter.h"

#include <gtest/gtest.h>

#include <set>

#include "core/transaction/hash.h"

namespace weir {
namespace {

TEST(IdFilter, IsExactForDenseIds) {
  IdFilter filter;
  for (std::int64_t id = 0; id < 300'000; ++id) ASSERT_FALSE(filter.insert(id * 3 + 1'832'792'610));
  for (std::int64_t id = 0; id < 900'000; ++id) {
    ASSERT_EQ(filter.insert(id + 1'832'792'610), id % 3 == 0);
  }
  EXPECT_TRUE(filter.is_exact());
}

TEST(IdFilter, IsExactForAFewScatteredIds) {
  IdFilter filter;
  std::set<std::int64_t> seen;
  for (std::uint64_t i = 0; i < 1500; ++i) {
    const auto id = static_cast<std::int64_t>(hash64(1, i % 1000) >> 1);
    EXPECT_EQ(filter.insert(id), !seen.insert(id).second);
  }
  EXPECT_TRUE(filter.is_exact());
}

TEST(IdFilter, NeverForgetsAScatteredId) {
  IdFilter filter(24);
  const auto id_of = [](std::uint64_t i) { return static_cast<std::int64_t>(hash64(1, i) >> 1); };
  int wrong = 0;
  constexpr int kIds = 200'000;
  for (std::uint64_t i = 0; i < kIds; ++i) wrong += filter.insert(id_of(i)) ? 1 : 0;
  EXPECT_FALSE(filter.is_exact());
  for (std::uint64_t i = 0; i < kIds; ++i) ASSERT_TRUE(filter.insert(id_of(i))) << i;
  // 400,000 of 2^24 bits are set at the end: both of an id's by chance in at most (1/42)^2.
  EXPECT_LT(wrong, kIds / 42 / 42 + 100);
}

}  // namespace
}  // namespace weir
