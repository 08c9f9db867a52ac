#include "core/pipeline/decision_memory.h"

#include <gtest/gtest.h>

#include <map>

#include "core/transaction/hash.h"

namespace weir {
namespace {

DecisionMemory::Entry entry(std::int64_t id, Seconds logged_at) {
  DecisionMemory::Entry result;
  result.decision.transaction_id = id;
  result.decision.margin = static_cast<float>(id) / 2;
  result.logged_at = logged_at;
  return result;
}

TEST(DecisionMemory, AgreesWithAMapOnARandomStream) {
  constexpr std::uint64_t kSeed = 11;
  constexpr Seconds kWindow = 500;
  DecisionMemory memory;
  std::map<std::int64_t, Seconds> twin;
  for (Seconds now = 0; now < 20'000; ++now) {
    const auto id =
        static_cast<std::int64_t>(hash64(kSeed, static_cast<std::uint64_t>(now)) % 3000) - 1500;
    memory.forget(now - kWindow);
    std::erase_if(twin, [&](const auto& item) { return item.second < now - kWindow; });
    ASSERT_EQ(memory.size(), twin.size());
    const auto* found = memory.find(id);
    ASSERT_EQ(found != nullptr, twin.contains(id)) << "id " << id << " at " << now;
    if (found != nullptr) {
      ASSERT_EQ(found->logged_at, twin[id]);
      continue;
    }
    memory.insert(entry(id, now));
    twin[id] = now;
  }
}

/// The index is moved little by little: each step of that finds all and forgets on both sides.
TEST(DecisionMemory, FindsAndForgetsWhileItsIndexGrows) {
  constexpr std::uint64_t kSeed = 12;
  DecisionMemory memory;
  std::map<std::int64_t, Seconds> twin;
  Seconds oldest = 0;
  for (Seconds now = 0; now < 40'000; ++now) {
    const std::uint64_t draw = hash64(kSeed, static_cast<std::uint64_t>(now));
    const auto id = static_cast<std::int64_t>(draw % 1'000'000);
    // Two of three stay, so that the index grows six times on the way.
    if (now % 3 == 0) {
      memory.forget(++oldest);
      std::erase_if(twin, [&](const auto& item) { return item.second < oldest; });
    }
    if (memory.find(id) == nullptr) {
      ASSERT_FALSE(twin.contains(id));
      memory.insert(entry(id, now));
      twin[id] = now;
    }
    const auto other = static_cast<std::int64_t>((draw >> 32) % 1'000'000);
    ASSERT_EQ(memory.find(other) != nullptr, twin.contains(other)) << other << " at " << now;
    if (const std::size_t power = memory.size(); (power & (power - 1)) != 0 && now % 997 != 0) {
      continue;
    }
    for (const auto& [known, logged_at] : twin) {
      ASSERT_NE(memory.find(known), nullptr) << known << " at " << now;
      ASSERT_EQ(memory.find(known)->logged_at, logged_at);
    }
  }
  memory.forget(40'000);
  EXPECT_EQ(memory.size(), 0u);
}

TEST(DecisionMemory, GrowsAndForgetsEverything) {
  DecisionMemory memory;
  for (std::int64_t id = 0; id < 100'000; ++id) memory.insert(entry(id, id));
  for (std::int64_t id = 0; id < 100'000; ++id) {
    ASSERT_NE(memory.find(id), nullptr);
    ASSERT_EQ(memory.find(id)->decision.margin, static_cast<float>(id) / 2);
  }
  memory.forget(100'000);
  EXPECT_EQ(memory.size(), 0u);
  EXPECT_EQ(memory.find(5), nullptr);
}

}  // namespace
}  // namespace weir
